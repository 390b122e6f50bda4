//! Factory not overrun: calls in flight ≤ capacity, open orders per product ≤ bound, Σ produced ≤ Σ shortage + one batch, and no
//! hammering: a factory that fails is not asked for the same production again and again within a second.
//!
//! All times are the factory's own, from its own log, so no second clock comes in. The factory knows nothing of idempotency, and asking
//! it again for a production that was never confirmed is legal: calls that name the same production count as one order. A call whose
//! end is unknown (its caller left first) counts for the instant of its arrival alone. Calls that never reach a factory that is down
//! are seen on the way, by the tap on that hop, on the harness's clock.

use std::collections::HashMap;

use super::finding::{Findings, Ref, pieces, seconds};
use super::model::{Call, Model, NONE, flag};
use super::state::{Table, gap_at_rest, gap_in_tables};
use crate::history::event::Micros;

/// Calls for one production that may be seen within one second. Whoever pauses with full jitter, and is told of the production by several
/// messages at once, stays far below; whoever does not pause is far above.
const CALLS_PER_SECOND: usize = 25;
/// One second, in the history's unit.
const SECOND: Micros = 1_000_000;

pub(super) fn judge(model: &Model) -> Findings {
    let mut findings = Findings::default();
    hammering(model, &mut findings);
    findings.gap(gap_in_tables(model, &[Table::Factory]));
    if findings.gap.is_some() {
        return findings;
    }
    let Some((capacity, open_per_product, pieces_per_shortage)) = model.factory_limits else {
        findings.missing("the factory's limits are not in the history".to_owned());
        return findings;
    };
    if model.calls.is_empty() && model.productions.iter().any(|production| production.restock_rows > 0) {
        findings.missing("goods arrived, but the factory's log shows no call".to_owned());
    }
    let in_flight = most_at_once(model.calls.iter().map(|call| (call.received, call.answered.unwrap_or(call.received))));
    findings.count("calls that reached the factory", model.calls.len());
    findings.count("of them accepted", model.calls.iter().filter(|call| call.accepted).count());
    findings.count("most calls in flight at once", in_flight);
    if in_flight > capacity {
        findings
            .violated(vec![Ref::Run], || format!("{in_flight} calls were in flight at the factory at once, and it can bear {capacity}."));
    }
    let mut most_open = 0;
    for (product, orders) in open_orders(model) {
        let open = most_at_once(orders.into_iter());
        most_open = most_open.max(open);
        if open > open_per_product {
            findings.violated(vec![Ref::Product { product, from: 0, to: model.last_at }], || {
                format!("The factory had {open} orders for {{0}} open at once, and {open_per_product} is the bound.")
            });
        }
    }
    findings.count("most orders open at once for one product", most_open);
    match gap_at_rest(model, &[Table::Restocks]) {
        None => overproduction(model, i64::try_from(pieces_per_shortage).unwrap_or(i64::MAX), &mut findings),
        gap => findings.gap(gap),
    }
    findings
}

/// The most calls for one production within one second.
fn hammering(model: &Model, findings: &mut Findings) {
    if model.asked.is_empty() {
        return;
    }
    let mut asked = model.asked.clone();
    asked.sort_unstable();
    let (mut first, mut most, mut worst) = (0, 0, 0);
    for (last, (production, at)) in asked.iter().enumerate() {
        while asked[first].0 != *production || at - asked[first].1 >= SECOND {
            first += 1;
        }
        if last + 1 - first > most {
            (most, worst) = (last + 1 - first, *at);
        }
    }
    findings.count("most calls for one production within a second", most);
    if most > CALLS_PER_SECOND {
        findings.violated(vec![Ref::Run], || {
            let when = seconds(worst);
            format!(
                "The factory was asked {most} times for one production within the second before {when}; {CALLS_PER_SECOND} would be plenty."
            )
        });
    }
}

/// The most intervals that overlap. One that ends where another begins does not overlap it.
fn most_at_once(intervals: impl Iterator<Item = (u64, u64)>) -> u64 {
    // At one time: what began earlier ends, then what begins begins, then what lasts no time at all ends.
    let mut edges: Vec<(u64, u8)> = Vec::new();
    for (from, to) in intervals {
        edges.push((from, 1));
        edges.push(if to > from { (to, 0) } else { (from, 2) });
    }
    edges.sort_unstable();
    let (mut now, mut most) = (0u64, 0u64);
    for (_, edge) in edges {
        if edge == 1 {
            now += 1;
            most = most.max(now);
        } else {
            now -= 1;
        }
    }
    most
}

