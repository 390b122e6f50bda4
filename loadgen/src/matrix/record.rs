//! What was found, as JSON beside the table, and whether it is as it should be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Ask;
use super::catalogue::Aim;
use super::cell::{Found, Standing};
use super::table;
use crate::result::machine::Machine;

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What it is a record of.
    pub kind: Kind,
    /// The commands that made it, a line each.
    pub command: String,
    /// Where.
    pub machine: Machine,
    /// What each run showed.
    pub cells: Vec<Found>,
}

/// Kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Defects in scenarios.
    Matrix,
    /// The sound pipeline with many seeds.
    FalseAlarms,
}

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RecordError {
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not a record of this version; run all of it again, without --add")]
    Malformed { path: PathBuf, source: serde_json::Error },
}

impl Record {
    /// An empty record of what is about to be run.
    #[must_use]
    pub fn new(ask: &Ask, command: &str) -> Self {
        let kind = match ask {
            Ask::Matrix { .. } => Kind::Matrix,
            Ask::FalseAlarms { .. } => Kind::FalseAlarms,
        };
        Self { kind, command: command.to_owned(), machine: Machine::detect(), cells: Vec::new() }
    }

    /// The record beside a table; None where there is none.
    ///
    /// # Errors
    /// [`RecordError::Malformed`].
    pub fn read(table: &Path) -> Result<Option<Self>, RecordError> {
        let path = beside(table);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|source| RecordError::Malformed { path, source })
    }

    /// Takes over what an earlier record of the same kind says.
    pub fn keep(&mut self, earlier: Option<Self>) {
        if let Some(earlier) = earlier.filter(|earlier| earlier.kind == self.kind) {
            self.cells = earlier.cells;
            if !earlier.command.lines().any(|line| line == self.command) {
                self.command = format!("{}\n{}", earlier.command, self.command);
            } else {
                self.command = earlier.command;
            }
        }
    }

    /// Notes what a run showed, in the place of what an earlier run of the same cell did.
    pub fn found(&mut self, found: Found) {
        let same = |cell: &&mut Found| (&cell.defect, &cell.scenario, cell.seed) == (&found.defect, &found.scenario, found.seed);
        match self.cells.iter_mut().find(same) {
            Some(cell) => *cell = found,
            None => self.cells.push(found),
        }
    }

    /// Writes the table, and the record beside it.
    ///
    /// # Errors
    /// [`RecordError::Write`], naming the file.
    pub fn write(&self, table: &Path) -> Result<(), RecordError> {
        let write = |path: &Path, text: String| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let made = folder.map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
            made.map_err(|source| RecordError::Write { path: path.to_owned(), source })
        };
        write(table, table::markdown(self))?;
        let json = serde_json::to_string_pretty(self).expect("a record is made of texts and numbers");
        write(&beside(table), json + "\n")
    }

    /// How a run stands to what it was made for, beside the others: a defect is caught only where the sound pipeline is not accused.
    #[must_use]
    pub fn standing(&self, found: &Found) -> Standing {
        let beside = |sound: &&Found| sound.defect.is_none() && (&sound.scenario, sound.seed) == (&found.scenario, found.seed);
        let sound = || self.cells.iter().find(beside).is_some_and(|sound| sound.standing() == Standing::Sound);
        match found.standing() {
            Standing::Caught if !sound() => Standing::Unconfirmed,
            standing => standing,
        }
    }

    /// What is not as it should be, in sentences.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        for found in self.cells.iter().filter(|found| found.defect.is_none()) {
            let reason = found.reasons.first().map_or("", String::as_str);
            let Found { scenario, seed, .. } = found;
            match found.standing() {
                Standing::Wrong => mistakes.push(format!("The sound pipeline did not end as {scenario} expects (seed {seed}): {reason}")),
                Standing::Unknown if self.kind == Kind::Matrix => {
                    mistakes.push(format!("The sound pipeline left {scenario} undecided (seed {seed}): {reason}"));
                }
                Standing::NoVerdict => mistakes.push(format!("{scenario} came to no verdict (seed {seed}): {reason}")),
                _ => {}
            }
        }
        for Aim { defect, property, scenario } in Aim::all() {
            // Other scenarios may expose it or not; its own must, with every seed.
            let meant = |found: &&Found| found.defect.as_deref() == Some(defect.name()) && found.scenario == scenario;
            for found in self.cells.iter().filter(meant) {
                let why = match self.standing(found) {
                    Standing::Caught => continue,
                    Standing::Unconfirmed => "the sound pipeline was not seen to pass beside it".to_owned(),
                    Standing::Luck => "only other properties were found violated".to_owned(),
                    Standing::Unexposed => "the run passed".to_owned(),
                    _ => found.reasons.first().cloned().unwrap_or_default(),
                };
                mistakes.push(format!("{defect} was not caught by \"{}\" in {scenario} (seed {}): {why}", property.name(), found.seed));
            }
        }
        mistakes
    }
}

