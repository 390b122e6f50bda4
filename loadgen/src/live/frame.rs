//! One state of a run, as the live page is told it.

use std::collections::BTreeMap;
use std::sync::Arc;

use reference::pages::picture::{Lane, Picture};
use serde::Serialize;

use super::course::Point;
use super::flow::{Flows, Place, places};
use super::outlook::{Outlook, outlook};
use crate::history::event::{Micros, Phase, Sample};
use crate::history::tally::{Counts, Mark, Tally};
use crate::plan::Plan;
use crate::progress::state::Snapshot;
use crate::result::RunResult;
use crate::run::judge;
use crate::scenario::EditionName;
use crate::verify::expectations::Expectations;
use crate::verify::judgement::{Judgement, Verdict};
use crate::verify::property::Property;

/// Marks sent with each state: what fits on a screen.
const MARKS: usize = 40;

/// Reasons of a verdict that are sent.
const REASONS: usize = 12;

/// What does not change while the run goes on, and where the rest is counted.
#[derive(Debug)]
pub struct Sources {
    run: RunFacts,
    expectations: Expectations,
    places: BTreeMap<String, Place>,
    picture: Picture,
    tally: Arc<Tally>,
}

/// Which run it is.
#[derive(Debug, Clone, Serialize)]
struct RunFacts {
    id: String,
    scenario: String,
    about: String,
    seed: u64,
}

/// A state.
#[derive(Debug, Clone, Serialize)]
pub struct Frame {
    run: RunFacts,
    /// s since the run's start.
    at: f64,
    phase: Phase,
    detail: String,
    /// s since the phase began.
    in_phase: f64,
    /// s that the load is planned to last.
    load: f64,
    sent: u64,
    answers: [u64; 5],
    late_us: u64,
    point: Point,
    picture: Picture,
    marks: Vec<Mark>,
    marks_total: u64,
    outlook: Outlook,
    properties: Vec<PropertyRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    reasons: Vec<String>,
    over: bool,
}

/// A property, as far as it can be said.
#[derive(Debug, Clone, Serialize)]
struct PropertyRow {
    property: Property,
    name: &'static str,
    statement: &'static str,
    /// None until the run is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    judgement: Option<Judgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<String>,
}

impl Sources {
    /// Of a run that is about to begin.
    #[must_use]
    pub fn of(plan: &Plan, run: &str, tally: Arc<Tally>) -> Self {
        let scenario = plan.scenario();
        let expectations = judge::expectations(plan);
        let lanes = expectations.consumers.iter().map(|consumer| Lane {
            topic: consumer.topic.clone(),
            queue: consumer.queue.clone(),
            dead_letter_queue: consumer.dead_letter_queue.clone(),
            stage: consumer.name.clone(),
            ..Lane::default()
        });
        let calls_back = scenario.target.is_some() || scenario.edition == EditionName::Donut;
        let picture = Picture { lanes: lanes.collect(), calls_back, ..Picture::default() };
        let run = RunFacts { id: run.to_owned(), scenario: scenario.name.clone(), about: scenario.about.clone(), seed: plan.seed() };
        Self { run, expectations, places: places(plan.faults()), picture, tally }
    }

    /// What the run's clock shows.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.tally.clock().now()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }
}

impl Frame {
    /// The state at this moment.
    #[must_use]
    pub fn of(sources: &Sources, snapshot: &Snapshot, flows: &mut Flows) -> Self {
        let (now, counts) = (sources.now(), sources.counts());
        let mut picture = sources.picture.clone();
        flows.paint(now, &counts, &sources.places, &mut picture);
        if let Some(sample) = &counts.sample {
            fill(&mut picture, sample);
        }
        let outlook = outlook(&sources.expectations, snapshot, &counts);
        let below_zero = counts.least_stock.values().any(|least| *least < 0);
        let row = |property: Property| PropertyRow {
            property,
            name: property.name(),
            statement: property.statement(),
            // The one that a look at the stock can decide.
            judgement: (property == Property::NoOverselling && below_zero).then_some(Judgement::Violated),
            witness: None,
        };
        let point = Point {
            at: now as f64 / 1e6,
            planned: if snapshot.phase == Phase::Load { snapshot.planned_rate } else { 0.0 },
            p50: snapshot.p50_us,
            p99: snapshot.p99_us,
            stock: snapshot.pipeline.map(|pipeline| pipeline.stock),
            waiting: snapshot.pipeline.map(|pipeline| pipeline.waiting),
            in_flight: snapshot.pipeline.map(|pipeline| pipeline.in_flight),
            dead: snapshot.pipeline.map(|pipeline| pipeline.dead_letters),
            faults: counts.rules.values().filter(|rule| rule.in_force()).count() as u64,
            ..flows.rates(now, snapshot)
        };
        Self {
            run: sources.run.clone(),
            at: now as f64 / 1e6,
            phase: snapshot.phase,
            detail: if snapshot.detail.is_empty() { counts.stage.clone().unwrap_or_default() } else { snapshot.detail.clone() },
            in_phase: snapshot.in_phase.as_secs_f64(),
            load: snapshot.load_duration.as_secs_f64(),
            sent: snapshot.sent,
            answers: snapshot.answers,
            late_us: snapshot.lateness_p99_us,
            point,
            picture,
            marks: counts.marks.iter().rev().take(MARKS).cloned().collect(),
            marks_total: counts.marks_total,
            outlook,
            properties: Property::ALL.into_iter().map(row).collect(),
            verdict: None,
            reasons: Vec::new(),
            over: false,
        }
    }

    /// What it adds to the curves.
    #[must_use]
    pub fn point(&self) -> Point {
        self.point.clone()
    }

    /// The last state: the run is judged.
    #[must_use]
    pub fn concluded(mut self, result: &RunResult) -> Self {
        self.over = true;
        self.verdict = Some(result.verdict());
        self.reasons = result.proof.reasons.iter().take(REASONS).cloned().collect();
        for row in &mut self.properties {
            if let Some(judged) = result.proof.properties.iter().find(|judged| judged.property == row.property) {
                row.judgement = Some(judged.judgement);
                row.witness = judged.violations.first().map(|violation| violation.sentence.clone()).or_else(|| judged.reason.clone());
            }
        }
        self
    }

    /// As it is sent.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a state is numbers and text")
    }
}

fn fill(picture: &mut Picture, sample: &Sample) {
    picture.stock = sample.stock.clone();
    picture.outbox = sample.outbox;
    picture.open_productions = sample.open_productions;
    let depth = |name: &str| sample.queues.iter().find(|queue| queue.queue == name);
    for lane in &mut picture.lanes {
        if let Some(queue) = depth(&lane.queue) {
            (lane.waiting, lane.in_flight) = (queue.visible + queue.delayed, queue.in_flight);
        }
        if let Some(dead) = depth(&lane.dead_letter_queue) {
            lane.dead = dead.visible + dead.in_flight + dead.delayed;
        }
    }
}
