//! Buyers against small shops: what they do is in the history, and what they did is in the shop's books.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos::faults::Faults;
use chaos::port::KeptPort;
use loadgen::history::event::{Answer, Behaviour, Complete, Event, Invoke, OpKind, Outcome};
use loadgen::history::{HistoryReader, HistoryWriter, RunClock};
use loadgen::load::{self, LoadInput, LoadReport, Target};
use loadgen::plan::{Part, Plan};
use loadgen::scenario::{EditionName, Scenario};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::shop::{Books, Server, correct};

fn scenario(traffic: &str, rest: &str) -> Scenario {
    let text = format!("name = \"t\"\nabout = \"A test.\"\n[stock]\n\"CP-502101\" = 100\n{traffic}\n{rest}\n");
    Scenario::parse("t.toml", &text).unwrap()
}

const TWO_SECONDS: &str = "[[stage]]\nname = \"all\"\nduration = \"2s\"\nrate = \"60/s\"";

struct Run {
    report: LoadReport,
    attempts: Vec<(Invoke, Complete)>,
    lines: Vec<Event>,
}

async fn run(scenario: &Scenario, address: &str, stop: CancellationToken) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.jsonl.zst");
    let clock = RunClock::start();
    let history = HistoryWriter::create(&path, clock).unwrap();
    let input = LoadInput {
        plan: &Plan::derive(scenario, 5),
        part: Part::WHOLE,
        begin: None,
        target: Target::new(EditionName::Donut, address).unwrap(),
        recorder: history.recorder(),
        clock,
        progress: Arc::default(),
        stop,
        faults: Faults::new(1),
    };
    let report = load::run(input).await.unwrap();
    history.finish(false).unwrap();
    let lines = events(&path);
    Run { report, attempts: attempts(&lines), lines }
}

fn events(path: &Path) -> Vec<Event> {
    HistoryReader::open(path).unwrap().map(|line| line.unwrap().event).collect()
}

