//! What has been recorded so far, counted, for whoever looks on while the run is under way. Nothing is proved from it.
//!
//! It takes part in recording only when somebody wants to look on, leaves the many attempts to [`crate::progress`], and keeps a bounded number
//! of everything: of hops, rules and products there are few, of marks only the latest stay.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::clock::RunClock;
use super::event::{Event, FaultMark, FaultState, Micros, Passed, Phase, RoleMark, RoleState, Sample, Shortage};

/// Marks kept: about what a person scrolls through.
const MARKS: usize = 120;

/// Different hops, rules or products that are told apart; a run has some dozens.
const NAMES: usize = 512;

/// Counts of what was recorded; shared by all recorders of a run.
#[derive(Debug)]
pub struct Tally {
    clock: RunClock,
    counts: Mutex<Counts>,
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Phase of the run.
    pub phase: Option<Phase>,
    /// Stage of the load, by its name.
    pub stage: Option<String>,
    /// Traffic by hop and, on hops to SQS, SNS and SES, by action.
    pub traffic: BTreeMap<(String, String), Traffic>,
    /// Rules, and what became of them so far.
    pub rules: BTreeMap<String, Rule>,
    /// Faults and processes, the latest last.
    pub marks: VecDeque<Mark>,
    /// Marks that there were in all.
    pub marks_total: u64,
    /// The last look at the pipeline.
    pub sample: Option<Sample>,
    /// The least stock that was read, by product.
    pub least_stock: BTreeMap<String, i64>,
    /// Restocks that were seen to be applied.
    pub restocks: u64,
    /// Messages seen on topics.
    pub published: u64,
    /// Processes that ended unasked.
    pub unasked: Vec<String>,
    /// What the harness itself lacked, the first time.
    pub short: Option<Shortage>,
}

/// What passed a hop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests.
    pub requests: u64,
    /// Messages in them, or the requests themselves where they carry none.
    pub items: u64,
    /// Requests that a fault struck.
    pub struck: u64,
    /// Requests answered with 5xx, or not at all.
    pub failed: u64,
}

/// A planned fault so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// It was put into force.
    pub requested: bool,
    /// It was seen to take effect.
    pub effective: bool,
    /// How often it struck.
    pub strikes: u64,
    /// How it ended: proved to be gone (true), or not proved (false).
    pub healed: Option<bool>,
}

impl Rule {
    /// Whether it is in force.
    #[must_use]
    pub fn in_force(&self) -> bool {
        self.requested && self.healed.is_none()
    }
}

