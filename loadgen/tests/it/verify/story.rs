//! Histories made by hand: a few words a fact, everything that a sound pipeline would add comes along.

use std::convert::Infallible;

use loadgen::history::event::{
    Answer, Behaviour, BusinessIds, Complete, Event, FORMAT, FaultMark, FaultState, Final, Header, Invoke, Lateness, Line, OpKind, Outcome,
    Phase, PhaseMark, Published, QueueDepth, Sample, Shortage,
};
use loadgen::verify::judgement::{Judgement, Proof, PropertyResult};
use loadgen::verify::property::Property;
use loadgen::verify::{Expectations, judge};

/// The one product of most stories.
pub(crate) const DONUT: &str = "CP-502101";
const MS: u64 = 1_000;

/// A history in the making. Times are milliseconds.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) lines: Vec<Line>,
    pub(crate) finals: Vec<Final>,
    pub(crate) expectations: Expectations,
    pub(crate) initial: i64,
    /// When the load ends; the drain ends 500 ms later.
    pub(crate) load_ends: u64,
    pub(crate) drained: Option<bool>,
    pub(crate) closed: Option<bool>,
    ops: u64,
}

impl Story {
    /// A shop with so many pieces of [`DONUT`].
    pub(crate) fn with_stock(initial: i64) -> Self {
        Self {
            lines: Vec::new(),
            finals: vec![Final::FactoryLimits { capacity: 2, open_per_product: 1, pieces_per_shortage: 1 }],
            expectations: Expectations::default(),
            initial,
            load_ends: 10_000,
            drained: Some(true),
            closed: Some(false),
            ops: 0,
        }
    }

    /// Ten pieces; three sales, a refusal, its restock, a sale from it. Everything is as it should be: 10 − 9 + 3 − 2 = 2.
    pub(crate) fn sound() -> Self {
        let mut story = Self::with_stock(10);
        story.sold(100, 110, "a", 3, 7);
        story.sold(105, 120, "b", 3, 4);
        story.sold(130, 140, "c", 3, 1);
        story.refused(200, 210, "d", 4, 1, "p1");
        story.episode("CP-502101#1");
        story.restock("p1", 3, 3, 400);
        story.sold(500, 510, "e", 2, 2);
        story.stock(2);
        story
    }

    pub(crate) fn line(&mut self, at_ms: u64, event: Event) -> &mut Self {
        self.lines.push(Line { at: at_ms * MS, event });
        self
    }

    pub(crate) fn push(&mut self, row: Final) -> &mut Self {
        self.finals.push(row);
        self
    }

    /// Takes rows of the final state away.
    pub(crate) fn without(&mut self, gone: impl Fn(&Final) -> bool) -> &mut Self {
        let before = self.finals.len();
        self.finals.retain(|row| !gone(row));
        assert!(self.finals.len() < before, "the story has no such row");
        self
    }

    /// Changes rows of the final state.
    pub(crate) fn change(&mut self, change: impl Fn(&mut Final)) -> &mut Self {
        self.finals.iter_mut().for_each(change);
        self
    }

    /// The stock that is read in the end is another by so many pieces.
    pub(crate) fn stock_ends_off_by(&mut self, pieces: i64) -> &mut Self {
        self.change(|row| {
            if let Final::Stock { stock, .. } = row {
                *stock += pieces;
            }
        })
    }

    pub(crate) fn invoke(&mut self, at_ms: u64, key: Option<&str>, quantity: u64) -> u64 {
        self.attempt(at_ms, OpKind::Purchase, Behaviour::First, key, Some(quantity))
    }

    pub(crate) fn attempt(&mut self, at_ms: u64, kind: OpKind, behaviour: Behaviour, key: Option<&str>, quantity: Option<u64>) -> u64 {
        self.ops += 1;
        let op = self.ops;
        let invoke = Invoke {
            op,
            kind,
            buyer: op,
            key: key.map(str::to_owned),
            product: Some(DONUT.to_owned()),
            quantity,
            behaviour,
            intended: at_ms * MS,
            trick: (kind == OpKind::Hostile).then(|| "negative_count".to_owned()),
        };
        self.line(at_ms, Event::Invoke(invoke));
        op
    }

    fn complete(&mut self, at_ms: u64, complete: Complete) {
        self.line(at_ms, Event::Complete(complete));
    }

    pub(crate) fn answer_sold(&mut self, at_ms: u64, op: u64, order: &str, quantity: u64, stock: i64) {
        let complete =
            Complete { order: Some(order.to_owned()), quantity: Some(quantity), stock: Some(stock), ..bare(op, Outcome::Ok, Answer::Sold) };
        self.complete(at_ms, complete);
    }

    pub(crate) fn answer_sold_out(&mut self, at_ms: u64, op: u64, order: &str, (quantity, stock): (u64, i64), production: Option<&str>) {
        let complete = Complete {
            order: Some(order.to_owned()),
            quantity: Some(quantity),
            stock: Some(stock),
            production: production.map(str::to_owned),
            ..bare(op, Outcome::Fail, Answer::SoldOut)
        };
        self.complete(at_ms, complete);
    }

