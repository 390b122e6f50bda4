//! What was there, what was sold, and who was told that there was nothing.

use loadgen::history::event::{Event, Final, Micros};

use super::facts::{Facts, Order};
use super::{Opinion, opinion};

fn final_stock(facts: &Facts<'_>, of: &str) -> Option<i64> {
    let stock = |row: &&Final| if let Final::Stock { product, stock } = row { (product == of).then_some(*stock) } else { None };
    facts.finals.iter().filter_map(stock).next_back()
}

fn ledger_sold(facts: &Facts<'_>, of: &str) -> i64 {
    facts.orders.iter().flat_map(Order::sold_rows).filter(|row| row.product == of).map(|row| row.quantity).sum()
}

/// Everything that was ever there.
fn supply(facts: &Facts<'_>, of: &str) -> i64 {
    let (up, down) = facts.adjusted(of);
    facts.initial(of) + facts.restocked(of) + up + down
}

fn orders_of<'f, 'a>(facts: &'f Facts<'a>, product: &str) -> Vec<&'f Order<'a>> {
    facts.orders.iter().filter(|order| order.wants().0 == product).collect()
}

pub(super) fn it_adds_up(facts: &Facts<'_>) -> Opinion {
    if !facts.at_rest || !facts.shows("stock") || !facts.shows("restocks") {
        return Opinion::Open;
    }
    let (mut wrong, mut known) = (false, true);
    for product in facts.products() {
        let (least, most) = if facts.shows("ledger") {
            (ledger_sold(facts, product), ledger_sold(facts, product))
        } else {
            let orders = orders_of(facts, product);
            let sum = |counts: &dyn Fn(&Order<'_>) -> bool| orders.iter().filter(|order| counts(order)).map(|order| order.wants().1).sum();
            let sold = |order: &Order<'_>| !order.answered_sold().is_empty();
            (sum(&sold), sum(&|order| sold(order) || order.has_unknown_attempt()))
        };
        match final_stock(facts, product) {
            Some(last) => wrong |= !(least..=most).contains(&(supply(facts, product) - last)),
            None => known &= most == 0 && facts.restocked(product) == 0,
        }
    }
    opinion(wrong, known)
}

fn seen_below_zero(facts: &Facts<'_>) -> bool {
    let answered: Vec<u64> = facts.orders.iter().flat_map(|order| &order.attempts).map(|attempt| attempt.invoke.op).collect();
    facts.lines.iter().any(|line| match &line.event {
        Event::Sample(sample) => sample.stock.iter().any(|(_, stock)| *stock < 0),
        Event::Complete(complete) => answered.contains(&complete.op) && complete.stock.is_some_and(|stock| stock < 0),
        Event::Final(Final::Stock { stock, .. }) => *stock < 0,
        _ => false,
    })
}

/// The earliest moment at which a production's goods may have been there: when the first refusal was sent that may have caused it.
fn may_be_there_from(facts: &Facts<'_>, production: &str, product: &str) -> Micros {
    if facts.product_of(production) != Some(product) {
        return 0;
    }
    let ledger_tells = facts.whole && facts.shows("ledger");
    let names = |order: &&Order<'_>| order.names(production);
    let may_have_caused = |order: &&Order<'_>| {
        let refused = !order.refused_rows().is_empty() || !order.answered_sold_out().is_empty();
        order.promised().is_none() && order.wants().0 == product && (refused || (!ledger_tells && order.has_unknown_attempt()))
    };
    if !facts.orders.iter().any(|order| names(&order)) {
        return 0;
    }
    let causes = facts.orders.iter().filter(|order| names(order) || may_have_caused(order));
    causes.map(|order| order.first_sent().unwrap_or(0)).min().unwrap_or(0)
}

pub(super) fn nothing_is_oversold(facts: &Facts<'_>) -> Opinion {
    let known = facts.whole && facts.shows("restocks");
    let mut wrong = seen_below_zero(facts);
    for product in facts.products() {
        if !known {
            break;
        }
        let restocks: Vec<(Micros, i64)> = facts
            .restocks()
            .into_iter()
            .filter(|(_, restocked, _)| *restocked == product)
            .map(|(production, _, pieces)| (may_be_there_from(facts, production, product), pieces))
            .collect();
        let sales: Vec<(Micros, i64)> = orders_of(facts, product)
            .into_iter()
            .filter(|order| !order.answered_sold().is_empty())
            .map(|order| (order.deciding_answer().map_or(0, |(at, _)| at), order.wants().1))
            .collect();
        let up_to = |of: &[(Micros, i64)], at: Micros| of.iter().filter(|(from, _)| *from <= at).map(|(_, pieces)| pieces).sum::<i64>();
        let (up, _) = facts.adjusted(product);
        wrong |= sales.iter().any(|(at, _)| up_to(&sales, *at) > facts.initial(product) + up + up_to(&restocks, *at));
        wrong |= facts.at_rest && facts.shows("ledger") && ledger_sold(facts, product) > supply(facts, product);
    }
    opinion(wrong, known)
}