/// Something that happened to a fault, a process or the harness itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// When, µs since the run's start.
    pub at: Micros,
    /// Whether it is about a process; otherwise about a fault or the harness itself.
    pub process: bool,
    /// Name of the rule or the role, or the place in the harness.
    pub name: String,
    /// "requested", "fired", "healed"; "started", "ready", "exited"; "short" of something that the machine would not give.
    pub state: &'static str,
    /// Hop, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<String>,
    /// Detail for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// It should not have happened: a process that ended unasked, a fault that was not proved to be gone, a harness without file handles.
    pub unasked: bool,
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(clock: RunClock) -> Arc<Self> {
        Arc::new(Self { clock, counts: Mutex::default() })
    }

    /// The run's clock.
    #[must_use]
    pub fn clock(&self) -> RunClock {
        self.clock
    }

    /// Everything at this moment.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    pub(super) fn count(&self, event: &Event) {
        match event {
            // Tens of thousands a second, which the progress counts already.
            Event::Invoke(_) | Event::Complete(_) | Event::Final(_) | Event::Lateness(_) => {}
            Event::Passed(passed) => self.lock().passed(passed),
            Event::Fault(fault) => self.lock().fault(self.clock.now(), fault),
            Event::Role(role) => self.lock().role(self.clock.now(), role),
            Event::Sample(sample) => self.lock().sampled(sample),
            Event::Phase(mark) if mark.begin => self.lock().phase = Some(mark.phase),
            Event::Stage { name } => self.lock().stage = Some(name.clone()),
            Event::RestockSeen { .. } => self.lock().restocks += 1,
            Event::Published(_) => self.lock().published += 1,
            Event::Shortage(shortage) => self.lock().shortage(self.clock.now(), shortage),
            Event::Header(_) | Event::Merged(_) | Event::Phase(_) | Event::Opening { .. } | Event::Ended { .. } => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn passed(&mut self, passed: &Passed) {
        // Paths are the buyers' to choose; actions of AWS are few.
        let what = if passed.hop.starts_with("aws.") { passed.what.as_str() } else { "" };
        let key = (passed.hop.clone(), what.to_owned());
        if self.traffic.len() >= NAMES && !self.traffic.contains_key(&key) {
            return;
        }
        let traffic = self.traffic.entry(key).or_default();
        traffic.requests += 1;
        traffic.items += passed.ids.len().max(1) as u64;
        traffic.struck += u64::from(!passed.rules.is_empty());
        traffic.failed += u64::from(passed.status.is_none_or(|status| status >= 500));
    }

    fn fault(&mut self, at: Micros, mark: &FaultMark) {
        if self.rules.len() < NAMES || self.rules.contains_key(&mark.rule) {
            let rule = self.rules.entry(mark.rule.clone()).or_default();
            match mark.state {
                FaultState::Requested => rule.requested = true,
                FaultState::Effective => rule.effective = true,
                FaultState::Fired => rule.strikes += 1,
                FaultState::Healed => rule.healed = Some(true),
                FaultState::Unhealed => rule.healed = Some(false),
            }
        }
        let state = match mark.state {
            FaultState::Requested => "requested",
            FaultState::Effective => "effective",
            FaultState::Fired => "fired",
            FaultState::Healed => "healed",
            FaultState::Unhealed => "unhealed",
        };
        let unasked = mark.state == FaultState::Unhealed;
        self.mark(Mark { at, process: false, name: mark.rule.clone(), state, hop: mark.hop.clone(), note: mark.note.clone(), unasked });
    }

    fn role(&mut self, at: Micros, mark: &RoleMark) {
        let (state, gone) = match mark.state {
            RoleState::Started => ("started", false),
            RoleState::Ready => ("ready", false),
            RoleState::Exited => ("exited", true),
        };
        let unasked = gone && !mark.planned;
        if unasked && self.unasked.len() < NAMES {
            self.unasked.push(mark.role.clone());
        }
        self.mark(Mark { at, process: true, name: mark.role.clone(), state, hop: None, note: mark.note.clone(), unasked });
    }

    fn shortage(&mut self, at: Micros, shortage: &Shortage) {
        let note = Some(format!("cannot {}: {}", shortage.wanted, shortage.error));
        self.mark(Mark { at, process: false, name: shortage.place.clone(), state: "short", hop: None, note, unasked: true });
        self.short.get_or_insert_with(|| shortage.clone());
    }

    fn mark(&mut self, mark: Mark) {
        if self.marks.len() == MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back(mark);
        self.marks_total += 1;
    }

    fn sampled(&mut self, sample: &Sample) {
        for (product, pieces) in &sample.stock {
            if let Some(least) = self.least_stock.get_mut(product) {
                *least = (*least).min(*pieces);
            } else if self.least_stock.len() < NAMES {
                self.least_stock.insert(product.clone(), *pieces);
            }
        }
        self.sample = Some(sample.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(hop: &str, what: &str, ids: usize, status: Option<u16>) -> Event {
        Event::Passed(Passed {
            hop: hop.to_owned(),
            what: what.to_owned(),
            ids: vec![String::new(); ids],
            began: 0,
            took: 0,
            status,
            upstream: None,
            rules: if status.is_none() { vec!["cut".to_owned()] } else { Vec::new() },
            note: None,
        })
    }

    fn fault(state: FaultState) -> Event {
        Event::Fault(FaultMark { rule: "cut".to_owned(), state, hop: None, ids: Default::default(), note: None })
    }

    #[tokio::test]
    async fn messages_are_counted_by_hop_and_action_and_paths_are_not_told_apart() {
        let tally = Tally::new(RunClock::start());
        for event in [passed("aws.relay", "PublishBatch", 3, Some(200)), passed("aws.relay", "PublishBatch", 2, None)] {
            tally.count(&event);
        }
        for path in 0..2_000 {
            tally.count(&passed("sales", &format!("GET /{path}"), 0, Some(404)));
        }
        let counts = tally.counts();
        let traffic = |hop: &str, what: &str| counts.traffic[&(hop.to_owned(), what.to_owned())];
        assert_eq!(traffic("aws.relay", "PublishBatch"), Traffic { requests: 2, items: 5, struck: 1, failed: 1 });
        assert_eq!(traffic("sales", ""), Traffic { requests: 2_000, items: 2_000, struck: 0, failed: 0 });
        assert_eq!(counts.traffic.len(), 2);
    }

    #[tokio::test]
    async fn of_what_the_harness_lacked_the_first_stays_and_each_is_marked() {
        let tally = Tally::new(RunClock::start());
        for place in ["the tap of sales", "the sampler"] {
            let (wanted, error) = ("open a connection".to_owned(), "Too many open files".to_owned());
            tally.count(&Event::Shortage(Shortage { place: place.to_owned(), wanted, error }));
        }
        let counts = tally.counts();
        assert_eq!(counts.short.map(|short| short.place).as_deref(), Some("the tap of sales"));
        assert_eq!(
            counts.marks.iter().map(|mark| (mark.name.as_str(), mark.state)).collect::<Vec<_>>(),
            [("the tap of sales", "short"), ("the sampler", "short")]
        );
    }

    #[tokio::test]
    async fn of_many_strikes_the_latest_are_kept_and_all_are_counted() {
        let tally = Tally::new(RunClock::start());
        tally.count(&fault(FaultState::Requested));
        assert!(tally.counts().rules["cut"].in_force());
        (0..1_000).for_each(|_| tally.count(&fault(FaultState::Fired)));
        tally.count(&fault(FaultState::Healed));
        let counts = tally.counts();
        assert_eq!((counts.marks.len(), counts.marks_total), (MARKS, 1_002));
        assert_eq!(counts.rules["cut"], Rule { requested: true, effective: false, strikes: 1_000, healed: Some(true) });
        assert_eq!(counts.marks.back().map(|mark| mark.state), Some("healed"));
    }
}
