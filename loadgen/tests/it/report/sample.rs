//! A made-up run with the shape of a real one: a small simulation of shop, factory and buyers, written down as a history.

use loadgen::history::event::{
    Answer, Behaviour, BusinessIds, Complete, Event, FaultMark, FaultState, Final, Header, Invoke, Lateness, Line, Micros, OpKind, Outcome,
    Phase, PhaseMark, Published, QueueDepth, RoleMark, RoleState, Sample,
};
use loadgen::report::series::{Builder, Digest};
use loadgen::result::RunInfo;
use loadgen::result::RunResult;
use loadgen::result::machine::Machine;
use loadgen::result::totals::Cost;
use loadgen::verify::judgement::Proof;

const SECOND: Micros = 1_000_000;

/// Arrivals per second in each second of the load: calm, praise, rush, ebb.
pub(super) fn curve() -> Vec<u64> {
    let calm = std::iter::repeat_n(60, 8);
    let praise = (0..10).map(|second| 60 + second * 34);
    let rush = std::iter::repeat_n(400, 14);
    let ebb = (0..8).map(|second| 400 - second * 45);
    calm.chain(praise).chain(rush).chain(ebb).collect()
}

/// How the made-up run differs from a sound one.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Sell what is not there while the factory is down.
    pub(super) oversell: bool,
    /// The generator falls behind by up to this, µs.
    pub(super) late_us: Micros,
    /// Everything takes this many times as long.
    pub(super) slowness: f64,
    /// Name of the product.
    pub(super) product: String,
    /// Faults beside the slow factory, each striking four times within two seconds.
    pub(super) more_faults: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Shape { oversell: false, late_us: 900, slowness: 1.0, product: "CP-502101".to_owned(), more_faults: 0 }
    }
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn chance(&mut self, in_a_thousand: u64) -> bool {
        self.below(1_000) < in_a_thousand
    }
}

struct Shop {
    shape: Shape,
    dice: Dice,
    lines: Vec<Line>,
    stock: i64,
    /// When the open production arrives.
    arriving: Option<(Micros, String)>,
    productions: u64,
    backlog: f64,
    op: u64,
    ledger: Vec<Final>,
}

const LOAD_BEGINS: Micros = 2 * SECOND;
const FAULT: std::ops::Range<Micros> = 22 * SECOND..29 * SECOND;
const PIECES: u64 = 900;

/// The history of such a run.
pub(super) fn history(shape: Shape) -> Vec<Line> {
    let mut shop = Shop {
        shape,
        dice: Dice(7),
        lines: Vec::new(),
        stock: 1_500,
        arriving: None,
        productions: 0,
        backlog: 0.0,
        op: 0,
        ledger: Vec::new(),
    };
    shop.opening();
    let seconds = curve();
    for (second, arrivals) in seconds.iter().enumerate() {
        let from = LOAD_BEGINS + second as Micros * SECOND;
        for index in 0..*arrivals {
            let at = from + index * SECOND / arrivals;
            if index % (arrivals / 5).max(1) == 0 {
                shop.look(at);
            }
            shop.arrival(at);
        }
        shop.end_of_second(from + SECOND, *arrivals);
    }
    let end = LOAD_BEGINS + seconds.len() as Micros * SECOND;
    shop.closing(end);
    // Written in the order of time, as the harness does; the sort is stable, so an invocation stays before its answer.
    shop.lines.sort_by_key(|line| if matches!(line.event, Event::Ended { .. } | Event::Final(_)) { Micros::MAX } else { line.at });
    shop.lines
}

impl Shop {
    fn write(&mut self, at: Micros, event: Event) {
        self.lines.push(Line { at, event });
    }

    fn phase(&mut self, at: Micros, phase: Phase, begin: bool, note: Option<&str>) {
        let reached = (phase == Phase::Drain && !begin).then_some(true);
        self.write(at, Event::Phase(PhaseMark { phase, begin, note: note.map(str::to_owned), reached }));
    }

