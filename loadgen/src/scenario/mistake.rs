//! What can be wrong with a scenario, said so that it can be put right.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioErrors {
    /// No shipped scenario has that name.
    #[error("no scenario is called {name:?}; there are {}; for a file of your own give its path, ending in .toml", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The file could not be read.
    #[error("cannot read the scenario {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has mistakes; these are all of them.
    #[error("{}", listed(.0))]
    Mistakes(Vec<Mistake>),
}

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What the file is called.
    pub file: String,
    /// Counts from 1.
    pub line: usize,
    /// Counts from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub way_out: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}; {}", self.file, self.line, self.column, self.message, self.way_out)
    }
}

fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
}

/// Collects the mistakes of one file.
#[derive(Debug)]
pub(super) struct Mistakes<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Mistake>,
}

impl<'a> Mistakes<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    pub(super) fn add(&mut self, span: &Range<usize>, message: impl Into<String>, way_out: impl Into<String>) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.found.push(Mistake {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
            way_out: way_out.into(),
        });
    }

    /// All of them in the order of the file, or none.
    pub(super) fn into_result(mut self) -> Result<(), ScenarioErrors> {
        self.found.sort_by_key(|mistake| (mistake.line, mistake.column));
        if self.found.is_empty() { Ok(()) } else { Err(ScenarioErrors::Mistakes(self.found)) }
    }
}
