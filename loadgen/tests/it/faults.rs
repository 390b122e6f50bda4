//! Faults in a run: each strikes on its hop, is seen to take effect, is healed and proved to be, and all of that stands in the history.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos::decision::TapKind;
use chaos::plan::Plan;
use loadgen::faults::{FiredFile, HopError, Hops};
use loadgen::history::event::{Event, FaultMark, FaultState, Phase};
use loadgen::history::{HistoryReader, HistoryWriter, RunClock};
use loadgen::result::RunResult;
use loadgen::verify::judgement::Verdict;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::shop::{Books, Server, correct};
use crate::whole_command::{Desk, events, text, until};

/// Enough of everything for a rule on any hop to find something to strike: some seconds of calm, then the trouble, then a while without.
pub(crate) fn busy(calm: &str, trouble: &str) -> String {
    format!(
        r#"
name = "busy"
about = "Some seconds of everything."
edition = "donut"

[stock]
# Out of it ten orders of three pieces at most can be sold, however late the first restock comes.
"CP-502101" = 30

[[stage]]
name = "calm"
duration = "{calm}"
rate = "20/s"

[[stage]]
name = "trouble"
duration = "{trouble}"
rate = "25/s"

[[stage]]
name = "after"
duration = "4s"
rate = "20/s"

[buyers]
quantities = {{ "1" = "80%", "3" = "20%" }}
patience = "5s"
retries = 3
retry_after = "200ms"

[pipeline]
production_time = "200ms"
factory_capacity = 4
visibility_timeout = "2s"
confirm_after = "4s"

[drain]
timeout = "60s"

[expect]
min_sold = 10

[limits]
lateness_p99 = "10s"
recovery = "60s"
"#
    )
}

/// A fault of a scenario, as its file says it.
pub(crate) fn rule(name: &str, rest: &str) -> String {
    format!("\n[[fault]]\nname = \"{name}\"\n{rest}\n")
}

fn marks(run: &Path) -> BTreeMap<String, Vec<FaultMark>> {
    let mut marks: BTreeMap<String, Vec<FaultMark>> = BTreeMap::new();
    for event in events(run) {
        if let Event::Fault(mark) = event {
            marks.entry(mark.rule.clone()).or_default().push(mark);
        }
    }
    marks
}

fn states(marks: &[FaultMark]) -> Vec<FaultState> {
    let mut states: Vec<FaultState> = marks.iter().map(|mark| mark.state).collect();
    states.dedup();
    states
}

fn verdict(run: &Path) -> Verdict {
    RunResult::read(run).unwrap().verdict()
}

#[test]
fn a_rule_on_each_hop_strikes_shows_and_is_healed_and_the_pipeline_survives_them_together() {
    let hops = ["sales", "factory", "callback", "aws.relay", "aws.replenish", "aws.advertising", "aws.operations"];
    let on = |hop: &str| rule(hop, &format!("fault = \"lose-answer\"\nhop = \"{hop}\"\nfirst = 2\nphase = \"trouble\""));
    let desk = Desk::new(&(busy("2s", "4s") + &hops.map(on).concat()));
    let output = desk.run();
    let run = desk.run_folder();
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let marks = marks(&run);
    for hop in hops {
        let marks = &marks[hop];
        let named: BTreeSet<Option<&str>> = marks.iter().map(|mark| mark.hop.as_deref()).collect();
        assert_eq!(named, BTreeSet::from([Some(hop)]));
        let states = states(marks);
        assert_eq!((states.first(), states.last()), (Some(&FaultState::Requested), Some(&FaultState::Healed)), "{hop}: {states:?}");
        assert!(states.contains(&FaultState::Fired) && states.contains(&FaultState::Effective), "{hop}: {states:?}");
    }
    let struck_keys = marks["sales"].iter().filter(|mark| mark.state == FaultState::Fired && mark.ids.key.is_some()).count();
    assert_eq!(struck_keys, 2, "purchases are known by their keys");
    assert!(marks["factory"].iter().any(|mark| mark.ids.production.is_some()), "orders to the factory by their production");
    let passed: BTreeSet<String> = events(&run).into_iter().filter_map(|event| passed(&event)).collect();
    assert!(hops.iter().all(|hop| passed.contains(*hop)), "every hop is in the history: {passed:?}");
    let fired = FiredFile::read(&run.join("fired.json")).unwrap();
    assert_eq!(fired.fired.len(), 2 * hops.len());
}

fn passed(event: &Event) -> Option<String> {
    match event {
        Event::Passed(passed) => Some(passed.hop.clone()),
        _ => None,
    }
}

