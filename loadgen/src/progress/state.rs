//! What a run is doing right now: the load engine and the sampler write it, the display reads it. Nothing is computed from it.
//!
//! The engine touches only atomics, so showing progress costs an arrival a few nanoseconds.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::history::event::{Phase, QueueDepth, Sample};
use crate::result::answer::AnswerClass;

/// Latency buckets: eight per doubling, so that a percentile shown is within 9 %; 36 doublings reach beyond an hour.
const LATENCY_BUCKETS: usize = 8 * 36;

/// Shared by whoever knows something and the display.
#[derive(Debug)]
pub struct ProgressState {
    run: Mutex<RunState>,
    sent: AtomicU64,
    answers: [AtomicU64; 5],
    latency: [AtomicU64; LATENCY_BUCKETS],
    lateness_p99_us: AtomicU64,
    planned_milli_rate: AtomicU64,
    waiting: AtomicU64,
    in_flight: AtomicU64,
    dead_letters: AtomicU64,
    open_productions: AtomicU64,
    stock: AtomicI64,
    sampled: AtomicU64,
}

#[derive(Debug)]
struct RunState {
    phase: Phase,
    phase_began: Instant,
    detail: String,
    planned_arrivals: u64,
    load_duration: Duration,
}

/// Takes snapshots of a [`ProgressState`]; latency counts from its own last one.
#[derive(Debug)]
pub struct Reader {
    state: Arc<ProgressState>,
    seen: [u64; LATENCY_BUCKETS],
}

impl Reader {
    /// Everything at this moment.
    pub fn snapshot(&mut self) -> Snapshot {
        let now: [u64; LATENCY_BUCKETS] = std::array::from_fn(|index| self.state.latency[index].load(Relaxed));
        let since: Vec<u64> = now.iter().zip(&self.seen).map(|(now, seen)| now - seen).collect();
        self.seen = now;
        self.state.snapshot(&since)
    }
}

/// What the display shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Phase of the run.
    pub phase: Phase,
    /// Time since it began.
    pub in_phase: Duration,
    /// What it is about right now (stage of the load, role that is awaited, queue that is not empty).
    pub detail: String,
    /// Arrivals that the plan wants in total; 0 when not known yet.
    pub planned_arrivals: u64,
    /// How long the load is planned to last.
    pub load_duration: Duration,
    /// Attempts sent so far.
    pub sent: u64,
    /// Answers so far, in the order of [`AnswerClass::ALL`].
    pub answers: [u64; 5],
    /// Median latency from the intended start since the last snapshot, µs; None when nothing was answered.
    pub p50_us: Option<u64>,
    /// 99th percentile likewise, µs.
    pub p99_us: Option<u64>,
    /// How late the generator runs, 99th percentile of the last second, µs.
    pub lateness_p99_us: u64,
    /// Arrivals per second that the plan wants now.
    pub planned_rate: f64,
    /// What the sampler saw last; None before its first look.
    pub pipeline: Option<Pipeline>,
}

/// The pipeline as last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipeline {
    /// Stock of all products together.
    pub stock: i64,
    /// Messages waiting in all queues but dead-letter queues.
    pub waiting: u64,
    /// Messages taken and not yet deleted.
    pub in_flight: u64,
    /// Messages in dead-letter queues.
    pub dead_letters: u64,
    /// Productions requested and not yet applied.
    pub open_productions: u64,
}

impl Default for ProgressState {
    fn default() -> Self {
        let run = RunState {
            phase: Phase::Plan,
            phase_began: Instant::now(),
            detail: String::new(),
            planned_arrivals: 0,
            load_duration: Duration::ZERO,
        };
        ProgressState {
            run: Mutex::new(run),
            sent: AtomicU64::new(0),
            answers: std::array::from_fn(|_| AtomicU64::new(0)),
            latency: std::array::from_fn(|_| AtomicU64::new(0)),
            lateness_p99_us: AtomicU64::new(0),
            planned_milli_rate: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            dead_letters: AtomicU64::new(0),
            open_productions: AtomicU64::new(0),
            stock: AtomicI64::new(0),
            sampled: AtomicU64::new(0),
        }
    }
}

impl ProgressState {
    /// A run that is being planned, to be shared.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The plan is made: so many arrivals over so much time.
    pub fn planned(&self, arrivals: u64, load_duration: Duration) {
        self.with_run(|run| (run.planned_arrivals, run.load_duration) = (arrivals, load_duration));
    }

    /// A phase begins.
    pub fn enter(&self, phase: Phase) {
        self.with_run(|run| {
            (run.phase, run.phase_began) = (phase, Instant::now());
            run.detail.clear();
        });
    }

    /// What the phase is about right now: a stage, a role that is awaited, a queue that is not empty.
    pub fn detail(&self, detail: impl Into<String>) {
        let detail = detail.into();
        self.with_run(|run| run.detail = detail);
    }

    /// Arrivals per second that the plan wants from now on.
    pub fn planned_rate(&self, per_second: f64) {
        self.planned_milli_rate.store((per_second * 1_000.0) as u64, Relaxed);
    }

