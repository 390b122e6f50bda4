//! Names and paths for what was found: a second reading of the history, for the few things that violations are about.
//!
//! The model knows things by number. Here the lines are read once more, and those that concern a listed violation become steps of its
//! path; the names of its subjects are picked up on the way. What is held is bounded: [`STEPS_HEAD`] + [`STEPS_TAIL`] steps a path.

mod concerns;
mod describe;

use std::collections::{HashMap, VecDeque};

use self::concerns::{Concern, concerns};
use super::finding::{Finding, Ref};
use super::fingerprint::{Fingerprint, Kind};
use super::judgement::{Step, Violation};
use super::model::{Model, NONE};
use crate::history::Lines;
use crate::history::event::{Event, Line, Micros};

/// Steps kept from the beginning of a path.
const STEPS_HEAD: usize = 24;
/// Steps kept from its end.
const STEPS_TAIL: usize = 24;

/// Turns findings into violations that a person can follow. `findings` are those of all properties, flattened; the order is kept.
pub(super) fn gather(model: &Model, findings: &[&Finding], lines: Option<impl Lines>) -> Vec<Violation> {
    let mut watch = Watch::new(model, findings);
    if let Some(lines) = lines {
        // What cannot be read is reported as evidence; the path ends where the history does.
        let _ = lines.tell(&mut |line: &Line| watch.line(line));
    }
    watch.finish(findings)
}

/// The path of one finding, as it grows.
#[derive(Default)]
struct Path {
    head: Vec<Step>,
    tail: VecDeque<Step>,
    left_out: u64,
}

impl Path {
    fn push(&mut self, step: Step) {
        if self.head.len() < STEPS_HEAD {
            self.head.push(step);
            return;
        }
        if self.tail.len() == STEPS_TAIL {
            self.tail.pop_front();
            self.left_out += 1;
        }
        self.tail.push_back(step);
    }

    /// In time order; rows of the final state last.
    fn finish(self) -> Vec<Step> {
        let mut steps = self.head;
        if self.left_out > 0 {
            let at = steps.last().and_then(|step| step.at);
            steps.push(Step { at, hop: "…".to_owned(), what: format!("{} further steps are left out here", self.left_out) });
        }
        steps.extend(self.tail);
        steps.sort_by_key(|step| step.at.unwrap_or(Micros::MAX));
        steps
    }
}

/// Which names and numbers belong to which findings.
struct Watch {
    by_fingerprint: HashMap<Fingerprint, Vec<(usize, usize)>>,
    by_product: HashMap<String, Vec<(usize, Micros, Micros)>>,
    by_queue: HashMap<String, Vec<usize>>,
    whole_run: Vec<usize>,
    attempts: HashMap<u64, Vec<(usize, usize)>>,
    names: HashMap<(usize, usize), String>,
    paths: Vec<Path>,
    /// Fingerprints of what a finding is about, for those whose name never turns up.
    kinds: HashMap<(usize, usize), &'static str>,
}

impl Watch {
    fn new(model: &Model, findings: &[&Finding]) -> Self {
        let mut watch = Self {
            by_fingerprint: HashMap::new(),
            by_product: HashMap::new(),
            by_queue: HashMap::new(),
            whole_run: Vec::new(),
            attempts: HashMap::new(),
            names: HashMap::new(),
            paths: findings.iter().map(|_| Path::default()).collect(),
            kinds: HashMap::new(),
        };
        let mut orders: HashMap<u32, Vec<(usize, usize)>> = HashMap::new();
        for (finding, about) in findings.iter().enumerate() {
            for (place, about) in about.about.iter().enumerate() {
                watch.watch(model, (finding, place), about, &mut orders);
            }
        }
        // An order may have several ids: one per answer and one per row of the ledger.
        if !orders.is_empty() {
            for (row, id) in (0u32..).zip(&model.ids) {
                for place in orders.get(&id.order).into_iter().flatten() {
                    watch.by_fingerprint.entry(model.order_ids.fingerprint(row)).or_default().push(*place);
                }
            }
        }
        watch
    }

    fn watch(&mut self, model: &Model, place: (usize, usize), about: &Ref, orders: &mut HashMap<u32, Vec<(usize, usize)>>) {
        let (kind, fingerprint) = match about {
            Ref::Order(row) => {
                orders.entry(*row).or_default().push(place);
                ("an order", model.keys.fingerprint(*row))
            }
            Ref::OrderId(row) => {
                let order = model.ids[*row as usize].order;
                if order != NONE {
                    self.by_fingerprint.entry(model.keys.fingerprint(order)).or_default().push(place);
                }
                ("an order", model.order_ids.fingerprint(*row))
            }
            Ref::Production(row) => ("a production", model.production_names.fingerprint(*row)),
            Ref::Message(row) => ("a message", model.message_names.fingerprint(*row)),
            Ref::Episode(row) => ("a sold-out episode", model.episode_names.fingerprint(*row)),
            Ref::Product { product, from, to } => {
                let name = model.product_name(*product).to_owned();
                self.by_product.entry(name.clone()).or_default().push((place.0, *from, *to));
                self.names.insert(place, name);
                return;
            }
            Ref::Queue(queue) => {
                self.by_queue.entry(queue.clone()).or_default().push(place.0);
                self.names.insert(place, queue.clone());
                return;
            }
            Ref::Run => {
                self.whole_run.push(place.0);
                self.names.insert(place, "the run".to_owned());
                return;
            }
        };
        self.kinds.insert(place, kind);
        self.by_fingerprint.entry(fingerprint).or_default().push(place);
    }

