//! A history outlives the process that writes it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use loadgen::history::event::Event;
use loadgen::history::{HistoryReader, HistoryWriter, RunClock};
use tokio::time::Instant;

/// Where the child writes; only the child has it.
const PATH: &str = "HISTORY_SURVIVES_PATH";

/// What a kill may take: the flush interval, and what a busy machine adds to it.
const LAST_INSTANTS: Duration = Duration::from_millis(600);

fn stage(number: u64) -> Event {
    Event::Stage { name: number.to_string() }
}

#[test]
#[ignore = "is the process that gets killed; the test below starts it"]
fn the_process_that_gets_killed() {
    let Ok(path) = std::env::var(PATH) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let history = HistoryWriter::create(path.as_ref(), RunClock::start()).unwrap();
        let recorder = history.recorder();
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        for number in 0.. {
            pace.tick().await;
            recorder.record(stage(number));
            println!("recorded {number}");
        }
    });
}

#[test]
fn a_killed_writer_leaves_all_but_the_last_instants() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl.zst");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "history_survives::the_process_that_gets_killed", "--ignored", "--nocapture"])
        .env(PATH, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut recorded: Vec<(u64, Instant)> = Vec::new();
    while recorded.len() < 400 {
        let line = told.next().expect("the child writes until it is killed").unwrap();
        if let Some(number) = line.strip_prefix("recorded ") {
            recorded.push((number.parse().unwrap(), Instant::now()));
        }
    }
    child.kill().unwrap();
    let killed = Instant::now();
    child.wait().unwrap();

    let mut reader = HistoryReader::open(&path).unwrap();
    let kept = reader.by_ref().map(Result::unwrap).count() as u64;
    assert!(!reader.closed_in_order());
    let safe = recorded.iter().filter(|(_, at)| killed.duration_since(*at) > LAST_INSTANTS).map(|(number, _)| number + 1).max();
    let safe = safe.expect("two seconds of recording hold more than the last instants");
    assert!(kept >= safe, "{kept} lines are left, although {safe} were recorded {LAST_INSTANTS:?} before the kill");
}

#[test]
fn a_torn_tail_is_tolerated_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl.zst");
    let history = HistoryWriter::create(&path, RunClock::start()).unwrap();
    for number in 0..5_000 {
        history.recorder().record(stage(number));
    }
    let size = history.finish(false).unwrap();
    assert_eq!(size.lines, 5_001);
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(size.bytes, whole.len() as u64);

    let mut reader = HistoryReader::open(&path).unwrap();
    assert_eq!(reader.by_ref().map(Result::unwrap).count(), 5_001);
    assert!(reader.closed_in_order() && reader.torn().is_none());

    for keep in [whole.len() - 1, whole.len() / 2, 20, 5, 0] {
        std::fs::write(&path, &whole[..keep]).unwrap();
        let mut reader = HistoryReader::open(&path).unwrap();
        let lines = reader.by_ref().map(Result::unwrap).count() as u64;
        assert!(lines <= 5_001 && !reader.closed_in_order(), "{keep} bytes");
        match reader.torn() {
            Some(torn) => assert_eq!(torn.after_lines, lines),
            None => assert!(keep == 0 || lines > 0, "{keep} bytes: torn, and not told"),
        }
    }
}

#[test]
fn many_recorders_lose_nothing_and_keep_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl.zst");
    let history = HistoryWriter::create(&path, RunClock::start()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let recorder = history.recorder();
            scope.spawn(move || (0..30_000).for_each(|number| recorder.record(stage(thread * 1_000_000 + number))));
        }
    });
    history.finish(true).unwrap();
    let lines: Vec<_> = HistoryReader::open(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 120_001);
    assert!(lines.is_sorted_by_key(|line| line.at));
    assert_eq!(lines.last().unwrap().event, Event::Ended { interrupted: true });
}

#[test]
fn a_file_that_is_no_history_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl.zst");
    let text = b"{\"at\":1,\"type\":\"stage\",\"name\":\"a\"}\n{\"at\":2,\"type\":\"weather\"}\n";
    std::fs::write(&path, zstd::encode_all(text.as_slice(), 0).unwrap()).unwrap();
    let told = HistoryReader::open(&path).unwrap().find_map(Result::err).unwrap().to_string();
    assert!(told.contains("line 2"), "{told}");
    assert!(HistoryWriter::create(&path, RunClock::start()).is_err(), "an existing history is never overwritten");
}
