//! A limit on how many calls to one callee are in flight at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many calls at once, and no more. Clones share the limit.
#[derive(Debug, Clone)]
pub struct Limiter {
    permits: Arc<Semaphore>,
    limit: usize,
}

/// The right to make one call; given back on drop.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// No slot became free in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("all {limit} calls that may be in flight were still busy after {waited:?}; try again later")]
pub struct Saturated {
    /// How many calls may be in flight.
    pub limit: usize,
    /// How long was waited.
    pub waited: Duration,
}

impl Limiter {
    /// At most `limit` calls at once; 0 is taken as 1, since a limit of nothing is a stopped pipeline.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(limit)), limit }
    }

    /// Waits for a slot, in the order of asking.
    ///
    /// # Errors
    /// [`Saturated`] when none became free within `patience`.
    pub async fn slot(&self, patience: Duration) -> Result<Slot, Saturated> {
        match tokio::time::timeout(patience, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Slot { _permit: permit }),
            // The semaphore is never closed, so both remaining cases mean "not in time".
            Ok(Err(_)) | Err(_) => Err(Saturated { limit: self.limit, waited: patience }),
        }
    }

    /// Calls in flight now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.limit - self.permits.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn the_call_over_the_limit_waits_and_then_gives_up() {
        let limiter = Limiter::new(2);
        let _first = limiter.slot(Duration::ZERO).await.unwrap();
        let _second = limiter.slot(Duration::ZERO).await.unwrap();
        let asked = Instant::now();
        let refused = limiter.slot(Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(refused, Saturated { limit: 2, waited: Duration::from_secs(3) });
        assert!((3000..3100).contains(&asked.elapsed().as_millis()));
        assert_eq!(limiter.in_flight(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_slot_goes_to_the_next() {
        let limiter = Limiter::new(1);
        let first = limiter.slot(Duration::ZERO).await.unwrap();
        let (second, ()) = tokio::join!(limiter.slot(Duration::from_secs(3)), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(first);
        });
        assert!(second.is_ok());
    }
}
