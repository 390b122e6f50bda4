//! A machine whose clock is set while everything runs: an hour forward, two hours back, and right again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use loadgen::history::HistoryReader;
use loadgen::history::event::Event;
use loadgen::result::RunResult;
use loadgen::verify::judgement::Verdict;
use sqlx::{Connection as _, SqliteConnection};

use super::{nothing_is_left_behind, said};
use crate::targets::first_contact;
use crate::targets::foreign_reference::foreign;
use crate::whole_command::{Desk, PATIENCE, events, under_load, until};

/// Where Debian has the library that answers a process the time of a file instead of the machine's.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path().join("faketime/libfaketimeMT.so.1"));
    let found = folders.into_iter().find(|file| file.is_file());
    found.expect("libfaketime is not installed, and this test is not skipped without it: apt-get install --no-install-recommends faketime")
}

/// The wall clock of some processes. What counts time in them is not touched, as on a machine whose clock is set.
struct Clock {
    file: PathBuf,
}

impl Clock {
    fn right(desk: &Desk) -> Self {
        let clock = Self { file: desk.path("clock") };
        clock.set("+0");
        clock
    }

    /// Sets it so many seconds beside the right time.
    fn set(&self, offset: &str) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, offset).unwrap();
        // Whoever reads it meanwhile reads the one or the other.
        std::fs::rename(next, &self.file).unwrap();
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let file = self.file.display().to_string();
        let settings = ["FAKETIME_DONT_FAKE_MONOTONIC", "FAKETIME_NO_CACHE", "NO_FAKE_STAT"];
        let settings = settings.map(|name| (name, "1".to_owned()));
        let places = [("LD_PRELOAD", library().display().to_string()), ("FAKETIME_TIMESTAMP_FILE", file)];
        settings.into_iter().chain(places).collect()
    }
}

/// Waits until so many more attempts are over.
fn more_are_served(run: &Path) {
    let served = || events(run).iter().filter(|event| matches!(event, Event::Complete(_))).count();
    let before = served();
    until("more attempts to be over", || (served() >= before + 80).then_some(()));
}

/// How far apart the shop dates its first and its last order.
async fn orders_are_dated_over(data: &Path) -> Duration {
    let file =
        std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).find(|file| file.extension().is_some_and(|end| end == "db"));
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.unwrap().display())).await.unwrap();
    let (micros,): (i64,) =
        sqlx::query_as("SELECT MAX(created_at) - MIN(created_at) FROM orders").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    Duration::from_micros(micros.try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_during_the_run_changes_neither_the_verdict_nor_the_times_in_the_report() {
    // Long enough for three changes, however late this test notices that it is time for the next.
    let desk = Desk::new(&first_contact("").replace("name = \"crowd\"\nduration = \"3s\"", "name = \"crowd\"\nduration = \"12s\""));
    let clock = Clock::right(&desk);
    let variables = clock.variables();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (shop, file) = foreign(&desk, "donut", &variables);
    std::fs::write(desk.path("target.toml"), file).unwrap();
    let mut command: Command = desk.loadgen(&["--target", "target.toml", "--scenario", "scenario.toml", "--seed", "1", "--out", "runs"]);
    let child = command.envs(variables).spawn().unwrap();
    let run = under_load(&desk);
    let loaded = std::fs::read_to_string(format!("/proc/{}/maps", child.id())).unwrap();
    for offset in ["+3600", "-3600", "+0"] {
        more_are_served(&run);
        clock.set(offset);
    }
    let output = child.wait_with_output().unwrap();
    let result = RunResult::read(&run).unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
    assert_eq!((output.status.code(), result.verdict()), (Some(0), Verdict::Pass), "{}", said(&output));
    assert!(loaded.contains("libfaketime"), "the harness's clock was set as well");
    let dated = orders_are_dated_over(&desk.path("shop")).await;
    assert!(dated >= Duration::from_secs(3_600), "the shop's clock was set while it sold: {dated:?}");

    let times: Vec<Duration> =
        HistoryReader::open(&run.join("history.jsonl.zst")).unwrap().map(|line| Duration::from_micros(line.unwrap().at)).collect();
    assert!(times.is_sorted() && times.last().is_some_and(|last| *last < PATIENCE), "{:?}", times.last());
    nothing_is_left_behind(&desk, &run);
    // In order: the library leaves a semaphore behind where it is not told of the end.
    shop.stop();
}
