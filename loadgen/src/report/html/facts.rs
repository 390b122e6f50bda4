//! What the template shows, already in words: the template itself decides nothing.

use serde::Serialize;

use crate::history::event::FaultState;
use crate::report::number::{micros, rate, signed, thousands, utc};
use crate::report::{recovery, words};
use crate::result::RunResult;
use crate::result::answer::answer_name;
use crate::result::latency::Percentiles;
use crate::verify::judgement::{Judgement, PropertyResult, Violation};

/// Most steps of a path that are shown at once; the rest stays in `result.json`.
const MOST_STEPS: usize = 200;

/// Everything on the page but the charts.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    verdict: &'static str,
    verdict_class: &'static str,
    verdict_sign: &'static str,
    verdict_means: String,
    reasons: Vec<String>,
    scenario: String,
    about: String,
    at_a_glance: String,
    interrupted: bool,
    defect: Option<String>,
    dev_build: bool,
    tiles: Vec<Tile>,
    properties: Vec<Property>,
    violated: Vec<Property>,
    evidence: Vec<EvidenceRow>,
    evidence_missing: usize,
    times: Vec<TimesRow>,
    answers: Vec<(String, String)>,
    orders: Vec<(&'static str, String)>,
    phases: Vec<PhaseRow>,
    recovery: Option<RecoveryTable>,
    marks: Vec<MarkRow>,
    marks_not_listed: u64,
    products_not_drawn: u64,
    run: Vec<(String, String)>,
    replay: String,
    plan: String,
}

#[derive(Debug, Serialize)]
struct Tile {
    name: &'static str,
    value: String,
    detail: String,
}

#[derive(Debug, Serialize)]
struct Property {
    id: String,
    name: &'static str,
    statement: &'static str,
    judgement: &'static str,
    class: &'static str,
    sign: &'static str,
    reason: Option<String>,
    counted: Vec<(String, String)>,
    violations_total: String,
    violations: Vec<ViolationRow>,
    violations_not_listed: u64,
}

#[derive(Debug, Serialize)]
struct ViolationRow {
    sentence: String,
    subject: String,
    /// Moments of its path on the charts, s since the run's start, a blank between two; empty when it has none.
    moments: String,
    steps: Vec<StepRow>,
    steps_not_listed: usize,
}

#[derive(Debug, Serialize)]
struct StepRow {
    at: String,
    hop: String,
    what: String,
}

#[derive(Debug, Serialize)]
struct EvidenceRow {
    what: String,
    needed: String,
    seen: String,
    enough: bool,
}

#[derive(Debug, Serialize)]
struct TimesRow {
    name: String,
    class: &'static str,
    count: String,
    values: [String; 5],
}

#[derive(Debug, Serialize)]
struct PhaseRow {
    name: String,
    from: String,
    lasted: String,
    note: String,
}

#[derive(Debug, Serialize)]
struct RecoveryTable {
    baseline: String,
    headings: &'static [&'static str],
    rows: Vec<recovery::Row>,
    not_listed: u64,
}

#[derive(Debug, Serialize)]
struct MarkRow {
    at: String,
    what: String,
    state: String,
}

impl Facts {
    pub(super) fn of(result: &RunResult) -> Self {
        let (run, proof, series) = (&result.run, &result.proof, &result.series);
        let mut properties: Vec<Property> = proof.properties.iter().map(property).collect();
        let violated = proof.properties.iter().filter(|property| property.judgement == Judgement::Violated).map(property).collect();
        // What went wrong comes first; within a judgement the order of the book stays.
        properties
            .sort_by_key(|property| ["violated", "undecided", "holds", "not-judged"].iter().position(|class| *class == property.class));
        let evidence = proof.evidence.iter().map(|piece| EvidenceRow {
            what: piece.what.clone(),
            needed: piece.needed.clone(),
            seen: piece.seen.clone(),
            enough: piece.enough,
        });
        Facts {
            verdict: words::verdict(proof.verdict),
            verdict_class: words::verdict_class(proof.verdict),
            verdict_sign: words::verdict_sign(proof.verdict),
            verdict_means: words::expectation(result).unwrap_or_else(|| words::verdict_means(proof.verdict).to_owned()),
            reasons: proof.reasons.clone(),
            scenario: run.scenario.clone(),
            about: run.about.clone(),
            at_a_glance: words::properties_at_a_glance(result),
            interrupted: run.interrupted,
            defect: run.defect.clone(),
            dev_build: run.machine.profile == "dev",
            tiles: tiles(result),
            properties,
            violated,
            evidence: evidence.collect(),
            evidence_missing: proof.evidence.iter().filter(|piece| !piece.enough).count(),
            times: times(result),
            answers: result.totals.answers.iter().map(|(answer, count)| (answer_name(*answer).to_owned(), thousands(*count))).collect(),
            orders: orders(result),
            phases: phases(result),
            recovery: recovery_table(result),
            marks: marks(result),
            marks_not_listed: series.marks_not_listed,
            products_not_drawn: series.products_not_drawn,
            run: run_facts(result),
            replay: run.replay.clone(),
            plan: run.plan.clone(),
        }
    }
}

