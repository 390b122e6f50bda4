//! Attempts and orders while a history is read: what is still unanswered, and what became of each order.
//!
//! An order is all attempts under one key; keys are kept as 64-bit hashes, so that millions of orders fit in memory. Two keys that
//! share a hash would be counted as one order here (one chance in millions at a million orders); the proof does not use these counts.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::history::event::{Answer, Behaviour, Complete, Invoke, Micros, OpKind, Outcome};
use crate::result::totals::Orders;

/// An attempt without an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) kind: OpKind,
    pub(super) behaviour: Behaviour,
    pub(super) invoked: Micros,
    pub(super) intended: Micros,
    order: Option<u64>,
}

/// An order so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    /// When its first attempt was sent.
    pub(super) first: Micros,
    /// Index of its product.
    pub(super) product: Option<usize>,
    /// Pieces.
    pub(super) pieces: i64,
    open: u32,
    ok: bool,
    info: bool,
    /// Somebody else decides it, perhaps a copy that the network made.
    in_flight: bool,
    refused: bool,
    in_ledger: bool,
}

/// The begin of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    pub(super) at: Micros,
    /// By the attempt in hand.
    pub(super) now: bool,
}

/// What an answer changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) attempt: Pending,
    /// The order, when this answer is the first to say that it was sold.
    pub(super) newly_sold: Option<Order>,
}

/// All attempts and orders.
#[derive(Debug, Default)]
pub(super) struct Book {
    pending: HashMap<u64, Pending>,
    orders: HashMap<u64, Order>,
    ledger_read: bool,
    most_unanswered: usize,
}

impl Book {
    /// An attempt is about to be sent. Returns when its order was begun, and whether this attempt did so; None when it is for no order.
    pub(super) fn invoked(&mut self, at: Micros, invoke: &Invoke, product: Option<usize>) -> Option<Begun> {
        let order = (invoke.kind == OpKind::Purchase).then(|| match &invoke.key {
            Some(key) => hash(key),
            None => hash(("without key", invoke.op)),
        });
        let pending = Pending { kind: invoke.kind, behaviour: invoke.behaviour, invoked: at, intended: invoke.intended, order };
        self.pending.insert(invoke.op, pending);
        self.most_unanswered = self.most_unanswered.max(self.pending.len());
        let order = order?;
        let before = self.orders.len();
        let pieces = i64::try_from(invoke.quantity.unwrap_or(0)).unwrap_or(i64::MAX);
        let entry = self.orders.entry(order).or_insert(Order {
            first: at,
            product,
            pieces,
            open: 0,
            ok: false,
            info: false,
            in_flight: false,
            refused: false,
            in_ledger: false,
        });
        entry.open += 1;
        let at = entry.first;
        Some(Begun { at, now: self.orders.len() > before })
    }

    /// An attempt is over; None when it never was sent.
    pub(super) fn completed(&mut self, complete: &Complete) -> Option<Answered> {
        let attempt = self.pending.remove(&complete.op)?;
        let order = attempt.order.and_then(|order| self.orders.get_mut(&order));
        let newly_sold = order.and_then(|order| {
            order.open = order.open.saturating_sub(1);
            order.info |= complete.outcome == Outcome::Info;
            order.in_flight |= complete.answer == Answer::InFlight;
            order.refused |= complete.answer == Answer::SoldOut;
            let newly = complete.outcome == Outcome::Ok && !order.ok;
            order.ok |= newly;
            newly.then_some(*order)
        });
        Some(Answered { attempt, newly_sold })
    }

    /// A sale stands in the ledger.
    pub(super) fn in_ledger(&mut self, key: Option<&str>) {
        self.ledger_read = true;
        if let Some(order) = key.and_then(|key| self.orders.get_mut(&hash(key))) {
            order.in_ledger = true;
        }
    }

    /// A ledger was read, even if it holds nothing.
    pub(super) fn ledger_was_read(&mut self) {
        self.ledger_read = true;
    }

    /// Attempts without an answer.
    pub(super) fn unanswered(&self) -> u64 {
        self.pending.len() as u64
    }

    /// Most attempts without an answer at once.
    pub(super) fn most_unanswered(&self) -> u64 {
        self.most_unanswered as u64
    }

    /// Orders that may have been sold although nobody was told so, and whether the ledger shows that they were.
    pub(super) fn possibly_sold(&self) -> impl Iterator<Item = (Order, bool)> {
        let open = self.orders.values().filter(|order| order.is_info());
        open.filter(|order| order.in_ledger || !self.ledger_read).map(|order| (*order, order.in_ledger))
    }

    /// Orders by what became of them.
    pub(super) fn counts(&self) -> Orders {
        let mut counts = Orders { attempted: self.orders.len() as u64, ..Orders::default() };
        for order in self.orders.values() {
            match (order.ok, order.is_info()) {
                (true, _) => counts.ok += 1,
                (false, false) => counts.fail += 1,
                (false, true) => {
                    counts.info += 1;
                    counts.info_recovered += u64::from(order.in_ledger);
                    counts.info_absent += u64::from(self.ledger_read && !order.in_ledger);
                }
            }
        }
        counts
    }
}

impl Order {
    /// Never answered as sold, and not every attempt answered as not sold.
    fn is_info(&self) -> bool {
        !self.ok && (self.info || self.open > 0 || (self.in_flight && !self.refused))
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
