//! What really fired, saved beside the plan: whom each rule struck, where, at which attempt, and when.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chaos::decision::{Only, Point};
use chaos::observe::Fired;
use chaos::plan::Plan;
use serde::{Deserialize, Serialize};

use crate::history::event::Micros;

/// Rises with every change that makes an older file mean something else.
const FORMAT: u32 = 1;

/// Strikes that are kept one by one; a rule that strikes more often than that has shown what it does.
const MOST_STRIKES: usize = 1_000_000;

/// Everything that fired in a run: `fired.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiredFile {
    /// Version of this file.
    pub format: u32,
    /// Seed of the decisions.
    pub seed: u64,
    /// Strikes, in the order in which they happened.
    pub fired: Vec<StrikeRow>,
    /// Strikes beyond those listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_listed: u64,
}

/// One strike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrikeRow {
    /// Name of the rule.
    pub rule: String,
    /// What was struck: "request", "send", "receive", "settle" or "extend".
    pub point: String,
    /// Name of the hop.
    pub hop: String,
    /// The id that decided.
    pub id: String,
    /// How often that id had passed before.
    pub attempt: u32,
    /// When, µs since the run's start.
    pub at: Micros,
}

/// Why a `fired.json` could not be read or written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum FiredError {
    #[error("cannot read {path}, which says what fired in a run; without it, replay without --fired")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{path} does not say what fired in a run; replay without --fired")]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error("{path} has format {found}, this version reads {FORMAT}: use the version that wrote it")]
    Format { path: PathBuf, found: u32 },
}

impl FiredFile {
    /// Nothing yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { format: FORMAT, seed, fired: Vec::new(), not_listed: 0 }
    }

    pub(super) fn add(&mut self, fired: &Fired, at: Micros) {
        if self.fired.len() == MOST_STRIKES {
            self.not_listed += 1;
            return;
        }
        self.fired.push(StrikeRow {
            rule: fired.rule.to_string(),
            point: fired.point.name().to_owned(),
            hop: fired.hop.to_string(),
            id: fired.id.to_string(),
            attempt: fired.attempt,
            at,
        });
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`FiredError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), FiredError> {
        let text = serde_json::to_vec_pretty(self).expect("it is made of texts and numbers");
        std::fs::write(path, text).map_err(|source| FiredError::Write { path: path.to_owned(), source })
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`FiredError`], naming the path.
    pub fn read(path: &Path) -> Result<Self, FiredError> {
        let text = std::fs::read(path).map_err(|source| FiredError::Read { path: path.to_owned(), source })?;
        let file: Self = serde_json::from_slice(&text).map_err(|source| FiredError::Malformed { path: path.to_owned(), source })?;
        if file.format != FORMAT {
            return Err(FiredError::Format { path: path.to_owned(), found: file.format });
        }
        Ok(file)
    }

    /// The same plan, in which each rule strikes exactly what it struck then, while it is in force; incidents happen as planned.
    ///
    /// # Errors
    /// A word for a point that is none.
    pub fn narrow(&self, plan: &Plan) -> Result<Plan, UnknownPoint> {
        let mut struck: BTreeMap<&str, Only> = BTreeMap::new();
        for strike in &self.fired {
            let point = Point::ALL.into_iter().find(|point| point.name() == strike.point);
            let point = point.ok_or_else(|| UnknownPoint(strike.point.clone()))?;
            struck.entry(&strike.rule).or_default().insert(point, &strike.hop, &strike.id, strike.attempt);
        }
        let rules = plan.rules.iter().map(|rule| rule.clone().only_these(struck.remove(&*rule.name).unwrap_or_default()));
        Ok(Plan { rules: rules.collect(), incidents: plan.incidents.clone() })
    }
}

/// A word that is no point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing can be struck at {0:?}; use the version that wrote it, or replay without --fired")]
pub struct UnknownPoint(pub String);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_narrowed_to_what_fired() {
        let text = "[[rule]]\nname = \"a\"\nfault = \"refuse\"\n\n[[rule]]\nname = \"b\"\nfault = \"refuse\"\n";
        let plan = Plan::parse("plan.toml", text).unwrap();
        let row = |id: &str, point: &str| StrikeRow {
            rule: "a".into(),
            point: point.into(),
            hop: "sales".into(),
            id: id.into(),
            attempt: 0,
            at: 7,
        };
        let file = FiredFile { fired: vec![row("k-1", "request"), row("k-2", "request")], ..FiredFile::new(42) };
        let narrowed = file.narrow(&plan).unwrap();
        let counts: Vec<usize> = narrowed.rules.iter().filter_map(|rule| Some(rule.only.as_ref()?.len())).collect();
        assert_eq!(counts, [2, 0], "what never fired strikes nobody");
        let wrong = FiredFile { fired: vec![row("k-1", "elsewhere")], ..FiredFile::new(42) };
        assert_eq!(
            wrong.narrow(&plan).unwrap_err().to_string(),
            "nothing can be struck at \"elsewhere\"; use the version that wrote it, or replay without --fired"
        );
    }

    #[test]
    fn what_fired_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fired.json");
        let row = StrikeRow { rule: "a".into(), point: "send".into(), hop: "aws.relay".into(), id: "e-1".into(), attempt: 2, at: 7 };
        let file = FiredFile { fired: vec![row], ..FiredFile::new(42) };
        file.write(&path).unwrap();
        assert_eq!(FiredFile::read(&path).unwrap(), file);
        std::fs::write(&path, "{\"format\":9,\"seed\":1,\"fired\":[]}").unwrap();
        assert!(
            FiredFile::read(&path).unwrap_err().to_string().ends_with("has format 9, this version reads 1: use the version that wrote it")
        );
    }
}
