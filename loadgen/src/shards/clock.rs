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
        let (run, wall) = together(|| clock.now(), unix_us);
        Self { zero_unix_us: wall.saturating_sub(run), uncertainty_us: micros(uncertainty) }
    }

    /// What the run's clock shows at a moment of the wall clock; None for a moment before the run.
    #[must_use]
    pub fn at(&self, unix_us: u64) -> Option<Micros> {
        unix_us.checked_sub(self.zero_unix_us)
    }

    /// How far the two clocks have drifted apart since, µs: a wall clock that is set, or led back to the true time, shows here.
    #[must_use]
    pub fn drift_us(&self, clock: RunClock) -> u64 {
        let (run, wall) = together(|| clock.now(), unix_us);
        wall.abs_diff(self.zero_unix_us.saturating_add(run))
    }
}

/// Two looks that are no further apart than this are one moment, µs.
const ONE_MOMENT: Micros = 50;

/// How often that is tried.
const TRIES: u32 = 100;

/// What the run's clock and the wall clock show at one moment. Who is held up between the two looks, as on a busy machine, would take that for a
/// wall clock that was set; so the wall clock is read between two looks at the other, and of several tries the closest counts.
fn together(mut run: impl FnMut() -> Micros, mut wall: impl FnMut() -> u64) -> (Micros, u64) {
    let mut look = || {
        let before = run();
        let wall = wall();
        let apart = run().saturating_sub(before);
        (apart, before + apart / 2, wall)
    };
    let mut closest = look();
    for _ in 1..TRIES {
        if closest.0 <= ONE_MOMENT {
            break;
        }
        closest = closest.min(look());
    }
    (closest.1, closest.2)
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
    fn who_is_held_up_between_two_looks_looks_again() {
        // Held up for 13 ms after the first look at the run's clock, then after the wall clock, then not at all.
        let mut run = [100, 13_600, 14_000, 29_000, 30_000, 30_002].into_iter();
        let mut wall = [1_013_590, 1_014_001, 1_030_001].into_iter();
        assert_eq!(together(|| run.next().unwrap(), || wall.next().unwrap()), (30_001, 1_030_001));
        // Never better than the best that was seen.
        let mut now = 0;
        let mut slow = || {
            now += 1_000;
            now
        };
        assert_eq!(together(&mut slow, || 7), (1_500, 7));
    }

    #[test]
    fn a_clock_that_nobody_sets_does_not_drift() {
        let clock = RunClock::start();
        let anchor = Anchor::of(clock, Duration::from_millis(5));
        assert_eq!(anchor.uncertainty_us, 5_000);
        assert!(anchor.drift_us(clock) < 1_000_000, "{} µs", anchor.drift_us(clock));
    }
}
