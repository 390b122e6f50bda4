//! Shrinking: from a run whose verdict was FAIL to the smallest fault plan that still fails in the same way.
//!
//! - [`candidate`]: a plan, and everything a little smaller than it.
//! - [`search`]: which of those to try next; greedy and pure.
//! - [`hunt`]: the search within bounds of runs and time, over whatever runs a candidate.
//! - [`mod@file`]: a candidate as a scenario file.
//!
//! Each candidate is run as a child of this process with the seed of the original, so the same requests are struck as far as they come
//! again. A candidate fails in the same way when the same property is violated. Buyers and machines are no clockwork: a plan may fail only
//! now and then, so a candidate gets several tries, and the end says how often the smallest plan failed.

pub mod candidate;
pub mod file;
pub mod hunt;
pub mod search;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reference::defects::Defect;

use self::file::Writer;
use self::hunt::{Bounds, End, Hunted, Step, Try};
use crate::result::{ResultError, RunResult};
use crate::run::again::{Again, Ended};
use crate::run::folder::{FolderError, RunFolder};
use crate::run::interrupt::Interrupts;
use crate::run::judge::{self, JudgeError};
use crate::scenario::{Scenario, ScenarioErrors};
use crate::verify::judgement::{Judgement, Verdict};
use crate::verify::property::Property;

/// How much longer than its load a run may take before it is ended: its drain has a bound of its own, of a minute or two.
const PATIENCE: Duration = Duration::from_secs(240);

/// Name of the scenario file that is left.
const SHRUNK: &str = "scenario.toml";

/// What is to be shrunk, and how.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Folder of the run that failed.
    pub run: PathBuf,
    /// The property that must be violated; None for the one that was most often.
    pub property: Option<Property>,
    /// What may be spent.
    pub bounds: Bounds,
    /// Folder in which a folder for all this is made.
    pub out: PathBuf,
}

/// A plan that was shrunk.
#[derive(Debug)]
pub struct Shrunk {
    /// What was found.
    pub hunted: Hunted,
    /// The property that it violates.
    pub property: Property,
    /// The scenario file; None when the original did not fail again.
    pub file: Option<PathBuf>,
    /// The command that runs it.
    pub command: String,
}

