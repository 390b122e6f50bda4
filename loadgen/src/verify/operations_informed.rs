//! Operations informed: every sale and every refusal reached the operations queue, and nothing else did.
//!
//! Judged by order id. The ledger says what there is to know; without a ledger, the answers do. An event that sits in the operations
//! team's own dead-letter queue did reach it.

use super::finding::{Findings, Ref};
use super::model::{Model, NONE, OrderId, flag, id_flag};
use super::state::{Table, gap_at_rest};

pub(super) fn judge(model: &Model) -> Findings {
    let mut findings = Findings::default();
    if let Some(gap) = gap_at_rest(model, &[Table::Operations]) {
        findings.gap(Some(gap));
        return findings;
    }
    let (mut informed, mut captured, mut unknown) = (0u64, 0u64, 0u64);
    let ledger = model.exposes(Table::Ledger);
    let mut without_id = 0u64;
    let mut expected = vec![0u8; model.ids.len()];
    for order in &model.orders {
        match expected.get_mut(order.order_id as usize) {
            Some(expected) if order.is(flag::SOLD) => *expected |= id_flag::LEDGER_SOLD,
            Some(expected) if order.is(flag::REFUSED) => *expected |= id_flag::LEDGER_REFUSED,
            None if order.is(flag::SOLD | flag::REFUSED) => without_id += 1,
            _ => {}
        }
    }
    for (row, id) in (0u32..).zip(&model.ids) {
        let expected = if ledger { id.flags } else { expected[row as usize] };
        if expected & (id_flag::LEDGER_SOLD | id_flag::LEDGER_REFUSED) == 0 {
            unknown += u64::from(told(*id));
            // One that a buyer was told of is a lost order, and no mistake of who told operations.
            if ledger && told(*id) && id.order == NONE {
                findings.violated(vec![Ref::OrderId(row)], || "{0} does not exist, but the operations team was told of it.".to_owned());
            }
            continue;
        }
        let sold = expected & id_flag::LEDGER_SOLD != 0;
        let (wanted, what) = if sold { (id_flag::OPERATION_SOLD, "sale") } else { (id_flag::OPERATION_REFUSED, "refusal") };
        if id.flags & wanted != 0 {
            informed += 1;
        } else if id.flags & id_flag::CAPTURED != 0 {
            captured += 1;
        } else {
            findings.violated(vec![Ref::OrderId(row)], || {
                let instead = if told(*id) { "was told the opposite" } else { "never heard of it" };
                format!("{{0}} is a {what}, but the operations team {instead}.")
            });
        }
    }
    if !ledger && without_id > 0 {
        findings.missing(format!("{without_id} answers carry no order id, and there is no ledger to tell what operations should know"));
    }
    findings.count("orders that operations knows", informed);
    findings.count("events in the operations team's dead-letter queue", captured);
    findings.count("operations that belong to no known order", unknown);
    findings
}

/// The operations team has a row of it, whichever.
fn told(id: OrderId) -> bool {
    id.flags & (id_flag::OPERATION_SOLD | id_flag::OPERATION_REFUSED) != 0
}
