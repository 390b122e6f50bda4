//! From a run folder to a result: the history is read, once for the proof and once for the curves. Needs nothing but the folder, so a run
//! can be judged again at any time.

use super::conduct::Measured;
use super::folder::RunFolder;
use crate::history::reader::{HistoryReadError, HistoryReader};
use crate::plan::Plan;
use crate::report::series::Builder;
use crate::result::latency::Histograms;
use crate::result::machine::Machine;
use crate::result::{RunInfo, RunResult};
use crate::scenario::{EditionName, Scenario, Traffic};
use crate::verify::expectations::{Arrivals, Consumer, Expectations};
use crate::{history::clock::micros, verify};

/// Why a history cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] HistoryReadError),
}

/// Judges a run. Also returns all its times, for files that need more than percentiles.
///
/// # Errors
/// [`JudgeError`] when the history cannot be opened; one that is cut off is judged as far as it goes.
pub fn judge(folder: &RunFolder, plan: &Plan, measured: Measured) -> Result<(RunResult, Histograms), JudgeError> {
    let history = folder.history();
    let proof = verify::judge(|| HistoryReader::open(&history), &expectations(plan.scenario()));

    let mut series = Builder::new(Some(plan.summary().per_second.clone()));
    for line in HistoryReader::open(&history)? {
        match line {
            Ok(line) => series.line(&line),
            // The proof says what is missing; the curves end where the history does.
            Err(_) => break,
        }
    }
    let digest = series.finish();
    let scenario = plan.scenario();
    let info = RunInfo {
        id: folder.id().to_owned(),
        scenario: scenario.name.clone(),
        about: scenario.about.clone(),
        seed: plan.seed(),
        target: format!("reference, edition {}", scenario.edition.as_str()),
        defect: None,
        started_unix_ms: digest.header.as_ref().map_or(0, |header| header.started_unix_ms),
        duration_us: digest.duration_us,
        interrupted: digest.interrupted,
        plan: plan.to_string(),
        replay: replay(folder, plan),
        machine: measured.machine.unwrap_or_else(Machine::detect),
    };
    let histograms = digest.histograms.clone();
    Ok((digest.into_result(info, proof, measured.cost), histograms))
}

/// The command that runs the plan again: from any clone for a shipped scenario, from its folder for any other.
fn replay(folder: &RunFolder, plan: &Plan) -> String {
    let scenario = plan.scenario();
    match Scenario::load(&scenario.name) {
        Ok(shipped) if shipped.text == scenario.text => {
            format!("cargo run -p loadgen -- --scenario {} --seed {}", scenario.name, plan.seed())
        }
        _ => format!("cargo run -p loadgen -- replay {}", folder.path().display()),
    }
}

/// What the scenario promises its run will show.
fn expectations(scenario: &Scenario) -> Expectations {
    let expect = &scenario.expect;
    Expectations {
        min_sold: expect.min_sold,
        min_sold_out: expect.min_sold_out,
        min_hostile_refused: expect.min_hostile,
        min_restocks: expect.min_restocks,
        min_info: expect.min_info,
        min_redeliveries: expect.min_redeliveries,
        lateness_p99_limit: micros(scenario.limits.lateness_p99),
        recovery_bound: micros(scenario.limits.recovery),
        arrivals: match scenario.traffic {
            Traffic::Open { .. } => Arrivals::Open,
            Traffic::Closed { .. } => Arrivals::Closed,
        },
        consumers: match scenario.edition {
            EditionName::Donut => Consumer::of_donut(),
            EditionName::Shop => Consumer::of_shop(),
        },
        ..Expectations::default()
    }
}
