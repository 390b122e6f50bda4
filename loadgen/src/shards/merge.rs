//! Parts into one run: the folders of all shards and of the watch become one run folder like any other, which is judged once.
//!
//! What does not belong together is refused: another plan, seed, number of parts, run or begin; a part that is there twice; clocks that contradict
//! each other by more than was said of them. What is missing or did not come to its end leaves the run UNKNOWN, and is named: an order that a lost
//! shard placed stands in the ledger like one that nobody placed, so nothing can be proved from the rest.

mod causes;
mod gather;
mod timeline;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::causes::Causes;
use self::gather::Gathered;
use self::timeline::Timeline;
use super::card::Role;
use super::latency::{self, LatencyError};
use super::listed;
use crate::history::LineFile;
use crate::history::event::{Event, FORMAT, Header, Line, Merged, Micros, Phase, PhaseMark};
use crate::plan::Part;
use crate::report::{self, ReportError};
use crate::result::RunResult;
use crate::result::latency::Histograms;
use crate::result::totals::Cost;
use crate::run::Finished;
use crate::run::conduct::Measured;
use crate::run::folder::{FolderError, RunFolder};
use crate::run::judge::{self, JudgeError};

/// What is to be merged.
#[derive(Debug, Clone)]
pub struct Order {
    /// Folders of parts, or folders that hold them.
    pub folders: Vec<PathBuf>,
    /// Folder in which the run's own folder is made.
    pub out: PathBuf,
    /// How far each clock may have been from the true time, where that is more than the parts said themselves.
    pub clock_uncertainty: Option<Duration>,
    /// Result that this run must not be slower than.
    pub baseline: Option<RunResult>,
}

