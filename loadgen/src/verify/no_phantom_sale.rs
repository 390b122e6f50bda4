//! No phantom sale: F ∩ D = ∅, D ⊆ A, each order at most once in D.
//!
//! A are the orders attempted, F those of which every attempt failed for certain. An order of which some attempt ended without an answer
//! (I) may be in the ledger or not; both are legal, and both are reported. Two answers that contradict each other are a violation
//! whatever the ledger says: one of the two buyers' screens is wrong.

use super::finding::{Findings, Ref, pieces};
use super::model::{Model, Order, flag};
use super::state::{Table, gap_at_rest};

pub(super) fn judge(model: &Model) -> Findings {
    let mut findings = Findings::default();
    findings.gap(gap_at_rest(model, &[Table::Ledger]));
    let (mut sales, mut failed, mut recovered, mut absent, mut refused) = (0u64, 0u64, 0u64, 0u64, 0u64);
    for (row, order) in (0u32..).zip(&model.orders) {
        sales += u64::from(order.ledger_sold);
        failed += u64::from(order.certainly_failed());
        if order.unresolved() {
            match (order.ledger_sold, order.ledger_refused) {
                (1.., _) => recovered += 1,
                (0, 1..) => refused += 1,
                (0, 0) => absent += 1,
            }
        }
        if let Some(why) = phantom(order) {
            let what = format!("{} of {}", pieces(order.pieces()), model.product_name(order.product));
            findings.violated(vec![Ref::Order(row)], || format!("{{0}} ({what}) {why}."));
        }
    }
    findings.count("sales in the ledger", sales);
    findings.count("orders that certainly failed", failed);
    findings.count("orders without an answer, found sold in the ledger (legal)", recovered);
    findings.count("orders without an answer, found refused in the ledger (legal)", refused);
    findings.count("orders without an answer, absent from the ledger (legal)", absent);
    findings
}

/// What is wrong with an order's sale, if anything is.
fn phantom(order: &Order) -> Option<String> {
    let sold = order.ledger_sold > 0;
    if sold && !order.is(flag::ATTEMPTED) {
        return Some("is sold in the ledger, but nobody ever attempted it".to_owned());
    }
    if order.ledger_sold > 1 {
        return Some(format!("is sold {} times in the ledger, under one key", order.ledger_sold));
    }
    if order.is(flag::HOSTILE) && (sold || order.is(flag::SOLD)) {
        return Some("was a malformed request that must change nothing, but it was sold".to_owned());
    }
    if order.is(flag::KEY_REUSED) && (sold || order.is(flag::SOLD)) {
        return Some("was sold under a key that already stood for another order".to_owned());
    }
    if order.is(flag::SOLD) && order.is(flag::REFUSED) {
        return Some("contradicts itself: one attempt was answered as sold, another as sold out".to_owned());
    }
    if sold && order.ledger_refused > 0 {
        return Some("is both sold and refused in the ledger".to_owned());
    }
    if sold && order.is(flag::REFUSED) {
        return Some("was answered as sold out, but it is sold in the ledger".to_owned());
    }
    if sold && order.certainly_failed() {
        return Some("was answered as not done on every attempt, but it is sold in the ledger".to_owned());
    }
    (order.is(flag::SOLD) && order.is(flag::TWO_IDS))
        .then(|| "was answered under two order ids: one click too many became a second order".to_owned())
}