/// Everything by which the stock of one product can be told to have been enough.
struct Shelf<'f, 'a> {
    facts: &'f Facts<'a>,
    product: &'a str,
    orders: Vec<&'f Order<'a>>,
    ledger_resolves: bool,
}

impl Shelf<'_, '_> {
    fn certainly_sold_by(&self, at: Micros) -> i64 {
        let sold = self.orders.iter().filter(|order| !order.answered_sold().is_empty());
        sold.filter(|order| order.deciding_answer().is_some_and(|(decided, _)| decided <= at)).map(|order| order.wants().1).sum()
    }

    fn possibly_sold_by(&self, at: Micros) -> i64 {
        let mut sum = 0;
        for order in &self.orders {
            let rows = order.sold_rows().len() as i64;
            let possible = !order.answered_sold().is_empty() || rows > 0 || (!self.ledger_resolves && order.has_unknown_attempt());
            if possible && order.first_sent().unwrap_or(0) <= at {
                sum += order.wants().1 * rows.max(1);
            }
        }
        sum
    }

    /// Sales in the ledger that no order explains.
    fn unexplained(&self) -> i64 {
        let explained: i64 = self.orders.iter().map(|order| order.sold_rows().len() as i64 * order.wants().1).sum();
        (ledger_sold(self.facts, self.product) - explained).max(0)
    }

    /// What was certainly restocked before an instant: seen to be, or else nobody could have read what was read.
    fn certainly_restocked_before(&self, at: Micros) -> i64 {
        let most_without = self.facts.initial(self.product) + self.facts.adjusted(self.product).0;
        let mut proofs = vec![self.seen_before(at)];
        for line in self.facts.lines {
            if let Event::Sample(sample) = &line.event
                && line.at < at
            {
                let read = sample.stock.iter().filter(|(product, _)| product == self.product);
                proofs.extend(read.map(|(_, stock)| stock - most_without + self.certainly_sold_by(sample.began)));
            }
        }
        for order in &self.orders {
            if let (Some((decided, complete)), Some(sent)) = (order.deciding_answer(), order.first_sent())
                && decided < at
            {
                proofs.extend(complete.stock.map(|stock| stock - most_without + self.certainly_sold_by(sent)));
            }
        }
        proofs.into_iter().max().unwrap_or(0).max(0)
    }

    /// Pieces of productions that were seen to be applied, each counted once, from when it was first seen.
    fn seen_before(&self, at: Micros) -> i64 {
        let mut seen: Vec<&str> = Vec::new();
        let mut sum = 0;
        for line in self.facts.lines {
            if let Event::RestockSeen { production, quantity, .. } = &line.event
                && line.at < at
                && !seen.contains(&production.as_str())
                && self.facts.product_of(production) == Some(self.product)
            {
                seen.push(production);
                sum += *quantity as i64;
            }
        }
        sum
    }

    fn certainly_there_at(&self, at: Micros) -> i64 {
        let start = self.facts.initial(self.product) + self.facts.adjusted(self.product).1 - self.unexplained();
        start - self.possibly_sold_by(at) + self.certainly_restocked_before(at)
    }
}

pub(super) fn nobody_is_refused_wrongly(facts: &Facts<'_>) -> Opinion {
    if !facts.whole {
        return Opinion::Open;
    }
    // The stock can only have fallen when an order may have begun, so no other instant needs to be looked at.
    let instants: Vec<Micros> = facts.orders.iter().filter_map(Order::first_sent).collect();
    let mut wrong = false;
    for product in facts.products() {
        let orders = orders_of(facts, product);
        let shelf = Shelf { facts, product, orders, ledger_resolves: facts.at_rest && facts.shows("ledger") };
        for order in &shelf.orders {
            let refused = !order.answered_sold_out().is_empty();
            let sold = !order.answered_sold().is_empty() || !order.sold_rows().is_empty();
            let (_, quantity) = order.wants();
            let Some((from, (to, _))) = order.first_sent().zip(order.deciding_answer()) else { continue };
            if !refused || sold || order.is_meaningless() || quantity == 0 {
                continue;
            }
            let during = instants.iter().copied().filter(|at| (from..=to).contains(at)).chain([from, to]);
            wrong |= during.map(|at| shelf.certainly_there_at(at)).min().is_some_and(|least| least >= quantity);
        }
    }
    opinion(wrong, true)
}
