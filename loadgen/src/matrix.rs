//! The harness judged: every defect of the reference in the scenarios meant to expose it, and the sound pipeline in all of them.
//!
//! * [`catalogue`] which property each defect violates, and where it should first be seen
//! * [`cell`] one run of one defect in one scenario, and what it shows
//! * [`runs`] many of them, side by side, each a process of its own
//! * [`record`] what was found, as JSON, and whether it is as it should be
//! * [`table`] the same for people

pub mod catalogue;
pub mod cell;
pub mod record;
pub mod runs;
pub mod table;

use std::path::PathBuf;
use std::time::Duration;

use reference::defects::Defect;

use self::catalogue::Aim;
use self::cell::Cell;
use self::record::{Record, RecordError};
use self::runs::Runner;
use crate::run::interrupt::Interrupts;
use crate::scenario::{Scenario, ScenarioErrors};
use crate::verify::judgement::Verdict;

/// Scenarios whose load takes longer are left out of what is run over and over, unless they are named.
const LONGEST: Duration = Duration::from_secs(90);

/// What is to be run.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Defects in scenarios, and the sound pipeline in the same scenarios.
    Matrix {
        /// Which defects; empty for all.
        defects: Vec<Defect>,
        /// Every defect in each of these; empty for each defect in the scenario meant for it.
        scenarios: Vec<String>,
        /// Seed of every run.
        seed: u64,
    },
    /// The sound pipeline alone, with many seeds.
    FalseAlarms {
        /// In which scenarios; empty for all that expect a pass and are not too long.
        scenarios: Vec<String>,
        /// First seed.
        seed: u64,
        /// How many seeds.
        seeds: u64,
    },
}

/// How it is run.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Runs at once.
    pub jobs: usize,
    /// Folder that takes the run folders; those of runs that passed are removed again.
    pub runs: PathBuf,
    /// The table; the record goes beside it as JSON. None writes nothing.
    pub out: Option<PathBuf>,
    /// Keep what an earlier record at the same place says of cells that are not run now.
    pub add: bool,
    /// How the user called it.
    pub command: String,
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// A scenario that was named cannot be used.
    #[error(transparent)]
    Scenario(#[from] ScenarioErrors),
    /// Nothing is left to run.
    #[error("there is nothing to run: no scenario was chosen; name some with --scenarios, or leave it out for all")]
    Nothing,
    /// Runs cannot be started.
    #[error("cannot run {what} as a process of its own")]
    Run {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The record cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Runs what was asked for and writes table and record. An interrupt ends the runs under way; what was found until then is written.
///
/// # Errors
/// [`MatrixError`].
pub async fn run(ask: &Ask, manner: &Manner, interrupts: &Interrupts) -> Result<Record, MatrixError> {
    let cells = cells(ask)?;
    let mut record = Record::new(ask, &manner.command);
    if manner.add
        && let Some(out) = &manner.out
    {
        record.keep(Record::read(out)?);
    }
    let runner = Runner::new(manner)?;
    let ended = runner.all(cells, interrupts, |found| {
        record.found(found);
        manner.out.as_deref().map_or(Ok(()), |out| record.write(out))
    });
    ended.await?;
    Ok(record)
}

/// The cells of an ask: what concerns everything first, so that a broken pipeline shows at once.
///
/// # Errors
/// [`MatrixError`] when a scenario is not there, or none is chosen.
pub fn cells(ask: &Ask) -> Result<Vec<Cell>, MatrixError> {
    let cells = match ask {
        Ask::Matrix { defects, scenarios, seed } => {
            let chosen: Vec<Defect> = if defects.is_empty() { Defect::ALL.to_vec() } else { defects.clone() };
            let places: Vec<String> = if scenarios.is_empty() { meant_for(&chosen) } else { scenarios.clone() };
            let sound = places.iter().map(|scenario| (None, scenario.clone()));
            let defective = chosen.iter().flat_map(|defect| {
                let own = if scenarios.is_empty() { vec![Aim::at(*defect).scenario.to_owned()] } else { places.clone() };
                own.into_iter().map(|scenario| (Some(*defect), scenario))
            });
            let all = sound.chain(defective);
            all.map(|(defect, scenario)| Cell::new(defect, &scenario, *seed)).collect::<Result<Vec<_>, _>>()?
        }
        Ask::FalseAlarms { scenarios, seed, seeds } => {
            let places = if scenarios.is_empty() { legal() } else { scenarios.clone() };
            let seeds = *seed..seed.saturating_add(*seeds);
            // Seed by seed, so that an interrupted table is one of fewer seeds and not of fewer scenarios.
            let all = seeds.flat_map(|seed| places.iter().map(move |scenario| Cell::new(None, scenario, seed)));
            all.collect::<Result<Vec<_>, _>>()?
        }
    };
    if cells.is_empty() { Err(MatrixError::Nothing) } else { Ok(cells) }
}

/// The scenarios meant for these defects, each once, in the order in which to try them.
fn meant_for(defects: &[Defect]) -> Vec<String> {
    let meant: Vec<&str> = defects.iter().map(|defect| Aim::at(*defect).scenario).collect();
    Scenario::catalogue().into_iter().map(|entry| entry.name).filter(|name| meant.contains(&name.as_str())).collect()
}

/// The shipped scenarios that the sound pipeline must pass, without those that take very long.
fn legal() -> Vec<String> {
    let short = Scenario::catalogue().into_iter().filter(|entry| entry.duration <= LONGEST).map(|entry| entry.name);
    short.filter(|name| Scenario::load(name).is_ok_and(|scenario| scenario.expect_verdict == Verdict::Pass)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_runs_in_its_own_scenario_beside_the_sound_pipeline() {
        let ask = Ask::Matrix { defects: vec![Defect::SilentSales, Defect::ReadThenWrite], scenarios: Vec::new(), seed: 7 };
        let cells: Vec<_> = cells(&ask).unwrap().into_iter().map(|cell| (cell.defect, cell.scenario.name)).collect();
        let name = |name: &str| name.to_owned();
        let expected = [
            (None, name("smoke")),
            (None, name("rush")),
            (Some(Defect::SilentSales), name("smoke")),
            (Some(Defect::ReadThenWrite), name("rush")),
        ];
        assert_eq!(cells, expected);
    }

    #[test]
    fn false_alarms_are_looked_for_where_a_pass_is_expected() {
        let cells = cells(&Ask::FalseAlarms { scenarios: Vec::new(), seed: 1, seeds: 2 }).unwrap();
        assert!(cells.iter().all(|cell| cell.defect.is_none() && cell.scenario.expect_verdict == Verdict::Pass));
        assert_eq!(cells.iter().filter(|cell| cell.scenario.name == "smoke").map(|cell| cell.seed).collect::<Vec<_>>(), [1, 2]);
        assert!(!cells.iter().any(|cell| cell.scenario.name == "soak"));
    }
}
