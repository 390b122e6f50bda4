//! No wrong refusal: "sold out" is never answered while stock certainly sufficed during the whole call.
//!
//! For every product a lower bound L(t) of its stock is kept, and a refusal of q pieces is wrong when L ≥ q at every instant from the
//! order's first invocation to the answer (the refusal may have been decided on an earlier attempt under the same key, so the call
//! begins with the first). The bound leans towards innocence everywhere:
//! - a sale *possibly made* counts from its first invocation: every order answered as sold or in the ledger; and, as long as no complete
//!   ledger resolves them, every order without an answer. Sales in the ledger that no order explains count from the start;
//! - a restock counts only once it was *certainly applied*: when it was seen to be, or when a sample or an answer named more stock than
//!   could otherwise be there. (What a reading of S pieces proves: initial + restock − sales = S at some instant of the reading, so
//!   restock ≥ S − initial + sales certain before the reading began.)
//! - whatever the administration took counts from the start, what it added never. What it did stands in the final state, so a history
//!   that was cut off before it cannot be judged.

use super::finding::{Findings, Ref, pieces, seconds};
use super::model::{Model, NEVER, NO_STOCK, Order, Product, Reading, flag};
use super::state::{Table, gap_at_rest, gap_in_tables};
use crate::history::event::Micros;

pub(super) fn judge(model: &Model) -> Findings {
    let mut findings = Findings::default();
    if let Some(gap) = gap_in_tables(model, &[]) {
        findings.gap(Some(gap));
        return findings;
    }
    let ledger_resolves = gap_at_rest(model, &[Table::Ledger]).is_none();
    let by_product = model.orders_by_product();
    let mut seen: Vec<Vec<(Micros, i64)>> = vec![Vec::new(); model.products.len()];
    for production in model.productions.iter().filter(|production| production.seen_at != NEVER) {
        if let Some(seen) = seen.get_mut(production.product as usize) {
            seen.push((production.seen_at, production.seen));
        }
    }
    let mut readings: Vec<Vec<Reading>> = vec![Vec::new(); model.products.len()];
    for reading in &model.readings {
        readings[reading.product as usize].push(*reading);
    }
    let (mut refused, mut spoke_of_enough) = (0u64, 0u64);
    for (row, product) in model.product_rows() {
        let orders = &by_product[row as usize];
        let refusals: Vec<u32> = orders.iter().copied().filter(|order| is_refusal(&model.orders[*order as usize])).collect();
        refused += refusals.len() as u64;
        let Some(initial) = product.initial else {
            if !refusals.is_empty() {
                findings.missing(format!("the stock of {} at the start is not known", model.product_name(row)));
            }
            continue;
        };
        if refusals.is_empty() {
            continue;
        }
        let orders: Vec<&Order> = orders.iter().map(|order| &model.orders[*order as usize]).collect();
        let restocked = restock_certain(&orders, product, initial, std::mem::take(&mut seen[row as usize]), &readings[row as usize]);
        let bound = LowerBound::new(&orders, product, initial, &restocked, ledger_resolves);
        let calls: Vec<(Micros, Micros)> =
            refusals.iter().map(|row| &model.orders[*row as usize]).map(|order| (order.first_invoke, order.decided_at)).collect();
        for (refusal, least) in refusals.into_iter().zip(bound.least_during(&calls)) {
            let order = &model.orders[refusal as usize];
            spoke_of_enough += u64::from(order.stock != NO_STOCK && i64::from(order.stock) >= order.pieces());
            if least >= order.pieces() {
                let about = vec![
                    Ref::Order(refusal),
                    Ref::Product { product: row, from: order.first_invoke.saturating_sub(500_000), to: order.decided_at },
                ];
                findings.violated(about, || {
                    format!(
                        "{{0}} asked for {} of {} and was answered \"sold out\", although at least {least} were there all the time from {} to {}.",
                        pieces(order.pieces()),
                        model.product_name(row),
                        seconds(order.first_invoke),
                        seconds(order.decided_at)
                    )
                });
            }
        }
    }
    findings.count("orders answered as sold out", refused);
    findings.count("refusals whose answer itself names enough stock", spoke_of_enough);
    findings
}

fn is_refusal(order: &Order) -> bool {
    order.is(flag::REFUSED) && !order.is(flag::SOLD | flag::HOSTILE) && order.ledger_sold == 0 && order.quantity > 0
}

/// From when how many pieces in total were certainly restocked: a rising staircase.
fn restock_certain(
    orders: &[&Order],
    product: &Product,
    initial: i64,
    mut seen: Vec<(Micros, i64)>,
    readings: &[Reading],
) -> Vec<(Micros, i64)> {
    let certain = CertainSales::new(orders);
    let most_before_restock = initial + product.adjusted_up;
    let mut levels: Vec<(Micros, i64)> = Vec::new();
    seen.sort_unstable();
    let mut total = 0i64;
    for (at, pieces) in seen {
        total = total.saturating_add(pieces);
        levels.push((at, total));
    }
    for reading in readings {
        levels.push((reading.at, reading.stock - most_before_restock + certain.by(reading.began)));
    }
    // Of the answers, of which there are millions, only those that raise the staircase are kept.
    let mut answered: Vec<&Order> = orders
        .iter()
        .copied()
        .filter(|order| order.stock != NO_STOCK && order.first_invoke != NEVER && order.decided_at != NEVER)
        .collect();
    answered.sort_unstable_by_key(|order| order.decided_at);
    let mut highest = 0;
    for order in answered {
        let level = i64::from(order.stock) - most_before_restock + certain.by(order.first_invoke);
        if level > highest {
            highest = level;
            levels.push((order.decided_at, level));
        }
    }
    levels.sort_unstable();
    let mut highest = 0;
    levels.retain(|(_, level)| {
        let rises = *level > highest;
        highest = highest.max(*level);
        rises
    });
    levels
}