    pub(crate) fn no_answer(&mut self, at_ms: u64, op: u64) {
        self.complete(at_ms, bare(op, Outcome::Info, Answer::TimedOut));
    }

    pub(crate) fn answer_shed(&mut self, at_ms: u64, op: u64) {
        self.complete(at_ms, bare(op, Outcome::Fail, Answer::Shed));
    }

    pub(crate) fn answer_bad_request(&mut self, at_ms: u64, op: u64) {
        self.complete(at_ms, bare(op, Outcome::Fail, Answer::Rejected));
    }

    /// A sale, from invocation to answer, with ledger, event and operations.
    pub(crate) fn sold(&mut self, from: u64, to: u64, key: &str, quantity: u64, stock: i64) {
        let op = self.invoke(from, Some(key), quantity);
        self.answer_sold(to, op, &format!("o-{key}"), quantity, stock);
        self.decided(to, key, quantity, true, None);
    }

    /// A refusal, likewise.
    pub(crate) fn refused(&mut self, from: u64, to: u64, key: &str, quantity: u64, stock: i64, production: &str) {
        let op = self.invoke(from, Some(key), quantity);
        self.answer_sold_out(to, op, &format!("o-{key}"), (quantity, stock), Some(production));
        self.decided(to, key, quantity, false, Some(production));
    }

    /// What the pipeline keeps and tells of a decided order.
    pub(crate) fn decided(&mut self, at: u64, key: &str, quantity: u64, sold: bool, production: Option<&str>) {
        let order = format!("o-{key}");
        self.push(Final::Order {
            order: order.clone(),
            key: Some(key.to_owned()),
            product: DONUT.to_owned(),
            quantity,
            sold,
            production: production.map(str::to_owned),
        });
        let message = format!("m-{key}");
        self.line(
            at + 20,
            Event::Published(Published {
                topic: "sales_events".to_owned(),
                ids: BusinessIds { message: Some(message.clone()), order: Some(order.clone()), ..BusinessIds::default() },
                product: Some(DONUT.to_owned()),
                quantity: Some(quantity),
                outcome: Some(if sold { "sold" } else { "sold_out" }.to_owned()),
            }),
        );
        self.push(Final::Receipt { consumer: "operations".to_owned(), id: message });
        self.push(Final::Operation { order, sold });
    }

    /// A production from request to applied goods, seen to be applied at `seen`.
    pub(crate) fn restock(&mut self, production: &str, shortage: u64, quantity: u64, seen: u64) {
        self.requested(seen.saturating_sub(150), production, None);
        self.push(Final::Receipt { consumer: "replenish".to_owned(), id: production.to_owned() });
        self.push(Final::Production { production: production.to_owned(), product: DONUT.to_owned(), quantity, shortage, applied: true });
        self.push(Final::Restock { production: production.to_owned(), product: DONUT.to_owned(), quantity });
        self.line(seen, Event::RestockSeen { production: production.to_owned(), product: DONUT.to_owned(), quantity });
        let call = factory_call(Some(production), quantity, seen.saturating_sub(100), seen.saturating_sub(90));
        self.push(call);
    }

    /// A message on the stock topic.
    pub(crate) fn requested(&mut self, at: u64, production: &str, episode: Option<&str>) {
        self.line(
            at,
            Event::Published(Published {
                topic: "stock_empty".to_owned(),
                ids: BusinessIds {
                    message: Some(format!("m-{production}-{at}")),
                    production: Some(production.to_owned()),
                    episode: episode.map(str::to_owned),
                    ..BusinessIds::default()
                },
                product: Some(DONUT.to_owned()),
                quantity: None,
                outcome: None,
            }),
        );
    }

    /// A sold-out episode with its mail.
    pub(crate) fn episode(&mut self, episode: &str) {
        self.push(Final::Episode { episode: episode.to_owned(), product: DONUT.to_owned() });
        self.push(Final::Receipt { consumer: "advertising".to_owned(), id: episode.to_owned() });
        self.push(mail(Some(episode), DONUT));
    }

    pub(crate) fn stock(&mut self, stock: i64) {
        self.push(Final::Stock { product: DONUT.to_owned(), stock });
    }

    pub(crate) fn sample(&mut self, began: u64, at: u64, stock: i64) {
        let sample = Sample { began: began * MS, stock: vec![(DONUT.to_owned(), stock)], ..Sample::default() };
        self.line(at, Event::Sample(sample));
    }

    pub(crate) fn queues(&mut self, at: u64, waiting: u64) {
        let queue = QueueDepth { queue: "stock_queue".to_owned(), dead_letter: false, visible: waiting, in_flight: 0, delayed: 0 };
        self.line(at, Event::Sample(Sample { began: at * MS, queues: vec![queue], ..Sample::default() }));
    }

    pub(crate) fn fault(&mut self, at: u64, rule: &str, state: FaultState) {
        self.line(at, Event::Fault(FaultMark { rule: rule.to_owned(), state, hop: None, ids: BusinessIds::default(), note: None }));
    }

