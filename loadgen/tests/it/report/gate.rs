//! The gate: it must find what is slow, and must not cry wolf.

use loadgen::gate::{Decision, compare};
use loadgen::result::RunResult;

use super::proofs;
use super::sample::{self, Shape};

fn run(slowness: f64) -> RunResult {
    sample::result(Shape { slowness, ..Shape::default() }, proofs::pass())
}

#[test]
fn a_run_passes_against_itself_and_a_little_noise() {
    assert_eq!(compare(&run(1.0), &run(1.0)).decision, Decision::Pass);
    let outcome = compare(&run(1.15), &run(1.0));
    assert_eq!(outcome.decision, Decision::Pass, "{outcome}");
    let outcome = compare(&run(0.5), &run(1.0));
    assert_eq!(outcome.decision, Decision::Pass, "an improvement is none to complain about: {outcome}");
}

#[test]
fn twice_as_slow_is_a_regression() {
    let outcome = compare(&run(3.0), &run(1.0));
    assert_eq!(outcome.decision, Decision::Regression, "{outcome}");
    assert!(outcome.to_string().contains("p50 of purchases"), "{outcome}");
}

#[test]
fn a_generator_that_fell_behind_makes_it_inconclusive() {
    let mut behind = run(3.0);
    behind.totals.achieved_rate = behind.totals.intended_rate * 0.94;
    let outcome = compare(&behind, &run(1.0));
    assert_eq!(outcome.decision, Decision::Inconclusive, "{outcome}");
    assert!(outcome.to_string().contains("94.0 %"), "{outcome}");
}

#[test]
fn runs_of_different_machines_builds_or_scenarios_are_not_compared() {
    type Change = fn(&mut RunResult);
    let changes: [Change; 4] = [
        |result| result.run.machine.profile = "dev".into(),
        |result| result.run.machine.cores = 2,
        |result| result.run.scenario = "soak".into(),
        |result| result.run.defect = Some("no-inbox".into()),
    ];
    for change in changes {
        let mut other = run(3.0);
        change(&mut other);
        let outcome = compare(&other, &run(1.0));
        assert_eq!(outcome.decision, Decision::Inconclusive, "{outcome}");
    }
}

#[test]
fn the_verdict_is_absolute() {
    let fast_and_wrong = sample::result(Shape { slowness: 0.2, ..Shape::default() }, proofs::fail());
    assert_eq!(compare(&fast_and_wrong, &run(1.0)).decision, Decision::Regression);
    let unknown = sample::result(Shape::default(), proofs::unknown());
    assert_eq!(compare(&unknown, &run(1.0)).decision, Decision::Inconclusive);
}

#[test]
fn more_processor_time_per_order_is_a_regression() {
    let mut hungry = run(1.0);
    hungry.cost.target_cpu_us = hungry.cost.target_cpu_us.map(|us| us * 2);
    let outcome = compare(&hungry, &run(1.0));
    assert_eq!(outcome.decision, Decision::Regression, "{outcome}");
    hungry.cost.target_cpu_us = None;
    assert_eq!(compare(&hungry, &run(1.0)).decision, Decision::Pass, "what was not measured is not compared");
}