/// Why nothing was shrunk.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ShrinkError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Result(#[from] ResultError),
    #[error(transparent)]
    Judge(#[from] JudgeError),
    #[error("the run did not fail (its verdict was {0:?}), so there is nothing to shrink")]
    NotFailed(Verdict),
    #[error("the run did not violate \"{wanted}\", but {violated}; name one of these, or none")]
    NotViolated { wanted: &'static str, violated: String },
    #[error("the scenario of the run is not TOML; use the version that wrote it")]
    Toml(#[from] toml::de::Error),
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot run a smaller plan as a process of its own")]
    Run(#[source] io::Error),
}

/// Shrinks the plan of a run that failed.
///
/// # Errors
/// [`ShrinkError`] when the run cannot be read or did not fail, or when a run cannot be made.
pub async fn shrink(wanted: &Wanted, interrupts: &Interrupts) -> Result<Shrunk, ShrinkError> {
    let (folder, plan) = RunFolder::open(&wanted.run)?;
    let property = property(&RunResult::read(&wanted.run)?, wanted.property)?;
    let scenario = plan.scenario();
    let writer = Writer::new(scenario, &scenario.explicit(plan.seeds().swarm))?;
    let runner = Runner {
        folder: make_folder(&wanted.out, folder.id())?,
        writer: &writer,
        seed: plan.seed(),
        defect: judge::defect_of(&folder)?,
        property,
        interrupts,
        of: wanted.bounds.runs,
    };
    eprintln!("shrinking {}: {}; it must violate \"{}\" again", folder.id(), writer.whole(), property.name());
    let hunted = hunt::hunt(writer.whole().clone(), wanted.bounds, async |step: Step<'_>| runner.run(step).await).await?;
    let file = runner.folder.join(SHRUNK);
    let command = runner.command(&file);
    let reproduced = hunted.end != End::NotReproduced && (hunted.smallest != *writer.whole() || hunted.of > 0);
    if !reproduced || (hunted.end == End::Interrupted && hunted.smallest == *writer.whole()) {
        return Ok(Shrunk { hunted, property, file: None, command });
    }
    let about = format!("What is left of {}: still violates \"{}\" ({}).", folder.id(), property.name(), often(&hunted));
    let text = format!("# {about}\n# {command}\n{}", writer.text(&hunted.smallest, &about));
    std::fs::write(&file, text).map_err(|source| ShrinkError::Write { path: file.clone(), source })?;
    Ok(Shrunk { hunted, property, file: Some(file), command })
}

/// "3 of 3 runs".
#[must_use]
pub fn often(hunted: &Hunted) -> String {
    match hunted.of {
        0 => "its failures were not counted".to_owned(),
        of => format!("{} of {of} runs", hunted.failed),
    }
}

/// The property to go by: the one that was asked for, or the one that the run violated most often, which is the likeliest to fail again.
fn property(result: &RunResult, wanted: Option<Property>) -> Result<Property, ShrinkError> {
    let violated: Vec<Property> = violated(result).collect();
    let most = result.proof.properties.iter().filter(|property| property.judgement == Judgement::Violated);
    match (wanted, most.max_by_key(|property| property.violations_total)) {
        (Some(wanted), _) if violated.contains(&wanted) => Ok(wanted),
        (None, Some(most)) => Ok(most.property),
        (Some(wanted), Some(_)) => {
            let violated = violated.iter().map(|property| format!("\"{}\"", property.name())).collect::<Vec<_>>().join(", ");
            Err(ShrinkError::NotViolated { wanted: wanted.name(), violated })
        }
        (_, None) => Err(ShrinkError::NotFailed(result.verdict())),
    }
}

fn violated(result: &RunResult) -> impl Iterator<Item = Property> {
    result.proof.properties.iter().filter(|property| property.judgement == Judgement::Violated).map(|property| property.property)
}

fn make_folder(out: &Path, run: &str) -> Result<PathBuf, ShrinkError> {
    let mut copy = 1;
    loop {
        let name = if copy == 1 { format!("shrink-{run}") } else { format!("shrink-{run}-{copy}") };
        let path = out.join(name);
        let made = std::fs::create_dir_all(out).and_then(|()| std::fs::create_dir(&path));
        match made {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => copy += 1,
            Err(source) => return Err(ShrinkError::Write { path, source }),
        }
    }
}

struct Runner<'a> {
    folder: PathBuf,
    writer: &'a Writer<'a>,
    seed: u64,
    defect: Option<Defect>,
    property: Property,
    interrupts: &'a Interrupts,
    of: u32,
}

impl Runner<'_> {
    /// One run of a candidate in a folder of its own, with a line on what came of it.
    async fn run(&self, step: Step<'_>) -> Result<Try, ShrinkError> {
        let folder = self.folder.join(format!("{:03}", step.run));
        let file = folder.join(SHRUNK);
        let text = self.writer.text(step.candidate, "A smaller plan, on trial.");
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, &text));
        written.map_err(|source| ShrinkError::Write { path: file.clone(), source })?;
        let (came, said) = match Scenario::parse(SHRUNK, &text) {
            Ok(scenario) => self.try_once(&scenario, &file, &folder).await?,
            // What makes no scenario (a control that lost its fault) cannot fail.
            Err(ScenarioErrors::Mistakes(mistakes)) => {
                (Try::Passed, mistakes.first().map_or_else(String::new, |mistake| mistake.message.clone()))
            }
            Err(error) => (Try::Passed, error.to_string()),
        };
        eprintln!("[{}/{}] {}: {}: {said}", step.run, self.of, step.doing, step.candidate);
        Ok(came)
    }

    async fn try_once(&self, scenario: &Scenario, file: &Path, folder: &Path) -> Result<(Try, String), ShrinkError> {
        let path = file.display().to_string();
        let again = Again { scenario: &path, seed: self.seed, defect: self.defect, out: folder };
        let ended = again.run(scenario.duration() + PATIENCE, self.interrupts).await.map_err(ShrinkError::Run)?;
        Ok(match ended {
            Ended::Interrupted => (Try::Interrupted, "interrupted".to_owned()),
            Ended::Nothing(why) => (Try::Passed, why),
            Ended::Result(result) if violated(&result).any(|property| property == self.property) => (Try::Failed, "still fails".to_owned()),
            Ended::Result(result) => (Try::Passed, format!("does not ({:?})", result.verdict())),
        })
    }

    /// The command that runs the file that is left.
    fn command(&self, file: &Path) -> String {
        let defect = self.defect.map(|defect| format!(" --defect {}", defect.name())).unwrap_or_default();
        format!("cargo run -p loadgen -- --scenario {} --seed {}{defect}", file.display(), self.seed)
    }
}
