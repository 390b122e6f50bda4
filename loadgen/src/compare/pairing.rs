//! Which run of one side belongs to which of the other.
//!
//! The same seed makes the same buyers, so runs of one scenario and seed are a pair: the first of A with the first of B, the second with the
//! second. Where no seed occurs on both sides, runs are paired in the order of their start, which is right for runs that took turns.

use std::collections::BTreeMap;

use serde::Serialize;

use super::side::{Run, Side};

/// How pairs were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    /// Same scenario, same seed.
    Seed,
    /// The order of their start.
    Order,
}

/// The pairs, as indices into the two sides.
#[must_use]
pub fn pair(a: &Side, b: &Side) -> (Pairing, Vec<(usize, usize)>) {
    let mut waiting: BTreeMap<(&str, u64), Vec<usize>> = BTreeMap::new();
    for (index, run) in b.runs.iter().enumerate().rev() {
        waiting.entry(identity(run)).or_default().push(index);
    }
    let mut twins = Vec::new();
    for (index, run) in a.runs.iter().enumerate() {
        let twin = waiting.get_mut(&identity(run)).and_then(Vec::pop);
        twins.extend(twin.map(|twin| (index, twin)));
    }
    if twins.is_empty() { (Pairing::Order, (0..a.runs.len()).zip(0..b.runs.len()).collect()) } else { (Pairing::Seed, twins) }
}

fn identity(run: &Run) -> (&str, u64) {
    (&run.result.run.scenario, run.result.run.seed)
}
