//! The spine: one run, from the plan to the exit code.

pub mod abort;
pub mod again;
pub mod conduct;
pub mod folder;
pub mod interrupt;
pub mod judge;
pub mod subject;

use std::path::PathBuf;

use reference::defects::Defect;

use self::conduct::{ConductError, Manner, Stand};
use self::folder::{FolderError, RunFolder};
use self::interrupt::Interrupts;
use self::judge::JudgeError;
use crate::exit::Exit;
use crate::gate::{self, Decision, GateOutcome};
use crate::ground::Ground;
use crate::live::{Live, LiveError, LiveSettings};
use crate::plan::Plan;
use crate::progress::Display;
use crate::report;
use crate::result::{ResultError, RunResult};
use crate::scenario::Scenario;
use crate::verify::judgement::Verdict;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Order {
    /// The scenario, checked.
    pub scenario: Scenario,
    /// Seed of everything random.
    pub seed: u64,
    /// Mistake that the reference shall make.
    pub defect: Option<Defect>,
    /// What goes wrong, when that is not just what the plan says: its faults, narrowed to what they struck in an earlier run.
    pub faults: Option<chaos::plan::Plan>,
    /// Folder in which the run's own folder is made.
    pub out: PathBuf,
    /// Result that this run must not be slower than.
    pub baseline: Option<RunResult>,
    /// How progress is shown.
    pub display: Display,
    /// Where the run can be watched, when it can.
    pub live: Option<LiveSettings>,
    /// Hosts beyond loopback that the run may reach.
    pub allow_remote: Vec<String>,
    /// What the pipeline stands on.
    pub ground: Ground,
}

impl Order {
    fn manner<'o>(&'o self, live: Option<&'o Live>) -> Manner<'o> {
        Manner {
            defect: self.defect,
            faults: self.faults.as_ref(),
            display: self.display,
            live,
            allow_remote: &self.allow_remote,
            ground: &self.ground,
        }
    }
}

/// A run that was brought to its end.
#[derive(Debug)]
pub struct Finished {
    /// Its folder.
    pub folder: PathBuf,
    /// Its result, as in `result.json`.
    pub result: RunResult,
    /// What the gate says, when there was a baseline.
    pub gate: Option<GateOutcome>,
}

/// Why a run has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Spans cannot be sent to where they should be.
    #[cfg(feature = "otel")]
    #[error(transparent)]
    Collector(#[from] reference::trace::export::BadCollector),
    /// The live page cannot be served.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// The run folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The run could not be conducted.
    #[error(transparent)]
    Conduct(#[from] ConductError),
    /// The history could not be judged.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// The report could not be written.
    #[error("cannot write the report")]
    Report(#[from] report::ReportError),
    /// The result could not be read or written.
    #[error(transparent)]
    Result(#[from] ResultError),
}

impl Finished {
    /// A judged run, compared with a baseline where there is one.
    #[must_use]
    pub fn new(folder: PathBuf, result: RunResult, baseline: Option<&RunResult>) -> Self {
        let gate = baseline.map(|baseline| gate::compare(&result, baseline));
        Self { folder, result, gate }
    }

    /// How the process should end.
    #[must_use]
    pub fn exit(&self) -> Exit {
        exit(self.result.verdict(), self.gate.as_ref().map(|gate| gate.decision))
    }
}

/// Plan → boot → load → drain → verify → report → gate.
///
/// # Errors
/// [`RunError`] when the harness itself could not do its work. What was written until then stays in the run folder.
pub async fn run(order: &Order, interrupts: &Interrupts) -> Result<Finished, RunError> {
    #[cfg(feature = "otel")]
    reference::trace::export::start("rushproof-buyers", |name| std::env::var(name).ok())?;
    // First of all: an address that cannot be had is found out before anything has happened.
    let live = match order.live {
        Some(settings) => Some(Live::open(settings).await?),
        None => None,
    };
    let plan = Plan::derive_on(order.ground.database_kind(), &order.scenario, order.seed);
    let folder = RunFolder::create(&order.out, &plan)?;
    eprint!("{plan}\n  run folder: {}\n", folder.path().display());
    if let Some(database) = &order.ground.database {
        eprintln!("  database: {}", reference::store::shown(database));
    }
    if let Some(backend) = &order.ground.backend {
        eprintln!("  SQS and SNS: {backend}");
    }
    if let Some(defect) = order.defect {
        eprintln!("  defect: {defect}: {}", defect.about());
    }

    if let Some(live) = &live {
        eprintln!("  live page: {}", live.url());
    }

    let mut stand = Stand::build(&plan, &folder, &order.manner(live.as_ref()), interrupts)?;
    if let Some(system) = stand.boot().await? {
        let eye = stand.eye(&system).await?;
        stand.load(&system).await?;
        stand.drain(&eye).await;
        stand.read_remains(&system, &eye).await;
        system.stop().await;
    }
    let measured = stand.close().await?;

    let (result, histograms) = judge::judge(&folder, &plan, measured)?;
    report::write_all(folder.path(), &result, &histograms, report::step_summary_from_env().as_deref())?;
    #[cfg(feature = "otel")]
    reference::trace::export::flush().await;
    if let Some(live) = live {
        live.conclude(&result, folder.path(), &interrupts.soft).await;
    }
    Ok(Finished::new(folder.path().to_owned(), result, order.baseline.as_ref()))
}

/// A gate only has a say in a run that passed.
fn exit(verdict: Verdict, gate: Option<Decision>) -> Exit {
    match (verdict, gate) {
        (Verdict::Pass, Some(Decision::Regression)) => Exit::Gate,
        (Verdict::Pass, Some(Decision::Inconclusive)) => Exit::Unknown,
        (verdict, _) => Exit::from(verdict),
    }
}

/// An error and all its causes in one line.
#[must_use]
pub fn error_chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_has_a_say_only_in_a_run_that_passed() {
        assert_eq!(exit(Verdict::Pass, None), Exit::Pass);
        assert_eq!(exit(Verdict::Pass, Some(Decision::Pass)), Exit::Pass);
        assert_eq!(exit(Verdict::Pass, Some(Decision::Regression)), Exit::Gate);
        assert_eq!(exit(Verdict::Pass, Some(Decision::Inconclusive)), Exit::Unknown);
        assert_eq!(exit(Verdict::Unknown, Some(Decision::Pass)), Exit::Unknown);
        assert_eq!(exit(Verdict::Fail, Some(Decision::Pass)), Exit::Violated);
    }
}
