//! Whether a fault shows in what became of an exchange: judged from what was observed on both sides of the tap, never from the decision.

use super::{Ending, Exchange};
use crate::decision::{After, Before, Fault, ReceiveFault, SendFault, SettleFault};

impl Exchange {
    /// Whether the exchange went as the fault says. False also for what no exchange can show: faults of the pace and of messages that are
    /// sent later are seen when the last byte, or the message, has passed.
    #[must_use]
    pub fn shows(&self, fault: &Fault) -> bool {
        let answered = |range: std::ops::RangeInclusive<u16>| matches!(self.ending, Ending::Answered { status } if range.contains(&status));
        let hung_up = self.ending == Ending::HungUp;
        let reached = self.upstream_status.is_some();
        // An upstream that is gone hangs up as well; that is nobody's fault.
        let stopped_here = !reached && self.note.is_none();
        match fault {
            Fault::Wait(_) => self.took_its_time(),
            Fault::After(After::Delay(_)) => reached && self.took_its_time(),
            Fault::Before(Before::Refuse) => hung_up && stopped_here,
            // Whoever asked may have given up meanwhile, which is what the fault is for.
            Fault::Before(Before::Blackhole) => hung_up && !reached,
            Fault::Before(Before::Answer { status, .. }) => answered(*status..=*status) && stopped_here,
            // A lie, an overcrowded gate: answered here as well.
            Fault::Before(Before::Swallow { status, .. } | Before::Limit { status, .. } | Before::Collapse { status, .. }) => {
                answered(*status..=*status) && stopped_here
            }
            Fault::Alter { .. } => reached && self.altered.is_some(),
            Fault::Before(Before::Throttle) => answered(400..=499) && stopped_here,
            Fault::Again | Fault::Send(SendFault::Duplicate | SendFault::Poison { .. }) => self.upstream_answers >= 2,
            Fault::After(After::Lose) => hung_up && reached,
            Fault::After(After::Cut { .. } | After::Truncate { .. }) => reached && self.passed_bytes < self.answer_bytes,
            Fault::Send(SendFault::LoseAnswer) | Fault::Receive(ReceiveFault::LoseAnswer) | Fault::Settle(SettleFault::LoseAnswer) => {
                hung_up && reached
            }
            Fault::Send(SendFault::LoseMessage) | Fault::Settle(SettleFault::Lose) => answered(200..=299) && self.kept_back > 0,
            Fault::Settle(SettleFault::Expire) => self.kept_back > 0 && !hung_up,
            Fault::Receive(ReceiveFault::Withhold) => reached && self.kept_back > 0,
            // Messages that nobody sent just now.
            Fault::Receive(ReceiveFault::Repeat) => answered(200..=299) && stopped_here,
            Fault::Pace(_) | Fault::Receive(ReceiveFault::Reverse) | Fault::Send(SendFault::Delay(_) | SendFault::Reorder { .. }) => false,
        }
    }

    fn took_its_time(&self) -> bool {
        !self.added.is_zero() && self.took >= self.added
    }

