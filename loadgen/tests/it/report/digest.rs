//! What is read from a history in one pass.

use loadgen::history::event::{
    Answer, Behaviour, BusinessIds, Complete, Event, FaultMark, FaultState, Final, Header, Invoke, Line, Micros, OpKind, Outcome, Phase,
    PhaseMark, Published, QueueDepth, Sample,
};
use loadgen::report::html;
use loadgen::report::series::{Builder, Digest};
use loadgen::result::answer::AnswerClass;
use loadgen::result::recovery::Back;

use super::proofs;
use super::sample::{self, Shape};

const SECOND: Micros = 1_000_000;

fn header(pieces: i64) -> Line {
    let initial_stock = vec![("donut".to_owned(), pieces)];
    Line {
        at: 0,
        event: Event::Header(Header {
            format: 1,
            run: "r".into(),
            scenario: "s".into(),
            seed: 1,
            defect: None,
            backend: None,
            started_unix_ms: 0,
            initial_stock,
        }),
    }
}

fn invoke(at: Micros, op: u64, key: &str, behaviour: Behaviour, quantity: u64) -> Line {
    let (key, product) = (Some(key.to_owned()), Some("donut".to_owned()));
    let invoke =
        Invoke { op, kind: OpKind::Purchase, buyer: op, key, product, quantity: Some(quantity), behaviour, intended: at, trick: None };
    Line { at, event: Event::Invoke(invoke) }
}

fn complete(at: Micros, op: u64, answer: Answer, outcome: Outcome) -> Line {
    let complete = Complete {
        op,
        outcome,
        answer,
        status: None,
        sent: at - 10,
        order: None,
        production: None,
        quantity: None,
        stock: None,
        note: None,
    };
    Line { at, event: Event::Complete(complete) }
}

fn sold_in_ledger(key: &str) -> Line {
    let order = Final::Order {
        order: format!("o-{key}"),
        key: Some(key.into()),
        product: "donut".into(),
        quantity: 1,
        sold: true,
        production: None,
    };
    Line { at: 99 * SECOND, event: Event::Final(order) }
}

fn read(lines: &[Line]) -> Digest {
    let mut builder = Builder::new(None, loadgen::verify::expectations::Arrivals::Open);
    lines.iter().for_each(|line| builder.line(line));
    builder.finish()
}

#[test]
fn attempts_under_one_key_are_one_order() {
    let digest = read(&[
        header(10),
        invoke(SECOND, 1, "a", Behaviour::First, 2),
        invoke(SECOND, 2, "a", Behaviour::DoubleClick, 2),
        complete(SECOND + 50, 2, Answer::InFlight, Outcome::Fail),
        complete(SECOND + 900, 1, Answer::Sold, Outcome::Ok),
        invoke(2 * SECOND, 3, "b", Behaviour::First, 1),
        complete(2 * SECOND + 50, 3, Answer::SoldOut, Outcome::Fail),
        Line { at: 3 * SECOND, event: Event::Ended { interrupted: false } },
    ]);
    let (totals, orders) = (&digest.totals, digest.totals.orders);
    assert_eq!((orders.attempted, orders.ok, orders.fail, orders.info), (2, 1, 1, 0));
    assert_eq!((totals.attempts, totals.arrivals, totals.double_clicks, totals.pieces_sold), (3, 2, 1, 2));
    assert!(!digest.interrupted);
}

#[test]
fn the_ledger_decides_what_became_of_orders_that_nobody_was_told_about() {
    let lines = [
        header(10),
        invoke(SECOND, 1, "sold", Behaviour::First, 3),
        complete(2 * SECOND, 1, Answer::TimedOut, Outcome::Info),
        invoke(SECOND, 2, "not", Behaviour::First, 4),
        complete(2 * SECOND, 2, Answer::Cut, Outcome::Info),
        sold_in_ledger("sold"),
    ];
    let before = read(&lines[..5]);
    assert_eq!((before.totals.orders.info, before.totals.orders.info_recovered, before.totals.orders.info_absent), (2, 0, 0));
    assert_eq!(before.series.stock[0].at_least, [10, 3, 3], "without a ledger both may have been sold");
    assert_eq!(before.series.stock[0].at_most, [10, 10, 10]);
    assert!(before.interrupted, "a history without its last line was cut off");
    let after = read(&lines);
    assert_eq!((after.totals.orders.info_recovered, after.totals.orders.info_absent), (1, 1));
    assert_eq!(after.series.stock[0].at_least, [10, 7, 7], "one was, one was not");
    assert_eq!(after.series.stock[0].at_most, [10, 10, 7]);
}

