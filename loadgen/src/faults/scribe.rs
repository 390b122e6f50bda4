//! Writes what passes the taps, and what strikes there, into the history, off the way of the traffic.
//!
//! Two bounded lines lead here, so that the many exchanges never crowd out the firings, which the proof needs one by one. What finds its line
//! full is counted as missed; a missed firing leaves its rule unproved.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use chaos::observe::{Ending, Exchange, Fired, Observer, TookEffect};
use chaos::shortage::Shortage;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{FiredFile, Poison, ids, mark};
use crate::history::clock::{RunClock, micros};
use crate::history::event::{self, BusinessIds, Event, FaultMark, FaultState, Passed};
use crate::history::writer::Recorder;

/// Firings that may wait to be written: some seconds of a rule that strikes everything.
const FIRINGS: usize = 65_536;

/// Exchanges that may wait.
const EXCHANGES: usize = 16_384;

/// Exchanges that are written before the next look at the firings.
const BATCH: usize = 64;

/// A tap that lacks file handles says so for each connection; it is written down so often.
const SHORTAGES_EVERY: Duration = Duration::from_secs(1);

/// The word for the fault that sends garbage.
const POISON: &str = "poison";

/// Writes; a clone is the same scribe.
#[derive(Debug, Clone)]
pub(super) struct Scribe {
    lines: Arc<Lines>,
}

#[derive(Debug)]
struct Lines {
    struck: mpsc::Sender<Struck>,
    passed: mpsc::Sender<Exchange>,
    missed_firings: AtomicU64,
    missed_exchanges: AtomicU64,
    fired: Mutex<FiredFile>,
    /// When each hop last told that its tap lacks something.
    short: Mutex<HashMap<Arc<str>, Instant>>,
}

#[derive(Debug)]
enum Struck {
    Fired(Fired),
    TookEffect(TookEffect),
    FellShort(Shortage),
    /// Everything before it is written.
    Flush(oneshot::Sender<()>),
}

impl Scribe {
    pub(super) fn start(recorder: Recorder, clock: RunClock, poison: Poison, seed: u64) -> Self {
        let (struck, their_struck) = mpsc::channel(FIRINGS);
        let (passed, their_passed) = mpsc::channel(EXCHANGES);
        let (missed_firings, missed_exchanges) = (AtomicU64::new(0), AtomicU64::new(0));
        let lines = Arc::new(Lines {
            struck,
            passed,
            missed_firings,
            missed_exchanges,
            fired: Mutex::new(FiredFile::new(seed)),
            short: Mutex::default(),
        });
        // The writer must not keep alive the senders that it waits for.
        let desk = Desk { recorder, clock, poison, lines: Arc::downgrade(&lines) };
        tokio::spawn(desk.write(their_struck, their_passed));
        Self { lines }
    }

    pub(super) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.lines) as Arc<dyn Observer>
    }

    /// Returns when everything that was reported before is written.
    pub(super) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.lines.struck.send(Struck::Flush(done)).await.is_ok() {
            // The writer ends with its senders, and this is one of them.
            let _ = written.await;
        }
    }

    /// Firings and effects that were not written, because nobody could have kept up.
    pub(super) fn missed_firings(&self) -> u64 {
        self.lines.missed_firings.load(Ordering::Relaxed)
    }

    /// What fired so far.
    pub(super) fn fired(&self) -> FiredFile {
        self.lines.fired.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Exchanges likewise.
    pub(super) fn missed_exchanges(&self) -> u64 {
        self.lines.missed_exchanges.load(Ordering::Relaxed)
    }
}

