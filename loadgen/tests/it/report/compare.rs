//! Runs beside each other: the gate must find a slowdown of 30 %, and must not cry wolf over equals.

use std::path::PathBuf;

use loadgen::compare::measures::Measure;
use loadgen::compare::pairing::Pairing;
use loadgen::compare::side::{Run, Side};
use loadgen::compare::{Comparison, Rules, compare};
use loadgen::exit::Exit;
use loadgen::gate::Decision;
use loadgen::result::RunResult;
use loadgen::verify::judgement::{Proof, Verdict};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::proofs;
use super::sample::{self, Shape};

/// Pairs in a comparison, as CI makes them.
const PAIRS: u64 = 15;

/// Comparisons that the gate must get right, all of them.
const WINDOWS: u64 = 20;

struct Bench {
    template: RunResult,
    dice: ChaCha8Rng,
}

impl Bench {
    fn new(seed: u64) -> Self {
        Bench { template: sample::result(Shape::default(), proofs::pass()), dice: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// A factor around 1 whose logarithm is nearly normal: the sum of twelve uniform numbers.
    fn noise(&mut self, spread: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.dice.random_range(-0.5..0.5)).sum();
        (sum * spread).exp()
    }

    fn run(&self, seed: u64, started: u64, factor: f64) -> Run {
        let mut result = self.template.clone();
        result.run.seed = seed;
        result.run.started_unix_ms += started;
        result.latency.purchases_intended.p50 = (3_000.0 * factor) as u64;
        result.cost.target_cpu_us = Some((11_400_000.0 * factor.sqrt()) as u64);
        Run { path: PathBuf::from(format!("runs/{seed}")), result }
    }

    /// Pairs as a shared machine makes them: what it is busy with moves both runs of a pair by a quarter, and each run by some percent; one
    /// run in twenty-five is hit by a neighbour and takes twice as long.
    fn sides(&mut self, slowdown: f64) -> (Side, Side) {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for seed in 0..PAIRS {
            let machine = self.noise(0.25);
            for (side, factor) in [(&mut a, 1.0), (&mut b, slowdown)] {
                let hit = if self.dice.random_bool(0.04) { 2.0 } else { 1.0 };
                let factor = machine * factor * hit * self.noise(0.05);
                side.push(self.run(seed, seed * 1_000, factor));
            }
        }
        (Side::of(a), Side::of(b))
    }
}

fn decisions(slowdown: f64) -> Vec<Decision> {
    let window = |seed| {
        let (a, b) = Bench::new(seed).sides(slowdown);
        compare(&a, &b, Rules::default()).gate.decision
    };
    (0..WINDOWS).map(window).collect()
}

#[test]
fn equals_pass_twenty_times_of_twenty() {
    assert_eq!(decisions(1.0), vec![Decision::Pass; 20]);
}

#[test]
fn a_slowdown_of_thirty_percent_fails_twenty_times_of_twenty() {
    assert_eq!(decisions(1.3), vec![Decision::Regression; 20]);
}

#[test]
fn an_improvement_passes() {
    assert_eq!(decisions(0.7), vec![Decision::Pass; 20]);
}

fn equals(pairs: u64) -> (Side, Side) {
    let bench = Bench::new(1);
    let side = || Side::of((0..pairs).map(|seed| bench.run(seed, seed, 1.0)).collect());
    (side(), side())
}

fn with_proof(side: &mut Side, at: usize, proof: Proof) {
    side.runs[at].result.proof = proof;
}

fn decided(comparison: &Comparison) -> (Decision, Exit) {
    (comparison.gate.decision, comparison.exit())
}

#[test]
fn what_can_neither_be_said_nor_ruled_out_is_inconclusive() {
    let bench = Bench::new(2);
    let side = |factor: fn(u64) -> f64| Side::of((0..PAIRS).map(|seed| bench.run(seed, seed, factor(seed))).collect());
    // Half of the pairs are twice as slow, the others are not: a lot of noise, or a lot of slowness.
    let comparison = compare(&side(|_| 1.0), &side(|seed| if seed % 2 == 0 { 2.0 } else { 0.9 }), Rules::default());
    assert_eq!(decided(&comparison), (Decision::Inconclusive, Exit::Unknown), "{comparison}");
    assert!(comparison.to_string().contains("cannot be ruled out"), "{comparison}");
}

#[test]
fn too_few_pairs_say_nothing() {
    let (a, b) = equals(3);
    let comparison = compare(&a, &b, Rules::default());
    assert_eq!(decided(&comparison), (Decision::Inconclusive, Exit::Unknown), "{comparison}");
    assert!(comparison.to_string().contains("3 are fewer than the 7"), "{comparison}");
    assert!(!comparison.measures.is_empty(), "what was measured is shown all the same");
}

#[test]
fn a_violated_property_outranks_all_speed() {
    let (a, mut b) = equals(PAIRS);
    with_proof(&mut b, 4, proofs::fail());
    let comparison = compare(&a, &b, Rules::default());
    assert_eq!(decided(&comparison), (Decision::Regression, Exit::Violated), "{comparison}");
    assert_eq!(comparison.pairs.len(), 14);
}

#[test]
fn runs_that_prove_nothing_are_left_out_and_named() {
    let (mut a, b) = equals(PAIRS);
    with_proof(&mut a, 2, proofs::unknown());
    let comparison = compare(&a, &b, Rules::default());
    assert_eq!(decided(&comparison), (Decision::Pass, Exit::Pass), "{comparison}");
    assert_eq!(comparison.pairs.len(), 14);
    assert_eq!(comparison.a[2].verdict, Verdict::Unknown);
    assert!(comparison.to_string().contains("left out"), "{comparison}");
}

#[test]
fn runs_are_paired_by_seed_or_else_in_the_order_of_their_start() {
    let bench = Bench::new(3);
    let a = Side::of([4, 5, 4].iter().zip(0..).map(|(&seed, at)| bench.run(seed, at, 1.0)).collect());
    let b = Side::of([4, 9, 4, 4].iter().zip(0..).map(|(&seed, at)| bench.run(seed, at, 1.0)).collect());
    let comparison = compare(&a, &b, Rules::default());
    assert_eq!((comparison.pairing, comparison.pairs), (Pairing::Seed, vec![(0, 0), (2, 2)]));
    let strangers = Side::of((20..22).map(|seed| bench.run(seed, 100 - seed, 1.0)).collect());
    let comparison = compare(&a, &strangers, Rules::default());
    assert_eq!((comparison.pairing, comparison.pairs), (Pairing::Order, vec![(0, 0), (1, 1)]));
    assert_eq!(comparison.b[0].seed, 21, "the earlier one is the first");
}

#[test]
fn one_run_a_side_is_judged_like_a_stored_baseline() {
    let (a, _) = equals(1);
    let slow = sample::result(Shape { slowness: 3.0, ..Shape::default() }, proofs::pass());
    let base = sample::result(Shape::default(), proofs::pass());
    let side = |result: RunResult| Side::of(vec![Run { path: PathBuf::from("run"), result }]);
    assert_eq!(decided(&compare(&side(base.clone()), &side(slow), Rules::default())), (Decision::Regression, Exit::Gate));
    assert_eq!(decided(&compare(&side(base.clone()), &side(base), Rules::default())), (Decision::Pass, Exit::Pass));
    assert_eq!(compare(&a, &a, Rules::default()).pairs, [(0, 0)]);
}

#[test]
fn the_tail_has_an_absolute_bound_and_no_relative_one() {
    let (a, mut b) = equals(PAIRS);
    b.runs.iter_mut().for_each(|run| run.result.latency.purchases_intended.p99 = 900_000);
    let comparison = compare(&a, &b, Rules::default());
    assert_eq!(comparison.gate.decision, Decision::Pass, "{comparison}");
    let rules = Rules { p99_at_most_us: Some(800_000), ..Rules::default() };
    let comparison = compare(&a, &b, rules);
    assert_eq!(comparison.gate.decision, Decision::Regression, "{comparison}");
    let tail = comparison.measures.iter().find(|compared| compared.measure == Measure::PurchaseP99).unwrap();
    assert!(tail.check.as_ref().unwrap().sentence.contains("900 ms"), "{comparison}");
}
