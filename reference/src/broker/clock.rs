//! The broker's time: behaviour follows `tokio::time` (so tests may pause it), what is shown and stored counts from the epoch.

use std::time::{Duration, UNIX_EPOCH};

use tokio::time::Instant;

/// A point in time, in microseconds since the Unix epoch: it survives a restart, which an `Instant` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Moment(u64);

impl Moment {
    pub(crate) const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub(crate) const fn micros(self) -> u64 {
        self.0
    }

    pub(crate) const fn millis(self) -> u64 {
        self.0 / 1_000
    }

    pub(crate) const fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    pub(crate) fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    /// `2026-11-21T10:15:00.123Z`, as SNS writes it.
    pub(crate) fn iso8601(self) -> String {
        crate::edition::texts::utc(i64::try_from(self.0).unwrap_or(i64::MAX))
    }
}

/// Pairs the tokio clock with the calendar once, at the start: later jumps of the system's clock change nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    started_at: Moment,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since_epoch = crate::clock::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), started_at: Moment::default().plus(since_epoch) }
    }

    pub(crate) fn now(&self) -> Moment {
        self.started_at.plus(self.started.elapsed())
    }

    /// The tokio instant of a moment; a moment before the start has passed at the start.
    pub(crate) fn instant_of(&self, moment: Moment) -> Instant {
        self.started + Duration::from_micros(moment.0.saturating_sub(self.started_at.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_sns_writes_them() {
        assert_eq!(Moment::from_micros(0).iso8601(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Moment::from_micros(1_709_210_096_789_123).iso8601(), "2024-02-29T12:34:56.789Z");
        assert_eq!(Moment::from_micros(1_735_689_599_999_999).iso8601(), "2024-12-31T23:59:59.999Z");
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_tokio_time() {
        let clock = Clock::start();
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), before.plus(Duration::from_secs(5)));
        assert_eq!(clock.instant_of(clock.now()), Instant::now());
    }
}
