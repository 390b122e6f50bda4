//! Every promise kept: each "production requested" leads to an applied restock that covers it, or sits in a dead-letter queue.
//!
//! A promise names its production. That production must have been applied (or its message captured on the way to or from the factory),
//! and it must have been made large enough for everyone who was promised it: a refusal of q pieces at stock s lacks at least
//! max(q − s, 1). An answer to a repeated purchase that names another production promises that one as well. A production may arrive in parts (a short delivery, the remainder made again under another id), so the goods are
//! compared with the promises per product. Refusals that name no production are judged in that same sum.
//!
//! It is judged when the pipeline has come to rest, or when nothing but promises was left of it for as long as everything may take: what
//! nobody is working on any more will not be kept.

use super::finding::{Findings, Ref, pieces, seconds};
use super::model::{Model, NO_STOCK, NONE, Order, Production, flag};
use super::state::{Gap, Table, gap_at_rest, gap_in_tables};
use crate::history::event::Micros;

pub(super) fn judge(model: &Model, bound: Micros) -> Findings {
    let mut findings = Findings::default();
    let promises = Promises::gather(model);
    findings.count("refusals that were promised a production", promises.with_production);
    findings.count("refusals that name no production", promises.without_production);
    findings.count("refusals whose ledger row names another production than the answer", promises.moved);
    // Promises that name no production are judged in sum, for which nobody needs to know the productions.
    let productions = (promises.with_production > 0).then_some(Table::Productions);
    let needed: Vec<Table> = [Table::Promises, Table::Restocks, Table::DeadLetters].into_iter().chain(productions).collect();
    let gap = if model.idled_for(bound) { gap_in_tables(model, &needed) } else { gap_at_rest(model, &needed) };
    if gap.is_some() {
        findings.gap(gap);
        return findings;
    }
    let mut owed: Vec<i64> = promises.without_production_pieces.clone();
    let (mut open, mut captured) = (0u64, 0u64);
    for (row, production) in (0u32..).zip(&model.productions) {
        let promise = &promises.by_production[row as usize];
        captured += u64::from(production.captured);
        open += u64::from(production.rows > 0 && !production.applied && production.restock_rows == 0);
        if let Some(why) = broken(production, promise.pieces) {
            if promise.refusals == 0 {
                continue;
            }
            findings.violated(vec![Ref::Order(promise.first), Ref::Production(row)], || {
                let others = if promise.refusals > 1 { format!(" (and {} others)", promise.refusals - 1) } else { String::new() };
                let order = &model.orders[promise.first as usize];
                let when = if order.is(flag::REFUSED) { format!(" at {}", seconds(order.decided_at)) } else { String::new() };
                format!("{{0}}{others} was refused{when} and promised {{1}}, {why}.")
            });
        } else if (production.restock_rows > 0 || production.possible > 0)
            && let Some(owed) = owed.get_mut(production.product as usize)
        {
            *owed += promise.pieces;
        }
    }
    second_promises(model, &mut findings);
    judge_sums(model, &owed, &mut findings);
    findings.count("productions in a dead-letter queue", captured);
    findings.count("productions still open", open);
    findings
}

/// A later answer to the same order that names another production is a promise too. How many pieces it was for, the first one tells.
fn second_promises(model: &Model, findings: &mut Findings) {
    for (order, production, _) in model.second_promises.iter().filter(|(_, _, told)| *told) {
        if is_refused(&model.orders[*order as usize])
            && let Some(why) = broken(&model.productions[*production as usize], 0)
        {
            let about = vec![Ref::Order(*order), Ref::Production(*production)];
            findings.violated(about, || format!("{{0}} was refused once more and then promised {{1}}, {why}."));
        }
    }
}

/// What is wrong with a promised production, if anything is.
fn broken(production: &Production, promised: i64) -> Option<String> {
    let arrived = production.restock_rows > 0 || production.possible > 0;
    if !arrived && !production.captured {
        return Some(if production.rows == 0 {
            "which does not exist: no production, no goods, no dead letter".to_owned()
        } else if production.applied {
            "which is marked as applied, but no goods were ever added to the stock".to_owned()
        } else {
            "which never arrived and is in no dead-letter queue".to_owned()
        });
    }
    (production.rows > 0 && production.shortage < promised)
        .then(|| format!("which was made for a shortage of {} only, where {promised} or more were promised", pieces(production.shortage)))
}

fn judge_sums(model: &Model, owed: &[i64], findings: &mut Findings) {
    for (row, product) in model.product_rows() {
        let owed = owed[row as usize];
        let came = product.restocked + product.restock_possible;
        if came >= owed {
            continue;
        }
        let name = model.product_name(row);
        let unattributed = model.dead_letters.iter().filter(|letter| letter.unattributed_request).count();
        if unattributed > 0 {
            findings.gap(Some(Gap::Missing(format!(
                "{} of {name} were promised and {came} came; the {unattributed} dead letters without a production id may stand for the rest",
                pieces(owed),
            ))));
        } else {
            findings.violated(vec![Ref::Product { product: row, from: 0, to: model.last_at }], || {
                format!("Refused buyers of {{0}} were promised at least {}, but only {came} ever came.", pieces(owed))
            });
        }
    }
}

/// What one production was promised for.
#[derive(Debug, Clone)]
struct Promise {
    refusals: u64,
    pieces: i64,
    first: u32,
}

struct Promises {
    by_production: Vec<Promise>,
    without_production_pieces: Vec<i64>,
    with_production: u64,
    without_production: u64,
    moved: u64,
}

impl Promises {
    fn gather(model: &Model) -> Self {
        let mut promises = Self {
            by_production: vec![Promise { refusals: 0, pieces: 0, first: NONE }; model.productions.len()],
            without_production_pieces: vec![0; model.products.len()],
            with_production: 0,
            without_production: 0,
            moved: 0,
        };
        for (row, order) in (0u32..).zip(&model.orders) {
            if !is_refused(order) {
                continue;
            }
            promises.moved += u64::from(order.is(flag::TWO_PRODUCTIONS));
            if let Some(promise) = promises.by_production.get_mut(order.production as usize) {
                promises.with_production += 1;
                promise.refusals += 1;
                promise.pieces += lacked(order);
                if promise.first == NONE {
                    promise.first = row;
                }
            } else if order.is(flag::REFUSED)
                && let Some(sum) = promises.without_production_pieces.get_mut(order.product as usize)
            {
                promises.without_production += 1;
                *sum += lacked(order);
            }
        }
        promises
    }
}

/// Answered or written down as refused, and sold in nobody's words.
fn is_refused(order: &Order) -> bool {
    let refused = order.is(flag::REFUSED) || order.ledger_refused > 0;
    refused && !order.is(flag::SOLD | flag::HOSTILE) && order.ledger_sold == 0
}

/// Pieces that a refusal lacked at the very least.
fn lacked(order: &Order) -> i64 {
    if order.is(flag::REFUSED) && order.stock != NO_STOCK { (order.pieces() - i64::from(order.stock.max(0))).max(1) } else { 1 }
}
