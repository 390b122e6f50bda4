//! What a message costs the broker: processor time of the server for one publish → receive → delete, beside other servers that speak SNS and SQS; what
//! a million waiting messages add to it; and how much memory each of them takes.

use std::process::{Command, Stdio};

use benches::courier::Route;
use benches::paired::{PAIRS, Spread, paired};
use benches::rows::{Row, Target, figure, leave};
use benches::stand::Serving;

/// Clients at once.
const CLIENTS: usize = 8;

/// Cycles of each client in one measurement of a fast server; the slow ones get a tenth.
const CYCLES: usize = 500;

/// Messages that wait while others pass.
const BACKLOG: usize = 1_000_000;

const WHAT: &str = "broker: server CPU per publish, receive, delete";

fn embedded() -> Serving {
    Serving::start(Command::new(env!("CARGO_BIN_EXE_stand")).arg("broker")).expect("the broker starts")
}

/// Processor time of the server per cycle, µs.
fn cycle_us(server: &Serving, route: &Route, each: usize) -> f64 {
    let before = server.cpu_us();
    route.cycles(CLIENTS, each).expect("every message comes");
    (server.cpu_us() - before) / (CLIENTS * each) as f64
}

/// Another server, where `scripts/install-peers.sh` has put one.
fn peer(name: &str) -> Option<Serving> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    std::fs::metadata(format!("{root}/target/second-opinion/{name}/installed")).ok()?;
    let mut script = Command::new("bash");
    script.current_dir(root).args(["scripts/second-opinion.sh", name, "--serve"]).stderr(Stdio::null());
    Serving::start(&mut script).ok()
}

fn beside(ours: &Serving, route: &Route, name: &str, each: usize) -> Row {
    let Some(theirs) = peer(name) else {
        return Row::absent(WHAT, name, "it is not installed (scripts/install-peers.sh)");
    };
    let their_route = match Route::lay(&theirs.address, "bench") {
        Ok(route) => route,
        Err(error) => return Row::absent(WHAT, name, &format!("it did not take a topic and a queue: {error}")),
    };
    let found = paired(PAIRS, || cycle_us(ours, route, CYCLES), || cycle_us(&theirs, &their_route, each));
    let detail = format!("{} µs against {} µs", figure(found.ours.median), figure(found.theirs.median));
    // A third of the fastest of them.
    let target = (name == "fauxqs").then_some(Target::AtMost(0.333));
    Row::ratio(WHAT, name, found.ratio, target, detail)
}

fn backlog() -> [Row; 2] {
    let (empty, full) = (embedded(), embedded());
    let short = Route::lay(&empty.address, "bench").expect("a topic and a queue");
    let long = Route::lay(&full.address, "bench").expect("a topic and a queue");
    let before = full.resident_bytes();
    long.courier().pile_up(BACKLOG).expect("the queue takes a million messages");
    let per_message = (full.resident_bytes() - before) / BACKLOG as f64;
    let found = paired(PAIRS, || cycle_us(&full, &long, CYCLES), || cycle_us(&empty, &short, CYCLES));
    let detail = format!("{} µs against {} µs", figure(found.ours.median), figure(found.theirs.median));
    let memory = Spread { low: per_message, median: per_message, high: per_message }.times(1.0 / 1_024.0);
    [
        Row::ratio("broker: the same behind 1,000,000 messages", "an empty queue", found.ratio, Some(Target::AtMost(1.1)), detail),
        Row::measured("broker: memory of a waiting message of 200 bytes", "", (memory, "KiB"), Some(Target::AtMost(1.0)), String::new()),
    ]
}

fn main() {
    let ours = embedded();
    let route = Route::lay(&ours.address, "bench").expect("a topic and a queue");
    let mut rows = vec![
        beside(&ours, &route, "fauxqs", CYCLES),
        beside(&ours, &route, "ministack", CYCLES / 10),
        beside(&ours, &route, "localstack", CYCLES / 10),
    ];
    drop(ours);
    rows.extend(backlog());
    leave("broker", &rows);
}
