//! A circuit breaker: after too many failures in a row nothing is asked for a while, then one probe decides.
//!
//! [`Breaker`] is the pure state machine (time is passed in); [`SharedBreaker`] is the same for many tasks, with a guard that cannot be forgotten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::defects::{self, Defect};

/// When to open, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open the breaker.
    pub failures_to_open: u32,
    /// How long the first opening lasts. Each failed probe doubles it.
    pub open_for: Duration,
    /// No opening lasts longer.
    pub open_at_most: Duration,
    /// A probe that has not reported for this long is taken for lost. Must exceed the time-out of a call.
    pub probe_within: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures_to_open: 5,
            open_for: Duration::from_millis(500),
            open_at_most: Duration::from_secs(15),
            probe_within: Duration::from_secs(30),
        }
    }
}

/// What the breaker says to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go ahead, and report what came of it with this ticket.
    Admitted(Ticket),
    /// Do not call before `until`.
    Refused {
        /// When asking again may help.
        until: Instant,
    },
}

/// What the breaker would say, without asking it. While a probe is under way that is `Open`, although its success closes the breaker
/// earlier than announced: whoever sleeps on it should look again now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Calls pass.
    Closed,
    /// One probe would pass now.
    Probing,
    /// Nothing passes before `until`.
    Open {
        /// When asking again may help.
        until: Instant,
    },
}

/// Ties a result to the state in which its call was admitted, so that a late answer to an old call decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    generation: u64,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallResult {
    /// The callee works.
    Success,
    /// The callee is down, overloaded or too slow.
    Failure,
    /// The call ended without saying anything about the callee (cancelled, or never sent).
    Nothing,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct Breaker {
    settings: BreakerSettings,
    state: State,
    /// Counts the changes of state.
    generation: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, lasted: Duration },
    HalfOpen { asked_at: Instant, lasted: Duration },
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: State::Closed { failures: 0 }, generation: 0 }
    }

    /// Asks to make a call.
    pub fn admit(&mut self, now: Instant) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Admitted(self.ticket()),
            State::Open { until, .. } if now < until || defects::is(Defect::BreakerNeverCloses) => {
                Admission::Refused { until: until.max(now + self.settings.open_for) }
            }
            // A probe that never reported (its task was lost) must not keep the breaker half open for ever.
            State::HalfOpen { asked_at, .. } if now < self.given_up_at(asked_at) => {
                Admission::Refused { until: self.given_up_at(asked_at) }
            }
            State::Open { lasted, .. } | State::HalfOpen { lasted, .. } => {
                self.enter(State::HalfOpen { asked_at: now, lasted });
                Admission::Admitted(self.ticket())
            }
        }
    }

    /// Reports what came of an admitted call.
    pub fn report(&mut self, ticket: Ticket, result: CallResult, now: Instant) {
        if ticket.generation != self.generation {
            return;
        }
        match (self.state, result) {
            (State::Closed { .. }, CallResult::Success) => self.state = State::Closed { failures: 0 },
            (State::Closed { failures }, CallResult::Failure) if failures + 1 < self.settings.failures_to_open => {
                self.state = State::Closed { failures: failures + 1 };
            }
            (State::Closed { .. }, CallResult::Failure) => self.open(now, self.settings.open_for),
            (State::HalfOpen { .. }, CallResult::Success) => self.enter(State::Closed { failures: 0 }),
            (State::HalfOpen { lasted, .. }, CallResult::Failure) => self.open(now, lasted.saturating_mul(2)),
            // Nothing was learnt: the next caller may probe at once.
            (State::HalfOpen { lasted, .. }, CallResult::Nothing) => self.enter(State::Open { until: now, lasted }),
            (State::Closed { .. }, CallResult::Nothing) | (State::Open { .. }, _) => {}
        }
    }

    /// What a caller would be told now.
    #[must_use]
    pub fn mood(&self, now: Instant) -> Mood {
        match self.state {
            State::Closed { .. } => Mood::Closed,
            State::Open { .. } if defects::is(Defect::BreakerNeverCloses) => Mood::Open { until: now + self.settings.open_for },
            State::Open { until, .. } if now < until => Mood::Open { until },
            State::HalfOpen { asked_at, .. } if now < self.given_up_at(asked_at) => Mood::Open { until: self.given_up_at(asked_at) },
            State::Open { .. } | State::HalfOpen { .. } => Mood::Probing,
        }
    }

    fn given_up_at(&self, asked_at: Instant) -> Instant {
        asked_at + self.settings.probe_within
    }

    fn open(&mut self, now: Instant, lasting: Duration) {
        let lasted = lasting.min(self.settings.open_at_most);
        self.enter(State::Open { until: now + lasted, lasted });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }

    fn ticket(&self) -> Ticket {
        Ticket { generation: self.generation }
    }
}

/// One breaker for many tasks.
#[derive(Debug, Clone)]
pub struct SharedBreaker {
    inner: Arc<Mutex<Breaker>>,
    callee: &'static str,
}

/// The right to make one call. Dropped without a report (a cancelled task), it reports [`CallResult::Nothing`].
#[derive(Debug)]
pub struct Call {
    breaker: SharedBreaker,
    ticket: Option<Ticket>,
}

impl SharedBreaker {
    /// A closed breaker; `callee` labels its metrics.
    #[must_use]
    pub fn new(settings: BreakerSettings, callee: &'static str) -> Self {
        let shared = Self { inner: Arc::new(Mutex::new(Breaker::new(settings))), callee };
        shared.publish_state();
        shared
    }