    fn opening(&mut self) {
        let initial_stock = vec![(self.shape.product.clone(), self.stock)];
        let header = Header {
            format: 1,
            run: "r-made-up".into(),
            scenario: "rush".into(),
            seed: 42,
            defect: None,
            backend: None,
            started_unix_ms: 1_795_255_768_000,
            initial_stock,
        };
        self.write(0, Event::Header(header));
        self.phase(0, Phase::Boot, true, None);
        for (index, role) in ["sales", "relay", "replenish", "receiving", "advertising", "operations"].into_iter().enumerate() {
            let mark = |state| RoleMark { role: role.into(), pid: 4_000 + index as u32, state, planned: true, note: None };
            self.write(300_000 + index as Micros * 20_000, Event::Role(mark(RoleState::Started)));
            self.write(900_000 + index as Micros * 30_000, Event::Role(mark(RoleState::Ready)));
        }
        self.phase(LOAD_BEGINS, Phase::Boot, false, None);
        self.phase(LOAD_BEGINS, Phase::Load, true, None);
        for (name, second) in [("calm", 0), ("praise", 8), ("rush", 18), ("ebb", 32)] {
            self.write(LOAD_BEGINS + second * SECOND, Event::Stage { name: name.into() });
        }
        let fault = |state| FaultMark {
            rule: "factory-slow".into(),
            state,
            hop: Some("replenish → factory".into()),
            ids: BusinessIds::default(),
            note: None,
        };
        self.write(FAULT.start, Event::Fault(fault(FaultState::Requested)));
        self.write(FAULT.start + 40_000, Event::Fault(fault(FaultState::Effective)));
        for index in 0..30 {
            self.write(FAULT.start + 60_000 + index * 200_000, Event::Fault(fault(FaultState::Fired)));
        }
        self.write(FAULT.end, Event::Fault(fault(FaultState::Healed)));
        for n in 0..self.shape.more_faults {
            let (from, hop) = (FAULT.start + (n * 37 % 150) * 100_000, ["sales", "aws.relay", "factory", "callback"][n as usize % 4]);
            let mark = |state| {
                let ids = BusinessIds::default();
                Event::Fault(FaultMark { rule: format!("lost-answers-{n}"), state, hop: Some(hop.into()), ids, note: None })
            };
            self.write(from, mark(FaultState::Requested));
            self.write(from + 300_000, mark(FaultState::Effective));
            for strike in 0..4 {
                self.write(from + 400_000 + strike * 400_000, mark(FaultState::Fired));
            }
            self.write(from + 2_000_000, mark(FaultState::Healed));
        }
    }

    fn arrival(&mut self, at: Micros) {
        let kind = if self.dice.chance(180) {
            OpKind::Browse
        } else if self.dice.chance(8) {
            OpKind::Hostile
        } else {
            OpKind::Purchase
        };
        let late = self.dice.below(self.shape.late_us + 1);
        let key = (kind == OpKind::Purchase).then(|| format!("key-{}", self.op));
        self.attempt(at, late, kind, key.clone(), Behaviour::First);
        if kind == OpKind::Purchase && self.dice.chance(12) {
            self.attempt(at + 30_000, late, kind, key, Behaviour::DoubleClick);
        }
    }

