//! Causes before effects: what the histories themselves tell about how far clocks were apart.
//!
//! A sales event cannot be seen on its topic before the order was sent. Where the times say otherwise, the shard's clock was ahead of the
//! watch's. (That it was behind leaves no such trace: an event may be seen as late as it likes.)

use std::collections::HashMap;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::history::event::{Complete, Invoke, Micros, Published};
use crate::plan::Part;

/// Who sent what when, and when it was seen. Ids are kept as 64-bit hashes: should two of a million ever meet, a merge is refused that need not be.
#[derive(Debug, Default)]
pub(super) struct Causes {
    /// When the first attempt under a key was sent.
    keys: HashMap<u64, Micros>,
    /// Keys of attempts without an answer.
    open: HashMap<u64, u64>,
    /// Orders: who sent them, and under which key.
    orders: HashMap<u64, (Part, u64)>,
    /// When an order was first seen on a topic.
    seen: HashMap<u64, Micros>,
}

impl Causes {
    pub(super) fn invoked(&mut self, at: Micros, invoke: &Invoke) {
        if let Some(key) = invoke.key.as_deref().map(hash) {
            self.keys.entry(key).and_modify(|first| *first = at.min(*first)).or_insert(at);
            self.open.insert(invoke.op, key);
        }
    }

    pub(super) fn completed(&mut self, part: Part, complete: &Complete) {
        if let Some((key, order)) = self.open.remove(&complete.op).zip(complete.order.as_deref()) {
            self.orders.insert(hash(order), (part, key));
        }
    }

    pub(super) fn published(&mut self, at: Micros, published: &Published) {
        if let Some(order) = published.ids.order.as_deref().map(hash) {
            self.seen.entry(order).and_modify(|first| *first = at.min(*first)).or_insert(at);
        }
    }

    /// The shard whose orders were seen longest before it sent them, and how long, µs; None when causes came first everywhere.
    pub(super) fn greatest_lead(&self) -> Option<(Part, Micros)> {
        let leads = self.seen.iter().filter_map(|(order, seen)| {
            let (part, key) = self.orders.get(order)?;
            let lead = self.keys.get(key)?.checked_sub(*seen).filter(|lead| *lead > 0)?;
            Some((*part, lead))
        });
        leads.max_by_key(|(_, lead)| *lead)
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(id.as_bytes());
    hasher.finish()
}
