//! How a store is opened, and what time it is.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// Tells the time of day: all times in the store are microseconds since the Unix epoch, comparable between processes.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl WallClock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::from_fn(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
    }

    /// A clock of one's own; it answers microseconds since the Unix epoch.
    pub fn from_fn(micros: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(micros))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn micros(&self) -> i64 {
        (self.0)()
    }
}

impl std::fmt::Debug for WallClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WallClock({})", self.micros())
    }
}

/// A duration in the unit of the store's times.
pub(crate) fn as_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
