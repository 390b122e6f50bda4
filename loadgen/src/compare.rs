//! Two runs, or two sets of runs, beside each other: what differs, how surely, and whether it is a regression.
//!
//! A machine that others share is faster one minute and slower the next; a run from yesterday and a run from today differ for that reason
//! alone. So runs are compared in **pairs** that were made one after the other ([`pairing`]), each pair gives one ratio, and what is said of all pairs is
//! the median of the ratios with bounds that a bootstrap gives ([`bounds`]). Percentiles are never averaged.
//!
//! | module | what it does |
//! |---|---|
//! | [`side`] | reads a run, or a folder of runs |
//! | [`pairing`] | which run of one side belongs to which of the other |
//! | [`bounds`] | the median ratio, and between which bounds it lies |
//! | [`html`] | the two sides as a page |
//! | [`measures`] | what is compared, and what is said of it |
//!
//! The gate has three outcomes: a slowdown that is certain is a regression; a slowdown that can be ruled out is a pass; what is neither is
//! inconclusive. One run a side has one pair, which proves little: it is judged by the rule for stored baselines ([`crate::gate`]).

pub mod bounds;
pub mod html;
pub mod measures;
pub mod pairing;
pub mod side;
mod text;

use serde::Serialize;

use self::measures::Compared;
use self::pairing::Pairing;
use self::side::{RunCard, Side};
use crate::exit::Exit;
use crate::gate::{self, Check, Decision, GateOutcome, obstacles};
use crate::result::RunResult;
use crate::verify::judgement::Verdict;

/// When the gate calls what a regression.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rules {
    /// A slowdown that certainly exceeds this share is a regression.
    pub slower: f64,
    /// A pass must rule a slowdown of this share out.
    pub rule_out: f64,
    /// How certain each bound is, 0.5 to below 1.
    pub confidence: f64,
    /// Fewest pairs of runs that say anything about speed.
    pub least_pairs: usize,
    /// Most that the 99th percentile of B's purchases may be, µs: an absolute bound, for p99 is too noisy for a relative one.
    pub p99_at_most_us: Option<u64>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { slower: 0.05, rule_out: 0.25, confidence: 0.99, least_pairs: 7, p99_at_most_us: None }
    }
}

/// Two sides beside each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Runs of the first side, in the order of their start.
    pub a: Vec<RunCard>,
    /// Runs of the second side.
    pub b: Vec<RunCard>,
    /// How runs were paired.
    pub pairing: Pairing,
    /// Pairs from which speed was taken: indices into `a` and `b`.
    pub pairs: Vec<(usize, usize)>,
    /// Why other pairs were left out, and all that forbids a comparison of speed.
    pub obstacles: Vec<Check>,
    /// What was compared.
    pub measures: Vec<Compared>,
    /// The rules of the gate.
    pub rules: Rules,
    /// What the gate says.
    pub gate: GateOutcome,
    /// Whether a run of B violates a property.
    pub violated: bool,
}

impl Comparison {
    /// How a process that asked the gate should end.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match (self.violated, self.gate.decision) {
            (true, _) => Exit::Violated,
            (false, Decision::Pass) => Exit::Pass,
            (false, Decision::Regression) => Exit::Gate,
            (false, Decision::Inconclusive) => Exit::Unknown,
        }
    }
}

/// Lays two sides beside each other: A is what was before, B what is to be judged.
#[must_use]
pub fn compare(a: &Side, b: &Side, rules: Rules) -> Comparison {
    let (pairing, all_pairs) = pairing::pair(a, b);
    let mut obstacles: Vec<Check> = Vec::new();
    let mut pairs = Vec::new();
    for (left, right) in all_pairs {
        let (before, now) = (&a.runs[left].result, &b.runs[right].result);
        let against = unfit(before, now);
        if against.is_empty() {
            pairs.push((left, right));
        }
        obstacles.extend(against.into_iter().filter(|check| !obstacles.contains(check)).collect::<Vec<_>>());
    }
    let results: Vec<(&RunResult, &RunResult)> = pairs.iter().map(|&(left, right)| (&a.runs[left].result, &b.runs[right].result)).collect();
    let measures = measures::compared(&results, &rules);
    let violated = b.runs.iter().any(|run| run.result.verdict() == Verdict::Fail);
    let gate = match (a.runs.as_slice(), b.runs.as_slice()) {
        ([before], [now]) => gate::compare(&now.result, &before.result),
        _ => GateOutcome::of(checks(b, pairs.len(), &obstacles, &measures, &rules)),
    };
    let (a, b) = (a.cards(), b.cards());
    Comparison { a, b, pairing, pairs, obstacles, measures, rules, gate, violated }
}

/// Everything that makes a pair say nothing about speed.
fn unfit(before: &RunResult, now: &RunResult) -> Vec<Check> {
    let mut against = obstacles(now, before);
    for (whose, result) in [("A", before), ("B", now)] {
        if result.verdict() != Verdict::Pass {
            let sentence = format!("run {} of {whose} ended as {:?}: only runs that passed are compared", result.run.id, result.verdict());
            against.push(Check { what: "verdict".to_owned(), decision: Decision::Inconclusive, sentence });
        }
    }
    against
}

fn checks(b: &Side, pairs: usize, obstacles: &[Check], measures: &[Compared], rules: &Rules) -> Vec<Check> {
    let mut checks = vec![verdicts(b)];
    if pairs < rules.least_pairs {
        let sentence = format!("{pairs} are fewer than the {} that say anything about speed: make more runs", rules.least_pairs);
        checks.extend(obstacles.iter().cloned());
        checks.push(Check { what: "pairs".to_owned(), decision: Decision::Inconclusive, sentence });
        return checks;
    }
    checks.extend(measures.iter().filter_map(|measure| measure.check.clone()));
    checks
}

/// What must always hold is absolute.
fn verdicts(b: &Side) -> Check {
    let failed = b.runs.iter().filter(|run| run.result.verdict() == Verdict::Fail).count();
    let (decision, sentence) = match failed {
        0 => (Decision::Pass, format!("no run of B violates a property ({} runs)", b.runs.len())),
        _ => (Decision::Regression, format!("{failed} of {} runs of B violate a property: no speed makes up for that", b.runs.len())),
    };
    Check { what: "verdict".to_owned(), decision, sentence }
}
