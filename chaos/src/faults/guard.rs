//! What is in force, and what is held: both until a value is dropped.

use std::sync::Arc;
use std::time::Duration;

use super::journal::Record;
use super::{Armed, Faults};

/// Rules that are in force until this is dropped.
#[derive(Debug)]
#[must_use = "dropping the guard heals at once"]
pub struct Installed {
    pub(super) faults: Faults,
    pub(super) rules: Vec<Arc<Armed>>,
}

/// Something is left after the time given for healing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not healed within {within:?}: {active} rules active, {held} requests or messages still held; shorten their delays, or give them longer"
)]
pub struct NotHealed {
    /// For how long was waited.
    pub within: Duration,
    /// Rules still (or again) active.
    pub active: usize,
    /// Requests and messages still held.
    pub held: usize,
}

impl Installed {
    /// What became of these rules.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.rules.iter().map(|armed| armed.tally.record(&armed.rule)).collect()
    }

    /// Takes these rules out of force, sends on what they hold, and waits until that is nothing; other rules stay.
    ///
    /// # Errors
    /// [`NotHealed`] with what these rules still hold after `within`.
    pub async fn heal(self, within: Duration) -> Result<(), NotHealed> {
        let rules = self.rules.clone();
        drop(self);
        let released = async {
            for armed in &rules {
                // The sender stands in the rule itself, so it cannot be gone.
                let _ = armed.held.subscribe().wait_for(|held| *held == 0).await;
            }
        };
        match tokio::time::timeout(within, released).await {
            Ok(()) => Ok(()),
            Err(_) => Err(NotHealed { within, active: 0, held: rules.iter().map(|armed| *armed.held.borrow()).sum() }),
        }
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        self.faults.remove(|armed| self.rules.iter().any(|own| Arc::ptr_eq(own, armed)));
    }
}

/// Counts something as held until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    faults: Faults,
    by: Vec<Arc<Armed>>,
}

impl Held {
    pub(super) fn by(faults: &Faults, by: Vec<Arc<Armed>>) -> Self {
        faults.inner.held.send_modify(|held| *held += 1);
        for armed in &by {
            armed.held.send_modify(|held| *held += 1);
        }
        Self { faults: faults.clone(), by }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.faults.inner.held.send_modify(|held| *held -= 1);
        for armed in &self.by {
            armed.held.send_modify(|held| *held -= 1);
        }
    }
}
