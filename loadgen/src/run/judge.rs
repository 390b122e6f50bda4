//! From a run folder to a result: the history is read, once for the proof and once for the curves. Needs nothing but the folder, so a run
//! can be judged again at any time.

use chaos::decision::{Fault, Rule, SendFault};
use chaos::incident::Incident;
use reference::defects::{BadDefect, Defect};

use super::conduct::Measured;
use super::folder::RunFolder;
use crate::ground::DatabaseKind;
use crate::history::event::{Event, Header};
use crate::history::{HistoryReadError, HistoryReader, Lines};
use crate::plan::Plan;
use crate::report::series::Builder;
use crate::result::latency::Histograms;
use crate::result::machine::Machine;
use crate::result::{RunInfo, RunResult};
use crate::scenario::{EditionName, Scenario, Traffic};
use crate::verify::expectations::{Arrivals, Consumer, Expectations, PlannedFault};
use crate::verify::judgement::Verdict;
use crate::{history::clock::micros, verify};

/// Why a history cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryReadError),
    /// It was made with a defect that this version does not have.
    #[error("the run was made with a defect that this version does not have; use the version that made it")]
    Defect(#[from] BadDefect),
}

/// The mistake that the reference made in a run, when it was asked to make one: the header of its history says so.
///
/// # Errors
/// [`JudgeError`] when the history cannot be opened, or names a defect that this version does not have.
pub fn defect_of(folder: &RunFolder) -> Result<Option<Defect>, JudgeError> {
    let first = HistoryReader::open(&folder.history())?.next().transpose()?;
    match first.map(|line| line.event) {
        Some(Event::Header(Header { defect: Some(name), .. })) => Ok(Some(name.parse()?)),
        _ => Ok(None),
    }
}

/// Judges a run. Also returns all its times, for files that need more than percentiles.
///
/// # Errors
/// [`JudgeError`] when the history cannot be opened; one that is cut off is judged as far as it goes.
pub fn judge(folder: &RunFolder, plan: &Plan, measured: Measured) -> Result<(RunResult, Histograms), JudgeError> {
    let history = folder.history();
    let expectations = expectations(plan);
    let proof = verify::judge(|| HistoryReader::lend(&history), &expectations);

    // Read again, so that what the proof and what the curves must remember never stands in memory together.
    let mut series = Builder::new(Some(plan.summary().per_second.clone()), expectations.arrivals);
    // The proof says what is missing; the curves end where the history does.
    let _ = HistoryReader::lend(&history)?.tell(&mut series);
    let digest = series.finish();
    let scenario = plan.scenario();
    let header = digest.header.as_ref();
    let (defect, backend) = (header.and_then(|header| header.defect.clone()), header.and_then(|header| header.backend.clone()));
    let info = RunInfo {
        id: folder.id().to_owned(),
        scenario: scenario.name.clone(),
        about: scenario.about.clone(),
        seed: plan.seed(),
        target: match &scenario.target {
            Some(target) => target.name.clone(),
            None => format!("reference, edition {}{}", scenario.edition.as_str(), where_it_stood(plan, backend.as_deref())),
        },
        defect: defect.clone(),
        expected: Some(scenario.expect_verdict).filter(|expected| *expected != Verdict::Pass),
        started_unix_ms: digest.header.as_ref().map_or(0, |header| header.started_unix_ms),
        duration_us: digest.duration_us,
        interrupted: digest.interrupted,
        plan: plan.to_string(),
        replay: replay(folder, plan, defect.as_deref(), backend.as_deref()),
        machine: measured.machine.unwrap_or_else(Machine::detect),
    };
    let histograms = digest.histograms.clone();
    Ok((digest.into_result(info, proof, measured.cost), histograms))
}

/// The command that runs the plan again: from any clone for a shipped scenario, from its folder for any other.
fn replay(folder: &RunFolder, plan: &Plan, defect: Option<&str>, backend: Option<&str>) -> String {
    let (scenario, ground) = (plan.scenario(), on_what(plan, backend));
    match Scenario::load(&scenario.name) {
        Ok(shipped) if shipped.text == scenario.text && scenario.target.is_none() => {
            let defect = defect.map(|defect| format!(" --defect {defect}")).unwrap_or_default();
            format!("cargo run -p loadgen -- --scenario {} --seed {}{defect}{ground}", scenario.name, plan.seed())
        }
        _ => format!("cargo run -p loadgen -- replay {}{ground}", folder.path().display()),
    }
}

fn planned(rule: &Rule) -> PlannedFault {
    PlannedFault { rule: rule.name.to_string(), poison: matches!(rule.fault, Fault::Send(SendFault::Poison { .. })) }
}

fn planned_incident(incident: &Incident) -> PlannedFault {
    PlannedFault { rule: incident.name.to_string(), poison: false }
}

/// What of the ground a target stood on is not the usual.
fn where_it_stood(plan: &Plan, backend: Option<&str>) -> &'static str {
    match (plan.database(), backend) {
        (DatabaseKind::File, None) => "",
        (DatabaseKind::File, Some(_)) => ", on another's SQS and SNS",
        (DatabaseKind::Server, None) => ", on a database server",
        (DatabaseKind::Server, Some(_)) => ", on a database server and another's SQS and SNS",
    }
}

/// The options that put another run on the same ground.
fn on_what(plan: &Plan, backend: Option<&str>) -> String {
    let database = match plan.database() {
        DatabaseKind::File => "",
        // Whoever runs it again knows the server, and its password.
        DatabaseKind::Server => " --database mysql://…",
    };
    let backend = backend.map(|url| format!(" --backend {url}")).unwrap_or_default();
    format!("{database}{backend}")
}

/// What the scenario promises its run will show.
pub(crate) fn expectations(plan: &Plan) -> Expectations {
    let scenario = plan.scenario();
    let expect = &scenario.expect;
    Expectations {
        min_sold: expect.min_sold,
        min_sold_out: expect.min_sold_out,
        min_hostile_refused: expect.min_hostile,
        min_restocks: expect.min_restocks,
        min_info: expect.min_info,
        min_redeliveries: expect.min_redeliveries,
        lateness_p99_limit: micros(scenario.limits.lateness_p99),
        growth_percent: scenario.limits.growth_percent,
        recovery_bound: micros(scenario.limits.recovery),
        most_dead_letters: scenario.limits.dead_letters,
        max_mails_per_episode: scenario.limits.mails_per_episode.unwrap_or(Expectations::default().max_mails_per_episode),
        arrivals: match scenario.traffic {
            Traffic::Open { .. } => Arrivals::Open,
            Traffic::Closed { users, .. } => Arrivals::Closed { users: u64::from(users) },
        },
        consumers: match (&scenario.target, scenario.edition) {
            (Some(target), _) => target.consumers(),
            (None, EditionName::Donut) => Consumer::of_donut(),
            (None, EditionName::Shop) => Consumer::of_shop(),
        },
        faults: plan.faults().rules.iter().map(planned).chain(plan.faults().incidents.iter().map(planned_incident)).collect(),
        ..Expectations::default()
    }
}
