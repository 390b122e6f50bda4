//! The whole command against the real pipeline, as a user starts it: a short run each, in processes of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use loadgen::history::HistoryReader;
use loadgen::history::event::{Event, RoleState};
use loadgen::result::RunResult;
use loadgen::verify::judgement::{Judgement, Verdict};
use loadgen::verify::property::Property;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::Connection;
use tempfile::TempDir;

/// A few seconds of everything: sales, a sell-out, a restock. The generator may be as late as a crowded machine makes it.
pub(crate) const SHORT: &str = r#"
name = "short"
about = "A few seconds of everything."
edition = "donut"

[stock]
# Out of it ten orders of two pieces at most can be sold, however late the first restock comes.
"CP-502101" = 20

[[stage]]
name = "arrive"
duration = "4s"
rate = "15/s"

[buyers]
browse = "10%"
quantities = { "1" = "80%", "2" = "20%" }
double_click = "5%"
patience = "5s"
retries = 2
retry_after = "250ms"
come_back = "50%"
come_back_after = "1s"
come_backs = 1

[pipeline]
production_time = "300ms"
factory_capacity = 4
visibility_timeout = "5s"
confirm_after = "10s"

[drain]
timeout = "60s"

[expect]
min_sold = 10
min_sold_out = 1
min_restocks = 1

[limits]
lateness_p99 = "10s"
recovery = "60s"
"#;

/// How long any of these runs may take on a crowded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// Far more than any of these runs writes, beside all others that go on.
const ROOM: u64 = 2 << 30;

/// A folder with a scenario, a place for run folders, and a place for what must be gone afterwards.
pub(crate) struct Desk {
    folder: TempDir,
}

impl Drop for Desk {
    /// What a failed test left is what explains it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("what this test did stays in {}", self.folder.path().display());
        }
    }
}