/// Each attempt with its end; panics when one has none, or has it before its begin.
fn attempts(lines: &[Event]) -> Vec<(Invoke, Complete)> {
    let mut open = HashMap::new();
    let mut over = Vec::new();
    for line in lines {
        match line {
            Event::Invoke(invoke) => assert!(open.insert(invoke.op, invoke.clone()).is_none(), "attempt {} twice", invoke.op),
            Event::Complete(complete) => over.push((open.remove(&complete.op).expect("invoked before"), complete.clone())),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?} never ended");
    over
}

fn with(run: &Run, behaviour: Behaviour) -> usize {
    run.attempts.iter().filter(|(invoke, _)| invoke.behaviour == behaviour).count()
}

#[tokio::test]
async fn a_correct_shop_sells_exactly_what_its_buyers_saw() {
    let books = Arc::new(Mutex::new(Books { stock: 40, ..Books::default() }));
    let server = Server::start(correct(&books));
    let buyers = "[buyers]\nbrowse = \"30%\"\ndouble_click = \"30%\"\ncome_back = \"100%\"\ncome_back_after = \"300ms\"";
    let run = run(&scenario(TWO_SECONDS, buyers), &server.url(), CancellationToken::new()).await;

    let sold: HashMap<_, _> = run
        .attempts
        .iter()
        .filter(|(_, complete)| complete.answer == Answer::Sold)
        .map(|(invoke, _)| (invoke.key.clone().unwrap(), invoke.quantity.unwrap()))
        .collect();
    let books = books.lock().unwrap();
    assert_eq!(sold.values().sum::<u64>(), u64::try_from(books.sold).unwrap());
    assert_eq!(books.stock, 0);
    assert!(books.replays > 0 && with(&run, Behaviour::DoubleClick) > 0, "somebody clicked twice");
    assert!(with(&run, Behaviour::ComeBack) > 0, "somebody came back");
    assert!(run.attempts.iter().any(|(_, complete)| complete.answer == Answer::Browsed));
    assert!(run.lines.contains(&Event::Stage { name: "all".to_owned() }));
    assert_eq!(run.report.attempted, run.attempts.len() as u64);
    assert_eq!(run.report.counted_by_engine, run.report.attempted);
}

#[tokio::test]
async fn who_loses_patience_repeats_the_same_order_under_the_same_key() {
    let books = Arc::new(Mutex::new(Books { stock: 10_000, lose_answers: 20, ..Books::default() }));
    let server = Server::start(correct(&books));
    let run =
        run(&scenario(TWO_SECONDS, "[buyers]\npatience = \"300ms\"\nretry_after = \"50ms\""), &server.url(), CancellationToken::new())
            .await;

    let timed_out: Vec<_> = run.attempts.iter().filter(|(_, complete)| complete.answer == Answer::TimedOut).collect();
    assert_eq!(timed_out.len(), 20);
    for (invoke, complete) in timed_out {
        assert_eq!(complete.outcome, Outcome::Info);
        let repeated = run
            .attempts
            .iter()
            .any(|(again, answer)| again.key == invoke.key && again.behaviour == Behaviour::Retry && answer.answer == Answer::Sold);
        assert!(repeated, "{invoke:?}");
    }
    let orders = run.attempts.iter().map(|(invoke, _)| &invoke.key).collect::<std::collections::HashSet<_>>().len();
    assert_eq!(books.lock().unwrap().sold, i64::try_from(orders).unwrap(), "each order was sold once, however often it was sent");
}

#[tokio::test]
async fn hostile_buyers_change_nothing() {
    let books = Arc::new(Mutex::new(Books { stock: 10_000, ..Books::default() }));
    let server = Server::start(correct(&books));
    let run = run(&scenario(TWO_SECONDS, "[hostile]\nshare = \"80%\""), &server.url(), CancellationToken::new()).await;

    let hostile: Vec<_> = run.attempts.iter().filter(|(invoke, _)| invoke.kind == OpKind::Hostile).collect();
    let tricks: std::collections::HashSet<_> = hostile.iter().map(|(invoke, _)| invoke.trick.clone().unwrap()).collect();
    assert!(tricks.len() >= 10, "{tricks:?}");
    for (invoke, complete) in &hostile {
        assert_ne!(complete.outcome, Outcome::Ok, "{invoke:?} {complete:?}");
    }
    let honest = run.attempts.iter().filter(|(invoke, complete)| invoke.kind == OpKind::Purchase && complete.outcome == Outcome::Ok);
    assert_eq!(honest.map(|(invoke, _)| invoke.quantity.unwrap()).sum::<u64>(), u64::try_from(books.lock().unwrap().sold).unwrap());
}

#[tokio::test]
async fn a_shop_that_is_not_there_fails_everybody_and_nothing_is_unknown() {
    // Kept, or the shop of another test might come to stand there.
    let nobody = KeptPort::any().unwrap();
    let address = format!("http://{}", nobody.address().unwrap());
    let run = run(&scenario(TWO_SECONDS, "[buyers]\nretries = 1\nretry_after = \"10ms\""), &address, CancellationToken::new()).await;
    assert!(!run.attempts.is_empty());
    for (_, complete) in &run.attempts {
        assert_eq!((complete.outcome, complete.answer), (Outcome::Fail, Answer::Unreachable), "{complete:?}");
    }
}

#[tokio::test]
async fn a_closed_crowd_waits_for_its_answers() {
    let books = Arc::new(Mutex::new(Books { stock: 10_000, ..Books::default() }));
    let server = Server::start(correct(&books));
    let closed = "[closed]\nusers = 5\nthink_time = \"50ms\"\nduration = \"3s\"";
    let run = run(&scenario(closed, "[buyers]\nbrowse = \"50%\""), &server.url(), CancellationToken::new()).await;
    // 5 users, about one act per 50 ms each, for 2 to 3 s (they start within the first second).
    assert!((100..=320).contains(&run.attempts.len()), "{}", run.attempts.len());
    let users: std::collections::HashSet<_> = run.attempts.iter().map(|(invoke, _)| invoke.buyer).collect();
    assert_eq!(users.len(), 5);
    assert_eq!(run.report.counted_by_engine, run.report.attempted);
    assert!(run.report.connections <= 5, "a closed crowd needs no more connections than users: {}", run.report.connections);
}

#[tokio::test]
async fn a_stopped_load_ends_soon_and_in_order() {
    let books = Arc::new(Mutex::new(Books { stock: 10, ..Books::default() }));
    let server = Server::start(correct(&books));
    let stop = CancellationToken::new();
    let long = "[[stage]]\nname = \"all\"\nduration = \"10m\"\nrate = \"50/s\"";
    let buyers = "[buyers]\npatience = \"500ms\"\ncome_back = \"100%\"\ncome_back_after = \"1m\"";
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
        Instant::now()
    };
    let scenario = scenario(long, buyers);
    let address = server.url();
    let (run, stopped) = tokio::join!(run(&scenario, &address, stop.clone()), stopping);
    let took = stopped.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert!(run.report.interrupted && run.report.arrived < 200, "{}", run.report.arrived);
}