    fn line(&mut self, line: &Line) {
        let mut concerned: Vec<usize> = Vec::new();
        for concern in concerns(&line.event) {
            match concern {
                Concern::Id(kind, id) => self.id(kind, id, &line.event, &mut concerned),
                Concern::Attempt(op) => concerned.extend(self.attempts.get(&op).into_iter().flatten().map(|place| place.0)),
                Concern::Keyless(op) => {
                    let places = self.by_fingerprint.get(&Fingerprint::of_number(Kind::Keyless, op)).cloned().unwrap_or_default();
                    self.attempted(op, &places, &mut concerned);
                }
                Concern::OtherBody(key, product, quantity, op) => {
                    let places = self.by_fingerprint.get(&Fingerprint::of_body(key, product, quantity)).cloned().unwrap_or_default();
                    self.attempted(op, &places, &mut concerned);
                }
                Concern::Product(product) => {
                    let watchers = self.by_product.get(product).into_iter().flatten();
                    let timeless = matches!(line.event, Event::Final(_) | Event::Header(_));
                    concerned.extend(
                        watchers.filter(|(_, from, to)| timeless || (*from..=*to).contains(&line.at)).map(|(finding, ..)| *finding),
                    );
                }
                Concern::Queue(queue) => concerned.extend(self.by_queue.get(queue).into_iter().flatten()),
                Concern::Run => concerned.extend(&self.whole_run),
            }
        }
        concerned.sort_unstable();
        concerned.dedup();
        if concerned.is_empty() {
            return;
        }
        let step = describe::step(line);
        for finding in concerned {
            self.paths[finding].push(step.clone());
        }
    }

    fn id(&mut self, kind: Kind, id: &str, event: &Event, concerned: &mut Vec<usize>) {
        let Some(places) = self.by_fingerprint.get(&Fingerprint::of(kind, id)).cloned() else { return };
        for place in &places {
            let prefix = match kind {
                Kind::Key | Kind::Keyless | Kind::OtherBody => "order with key",
                Kind::Order => "order",
                Kind::Production => "production",
                Kind::Message => "message",
                Kind::Episode => "episode",
            };
            let name = format!("{prefix} {id}");
            // Order ids are what people look for: they replace the key once known.
            let better = kind == Kind::Order && self.names.get(place).is_some_and(|name| name.starts_with("order with key"));
            if better {
                self.names.insert(*place, name);
            } else {
                self.names.entry(*place).or_insert(name);
            }
        }
        match event {
            Event::Invoke(invoke) => self.attempted(invoke.op, &places, concerned),
            _ => concerned.extend(places.iter().map(|place| place.0)),
        }
    }

    fn attempted(&mut self, op: u64, places: &[(usize, usize)], concerned: &mut Vec<usize>) {
        if places.is_empty() {
            return;
        }
        self.attempts.entry(op).or_default().extend_from_slice(places);
        for place in places {
            self.names.entry(*place).or_insert_with(|| format!("order of attempt {op}"));
        }
        concerned.extend(places.iter().map(|place| place.0));
    }

    fn finish(self, findings: &[&Finding]) -> Vec<Violation> {
        let name = |finding: usize, place: usize| {
            let unknown = || self.kinds.get(&(finding, place)).map_or("something", |kind| kind).to_owned();
            self.names.get(&(finding, place)).cloned().unwrap_or_else(unknown)
        };
        let mut violations = Vec::with_capacity(findings.len());
        for (number, (finding, path)) in findings.iter().zip(self.paths).enumerate() {
            let mut sentence = finding.sentence.clone();
            for place in 0..finding.about.len() {
                sentence = sentence.replace(&format!("{{{place}}}"), &name(number, place));
            }
            violations.push(Violation { sentence: capitalised(&sentence), subject: name(number, 0), path: path.finish() });
        }
        violations
    }
}

fn capitalised(sentence: &str) -> String {
    // Only our own words are changed, never an id that stands first.
    let own = ["order ", "production ", "message ", "episode ", "an ", "a ", "the "];
    if own.iter().any(|word| sentence.starts_with(word)) {
        let (first, rest) = sentence.split_at(1);
        return first.to_uppercase() + rest;
    }
    sentence.to_owned()
}
