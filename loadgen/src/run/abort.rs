//! Abort conditions: bounds that a scenario sets on what it is willing to do to a system. Beyond them the run is stopped, healed, and reported.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::drain::waiting;
use crate::history::event::Sample;
use crate::scenario::Abort;

/// Below so many answers a share of them says nothing.
const ENOUGH_ANSWERS: u64 = 50;

/// Answers so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    /// Of any kind.
    pub all: u64,
    /// Those that leave it open whether anything was done.
    pub unknown: u64,
}

/// Watches the samples, and stops the run when a bound is passed.
#[derive(Debug, Clone)]
pub struct Abortion {
    bounds: Abort,
    stop: CancellationToken,
    reason: Arc<Mutex<Option<String>>>,
}

impl Abortion {
    /// A watch that cancels `stop`.
    #[must_use]
    pub fn new(bounds: &Abort, stop: CancellationToken) -> Self {
        Self { bounds: bounds.clone(), stop, reason: Arc::default() }
    }

    /// Looks at a sample.
    pub fn look(&self, sample: &Sample, answers: Answers) {
        if self.stop.is_cancelled() {
            return;
        }
        if let Some(reason) = passed(&self.bounds, sample, answers) {
            eprintln!("stopping: {reason}");
            self.reason.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
            self.stop.cancel();
        }
    }

    /// Why the run was stopped, when it was.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The first bound that is passed, in words.
fn passed(bounds: &Abort, sample: &Sample, answers: Answers) -> Option<String> {
    let dead: u64 = sample.queues.iter().filter(|queue| queue.dead_letter).map(waiting).sum();
    let backlog: u64 = sample.queues.iter().filter(|queue| !queue.dead_letter).map(waiting).sum::<u64>() + sample.outbox.unwrap_or(0);
    if let Some(most) = bounds.dead_letters.filter(|most| dead > *most) {
        return Some(format!("{dead} dead letters, and the scenario allows {most}"));
    }
    if let Some(most) = bounds.backlog.filter(|most| backlog > *most) {
        return Some(format!("{backlog} messages wait, and the scenario allows {most}"));
    }
    let share = answers.unknown as f64 / answers.all.max(1) as f64;
    if let Some(most) = bounds.unknown_share.filter(|most| answers.all >= ENOUGH_ANSWERS && share > *most) {
        let (share, most) = (share * 100.0, most * 100.0);
        return Some(format!("{share:.0} % of {} answers are unknown, and the scenario allows {most:.0} %", answers.all));
    }
    let least = bounds.stock_below?;
    let below = sample.stock.iter().find(|(_, stock)| *stock < least);
    below.map(|(product, stock)| format!("the stock of {product} is {stock}, below {least}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::event::QueueDepth;

    const NO_ANSWERS: Answers = Answers { all: 0, unknown: 0 };

    fn depth(dead_letter: bool, visible: u64) -> QueueDepth {
        QueueDepth { queue: "any".to_owned(), dead_letter, visible, in_flight: 1, delayed: 0 }
    }

    #[test]
    fn each_bound_is_passed_by_its_own_metric() {
        let bounds = Abort { dead_letters: Some(3), backlog: Some(10), unknown_share: Some(0.5), stock_below: Some(0) };
        let calm = Sample { stock: vec![("a".to_owned(), 0)], queues: vec![depth(true, 2), depth(false, 9)], ..Sample::default() };
        assert_eq!(passed(&bounds, &calm, NO_ANSWERS), None);
        let reason = |sample: &Sample, answers| passed(&bounds, sample, answers).unwrap();
        let dead = Sample { queues: vec![depth(true, 3)], ..calm.clone() };
        assert_eq!(reason(&dead, NO_ANSWERS), "4 dead letters, and the scenario allows 3");
        let waiting = Sample { outbox: Some(1), ..calm.clone() };
        assert_eq!(reason(&waiting, NO_ANSWERS), "11 messages wait, and the scenario allows 10");
        assert_eq!(reason(&calm, Answers { all: 50, unknown: 26 }), "52 % of 50 answers are unknown, and the scenario allows 50 %");
        assert_eq!(passed(&bounds, &calm, Answers { all: 49, unknown: 49 }), None, "too few to say");
        let oversold = Sample { stock: vec![("a".to_owned(), -1)], ..calm };
        assert_eq!(reason(&oversold, NO_ANSWERS), "the stock of a is -1, below 0");
    }

    #[test]
    fn the_first_reason_stops_the_run_and_stays() {
        let stop = CancellationToken::new();
        let watch = Abortion::new(&Abort { stock_below: Some(0), ..Abort::default() }, stop.clone());
        let below = |stock| Sample { stock: vec![("a".to_owned(), stock)], ..Sample::default() };
        watch.look(&below(0), NO_ANSWERS);
        assert!(!stop.is_cancelled());
        watch.look(&below(-1), NO_ANSWERS);
        watch.look(&below(-9), NO_ANSWERS);
        assert!(stop.is_cancelled());
        assert_eq!(watch.reason().as_deref(), Some("the stock of a is -1, below 0"));
    }
}
