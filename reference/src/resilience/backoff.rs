//! Exponential back-off with full jitter.
//!
//! Full jitter (a uniform pick between nothing and the ceiling) spreads a crowd that failed together better than a fixed or a
//! half-random delay does: see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How far delays grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Ceiling of the first delay.
    pub base: Duration,
    /// No ceiling grows beyond this.
    pub cap: Duration,
}

impl Growth {
    /// The most that the delay after `failures` failures in a row can be: `base × 2^(failures − 1)`, at most `cap`. No failure, no delay.
    #[must_use]
    pub fn ceiling(self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

/// A source of jittered delays. Seeded, so that a run can be told apart from its luck; shared by reference.
#[derive(Debug)]
pub struct Backoff {
    growth: Growth,
    rng: Mutex<StdRng>,
}

impl Backoff {
    /// A source that picks below the ceilings of `growth`.
    #[must_use]
    pub fn new(growth: Growth, seed: u64) -> Self {
        Self { growth, rng: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// A delay between nothing and the ceiling of `failures`.
    pub fn delay(&self, failures: u32) -> Duration {
        let ceiling = u64::try_from(self.growth.ceiling(failures).as_micros()).unwrap_or(u64::MAX);
        // A panic while the lock is held cannot leave a random generator in a harmful state.
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_micros(rng.random_range(0..=ceiling))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GROWTH: Growth = Growth { base: Duration::from_millis(100), cap: Duration::from_secs(5) };

    #[test]
    fn ceilings_double_and_then_stay() {
        let ceilings: Vec<u128> = (0..9).map(|n| GROWTH.ceiling(n).as_millis()).collect();
        assert_eq!(ceilings, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(GROWTH.ceiling(u32::MAX), GROWTH.cap);
    }

    #[test]
    fn delays_use_the_whole_range_below_the_ceiling() {
        let backoff = Backoff::new(GROWTH, 7);
        let delays: Vec<u128> = (0..1000).map(|_| backoff.delay(4).as_millis()).collect();
        assert!(delays.iter().all(|d| *d <= 800));
        for eighth in 0..8 {
            let hits = delays.iter().filter(|d| **d / 100 == eighth).count();
            assert!((60..200).contains(&hits), "{hits} of 1000 delays fell between {eighth}00 and {eighth}99 ms");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let delays = |seed| {
            let backoff = Backoff::new(GROWTH, seed);
            (0..20).map(|n| backoff.delay(n)).collect::<Vec<_>>()
        };
        assert_eq!(delays(3), delays(3));
        assert_ne!(delays(3), delays(4));
    }

    proptest! {
        #[test]
        fn no_delay_exceeds_its_ceiling(failures in 0_u32..100, seed: u64) {
            prop_assert!(Backoff::new(GROWTH, seed).delay(failures) <= GROWTH.ceiling(failures));
        }
    }
}