#[test]
fn a_planned_fault_that_finds_nothing_to_strike_leaves_the_run_unknown() {
    let idle = rule("idle", "fault = \"refuse\"\nhop = \"sales\"\nmethod = \"DELETE\"\nphase = \"trouble\"");
    let desk = Desk::new(&(busy("2s", "4s") + &idle));
    let output = desk.run();
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{shown}");
    assert!(shown.contains("fault \"idle\"") && shown.contains("never seen to take effect, fired 0 times, healed"), "{shown}");
}

#[test]
fn an_interrupt_heals_what_is_in_force() {
    let slow = rule("slow", "fault = \"delay\"\ndelay = \"300ms\"\nhop = \"sales\"");
    let desk = Desk::new(&(busy("2s", "10m") + &slow));
    let child = desk.start();
    let run = until("the fault to be seen", || {
        let run = desk.run_folders().pop()?;
        marks(&run).get("slow")?.iter().any(|mark| mark.state == FaultState::Effective).then_some(run)
    });
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stdout));
    assert_eq!(states(&marks(&run)["slow"]).last(), Some(&FaultState::Healed));
    let events = events(&run);
    let healed = events.iter().position(|event| matches!(event, Event::Fault(mark) if mark.state == FaultState::Healed)).unwrap();
    let drain = events.iter().position(|event| matches!(event, Event::Phase(mark) if mark.phase == Phase::Drain)).unwrap();
    assert!(healed < drain, "what is read after the drain is read from a pipeline that nothing disturbs any more");
}

#[test]
fn a_bound_that_is_passed_stops_the_run_and_says_so() {
    let lost = rule("lost", "fault = \"lose-answer\"\nhop = \"sales\"\nmethod = \"POST\"");
    let abort = "\n[abort]\nunknown_share = \"30%\"\n";
    let desk = Desk::new(&(busy("2s", "10m") + abort + &lost));
    let output = desk.run();
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{shown}");
    assert!(
        shown.contains("the run was interrupted (stopped: ") && shown.contains("answers are unknown, and the scenario allows 30 %"),
        "{shown}"
    );
    assert_eq!(states(&marks(&desk.run_folder())["lost"]).last(), Some(&FaultState::Healed));
}

#[test]
fn the_same_seed_strikes_the_same_purchases_and_another_one_others() {
    let lost = rule("lost", "fault = \"lose-answer\"\nhop = \"sales\"\nmethod = \"POST\"\nshare = \"30%\"");
    let desk = Desk::new(&(busy("2s", "4s") + &lost));
    let first = strikes(&desk, "7", "first");
    let second = strikes(&desk, "7", "second");
    let seen_by_both = first.keys().filter(|key| second.contains_key(*key)).count();
    assert!(seen_by_both > 100, "only {seen_by_both} purchases in both");
    for (key, struck) in &first {
        assert!(second.get(key).is_none_or(|again| again == struck), "{key}: {struck} once, and not the other time");
    }
    let struck = first.values().filter(|struck| **struck).count();
    assert!((first.len() / 5..first.len() / 2).contains(&struck), "{struck} of {}", first.len());
    assert!(strikes(&desk, "8", "other").keys().all(|key| !first.contains_key(key)), "another seed makes other keys");
}

/// Of every purchase that reached the shop's tap, by its key: whether its first attempt was struck.
fn strikes(desk: &Desk, seed: &str, out: &str) -> BTreeMap<String, bool> {
    let output = desk.loadgen(&["--scenario", "scenario.toml", "--seed", seed, "--out", out]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let run = fs::read_dir(desk.path(out)).unwrap().next().unwrap().unwrap().path();
    assert_eq!(verdict(&run), Verdict::Pass);
    let fired = FiredFile::read(&run.join("fired.json")).unwrap();
    let struck: BTreeSet<&str> = fired.fired.iter().filter(|row| row.attempt == 0).map(|row| row.id.as_str()).collect();
    let bought = events(&run).into_iter().filter_map(|event| match event {
        Event::Passed(passed) if passed.hop == "sales" && passed.what.starts_with("POST") => passed.ids.into_iter().next(),
        _ => None,
    });
    bought.map(|key| (key.clone(), struck.contains(key.as_str()))).collect()
}

/// A hop of its own, with a shop behind it and a history beside it.
struct Bench {
    folder: tempfile::TempDir,
    writer: HistoryWriter,
    hops: Hops,
}

impl Bench {
    fn new(rules: &str) -> Self {
        let (folder, clock) = (testbed::folder::in_memory("faults-", 1 << 30).unwrap(), RunClock::start());
        let writer = HistoryWriter::create(&folder.path().join("history.jsonl.zst"), clock).unwrap();
        let plan = Plan::parse_within("plan.toml", rules, "fault").unwrap();
        let hops = Hops::new(&plan, 7, clock, &writer.recorder(), &[]);
        Self { folder, writer, hops }
    }

    async fn marks(self) -> Vec<FaultMark> {
        self.hops.stop().await;
        self.writer.finish(false).unwrap();
        let lines = HistoryReader::open(&self.folder.path().join("history.jsonl.zst")).unwrap();
        let mark = |event| match event {
            Event::Fault(mark) => Some(mark),
            _ => None,
        };
        lines.filter_map(|line| mark(line.unwrap().event)).collect()
    }
}

#[tokio::test]
async fn a_fault_that_is_due_from_the_beginning_is_in_force_before_anybody_can_come() {
    let mut bench = Bench::new("[[fault]]\nname = \"lost\"\nfault = \"lose-answer\"\nhop = \"sales\"\n");
    bench.hops.begin();
    // No task has had a turn yet.
    assert_eq!(bench.hops.faults().active_rules(), 1);
    bench.hops.heal().await;
    let states: Vec<FaultState> = bench.marks().await.into_iter().map(|mark| mark.state).collect();
    assert_eq!(states, [FaultState::Requested, FaultState::Healed]);
}

async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /product/donut HTTP/1.1\r\nhost: shop\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 1_024];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await.unwrap().unwrap_or(0);
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