#[test]
fn stock_bounds_contain_what_was_read_in_a_sound_run_and_drop_below_zero_in_an_oversold_one() {
    let sound = sample::digest(Shape::default()).series;
    let stock = &sound.stock[0];
    assert!(stock.at_most.iter().all(|most| *most >= 0), "{:?}", stock.at_most);
    assert!(stock.at_least.iter().zip(&stock.at_most).all(|(least, most)| least <= most));
    let oversold = sample::digest(Shape { oversell: true, ..Shape::default() }).series;
    assert!(oversold.stock[0].seen.iter().flatten().any(|seen| *seen < 0));
}

#[test]
fn columns_add_up_to_the_totals() {
    let digest = sample::digest(Shape::default());
    let (series, totals) = (&digest.series, &digest.totals);
    assert_eq!(series.sent.iter().sum::<u64>(), totals.attempts);
    for (answer, column) in &series.answers {
        assert_eq!(column.iter().sum::<u64>(), totals.answers[answer], "{answer:?}");
        assert_eq!(column.len(), series.buckets);
    }
    assert_eq!(series.planned.iter().sum::<u64>(), totals.planned.unwrap());
    assert_eq!(totals.arrivals, totals.planned.unwrap());
    assert!(totals.achieved_share() > 0.99, "{totals:?}");
    assert_eq!(digest.histograms.intended.class(AnswerClass::Sold).len(), totals.answers[&Answer::Sold]);
    assert_eq!(*series.unanswered.last().unwrap(), 0);
}

#[test]
fn a_run_of_a_day_needs_no_more_buckets_than_one_of_twenty_minutes() {
    let mut builder = Builder::new(Some(vec![1; 86_400]), loadgen::verify::expectations::Arrivals::Open);
    builder.line(&header(1_000_000));
    for second in 0..86_400 {
        let at = second * SECOND;
        builder.line(&invoke(at, second, &format!("k{second}"), Behaviour::First, 1));
        builder.line(&complete(at + 1_000, second, Answer::Sold, Outcome::Ok));
    }
    let digest = builder.finish();
    let series = &digest.series;
    assert!((600..=1_200).contains(&series.buckets), "{}", series.buckets);
    assert_eq!(series.bucket_us, 128 * SECOND);
    assert_eq!((series.sent.iter().sum::<u64>(), series.planned.iter().sum::<u64>()), (86_400, 86_400));
    assert_eq!(series.stock[0].at_most.last(), Some(&(1_000_000 - 86_400)));
    assert_eq!(series.latency.p50[0].map(|us| us / 100), Some(10));
}

fn fault(at: Micros, rule: &str, state: FaultState) -> Line {
    let mark = FaultMark { rule: rule.into(), state, hop: Some("sales".into()), ids: BusinessIds::default(), note: None };
    Line { at, event: Event::Fault(mark) }
}

fn waiting(at: Micros, visible: u64) -> Line {
    let queues = vec![QueueDepth { queue: "q".into(), dead_letter: false, visible, in_flight: 0, delayed: 0 }];
    Line { at, event: Event::Sample(Sample { began: at, queues, ..Sample::default() }) }
}

/// Ten orders a second from 1 s to 11 s. A fault from 4 s to 6 s: until 8 s only half are answered, each of those is retried, and what
/// waits is up to 40 until 9 s.
fn broken_for_a_while() -> Vec<Line> {
    let mut lines = vec![header(10_000)];
    let phase = |at, begin| Line { at, event: Event::Phase(PhaseMark { phase: Phase::Load, begin, note: None, reached: None }) };
    lines.push(phase(SECOND, true));
    for n in 0..100 {
        let (at, key) = (SECOND + n * SECOND / 10, format!("k{n}"));
        lines.push(invoke(at, n, &key, Behaviour::First, 1));
        let broken = (4 * SECOND..8 * SECOND).contains(&at) && n % 2 == 0;
        let (answer, outcome) = if broken { (Answer::TimedOut, Outcome::Info) } else { (Answer::Sold, Outcome::Ok) };
        lines.push(complete(at + 20_000, n, answer, outcome));
        if broken {
            lines.push(invoke(at + 2 * SECOND, 1_000 + n, &key, Behaviour::Retry, 1));
            lines.push(complete(at + 2 * SECOND + 20_000, 1_000 + n, Answer::TimedOut, Outcome::Info));
        }
        lines.push(waiting(at + 1_000, if (4 * SECOND..9 * SECOND).contains(&at) { 40 } else { 3 }));
    }
    lines.push(fault(4 * SECOND, "cut", FaultState::Requested));
    lines.push(fault(4 * SECOND + 100_000, "cut", FaultState::Effective));
    lines.extend((0..3).map(|n| fault(4 * SECOND + 200_000 + n, "cut", FaultState::Fired)));
    lines.push(fault(6 * SECOND, "cut", FaultState::Healed));
    for at in [4_500_000, 5_500_000, 8_500_000] {
        let ids = BusinessIds { message: Some("m".into()), ..BusinessIds::default() };
        let event = Event::Published(Published { topic: "t".into(), ids, product: None, quantity: None, outcome: None });
        lines.push(Line { at, event });
    }
    lines.push(phase(11 * SECOND, false));
    lines.sort_by_key(|line| line.at);
    lines
}

