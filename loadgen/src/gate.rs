//! The performance gate: a result against a stored baseline, without crying wolf.
//!
//! What must always hold is absolute: the verdict of the run is PASS, whatever the baseline was. Speed is relative and noisy. A stored
//! baseline with a fixed margin of 10 % raises a false alarm in every fourth comparison on a shared machine, so this gate
//!
//! * compares only what can be compared: same scenario, target, build profile, architecture, processor model and number of cores,
//!   otherwise the outcome is [`Decision::Inconclusive`] and says which differs;
//! * compares nothing when either run achieved less than 95 % of its intended rate: a generator that fell behind measured itself;
//! * compares medians (p50), processor time per order and the achieved share of the rate; never p99, which no stored baseline can gate;
//! * calls it a [`Decision::Regression`] only beyond [`MARGIN`] *and*, for latency, only when it is so throughout the run: laid side by
//!   side second by second, three quarters of the medians are beyond the margin too. One bad spell is inconclusive. An improvement
//!   passes.
//!
//! A margin of 30 % finds what hurts and leaves out what only a paired A/B of two builds in one run could tell.

mod comparable;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::comparable::obstacles;
use crate::history::event::Phase;
use crate::report::number::micros;
use crate::result::RunResult;
use crate::verify::judgement::Verdict;

/// Share by which a measure may be worse before it counts.
pub const MARGIN: f64 = 0.30;

/// Share of the intended rate below which a run says nothing about speed.
pub const LEAST_ACHIEVED_SHARE: f64 = 0.95;

/// Differences below this are within what a scheduler does, µs, whatever their ratio.
pub const LEAST_DIFFERENCE_US: u64 = 200;

/// Fewest answered purchases from which a median is taken.
pub const FEWEST_PURCHASES: u64 = 200;

/// Fewest pairs of buckets that tell a slow run from one bad spell.
const FEWEST_BUCKETS: usize = 5;

/// What the gate says. The worst of the checks counts: a regression outranks an inconclusive check, which outranks a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing got worse beyond the noise.
    Pass,
    /// The two runs do not allow a statement; the reason says why and what to do.
    Inconclusive,
    /// Something got worse, or the run did not pass at all.
    Regression,
}

/// One thing that was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What.
    pub what: String,
    /// What is said of it.
    pub decision: Decision,
    /// The numbers, in a sentence.
    pub sentence: String,
}

/// What the gate says, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateOutcome {
    /// The whole.
    pub decision: Decision,
    /// Each thing that was compared.
    pub checks: Vec<Check>,
}

impl GateOutcome {
    /// The worst of the checks is the whole; no check at all says nothing.
    #[must_use]
    pub fn of(checks: Vec<Check>) -> Self {
        let decision = checks.iter().map(|check| check.decision).max().unwrap_or(Decision::Inconclusive);
        GateOutcome { decision, checks }
    }
}

impl fmt::Display for GateOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "gate: {}", word(self.decision))?;
        for check in &self.checks {
            writeln!(formatter, "  {:<13} {}: {}", word(check.decision), check.what, check.sentence)?;
        }
        Ok(())
    }
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Pass => "pass",
        Decision::Inconclusive => "inconclusive",
        Decision::Regression => "regression",
    }
}

/// Compares a run with a baseline. See the module for the rules.
#[must_use]
pub fn compare(current: &RunResult, baseline: &RunResult) -> GateOutcome {
    let mut checks = vec![verdict(current)];
    let obstacles = obstacles(current, baseline);
    if obstacles.is_empty() {
        checks.extend([latency(current, baseline), achieved(current, baseline)]);
        checks.extend(cost(current, baseline));
    } else {
        checks.extend(obstacles);
    }
    GateOutcome::of(checks)
}

