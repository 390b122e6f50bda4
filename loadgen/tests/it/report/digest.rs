//! What is read from a history in one pass.

use loadgen::history::event::{Answer, Behaviour, Complete, Event, Final, Header, Invoke, Line, Micros, OpKind, Outcome};
use loadgen::report::series::{Builder, Digest};
use loadgen::result::answer::AnswerClass;

use super::sample::{self, Shape};

const SECOND: Micros = 1_000_000;

fn header(pieces: i64) -> Line {
    let initial_stock = vec![("donut".to_owned(), pieces)];
    Line {
        at: 0,
        event: Event::Header(Header { format: 1, run: "r".into(), scenario: "s".into(), seed: 1, started_unix_ms: 0, initial_stock }),
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
    let mut builder = Builder::new(None);
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
    let mut builder = Builder::new(Some(vec![1; 86_400]));
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