    /// Asks to make a call now.
    ///
    /// # Errors
    /// The instant before which asking again is useless.
    pub fn admit(&self) -> Result<Call, Instant> {
        let admission = self.lock().admit(Instant::now());
        self.publish_state();
        match admission {
            Admission::Admitted(ticket) => Ok(Call { breaker: self.clone(), ticket: Some(ticket) }),
            Admission::Refused { until } => Err(until),
        }
    }

    /// What a caller would be told now.
    #[must_use]
    pub fn mood(&self) -> Mood {
        self.lock().mood(Instant::now())
    }

    fn report(&self, ticket: Ticket, result: CallResult) {
        self.lock().report(ticket, result, Instant::now());
        self.publish_state();
    }

    /// 0 closed, 1 half open or about to be, 2 open.
    fn publish_state(&self) {
        let value = match self.mood() {
            Mood::Closed => 0.0,
            Mood::Probing => 1.0,
            Mood::Open { .. } => 2.0,
        };
        metrics::gauge!("rushproof_breaker_state", "callee" => self.callee).set(value);
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        // Every transition is a single assignment, so a panic elsewhere leaves the state whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Reports what came of the call.
    pub fn report(mut self, result: CallResult) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.report(ticket, result);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.report(ticket, CallResult::Nothing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BreakerSettings = BreakerSettings {
        failures_to_open: 3,
        open_for: Duration::from_secs(1),
        open_at_most: Duration::from_secs(5),
        probe_within: Duration::from_secs(10),
    };

    fn admitted(breaker: &mut Breaker, now: Instant) -> Ticket {
        match breaker.admit(now) {
            Admission::Admitted(ticket) => ticket,
            Admission::Refused { .. } => panic!("refused by {breaker:?}"),
        }
    }

    fn fail(breaker: &mut Breaker, times: u32, now: Instant) {
        for _ in 0..times {
            let ticket = admitted(breaker, now);
            breaker.report(ticket, CallResult::Failure, now);
        }
    }

    #[test]
    fn it_opens_at_the_third_failure_in_a_row_and_not_before() {
        let (mut breaker, now) = (Breaker::new(SETTINGS), Instant::now());
        fail(&mut breaker, 2, now);
        let ticket = admitted(&mut breaker, now);
        breaker.report(ticket, CallResult::Success, now);
        fail(&mut breaker, 2, now);
        assert_eq!(breaker.mood(now), Mood::Closed);
        fail(&mut breaker, 1, now);
        assert_eq!(breaker.admit(now), Admission::Refused { until: now + SETTINGS.open_for });
    }

    #[test]
    fn one_probe_passes_when_the_time_is_up() {
        let (mut breaker, now) = (Breaker::new(SETTINGS), Instant::now());
        fail(&mut breaker, 3, now);
        let later = now + Duration::from_secs(1);
        assert_eq!(breaker.mood(later), Mood::Probing);
        let probe = admitted(&mut breaker, later);
        assert!(matches!(breaker.admit(later), Admission::Refused { .. }), "a second probe passed");
        breaker.report(probe, CallResult::Success, later);
        assert_eq!(breaker.mood(later), Mood::Closed);
    }

    #[test]
    fn each_failed_probe_doubles_the_pause_up_to_its_bound() {
        let (mut breaker, mut now) = (Breaker::new(SETTINGS), Instant::now());
        fail(&mut breaker, 3, now);
        for seconds in [1, 2, 4, 5, 5] {
            let until = now + Duration::from_secs(seconds);
            assert_eq!(breaker.mood(now), Mood::Open { until });
            now = until;
            fail(&mut breaker, 1, now);
        }
        let probe_at = now + Duration::from_secs(5);
        let probe = admitted(&mut breaker, probe_at);
        breaker.report(probe, CallResult::Success, probe_at);
        fail(&mut breaker, 3, probe_at);
        assert_eq!(breaker.mood(probe_at), Mood::Open { until: probe_at + SETTINGS.open_for }, "a success resets the pause");
    }

    #[test]
    fn a_late_answer_to_an_old_call_decides_nothing() {
        let (mut breaker, now) = (Breaker::new(SETTINGS), Instant::now());
        let slow = admitted(&mut breaker, now);
        fail(&mut breaker, 3, now);
        breaker.report(slow, CallResult::Success, now);
        assert!(matches!(breaker.mood(now), Mood::Open { .. }), "an old success closed it");
        let later = now + Duration::from_secs(1);
        let probe = admitted(&mut breaker, later);
        breaker.report(slow, CallResult::Failure, later);
        breaker.report(probe, CallResult::Success, later);
        assert_eq!(breaker.mood(later), Mood::Closed);
    }

    #[test]
    fn a_probe_that_never_reports_is_replaced() {
        let (mut breaker, now) = (Breaker::new(SETTINGS), Instant::now());
        fail(&mut breaker, 3, now);
        let probe_at = now + Duration::from_secs(1);
        let _lost = admitted(&mut breaker, probe_at);
        assert_eq!(breaker.admit(probe_at), Admission::Refused { until: probe_at + SETTINGS.probe_within });
        let _next = admitted(&mut breaker, probe_at + SETTINGS.probe_within);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_probe_lets_the_next_one_through() {
        let breaker = SharedBreaker::new(SETTINGS, "factory");
        for _ in 0..3 {
            breaker.admit().unwrap().report(CallResult::Failure);
        }
        tokio::time::sleep_until(breaker.admit().unwrap_err()).await;
        let probe = breaker.admit().unwrap();
        assert!(breaker.admit().is_err());
        drop(probe);
        breaker.admit().unwrap().report(CallResult::Success);
        assert_eq!(breaker.mood(), Mood::Closed);
    }
}