    /// An attempt was sent.
    pub fn sent(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    /// An attempt was answered or given up on, so many µs after its intended start.
    pub fn answered(&self, class: AnswerClass, latency_us: u64) {
        self.answers[class.index()].fetch_add(1, Relaxed);
        self.latency[latency_bucket(latency_us)].fetch_add(1, Relaxed);
    }

    /// Answers so far, in the order of [`AnswerClass::ALL`].
    #[must_use]
    pub fn answers(&self) -> [u64; 5] {
        std::array::from_fn(|index| self.answers[index].load(Relaxed))
    }

    /// Attempts sent so far.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Arrivals per second that the plan wants now.
    #[must_use]
    pub fn planned_rate_now(&self) -> f64 {
        self.planned_milli_rate.load(Relaxed) as f64 / 1_000.0
    }

    /// The generator's lateness as last told, µs.
    #[must_use]
    pub fn lateness_p99_now(&self) -> u64 {
        self.lateness_p99_us.load(Relaxed)
    }

    /// The generator's lateness over the last second, 99th percentile, µs.
    pub fn lateness_p99(&self, us: u64) {
        self.lateness_p99_us.store(us, Relaxed);
    }

    /// What the sampler saw; what a sample does not say stays as it was.
    pub fn sampled(&self, sample: &Sample) {
        if !sample.stock.is_empty() {
            self.stock.store(sample.stock.iter().map(|(_, pieces)| pieces).sum(), Relaxed);
        }
        if !sample.queues.is_empty() {
            let sum =
                |dead: bool, depth: fn(&QueueDepth) -> u64| sample.queues.iter().filter(|queue| queue.dead_letter == dead).map(depth).sum();
            self.waiting.store(sum(false, |queue| queue.visible + queue.delayed), Relaxed);
            self.in_flight.store(sum(false, |queue| queue.in_flight), Relaxed);
            self.dead_letters.store(sum(true, |queue| queue.visible + queue.in_flight + queue.delayed), Relaxed);
        }
        if let Some(open) = sample.open_productions {
            self.open_productions.store(open, Relaxed);
        }
        self.sampled.fetch_add(1, Relaxed);
    }

    /// Somebody who takes snapshots; several may do so independently of each other.
    #[must_use]
    pub fn reader(self: &Arc<Self>) -> Reader {
        Reader { state: Arc::clone(self), seen: [0; LATENCY_BUCKETS] }
    }

    /// Answers so far by latency from the intended start, as upper end of the bucket in µs, answers in it. Buckets of nothing are left out.
    #[must_use]
    pub fn latencies(&self) -> Vec<(u64, u64)> {
        let counts = self.latency.iter().map(|bucket| bucket.load(Relaxed));
        counts.enumerate().filter(|(_, count)| *count > 0).map(|(index, count)| (bucket_end(index), count)).collect()
    }

    fn snapshot(&self, times: &[u64]) -> Snapshot {
        let pipeline = (self.sampled.load(Relaxed) > 0).then(|| Pipeline {
            stock: self.stock.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            dead_letters: self.dead_letters.load(Relaxed),
            open_productions: self.open_productions.load(Relaxed),
        });
        self.with_run(|run| Snapshot {
            phase: run.phase,
            in_phase: run.phase_began.elapsed(),
            detail: run.detail.clone(),
            planned_arrivals: run.planned_arrivals,
            load_duration: run.load_duration,
            sent: self.attempts(),
            answers: self.answers(),
            p50_us: quantile(times, 0.5),
            p99_us: quantile(times, 0.99),
            lateness_p99_us: self.lateness_p99_now(),
            planned_rate: self.planned_rate_now(),
            pipeline,
        })
    }

    /// A display must go on even when some other thread died while it held the lock: the state is only words.
    fn with_run<T>(&self, change: impl FnOnce(&mut RunState) -> T) -> T {
        change(&mut self.run.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The bucket of a time: eight per doubling.
fn latency_bucket(us: u64) -> usize {
    let bucket = ((us.max(1) as f64).log2() * 8.0) as usize;
    bucket.min(LATENCY_BUCKETS - 1)
}

/// The upper end of the bucket in which a quantile lies, µs.
fn quantile(buckets: &[u64], quantile: f64) -> Option<u64> {
    let total: u64 = buckets.iter().sum();
    let rank = ((total as f64 * quantile).ceil() as u64).max(1);
    let mut seen = 0;
    let index = buckets.iter().position(|count| {
        seen += count;
        seen >= rank
    })?;
    Some(bucket_end(index))
}

/// The upper end of a bucket, µs.
fn bucket_end(index: usize) -> u64 {
    ((index + 1) as f64 / 8.0).exp2() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_snapshot_shows_latency_since_the_last_one_within_a_tenth() {
        let state = ProgressState::new();
        (0..98).for_each(|_| state.answered(AnswerClass::Sold, 2_000));
        (0..2).for_each(|_| state.answered(AnswerClass::Unknown, 800_000));
        let mut reader = state.reader();
        let snapshot = reader.snapshot();
        let within = |seen: Option<u64>, true_value: f64| (seen.unwrap() as f64 / true_value - 1.0).abs() < 0.1;
        assert!(within(snapshot.p50_us, 2_000.0) && within(snapshot.p99_us, 800_000.0), "{snapshot:?}");
        assert_eq!(snapshot.answers, [98, 0, 0, 0, 2]);
        assert_eq!(reader.snapshot().p50_us, None, "nothing was answered since");
        assert!(state.reader().snapshot().p50_us.is_some(), "another reader has its own last snapshot");
    }

    #[tokio::test]
    async fn dead_letters_are_no_backlog() {
        let state = ProgressState::new();
        assert_eq!(state.reader().snapshot().pipeline, None);
        let depth = |dead_letter, visible| QueueDepth { queue: String::new(), dead_letter, visible, in_flight: 1, delayed: 0 };
        state.sampled(&Sample { queues: vec![depth(false, 7), depth(true, 3)], ..Sample::default() });
        let pipeline = state.reader().snapshot().pipeline.unwrap();
        assert_eq!((pipeline.waiting, pipeline.in_flight, pipeline.dead_letters), (7, 1, 4));
    }
}
