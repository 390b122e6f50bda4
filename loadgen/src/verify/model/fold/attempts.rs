//! Attempts into orders.

use super::super::{InFlight, Model, NO_STOCK, NONE, Second, flag};
use crate::history::event::{Answer, Complete, Invoke, Micros, OpKind, Outcome};
use crate::verify::fingerprint::{Fingerprint, Kind};

/// No run is longer than this; a time beyond it is a damaged line, and must not make a table of seconds that large.
const LONGEST_RUN_SECONDS: u64 = 100 * 24 * 3600;

impl Model {
    pub(super) fn invoke(&mut self, at: Micros, invoke: &Invoke) {
        self.attempts.invoked += 1;
        let order = if invoke.kind == OpKind::Browse { NONE } else { self.attempted_order(at, invoke) };
        if invoke.kind != OpKind::Hostile
            && let Some(second) = self.second(at)
        {
            second.offered += 1;
        }
        let attempt = InFlight { kind: invoke.kind, order, invoked: at, quantity: invoke.quantity };
        if self.in_flight.insert(invoke.op, attempt).is_some() {
            self.malformed(|| format!("attempt {} was invoked twice", invoke.op));
        }
    }

    fn second(&mut self, at: Micros) -> Option<&mut Second> {
        let second = at / 1_000_000;
        if second > LONGEST_RUN_SECONDS {
            self.malformed(|| format!("an attempt was invoked at second {second}"));
            return None;
        }
        let second = usize::try_from(second).ok()?;
        if second >= self.seconds.len() {
            self.seconds.resize(second + 1, Second::default());
        }
        self.seconds.get_mut(second)
    }

    fn attempted_order(&mut self, at: Micros, invoke: &Invoke) -> u32 {
        let product = invoke.product.as_deref().map_or(NONE, |name| self.product(name));
        let quantity = invoke.quantity.map_or(0, |pieces| u32::try_from(pieces).unwrap_or(u32::MAX));
        let keyless = Fingerprint::of_number(Kind::Keyless, invoke.op);
        let mut row = self.order(invoke.key.as_deref().map_or(keyless, |key| Fingerprint::of(Kind::Key, key)));
        let before = &self.orders[row as usize];
        let reused = before.is(flag::ATTEMPTED) && (before.product, before.quantity) != (product, quantity);
        let decided = before.is(flag::SOLD | flag::REFUSED);
        if reused {
            // The same key for another body is a trick (and gets 422); an honest buyer never does it.
            if invoke.kind == OpKind::Purchase {
                self.malformed(|| format!("attempt {} uses a key again for another product or quantity", invoke.op));
            }
            let body = invoke
                .key
                .as_deref()
                .zip(invoke.quantity)
                .map(|(key, quantity)| Fingerprint::of_body(key, invoke.product.as_deref().unwrap_or_default(), quantity));
            self.keys_reused |= body.is_some();
            row = self.order(body.unwrap_or(keyless));
        }
        let at = self.earliest(at);
        let order = &mut self.orders[row as usize];
        order.flags |= flag::ATTEMPTED | if reused && decided { flag::KEY_REUSED } else { 0 };
        if invoke.kind == OpKind::Hostile && (invoke.quantity.is_none_or(|pieces| pieces == 0) || invoke.product.is_none()) {
            order.flags |= flag::HOSTILE;
        }
        order.first_invoke = order.first_invoke.min(at);
        order.product = product;
        order.quantity = quantity;
        row
    }

    pub(super) fn complete(&mut self, at: Micros, complete: &Complete) {
        let Some(attempt) = self.in_flight.remove(&complete.op) else {
            self.malformed(|| format!("attempt {} was completed, but never invoked (or twice completed)", complete.op));
            return;
        };
        let served = complete.outcome == Outcome::Ok || complete.answer == Answer::SoldOut;
        if attempt.kind != OpKind::Hostile
            && let Some(second) = self.second(attempt.invoked)
        {
            second.served += u64::from(served);
            second.waited = second.waited.saturating_add(at.saturating_sub(attempt.invoked));
        }
        match (attempt.kind, complete.outcome) {
            (OpKind::Browse, Outcome::Ok) => self.attempts.browsed += 1,
            (OpKind::Purchase, Outcome::Info) => self.attempts.info += 1,
            (OpKind::Hostile, Outcome::Fail) => self.attempts.hostile_refused += 1,
            _ => {}
        }
        if complete.is_ours() {
            self.attempts.unsent += 1;
            self.attempts.unsent_because.get_or_insert_with(|| complete.note.clone().unwrap_or_default());
        }
        if attempt.order == NONE {
            return;
        }
        if let Some(stock) = complete.stock.filter(|stock| *stock < 0) {
            let product = self.orders[attempt.order as usize].product;
            self.seen_below_zero(Some(at), product, stock, "an answer");
        }
        self.outcome(at, attempt, complete);
        if let Some(id) = &complete.order {
            let id = self.order_id(id);
            self.answered_under(attempt.order, id, is_decisive(complete));
        }
        if let Some(production) = &complete.production {
            let production = self.production(production);
            let product = self.orders[attempt.order as usize].product;
            let row = &mut self.productions[production as usize];
            if row.product == NONE {
                row.product = product;
            }
            let order = &mut self.orders[attempt.order as usize];
            if order.production == NONE {
                order.production = production;
            } else if order.production != production {
                self.second_promises.push((attempt.order, production, complete.answer == Answer::SoldOut));
            }
        }
    }

    fn outcome(&mut self, at: Micros, attempt: InFlight, complete: &Complete) {
        let at = self.latest(at);
        let order = &mut self.orders[attempt.order as usize];
        let stock = complete.stock.and_then(|stock| i32::try_from(stock).ok()).unwrap_or(NO_STOCK);
        match (complete.outcome, complete.answer) {
            (Outcome::Info, _) => order.flags |= flag::INFO,
            (Outcome::Ok, _) => {
                if !order.is(flag::SOLD) || at < order.decided_at {
                    order.decided_at = at;
                    order.stock = stock;
                }
                order.flags |= flag::SOLD;
            }
            (Outcome::Fail, Answer::SoldOut) => {
                if !order.is(flag::SOLD) && (!order.is(flag::REFUSED) || at < order.decided_at) {
                    order.decided_at = at;
                    order.stock = stock;
                }
                order.flags |= flag::REFUSED;
            }
            (Outcome::Fail, Answer::InFlight) => order.flags |= flag::IN_FLIGHT,
            (Outcome::Fail, _) => order.flags |= flag::FAILED,
        }
        if is_decisive(complete) && complete.quantity.is_some() && attempt.quantity.is_some() && complete.quantity != attempt.quantity {
            order.flags |= flag::ANSWER_DIFFERS;
        }
    }

    /// An answer that decides nothing (garbled on its way, perhaps) may tell which order it is about, but cannot contradict one that does.
    fn answered_under(&mut self, order: u32, id: u32, decisive: bool) {
        let row = &mut self.orders[order as usize];
        if decisive && row.order_id == NONE {
            row.order_id = id;
        } else if decisive && row.order_id != id {
            row.flags |= flag::TWO_IDS;
        }
        let known = &mut self.ids[id as usize];
        if known.order == NONE {
            known.order = order;
        }
    }
}

/// The answer says, completely, whether the order was sold or refused.
fn is_decisive(complete: &Complete) -> bool {
    complete.outcome == Outcome::Ok || (complete.outcome == Outcome::Fail && complete.answer == Answer::SoldOut)
}