/// Per product: from when to when each of its orders was open at the factory, one interval per production.
fn open_orders(model: &Model) -> HashMap<u32, Vec<(u64, u64)>> {
    struct Open {
        product: u32,
        from: u64,
        reported: Option<u64>,
        ended_at_unknown_time: bool,
    }
    let mut by_production: HashMap<u32, Open> = HashMap::new();
    let mut open: HashMap<u32, Vec<(u64, u64)>> = HashMap::new();
    for call in model.calls.iter().filter(|call| call.accepted) {
        if call.production == NONE {
            // It may be a repetition of one that was never confirmed; nobody can tell until its goods are ready.
            open.entry(call.product).or_default().push((call.received, call.produced.unwrap_or(call.received)));
            continue;
        }
        let unknown = call.produced.is_none() && call.callbacks > 0;
        let order = by_production.entry(call.production).or_insert(Open {
            product: call.product,
            from: call.received,
            reported: None,
            ended_at_unknown_time: false,
        });
        order.from = order.from.min(call.received);
        order.ended_at_unknown_time |= unknown;
        order.reported = match (order.reported, call.produced) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
    }
    for order in by_production.into_values() {
        let to = match order.reported {
            _ if order.ended_at_unknown_time => order.from,
            Some(at) => at,
            None => u64::MAX,
        };
        open.entry(order.product).or_default().push((order.from, to));
    }
    open
}

/// Goods that came, and goods that were ordered and have not come, against everything that buyers were refused.
fn overproduction(model: &Model, pieces_per_shortage: i64, findings: &mut Findings) {
    let mut shortage = vec![0i64; model.products.len()];
    for order in &model.orders {
        let unresolved = order.is(flag::INFO) && !model.exposes(Table::Ledger);
        if (order.is(flag::REFUSED) || order.ledger_refused > 0 || unresolved)
            && let Some(shortage) = shortage.get_mut(order.product as usize)
        {
            *shortage += order.pieces();
        }
    }
    let mut produced: Vec<i64> = model.products.iter().map(|product| product.restocked).collect();
    let mut batch = vec![0i64; model.products.len()];
    let mut asked: HashMap<u32, &Call> = HashMap::new();
    for call in model.calls.iter().filter(|call| call.accepted) {
        if let Some(batch) = batch.get_mut(call.product as usize) {
            *batch = (*batch).max(call.quantity);
        }
        if call.production != NONE && model.productions[call.production as usize].restock_rows == 0 {
            let largest = asked.entry(call.production).or_insert(call);
            if call.quantity > largest.quantity {
                *largest = call;
            }
        }
    }
    for call in asked.into_values() {
        if let Some(produced) = produced.get_mut(call.product as usize) {
            *produced += call.quantity;
        }
    }
    for production in &model.productions {
        // Where the factory's log is no help, the largest thing that ever arrived is a batch.
        if model.calls.is_empty()
            && let Some(batch) = batch.get_mut(production.product as usize)
        {
            *batch = (*batch).max(production.restocked);
        }
    }
    for (row, _) in model.product_rows() {
        let place = row as usize;
        let bound = shortage[place].saturating_mul(pieces_per_shortage).saturating_add(batch[place]);
        if produced[place] > bound {
            findings.violated(vec![Ref::Product { product: row, from: 0, to: model.last_at }], || {
                format!(
                    "{} of {{0}} were produced, but all that was ever missing and one batch more is {bound} ({} refused × {pieces_per_shortage} + {}).",
                    pieces(produced[place]),
                    shortage[place],
                    batch[place]
                )
            });
        }
    }
    findings.count("pieces produced", produced.iter().sum::<i64>());
    findings.count("pieces refused", shortage.iter().sum::<i64>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_ends_where_another_begins_does_not_overlap_it() {
        assert_eq!(most_at_once([(0, 5), (5, 9), (9, 9)].into_iter()), 1);
    }

    #[test]
    fn an_instant_within_another_overlaps_it() {
        assert_eq!(most_at_once([(0, 5), (4, 4), (2, 9)].into_iter()), 3);
    }
}
