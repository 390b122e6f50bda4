//! Everything that is written about a run, from its [`RunResult`] alone.
//!
//! [`series`] folds a history into a result; the other modules each render it for one reader: [`html`] for a person with a browser,
//! [`markdown`] for a pull request, [`junit`] for a CI system, [`hgrm`] for a histogram plotter, [`human`] for a terminal.

pub mod hgrm;
pub mod html;
pub mod human;
pub mod junit;
pub mod markdown;
pub mod number;
mod recovery;
pub mod series;
pub(crate) mod words;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use crate::page::RenderError;
use crate::result::latency::Histograms;
use crate::result::{ResultError, RunResult};

/// Environment variable in which GitHub names the file for a step's summary.
pub const STEP_SUMMARY_VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// Name of the report in the run folder.
pub const HTML_FILE: &str = "report.html";

/// What is printed on stdout at the end of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A summary for people.
    #[default]
    Human,
    /// `result.json`.
    Json,
    /// `junit.xml`.
    Junit,
    /// `report.md`.
    Markdown,
}

/// Where the files of a report are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Written {
    pub result: PathBuf,
    pub html: PathBuf,
    pub markdown: PathBuf,
    pub junit: PathBuf,
    pub hgrm: PathBuf,
}

/// Why a report could not be written.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ReportError {
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot append to {path}, the step summary named by {STEP_SUMMARY_VARIABLE}; unset that, or name a file that you may write")]
    StepSummary { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Result(#[from] ResultError),
    #[error("cannot render the HTML report; the run is kept, and `loadgen check --write` of a mended version renders it")]
    Html(#[from] RenderError),
    #[error("cannot render the JUnit report; the run is kept, and `loadgen check --write` of a mended version renders it")]
    Junit(#[from] junit::JunitError),
    #[error("cannot render the result as JSON; the run is kept, and `loadgen check --write` of a mended version renders it")]
    Json(#[from] serde_json::Error),
    #[error("`{0}` is no output format: use human, json, junit or markdown")]
    UnknownFormat(String),
}

impl FromStr for Format {
    type Err = ReportError;

    fn from_str(name: &str) -> Result<Self, ReportError> {
        match name {
            "human" => Ok(Format::Human),
            "json" => Ok(Format::Json),
            "junit" => Ok(Format::Junit),
            "markdown" => Ok(Format::Markdown),
            _ => Err(ReportError::UnknownFormat(name.to_owned())),
        }
    }
}

/// Writes `result.json`, `report.html`, `report.md`, `junit.xml` and `latency.hgrm` into the run folder, and appends the Markdown to
/// `step_summary` (see [`step_summary_from_env`]) when there is one. Everything is rendered before anything is written.
///
/// # Errors
/// When something cannot be rendered or written; the message names the file.
pub fn write_all(folder: &Path, result: &RunResult, histograms: &Histograms, step_summary: Option<&Path>) -> Result<Written, ReportError> {
    let files = [
        (HTML_FILE, html::render(result)?),
        ("report.md", markdown::render(result)),
        ("junit.xml", junit::render(result)?),
        ("latency.hgrm", hgrm::render(&histograms.intended.purchases())),
    ];
    let mut paths = Vec::with_capacity(files.len());
    for (name, text) in &files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| ReportError::Write { path: path.clone(), source })?;
        paths.push(path);
    }
    if let Some(path) = step_summary {
        append(path, &files[1].1).map_err(|source| ReportError::StepSummary { path: path.to_owned(), source })?;
    }
    let result = result.write(folder)?;
    let [html, markdown, junit, hgrm] = <[PathBuf; 4]>::try_from(paths).expect("each of the four files left its path");
    Ok(Written { result, html, markdown, junit, hgrm })
}

/// The file that GitHub wants a step's summary appended to, when this runs there.
#[must_use]
pub fn step_summary_from_env() -> Option<PathBuf> {
    std::env::var_os(STEP_SUMMARY_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// What goes to stdout. `colour` concerns [`Format::Human`] only.
///
/// # Errors
/// When it cannot be rendered.
pub fn render(format: Format, result: &RunResult, folder: &Path, colour: bool) -> Result<String, ReportError> {
    Ok(match format {
        Format::Human => human::render(result, folder, colour),
        Format::Json => serde_json::to_string_pretty(result)? + "\n",
        Format::Junit => junit::render(result)?,
        Format::Markdown => markdown::render(result),
    })
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    // Other steps may not have ended their last line, and Markdown needs a blank one before a heading.
    write!(file, "\n{text}\n")
}
