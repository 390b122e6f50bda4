//! What is compared, and what is said of it. In every measure, more is worse.

use serde::Serialize;

use super::Rules;
use super::bounds::{Ratio, bounded, median};
use crate::gate::{Check, Decision};
use crate::report::number::micros;
use crate::result::RunResult;

/// What is taken from each run, in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Median time of purchases, from the intended start.
    PurchaseP50,
    /// Processor time of the system under test per order.
    TargetCpuPerOrder,
    /// 99th percentile of purchases, from the intended start.
    PurchaseP99,
    /// 99.9th percentile of purchases, from the intended start.
    PurchaseP999,
    /// Median time of purchases from the first byte sent.
    ServiceP50,
    /// Processor time of the generator per attempt.
    GeneratorCpuPerAttempt,
}

/// One measure over all pairs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Which.
    pub measure: Measure,
    /// Median over A's runs, µs.
    pub a_us: f64,
    /// Median over B's runs, µs.
    pub b_us: f64,
    /// B as a multiple of A, over the pairs.
    pub ratio: Ratio,
    /// Pairs in which both runs measured it.
    pub pairs: usize,
    /// What the gate says of it; None for what is only shown.
    pub check: Option<Check>,
}

impl Measure {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Measure; 6] = [
        Measure::PurchaseP50,
        Measure::TargetCpuPerOrder,
        Measure::PurchaseP99,
        Measure::PurchaseP999,
        Measure::ServiceP50,
        Measure::GeneratorCpuPerAttempt,
    ];

    /// Name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Measure::PurchaseP50 => "p50 of purchases",
            Measure::TargetCpuPerOrder => "processor time per order",
            Measure::PurchaseP99 => "p99 of purchases",
            Measure::PurchaseP999 => "p99.9 of purchases",
            Measure::ServiceP50 => "p50 of service times",
            Measure::GeneratorCpuPerAttempt => "generator's processor time per attempt",
        }
    }

    /// Whether the gate looks at its ratio. Tails are too noisy: gated in the same way, p99 raises an alarm in two of five comparisons of equals.
    #[must_use]
    pub fn is_gated(self) -> bool {
        matches!(self, Measure::PurchaseP50 | Measure::TargetCpuPerOrder)
    }

    /// Its value in a run, µs; None when it was not measured there.
    #[must_use]
    pub fn of(self, result: &RunResult) -> Option<f64> {
        let (intended, service) = (&result.latency.purchases_intended, &result.latency.purchases_service);
        let time = |count: u64, us: u64| (count > 0 && us > 0).then_some(us as f64);
        match self {
            Measure::PurchaseP50 => time(intended.count, intended.p50),
            Measure::PurchaseP99 => time(intended.count, intended.p99),
            Measure::PurchaseP999 => time(intended.count, intended.p99_9),
            Measure::ServiceP50 => time(service.count, service.p50),
            Measure::TargetCpuPerOrder => result.cost.target_cpu_us_per_order(&result.totals.orders).filter(|us| *us > 0.0),
            Measure::GeneratorCpuPerAttempt => {
                let attempts = result.totals.attempts;
                result.cost.generator_cpu_us.filter(|us| *us > 0 && attempts > 0).map(|us| us as f64 / attempts as f64)
            }
        }
    }
}

/// Every measure that both runs of at least one pair have.
#[must_use]
pub fn compared(pairs: &[(&RunResult, &RunResult)], rules: &Rules) -> Vec<Compared> {
    Measure::ALL.into_iter().filter_map(|measure| one(measure, pairs, rules)).collect()
}

fn one(measure: Measure, pairs: &[(&RunResult, &RunResult)], rules: &Rules) -> Option<Compared> {
    let values: Vec<(f64, f64)> = pairs.iter().filter_map(|(a, b)| Some((measure.of(a)?, measure.of(b)?))).collect();
    let ratio = bounded(&values.iter().map(|(a, b)| b / a).collect::<Vec<_>>(), rules.confidence)?;
    let a_us = median(&mut values.iter().map(|(a, _)| *a).collect::<Vec<_>>());
    let b_us = median(&mut values.iter().map(|(_, b)| *b).collect::<Vec<_>>());
    let check = if measure.is_gated() { Some(judged(measure, ratio, values.len(), rules)) } else { absolute(measure, b_us, rules) };
    Some(Compared { measure, a_us, b_us, ratio, pairs: values.len(), check })
}

/// Three outcomes: certainly slower, certainly not much slower, neither.
fn judged(measure: Measure, ratio: Ratio, pairs: usize, rules: &Rules) -> Check {
    let numbers = format!("× {:.3}, between {:.3} and {:.3}", ratio.median, ratio.low, ratio.high);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let (decision, sentence) = if pairs < rules.least_pairs {
        (Decision::Inconclusive, format!("{numbers}, but only {pairs} pairs measured it and {} are needed", rules.least_pairs))
    } else if ratio.low > 1.0 + rules.slower {
        (Decision::Regression, format!("{numbers}: certainly more than {} worse", percent(rules.slower)))
    } else if ratio.high < 1.0 + rules.rule_out {
        (Decision::Pass, format!("{numbers}: not {} worse", percent(rules.rule_out)))
    } else {
        let sentence = format!("{numbers}: {} worse cannot be ruled out; make more pairs, or free the machine", percent(rules.rule_out));
        (Decision::Inconclusive, sentence)
    };
    Check { what: measure.name().to_owned(), decision, sentence }
}

fn absolute(measure: Measure, b_us: f64, rules: &Rules) -> Option<Check> {
    let most = rules.p99_at_most_us.filter(|_| measure == Measure::PurchaseP99)?;
    let over = b_us > most as f64;
    let sentence = format!("{} in the middle run of B, at most {} wanted", micros(b_us as u64), micros(most));
    let decision = if over { Decision::Regression } else { Decision::Pass };
    Some(Check { what: measure.name().to_owned(), decision, sentence })
}
