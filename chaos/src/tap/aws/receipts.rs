//! Which message a receipt handle stands for: remembered from its receive until its delete was answered, in little room.
//!
//! A run of days receives millions of messages, each under a new handle, of which few are still of use: those in flight. So a handle is given up as soon as the
//! client was told that its message is deleted. Whatever was not told so (the answer was lost, or refused, or the message was never deleted) stays until many newer
//! ones have come. The last few given up are kept a little longer, for a client whose connection broke under an answer that the tap had already written.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use super::Known;
use crate::observe::Ids;

/// Handles remembered per generation: more than can be in flight on one standard queue.
const IN_FLIGHT: usize = 150_000;

/// Handles remembered per generation after their delete was answered: what a client may have under way at once, many times over.
const SETTLED: usize = 512;

/// Lists of names that are shared by the messages that have them; a message with yet another one brings its own.
const SHAPES: usize = 256;

/// What is known of the messages that were received.
#[derive(Debug)]
pub(super) struct Receipts {
    in_flight: Recent<Entry>,
    settled: Recent<Entry>,
    shapes: HashMap<Shape, Arc<Shape>>,
    /// Two keys, so that a handle is known by 128 bits of it, which nobody outside can make collide.
    keys: [RandomState; 2],
}

/// The names of a message's ids and attributes: the same ones for nearly all messages of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    ids: Box<[Box<str>]>,
    attributes: Box<[Box<str>]>,
}

#[derive(Debug, Clone)]
struct Entry {
    shape: Arc<Shape>,
    /// The values of ids and attributes, one behind the other, and where each ends.
    values: Box<str>,
    ends: Box<[u32]>,
    /// How often the message was handed out under this handle, less how often it was deleted since.
    handed_out: u32,
}

impl Receipts {
    pub(super) fn new() -> Self {
        let (in_flight, settled) = (Recent::new(IN_FLIGHT), Recent::new(SETTLED));
        Self { in_flight, settled, shapes: HashMap::new(), keys: [RandomState::new(), RandomState::new()] }
    }

    /// A message is handed out under this handle, perhaps not for the first time.
    pub(super) fn handed_out(&mut self, receipt: &str, known: &Known) {
        let key = self.key(receipt);
        let before = self.in_flight.remove(key).map_or(0, |entry| entry.handed_out);
        let entry = Entry { handed_out: before.saturating_add(1), ..self.packed(known) };
        self.settled.remove(key);
        self.in_flight.insert(key, entry);
    }

    /// The client knows that what it was handed out under this handle is deleted, and does not ask again.
    pub(super) fn settled(&mut self, receipt: &str) {
        let key = self.key(receipt);
        let Some(mut entry) = self.in_flight.remove(key) else { return };
        entry.handed_out = entry.handed_out.saturating_sub(1);
        match entry.handed_out {
            0 => self.settled.insert(key, entry),
            _ => self.in_flight.insert(key, entry),
        }
    }

    /// What the handle stands for; nothing when it was never seen here, or so long ago that it is forgotten.
    pub(super) fn get(&self, receipt: &str) -> Known {
        let key = self.key(receipt);
        self.in_flight.get(key).or_else(|| self.settled.get(key)).map(Entry::unpacked).unwrap_or_default()
    }

    fn key(&self, receipt: &str) -> u128 {
        let [low, high] = self.keys.each_ref().map(|key| {
            let mut hasher = key.build_hasher();
            hasher.write(receipt.as_bytes());
            u128::from(hasher.finish())
        });
        (high << 64) | low
    }

    fn packed(&mut self, known: &Known) -> Entry {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.as_str().into()).collect();
        let shape = Shape { ids: names(&known.ids.0), attributes: names(&known.attributes) };
        let shape = match self.shapes.get(&shape) {
            Some(shared) => Arc::clone(shared),
            None => {
                let own = Arc::new(shape);
                if self.shapes.len() < SHAPES {
                    self.shapes.insert(Shape::clone(&own), Arc::clone(&own));
                }
                own
            }
        };
        let (mut values, mut ends) = (String::new(), Vec::with_capacity(known.ids.0.len() + known.attributes.len()));
        for (_, value) in known.ids.0.iter().chain(&known.attributes) {
            values.push_str(value);
            // An answer is limited far below 4 GiB.
            ends.push(u32::try_from(values.len()).unwrap_or(u32::MAX));
        }
        Entry { shape, values: values.into(), ends: ends.into(), handed_out: 0 }
    }
}

