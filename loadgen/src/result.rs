//! The result of a run: everything a person, a gate or another program wants to know of it, as `result.json`.
//!
//! It is computed from the history alone (see [`crate::report::series::Builder`]), so an old run can be re-read and re-judged.
//! [`SCHEMA`] rises with every change that an older reader would misunderstand; fields may be added without it.

pub mod answer;
pub mod latency;
pub mod machine;
pub mod recovery;
pub mod series;
pub mod totals;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::result::latency::LatencySummary;
use crate::result::machine::Machine;
use crate::result::recovery::Recovery;
use crate::result::series::Series;
use crate::result::totals::{Cost, Totals};
use crate::verify::judgement::{Proof, Verdict};

/// Version of `result.json`, written in [`RunResult::schema`].
pub const SCHEMA: u32 = 1;

/// Name of the file in the run folder.
pub const FILE_NAME: &str = "result.json";

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// [`SCHEMA`] at the time of writing.
    pub schema: u32,
    /// What was run, when, where.
    pub run: RunInfo,
    /// What is proved of it.
    pub proof: Proof,
    /// Counts over the whole run.
    pub totals: Totals,
    /// What it cost in processor time, as far as that was measured.
    #[serde(default)]
    pub cost: Cost,
    /// Latency by class of answer, and how late the generator was.
    pub latency: LatencySummary,
    /// How it came back from its faults.
    #[serde(default, skip_serializing_if = "Recovery::is_empty")]
    pub recovery: Recovery,
    /// The run over time.
    pub series: Series,
}

/// What was run, when, where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Unique id of the run.
    pub id: String,
    /// Name of the scenario.
    pub scenario: String,
    /// What the scenario teaches, in a sentence.
    pub about: String,
    /// Seed from which the plan was derived.
    pub seed: u64,
    /// What was tested ("reference, edition donut", the name of a target file).
    pub target: String,
    /// Defect that was switched on in the reference, when one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<String>,
    /// Verdict that the scenario should end with, when that is another one than PASS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Verdict>,
    /// Wall-clock time of the run's start, ms since the Unix epoch.
    pub started_unix_ms: u64,
    /// From the run's start to the last line of its history, µs.
    pub duration_us: u64,
    /// True when the run was interrupted and closed in order, or its history was cut off.
    #[serde(default)]
    pub interrupted: bool,
    /// The plan as it was printed before the run.
    #[serde(default)]
    pub plan: String,
    /// Command that runs the same plan again.
    pub replay: String,
    /// Where it ran.
    pub machine: Machine,
}

/// Why a `result.json` could not be read or written.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ResultError {
    #[error("cannot read {path} (give the result.json of a run, or its folder)")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not a result of this tool (a JSON object with `schema: {SCHEMA}`); give the result.json of a run")]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error("{path} has schema {found}, this version reads {SCHEMA}: run it again, or use the version that wrote it")]
    Schema { path: PathBuf, found: u64 },
}

impl RunResult {
    /// The verdict of the run.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.proof.verdict
    }

    /// Reads a result; `path` is the file or the run folder that holds it.
    ///
    /// # Errors
    /// When it cannot be read, is not a result, or has another schema.
    pub fn read(path: &Path) -> Result<Self, ResultError> {
        let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let text = fs::read_to_string(&path).map_err(|source| ResultError::Read { path: path.clone(), source })?;
        // The schema is looked at first: the message "another version wrote this" helps more than "missing field".
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|source| ResultError::Malformed { path: path.clone(), source })?;
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            Some(found) if found != u64::from(SCHEMA) => Err(ResultError::Schema { path, found }),
            _ => serde_json::from_value(value).map_err(|source| ResultError::Malformed { path, source }),
        }
    }

    /// Writes it as `result.json` into `folder` and returns the path.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, ResultError> {
        let path = folder.join(FILE_NAME);
        let written = serde_json::to_vec_pretty(self).map_err(io::Error::from).and_then(|bytes| fs::write(&path, bytes));
        written.map_err(|source| ResultError::Write { path: path.clone(), source })?;
        Ok(path)
    }
}