/// The JSON beside a table: `docs/matrix.md` → `docs/matrix.json`.
fn beside(table: &Path) -> PathBuf {
    table.with_extension("json")
}

#[cfg(test)]
mod tests {
    use reference::defects::Defect;

    use super::super::cell::tests::found;
    use super::*;
    use crate::verify::judgement::Verdict;
    use crate::verify::property::Property;

    fn record(cells: Vec<Found>) -> Record {
        let ask = Ask::Matrix { defects: Vec::new(), scenarios: Vec::new(), seed: 1 };
        Record { cells, ..Record::new(&ask, "loadgen matrix") }
    }

    #[test]
    fn a_defect_must_be_caught_by_its_property_in_its_scenario() {
        let defect = Some(Defect::SilentSales);
        let caught = found(defect, "smoke", Verdict::Fail, &[Property::OperationsInformed]);
        let elsewhere = found(defect, "rush", Verdict::Pass, &[]);
        let sound = found(None, "smoke", Verdict::Pass, &[]);
        assert_eq!(record(vec![sound, caught.clone(), elsewhere.clone()]).mistakes(), Vec::<String>::new());
        assert_eq!(record(vec![elsewhere]).mistakes().len(), 0, "its own scenario was not run");
        let luck = found(defect, "smoke", Verdict::Fail, &[Property::Conservation]);
        assert!(record(vec![luck]).mistakes()[0].contains("silent-sales was not caught by \"operations informed\""));
    }

    #[test]
    fn a_defect_counts_only_where_the_sound_pipeline_passes_with_the_same_seed() {
        let caught = found(Some(Defect::SilentSales), "smoke", Verdict::Fail, &[Property::OperationsInformed]);
        let other_seed = Found { seed: 2, ..found(None, "smoke", Verdict::Pass, &[]) };
        let other_scenario = found(None, "rush", Verdict::Pass, &[]);
        let record = record(vec![caught.clone(), other_seed, other_scenario]);
        assert_eq!(record.standing(&caught), Standing::Unconfirmed);
        assert!(record.mistakes()[0].contains("the sound pipeline was not seen to pass beside it"), "{:?}", record.mistakes());
    }

    #[test]
    fn every_seed_must_expose_what_its_scenario_is_meant_for() {
        let caught = found(Some(Defect::SilentSales), "smoke", Verdict::Fail, &[Property::OperationsInformed]);
        let missed = Found { seed: 2, ..found(Some(Defect::SilentSales), "smoke", Verdict::Pass, &[]) };
        let sound = [1, 2].map(|seed| Found { seed, ..found(None, "smoke", Verdict::Pass, &[]) });
        let mistakes = record([vec![caught, missed], sound.to_vec()].concat()).mistakes();
        assert_eq!(mistakes, ["silent-sales was not caught by \"operations informed\" in smoke (seed 2): the run passed"]);
    }

    #[test]
    fn the_sound_pipeline_must_pass() {
        let accused = found(None, "smoke", Verdict::Fail, &[Property::OneEffect]);
        assert_eq!(record(vec![accused, found(None, "rush", Verdict::Pass, &[])]).mistakes().len(), 1);
    }

    #[test]
    fn a_cell_that_is_run_again_takes_the_place_of_the_earlier_one() {
        let mut record = record(vec![found(None, "smoke", Verdict::Unknown, &[])]);
        record.found(found(None, "smoke", Verdict::Pass, &[]));
        assert_eq!(record.cells.iter().map(|cell| cell.verdict).collect::<Vec<_>>(), [Some(Verdict::Pass)]);
    }

    #[test]
    fn what_is_added_names_both_commands() {
        let earlier = record(vec![found(None, "smoke", Verdict::Pass, &[])]);
        let mut later = Record { command: "loadgen matrix --add".to_owned(), ..record(Vec::new()) };
        later.keep(Some(earlier.clone()));
        assert_eq!((later.cells.len(), later.command.as_str()), (1, "loadgen matrix\nloadgen matrix --add"));
        let mut again = record(Vec::new());
        again.keep(Some(later.clone()));
        assert_eq!(again.command, later.command);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("docs").join("matrix.md");
        let record = record(vec![found(None, "smoke", Verdict::Pass, &[])]);
        record.write(&table).unwrap();
        assert_eq!(Record::read(&table).unwrap(), Some(record));
        assert_eq!(Record::read(&folder.path().join("other.md")).unwrap(), None);
    }
}
