//! The wall clock beside a run's own: where the zero of the one lies on the other.
//!
//! Within a machine all times come from the monotonic clock. To lay the times of several machines beside each other, each notes once what the
//! wall clock showed at its zero. How far that is from the true time nobody can measure from inside; it is stated (`--clock-uncertainty`),
//! and verification widens every interval by it. What can be found out is found out: a wall clock that was set while the run went on, and,
//! when merging, an effect that was seen before its cause.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::history::clock::{RunClock, micros};
use crate::history::event::Micros;

/// What a machine knows of its clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// What the wall clock showed when the run's clock showed 0, µs since the Unix epoch.
    pub zero_unix_us: u64,
    /// How far the wall clock may be from the true time, µs.
    pub uncertainty_us: Micros,
}

impl Anchor {
    /// Notes where a run's clock lies on the wall clock, now.
    #[must_use]
    pub fn of(clock: RunClock, uncertainty: Duration) -> Self {
        Self { zero_unix_us: unix_us().saturating_sub(clock.now()), uncertainty_us: micros(uncertainty) }
    }

    /// What the run's clock shows at a moment of the wall clock; None for a moment before the run.
    #[must_use]
    pub fn at(&self, unix_us: u64) -> Option<Micros> {
        unix_us.checked_sub(self.zero_unix_us)
    }

    /// How far the two clocks have drifted apart since, µs: a wall clock that is set, or led back to the true time, shows here.
    #[must_use]
    pub fn drift_us(&self, clock: RunClock) -> u64 {
        unix_us().abs_diff(self.zero_unix_us.saturating_add(clock.now()))
    }
}

/// The wall clock, µs since the Unix epoch.
#[must_use]
pub fn unix_us() -> u64 {
    // A clock set before 1970 shows 0, and whatever was to begin then is too late.
    micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_the_wall_clock_is_found_on_the_runs_clock() {
        let anchor = Anchor { zero_unix_us: 1_000, uncertainty_us: 0 };
        assert_eq!(anchor.at(1_700), Some(700));
        assert_eq!(anchor.at(999), None);
    }

    #[test]
    fn a_clock_that_nobody_sets_does_not_drift() {
        let clock = RunClock::start();
        let anchor = Anchor::of(clock, Duration::from_millis(5));
        assert_eq!(anchor.uncertainty_us, 5_000);
        assert!(anchor.drift_us(clock) < 1_000_000, "{} µs", anchor.drift_us(clock));
    }
}