impl Entry {
    fn unpacked(&self) -> Known {
        let mut begin = 0;
        let mut values = self.ends.iter().map(|end| {
            let end = *end as usize;
            self.values.get(std::mem::replace(&mut begin, end)..end).unwrap_or_default().to_owned()
        });
        let mut named = |names: &[Box<str>]| names.iter().map(|name| name.to_string()).zip(values.by_ref()).collect();
        let ids = Ids(named(&self.shape.ids));
        Known { ids, attributes: named(&self.shape.attributes) }
    }
}

/// A map that forgets what has been in it for a whole generation of newer ones.
#[derive(Debug)]
struct Recent<V> {
    young: HashMap<u128, V>,
    old: HashMap<u128, V>,
    generation: usize,
}

impl<V> Recent<V> {
    fn new(generation: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation }
    }

    fn insert(&mut self, key: u128, value: V) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    fn get(&self, key: u128) -> Option<&V> {
        self.young.get(&key).or_else(|| self.old.get(&key))
    }

    fn remove(&mut self, key: u128) -> Option<V> {
        let (young, old) = (self.young.remove(&key), self.old.remove(&key));
        young.or(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl<V> Recent<V> {
        fn len(&self) -> usize {
            self.young.len() + self.old.len()
        }
    }

    fn known(order: u32) -> Known {
        let pairs = |names: [&str; 2]| names.map(|name| (name.to_owned(), format!("{name} {order} 도너츠"))).to_vec();
        Known { ids: Ids(pairs(["order", "product"])), attributes: pairs(["MessageAttributeProductId", ""]) }
    }

    fn known_of(receipts: &Receipts, receipt: &str) -> Option<String> {
        receipts.get(receipt).ids.deciding().map(ToOwned::to_owned)
    }

    #[test]
    fn what_is_known_of_a_message_comes_back_as_it_was() {
        let mut receipts = Receipts::new();
        for order in [1, 22, 333] {
            receipts.handed_out(&order.to_string(), &known(order));
        }
        receipts.handed_out("nothing", &Known::default());
        for order in [1, 22, 333] {
            let (seen, expected) = (receipts.get(&order.to_string()), known(order));
            assert_eq!((seen.ids, seen.attributes), (expected.ids, expected.attributes));
        }
        assert!(receipts.get("nothing").attributes.is_empty() && receipts.get("nobody").ids.0.is_empty());
    }

    #[test]
    fn a_hundred_thousand_messages_that_come_and_go_leave_next_to_nothing() {
        let mut receipts = Receipts::new();
        for order in 0..100_000 {
            receipts.handed_out(&format!("receipt {order}"), &known(order));
            receipts.settled(&format!("receipt {order}"));
        }
        assert_eq!(receipts.in_flight.len(), 0);
        assert!(receipts.settled.len() <= 2 * SETTLED, "{}", receipts.settled.len());
        assert_eq!(receipts.shapes.len(), 1);
        assert_eq!(known_of(&receipts, "receipt 99999").as_deref(), Some("order 99999 도너츠"), "the last ones, should they come again");
        assert_eq!(known_of(&receipts, "receipt 9"), None);
    }

    #[test]
    fn a_message_that_was_handed_out_twice_under_one_handle_is_known_until_both_are_deleted() {
        let mut receipts = Receipts::new();
        receipts.handed_out("twice", &known(1));
        receipts.handed_out("twice", &known(1));
        for settled in [1, 2] {
            receipts.settled("twice");
            assert_eq!((receipts.in_flight.len(), receipts.settled.len()), (2 - settled, settled - 1), "after {settled} of 2");
        }
        receipts.handed_out("twice", &known(1));
        assert_eq!((receipts.in_flight.len(), receipts.settled.len()), (1, 0), "handed out once more after its delete");
    }

    #[test]
    fn what_is_never_deleted_goes_when_a_generation_of_newer_ones_has_come() {
        let mut recent = Recent::new(2);
        for key in 0..5 {
            recent.insert(key, ());
        }
        assert!(recent.get(4).is_some() && recent.get(3).is_some() && recent.get(0).is_none());
        assert_eq!((recent.remove(4), recent.remove(0), recent.len()), (Some(()), None, 2));
    }

    #[test]
    fn names_that_nobody_else_has_are_not_kept_for_others() {
        let mut receipts = Receipts::new();
        for number in 0..1_000 {
            receipts.handed_out(&number.to_string(), &Known { ids: Ids::one(&format!("name {number}"), "x"), attributes: Vec::new() });
        }
        assert_eq!(receipts.shapes.len(), SHAPES);
        assert_eq!(receipts.get("999").ids, Ids::one("name 999", "x"));
    }
}
