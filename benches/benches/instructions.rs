//! Instructions of what every request, or every line of a history, pays for, counted by valgrind: the same on a busy machine as on an idle one.
//!
//! Each count must be what is written here, within its tolerance: more is a regression, and less is a reason to write the new number down. What must not
//! allocate is counted as well. Where there is no valgrind, nothing is counted, and that is said. With `--beside PROGRAM`, which is this benchmark of another
//! build, the two are compared instead: what a compiler or a processor does to one it does to the other, so three per cent are enough.
//!
//! A count is the difference between a long and a short run of this very program, so that starting up is no part of it.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use benches::paired::Spread;
use benches::rows::{Row, Target, leave};
use benches::rules::{Meant, in_force, purchase};
use benches::sound;
use loadgen::history::HistoryReader;
use loadgen::verify::{Expectations, judge};

/// What is counted.
struct Case {
    /// What it is called, here and on the command line of the program that is counted.
    name: &'static str,
    /// Rounds of the short and of the long run.
    rounds: (u64, u64),
    /// Instructions of one round; 280 of those of a decision make its key.
    expected: f64,
    /// How far from that it may be, as a share: compilers and processors differ a little.
    tolerance: f64,
    /// Whether it must not allocate.
    allocates_nothing: bool,
}

const DECISION: (u64, u64) = (1_000, 11_000);

const CASES: [Case; 4] = [
    Case { name: "decision-other-routes", rounds: DECISION, expected: 1_014.0, tolerance: 0.05, allocates_nothing: true },
    Case { name: "decision-other-hops", rounds: DECISION, expected: 1_094.0, tolerance: 0.05, allocates_nothing: true },
    Case { name: "decision-chance-alone", rounds: DECISION, expected: 1_434.0, tolerance: 0.05, allocates_nothing: true },
    // Reading and judging one attempt, with all that it led to: nearly five lines.
    Case { name: "judge-one-attempt", rounds: (10_000, 30_000), expected: 17_200.0, tolerance: 0.1, allocates_nothing: false },
];

/// How far above another build's count a hot path may be, as a share.
const BESIDE: f64 = 0.03;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().filter(|argument| argument != "--bench").collect();
    let own = std::env::current_exe().expect("a program knows where it stands");
    if let [_, case, rounds] = arguments.as_slice()
        && CASES.iter().any(|known| known.name == case)
    {
        run(case, rounds.parse().unwrap_or(0));
        return ExitCode::SUCCESS;
    }
    let other = match arguments.as_slice() {
        [_, option, other] if option == "--beside" => Some(PathBuf::from(other)),
        [_] => None,
        _ => {
            eprintln!(
                "instructions takes nothing, or --beside PROGRAM: the same benchmark of another build (scripts/instructions.sh makes both)"
            );
            return ExitCode::from(2);
        }
    };
    if !Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        leave("instructions", &[Row::absent("instructions of hot paths", "the numbers written down", "valgrind is not installed")]);
        // Who asks for a comparison must not take silence for a pass.
        return if other.is_some() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    let compared = |case| match &other {
        Some(other) => beside(case, &own, other),
        None => written_down(case, &own),
    };
    let rows: Vec<(Row, bool)> = CASES.iter().map(compared).collect();
    let right = rows.iter().all(|(_, right)| *right);
    leave("instructions", &rows.into_iter().map(|(row, _)| row).collect::<Vec<_>>());
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// This build beside what is written above. Less is wrong too: then the number is to be written down anew.
fn written_down(case: &Case, own: &Path) -> (Row, bool) {
    let instructions = per_round(own, case, instructions);
    let (allocated, allocating) = allocations_of(own, case);
    let off = instructions / case.expected - 1.0;
    let detail = format!("{instructions:.0} instructions ({:+.1} %), {:.0} expected{allocated}", off * 100.0, case.expected);
    let target = Target::AtMost(1.0 + case.tolerance);
    let row = Row::ratio(&what(case), "the number written down", Spread::of(vec![1.0 + off]), Some(target), detail);
    (row, off.abs() <= case.tolerance && !allocating)
}

