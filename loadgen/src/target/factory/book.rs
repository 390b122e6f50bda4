//! The factory's own book: every call, what came of it, and what can be said of the goods that it reported.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Order;
use crate::history::event::Final;

/// One call. Times are µs since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::target) struct Call {
    pub(in crate::target) product: String,
    pub(in crate::target) units: u64,
    pub(in crate::target) production: Option<String>,
    received: u64,
    answered: Option<u64>,
    pub(in crate::target) accepted: bool,
    produced: Option<u64>,
    /// Whether it was reported back, and if so whether somebody answered with a status of 200 to 299.
    pub(in crate::target) heard: Option<bool>,
}

/// All calls, in the order in which they came.
#[derive(Debug, Default)]
pub(in crate::target) struct Book {
    calls: Vec<Call>,
    bodies: Vec<Option<Order>>,
}

impl Book {
    pub(super) fn taken(&mut self, order: &Order, received: u64) -> usize {
        self.calls.push(call(order, received, None, true));
        self.bodies.push(Some(order.clone()));
        self.calls.len() - 1
    }

    pub(super) fn turned_away(&mut self, order: Option<&Order>, received: u64, answered: u64) {
        // What nobody could have read was no order.
        if let Some(order) = order {
            self.calls.push(call(order, received, Some(answered), false));
            self.bodies.push(None);
        }
    }

    pub(super) fn answered(&mut self, row: usize, at: u64) {
        if let Some(call) = self.calls.get_mut(row) {
            call.answered = Some(at);
        }
    }

    pub(super) fn produced(&mut self, row: usize, at: u64) {
        if let Some(call) = self.calls.get_mut(row) {
            call.produced = Some(at);
        }
    }

    pub(super) fn reported(&mut self, row: usize, heard: bool) {
        if let Some(call) = self.calls.get_mut(row) {
            call.heard = Some(heard);
        }
        // From here on only the row is needed.
        if let Some(body) = self.bodies.get_mut(row) {
            *body = None;
        }
    }

    pub(super) fn value(&self, row: usize, place: &str) -> Option<Value> {
        self.bodies.get(row)?.as_ref()?.value(place)
    }

    pub(super) fn open(&self) -> u64 {
        self.calls.iter().filter(|call| call.accepted && call.heard.is_none()).count() as u64
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }
}

fn call(order: &Order, received: u64, answered: Option<u64>, accepted: bool) -> Call {
    let Order { product, units, production, .. } = order.clone();
    Call { product, units, production, received, answered, accepted, produced: None, heard: None }
}

/// The calls as rows of the final state, with the productions and the goods that follow from them.
///
/// Goods whose report was answered were certainly added, once. Reported again for the same production, or without an answer, they may
/// have been: whoever knows an order again adds its goods once, and whoever does not adds them as often as they come.
pub(in crate::target) fn rows(calls: &[Call], pieces_per_shortage: u64) -> Vec<Final> {
    let mut rows: Vec<Final> = calls.iter().map(call_row).collect();
    let mut productions: BTreeMap<String, Vec<&Call>> = BTreeMap::new();
    for (number, call) in calls.iter().enumerate().filter(|(_, call)| call.accepted) {
        let name = call.production.clone().unwrap_or_else(|| format!("call {}", number + 1));
        productions.entry(name).or_default().push(call);
    }
    for (production, calls) in productions {
        let heard = calls.iter().position(|call| call.heard == Some(true));
        if let Some(named) = calls.iter().find(|call| call.production.is_some()) {
            rows.push(Final::Production {
                production: production.clone(),
                product: named.product.clone(),
                quantity: calls.iter().map(|call| call.units).max().unwrap_or_default(),
                shortage: calls.iter().map(|call| call.units).max().unwrap_or_default() / pieces_per_shortage.max(1),
                applied: heard.is_some(),
            });
        }
        for (place, call) in calls.iter().enumerate().filter(|(_, call)| call.heard.is_some()) {
            let (production, product, quantity) = (production.clone(), call.product.clone(), call.units);
            rows.push(if Some(place) == heard {
                Final::Restock { production, product, quantity }
            } else {
                Final::PossibleRestock { production, product, quantity }
            });
        }
    }
    rows
}

fn call_row(call: &Call) -> Final {
    Final::FactoryCall {
        production: call.production.clone(),
        product: call.product.clone(),
        quantity: call.units,
        received_unix_us: call.received,
        answered_unix_us: call.answered,
        accepted: call.accepted,
        produced_unix_us: call.produced,
        callbacks: u32::from(call.heard.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(production: Option<&str>, heard: Option<bool>) -> Call {
        let production = production.map(ToOwned::to_owned);
        let call =
            Call { product: "rye".into(), units: 3, production, received: 1, answered: Some(2), accepted: true, produced: Some(9), heard };
        call.clone()
    }

    fn goods(calls: &[Call]) -> (u64, u64) {
        let mut sums = (0, 0);
        for row in rows(calls, 1) {
            match row {
                Final::Restock { quantity, .. } => sums.0 += quantity,
                Final::PossibleRestock { quantity, .. } => sums.1 += quantity,
                _ => {}
            }
        }
        sums
    }

    #[test]
    fn goods_are_certain_when_they_were_heard_of_and_only_once_per_production() {
        assert_eq!(goods(&[reported(None, Some(true)), reported(None, Some(true))]), (6, 0));
        assert_eq!(goods(&[reported(Some("a"), Some(true)), reported(Some("a"), Some(true))]), (3, 3));
        assert_eq!(goods(&[reported(Some("a"), Some(false)), reported(Some("a"), Some(true))]), (3, 3));
        assert_eq!(goods(&[reported(Some("a"), Some(false))]), (0, 3));
        assert_eq!(goods(&[reported(Some("a"), None)]), (0, 0));
    }
}
