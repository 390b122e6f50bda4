//! What struck once, to strike exactly that again.

use std::collections::HashSet;

use super::dice::fingerprint;
use super::{Facts, Point};

/// Strikes of one rule, by whom they struck: point, hop, id and attempt. Kept as 64-bit fingerprints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only(HashSet<u64>);

impl Only {
    /// Takes in one strike.
    pub fn insert(&mut self, point: Point, hop: &str, id: &str, attempt: u32) {
        self.0.insert(key(point, hop, id, attempt));
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
        self.0.contains(&key(facts.point, facts.hop, facts.id, facts.attempt))
    }
}

fn key(point: Point, hop: &str, id: &str, attempt: u32) -> u64 {
    fingerprint(&[point.name(), hop, id, &attempt.to_string()])
}
