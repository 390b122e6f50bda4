//! The one clock of a run: monotonic, in microseconds since the run began.

use std::time::Duration;

use tokio::time::Instant;

use super::event::Micros;

/// The run's clock. Copies show the same time.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    start: Instant,
}

impl RunClock {
    /// A clock that shows 0 now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// A clock that showed 0 at `start`.
    #[must_use]
    pub fn since(start: Instant) -> Self {
        Self { start }
    }

    /// What it shows now.
    #[must_use]
    pub fn now(&self) -> Micros {
        micros(self.start.elapsed())
    }

    /// What it shows at `instant`; 0 for anything before the run.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Micros {
        micros(instant.saturating_duration_since(self.start))
    }

    /// The instant at which it shows `at`.
    #[must_use]
    pub fn instant(&self, at: Micros) -> Instant {
        self.start + Duration::from_micros(at)
    }
}

/// A duration in whole microseconds. Saturates after half a million years.
#[must_use]
pub fn micros(duration: Duration) -> Micros {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_shows_microseconds_since_the_start() {
        let clock = RunClock::start();
        tokio::time::advance(Duration::from_micros(1_500)).await;
        assert_eq!(clock.now(), 1_500);
        assert_eq!(clock.at(clock.instant(77)), 77);
    }
}
