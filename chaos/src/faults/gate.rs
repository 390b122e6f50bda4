//! How many requests a rule has under way, for faults that depend on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Armed;
use crate::decision::{Before, Fault};

/// The requests that a rule let pass and that are under way; and until when it lets nobody pass.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    under_way: usize,
    down_until: Option<Duration>,
}

/// What becomes of a request at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    Pass,
    TurnedAway,
}

/// A request that passed; it counts as under way until this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    armed: Arc<Armed>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.armed.gate.state().under_way -= 1;
    }
}

impl Gate {
    /// Lets a request pass, or not. A fault that does not count turns everybody away, which is to say that it strikes everybody.
    pub(super) fn admit(armed: &Arc<Armed>, now: Duration) -> Option<Permit> {
        let mut state = armed.gate.state();
        let (admission, next) = decide(&armed.rule.fault, *state, now);
        *state = next;
        drop(state);
        (admission == Admission::Pass).then(|| Permit { armed: Arc::clone(armed) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decide(fault: &Fault, state: State, now: Duration) -> (Admission, State) {
    let passed = State { under_way: state.under_way + 1, ..state };
    match fault {
        Fault::Before(Before::Limit { at_most, .. }) if state.under_way < *at_most => (Admission::Pass, passed),
        Fault::Before(Before::Collapse { above, lasts, .. }) => match state.down_until {
            Some(until) if now < until => (Admission::TurnedAway, state),
            _ if state.under_way < *above => (Admission::Pass, State { down_until: None, ..passed }),
            _ => (Admission::TurnedAway, State { down_until: Some(now + *lasts), ..state }),
        },
        _ => (Admission::TurnedAway, state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_limit_turns_away_what_comes_above_it() {
        let limit = Fault::Before(Before::Limit { at_most: 2, status: 503, retry_after: None });
        let under_way = |under_way| State { under_way, down_until: None };
        assert_eq!(decide(&limit, under_way(1), SECOND), (Admission::Pass, under_way(2)));
        assert_eq!(decide(&limit, under_way(2), SECOND), (Admission::TurnedAway, under_way(2)));
    }

    #[test]
    fn a_collapse_lasts_its_time_even_when_nobody_is_left() {
        let collapse = Fault::Before(Before::Collapse { above: 1, lasts: 3 * SECOND, status: 500 });
        let (admission, down) = decide(&collapse, State { under_way: 1, down_until: None }, SECOND);
        assert_eq!((admission, down.down_until), (Admission::TurnedAway, Some(4 * SECOND)));
        let empty = State { under_way: 0, ..down };
        assert_eq!(decide(&collapse, empty, 3 * SECOND).0, Admission::TurnedAway);
        assert_eq!(decide(&collapse, empty, 4 * SECOND), (Admission::Pass, State { under_way: 1, down_until: None }));
    }
}
