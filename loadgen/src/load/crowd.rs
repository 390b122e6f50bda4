//! What all buyers of a load share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chaos::faults::Faults;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ledger::Ledger;
use super::pool::Pool;
use super::{LoadInput, LoadReport, Target, buyer};
use crate::history::event::{Event, Lateness, Micros};
use crate::history::{Recorder, RunClock};
use crate::plan::{Arrival, Part, Plan};
use crate::progress::state::ProgressState;

/// Buyers, and what they have in common.
#[derive(Debug)]
pub(super) struct Crowd {
    pub(super) plan: Plan,
    pub(super) part: Part,
    pub(super) target: Target,
    pub(super) pool: Pool,
    pub(super) recorder: Recorder,
    pub(super) clock: RunClock,
    pub(super) progress: Arc<ProgressState>,
    pub(super) stop: CancellationToken,
    pub(super) faults: Faults,
    pub(super) ledger: Ledger,
    pub(super) tasks: TaskTracker,
    began: OnceLock<Micros>,
    arrived: AtomicU64,
    next_op: AtomicU64,
    panicked: AtomicU64,
    /// Tells the traces of this run from those of another run with the same keys.
    traces: u128,
}

impl Crowd {
    pub(super) fn new(input: LoadInput<'_>, pool: Pool) -> Self {
        let LoadInput { plan, part, begin, target, recorder, clock, progress, stop, faults } = input;
        if let Some(begin) = begin {
            faults.start_at(clock.instant(begin));
        }
        Self {
            plan: plan.clone(),
            part,
            target,
            pool,
            recorder,
            clock,
            progress,
            stop,
            faults,
            ledger: Ledger::new(),
            tasks: TaskTracker::new(),
            began: begin.map_or_else(OnceLock::new, OnceLock::from),
            arrived: AtomicU64::new(0),
            next_op: AtomicU64::new(1),
            panicked: AtomicU64::new(0),
            traces: rand::random(),
        }
    }

    /// How long it is until a begin that was fixed beforehand.
    pub(super) fn until_begin(&self) -> Duration {
        Duration::from_micros(self.began.get().copied().unwrap_or(0).saturating_sub(self.clock.now()))
    }

    /// When the plan's time begins: as fixed beforehand, else at the first call.
    pub(super) fn began(&self) -> Micros {
        *self.began.get_or_init(|| {
            let now = self.clock.now();
            self.faults.start_at(self.clock.instant(now));
            now
        })
    }

    /// The trace of an order: all attempts under one key are one order. What has no key is an order of its own.
    pub(super) fn trace_of(&self, key: Option<&str>, op: u64) -> u128 {
        let mut digest = Sha256::new_with_prefix(self.traces.to_le_bytes());
        match key {
            Some(key) => digest.update(key),
            None => digest.update(op.to_le_bytes()),
        }
        let digest: [u8; 32] = digest.finalize().into();
        u128::from_le_bytes(digest[..16].try_into().expect("sixteen of thirty-two bytes"))
    }

    /// Number of the next attempt.
    pub(super) fn next_op(&self) -> u64 {
        self.next_op.fetch_add(1, Ordering::Relaxed)
    }

    /// One more buyer comes: as a task of its own, for which nobody has to wait.
    pub(super) fn comes(self: &Arc<Self>, arrival: Arrival, intended: Micros) -> tokio::task::JoinHandle<()> {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        let crowd = Arc::clone(self);
        self.tasks.spawn(async move {
            let guard = PanicCount(&crowd.panicked);
            buyer::visit(&crowd, &arrival, intended).await;
            drop(guard);
        })
    }

    /// Waits until the clock shows `at`; false when the load was stopped first.
    pub(super) async fn wait_until(&self, at: Micros) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep_until(self.clock.instant(at)) => true,
        }
    }

    /// A stage of the arrival curve begins.
    pub(super) fn begin_stage(&self, name: String) {
        self.faults.set_phase(Some(&name));
        self.progress.detail(name.clone());
        self.recorder.record(Event::Stage { name });
    }

    /// Writes down how late the attempts of these seconds were.
    pub(super) fn tell_lateness(&self, seconds: Vec<Lateness>) {
        for second in seconds {
            self.progress.lateness_p99(second.p99);
            self.recorder.record(Event::Lateness(second));
        }
    }

    /// Buyers that ended with a panic.
    pub(super) fn panicked(&self) -> u64 {
        self.panicked.load(Ordering::Relaxed)
    }

    pub(super) fn report(&self, ended: Micros, counted_by_engine: u64) -> LoadReport {
        self.tell_lateness(self.ledger.close_all());
        LoadReport {
            began: self.began(),
            ended,
            arrived: self.arrived.load(Ordering::Relaxed),
            attempted: self.ledger.attempted(),
            connections: self.pool.opened(),
            counted_by_engine,
            interrupted: self.stop.is_cancelled(),
        }
    }
}

/// Counts a panic that passes it.
struct PanicCount<'a>(&'a AtomicU64);

impl Drop for PanicCount<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