fn property(result: &PropertyResult) -> Property {
    let class = words::judgement_class(result.judgement);
    Property {
        id: result.property.name().to_lowercase().replace(' ', "-"),
        name: result.property.name(),
        statement: result.property.statement(),
        judgement: words::judgement(result.judgement),
        class,
        sign: words::judgement_sign(result.judgement),
        reason: result.reason.clone(),
        counted: result.counted.iter().map(|(what, count)| (what.clone(), signed(*count))).collect(),
        violations_total: words::violations(result),
        violations: result.violations.iter().map(violation).collect(),
        violations_not_listed: result.violations_total.saturating_sub(result.violations.len() as u64),
    }
}

fn violation(violation: &Violation) -> ViolationRow {
    let steps = violation.path.iter().take(MOST_STEPS).map(|step| StepRow {
        at: step.at.map_or_else(|| "final state".to_owned(), words::at),
        hop: step.hop.clone(),
        what: step.what.clone(),
    });
    ViolationRow {
        sentence: violation.sentence.clone(),
        subject: violation.subject.clone(),
        moments: moments(violation),
        steps: steps.collect(),
        steps_not_listed: violation.path.len().saturating_sub(MOST_STEPS),
    }
}

/// When it happened, as the charts count: to the millisecond, each moment once.
fn moments(violation: &Violation) -> String {
    let mut moments: Vec<u64> = violation.path.iter().filter_map(|step| step.at).map(|at| at / 1_000).take(MOST_STEPS).collect();
    moments.sort_unstable();
    moments.dedup();
    moments.into_iter().map(|ms| format!("{}.{:03}", ms / 1_000, ms % 1_000)).collect::<Vec<_>>().join(" ")
}

fn tiles(result: &RunResult) -> Vec<Tile> {
    let (totals, latency) = (&result.totals, &result.latency);
    let (orders, all) = (&totals.orders, latency.purchases_intended);
    let tile = |name, value: String, detail: String| Tile { name, value, detail };
    let mut tiles = vec![
        tile(
            "Arrivals",
            thousands(totals.arrivals),
            format!("{} sent of {} intended", rate(totals.achieved_rate), rate(totals.intended_rate)),
        ),
        tile(
            "Sold",
            thousands(orders.ok),
            format!("{}, {} restocked", words::plural(totals.pieces_sold, "piece"), thousands(totals.pieces_restocked)),
        ),
        tile("Not sold", thousands(orders.fail), "refused or failed, nothing was done".to_owned()),
        tile(
            "Unknown",
            thousands(orders.info),
            format!("{} recovered, {} not in the ledger", thousands(orders.info_recovered), thousands(orders.info_absent)),
        ),
        tile("Median latency", time(all, all.p50), format!("p99 {}, worst {}", time(all, all.p99), time(all, all.max))),
    ];
    let lateness = latency.lateness;
    tiles.push(tile("Generator late", time(lateness, lateness.p99), format!("p99; worst {}", time(lateness, lateness.max))));
    if let Some(cost) = result.cost.target_cpu_us_per_order(orders) {
        tiles.push(tile("CPU per order", micros(cost.round() as u64), "of the system under test".to_owned()));
    }
    tiles
}

/// A time, or a dash where nothing was measured.
fn time(times: Percentiles, us: u64) -> String {
    if times.count == 0 { "–".to_owned() } else { micros(us) }
}

fn times(result: &RunResult) -> Vec<TimesRow> {
    let latency = &result.latency;
    let row = |name: String, class, times: Percentiles| TimesRow {
        name,
        class,
        count: thousands(times.count),
        values: [times.p50, times.p90, times.p99, times.p99_9, times.max].map(|us| time(times, us)),
    };
    let mut rows = vec![row("all purchases".to_owned(), "all", latency.purchases_intended)];
    rows.extend(latency.classes.iter().map(|class| row(class.class.name().to_owned(), class_of(class.class), class.intended)));
    rows.push(row("service time of purchases".to_owned(), "service", latency.purchases_service));
    rows.push(row("lateness of the generator".to_owned(), "late", latency.lateness));
    rows
}

