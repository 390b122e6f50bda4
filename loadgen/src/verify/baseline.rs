//! What a run served before anything was broken, and whether a later second is as good again.
//!
//! Throughput is counted second by second, by when attempts were sent. With open arrivals it is the share of attempts that were served
//! (answered as sold, sold out or with the page), because the arrival curve itself rises and falls; with closed arrivals, where slow answers
//! thin the arrivals out, it is the number served.

use super::expectations::Arrivals;

/// Share of the baseline that counts as recovered, in percent.
pub(crate) const RECOVERED_PERCENT: u64 = 90;

/// What was offered and served of the attempts that were sent within one second (or one bucket of a longer run).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Second {
    pub(crate) offered: u64,
    pub(crate) served: u64,
}

/// Throughput before the first fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Baseline {
    sum: Second,
    seconds: u64,
    arrivals: Arrivals,
}

impl Baseline {
    /// From the seconds before the first fault; None when there is no full second of load among them, or nothing was served.
    pub(crate) fn of(before: &[Second], arrivals: Arrivals) -> Option<Self> {
        let first_offered = before.iter().position(|second| second.offered > 0)?;
        // The first second of arrivals may be cut short.
        let before = before.get(first_offered + 1..)?;
        let sum = before
            .iter()
            .fold(Second::default(), |sum, second| Second { offered: sum.offered + second.offered, served: sum.served + second.served });
        (sum.offered > 0 && sum.served > 0).then_some(Self { sum, seconds: before.len() as u64, arrivals })
    }

    /// Share of the offered that was served, in percent.
    pub(crate) fn served_percent(&self) -> u64 {
        self.sum.served * 100 / self.sum.offered
    }

    /// Whether a second reaches [`RECOVERED_PERCENT`] of it; one in which nobody came proves nothing.
    pub(crate) fn is_reached_by(&self, second: Second) -> bool {
        let target = match self.arrivals {
            Arrivals::Open => second.offered * self.sum.served * RECOVERED_PERCENT / (self.sum.offered * 100),
            Arrivals::Closed => self.sum.served * RECOVERED_PERCENT / (self.seconds * 100),
        };
        second.offered > 0 && second.served >= target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(offered: u64, served: u64) -> Second {
        Second { offered, served }
    }

    #[test]
    fn the_first_second_of_arrivals_does_not_count() {
        let seconds = [second(0, 0), second(3, 0), second(10, 10), second(10, 9)];
        let baseline = Baseline::of(&seconds, Arrivals::Open).unwrap();
        assert_eq!(baseline.served_percent(), 95);
        assert_eq!(Baseline::of(&seconds[..2], Arrivals::Open), None);
        assert_eq!(Baseline::of(&[], Arrivals::Open), None);
        assert_eq!(Baseline::of(&[second(3, 0), second(10, 0)], Arrivals::Open), None, "nothing was served: nothing to come back to");
    }

    #[test]
    fn with_open_arrivals_the_share_must_come_back_and_with_closed_ones_the_number() {
        let seconds = [second(1, 1), second(100, 100), second(100, 100)];
        let (open, closed) = (Baseline::of(&seconds, Arrivals::Open).unwrap(), Baseline::of(&seconds, Arrivals::Closed).unwrap());
        assert!(open.is_reached_by(second(10, 9)) && !open.is_reached_by(second(10, 8)) && !open.is_reached_by(second(0, 0)));
        assert!(closed.is_reached_by(second(90, 90)) && !closed.is_reached_by(second(10, 10)));
    }
}
