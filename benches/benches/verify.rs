//! What judging a history costs, from its file, and that it grows no faster than the history: ten times the attempts, at most eleven times the time.
//!
//! `cargo bench --bench verify -- --large FOLDER` makes a run of ten million attempts in that folder (a gigabyte), unless it is there, and judges its history
//! once, for `taskset -c 0 /usr/bin/time -v`. With `--report` behind it the run is checked as `loadgen check --write` does, report and all.

use std::ffi::OsStr;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use benches::paired::Spread;
use benches::rows::{Row, Target, criterion_ns, figure, leave};
use benches::sound;
use criterion::{BenchmarkId, Criterion, Throughput};
use loadgen::history::HistoryReader;
use loadgen::verify::judgement::{Proof, Verdict};
use loadgen::verify::{Expectations, judge};

/// Attempts of the large history.
const LARGE: u64 = 10_000_000;

fn judged(path: &Path) -> Proof {
    judge(|| HistoryReader::lend(path), &Expectations::default())
}

fn small() {
    let since = SystemTime::now();
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("verify");
    for attempts in [10_000_u64, 100_000] {
        let path = folder.path().join(format!("{attempts}.jsonl.zst"));
        sound::write(&path, attempts).expect("the history can be written");
        group.throughput(Throughput::Elements(attempts));
        group.bench_with_input(BenchmarkId::new("attempts", attempts), &path, |bencher, path| bencher.iter(|| black_box(judged(path))));
    }
    group.finish();
    criterion.final_summary();
    let found = |attempts: u64| criterion_ns("verify", &format!("attempts/{attempts}"), since);
    let rows = found(10_000).zip(found(100_000)).map(|(short, long)| {
        let ratio = Spread { low: long.low / short.high, median: long.median / short.median, high: long.high / short.low };
        let detail = format!("{} ms against {} ms", figure(long.median / 1e6), figure(short.median / 1e6));
        Row::ratio("judging a history of 100,000 attempts", "one of 10,000", ratio, Some(Target::AtMost(11.0)), detail)
    });
    leave("verify", rows.as_slice());
}

fn large(folder: &Path, report: bool) -> ExitCode {
    let run = folder.join(format!("attempts-{LARGE}"));
    let path = run.join("history.jsonl.zst");
    if !path.exists() {
        let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/sample/plan.json");
        std::fs::create_dir_all(&run).expect("the folder can be made");
        std::fs::copy(plan, run.join("plan.json")).expect("the sample's plan is there");
        let lines = sound::write(&path, LARGE).expect("the history can be written");
        println!("{}: {LARGE} attempts in {lines} lines", path.display());
    }
    let began = Instant::now();
    if report {
        // The plan is another run's, so what it asks for is missing: the verdict is not what this is about.
        loadgen::cli::main(["loadgen".as_ref(), "check".as_ref(), run.as_os_str(), "--write".as_ref()].map(OsStr::to_owned));
        let page = std::fs::metadata(run.join("report.html")).expect("the report was written").len();
        println!("checked in {:.2} s, report.html has {page} bytes", began.elapsed().as_secs_f64());
        return ExitCode::SUCCESS;
    }
    let proof = judged(&path);
    println!("{:?} after {:.2} s: {}", proof.verdict, began.elapsed().as_secs_f64(), proof.reasons.join(" "));
    if proof.verdict == Verdict::Pass { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--large").and_then(|place| arguments.get(place + 1)) {
        Some(folder) => large(Path::new(folder), arguments.iter().any(|argument| argument == "--report")),
        None => {
            small();
            ExitCode::SUCCESS
        }
    }
}