    pub(crate) fn short(&mut self, at: u64) {
        let (place, wanted) = ("the tap of sales".to_owned(), "accept a connection".to_owned());
        self.line(at, Event::Shortage(Shortage { place, wanted, error: "Too many open files (os error 24)".to_owned() }));
    }

    pub(crate) fn hides(&mut self, table: &str) -> &mut Self {
        self.push(Final::NotExposed { what: table.to_owned(), why: None })
    }

    /// The whole history.
    pub(crate) fn told(&self) -> Vec<Line> {
        let line = |at: u64, event| Line { at, event };
        let header = Header {
            format: FORMAT,
            run: "run".to_owned(),
            scenario: "story".to_owned(),
            seed: 1,
            defect: None,
            backend: None,
            started_unix_ms: 0,
            initial_stock: vec![(DONUT.to_owned(), self.initial)],
        };
        let phase = |phase, begin| PhaseMark { phase, begin, note: None, reached: None };
        let end = self.load_ends * MS;
        let queue = |queue: &str| QueueDepth { queue: queue.to_owned(), dead_letter: false, visible: 0, in_flight: 0, delayed: 0 };
        let clean = Sample { queues: vec![queue("stock_queue"), queue("ad_queue")], outbox: Some(0), ..Sample::default() };
        let mut lines = vec![
            line(0, Event::Header(header)),
            line(0, Event::Sample(clean)),
            line(0, Event::Phase(phase(Phase::Load, true))),
            line(1_000_000, Event::Lateness(Lateness { sent: 10, p50: 50, p99: 900, max: 1_000 })),
        ];
        lines.extend(self.lines.iter().cloned());
        lines.push(line(end, Event::Phase(phase(Phase::Load, false))));
        lines.push(line(end, Event::Phase(phase(Phase::Drain, true))));
        if self.drained.is_some() {
            let mark = PhaseMark { reached: self.drained, ..phase(Phase::Drain, false) };
            lines.push(line(end + 500 * MS, Event::Phase(mark)));
        }
        lines.sort_by_key(|line| line.at);
        lines.push(line(end + 600 * MS, Event::Phase(phase(Phase::Verify, true))));
        lines.extend(self.finals.iter().map(|row| line(end + 700 * MS, Event::Final(row.clone()))));
        lines.extend(self.closed.map(|interrupted| line(end + 800 * MS, Event::Ended { interrupted })));
        lines
    }

    pub(crate) fn judged(&self) -> Proof {
        judge_lines(&self.told(), &self.expectations)
    }

    /// Judges, and demands that exactly these are violated.
    #[track_caller]
    pub(crate) fn violates(&self, expected: &[Property]) -> Proof {
        let proof = self.judged();
        let violated: Vec<Property> =
            proof.properties.iter().filter(|result| result.judgement == Judgement::Violated).map(|r| r.property).collect();
        assert_eq!(violated, expected, "{:#?}", proof.reasons);
        proof
    }
}

pub(crate) fn judge_lines(lines: &[Line], expectations: &Expectations) -> Proof {
    judge(|| Ok::<_, Infallible>(lines.iter().cloned().map(Ok::<_, Infallible>)), expectations)
}

pub(crate) fn of(proof: &Proof, property: Property) -> &PropertyResult {
    proof.properties.iter().find(|result| result.property == property).expect("each property is in every proof")
}

/// A number that was counted.
pub(crate) fn counted(proof: &Proof, property: Property, what: &str) -> i64 {
    let result = of(proof, property);
    result.counted.iter().find(|(name, _)| name.starts_with(what)).unwrap_or_else(|| panic!("{what} is not in {:?}", result.counted)).1
}

pub(crate) fn bare(op: u64, outcome: Outcome, answer: Answer) -> Complete {
    Complete { op, outcome, answer, status: None, sent: 0, order: None, production: None, quantity: None, stock: None, note: None }
}

/// What the ledger says of an order for which nothing is produced.
pub(crate) fn ledger_row(order: &str, key: &str, quantity: u64, sold: bool) -> Final {
    Final::Order { order: order.into(), key: Some(key.into()), product: DONUT.into(), quantity, sold, production: None }
}

pub(crate) fn mail(episode: Option<&str>, product: &str) -> Final {
    Final::Mail {
        product: product.to_owned(),
        episode: episode.map(str::to_owned),
        to: "ads@example.com".to_owned(),
        subject: "stop the ads".to_owned(),
    }
}

/// A call that was accepted; times in ms of the factory's own clock.
pub(crate) fn factory_call(production: Option<&str>, quantity: u64, received: u64, produced: u64) -> Final {
    let factory_time = |ms: u64| 1_700_000_000_000_000 + ms * MS;
    Final::FactoryCall {
        production: production.map(str::to_owned),
        product: DONUT.to_owned(),
        quantity,
        received_unix_us: factory_time(received),
        answered_unix_us: Some(factory_time(received) + 900),
        accepted: true,
        produced_unix_us: Some(factory_time(produced)),
        callbacks: 1,
    }
}
