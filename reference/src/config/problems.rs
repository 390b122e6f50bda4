//! All that is wrong with a configuration, reported together: nobody should have to start a program once per mistake.

use std::fmt;

/// What is wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The flag and, where there is one, the environment variable ("--grace (REFERENCE_GRACE)").
    pub setting: String,
    /// What is wrong and what to do about it.
    pub why: String,
}

/// At least one [`Problem`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} setting{} cannot be used:", if count == 1 { "" } else { "s" })?;
        for Problem { setting, why } in &self.0 {
            write!(f, "\n  {setting}: {why}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects problems while values are read.
#[derive(Debug, Default)]
pub struct Collector {
    problems: Vec<Problem>,
}

impl Collector {
    /// Notes a problem.
    pub fn add(&mut self, setting: impl Into<String>, why: impl fmt::Display) {
        self.problems.push(Problem { setting: setting.into(), why: why.to_string() });
    }

    /// The value, or a note of what is wrong with it and the type's own idea of nothing. The stand-in is never used: [`Collector::finish`] fails.
    pub fn check<T: Default, E: fmt::Display>(&mut self, setting: &str, result: Result<T, E>) -> T {
        self.check_or(setting, result, T::default())
    }

    /// Like [`Collector::check`], for types without a default.
    pub fn check_or<T, E: fmt::Display>(&mut self, setting: &str, result: Result<T, E>, stand_in: T) -> T {
        result.unwrap_or_else(|error| {
            self.add(setting, error);
            stand_in
        })
    }

    /// The settings, when nothing was wrong.
    ///
    /// # Errors
    /// All [`Problems`] that were noted.
    pub fn finish<T>(self, settings: T) -> Result<T, Problems> {
        if self.problems.is_empty() { Ok(settings) } else { Err(Problems(self.problems)) }
    }
}
