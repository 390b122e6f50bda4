//! The run over time, in columns: one value per bucket, all columns equally long.
//!
//! Counts are per bucket, not per second; divide by [`Series::bucket_us`]. Gauges are the last value seen in the bucket (depths: the
//! largest), and null where nothing was seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::history::event::{Answer, FaultState, Micros, Phase, RoleState};
use crate::result::answer::AnswerClass;

/// The run over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Width of a bucket, µs: a second, or a power of two of seconds for long runs.
    pub bucket_us: u64,
    /// Number of buckets.
    pub buckets: usize,
    /// Arrivals that the plan wanted; empty when the plan was not at hand.
    #[serde(default)]
    pub planned: Vec<u64>,
    /// Attempts really sent, by the time they were sent.
    pub sent: Vec<u64>,
    /// Answers by the time they came.
    pub answers: BTreeMap<Answer, Vec<u64>>,
    /// Latency of purchases by their intended start, all classes.
    pub latency: LatencyColumns,
    /// 99th percentile by class and intended start, µs.
    pub latency_p99: BTreeMap<AnswerClass, Vec<Option<u64>>>,
    /// Attempts without an answer at the bucket's end.
    pub unanswered: Vec<u64>,
    /// The generator's own lateness, 99th percentile (the worst of the bucket), µs.
    pub lateness_p99: Vec<Option<u64>>,
    /// Stock of the busiest products.
    pub stock: Vec<StockColumns>,
    /// Products beyond those in [`Series::stock`], not drawn.
    #[serde(default)]
    pub products_not_drawn: u64,
    /// Queues, dead-letter queues among them.
    pub queues: Vec<QueueColumns>,
    /// Outbox rows not yet published.
    pub outbox: Vec<Option<u64>>,
    /// Productions requested and not yet applied.
    pub open_productions: Vec<Option<u64>>,
    /// What each process weighed; empty where nothing was weighed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<WeightColumns>,
    /// Size of the database file, bytes; empty where it is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub database: Vec<Option<u64>>,
    /// Phases of the run.
    pub phases: Vec<PhaseSpan>,
    /// Stages of the arrival curve.
    pub stages: Vec<StageSpan>,
    /// What became of faults, in time order; firings are counted, see [`FaultRow`].
    pub faults: Vec<FaultRow>,
    /// When faults were in force, by the time they were wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fault_spans: Vec<FaultSpan>,
    /// Strikes of faults; empty when there was none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strikes: Vec<u64>,
    /// Life of the processes under test, in time order.
    pub roles: Vec<RoleRow>,
    /// Marks beyond those listed in `faults` and `roles`.
    #[serde(default)]
    pub marks_not_listed: u64,
}

/// Latency per bucket, µs; null where nothing was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LatencyColumns {
    pub p50: Vec<Option<u64>>,
    pub p99: Vec<Option<u64>>,
    pub max: Vec<Option<u64>>,
}

/// Stock of one product over time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockColumns {
    /// The product.
    pub product: String,
    /// Stock as it was read: the last value, or the lowest when it was below zero.
    pub seen: Vec<Option<i64>>,
    /// Least that can have been there at the bucket's end: certain restocks minus possible sales.
    pub at_least: Vec<i64>,
    /// Most that can have been there at the bucket's end: possible restocks minus certain sales. Below zero it was oversold.
    pub at_most: Vec<i64>,
}

/// One queue over time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueColumns {
    /// Name of the queue.
    pub queue: String,
    /// True for a dead-letter queue.
    pub dead_letter: bool,
    /// Messages waiting, delayed ones included.
    pub waiting: Vec<Option<u64>>,
    /// Messages taken and not yet deleted.
    pub in_flight: Vec<Option<u64>>,
}

/// What one process weighed over time; null where it was not weighed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightColumns {
    /// Its role.
    pub process: String,
    /// Resident memory, bytes.
    pub memory: Vec<Option<u64>>,
    /// Open file handles.
    pub files: Vec<Option<u64>>,
    /// Threads.
    pub threads: Vec<Option<u64>>,
    /// Tasks.
    pub tasks: Vec<Option<u64>>,
}

/// A phase of the run, µs since the run's start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PhaseSpan {
    pub phase: Phase,
    pub from: Micros,
    pub to: Micros,
    /// How it ended, when that is worth a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A stage of the arrival curve, µs since the run's start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StageSpan {
    pub name: String,
    pub from: Micros,
    pub to: Micros,
}

/// A time in which a fault was in force, µs since the run's start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultSpan {
    /// Name of the rule.
    pub rule: String,
    /// When it was wanted (or first seen, when nobody said so).
    pub from: Micros,
    /// When it was seen to take effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Micros>,
    /// When it was healed; None when it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Micros>,
}

/// A change of a fault's state. Consecutive firings of one rule within a bucket are one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRow {
    /// When, µs since the run's start; of several firings the first.
    pub at: Micros,
    /// Name of the rule.
    pub rule: String,
    /// What happened.
    pub state: FaultState,
    /// Hop it stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<String>,
    /// How many times.
    pub times: u64,
}

/// A change in a process's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRow {
    /// When, µs since the run's start.
    pub at: Micros,
    /// Its role.
    pub role: String,
    /// What happened.
    pub state: RoleState,
    /// Whether the harness wanted it.
    pub planned: bool,
    /// Exit status or signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
