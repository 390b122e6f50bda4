//! Whether the factory takes a call: a leaky bucket of unprocessed calls, and the number of calls that it is thinking about.
//!
//! Each call, even one that is turned away, costs the factory work, and it works calls off at a steady rate. A loop that
//! calls a hundred times in a row therefore makes it fall over, however politely each call waits for the previous answer.

use std::time::Duration;

use tokio::time::Instant;

use super::options::FactoryOptions;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is taken; [`Overload::answered`] must follow.
    Taken,
    /// Too many at once.
    Busy,
    /// The factory is down for this much longer.
    Down(Duration),
}

/// The factory's load, and whether it bears it.
#[derive(Debug)]
pub struct Overload {
    collapse_at: f64,
    works_off_per_second: f64,
    recovery: Duration,
    capacity: u32,
    unprocessed: f64,
    counted_at: Instant,
    thinking_about: u32,
    down_until: Option<Instant>,
}

impl Overload {
    /// An idle factory.
    #[must_use]
    pub fn new(options: &FactoryOptions, now: Instant) -> Self {
        Self {
            collapse_at: f64::from(options.collapse_at),
            works_off_per_second: options.works_off_per_second,
            recovery: options.recovery,
            capacity: options.capacity,
            unprocessed: 0.0,
            counted_at: now,
            thinking_about: 0,
            down_until: None,
        }
    }

    /// Decides about a call that arrives at `now`.
    pub fn call(&mut self, now: Instant) -> Admission {
        if let Some(until) = self.down_until {
            if now < until {
                return Admission::Down(until - now);
            }
            // Whoever restarted it also threw away what had piled up.
            self.down_until = None;
            self.unprocessed = 0.0;
            self.counted_at = now;
        }
        let worked_off = now.saturating_duration_since(self.counted_at).as_secs_f64() * self.works_off_per_second;
        self.unprocessed = (self.unprocessed - worked_off).max(0.0) + 1.0;
        self.counted_at = now;
        if self.collapse_at > 0.0 && self.unprocessed > self.collapse_at {
            self.down_until = Some(now + self.recovery);
            return Admission::Down(self.recovery);
        }
        if self.thinking_about >= self.capacity {
            return Admission::Busy;
        }
        self.thinking_about += 1;
        Admission::Taken
    }

    /// A call that was [`Admission::Taken`] has its answer.
    pub fn answered(&mut self) {
        self.thinking_about = self.thinking_about.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factory(collapse_at: u32, capacity: u32) -> (Overload, Instant) {
        let now = Instant::now();
        let options = FactoryOptions {
            collapse_at,
            capacity,
            works_off_per_second: 10.0,
            recovery: Duration::from_secs(5),
            ..FactoryOptions::default()
        };
        (Overload::new(&options, now), now)
    }

    #[test]
    fn a_loop_of_a_hundred_calls_makes_it_fall_over_although_each_waits_for_its_answer() {
        let (mut overload, start) = factory(50, 8);
        let answers: Vec<_> = (0..100u32)
            .map(|n| {
                let admission = overload.call(start + Duration::from_millis(10) * n);
                overload.answered();
                admission
            })
            .collect();
        assert_eq!(answers[..50], [Admission::Taken; 50]);
        assert!(matches!(answers[99], Admission::Down(_)));
    }

    #[test]
    fn a_caller_that_keeps_to_the_pace_is_always_taken() {
        let (mut overload, start) = factory(50, 8);
        for n in 0..1_000u32 {
            assert_eq!(overload.call(start + Duration::from_millis(100) * n), Admission::Taken, "call {n}");
            overload.answered();
        }
    }

    #[test]
    fn more_calls_at_once_than_it_can_think_about_are_turned_away() {
        let (mut overload, now) = factory(0, 2);
        assert_eq!([overload.call(now), overload.call(now), overload.call(now)], [Admission::Taken, Admission::Taken, Admission::Busy]);
        overload.answered();
        assert_eq!(overload.call(now), Admission::Taken);
    }

    #[test]
    fn it_is_back_when_the_recovery_is_over_and_not_before() {
        let (mut overload, now) = factory(1, 8);
        overload.call(now);
        assert_eq!(overload.call(now), Admission::Down(Duration::from_secs(5)));
        assert_eq!(overload.call(now + Duration::from_millis(4_999)), Admission::Down(Duration::from_millis(1)));
        assert_eq!(overload.call(now + Duration::from_secs(5)), Admission::Taken);
    }
}
