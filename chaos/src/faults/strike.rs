//! What strikes one request or message.

use std::sync::Arc;
use std::time::Duration;

use super::gate::Permit;
use super::{Armed, Held};
use crate::decision::{After, Fault, Slot};

/// What happens to a request or message.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing.
    Pass,
    /// These faults strike it, or it counts as under way for one.
    Struck(Strike),
}

/// The faults that strike one request or message; it counts as held until this is dropped. Without any fault, it stands for a request
/// that passes and counts as one of so many at once.
#[derive(Debug)]
pub struct Strike {
    pub(super) hits: Vec<Hit>,
    pub(super) id: Box<str>,
    pub(super) attempt: u32,
    pub(super) _permits: Vec<Permit>,
    pub(super) _held: Option<Held>,
}

/// One fault that strikes.
#[derive(Debug, Clone)]
pub struct Hit {
    pub(crate) armed: Arc<Armed>,
    pub(super) wait: Duration,
}

impl Verdict {
    /// The strike, when there is one.
    #[must_use]
    pub fn strike(self) -> Option<Strike> {
        match self {
            Self::Pass => None,
            Self::Struck(strike) => Some(strike),
        }
    }
}

impl Strike {
    /// Every fault that strikes.
    #[must_use]
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// The id that decided.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How often that id had passed the point before.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The first fault of a slot.
    #[must_use]
    pub fn in_slot(&self, slot: Slot) -> Option<&Hit> {
        self.hits.iter().find(|hit| hit.fault().slot() == slot)
    }

    /// Waits for all the delays, one after the other.
    pub async fn wait(&self) {
        for hit in self.hits.iter().filter(|hit| hit.fault().slot() == Slot::Wait) {
            hit.wait().await;
        }
    }
}

impl Hit {
    /// What is done.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.armed.rule.fault
    }

    /// Name of the rule.
    #[must_use]
    pub fn rule(&self) -> &Arc<str> {
        &self.armed.rule.name
    }

    /// For how long, when the fault is about time.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.wait
    }

    /// Whether its time is part of the exchange's own.
    pub(crate) fn delays_the_exchange(&self) -> bool {
        matches!(self.fault(), Fault::Wait(_) | Fault::After(After::Delay(_)))
    }

    /// Waits for that long, or until the rule is healed.
    pub async fn wait(&self) {
        // Ok or not: either the time is over or the rule is.
        let _ = tokio::time::timeout(self.wait, self.healed()).await;
    }

    /// Waits until the rule is healed.
    pub async fn healed(&self) {
        self.armed.healed.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Before, Delay, Point, Rule};
    use crate::faults::{Faults, Question};

    fn question<'a>() -> Question<'a> {
        Question {
            point: Point::Request,
            hop: "sales",
            method: "GET",
            path: "/",
            action: None,
            attributes: &[],
            id: Some("x"),
            sequence: 0,
        }
    }

    fn strike(fault: Fault) -> Strike {
        let faults = Faults::new(7);
        let guard = faults.install([Rule::new("rule", fault)]);
        // The strike outlives the guard; it is only looked at.
        let strike = faults.decide(&question()).strike().expect("a rule without conditions strikes");
        drop(guard);
        strike
    }

    #[test]
    fn a_strike_knows_whom_it_struck_and_how_often_that_had_passed_before() {
        let faults = Faults::new(7);
        let _guard = faults.install([Rule::new("rule", Fault::Again)]);
        let strikes: Vec<Strike> = (0..3).filter_map(|_| faults.decide(&question()).strike()).collect();
        assert!(strikes.iter().all(|strike| strike.id() == "x"));
        assert_eq!(strikes.iter().map(Strike::attempt).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(faults.seed(), 7);
    }

    #[test]
    fn a_delay_of_the_request_or_of_its_answer_is_part_of_the_exchange_and_nothing_else_is() {
        let (time, minute) = (Delay::Fixed(Duration::from_secs(60)), Duration::from_secs(60));
        for (fault, lasts, delays) in [
            (Fault::Wait(time), minute, true),
            (Fault::After(After::Delay(time)), minute, true),
            (Fault::After(After::Lose), Duration::ZERO, false),
            (Fault::Before(Before::Refuse), Duration::ZERO, false),
        ] {
            let strike = strike(fault);
            let [hit] = strike.hits() else { panic!("one rule, one hit") };
            assert_eq!((hit.duration(), hit.delays_the_exchange()), (lasts, delays), "{:?}", hit.fault());
        }
    }

    #[test]
    fn sales_open_and_close_what_a_rule_asks_of_them() {
        let faults = Faults::new(7);
        let mut rule = Rule::new("second sale", Fault::Again);
        (rule.select.after_sales, rule.select.until_sales) = (2, Some(3));
        let _guard = faults.install([rule]);
        let struck: Vec<bool> = (0..4)
            .map(|_| {
                let struck = faults.decide(&question()).strike().is_some();
                faults.sold();
                struck
            })
            .collect();
        assert_eq!((struck, faults.sales()), (vec![false, false, true, false], 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_that_opens_later_opens() {
        let faults = Faults::new(7);
        let mut rule = Rule::new("late", Fault::Again);
        rule.select.from = Duration::from_secs(10);
        let _guard = faults.install([rule]);
        assert!(faults.decide(&question()).strike().is_none());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(faults.decide(&question()).strike().is_some());
        assert_eq!(faults.phase(), None);
        faults.set_phase(Some("storm"));
        assert_eq!(faults.phase().as_deref(), Some("storm"));
    }
}