    fn attempt(&mut self, intended: Micros, late: Micros, kind: OpKind, key: Option<String>, behaviour: Behaviour) {
        self.restock_until(intended);
        let (op, sent) = (self.op, intended + late);
        self.op += 1;
        let quantity = 1 + self.dice.below(4);
        let product = (kind == OpKind::Purchase).then(|| self.shape.product.clone());
        let invoke =
            Invoke { op, kind, buyer: op / 2, key: key.clone(), product, quantity: Some(quantity), behaviour, intended, trick: None };
        self.write(sent, Event::Invoke(invoke));
        let (answer, outcome, production) = self.decide(kind, quantity, behaviour, intended);
        let service = match answer {
            Answer::TimedOut => 1_000_000,
            Answer::Browsed | Answer::Rejected => 300 + self.dice.below(700),
            _ => {
                900 + self.dice.below(1_800)
                    + (self.backlog * 4.0) as Micros
                    + if self.dice.chance(15) { self.dice.below(60_000) } else { 0 }
            }
        };
        let at = sent + if answer == Answer::TimedOut { service } else { (service as f64 * self.shape.slowness) as Micros };
        let order = (kind == OpKind::Purchase).then(|| format!("o-{op}"));
        let took_effect = answer == Answer::Sold || (answer == Answer::TimedOut && self.dice.chance(500));
        if let (Some(order), true, Behaviour::First) = (&order, took_effect || answer == Answer::SoldOut, behaviour) {
            let product = self.shape.product.clone();
            self.ledger.push(Final::Order {
                order: order.clone(),
                key,
                product,
                quantity,
                sold: took_effect,
                production: production.clone(),
            });
        }
        let stock = Some(self.stock);
        self.write(
            at,
            Event::Complete(Complete {
                op,
                outcome,
                answer,
                status: Some(200),
                sent,
                order,
                production,
                quantity: Some(quantity),
                stock,
                note: None,
            }),
        );
    }

    fn decide(&mut self, kind: OpKind, quantity: u64, behaviour: Behaviour, at: Micros) -> (Answer, Outcome, Option<String>) {
        match kind {
            OpKind::Browse => return (Answer::Browsed, Outcome::Ok, None),
            OpKind::Hostile => return (Answer::Rejected, Outcome::Fail, None),
            OpKind::Purchase if behaviour == Behaviour::DoubleClick => return (Answer::InFlight, Outcome::Fail, None),
            OpKind::Purchase => {}
        }
        if FAULT.contains(&at) && self.dice.chance(14) {
            return (Answer::TimedOut, Outcome::Info, None);
        }
        if self.dice.chance(6) && self.backlog > 60.0 {
            return (Answer::Shed, Outcome::Fail, None);
        }
        let wanted = quantity as i64;
        let oversold = self.shape.oversell && FAULT.contains(&at) && self.stock > -140;
        if self.stock >= wanted || oversold {
            self.stock -= wanted;
            return (Answer::Sold, Outcome::Ok, None);
        }
        self.backlog += 1.0;
        (Answer::SoldOut, Outcome::Fail, Some(self.production(at)))
    }

    /// The open production, or a new one.
    fn production(&mut self, at: Micros) -> String {
        if let Some((_, production)) = &self.arriving {
            return production.clone();
        }
        self.productions += 1;
        let production = format!("p-{}", self.productions);
        let takes = if FAULT.contains(&at) { 5 * SECOND } else { SECOND + self.dice.below(SECOND) };
        self.arriving = Some((at + takes, production.clone()));
        let ids = BusinessIds { production: Some(production.clone()), ..BusinessIds::default() };
        let product = Some(self.shape.product.clone());
        self.write(
            at + 4_000,
            Event::Published(Published { topic: "stock_empty".into(), ids, product, quantity: Some(PIECES), outcome: None }),
        );
        production
    }

    fn restock_until(&mut self, at: Micros) {
        let Some((arrives, production)) = self.arriving.clone().filter(|(arrives, _)| *arrives <= at) else { return };
        self.arriving = None;
        self.stock += PIECES as i64;
        let product = self.shape.product.clone();
        self.ledger.push(Final::Restock { production: production.clone(), product: product.clone(), quantity: PIECES });
        self.write(arrives + 90_000, Event::RestockSeen { production, product, quantity: PIECES });
    }

    fn look(&mut self, at: Micros) {
        self.backlog *= if FAULT.contains(&at) { 1.01 } else { 0.93 };
        let queue = |queue: &str, dead_letter, visible: f64, in_flight| QueueDepth {
            queue: queue.into(),
            dead_letter,
            visible: visible as u64,
            in_flight,
            delayed: 0,
        };
        let busy = self.backlog.min(10.0) as u64;
        let dead = if at > FAULT.start + SECOND { 2.0 } else { 0.0 };
        let queues = vec![
            queue("stock_queue", false, self.backlog, busy),
            queue("ad_queue", false, self.backlog * 0.15, busy / 3),
            queue("operations_queue", false, self.backlog * 0.6 + 3.0, busy),
            queue("stock_queue_dlq", true, dead, 0),
            queue("ad_queue_dlq", true, 0.0, 0),
        ];
        let stock = vec![(self.shape.product.clone(), self.stock)];
        let open = Some(u64::from(self.arriving.is_some()));
        let sample = Sample { began: at, stock, queues, outbox: Some(self.backlog as u64 / 4), open_productions: open, weights: None };
        self.write(at + 2_000, Event::Sample(sample));
    }

