//! Histories to measure with: sound runs of any length, made without a pipeline.

use loadgen::history::event::{Answer, Behaviour, Complete, Event, FORMAT, Final, Header, Invoke, Line, OpKind, Outcome, Phase, PhaseMark};

/// The one product that is sold.
const PRODUCT: &str = "CP-502101";

/// Time between two arrivals, µs.
const EVERY: u64 = 100;

/// A run in which `orders` buyers each buy one piece of a stock that suffices, all answered, all in the ledger.
pub fn all_sold(orders: u64) -> impl Iterator<Item = Line> {
    let stock = i64::try_from(orders).unwrap_or(i64::MAX);
    let header = Event::Header(Header {
        format: FORMAT,
        run: "bench".to_owned(),
        scenario: "bench".to_owned(),
        seed: 1,
        defect: None,
        started_unix_ms: 0,
        initial_stock: vec![(PRODUCT.to_owned(), stock)],
    });
    let load = (0..orders).flat_map(move |op| {
        let at = op * EVERY;
        [line(at, invoke(op, at)), line(at + EVERY / 2, complete(op, at, stock))]
    });
    let end = orders * EVERY;
    let ledger = (0..orders).map(move |op| line(end, Event::Final(row(op))));
    let stock_row = line(end, Event::Final(Final::Stock { product: PRODUCT.to_owned(), stock: 0 }));
    let marks = [mark(Phase::Load, None), mark(Phase::Drain, Some(true))].map(|event| line(end, event));
    std::iter::once(line(0, header)).chain(load).chain(marks).chain(ledger).chain([
        stock_row,
        line(end, mark(Phase::Verify, Some(true))),
        line(end, Event::Ended { interrupted: false }),
    ])
}

fn line(at: u64, event: Event) -> Line {
    Line { at, event }
}

fn mark(phase: Phase, reached: Option<bool>) -> Event {
    Event::Phase(PhaseMark { phase, begin: false, note: None, reached })
}

fn key(op: u64) -> String {
    format!("buyer-{op:016x}")
}

fn order(op: u64) -> String {
    format!("019a0000-0000-7000-8000-{op:012x}")
}

fn invoke(op: u64, at: u64) -> Event {
    Event::Invoke(Invoke {
        op,
        kind: OpKind::Purchase,
        buyer: op,
        key: Some(key(op)),
        product: Some(PRODUCT.to_owned()),
        quantity: Some(1),
        behaviour: Behaviour::First,
        intended: at,
        trick: None,
    })
}

fn complete(op: u64, at: u64, stock: i64) -> Event {
    Event::Complete(Complete {
        op,
        outcome: Outcome::Ok,
        answer: Answer::Sold,
        status: Some(200),
        sent: at,
        order: Some(order(op)),
        production: None,
        quantity: Some(1),
        stock: Some(stock - 1 - i64::try_from(op).unwrap_or(i64::MAX)),
        note: None,
    })
}

fn row(op: u64) -> Final {
    Final::Order { order: order(op), key: Some(key(op)), product: PRODUCT.to_owned(), quantity: 1, sold: true, production: None }
}
