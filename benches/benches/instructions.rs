//! Instructions of what every request, or every line of a history, pays for, counted by valgrind: the same on a busy machine as on an idle one.
//!
//! Each count must be what is written here, within its tolerance: more is a regression, and less is a reason to write the new number down. What must not
//! allocate is counted as well. Where there is no valgrind, nothing is counted, and that is said.
//!
//! A count is the difference between a long and a short run of this very program, so that starting up is no part of it.

use std::hint::black_box;
use std::path::PathBuf;
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
    Case { name: "decision-other-routes", rounds: DECISION, expected: 1_021.0, tolerance: 0.05, allocates_nothing: true },
    Case { name: "decision-other-hops", rounds: DECISION, expected: 1_101.0, tolerance: 0.05, allocates_nothing: true },
    Case { name: "decision-chance-alone", rounds: DECISION, expected: 1_441.0, tolerance: 0.05, allocates_nothing: true },
    // Reading and judging one attempt, with all that it led to: nearly five lines.
    Case { name: "judge-one-attempt", rounds: (10_000, 30_000), expected: 17_380.0, tolerance: 0.1, allocates_nothing: false },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, case, rounds] = arguments.as_slice()
        && CASES.iter().any(|known| known.name == case)
    {
        run(case, rounds.parse().unwrap_or(0));
        return ExitCode::SUCCESS;
    }
    if !Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        leave("instructions", &[Row::absent("instructions of hot paths", "the numbers written down", "valgrind is not installed")]);
        return ExitCode::SUCCESS;
    }
    let mut wrong = false;
    let rows: Vec<Row> = CASES
        .iter()
        .map(|case| {
            let instructions = per_round(case, instructions);
            let allocations = case.allocates_nothing.then(|| per_round(case, allocations));
            let off = instructions / case.expected - 1.0;
            wrong |= off.abs() > case.tolerance || allocations.is_some_and(|allocations| allocations > 0.0);
            let allocating = allocations.map_or(String::new(), |allocations| format!(", {allocations} allocations"));
            let detail = format!("{instructions:.0} instructions ({:+.1} %), {:.0} expected{allocating}", off * 100.0, case.expected);
            let spread = Spread::of(vec![1.0 + off]);
            Row::ratio(
                &format!("instructions: {}", case.name),
                "the number written down",
                spread,
                Some(Target::AtMost(1.0 + case.tolerance)),
                detail,
            )
        })
        .collect();
    leave("instructions", &rows);
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
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

/// What one round of a case costs.
fn per_round(case: &Case, count: fn(&str, u64) -> u64) -> f64 {
    let (short, long) = case.rounds;
    let cost = |rounds| counted(case.name, rounds, count) as f64;
    (cost(long) - cost(short)) / (long - short) as f64
}

fn counted(case: &str, rounds: u64, count: fn(&str, u64) -> u64) -> u64 {
    if !case.starts_with("judge") {
        return count(case, rounds);
    }
    // The program that is counted looks for it by the id of this one.
    let path = std::env::temp_dir().join(format!("rushproof-instructions-{}-{rounds}.jsonl.zst", std::process::id()));
    sound::write(&path, rounds).expect("a history can be written to the folder for temporary files");
    let counted = count(case, rounds);
    // Ok or not: it is a temporary file.
    let _ = std::fs::remove_file(path);
    counted
}

/// Instructions of a whole run.
fn instructions(case: &str, rounds: u64) -> u64 {
    let said = valgrind(&["--tool=callgrind", "--callgrind-out-file=/dev/null"], case, rounds);
    number_after(&said, "Collected :")
}

/// Allocations of a whole run.
fn allocations(case: &str, rounds: u64) -> u64 {
    let said = valgrind(&["--tool=dhat", "--dhat-out-file=/dev/null"], case, rounds);
    let total = said.lines().find_map(|line| line.split_once("Total:")).map_or("", |(_, total)| total);
    number_after(total, " in ")
}

fn valgrind(tool: &[&str], case: &str, rounds: u64) -> String {
    let own = std::env::current_exe().expect("a program knows where it stands");
    let run = Command::new("valgrind").args(tool).arg(own).args([case, &rounds.to_string()]).output().expect("valgrind is there");
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
