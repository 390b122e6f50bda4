//! What struck once, to strike exactly that again.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::dice::Whom;
use super::{Facts, Point};

/// Strikes of one rule, by whom they struck: point, hop, id and attempt. Kept as 64-bit fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only(HashSet<u64, BuildHasherDefault<AsItIs>>);

/// Fingerprints are hashes already.
#[derive(Debug, Clone, Copy, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}

impl Only {
    /// Takes in one strike.
    pub fn insert(&mut self, point: Point, hop: &str, id: &str, attempt: u32) {
        self.0.insert(Whom::new(hop, id).attempt_at(point, attempt));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is to be struck at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn covers(&self, facts: &Facts<'_>) -> bool {
        self.0.contains(&facts.whom.attempt_at(facts.point, facts.attempt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_struck_is_counted_once_for_each_point_hop_id_and_attempt() {
        let mut only = Only::default();
        assert!(only.is_empty());
        let strikes = [
            (Point::Request, "sales", "a", 0),
            (Point::Request, "sales", "a", 0),
            (Point::Request, "sales", "a", 1),
            (Point::Request, "sales", "b", 0),
            (Point::Request, "relay", "a", 0),
            (Point::Send, "sales", "a", 0),
        ];
        for (point, hop, id, attempt) in strikes {
            only.insert(point, hop, id, attempt);
        }
        assert_eq!((only.len(), only.is_empty()), (5, false));
    }
}
