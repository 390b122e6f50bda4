//! What can be wrong with a plan, said so that it can be put right.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use toml::de::DeTable;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file could not be read.
    #[error("cannot read the plan {} (give the path of a TOML file that you may read)", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// These are all its mistakes.
    #[error("{}", listed(.0))]
    Mistakes(Vec<Mistake>),
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What the file is called.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
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

/// All of them, one a line.
#[must_use]
pub fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
}

/// Collects the mistakes of one file.
#[derive(Debug)]
pub struct Mistakes<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Mistake>,
}

impl<'a> Mistakes<'a> {
    /// None yet; `file` is what they call the file.
    #[must_use]
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    /// Reads the text as TOML; what is not TOML is added.
    pub fn syntax<'i>(&mut self, text: &'i str) -> toml::Spanned<DeTable<'i>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            self.add(&error.span().unwrap_or_default(), format!("this is not TOML: {}", error.message()), "see https://toml.io");
        }
        table
    }

    /// One more, at a place of the text.
    pub fn add(&mut self, span: &Range<usize>, message: impl Into<String>, way_out: impl Into<String>) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let last_line = before.rsplit('\n').next().unwrap_or_default();
        self.found.push(Mistake {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: last_line.chars().count() + 1,
            message: message.into(),
            way_out: way_out.into(),
        });
    }

    /// All of them in the order of the file, or none.
    ///
    /// # Errors
    /// Every mistake that was added.
    pub fn into_result(mut self) -> Result<(), Vec<Mistake>> {
        self.found.sort_by_key(|mistake| (mistake.line, mistake.column));
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
    }
}
