//! Idempotency keys whose purchase is being decided by this process.
//!
//! Other processes need no such list: their purchase with the same key waits for the write lock and then finds the first one's row.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::IdempotencyKey;

/// The keys in flight.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeysInFlight(Arc<Mutex<HashSet<IdempotencyKey>>>);

/// A key in flight; dropping it lands it.
#[derive(Debug)]
pub(crate) struct KeyGuard {
    keys: KeysInFlight,
    key: IdempotencyKey,
}

impl KeysInFlight {
    /// Takes a key, unless it is taken.
    pub(crate) fn take(&self, key: &IdempotencyKey) -> Option<KeyGuard> {
        let new = self.lock().insert(key.clone());
        new.then(|| KeyGuard { keys: self.clone(), key: key.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<IdempotencyKey>> {
        // The set is sound after every operation, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for KeyGuard {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_flight_until_its_guard_is_dropped() {
        let (keys, key) = (KeysInFlight::default(), "k-1".parse().unwrap());
        let guard = keys.take(&key).unwrap();
        assert!(keys.take(&key).is_none());
        drop(guard);
        assert!(keys.take(&key).is_some());
    }
}
