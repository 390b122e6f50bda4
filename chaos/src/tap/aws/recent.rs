//! A memory of bounded size.

use std::collections::HashMap;
use std::hash::Hash;

/// A map that forgets what was not touched for a whole generation.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    pub(super) fn new(generation: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation }
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
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
