//! What the load notes beside the history: how late the generator itself was, second by second, and the times that goose counts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

use super::engine::Timing;
use crate::history::event::{Answer, Lateness, Micros, OpKind, Outcome};
use crate::result::latency::histogram;

/// One second, in the clock's unit.
const SECOND: Micros = 1_000_000;

/// The measurements, shared by all buyers.
#[derive(Debug)]
pub(super) struct Ledger {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    attempted: u64,
    /// Not yet handed to the engine.
    timings: Vec<Timing>,
    /// Lateness by the second into which the intended time fell.
    seconds: BTreeMap<u64, Histogram<u64>>,
    /// Seconds before this one have been reported; what comes late for them counts in this one.
    open_from: u64,
}

/// An attempt that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) kind: OpKind,
    pub(super) answer: Answer,
    pub(super) outcome: Outcome,
    pub(super) status: Option<u16>,
    pub(super) intended: Micros,
    pub(super) ended: Micros,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { inner: Mutex::new(Inner { attempted: 0, timings: Vec::new(), seconds: BTreeMap::new(), open_from: 0 }) }
    }

    /// An attempt is being sent now.
    pub(super) fn sent(&self, intended: Micros, sent: Micros) {
        let mut inner = self.lock();
        let late = sent.saturating_sub(intended);
        inner.attempted += 1;
        let second = (intended / SECOND).max(inner.open_from);
        inner.seconds.entry(second).or_insert_with(histogram).saturating_record(late);
    }

    pub(super) fn over(&self, measured: Measured) {
        let latency = measured.ended.saturating_sub(measured.intended);
        let mut inner = self.lock();
        inner.timings.push(Timing {
            kind: kind_word(measured.kind),
            answer: answer_word(measured.answer),
            latency,
            understood: measured.outcome != Outcome::Info,
            status: measured.status,
        });
    }

    /// Times measured since the last call.
    pub(super) fn take_timings(&self) -> Vec<Timing> {
        std::mem::take(&mut self.lock().timings)
    }

    /// Reports the seconds that are over and into which no intended time can fall any more: those before `upto`.
    pub(super) fn close_seconds(&self, upto: Micros) -> Vec<Lateness> {
        let mut inner = self.lock();
        inner.open_from = inner.open_from.max(upto / SECOND);
        let open_from = inner.open_from;
        let still_open = inner.seconds.split_off(&open_from);
        std::mem::replace(&mut inner.seconds, still_open).values().map(lateness).collect()
    }

    /// Whatever is still open, at the end.
    pub(super) fn close_all(&self) -> Vec<Lateness> {
        std::mem::take(&mut self.lock().seconds).values().map(lateness).collect()
    }

    /// Attempts so far.
    pub(super) fn attempted(&self) -> u64 {
        self.lock().attempted
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lateness(second: &Histogram<u64>) -> Lateness {
    Lateness { sent: second.len(), p50: second.value_at_quantile(0.5), p99: second.value_at_quantile(0.99), max: second.max() }
}

fn kind_word(kind: OpKind) -> &'static str {
    match kind {
        OpKind::Browse => "browse",
        OpKind::Purchase => "purchase",
        OpKind::Hostile => "hostile",
    }
}

fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Sold => "sold",
        Answer::SoldOut => "sold_out",
        Answer::Browsed => "browsed",
        Answer::Rejected => "rejected",
        Answer::InFlight => "in_flight",
        Answer::Shed => "shed",
        Answer::ServerError => "server_error",
        Answer::TimedOut => "timed_out",
        Answer::Cut => "cut",
        Answer::Unreachable => "unreachable",
        Answer::Garbled => "garbled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_reported_by_the_second_that_was_intended() {
        let ledger = Ledger::new();
        ledger.sent(100_000, 101_000);
        ledger.sent(900_000, 1_900_000);
        ledger.sent(1_200_000, 1_900_000);
        let closed = ledger.close_seconds(SECOND);
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].sent, 2);
        assert!((999_000..=1_001_000).contains(&closed[0].max), "{}", closed[0].max);
        // Late for a second that was reported already: it counts in the next report, so nothing is hidden.
        ledger.sent(950_000, 2_950_000);
        let rest = ledger.close_all();
        assert_eq!(rest.iter().map(|second| second.sent).collect::<Vec<_>>(), [2]);
        assert!(rest[0].max >= 1_990_000, "{}", rest[0].max);
        assert_eq!(ledger.attempted(), 4);
    }
}