fn class_of(class: crate::result::answer::AnswerClass) -> &'static str {
    use crate::result::answer::AnswerClass::{Browsed, Failed, Sold, SoldOut, Unknown};
    match class {
        Sold => "sold",
        SoldOut => "sold_out",
        Browsed => "browsed",
        Failed => "failed",
        Unknown => "unknown",
    }
}

fn orders(result: &RunResult) -> Vec<(&'static str, String)> {
    let (totals, orders) = (&result.totals, &result.totals.orders);
    let planned = totals.planned.map_or_else(|| "not at hand".to_owned(), thousands);
    vec![
        ("arrivals planned", planned),
        ("arrivals sent", thousands(totals.arrivals)),
        ("attempts", thousands(totals.attempts)),
        ("of them double clicks", thousands(totals.double_clicks)),
        ("of them retries", thousands(totals.retries)),
        ("of them by buyers who came back", thousands(totals.come_backs)),
        ("of them hostile", thousands(totals.hostile)),
        ("most unanswered at once", thousands(totals.max_unanswered)),
        ("never answered", thousands(totals.unanswered)),
        ("orders attempted", thousands(orders.attempted)),
        ("orders sold", thousands(orders.ok)),
        ("orders not sold", thousands(orders.fail)),
        ("orders unknown to their buyer", thousands(orders.info)),
        ("of them in the ledger (recovered)", thousands(orders.info_recovered)),
        ("of them not in the ledger", thousands(orders.info_absent)),
        ("productions applied", thousands(totals.restocks)),
    ]
}

fn phases(result: &RunResult) -> Vec<PhaseRow> {
    let spans = result.series.phases.iter().map(|span| PhaseRow {
        name: word(span.phase),
        from: words::at(span.from),
        lasted: micros(span.to.saturating_sub(span.from)),
        note: span.note.clone().unwrap_or_default(),
    });
    spans.collect()
}

fn recovery_table(result: &RunResult) -> Option<RecoveryTable> {
    let recovery = &result.recovery;
    (!recovery.is_empty()).then(|| RecoveryTable {
        baseline: recovery::baseline(&recovery.before),
        headings: &recovery::HEADINGS,
        rows: recovery::rows(recovery),
        not_listed: recovery.not_listed,
    })
}

/// Faults and processes in one list, in time order. Strikes are counted in the table of the faults, and listed in `result.json`.
fn marks(result: &RunResult) -> Vec<MarkRow> {
    let faults = result.series.faults.iter().filter(|row| row.state != FaultState::Fired).map(|row| {
        let hop = row.hop.as_ref().map(|hop| format!(" on {hop}")).unwrap_or_default();
        (row.at, MarkRow { at: words::at(row.at), what: format!("fault {}{hop}", row.rule), state: word(row.state) })
    });
    let roles = result.series.roles.iter().map(|row| {
        let unasked = if row.planned { "" } else { " unasked" };
        let unasked = if row.state == crate::history::event::RoleState::Exited { unasked } else { "" };
        let note = row.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        (
            row.at,
            MarkRow { at: words::at(row.at), what: format!("process {}", row.role), state: format!("{}{unasked}{note}", word(row.state)) },
        )
    });
    let mut rows: Vec<_> = faults.chain(roles).collect();
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The name of an enum's variant as the files have it: one vocabulary for page and file.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name.replace('_', " "),
        other => format!("{other:?}"),
    }
}

fn run_facts(result: &RunResult) -> Vec<(String, String)> {
    let (run, machine) = (&result.run, &result.run.machine);
    let mut facts: Vec<(String, String)> = [
        ("run", run.id.clone()),
        ("scenario", run.scenario.clone()),
        ("target", run.target.clone()),
        ("seed", run.seed.to_string()),
        ("started", utc(run.started_unix_ms)),
        ("lasted", micros(run.duration_us)),
        ("cores", machine.cores.to_string()),
        ("processor", machine.cpu_model.clone()),
        ("system", format!("{} {}", machine.os, machine.arch)),
        ("build", machine.profile.clone()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.trim().is_empty())
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    facts.extend(machine.versions.iter().map(|(name, version)| (format!("{name} version"), version.clone())));
    facts
}