fn shop() -> Server {
    Server::start(correct(&Arc::new(Mutex::new(Books { stock: 5, ..Books::default() }))))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_open_before_the_rule_is_struck_like_any_other() {
    let shop = shop();
    let mut bench = Bench::new(&rule("busy", "fault = \"answer\"\nstatus = 503\nhop = \"sales\""));
    let entrance = bench.hops.stand("sales", TapKind::Http, &shop.url()).await.unwrap();
    let mut open = TcpStream::connect(entrance.trim_start_matches("http://")).await.unwrap();
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"));
    bench.hops.begin();
    until_answered(&mut open, "HTTP/1.1 503").await;
    bench.hops.heal().await;
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"), "healed on the same connection");
    let marks = bench.marks().await;
    assert_eq!(states(&marks).last(), Some(&FaultState::Healed));
}

/// Rules come into force within a moment; asking is what shows it.
async fn until_answered(stream: &mut TcpStream, beginning: &str) {
    let answered = async { while !ask(stream).await.starts_with(beginning) {} };
    tokio::time::timeout(Duration::from_secs(10), answered).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hop_that_does_not_answer_as_it_should_is_not_called_healed() {
    let shop = shop();
    let mut bench = Bench::new(&rule("slow", "fault = \"delay\"\ndelay = \"1ms\"\nhop = \"sales\""));
    let entrance = bench.hops.stand("sales", TapKind::Http, &shop.url()).await.unwrap();
    bench.hops.begin();
    let mut open = TcpStream::connect(entrance.trim_start_matches("http://")).await.unwrap();
    assert!(ask(&mut open).await.starts_with("HTTP/1.1 200"));
    drop((open, shop));
    bench.hops.heal().await;
    let marks = bench.marks().await;
    let last = marks.last().unwrap();
    assert_eq!(last.state, FaultState::Unhealed);
    assert!(last.note.as_deref().unwrap().contains("hop sales: a canary"), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_dropped_on_the_way_heals() {
    let shop = shop();
    let mut bench = Bench::new(&rule("held", "fault = \"blackhole\"\nhop = \"sales\""));
    let entrance = bench.hops.stand("sales", TapKind::Http, &shop.url()).await.unwrap();
    let faults = bench.hops.faults().clone();
    bench.hops.begin();
    let mut open = TcpStream::connect(entrance.trim_start_matches("http://")).await.unwrap();
    let in_force = async {
        while faults.held() == 0 {
            open = held_or_answered(&entrance).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), in_force).await.unwrap();
    // As a panic would, or the second Ctrl-C.
    drop(bench);
    let healed = async {
        while faults.active_rules() > 0 || faults.held() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), healed).await.unwrap();
}

/// A connection on which a request was sent whose answer may never come.
async fn held_or_answered(entrance: &str) -> TcpStream {
    let mut stream = TcpStream::connect(entrance.trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET /product/donut HTTP/1.1\r\nhost: shop\r\n\r\n").await.unwrap();
    // Either it is answered, or it is held: both come to an end soon.
    let _ = tokio::time::timeout(Duration::from_millis(100), stream.read_u8()).await;
    stream
}

#[tokio::test]
async fn another_machine_is_not_touched_unless_it_is_named() {
    let bench = Bench::new("");
    let refused = bench.hops.stand("sales", TapKind::Http, "http://shop.example:80").await.unwrap_err();
    assert!(matches!(refused, HopError::Remote { .. }));
    assert_eq!(refused.to_string(), "hop sales: shop.example is not this machine; if you mean it, add --allow-remote shop.example");
}
