//! One side of a comparison: a run, or a folder of runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use crate::result::{FILE_NAME, ResultError, RunResult};
use crate::verify::judgement::Verdict;

/// Runs of one side, in the order of their start.
#[derive(Debug, Clone)]
pub struct Side {
    /// At least one.
    pub runs: Vec<Run>,
}

/// A run that was read.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its folder, or its result file.
    pub path: PathBuf,
    /// Its result.
    pub result: RunResult,
}

/// What a comparison repeats of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunCard {
    /// Where it was read.
    pub path: PathBuf,
    /// Its id.
    pub id: String,
    /// Its scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// Its verdict.
    pub verdict: Verdict,
}

/// Why a side could not be read.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SideError {
    #[error(transparent)]
    Result(#[from] ResultError),
    #[error("cannot look into {path} (give a run's folder, or a folder of run folders)")]
    Folder { path: PathBuf, source: io::Error },
    #[error("{path} holds no run: give a run's folder, its {FILE_NAME}, or a folder of run folders")]
    Empty { path: PathBuf },
}

impl Side {
    /// A side of these runs; they are put into the order of their start.
    #[must_use]
    pub fn of(mut runs: Vec<Run>) -> Self {
        runs.sort_by_key(|run| run.result.run.started_unix_ms);
        Side { runs }
    }

    /// Reads a run (its folder or its result file), or every run whose folder lies directly in this one.
    ///
    /// # Errors
    /// [`SideError`], naming the path.
    pub fn read(path: &Path) -> Result<Self, SideError> {
        let folders = if path.is_dir() && !path.join(FILE_NAME).exists() { runs_below(path)? } else { vec![path.to_owned()] };
        if folders.is_empty() {
            return Err(SideError::Empty { path: path.to_owned() });
        }
        let runs = folders.into_iter().map(|path| RunResult::read(&path).map(|result| Run { path, result }));
        Ok(Side::of(runs.collect::<Result<_, _>>()?))
    }

    pub(super) fn cards(&self) -> Vec<RunCard> {
        let card = |run: &Run| RunCard {
            path: run.path.clone(),
            id: run.result.run.id.clone(),
            scenario: run.result.run.scenario.clone(),
            seed: run.result.run.seed,
            verdict: run.result.verdict(),
        };
        self.runs.iter().map(card).collect()
    }
}

fn runs_below(path: &Path) -> Result<Vec<PathBuf>, SideError> {
    let unreadable = |source| SideError::Folder { path: path.to_owned(), source };
    let entries = fs::read_dir(path).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let mut folders: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(|path| path.join(FILE_NAME).exists()).collect();
    // Runs that began in the same millisecond keep the order of their names.
    folders.sort();
    Ok(folders)
}
