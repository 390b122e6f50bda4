//! Whether what was weighed stayed as it was: evidence for a run that is about leaks.
//!
//! The load is cut into quarters. The first is warming up; the last is held against the second. What grows by more than the scenario allows, and by
//! more than the noise of a process, leaks. The database keeps the orders, so it may grow, but not faster per attempt than it did.

use crate::history::event::Micros;
use crate::history::weights::{Weight, Weights};

/// Weighings that a quarter needs before its median says anything.
const ENOUGH: usize = 3;

/// What comes and goes in any process: bytes of memory, files, threads, tasks.
const NOISE: [u64; 4] = [16 << 20, 32, 8, 64];

/// What a database file grows by at a time, bytes: a page is nothing, a checkpoint is megabytes.
const DATABASE_NOISE: u64 = 16 << 20;

/// Quantities of a process, as they are called.
const QUANTITIES: [&str; 4] = ["memory", "files", "threads", "tasks"];

/// One weighing of the load, with the attempts that were over by then.
#[derive(Debug, Clone)]
pub(super) struct Weighing {
    pub(super) at: Micros,
    pub(super) attempts: u64,
    pub(super) weights: Weights,
}

/// What came of it: whether all stayed, and the greatest growth (or what is missing) in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Steadiness {
    pub(super) flat: bool,
    pub(super) seen: String,
}

/// Judges the weighings between the begin and the end of the load.
pub(super) fn judge(weighings: &[Weighing], (begin, end): (Micros, Micros), percent: u64) -> Steadiness {
    let quarter = end.saturating_sub(begin) / 4;
    let between =
        |from: Micros, to: Micros| -> Vec<&Weighing> { weighings.iter().filter(|weighing| (from..to).contains(&weighing.at)).collect() };
    let (early, late) = (between(begin + quarter, begin + 2 * quarter), between(begin + 3 * quarter, end));
    if early.len() < ENOUGH || late.len() < ENOUGH {
        let seen = format!("weighed {} times in the second quarter of the load and {} in the last", early.len(), late.len());
        return Steadiness { flat: false, seen };
    }
    let mut leaks = Vec::new();
    let mut greatest: Option<(u64, String)> = None;
    for process in names(&early) {
        for (index, quantity) in QUANTITIES.into_iter().enumerate() {
            let (Some(before), Some(after)) = (median(&early, process, index), median(&late, process, index)) else { continue };
            let grown = after.saturating_sub(before);
            let share = grown * 100 / before.max(1);
            let words = format!("{process}: {quantity} {} → {} (+{share} %)", shown(index, before), shown(index, after));
            if grown > NOISE[index] && share > percent {
                leaks.push(words);
            } else if greatest.as_ref().is_none_or(|(most, _)| share > *most) {
                greatest = Some((share, words));
            }
        }
    }
    leaks.extend(database(&early, &late, percent));
    let flat = leaks.is_empty();
    let seen =
        if flat { greatest.map_or_else(|| "no process".to_owned(), |(_, words)| format!("at most {words}")) } else { leaks.join("; ") };
    Steadiness { flat, seen }
}

fn names<'w>(weighings: &[&'w Weighing]) -> Vec<&'w str> {
    let mut names: Vec<&str> =
        weighings.iter().flat_map(|weighing| &weighing.weights.processes).map(|weight| weight.process.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn value(weight: &Weight, index: usize) -> Option<u64> {
    [Some(weight.memory), Some(weight.files), Some(weight.threads), weight.tasks][index]
}

fn median(weighings: &[&Weighing], process: &str, index: usize) -> Option<u64> {
    let of_process = weighings.iter().flat_map(|weighing| &weighing.weights.processes).filter(|weight| weight.process == process);
    let mut values: Vec<u64> = of_process.filter_map(|weight| value(weight, index)).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// Whether the file grew faster per attempt in the last quarter than in the second.
fn database(early: &[&Weighing], late: &[&Weighing], percent: u64) -> Option<String> {
    let grown = |quarter: &[&Weighing]| {
        let (first, last) = (quarter.first()?, quarter.last()?);
        let bytes = last.weights.database?.saturating_sub(first.weights.database?);
        Some((bytes, last.attempts.saturating_sub(first.attempts).max(1)))
    };
    let ((before, attempts_before), (after, attempts_after)) = (grown(early)?, grown(late)?);
    let expected = before.saturating_mul(attempts_after) / attempts_before;
    let most = expected.saturating_mul(100 + percent) / 100 + DATABASE_NOISE;
    (after > most).then(|| format!("database: {} bytes an attempt, then {}", before / attempts_before, after / attempts_after))
}

fn shown(index: usize, value: u64) -> String {
    if index == 0 { format!("{:.1} MiB", value as f64 / f64::from(1 << 20)) } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Forty weighings of a load of 200 s, of a process whose memory and files are given at each.
    fn weighed(memory: impl Fn(u64) -> u64, files: impl Fn(u64) -> u64, database: impl Fn(u64) -> u64) -> Steadiness {
        let weighing = |n: u64| {
            let sales = Weight { process: "sales".to_owned(), memory: memory(n), files: files(n), threads: 4, tasks: Some(10) };
            let weights = Weights { processes: vec![sales], database: Some(database(n)) };
            Weighing { at: n * 5_000_000, attempts: n * 1_000, weights }
        };
        judge(&(0..40).map(weighing).collect::<Vec<_>>(), (0, 200_000_000), 20)
    }

    #[test]
    fn what_comes_and_goes_is_flat() {
        let seen = weighed(|n| (100 + n % 7) * MIB, |n| 50 + n % 20, |n| n * MIB);
        assert!(seen.flat, "{seen:?}");
        assert!(seen.seen.starts_with("at most sales: "), "{seen:?}");
    }

    #[test]
    fn a_slow_leak_of_memory_or_files_is_named() {
        let memory = weighed(|n| (100 + 2 * n) * MIB, |_| 50, |n| n * MIB);
        assert!(!memory.flat && memory.seen.contains("sales: memory") && memory.seen.contains("MiB"), "{memory:?}");
        let files = weighed(|_| 100 * MIB, |n| 50 + 5 * n, |n| n * MIB);
        assert!(!files.flat && files.seen.contains("sales: files"), "{files:?}");
    }

    #[test]
    fn a_database_may_grow_with_the_orders_but_not_faster_than_they_come() {
        let faster = weighed(|_| 100 * MIB, |_| 50, |n| n * n * MIB);
        assert!(!faster.flat && faster.seen.contains("database"), "{faster:?}");
    }

    #[test]
    fn too_few_weighings_prove_nothing() {
        let seen = judge(&[], (0, 200_000_000), 20);
        assert!(!seen.flat && seen.seen.contains("0 times"), "{seen:?}");
    }
}
