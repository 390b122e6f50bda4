//! Ctrl-C belongs to the harness, however often it is pressed: the load engine neither takes it nor ends the process.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos::faults::Faults;
use loadgen::history::{HistoryWriter, RunClock};
use loadgen::load::{self, LoadInput, Target};
use loadgen::plan::{Part, Plan};
use loadgen::progress::state::ProgressState;
use loadgen::scenario::{EditionName, Scenario};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::shop::{Books, Server, correct};

/// Set in the child only.
const IS_CHILD: &str = "INTERRUPTS_CHILD";

const LONG: &str = r#"
name = "long"
about = "Ten minutes."
[stock]
"CP-502101" = 100
[[stage]]
name = "long"
duration = "10m"
rate = "50/s"
"#;

#[test]
#[ignore = "is the process that gets interrupted; the test below starts it"]
fn the_process_that_gets_interrupted() {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    load::keep_interrupts();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let progress = Arc::new(ProgressState::default());
        let (second_seen, stop) = (CancellationToken::new(), CancellationToken::new());
        let interrupts = tokio::spawn(interrupts(Arc::clone(&progress), second_seen.clone()));
        let server = Server::start(correct(&Arc::new(Mutex::new(Books::default()))));
        let folder = tempfile::tempdir().unwrap();
        let clock = RunClock::start();
        let history = HistoryWriter::create(&folder.path().join("history.jsonl.zst"), clock).unwrap();
        let input = LoadInput {
            plan: &Plan::derive(&Scenario::parse("long.toml", LONG).unwrap(), 1),
            part: Part::WHOLE,
            begin: None,
            target: Target::new(EditionName::Donut, &server.url()).unwrap(),
            recorder: history.recorder(),
            clock,
            progress,
            stop,
            faults: Faults::new(1),
        };
        let report = load::run(input).await.unwrap();
        history.finish(report.interrupted).unwrap();
        assert!(report.interrupted, "the first interrupt ends the load although nobody cancelled it");
        second_seen.cancelled().await;
        interrupts.abort();
        println!("ended in order");
    });
}

/// Says when the load is under way, and whenever an interrupt came.
async fn interrupts(progress: Arc<ProgressState>, second_seen: CancellationToken) {
    let mut signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).unwrap();
    while progress.reader().snapshot().sent == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("under way");
    signals.recv().await;
    println!("one interrupt");
    signals.recv().await;
    second_seen.cancel();
}

#[test]
fn two_interrupts_end_the_load_in_order_and_not_the_process() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "interrupts::the_process_that_gets_interrupted", "--ignored", "--nocapture"])
        .env(IS_CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let interrupt = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    for awaited in ["under way", "one interrupt"] {
        assert!(told.any(|line| line.ends_with(awaited)), "the child ended before it said {awaited:?}");
        kill(interrupt, Signal::SIGINT).unwrap();
    }
    assert!(told.any(|line| line == "ended in order"), "the child ended without order");
    // Read to its end: a child whose pipe is closed early fails while it prints its summary.
    told.for_each(drop);
    assert!(child.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}