#[test]
fn each_fault_is_followed_until_the_run_is_as_before_it() {
    let digest = read(&broken_for_a_while());
    let [cut] = digest.recovery.faults.as_slice() else { panic!("{:?}", digest.recovery) };
    assert_eq!((cut.requested, cut.effective, cut.healed), (Some(4 * SECOND), Some(4 * SECOND + 100_000), Some(6 * SECOND)));
    assert_eq!((cut.fired, cut.times, cut.hops.as_slice()), (3, 1, ["sales".to_owned()].as_slice()));
    // Buyers whose first attempt was lost repeat it until 10 s, and are not served then either: second 10 is the first good one.
    assert_eq!(cut.throughput, Back::AfterUs(4 * SECOND));
    assert_eq!((cut.drained.clone(), cut.deepest_backlog), (Back::AfterUs(3 * SECOND), Some(40)));
    // Of the orders begun in the seconds 4 to 6, those with the fault, every other one was tried twice.
    assert_eq!((cut.retries_per_order, cut.republished), (Some(0.5), 1));
    let before = &digest.recovery.before;
    assert_eq!((before.served_percent, before.backlog, before.retries_per_order), (Some(100), Some(3), Some(0.0)));
    assert_eq!(digest.series.fault_spans.len(), 1);
    assert_eq!(digest.series.strikes[4], 3);
}

#[test]
fn what_cannot_be_measured_says_why() {
    let mut lines = broken_for_a_while();
    lines.push(fault(10_900_000, "late", FaultState::Requested));
    lines.push(fault(10_950_000, "late", FaultState::Healed));
    lines.push(fault(10_960_000, "open", FaultState::Requested));
    let digest = read(&lines);
    let [_, late, open] = digest.recovery.faults.as_slice() else { panic!("{:?}", digest.recovery) };
    assert_eq!(late.throughput, Back::Unmeasured("nobody arrived any more".into()));
    assert_eq!((open.throughput.clone(), open.healed), (Back::Unmeasured("never healed".into()), None));
    assert_eq!(digest.series.fault_spans[2].to, None);
}

#[test]
fn a_fault_that_comes_and_goes_is_measured_from_its_last_heal() {
    let mut lines = broken_for_a_while();
    lines.push(fault(9 * SECOND, "cut", FaultState::Requested));
    lines.push(fault(9 * SECOND + 500_000, "cut", FaultState::Healed));
    lines.sort_by_key(|line| line.at);
    let digest = read(&lines);
    let cut = &digest.recovery.faults[0];
    assert_eq!((cut.times, cut.healed), (2, Some(9 * SECOND + 500_000)));
    assert_eq!((digest.series.fault_spans.len(), cut.drained.clone()), (2, Back::AfterUs(0)));
}

/// Bytes of the page about a run of so many attempts, ten a second.
fn page_about(attempts: u64) -> usize {
    let mut builder = Builder::new(None, loadgen::verify::expectations::Arrivals::Open);
    builder.line(&header(1_000_000));
    for op in 0..attempts {
        let at = (op + 1) * SECOND / 10;
        builder.line(&invoke(at, op, &format!("key-{op}"), Behaviour::First, 1));
        builder.line(&complete(at + 5_000, op, Answer::Sold, Outcome::Ok));
    }
    let like = sample::result(Shape::default(), proofs::pass());
    html::render(&builder.finish().into_result(like.run, like.proof, like.cost)).unwrap().len()
}

#[test]
fn a_page_does_not_grow_with_the_attempts_that_it_is_about() {
    // Buckets of one second and of sixteen, as many either way; only the numbers in them become longer.
    let (short, long) = (page_about(9_000), page_about(144_000));
    assert!(long < short * 5 / 4, "{short} bytes became {long}");
}