impl Desk {
    pub(crate) fn new(scenario: &str) -> Self {
        let folder = testbed::folder::in_memory("desk-", ROOM).unwrap();
        fs::write(folder.path().join("scenario.toml"), scenario).unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn loadgen(&self, args: &[&str]) -> Command {
        self.started_from(Path::new(env!("CARGO_BIN_EXE_loadgen")), args)
    }

    /// As [`Desk::loadgen`], of which `program` is a copy.
    pub(crate) fn started_from(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("TMPDIR", self.path("tmp")).env_remove("GITHUB_STEP_SUMMARY").args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self) -> Child {
        self.loadgen(&["--scenario", "scenario.toml", "--seed", "7", "--out", "runs"]).spawn().unwrap()
    }

    pub(crate) fn run(&self) -> Output {
        self.start().wait_with_output().unwrap()
    }

    /// The only run folder.
    pub(crate) fn run_folder(&self) -> PathBuf {
        let mut folders = self.run_folders();
        assert_eq!(folders.len(), 1, "one run leaves one folder");
        folders.remove(0)
    }

    pub(crate) fn run_folders(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("runs")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    pub(crate) fn temporary_files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

pub(crate) fn until<T>(what: &str, mut reached: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = reached() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Every event that can be read so far.
pub(crate) fn events(run: &Path) -> Vec<Event> {
    let Ok(reader) = HistoryReader::open(&run.join("history.jsonl.zst")) else { return Vec::new() };
    reader.map_while(Result::ok).map(|line| line.event).collect()
}

/// Process ids of the pipeline's roles.
pub(crate) fn pids(run: &Path) -> Vec<u32> {
    let started = |event: Event| match event {
        Event::Role(mark) if mark.state == RoleState::Started => Some(mark.pid),
        _ => None,
    };
    events(run).into_iter().filter_map(started).collect()
}

/// Whether a process is there and not merely waiting to be collected.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub(crate) fn under_load(desk: &Desk) -> PathBuf {
    until("the load to begin", || {
        let run = desk.run_folders().pop()?;
        events(&run).iter().any(|event| matches!(event, Event::Complete(_))).then_some(run)
    })
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_short_run_passes_and_its_folder_suffices_for_check_report_and_gate() {
    let desk = Desk::new(SHORT);
    let output = desk.run();
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("PASS"));
    let run = desk.run_folder();
    for file in ["plan.json", "history.jsonl.zst", "result.json", "report.html", "report.md", "junit.xml", "latency.hgrm"] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    assert_eq!(desk.temporary_files(), Vec::<PathBuf>::new());
    assert!(pids(&run).into_iter().all(|pid| !lives(pid)), "a process of the pipeline outlived the run");

    let first = RunResult::read(&run).unwrap();
    assert_eq!(first.proof.properties.len(), Property::ALL.len());
    let run = run.to_str().unwrap();
    let again = desk.loadgen(&["check", run, "--format", "json"]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let again: RunResult = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again.proof, first.proof, "check agrees with the run");
    assert_eq!(again.totals, first.totals);

    let mut cheaper = first;
    cheaper.cost.target_cpu_us = cheaper.cost.target_cpu_us.map(|cpu| cpu / 50);
    cheaper.write(desk.folder.path()).unwrap();
    let gated = desk.loadgen(&["check", run, "--gate", "result.json"]).output().unwrap();
    // Where the machine was too busy to keep the schedule, the gate says so instead of accusing.
    assert!(matches!(gated.status.code(), Some(3 | 4)), "fifty times the processor time does not pass\n{}", text(&gated.stderr));
}

#[test]
fn a_replay_runs_the_same_plan_again() {
    let desk = Desk::new(SHORT);
    assert_eq!(desk.run().status.code(), Some(0));
    let first = desk.run_folder();
    let replayed = desk.loadgen(&["replay", first.to_str().unwrap(), "--out", "again"]).output().unwrap();
    assert_eq!(replayed.status.code(), Some(0), "{}\n{}", text(&replayed.stdout), text(&replayed.stderr));
    let second = fs::read_dir(desk.path("again")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read_to_string(first.join("plan.json")).unwrap(), fs::read_to_string(second.join("plan.json")).unwrap());
}

#[test]
fn a_database_that_forgets_to_lower_the_stock_is_found() {
    let desk = Desk::new(SHORT);
    let child = desk.start();
    let database = until("the pipeline's database", || {
        let file = desk.temporary_files().pop()?.join("shop.db");
        file.is_file().then_some(file)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Every third decrement is lost, as it is in a shop that reads the stock and writes it back.
        let trigger = "CREATE TRIGGER lost_decrement AFTER UPDATE OF stock ON products
            WHEN NEW.stock < OLD.stock AND NEW.stock % 3 = 0
            BEGIN UPDATE products SET stock = OLD.stock WHERE product_id = NEW.product_id; END";
        let deadline = Instant::now() + PATIENCE;
        loop {
            let tried = async {
                let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", database.display())).await?;
                sqlx::query(trigger).execute(&mut connection).await
            };
            match tried.await {
                Ok(_) => break,
                Err(error) => assert!(Instant::now() < deadline, "the trigger cannot be set: {error}"),
            }
        }
    });
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let result = RunResult::read(&desk.run_folder()).unwrap();
    assert_eq!(result.verdict(), Verdict::Fail);
    let conservation = result.proof.properties.iter().find(|result| result.property == Property::Conservation).unwrap();
    assert_eq!(conservation.judgement, Judgement::Violated);
    assert!(!conservation.violations[0].sentence.is_empty());
}

#[test]
fn an_interrupted_run_still_reports_and_leaves_nothing_behind() {
    let desk = Desk::new(&SHORT.replace("duration = \"4s\"", "duration = \"10m\""));
    let child = desk.start();
    let run = under_load(&desk);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let result = RunResult::read(&run).unwrap();
    assert_eq!(result.verdict(), Verdict::Unknown);
    assert!(result.run.interrupted);
    assert!(run.join("report.html").is_file());
    assert_eq!(desk.temporary_files(), Vec::<PathBuf>::new());
    assert!(pids(&run).into_iter().all(|pid| !lives(pid)), "a process of the pipeline outlived the run");
}

#[test]
fn a_second_interrupt_stops_at_once() {
    let desk = Desk::new(&SHORT.replace("duration = \"4s\"", "duration = \"10m\""));
    let mut child = desk.start();
    let run = under_load(&desk);
    let pids = pids(&run);
    // A signal that finds the first one not yet noticed counts as the same one, so it is sent until it has been.
    until("the harness to end", || {
        // Gone between two looks is what is being waited for.
        let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT);
        child.try_wait().unwrap()
    });
    until("every process of the pipeline to end", || pids.iter().all(|pid| !lives(*pid)).then_some(()));
}

#[test]
fn a_killed_harness_leaves_no_orphan_and_evidence_that_is_judged_unknown() {
    let desk = Desk::new(&SHORT.replace("duration = \"4s\"", "duration = \"10m\""));
    let mut child = desk.start();
    let run = under_load(&desk);
    let pids = pids(&run);
    assert!(!pids.is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    until("every process of the pipeline to end", || pids.iter().all(|pid| !lives(*pid)).then_some(()));
    let check = desk.loadgen(&["check", run.to_str().unwrap()]).output().unwrap();
    assert_eq!(check.status.code(), Some(4), "{}\n{}", text(&check.stdout), text(&check.stderr));
}

#[test]
fn two_runs_side_by_side_do_not_disturb_each_other() {
    let desk = Desk::new(SHORT);
    let (first, second) = (desk.start(), desk.start());
    for output in [first.wait_with_output().unwrap(), second.wait_with_output().unwrap()] {
        assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    }
    assert_eq!(desk.run_folders().len(), 2);
}

#[test]
fn a_place_for_reports_that_is_none_is_said_before_anything_starts() {
    let desk = Desk::new(SHORT);
    fs::write(desk.path("runs"), "a file").unwrap();
    let output = desk.run();
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("--out"), "{}", text(&output.stderr));
    assert_eq!(desk.temporary_files(), Vec::<PathBuf>::new());
}
