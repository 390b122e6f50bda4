//! Turns that the engine's users take, until the plan is through.
//!
//! Open: one user; each turn fires the arrivals of one slice of time at their intended times, the last turn waits until every buyer is done.
//! Closed: each user is one buyer; each turn is about two seconds of that buyer's life. The number of turns is known beforehand, and once the load
//! is over or stopped every turn that is left returns at once, so the engine ends by itself.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

use super::crowd::Crowd;
use super::engine::Timing;
use crate::history::clock::micros;
use crate::history::event::Micros;
use crate::plan::{OwnArrivals, Visits};
use crate::scenario::{Scenario, Traffic};

/// What one turn of the open schedule covers: short enough that the engine's count is never far behind.
const SLICE: Duration = Duration::from_millis(100);

/// What one turn of a closed user covers: longer than the engine takes to launch all users, because until then its counts are not kept.
const CLOSED_SLICE: Duration = Duration::from_secs(2);

/// How often lateness is reported while the last buyers are awaited.
const TAIL_TICK: Duration = Duration::from_secs(1);

/// A second is reported this long after its end, so that attempts sent a little late are in it.
const LATENESS_SETTLES: Micros = 1_000_000;

/// Grace for the machine, on top of every limit that buyers have.
const TAIL_SLACK: Duration = Duration::from_secs(10);

/// Who does what when.
#[derive(Debug)]
pub(super) struct Schedule {
    crowd: Arc<Crowd>,
    model: Model,
    /// Seconds of lateness before this time have been reported.
    told_until: AtomicU64,
    /// Whether the one stage of a closed scenario is in the history.
    stage_told: AtomicBool,
}

#[derive(Debug)]
enum Model {
    Open(Box<Mutex<Open>>),
    Closed { users: Vec<Mutex<Visits>>, duration: Micros },
}

#[derive(Debug)]
struct Open {
    arrivals: Peekable<OwnArrivals>,
    /// Stages that have not begun: when, and their name.
    stages: VecDeque<(Micros, String)>,
    slice: u64,
    slices: u64,
}

impl Schedule {
    pub(super) fn of(crowd: &Arc<Crowd>) -> Self {
        let plan = &crowd.plan;
        let model = match plan.scenario().traffic {
            Traffic::Open { .. } => Model::Open(Box::new(Mutex::new(Open {
                arrivals: plan.arrivals_of(crowd.part).peekable(),
                stages: plan.stage_begins().into_iter().map(|(at, name)| (at, name.to_owned())).collect(),
                slice: 0,
                slices: slices(plan.scenario().duration(), SLICE),
            }))),
            Traffic::Closed { duration, .. } => {
                let users = plan.users_of(crowd.part).map(|user| Mutex::new(plan.visits(user))).collect();
                Model::Closed { users, duration: micros(duration) }
            }
        };
        Self { crowd: Arc::clone(crowd), model, told_until: AtomicU64::new(0), stage_told: AtomicBool::new(false) }
    }

    /// How many users take turns.
    pub(super) fn users(&self) -> usize {
        match &self.model {
            Model::Open(_) => 1,
            Model::Closed { users, .. } => users.len(),
        }
    }

    /// How many turns each takes.
    pub(super) fn turns(&self) -> u64 {
        let duration = self.crowd.plan.scenario().duration();
        match &self.model {
            Model::Open(_) => slices(duration, SLICE) + 1,
            Model::Closed { .. } => slices(duration, CLOSED_SLICE) + 1,
        }
    }

    /// The longest that all of it can take.
    pub(super) fn longest(&self) -> Duration {
        let scenario = self.crowd.plan.scenario();
        longest(scenario) + self.crowd.until_begin()
    }

    /// One turn; returns what was answered meanwhile.
    pub(super) async fn turn(&self, user: usize) -> Vec<Timing> {
        match &self.model {
            Model::Open(open) => self.open_turn(&mut *open.lock().await).await,
            Model::Closed { users, duration } => {
                if let Some(visits) = users.get(user) {
                    self.closed_turn(&mut *visits.lock().await, user, *duration).await;
                }
            }
        }
        self.crowd.ledger.take_timings()
    }

