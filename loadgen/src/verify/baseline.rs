//! What a run served before anything was broken, and whether a later second is as good again.
//!
//! Throughput is counted second by second, by when attempts were sent. With open arrivals it is the share of attempts that were served
//! (answered as sold, sold out or with the page), because the arrival curve itself rises and falls.
//!
//! With closed arrivals slow answers thin the arrivals out, so it is the number served. But buyers come more rarely for reasons of their own, too:
//! one who was refused waits for seconds before he comes back. By Little's law `users` buyers who rest for `Z` and wait for `R` make
//! `users / (Z + R)` attempts a second. `Z` is what the baseline shows; a second in which fewer came is as good as the baseline if its own `R` would
//! have let as many come.

use super::expectations::Arrivals;
use crate::history::event::Micros;

/// Share of the baseline that counts as recovered, in percent.
pub(crate) const RECOVERED_PERCENT: u64 = 90;

/// What was offered and served of the attempts that were sent within one second (or one bucket of a longer run).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Second {
    pub(crate) offered: u64,
    pub(crate) served: u64,
    /// How long all of them together waited for their answers.
    pub(crate) waited: Micros,
}

/// Throughput before the first fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Baseline {
    sum: Second,
    /// How long that was.
    lasting: Micros,
    /// Length of each second that is compared with it (or bucket).
    width: Micros,
    arrivals: Arrivals,
}

impl Baseline {
    /// From the seconds (each as long as `width`) before the first fault; None when there is no full second of load among them, or nothing
    /// was served.
    pub(crate) fn of(before: &[Second], width: Micros, arrivals: Arrivals) -> Option<Self> {
        let first_offered = before.iter().position(|second| second.offered > 0)?;
        // The first second of arrivals may be cut short.
        let before = before.get(first_offered + 1..)?;
        let sum = before.iter().fold(Second::default(), |sum, second| Second {
            offered: sum.offered + second.offered,
            served: sum.served + second.served,
            waited: sum.waited.saturating_add(second.waited),
        });
        let lasting = width.saturating_mul(before.len() as u64);
        (sum.offered > 0 && sum.served > 0).then_some(Self { sum, lasting, width, arrivals })
    }

    /// Share of the offered that was served, in percent.
    pub(crate) fn served_percent(&self) -> u64 {
        self.sum.served * 100 / self.sum.offered
    }

    /// Whether a second reaches [`RECOVERED_PERCENT`] of it; one in which nobody came proves nothing.
    pub(crate) fn is_reached_by(&self, second: Second) -> bool {
        if second.offered == 0 {
            return false;
        }
        match self.arrivals {
            Arrivals::Open => {
                let target = second.offered * self.sum.served * RECOVERED_PERCENT / (self.sum.offered * 100);
                second.served >= target
            }
            Arrivals::Closed { users } => self.number_is_reached_by(second) || self.waiting_leaves_room_in(second, users),
        }
    }

    /// As many were served as before, in numbers.
    fn number_is_reached_by(&self, second: Second) -> bool {
        let wide = u128::from;
        product([wide(second.served), wide(self.lasting), 100])
            >= product([wide(self.sum.served), wide(self.width), wide(RECOVERED_PERCENT)])
    }

    /// Resting as long as before and waiting as long as now, the buyers could have come often enough to be served as many times as before:
    /// `share × users / (Z + R) ≥ 90 % × baseline`, with every fraction multiplied out.
    fn waiting_leaves_room_in(&self, second: Second, users: u64) -> bool {
        let (wide, before) = (u128::from, self.sum);
        let rested = product([wide(users), wide(self.lasting)]).saturating_sub(wide(before.waited));
        let round = product([rested, wide(second.offered)]).saturating_add(product([wide(second.waited), wide(before.offered)]));
        product([wide(second.served), wide(users), wide(before.offered), wide(self.lasting), 100])
            >= product([wide(before.served), round, wide(RECOVERED_PERCENT)])
    }
}

/// Far from the largest number for any run; for what a damaged history makes up, large is large enough.
fn product<const N: usize>(factors: [u128; N]) -> u128 {
    factors.into_iter().fold(1, u128::saturating_mul)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    fn second(offered: u64, served: u64) -> Second {
        Second { offered, served, waited: offered * 5_000 }
    }

    fn of(before: &[Second], arrivals: Arrivals) -> Option<Baseline> {
        Baseline::of(before, SECOND, arrivals)
    }

    #[test]
    fn the_first_second_of_arrivals_does_not_count() {
        let seconds = [second(0, 0), second(3, 0), second(10, 10), second(10, 9)];
        let baseline = of(&seconds, Arrivals::Open).unwrap();
        assert_eq!(baseline.served_percent(), 95);
        assert_eq!(of(&seconds[..2], Arrivals::Open), None);
        assert_eq!(of(&[], Arrivals::Open), None);
        assert_eq!(of(&[second(3, 0), second(10, 0)], Arrivals::Open), None, "nothing was served: nothing to come back to");
    }

    #[test]
    fn with_open_arrivals_the_share_must_come_back_and_with_closed_ones_the_number() {
        let seconds = [second(1, 1), second(100, 100), second(100, 100)];
        let open = of(&seconds, Arrivals::Open).unwrap();
        assert!(open.is_reached_by(second(10, 9)) && !open.is_reached_by(second(10, 8)) && !open.is_reached_by(second(0, 0)));
        // A hundred a second of twenty buyers: each waits for 5 ms and rests for 195.
        let closed = of(&seconds, Arrivals::Closed { users: 20 }).unwrap();
        assert!(closed.is_reached_by(second(90, 90)) && !closed.is_reached_by(second(100, 10)) && !closed.is_reached_by(second(0, 0)));
    }

    #[test]
    fn buyers_who_stay_away_for_reasons_of_their_own_are_no_loss_and_those_who_wait_are() {
        let seconds = [second(1, 1), second(100, 100), second(100, 100)];
        let closed = of(&seconds, Arrivals::Closed { users: 20 }).unwrap();
        assert!(closed.is_reached_by(second(40, 40)), "as fast as before: they rest");
        assert!(!closed.is_reached_by(second(40, 30)), "fast, but not served");
        let slow = Second { waited: 40 * 300_000, ..second(40, 40) };
        assert!(!closed.is_reached_by(slow), "they wait");
        // The same in buckets of four seconds.
        let wide = |second: Second| Second { offered: second.offered * 4, served: second.served * 4, waited: second.waited * 4 };
        let closed = Baseline::of(&seconds.map(wide), 4 * SECOND, Arrivals::Closed { users: 20 }).unwrap();
        assert!(closed.is_reached_by(wide(second(40, 40))) && !closed.is_reached_by(wide(slow)));
    }
}
