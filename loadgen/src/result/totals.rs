//! Counts over a whole run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::history::event::Answer;

/// Counts over a whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Arrivals that the plan wanted; None when the plan was not at hand.
    #[serde(default)]
    pub planned: Option<u64>,
    /// Arrivals that came: attempts that are neither double clicks nor retries.
    pub arrivals: u64,
    /// Attempts of every kind, double clicks and retries included.
    pub attempts: u64,
    /// Attempts whose answer never was recorded (the history was cut off).
    pub unanswered: u64,
    /// Attempts by why they were sent.
    pub double_clicks: u64,
    /// Attempts sent again because no answer came.
    pub retries: u64,
    /// New orders of buyers who had been refused.
    pub come_backs: u64,
    /// Hostile requests.
    pub hostile: u64,
    /// Completed attempts by answer.
    pub answers: BTreeMap<Answer, u64>,
    /// Orders (all attempts under one key).
    pub orders: Orders,
    /// Pieces in orders answered as sold.
    pub pieces_sold: u64,
    /// Productions seen to be applied.
    pub restocks: u64,
    /// Pieces they brought.
    pub pieces_restocked: u64,
    /// Most attempts that were unanswered at once.
    pub max_unanswered: u64,
    /// Arrival rate of the schedule, per second, from its first to its last arrival; 0 with fewer than two arrivals.
    pub intended_rate: f64,
    /// Arrival rate that was really sent, per second, over the same schedule or longer when the generator fell behind.
    pub achieved_rate: f64,
}

impl Totals {
    /// Achieved rate as a share of the intended one; 1.0 where there was no schedule to speak of.
    #[must_use]
    pub fn achieved_share(&self) -> f64 {
        if self.intended_rate > 0.0 { self.achieved_rate / self.intended_rate } else { 1.0 }
    }
}

/// Purchase orders by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// Orders attempted.
    pub attempted: u64,
    /// Answered as sold at least once.
    pub ok: u64,
    /// Every attempt answered as not sold, or never sent.
    pub fail: u64,
    /// Anything else.
    pub info: u64,
    /// Orders of `info` that the ledger turned out to hold as sold: recovered.
    pub info_recovered: u64,
    /// Orders of `info` that the ledger does not hold as sold; 0 where no ledger was read.
    pub info_absent: u64,
}

/// Processor time of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Processor time of the system under test during the load, µs; None when it is not ours to measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_cpu_us: Option<u64>,
    /// Processor time of the generator during the load, µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_cpu_us: Option<u64>,
}

impl Cost {
    /// Processor time of the system under test per order, µs; None when unmeasured or without orders.
    #[must_use]
    pub fn target_cpu_us_per_order(&self, orders: &Orders) -> Option<f64> {
        (orders.attempted > 0).then_some(())?;
        self.target_cpu_us.map(|cpu| cpu as f64 / orders.attempted as f64)
    }
}
