//! How often an id was seen, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use crate::decision::{Point, fingerprint};

/// Ids remembered per generation; two generations of 16 bytes each stay below 50 MB.
const GENERATION: usize = 1 << 20;

/// A map that forgets what was not touched for a whole generation.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    pub(crate) fn new(generation: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation }
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }
}

#[derive(Debug)]
pub(super) struct Attempts(Mutex<Recent<u64, u32>>);

impl Default for Attempts {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(GENERATION)))
    }
}

impl Attempts {
    /// 0 for the first time that the id passes the point of the hop while rules are in force.
    pub(super) fn next(&self, point: Point, hop: &str, id: &str) -> u32 {
        let key = fingerprint(&[point.name(), hop, id]);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = seen.get(&key).map_or(0, |before| before.saturating_add(1));
        seen.insert(key, attempt);
        attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_touched_for_a_generation_is_forgotten() {
        let mut recent = Recent::new(2);
        for key in 0..5 {
            recent.insert(key, ());
        }
        assert!(recent.get(&4).is_some() && recent.get(&3).is_some() && recent.get(&0).is_none());
    }
}