fn verdict(current: &RunResult) -> Check {
    let (decision, sentence) = match current.verdict() {
        Verdict::Pass => (Decision::Pass, "PASS"),
        Verdict::Unknown => (Decision::Inconclusive, "UNKNOWN: a run that proves nothing is no measure"),
        Verdict::Fail => (Decision::Regression, "FAIL: no speed makes up for a violated property"),
    };
    check("verdict", decision, sentence)
}

fn latency(current: &RunResult, baseline: &RunResult) -> Check {
    let (now, then) = (current.latency.purchases_intended, baseline.latency.purchases_intended);
    if now.count.min(then.count) < FEWEST_PURCHASES {
        let sentence = format!("{} and {} purchases are fewer than the {FEWEST_PURCHASES} that a median needs", now.count, then.count);
        return check("p50 of purchases", Decision::Inconclusive, sentence);
    }
    let ratio = now.p50 as f64 / then.p50.max(1) as f64;
    let numbers = format!("{} against {} in the baseline (× {ratio:.2})", micros(now.p50), micros(then.p50));
    if ratio <= 1.0 + MARGIN || now.p50.saturating_sub(then.p50) < LEAST_DIFFERENCE_US {
        return check("p50 of purchases", Decision::Pass, numbers);
    }
    match lower_quartile_of_ratios(current, baseline) {
        Some(lower) if lower > 1.0 + MARGIN => check("p50 of purchases", Decision::Regression, numbers),
        Some(_) => {
            let sentence = format!("{numbers}, but not throughout: less than three quarters of the run are that slow; run both again");
            check("p50 of purchases", Decision::Inconclusive, sentence)
        }
        None => check(
            "p50 of purchases",
            Decision::Inconclusive,
            format!("{numbers}, but the runs are too short to tell it from one bad spell"),
        ),
    }
}

fn achieved(current: &RunResult, baseline: &RunResult) -> Check {
    // Open arrivals: a slower target shows as latency, not as rate. Below the threshold it was an obstacle; here it is for the record.
    let sentence = format!(
        "{:.1} % of the intended rate against {:.1} % in the baseline",
        current.totals.achieved_share() * 100.0,
        baseline.totals.achieved_share() * 100.0
    );
    check("achieved rate", Decision::Pass, sentence)
}

fn cost(current: &RunResult, baseline: &RunResult) -> Option<Check> {
    let what = "processor time per order";
    let now = current.cost.target_cpu_us_per_order(&current.totals.orders)?;
    let then = baseline.cost.target_cpu_us_per_order(&baseline.totals.orders)?;
    if then <= 0.0 {
        return Some(check(what, Decision::Inconclusive, "the baseline measured none"));
    }
    let ratio = now / then;
    let sentence = format!("{now:.0} µs against {then:.0} µs in the baseline (× {ratio:.2})");
    Some(check(what, if ratio > 1.0 + MARGIN { Decision::Regression } else { Decision::Pass }, sentence))
}

/// The two runs side by side, bucket by bucket from the begin of the load: of the ratios of their medians, the lower quartile.
fn lower_quartile_of_ratios(current: &RunResult, baseline: &RunResult) -> Option<f64> {
    if current.series.bucket_us != baseline.series.bucket_us {
        return None;
    }
    let pairs = medians(current).zip(medians(baseline));
    let mut ratios: Vec<f64> = pairs.filter_map(|(now, then)| Some(now? as f64 / then?.max(1) as f64)).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    (ratios.len() >= FEWEST_BUCKETS).then(|| ratios[ratios.len() / 4])
}

/// A run's medians per bucket, from the begin of its load.
fn medians(result: &RunResult) -> impl Iterator<Item = Option<u64>> {
    let series = &result.series;
    let load = series.phases.iter().find(|span| span.phase == Phase::Load).map_or(0, |span| span.from);
    let first = usize::try_from(load / series.bucket_us.max(1)).unwrap_or(usize::MAX);
    series.latency.p50.iter().skip(first).copied()
}

fn check(what: &str, decision: Decision, sentence: impl Into<String>) -> Check {
    Check { what: what.to_owned(), decision, sentence: sentence.into() }
}