    /// What was seen, in words.
    pub(crate) fn in_words(&self) -> String {
        let caller = match self.ending {
            Ending::Answered { status } => format!("the caller got {status}, {} of {} bytes", self.passed_bytes, self.answer_bytes),
            Ending::HungUp => "the caller got no answer".to_owned(),
        };
        let upstream = match (self.upstream_status, self.upstream_answers) {
            (None, _) => "nothing was forwarded".to_owned(),
            (Some(status), 0 | 1) => format!("the upstream answered {status}"),
            (Some(status), answers) => format!("the upstream answered {status}, {answers} times"),
        };
        let kept = if self.kept_back > 0 { format!(", {} messages were kept back", self.kept_back) } else { String::new() };
        let altered = self.altered.as_ref().map(|how| format!(" ({how})")).unwrap_or_default();
        format!("{upstream}{altered}, {caller}{kept}, after {} ms", self.took.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::decision::{Alter, Delay, Rule};
    use crate::faults::Faults;

    fn exchange() -> Exchange {
        Exchange {
            hop: Arc::from("sales"),
            method: "POST".to_owned(),
            path: "/checkout".to_owned(),
            action: None,
            resource: None,
            ids: Vec::new(),
            ending: Ending::Answered { status: 200 },
            upstream_status: Some(200),
            upstream_answers: 1,
            kept_back: 0,
            added: Duration::ZERO,
            request_bytes: 10,
            answer_bytes: 20,
            passed_bytes: 20,
            began: Instant::now(),
            took: Duration::from_millis(30),
            rules: Vec::new(),
            altered: None,
            note: None,
        }
    }

    fn hung_up(upstream_status: Option<u16>) -> Exchange {
        Exchange { ending: Ending::HungUp, upstream_status, ..exchange() }
    }

    #[test]
    fn an_answer_is_lost_when_the_upstream_gave_one_and_the_caller_got_none() {
        let lose = Fault::After(After::Lose);
        assert!(hung_up(Some(200)).shows(&lose));
        assert!(!hung_up(None).shows(&lose));
        assert!(!exchange().shows(&lose));
    }

    #[test]
    fn a_refusal_by_an_upstream_that_is_gone_is_not_the_faults() {
        let refuse = Fault::Before(Before::Refuse);
        assert!(hung_up(None).shows(&refuse));
        assert!(!Exchange { note: Some("connection refused".to_owned()), ..hung_up(None) }.shows(&refuse));
        assert!(!exchange().shows(&refuse));
    }

    #[test]
    fn a_delay_shows_when_it_took_at_least_as_long() {
        let wait = Fault::Wait(Delay::Fixed(Duration::from_millis(30)));
        assert!(Exchange { added: Duration::from_millis(30), ..exchange() }.shows(&wait));
        assert!(!Exchange { added: Duration::from_millis(31), ..exchange() }.shows(&wait));
        assert!(!exchange().shows(&wait));
    }

    #[test]
    fn an_answer_of_the_taps_own_shows_only_when_nothing_was_forwarded() {
        let busy = Fault::Before(Before::Answer { status: 503, body: String::new(), retry_after: None });
        let answered = Exchange { ending: Ending::Answered { status: 503 }, upstream_status: None, ..exchange() };
        assert!(answered.shows(&busy));
        assert!(!Exchange { upstream_status: Some(503), ..answered }.shows(&busy));
    }

    #[test]
    fn what_was_altered_shows_when_the_upstream_took_it() {
        let altered = Fault::Alter { what: Alter::Body { body: String::new() }, legal: true };
        assert!(!exchange().shows(&altered), "there was no such number in it");
        assert!(Exchange { altered: Some("count: 3 became 6".to_owned()), ..exchange() }.shows(&altered));
    }

    #[test]
    fn what_is_forwarded_twice_is_answered_twice() {
        assert!(!exchange().shows(&Fault::Again));
        assert!(Exchange { upstream_answers: 2, ..exchange() }.shows(&Fault::Again));
    }

    #[test]
    fn a_cut_answer_is_shorter_than_it_was() {
        assert!(Exchange { passed_bytes: 3, ..exchange() }.shows(&Fault::After(After::Cut { bytes: 3 })));
        assert!(!exchange().shows(&Fault::After(After::Cut { bytes: 3 })));
    }

    #[test]
    fn a_rule_that_struck_is_seen_to_take_effect_by_the_first_exchange_that_shows_it() {
        let faults = Faults::new(1);
        let _guard = faults.install([Rule::new("lost", Fault::After(After::Lose))]);
        let struck = |exchange: Exchange| Exchange { rules: vec![Arc::from("lost")], ..exchange };
        assert!(faults.shown_by(&struck(exchange())).is_empty(), "the caller was answered");
        assert_eq!(faults.journal()[0].effective, None);
        assert_eq!(faults.shown_by(&struck(hung_up(Some(200)))).len(), 1);
        assert!(faults.journal()[0].effective.is_some());
        assert!(faults.shown_by(&struck(hung_up(Some(200)))).is_empty(), "seen before");
    }
}