impl Observer for Lines {
    fn exchange(&self, exchange: Exchange) {
        if says_nothing(&exchange) {
            return;
        }
        if self.passed.try_send(exchange).is_err() {
            self.missed_exchanges.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn fired(&self, fired: Fired) {
        if self.struck.try_send(Struck::Fired(fired)).is_err() {
            self.missed_firings.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn took_effect(&self, effect: TookEffect) {
        if self.struck.try_send(Struck::TookEffect(effect)).is_err() {
            self.missed_firings.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn fell_short(&self, shortage: Shortage) {
        let now = Instant::now();
        let mut short = self.short.lock().unwrap_or_else(PoisonError::into_inner);
        if short.get(&shortage.hop).is_some_and(|last| now.duration_since(*last) < SHORTAGES_EVERY) {
            return;
        }
        // One that found no room is told again by the next.
        if self.struck.try_send(Struck::FellShort(shortage.clone())).is_ok() {
            short.insert(shortage.hop, now);
        }
    }
}

/// A receive that brings nothing is most of what passes, and says nothing.
fn says_nothing(exchange: &Exchange) -> bool {
    let quiet = exchange.ids.is_empty() && exchange.rules.is_empty() && exchange.note.is_none();
    quiet && exchange.action.as_deref() == Some(Passed::RECEIVE) && exchange.ending == Ending::Answered { status: 200 }
}

/// Where everything is written.
struct Desk {
    recorder: Recorder,
    clock: RunClock,
    poison: Poison,
    lines: Weak<Lines>,
}

impl Desk {
    async fn write(self, mut struck: mpsc::Receiver<Struck>, mut passed: mpsc::Receiver<Exchange>) {
        let mut exchanges = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                next = struck.recv() => match next {
                    Some(Struck::Fired(fired)) => self.fired(&fired),
                    Some(Struck::TookEffect(effect)) => {
                        self.recorder.record(mark(&effect.rule, FaultState::Effective, Some(&effect.hop), Some(effect.seen)));
                    }
                    Some(Struck::FellShort(Shortage { hop, wanted, error })) => {
                        let place = format!("the tap of {hop}");
                        self.recorder.record(Event::Shortage(event::Shortage { place, wanted: wanted.to_owned(), error }));
                    }
                    Some(Struck::Flush(done)) => {
                        while let Ok(exchange) = passed.try_recv() {
                            self.recorder.record(of_exchange(exchange, self.clock));
                        }
                        // Whoever asked may have gone meanwhile.
                        let _ = done.send(());
                    }
                    None => return,
                },
                _ = passed.recv_many(&mut exchanges, BATCH), if !passed.is_closed() => {
                    for exchange in exchanges.drain(..) {
                        self.recorder.record(of_exchange(exchange, self.clock));
                    }
                }
            }
        }
    }

    fn fired(&self, fired: &Fired) {
        let sent = fired.note.as_deref().and_then(|text| self.poison.id_of(text));
        if fired.fault == POISON && sent.is_none() {
            // Nobody took it, so there is nothing to be captured.
            return;
        }
        // Poison has an id of its own; that of the message beside it stands in its text.
        let ids = match sent {
            Some(id) => BusinessIds { message: Some(id), ..BusinessIds::default() },
            None => ids::in_history(&fired.ids),
        };
        let hop = Some(fired.hop.to_string());
        self.recorder.record(Event::Fault(FaultMark {
            rule: fired.rule.to_string(),
            state: FaultState::Fired,
            hop,
            ids,
            note: fired.note.clone(),
        }));
        if let Some(lines) = self.lines.upgrade() {
            lines.fired.lock().unwrap_or_else(PoisonError::into_inner).add(fired, self.clock.at(fired.at));
        }
    }
}

fn of_exchange(exchange: Exchange, clock: RunClock) -> Event {
    let status = match exchange.ending {
        Ending::Answered { status } => Some(status),
        Ending::HungUp => None,
    };
    Event::Passed(Passed {
        hop: exchange.hop.to_string(),
        what: exchange.action.unwrap_or_else(|| format!("{} {}", exchange.method, exchange.path)),
        ids: exchange.ids.iter().filter_map(|ids| ids.deciding().map(str::to_owned)).collect(),
        began: clock.at(exchange.began),
        took: micros(exchange.took),
        status,
        upstream: exchange.upstream_status.filter(|upstream| Some(*upstream) != status),
        rules: exchange.rules.iter().map(ToString::to_string).collect(),
        note: exchange.note,
    })
}

#[cfg(test)]
mod tests {
    use chaos::plan::Plan;

    use super::*;
    use crate::history::{HistoryReader, HistoryWriter};

    #[tokio::test(start_paused = true)]
    async fn a_shortage_is_written_once_a_second_for_each_hop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl.zst");
        let clock = RunClock::start();
        let history = HistoryWriter::create(&path, clock).unwrap();
        let scribe = Scribe::start(history.recorder(), clock, Poison::of(&Plan::default()), 1);
        let short = |hop: &str| Shortage { hop: hop.into(), wanted: "accept a connection", error: "Too many open files".to_owned() };
        for _ in 0..3 {
            for hop in ["sales", "sales", "aws.relay"] {
                scribe.observer().fell_short(short(hop));
            }
            tokio::time::advance(SHORTAGES_EVERY / 2).await;
        }
        scribe.flush().await;
        drop(scribe);
        history.finish(false).unwrap();
        let places: Vec<String> = HistoryReader::open(&path)
            .unwrap()
            .filter_map(|line| if let Event::Shortage(short) = line.unwrap().event { Some(short.place) } else { None })
            .collect();
        // At the beginning, and a second later.
        assert_eq!(places, ["the tap of sales", "the tap of aws.relay", "the tap of sales", "the tap of aws.relay"]);
    }
}