/// Σ of sales certainly made by a time.
struct CertainSales {
    sums: Vec<(Micros, i64)>,
}

impl CertainSales {
    fn new(orders: &[&Order]) -> Self {
        let mut sums: Vec<(Micros, i64)> =
            orders.iter().filter(|order| order.is(flag::SOLD)).map(|order| (order.decided_at, order.pieces())).collect();
        sums.sort_unstable();
        let mut total = 0;
        for (_, sum) in &mut sums {
            total += *sum;
            *sum = total;
        }
        Self { sums }
    }

    fn by(&self, time: Micros) -> i64 {
        let before = self.sums.partition_point(|(at, _)| *at <= time);
        before.checked_sub(1).map_or(0, |last| self.sums[last].1)
    }
}

/// A lower bound of a product's stock over time: a staircase.
#[derive(Debug)]
struct LowerBound {
    /// The bound before all steps.
    first: i64,
    /// When a step happens, and the bound after it. In time order; at the same microsecond the ways down come first.
    steps: Vec<(Instant, i64)>,
}

/// A time and whether the step goes up, in one number that sorts by both: there are millions of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Instant(u64);

impl Instant {
    fn down(at: Micros) -> Self {
        Self(at.saturating_mul(2))
    }

    fn up(at: Micros) -> Self {
        Self(at.saturating_mul(2).saturating_add(1))
    }
}

impl LowerBound {
    fn new(orders: &[&Order], product: &Product, initial: i64, restocked: &[(Micros, i64)], ledger_resolves: bool) -> Self {
        let mut changes: Vec<(Instant, i64)> = Vec::new();
        let mut explained = 0;
        for order in orders {
            let possibly_made = order.is(flag::SOLD) || order.ledger_sold > 0 || (!ledger_resolves && order.is(flag::INFO));
            if possibly_made {
                let quantity = order.pieces() * i64::from(order.ledger_sold.max(1));
                explained += i64::from(order.ledger_sold) * order.pieces();
                let from = if order.first_invoke == NEVER { 0 } else { order.first_invoke };
                changes.push((Instant::down(from), -quantity));
            }
        }
        let mut level_before = 0;
        for (at, level) in restocked {
            changes.push((Instant::up(*at), level - level_before));
            level_before = *level;
        }
        let unexplained = (product.ledger_sold - explained).max(0);
        Self::from_changes(initial + product.adjusted_down - unexplained, changes)
    }

    fn from_changes(first: i64, mut changes: Vec<(Instant, i64)>) -> Self {
        changes.sort_unstable();
        let mut level = first;
        for (_, change) in &mut changes {
            level = level.saturating_add(*change);
            *change = level;
        }
        Self { first, steps: changes }
    }

    /// The bound before all steps (place 0), and after each.
    fn level(&self, place: usize) -> i64 {
        place.checked_sub(1).map_or(self.first, |step| self.steps[step].1)
    }

    /// The least level during each call, in the order of `calls`. One sweep with a monotone stack: n log n.
    fn least_during(&self, calls: &[(Micros, Micros)]) -> Vec<i64> {
        // The level in force at a time: after everything earlier, and after the ways down of that very microsecond, not the ways up.
        let in_force = |time: Micros| self.steps.partition_point(|(at, _)| *at <= Instant::down(time));
        let mut ends: Vec<(usize, usize, usize)> =
            calls.iter().enumerate().map(|(call, (from, to))| (in_force(*to), in_force(*from), call)).collect();
        ends.sort_unstable();
        let mut least = vec![0; calls.len()];
        // Places of levels that no later level undercuts, with rising levels.
        let mut stack: Vec<usize> = Vec::new();
        let mut next = 0;
        for (last, first, call) in ends {
            while next <= last {
                while stack.last().is_some_and(|place| self.level(*place) >= self.level(next)) {
                    stack.pop();
                }
                stack.push(next);
                next += 1;
            }
            let place = stack[stack.partition_point(|place| *place < first)];
            least[call] = self.level(place);
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_sweep_agrees_with_looking_at_every_level(
            changes in prop::collection::vec((0u64..50, any::<bool>(), 1i64..5), 0..40),
            calls in prop::collection::vec((0u64..50, 0u64..20), 1..20),
        ) {
            let changes: Vec<(Instant, i64)> =
                changes.into_iter().map(|(at, up, by)| if up { (Instant::up(at), by) } else { (Instant::down(at), -by) }).collect();
            let bound = LowerBound::from_changes(10, changes);
            let calls: Vec<(u64, u64)> = calls.into_iter().map(|(from, long)| (from, from + long)).collect();
            let swept = bound.least_during(&calls);
            for (call, (from, to)) in calls.iter().enumerate() {
                let first = bound.steps.iter().filter(|(at, _)| *at <= Instant::down(*from)).count();
                let last = bound.steps.iter().filter(|(at, _)| *at <= Instant::down(*to)).count();
                prop_assert_eq!(swept[call], (first..=last).map(|place| bound.level(place)).min().unwrap());
            }
        }
    }
}