/// Why there is no merged run.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The folders are not the parts of one run.
    #[error("these are not the parts of one run:\n{}", .0.join("\n"))]
    Unfit(Vec<String>),
    /// The merged run's folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A part's histograms.
    #[error(transparent)]
    Latency(#[from] LatencyError),
    /// The merged history cannot be written.
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The merged history cannot be judged.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// The report cannot be written.
    #[error("cannot write the report")]
    Report(#[from] ReportError),
}

/// Gather → survey → weave → judge → report.
///
/// # Errors
/// [`MergeError`] when the folders do not fit together, or something cannot be read or written.
pub fn merge(order: &Order) -> Result<Finished, MergeError> {
    let gathered = gather::gather(&order.folders, order.clock_uncertainty)?;
    let survey = survey(&gathered);
    survey.refuse_contradicting_clocks(&gathered)?;
    let missing = missing(&gathered, &survey);

    let folder = RunFolder::create_named(&order.out, &format!("{}-merged", gathered.run_id), &gathered.plan)?;
    weave(&gathered, &survey, &missing, &folder.history())?;
    let (result, histograms) = judge::judge(&folder, &gathered.plan, measured(&gathered))?;
    if missing.is_empty() {
        compare(&gathered, &histograms)?;
    }
    report::write_all(folder.path(), &result, &histograms, report::step_summary_from_env().as_deref())?;
    Ok(Finished::new(folder.path().to_owned(), result, order.baseline.as_ref()))
}

/// What a first reading of all histories tells.
#[derive(Debug, Default)]
struct Survey {
    /// Stock when the load began, as the watch saw it.
    initial_stock: Vec<(String, i64)>,
    /// The SQS and SNS that the watch's pipeline stood on, when that was not the embedded broker.
    backend: Option<String>,
    /// Parts whose history breaks off, and how.
    torn: Vec<(Role, String)>,
    /// When the watch began to drain, on the common clock.
    drain_began: Option<Micros>,
    /// The greatest contradiction between two clocks: the shard, and by how much its orders were seen before it sent them, µs.
    lead: Option<(Part, Micros)>,
}

impl Survey {
    fn refuse_contradicting_clocks(&self, gathered: &Gathered) -> Result<(), MergeError> {
        let allowed = gathered.uncertainty_us.saturating_mul(2);
        match self.lead {
            Some((part, lead)) if lead > allowed => Err(MergeError::Unfit(vec![format!(
                "the clocks contradict each other: an order of shard {part} was seen {lead} µs before it was sent, but clocks that are right within {} µs explain no more than {allowed} µs; if the clocks were that far apart, say so with --clock-uncertainty",
                gathered.uncertainty_us
            )])),
            _ => Ok(()),
        }
    }
}

fn survey(gathered: &Gathered) -> Survey {
    let mut timeline = Timeline::open(gathered);
    let mut survey = Survey::default();
    let mut causes = Causes::default();
    for (role, line) in &mut timeline {
        match (role, &line.event) {
            (Role::Watch, Event::Header(header)) => {
                survey.initial_stock.clone_from(&header.initial_stock);
                survey.backend.clone_from(&header.backend);
            }
            (Role::Watch, Event::Published(published)) => causes.published(line.at, published),
            (Role::Shard(_), Event::Invoke(invoke)) => causes.invoked(line.at, invoke),
            (Role::Shard(part), Event::Complete(complete)) => causes.completed(part, complete),
            _ => {}
        }
    }
    survey.torn = timeline.torn();
    survey.drain_began = timeline.drain_began();
    survey.lead = causes.greatest_lead();
    survey
}

/// What is not there, in words.
fn missing(gathered: &Gathered, survey: &Survey) -> Vec<String> {
    let mut missing = gathered.missing.clone();
    missing.extend(survey.torn.iter().map(|(role, how)| format!("the history of {} breaks off: {how}", gather::name(*role))));
    let unseen: Vec<Part> =
        gathered.shards.keys().copied().filter(|part| !gathered.surely_done_before_the_drain(*part, survey.drain_began)).collect();
    if !unseen.is_empty() {
        missing.push(format!("the watch may have begun to drain while {} still bought", listed(unseen)));
    }
    missing
}

/// Writes the one history. What the parts say of their own phases gives way to the phases of the whole.
fn weave(gathered: &Gathered, survey: &Survey, missing: &[String], path: &Path) -> Result<(), MergeError> {
    let failed = |source| MergeError::Write { path: path.to_owned(), source };
    let mut out = LineFile::new(File::create_new(path).map_err(failed)?).map_err(failed)?;
    let header = Header {
        format: FORMAT,
        run: gathered.run_id.clone(),
        scenario: gathered.plan.scenario().name.clone(),
        seed: gathered.plan.seed(),
        defect: None,
        backend: survey.backend.clone(),
        started_unix_ms: gathered.zero_unix_us / 1_000,
        initial_stock: survey.initial_stock.clone(),
    };
    let parts = gathered.parts.get();
    let merged = Merged { parts, clock_uncertainty_us: gathered.uncertainty_us, missing: missing.to_vec() };
    for event in [Event::Header(header), Event::Merged(merged)] {
        out.write(&Line { at: 0, event }).map_err(failed)?;
    }
    let (mut begun, mut ended, mut last) = (0, 0, 0);
    let stages_of = gathered.shards.keys().next().copied();
    for (role, line) in Timeline::open(gathered) {
        last = line.at.max(last);
        let keep = match (role, &line.event) {
            (_, Event::Header(_) | Event::Ended { .. }) => false,
            (Role::Watch, Event::Phase(mark)) => mark.phase != Phase::Load,
            // The load begins with the first shard, and ends with the last.
            (Role::Shard(_), Event::Phase(PhaseMark { phase: Phase::Load, begin: true, .. })) => {
                begun += 1;
                begun == 1
            }
            (Role::Shard(_), Event::Phase(PhaseMark { phase: Phase::Load, begin: false, .. })) => {
                ended += 1;
                ended == parts
            }
            (Role::Shard(part), Event::Stage { .. }) => Some(part) == stages_of,
            _ => true,
        };
        if keep {
            out.write(&line).map_err(failed)?;
        }
    }
    out.write(&Line { at: last, event: Event::Ended { interrupted: !missing.is_empty() } }).map_err(failed)?;
    out.close().map_err(failed)?;
    Ok(())
}

/// What the parts measured: the shards' processor time is the generator's, the watch's pipeline is the target.
fn measured(gathered: &Gathered) -> Measured {
    let costs = gathered.shards.values().map(|part| part.card.ended.as_ref().and_then(|ended| ended.cost.generator_cpu_us));
    let target = gathered.watch.as_ref().and_then(|watch| watch.card.ended.as_ref()).and_then(|ended| ended.cost.target_cpu_us);
    let machine = gathered.shards.values().next().map(|part| part.card.machine.clone());
    Measured { cost: Cost { target_cpu_us: target, generator_cpu_us: costs.sum() }, machine }
}

/// The histograms that the shards left, added up, must be those of the merged history: whatever was lost on the way shows here.
fn compare(gathered: &Gathered, merged: &Histograms) -> Result<(), MergeError> {
    let mut sum = Histograms::default();
    for part in gathered.shards.values() {
        sum.merge(&latency::read(&part.path)?);
    }
    if latency::same(&sum, merged) {
        return Ok(());
    }
    Err(MergeError::Unfit(vec![
        "the shards' histograms do not add up to those of their histories: some of the files are not what the shards wrote".to_owned(),
    ]))
}
