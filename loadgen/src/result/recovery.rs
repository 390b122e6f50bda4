//! How the run came back from each of its faults.

use serde::{Deserialize, Serialize};

use crate::history::event::Micros;

/// What one rule did, and how the run recovered from it. Several faults may overlap: each is measured from its own heal, whatever else was
/// still in force then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultRecovery {
    /// Name of the rule.
    pub rule: String,
    /// Hops it was seen on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<String>,
    /// When it was first wanted, µs since the run's start.
    pub requested: Option<Micros>,
    /// When it was first seen to take effect.
    pub effective: Option<Micros>,
    /// When it was healed for the last time; None when it never was.
    pub healed: Option<Micros>,
    /// How many times it was in force.
    pub times: u64,
    /// How often it struck.
    pub fired: u64,
    /// From the last heal until throughput was back to 90 % of the run's own baseline (what was served before the first fault).
    pub throughput: Back,
    /// From the last heal until no more was waiting than before the first fault: messages waiting and in flight, and outbox rows.
    pub drained: Back,
    /// Most that was waiting from the first request until it was drained.
    pub deepest_backlog: Option<u64>,
    /// Attempts that buyers repeated, per order begun while the fault was in force; None when none was begun.
    pub retries_per_order: Option<f64>,
    /// Publications that repeated an earlier one of the same message, seen while the fault was in force.
    pub republished: u64,
}

/// How long something took to be as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Back {
    /// So many µs.
    AfterUs(Micros),
    /// It was not, as long as the run was looked at.
    Never,
    /// It cannot be said, for this reason.
    Unmeasured(String),
}

/// The run as it was before the first fault, which recovery is measured against.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// Share of the attempts that were served, in percent; None when there was no full second of load.
    pub served_percent: Option<u64>,
    /// Most that was waiting; None when nothing was sampled.
    pub backlog: Option<u64>,
    /// Attempts that buyers repeated, per order; None when there was no order.
    pub retries_per_order: Option<f64>,
}

/// Recovery of a whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// Before the first fault.
    pub before: Before,
    /// Each rule, in the order in which they were wanted.
    pub faults: Vec<FaultRecovery>,
    /// Rules beyond those in `faults`.
    #[serde(default)]
    pub not_listed: u64,
}

impl Recovery {
    /// Whether there was no fault at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }
}
