//! How slow, how narrow and how forgetful the factory is.

use std::time::Duration;

/// What callers see while the factory is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collapse {
    /// Every call is answered 500 at once.
    Error,
    /// Every call hangs until the factory is back, and then gets a 500.
    Hang,
}

/// The factory's character. The default is slow but takes the traffic of a well-behaved caller.
#[derive(Debug, Clone, PartialEq)]
pub struct FactoryOptions {
    /// From acceptance to the report, at least.
    pub production_time: Duration,
    /// At most this much longer; how much is drawn from [`FactoryOptions::seed`] and the number of the order.
    pub production_jitter: Duration,
    /// How long it thinks before it answers a call that it takes.
    pub answer_time: Duration,
    /// Calls that it can think about at once; further ones are turned away with [`FactoryOptions::busy_status`].
    pub capacity: u32,
    /// 429 or 503.
    pub busy_status: u16,
    /// Unprocessed calls at which it falls over; 0 for a factory that never does. See [`super::overload`].
    pub collapse_at: u32,
    /// Calls per second that it works off.
    pub works_off_per_second: f64,
    /// What callers see while it is down.
    pub collapse: Collapse,
    /// How long it stays down.
    pub recovery: Duration,
    /// How often a completion is reported until somebody answers 2xx. A legacy system tries once.
    pub report_attempts: u32,
    /// Pause between those attempts.
    pub report_pause: Duration,
    /// How long one report may take.
    pub report_timeout: Duration,
    /// Whether productions survive a crash of the factory. A legacy system forgets them.
    pub durable: bool,
    /// Productions that may be under way at once; beyond, calls are turned away.
    pub max_under_way: u32,
    /// Seeds the jitter.
    pub seed: u64,
}

impl Default for FactoryOptions {
    fn default() -> Self {
        Self {
            production_time: Duration::from_millis(500),
            production_jitter: Duration::from_millis(250),
            answer_time: Duration::from_millis(10),
            capacity: 8,
            busy_status: 503,
            collapse_at: 50,
            works_off_per_second: 10.0,
            collapse: Collapse::Error,
            recovery: Duration::from_secs(5),
            report_attempts: 1,
            report_pause: Duration::from_secs(1),
            report_timeout: Duration::from_secs(5),
            durable: false,
            max_under_way: 1_000,
            seed: 0,
        }
    }
}

impl FactoryOptions {
    /// How long the production with this number in the log takes: the same seed and number always take the same time.
    #[must_use]
    pub fn time_to_produce(&self, log_id: i64) -> Duration {
        let share = f64::from(u32::try_from(mix(self.seed ^ mix(log_id.cast_unsigned())) >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        self.production_time + self.production_jitter.mul_f64(share)
    }
}

/// SplitMix64's finaliser (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): spreads neighbouring
/// numbers over the whole range.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_production_takes_between_its_time_and_its_time_with_full_jitter() {
        let options = FactoryOptions {
            production_time: Duration::from_millis(100),
            production_jitter: Duration::from_millis(50),
            ..Default::default()
        };
        let times: Vec<_> = (1..200).map(|id| options.time_to_produce(id)).collect();
        assert!(times.iter().all(|t| (Duration::from_millis(100)..=Duration::from_millis(150)).contains(t)));
        assert!(times.iter().min() < Some(&Duration::from_millis(110)) && times.iter().max() > Some(&Duration::from_millis(140)), "spread");
    }

    #[test]
    fn the_same_seed_takes_the_same_time() {
        let (a, b) = (FactoryOptions { seed: 7, ..Default::default() }, FactoryOptions { seed: 8, ..Default::default() });
        assert_eq!(a.time_to_produce(3), a.clone().time_to_produce(3));
        assert_ne!(a.time_to_produce(3), b.time_to_produce(3));
    }
}