/// This build beside another, counted by the same valgrind.
fn beside(case: &Case, own: &Path, other: &Path) -> (Row, bool) {
    let (ours, theirs) = (per_round(own, case, instructions), per_round(other, case, instructions));
    let (allocated, allocating) = allocations_of(own, case);
    let ratio = ours / theirs;
    let detail = format!("{ours:.0} instructions against {theirs:.0}{allocated}");
    let row = Row::ratio(&what(case), "the other build", Spread::of(vec![ratio]), Some(Target::AtMost(1.0 + BESIDE)), detail);
    (row, ratio <= 1.0 + BESIDE && !allocating)
}

fn what(case: &Case) -> String {
    format!("instructions: {}", case.name)
}

/// What is said of its allocations, and whether there are any that must not be.
fn allocations_of(own: &Path, case: &Case) -> (String, bool) {
    match case.allocates_nothing.then(|| per_round(own, case, allocations)) {
        Some(allocations) => (format!(", {allocations} allocations"), allocations > 0.0),
        None => (String::new(), false),
    }
}

/// The work itself.
fn run(case: &str, rounds: u64) {
    let meant = match case {
        "decision-other-routes" => Meant::ForOtherRoutes,
        "decision-other-hops" => Meant::ForOtherHops,
        "decision-chance-alone" => Meant::ForOneInAMillion,
        _ => return judged(rounds),
    };
    let (faults, _in_force) = in_force(meant);
    let mut key = String::from("buyer-0000000000000000");
    for round in 0..rounds {
        // Another key each time, made without allocating.
        key.truncate(6);
        (0..16).rev().for_each(|digit| key.push(char::from_digit((round >> (4 * digit)) as u32 & 15, 16).unwrap_or('0')));
        black_box(faults.decide(black_box(&purchase(&key))));
    }
}

/// Reads and judges a history that the caller has made, or that is made now.
fn judged(attempts: u64) {
    let path = history(attempts);
    let proof = judge(|| HistoryReader::lend(&path), &Expectations::default());
    black_box(proof);
}

/// Where the history of so many attempts stands.
fn history(attempts: u64) -> PathBuf {
    std::env::temp_dir().join(format!("rushproof-instructions-{}-{attempts}.jsonl.zst", std::os::unix::process::parent_id()))
}

/// What one round of a case costs a build.
fn per_round(program: &Path, case: &Case, count: fn(&Path, &str, u64) -> u64) -> f64 {
    let (short, long) = case.rounds;
    let cost = |rounds| counted(program, case.name, rounds, count) as f64;
    (cost(long) - cost(short)) / (long - short) as f64
}

fn counted(program: &Path, case: &str, rounds: u64, count: fn(&Path, &str, u64) -> u64) -> u64 {
    if !case.starts_with("judge") {
        return count(program, case, rounds);
    }
    // The program that is counted looks for it by the id of this one.
    let path = std::env::temp_dir().join(format!("rushproof-instructions-{}-{rounds}.jsonl.zst", std::process::id()));
    sound::write(&path, rounds).expect("a history can be written to the folder for temporary files");
    let counted = count(program, case, rounds);
    // Ok or not: it is a temporary file.
    let _ = std::fs::remove_file(path);
    counted
}

/// Instructions of a whole run.
fn instructions(program: &Path, case: &str, rounds: u64) -> u64 {
    let said = valgrind(program, &["--tool=callgrind", "--callgrind-out-file=/dev/null"], case, rounds);
    number_after(&said, "Collected :")
}

/// Allocations of a whole run.
fn allocations(program: &Path, case: &str, rounds: u64) -> u64 {
    let said = valgrind(program, &["--tool=dhat", "--dhat-out-file=/dev/null"], case, rounds);
    let total = said.lines().find_map(|line| line.split_once("Total:")).map_or("", |(_, total)| total);
    number_after(total, " in ")
}

fn valgrind(program: &Path, tool: &[&str], case: &str, rounds: u64) -> String {
    let run = Command::new("valgrind").args(tool).arg(program).args([case, &rounds.to_string()]).output().expect("valgrind is there");
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "valgrind failed: {said}");
    said
}

/// The number that stands behind a word, whatever separates its thousands.
fn number_after(text: &str, word: &str) -> u64 {
    let rest = text.split_once(word).map_or("", |(_, rest)| rest);
    let digits: String = rest.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(|c| *c != ',').collect();
    digits.parse().unwrap_or_else(|_| panic!("no number behind {word:?} in: {text}"))
}