    async fn open_turn(&self, open: &mut Open) {
        let began = self.crowd.began();
        if open.slice == open.slices {
            return self.until_all_are_done(began).await;
        }
        self.crowd.progress.planned_rate(self.planned_rate(open.slice));
        open.slice += 1;
        let end = open.slice * micros(SLICE);
        while let Some(arrival) = open.arrivals.next_if(|arrival| arrival.at < end) {
            self.begin_stages(open, arrival.at);
            let intended = began + arrival.at;
            if !self.crowd.wait_until(intended).await || self.crowd.recorder.failure().is_some() {
                // Nobody else comes; the turns that are left have nothing to do but the last one's waiting.
                open.slice = open.slices;
                return;
            }
            drop(self.crowd.comes(arrival, intended));
        }
        self.begin_stages(open, end.saturating_sub(1));
        if !self.crowd.wait_until(began + end).await {
            open.slice = open.slices;
        }
        // Come-backs and repetitions fall due later than now, so no intended time can lie before this slice's end any more.
        self.tell_lateness(began + end);
    }

    /// Arrivals per second that the plan wants of this part in a slice, to the second.
    fn planned_rate(&self, slice: u64) -> f64 {
        let second = usize::try_from(slice * micros(SLICE) / 1_000_000).unwrap_or(usize::MAX);
        let of_all = self.crowd.plan.summary().per_second.get(second).map_or(0.0, |arrivals| *arrivals as f64);
        of_all / f64::from(self.crowd.part.of().get())
    }

    fn begin_stages(&self, open: &mut Open, upto: Micros) {
        while let Some((_, name)) = open.stages.pop_front_if(|(at, _)| *at <= upto) {
            self.crowd.begin_stage(name);
        }
    }

    async fn until_all_are_done(&self, began: Micros) {
        self.crowd.tasks.close();
        let scenario = self.crowd.plan.scenario();
        let limit = longest_visit(scenario) + TAIL_SLACK;
        let all_done = async {
            loop {
                tokio::select! {
                    () = self.crowd.tasks.wait() => return,
                    () = tokio::time::sleep(TAIL_TICK) => self.tell_lateness(self.crowd.clock.now()),
                }
            }
        };
        if tokio::time::timeout(limit, all_done).await.is_err() {
            let left = self.crowd.tasks.len();
            tracing::error!(left, ?limit, began, "buyers did not end although every wait of theirs has a limit");
        }
    }

    async fn closed_turn(&self, visits: &mut Visits, user: usize, duration: Micros) {
        let began = self.crowd.began();
        if !self.crowd.wait_until(began).await {
            return;
        }
        if user == 0 && !self.stage_told.swap(true, Ordering::Relaxed) {
            self.crowd.begin_stage("users".to_owned());
        }
        let turn_ends = self.crowd.clock.now() + micros(CLOSED_SLICE);
        let load_ends = began + duration;
        while self.crowd.clock.now() < turn_ends.min(load_ends) && !self.crowd.stop.is_cancelled() {
            let Some(visit) = visits.next() else { return };
            let intended = self.crowd.clock.now() + micros(visit.think);
            // Who would act after the end only waits for it; a history that cannot be written ends all at once.
            let acts = intended < load_ends && self.crowd.recorder.failure().is_none();
            if !self.crowd.wait_until(intended.min(load_ends)).await || !acts {
                return;
            }
            // A task of its own, so that a panic ends this visit and not the user; the panic is counted.
            drop(self.crowd.comes(visit.arrival, intended).await);
        }
        self.tell_lateness(self.crowd.clock.now());
    }

    /// Reports the lateness of seconds that ended a while before `now`.
    fn tell_lateness(&self, now: Micros) {
        let upto = now.saturating_sub(LATENESS_SETTLES) / 1_000_000 * 1_000_000;
        if self.told_until.fetch_max(upto, Ordering::Relaxed) < upto {
            let seconds = self.crowd.ledger.close_seconds(upto);
            self.crowd.tell_lateness(seconds);
        }
    }
}

fn slices(duration: Duration, slice: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(slice.as_nanos())).unwrap_or(u64::MAX)
}

/// The longest that a load can take from its begin until its last buyer is done.
pub(super) fn longest(scenario: &Scenario) -> Duration {
    scenario.duration() + longest_visit(scenario) + TAIL_SLACK
}

/// The longest that one arrival can keep its buyer busy: every order of it with every repetition and every pause.
fn longest_visit(scenario: &Scenario) -> Duration {
    let buyers = &scenario.buyers;
    // A pause is at most one and a half times its mean, which is at most 30 s.
    let pause = buyers.retry_after.saturating_mul(2_u32.saturating_pow(buyers.retries)).min(Duration::from_secs(30)).mul_f64(1.5);
    let order = (buyers.patience + pause).saturating_mul(buyers.retries + 1);
    (order + buyers.come_back_after.mul_f64(1.5)).saturating_mul(buyers.come_backs + 1)
}