    fn end_of_second(&mut self, at: Micros, sent: u64) {
        let p99 = self.shape.late_us * (60 + self.dice.below(40)) / 100;
        let max = p99 + self.dice.below(900);
        self.write(at, Event::Lateness(Lateness { sent, p50: p99 / 3, p99, max }));
    }

    fn closing(&mut self, end: Micros) {
        self.phase(end + SECOND, Phase::Load, false, None);
        self.phase(end + SECOND, Phase::Drain, true, None);
        for index in 0..12 {
            self.backlog *= 0.5;
            self.restock_until(end + SECOND + index * 250_000);
            self.look(end + SECOND + index * 250_000);
        }
        if let Some((_, production)) = self.arriving.take() {
            self.ledger.push(Final::Restock { production, product: self.shape.product.clone(), quantity: PIECES });
        }
        let drained = end + 4 * SECOND + 100_000;
        self.phase(drained, Phase::Drain, false, Some("drained in 3.1 s"));
        self.phase(drained, Phase::Verify, true, None);
        for role in ["sales", "relay", "replenish", "receiving", "advertising", "operations"] {
            let note = Some("exit status: 0".to_owned());
            self.write(
                drained + 20_000,
                Event::Role(RoleMark { role: role.into(), pid: 1, state: RoleState::Exited, planned: true, note }),
            );
        }
        for row in std::mem::take(&mut self.ledger) {
            self.write(drained + 100_000, Event::Final(row));
        }
        self.write(drained + 200_000, Event::Ended { interrupted: false });
    }
}

/// What that history says.
pub(super) fn digest(shape: Shape) -> Digest {
    let mut builder = Builder::new(Some(curve()), loadgen::verify::expectations::Arrivals::Open);
    history(shape).iter().for_each(|line| builder.line(line));
    builder.finish()
}

/// A whole result with the proof given.
pub(super) fn result(shape: Shape, proof: Proof) -> RunResult {
    let defect = shape.oversell.then(|| "read-then-write".to_owned());
    let cost = Cost { target_cpu_us: Some(11_400_000), generator_cpu_us: Some(3_900_000) };
    digest(shape).into_result(run_info(defect), proof, cost)
}

fn run_info(defect: Option<String>) -> RunInfo {
    let mut machine =
        Machine { cores: 8, os: "linux 6.1.0".into(), arch: "x86_64".into(), profile: "release".into(), ..Machine::default() };
    machine.cpu_model = "Example CPU @ 3.2 GHz".into();
    machine.versions.insert("rushproof".into(), "0.1.0".into());
    RunInfo {
        id: "rush-20261121T100928Z-42".into(),
        scenario: "rush".into(),
        about: "A famous guest praises the doughnuts: orders multiply within seconds while the factory is slow.".into(),
        seed: 42,
        target: "reference, edition donut".into(),
        defect,
        expected: None,
        started_unix_ms: 1_795_255_768_000,
        duration_us: 0,
        interrupted: false,
        plan: "scenario  rush, seed 42\narrivals  9,186 over 40 s: calm 8 s at 60/s, praise 10 s from 60/s to 400/s, rush 14 s at 400/s, ebb 8 s\n\
               buyers    18 % browse, 1.2 % double-click, 0.8 % hostile; patience 1 s, 2 retries\nfactory   production 1 to 2 s, capacity 4\n\
               faults    factory-slow on replenish → factory from 22 s to 29 s"
            .into(),
        replay: "cargo run -p loadgen -- replay reports/rush-20261121T100928Z-42".into(),
        machine,
    }
}
