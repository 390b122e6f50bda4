//! Two runs side by side as a page: verdicts, properties, numbers with what the comparison says of them, and their curves laid over each other.
//!
//! A side of many runs is drawn by one of them: the one in the middle by its median, which the page names. What is said of speed is said of all
//! pairs, as in the text.

use serde::Serialize;

use super::Comparison;
use super::side::{Run, Side};
use crate::page::{Page, RenderError};
use crate::report::number::{micros, thousands, utc};
use crate::report::words;
use crate::result::RunResult;
use crate::result::latency::LatencySummary;
use crate::result::series::Series;
use crate::verify::judgement::Judgement;
use crate::verify::property::Property;

const PAGE: Page = Page { template: include_str!("../../assets/compare.html"), script: include_str!("../../assets/compare.js") };

/// What the template shows, already in words.
#[derive(Debug, Serialize)]
struct Facts {
    sides: [SideFacts; 2],
    gate: &'static str,
    gate_class: &'static str,
    checks: Vec<(String, &'static str, String)>,
    obstacles: Vec<String>,
    pairs: usize,
    measures: Vec<MeasureRow>,
    properties: Vec<PropertyRow>,
    numbers: Vec<NumberRow>,
}

#[derive(Debug, Serialize)]
struct SideFacts {
    letter: &'static str,
    runs: usize,
    drawn: String,
    scenario: String,
    seed: u64,
    target: String,
    started: String,
    build: String,
    verdict: &'static str,
    class: &'static str,
    sign: &'static str,
    reasons: Vec<String>,
}

#[derive(Debug, Serialize)]
struct MeasureRow {
    name: &'static str,
    a: String,
    b: String,
    ratio: String,
    bounds: String,
    /// "worse", "better" or nothing, where the bounds are on one side of 1.
    class: &'static str,
}

#[derive(Debug, Serialize)]
struct PropertyRow {
    name: &'static str,
    /// Sign, word and class of each side.
    sides: [(&'static str, &'static str, &'static str); 2],
    differs: bool,
    /// The first witness of each side that has one.
    witnesses: Vec<(&'static str, String)>,
}

#[derive(Debug, Serialize)]
struct NumberRow {
    name: &'static str,
    a: String,
    b: String,
    differs: bool,
}

/// What the charts need of a run.
#[derive(Debug, Serialize)]
struct Drawn<'r> {
    series: Series,
    latency: &'r LatencySummary,
}

/// Renders a comparison of these two sides as one page that loads nothing.
///
/// # Errors
/// When the template and its data do not fit.
pub fn render(comparison: &Comparison, a: &Side, b: &Side) -> Result<String, RenderError> {
    let (left, right) = (middle(a), middle(b));
    let drawn = |run: &Run| Series { faults: Vec::new(), ..run.result.series.clone() };
    let data = [left, right].map(|run| Drawn { series: drawn(run), latency: &run.result.latency });
    PAGE.render_with_charts(Facts::of(comparison, (a, left), (b, right)), &data)
}

/// The run in the middle by its median latency: of an even number, the faster of the two.
fn middle(side: &Side) -> &Run {
    let mut runs: Vec<&Run> = side.runs.iter().collect();
    runs.sort_by_key(|run| run.result.latency.purchases_intended.p50);
    runs[(runs.len() - 1) / 2]
}

impl Facts {
    fn of(comparison: &Comparison, (a, left): (&Side, &Run), (b, right): (&Side, &Run)) -> Self {
        use crate::gate::Decision;
        let word = |decision: Decision| match decision {
            Decision::Pass => ("pass", "pass"),
            Decision::Inconclusive => ("inconclusive", "unknown"),
            Decision::Regression => ("regression", "fail"),
        };
        let (gate, gate_class) = word(comparison.gate.decision);
        Facts {
            sides: [side("A", a, left), side("B", b, right)],
            gate,
            gate_class,
            checks: comparison
                .gate
                .checks
                .iter()
                .map(|check| (check.what.clone(), word(check.decision).0, check.sentence.clone()))
                .collect(),
            obstacles: comparison.obstacles.iter().map(|check| format!("{}: {}", check.what, check.sentence)).collect(),
            pairs: comparison.pairs.len(),
            measures: measures(comparison),
            properties: Property::ALL.into_iter().map(|property| properties(property, &left.result, &right.result)).collect(),
            numbers: numbers(&left.result, &right.result),
        }
    }
}

fn side(letter: &'static str, side: &Side, drawn: &Run) -> SideFacts {
    let (run, proof) = (&drawn.result.run, &drawn.result.proof);
    SideFacts {
        letter,
        runs: side.runs.len(),
        drawn: run.id.clone(),
        scenario: run.scenario.clone(),
        seed: run.seed,
        target: match &run.defect {
            Some(defect) => format!("{}, defect {defect}", run.target),
            None => run.target.clone(),
        },
        started: utc(run.started_unix_ms),
        build: run.machine.profile.clone(),
        verdict: words::verdict(proof.verdict),
        class: words::verdict_class(proof.verdict),
        sign: words::verdict_sign(proof.verdict),
        reasons: proof.reasons.iter().take(6).cloned().collect(),
    }
}

fn measures(comparison: &Comparison) -> Vec<MeasureRow> {
    let rows = comparison.measures.iter().map(|compared| MeasureRow {
        name: compared.measure.name(),
        a: micros(compared.a_us.round() as u64),
        b: micros(compared.b_us.round() as u64),
        ratio: format!("× {:.3}", compared.ratio.median),
        bounds: format!("{:.3} to {:.3}", compared.ratio.low, compared.ratio.high),
        // One pair has no bounds: whatever it says is noise until there are more.
        class: match compared.ratio {
            _ if compared.pairs < 2 => "",
            ratio if ratio.low > 1.0 => "worse",
            ratio if ratio.high < 1.0 => "better",
            _ => "",
        },
    });
    rows.collect()
}

fn properties(property: Property, a: &RunResult, b: &RunResult) -> PropertyRow {
    let of = |result: &RunResult| result.proof.properties.iter().find(|judged| judged.property == property).cloned();
    let judged = [of(a), of(b)];
    let cell = |judgement: Option<Judgement>| match judgement {
        Some(judgement) => (words::judgement_sign(judgement), words::judgement(judgement), words::judgement_class(judgement)),
        None => ("–", "unknown to that version", "not-judged"),
    };
    let sides = [0, 1].map(|side| cell(judged[side].as_ref().map(|judged| judged.judgement)));
    let witness = |letter, side: usize| {
        let judged = judged[side].as_ref()?;
        judged.violations.first().map(|violation| (letter, violation.sentence.clone()))
    };
    PropertyRow {
        name: property.name(),
        sides,
        differs: sides[0].1 != sides[1].1,
        witnesses: [witness("A", 0), witness("B", 1)].into_iter().flatten().collect(),
    }
}

fn numbers(a: &RunResult, b: &RunResult) -> Vec<NumberRow> {
    let count = |name, of: fn(&RunResult) -> u64| NumberRow { name, a: thousands(of(a)), b: thousands(of(b)), differs: of(a) != of(b) };
    vec![
        count("arrivals sent", |run| run.totals.arrivals),
        count("attempts", |run| run.totals.attempts),
        count("retries", |run| run.totals.retries),
        count("orders sold", |run| run.totals.orders.ok),
        count("orders not sold", |run| run.totals.orders.fail),
        count("orders unknown to their buyer", |run| run.totals.orders.info),
        count("pieces restocked", |run| run.totals.pieces_restocked),
        count("productions applied", |run| run.totals.restocks),
        count("most unanswered at once", |run| run.totals.max_unanswered),
    ]
}
