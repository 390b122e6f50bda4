//! How a store is opened.

use std::time::Duration;

use crate::clock::WallClock;
use crate::edition::Edition;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Whose rows and messages these are.
    pub edition: &'static Edition,
    /// Purchases that may wait for the writer; one more is shed.
    pub purchase_queue: usize,
    /// How long a purchase may wait for the writer before it is shed.
    pub purchase_patience: Duration,
    /// Most commands that share one transaction. 1 turns group commit off.
    pub group_limit: usize,
    /// How long a transaction may wait for another process's transaction.
    pub lock_patience: Duration,
    /// Connections for reading.
    pub readers: u32,
    /// What time it is.
    pub clock: WallClock,
}

impl StoreOptions {
    /// The defaults for an edition.
    #[must_use]
    pub fn new(edition: &'static Edition) -> Self {
        Self {
            edition,
            purchase_queue: 1_024,
            purchase_patience: Duration::from_secs(2),
            group_limit: 256,
            lock_patience: Duration::from_secs(5),
            readers: 4,
            clock: WallClock::system(),
        }
    }
}

/// A duration in the unit of the store's times.
pub(crate) fn as_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
