//! No lost order: K ⊆ D, with equal product and quantity.
//!
//! K are the orders with at least one complete answer "sold", D the ledger's sales. An answer is given after the sale is durable, and
//! sales are never taken back, so K ⊆ D must hold whenever the ledger is read: being at rest is not needed, reading it to the end is.

use super::finding::{Findings, Ref, pieces, seconds};
use super::model::{Model, flag};
use super::state::{Table, gap_in_tables};

pub(super) fn judge(model: &Model) -> Findings {
    let mut findings = Findings::default();
    findings.gap(gap_in_tables(model, &[Table::Ledger]));
    let ledger_tells = findings.gap.is_none();
    let (mut answered, mut in_ledger) = (0u64, 0u64);
    for (row, order) in (0u32..).zip(&model.orders) {
        // A malformed request that was sold is a phantom, not a lost order.
        if !order.is(flag::SOLD) || order.is(flag::HOSTILE) {
            continue;
        }
        answered += 1;
        in_ledger += u64::from(order.ledger_sold > 0);
        let what = || format!("{} of {}", pieces(order.pieces()), model.product_name(order.product));
        if ledger_tells && order.ledger_sold == 0 {
            findings.violated(vec![Ref::Order(row)], || {
                let instead = if order.ledger_refused > 0 { "has it as refused" } else { "does not have it" };
                format!("{{0}} ({}) was answered as sold at {}, but the ledger {instead}.", what(), seconds(order.decided_at))
            });
        } else if order.ledger_sold > 0 && order.is(flag::LEDGER_DIFFERS) {
            findings.violated(vec![Ref::Order(row)], || {
                format!("{{0}} ({}) was answered as sold, but the ledger has another product or quantity.", what())
            });
        } else if order.is(flag::ANSWER_DIFFERS) {
            findings
                .violated(vec![Ref::Order(row)], || format!("{{0}} asked for {}, but the answer \"sold\" names another quantity.", what()));
        }
    }
    findings.count("orders answered as sold", answered);
    findings.count("of them in the ledger", in_ledger);
    findings
}
