//! How long something takes.

use std::time::Duration;

/// A distribution of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// Always the same.
    Fixed(Duration),
    /// Anything from `from` to `to`, evenly.
    Uniform {
        /// Shortest.
        from: Duration,
        /// Longest.
        to: Duration,
    },
    /// Mostly short, sometimes long, never longer than `cap`.
    Exponential {
        /// Mean, before the cap.
        mean: Duration,
        /// Longest.
        cap: Duration,
    },
}

impl Delay {
    /// The longest that it can be.
    #[must_use]
    pub fn longest(self) -> Duration {
        match self {
            Self::Fixed(duration) => duration,
            Self::Uniform { from, to } => from.max(to),
            Self::Exponential { cap, .. } => cap,
        }
    }

    /// The duration at `unit`, which is uniform in [0, 1).
    pub(super) fn at(self, unit: f64) -> Duration {
        match self {
            Self::Fixed(duration) => duration,
            Self::Uniform { from, to } => from + to.saturating_sub(from).mul_f64(unit),
            // 1 - unit is in (0, 1], so the logarithm is finite.
            Self::Exponential { mean, cap } => mean.mul_f64(-(1.0 - unit).ln()).min(cap),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_uniform_delay_stays_between_its_bounds() {
        let delay = Delay::Uniform { from: 10 * MS, to: 30 * MS };
        assert_eq!((delay.at(0.0), delay.at(0.5)), (10 * MS, 20 * MS));
        assert!(delay.at(0.999_999) <= 30 * MS);
    }

    #[test]
    fn an_exponential_delay_has_its_mean_and_never_passes_its_cap() {
        let delay = Delay::Exponential { mean: 100 * MS, cap: 300 * MS };
        assert_eq!(delay.at(0.0), Duration::ZERO);
        assert_eq!(delay.at(0.999_999), 300 * MS);
        let uncapped = Delay::Exponential { mean: 100 * MS, cap: Duration::from_secs(60) };
        let sum: Duration = (0..10_000).map(|n| uncapped.at((f64::from(n) + 0.5) / 10_000.0)).sum();
        let mean = sum / 10_000;
        assert!(99 * MS < mean && mean < 101 * MS, "{mean:?}");
    }

    #[test]
    fn no_delay_is_longer_than_the_longest_and_some_are_nearly_so() {
        let ms = Duration::from_millis;
        for delay in [Delay::Fixed(ms(7)), Delay::Uniform { from: ms(3), to: ms(7) }, Delay::Exponential { mean: ms(5), cap: ms(7) }] {
            assert_eq!(delay.longest(), ms(7), "{delay:?}");
            let drawn: Vec<Duration> = (0..1_000u32).map(|step| delay.at(f64::from(step) / 1_000.0)).collect();
            let most = drawn.into_iter().max().unwrap_or_default();
            assert!(most <= ms(7) && most > ms(6), "{delay:?}: {most:?}");
        }
    }
}
