//! What time of day it is: the one place that asks the machine.
//!
//! Waiting and timing out follow `tokio::time`, which nothing can set; only what is written down, signed or compared between processes
//! asks here. In a build with the feature `drills`, `REFERENCE_CLOCK_SKEW` (see [`drills`]) makes this clock wrong.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::drills;

/// The time of day.
#[must_use]
pub fn now() -> SystemTime {
    let (now, skew) = (SystemTime::now(), drills::clock_skew());
    let by = Duration::from_micros(skew.unsigned_abs());
    if skew < 0 { now - by } else { now + by }
}

/// Tells the time of day in microseconds since the Unix epoch, the unit of all times in the store, comparable between processes.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl WallClock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::from_fn(|| {
            let since = now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
    }

    /// Shows the machine's time of day as it is now, and from here on only goes forward, as fast as time does: for times that are compared
    /// with each other within one process, whoever sets the machine's clock meanwhile.
    #[must_use]
    pub fn steady() -> Self {
        Self::steady_from(Self::system().micros())
    }

    fn steady_from(zero: i64) -> Self {
        let began = Instant::now();
        Self::from_fn(move || zero.saturating_add(i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_steady_clock_goes_as_fast_as_time_does_and_asks_nobody() {
        let clock = WallClock::steady_from(1_000);
        assert_eq!(clock.micros(), 1_000);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.micros(), 3_001_000);
    }
}
