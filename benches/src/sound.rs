//! Sound histories of any length, made without a pipeline, shaped like those of real runs: three in ten attempts browse, the others buy; every
//! order has its event on the topic, its receipt and its rows, and ids are as random as they are in truth.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use loadgen::history::event::{
    Answer, Behaviour, BusinessIds, Complete, Event, FORMAT, Final, Header, Invoke, Lateness, Line, OpKind, Outcome, Phase, PhaseMark,
    Published, QueueDepth, Sample,
};

/// The one product that is sold.
const PRODUCT: &str = "CP-502101";

/// Time between two attempts, µs.
const EVERY: u64 = 100;

/// From an attempt to its answer, µs.
const ANSWERED_AFTER: u64 = 1_250;

/// Text of one compressed frame, as the harness writes it.
const FRAME: usize = 1024 * 1024;

/// The same level as the harness.
const LEVEL: i32 = 3;

/// Writes such a history, as the harness would, and returns how many lines it has.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, attempts: u64) -> io::Result<u64> {
    let mut file = File::create(path)?;
    let mut text = Vec::with_capacity(FRAME * 2);
    let mut count = 0;
    for line in lines(attempts) {
        serde_json::to_writer(&mut text, &line)?;
        text.push(b'\n');
        count += 1;
        if text.len() >= FRAME {
            write_frame(&mut file, &mut text)?;
        }
    }
    write_frame(&mut file, &mut text)?;
    Ok(count)
}

fn write_frame(file: &mut File, text: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(text)?;
    text.clear();
    file.write_all(&encoder.finish()?)
}

/// A run of so many attempts, answered in their order, drained, and read to its end.
pub fn lines(attempts: u64) -> impl Iterator<Item = Line> {
    let end = attempts * EVERY + 1_000_000;
    let opening = [header(orders(attempts)), Event::Sample(quiet(0))].map(|event| line(0, event));
    let under_way = ANSWERED_AFTER / EVERY;
    // Each step: an attempt, the answer to an earlier one, and what that one led to.
    let load = (0..attempts + under_way).flat_map(move |step| {
        let at = step * EVERY;
        let begun = (step < attempts).then(|| line(at, invoke(step)));
        let answered = step.checked_sub(under_way);
        let completed = answered.map(|op| line(at + 1, complete(op, orders(attempts))));
        let told = answered.filter(|op| buys(*op)).map(|op| line(at + 2, published(op)));
        let second = step.is_multiple_of(1_000_000 / EVERY).then(|| line(at + 3, LATENESS));
        begun.into_iter().chain(completed).chain(told).chain(second)
    });
    let drained = [mark(Phase::Load, None), Event::Sample(quiet(end)), mark(Phase::Drain, Some(true))];
    let rows = (0..3).flat_map(move |table| (0..attempts).filter(|op| buys(*op)).map(move |op| line(end, Event::Final(row(table, op)))));
    let rest = [
        Event::Final(Final::FactoryLimits { capacity: 8, open_per_product: 1, pieces_per_shortage: 1 }),
        Event::Final(Final::Stock { product: PRODUCT.to_owned(), stock: 0 }),
        mark(Phase::Verify, Some(true)),
        Event::Ended { interrupted: false },
    ];
    opening.into_iter().chain(load).chain(drained.map(|event| line(end, event))).chain(rows).chain(rest.map(|event| line(end, event)))
}

fn line(at: u64, event: Event) -> Line {
    Line { at, event }
}

fn buys(op: u64) -> bool {
    op % 10 >= 3
}

/// Orders among so many attempts.
fn orders(attempts: u64) -> i64 {
    i64::try_from(attempts / 10 * 7 + (attempts % 10).saturating_sub(3)).unwrap_or(i64::MAX)
}

fn header(initial_stock: i64) -> Event {
    Event::Header(Header {
        format: FORMAT,
        run: "bench".to_owned(),
        scenario: "bench".to_owned(),
        seed: 1,
        defect: None,
        backend: None,
        started_unix_ms: 0,
        initial_stock: vec![(PRODUCT.to_owned(), initial_stock)],
    })
}

/// A look at a pipeline that has nothing to do.
fn quiet(began: u64) -> Sample {
    let queue = |queue: &str| QueueDepth { queue: queue.to_owned(), dead_letter: false, visible: 0, in_flight: 0, delayed: 0 };
    Sample { began, stock: Vec::new(), queues: vec![queue("operations_queue")], outbox: Some(0), open_productions: Some(0), weights: None }
}

fn mark(phase: Phase, reached: Option<bool>) -> Event {
    Event::Phase(PhaseMark { phase, begin: false, note: None, reached })
}

const LATENESS: Event = Event::Lateness(Lateness { sent: 1_000_000 / EVERY, p50: 200, p99: 900, max: 2_000 });

/// An id as random as a UUID, by what it is of and its number.
fn id(of: u64, number: u64) -> String {
    let mixed = |bits: u64| {
        let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let (high, low) = (mixed(number.wrapping_mul(8) + of), mixed(!number.wrapping_mul(8) - of));
    format!("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xfff, low >> 52, low & 0xffff_ffff_ffff)
}

fn key(op: u64) -> String {
    id(1, op)
}

/// Order and message ids begin with their time, as UUIDs of version 7 do.
fn timed_id(of: u64, op: u64) -> String {
    let ms = 1_780_000_000_000 + op * EVERY / 1_000;
    format!("{:08x}-{:04x}-7{}", ms >> 16, ms & 0xffff, id(of, op).split_off(15))
}

fn invoke(op: u64) -> Event {
    let at = op * EVERY;
    Event::Invoke(Invoke {
        op,
        kind: if buys(op) { OpKind::Purchase } else { OpKind::Browse },
        buyer: op / 3,
        key: buys(op).then(|| key(op)),
        product: Some(PRODUCT.to_owned()),
        quantity: buys(op).then_some(1),
        behaviour: Behaviour::First,
        intended: at.saturating_sub(120),
        trick: None,
    })
}

fn complete(op: u64, initial_stock: i64) -> Event {
    Event::Complete(Complete {
        op,
        outcome: Outcome::Ok,
        answer: if buys(op) { Answer::Sold } else { Answer::Browsed },
        status: Some(200),
        sent: op * EVERY + 80,
        order: buys(op).then(|| timed_id(2, op)),
        production: None,
        quantity: buys(op).then_some(1),
        stock: Some(initial_stock - orders(op + 1)),
        note: None,
    })
}

fn published(op: u64) -> Event {
    let ids = BusinessIds { message: Some(timed_id(3, op)), order: Some(timed_id(2, op)), ..BusinessIds::default() };
    Event::Published(Published {
        topic: "sales_events".to_owned(),
        ids,
        product: Some(PRODUCT.to_owned()),
        quantity: Some(1),
        outcome: Some("sold".to_owned()),
    })
}

/// What one order left behind in each of three tables.
fn row(table: u64, op: u64) -> Final {
    match table {
        0 => Final::Order {
            order: timed_id(2, op),
            key: Some(key(op)),
            product: PRODUCT.to_owned(),
            quantity: 1,
            sold: true,
            production: None,
        },
        1 => Final::Receipt { consumer: "operations".to_owned(), id: timed_id(3, op) },
        _ => Final::Operation { order: timed_id(2, op), sold: true },
    }
}
