//! All messages of a crate's errors in one text: read from its sources, so that none is forgotten, and constructed, so that they are seen as users see them.
//!
//! A crate's test constructs every public error, and compares [`Messages::told`] with a snapshot: whoever changes a message reads it there
//! once more, and whoever adds one is told that it has no example yet. Of errors that only the crate itself can make, the snapshot shows
//! what stands in the source.

mod declared;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::iter::successors;
use std::path::Path;

use declared::{Declared, declared_under};

/// The messages of one crate.
#[derive(Debug)]
pub struct Messages {
    declared: BTreeMap<String, Declared>,
    examples: BTreeMap<String, String>,
    mistakes: Vec<String>,
}

impl Messages {
    /// Reads what errors the crate in this folder declares (`CARGO_MANIFEST_DIR`).
    ///
    /// # Panics
    /// When its sources cannot be read.
    #[must_use]
    pub fn of(manifest_folder: &str) -> Self {
        let folder = Path::new(manifest_folder);
        let name = folder.file_name().expect("a crate has a folder of its own").to_string_lossy();
        let declared = declared_under(&name.replace('-', "_"), &folder.join("src"));
        Self { declared, examples: BTreeMap::new(), mistakes: Vec::new() }
    }

    /// Takes an example of one error, as the user sees it: with all its causes.
    #[must_use]
    pub fn with<E: Error + 'static>(mut self, error: E) -> Self {
        let debug = format!("{error:?}");
        let variant: String = debug.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let type_name = std::any::type_name::<E>();
        let name = [format!("{type_name}::{variant}"), type_name.to_owned()].into_iter().find(|name| self.declared.contains_key(name));
        let chain = chain(&error);
        match name {
            None => self.mistakes.push(format!("{type_name}: no #[error(…)] of this crate declares {variant}")),
            Some(name) => {
                self.mistakes.extend(faults_of(&chain).into_iter().map(|fault| format!("{name}: {fault}: {}", chain.join(": "))));
                self.examples.insert(name, chain.join(": "));
            }
        }
        self
    }

    /// An error that is only there with a cargo feature: a test without it shows what stands in the source.
    ///
    /// # Panics
    /// When no such error is declared.
    #[must_use]
    pub fn only_with(mut self, feature: &str, name: &str) -> Self {
        let declared = self.declared.get(name).unwrap_or_else(|| panic!("{name}: no #[error(…)] of this crate declares it"));
        self.examples.insert(name.to_owned(), format!("{} (only with the feature `{feature}`)", declared.template));
        self
    }

    /// All of them, in the order of their names.
    ///
    /// # Panics
    /// When a public one has no example, or one of them is not as messages should be.
    #[must_use]
    pub fn told(self) -> String {
        let examples: BTreeSet<&String> = self.examples.keys().collect();
        let without = self.declared.iter().filter(|(name, declared)| declared.public && !examples.contains(name));
        let without = without.map(|(name, _)| format!("{name}: has no example yet"));
        let mistakes: Vec<String> = self.mistakes.iter().cloned().chain(without).collect();
        assert!(mistakes.is_empty(), "messages:\n{}", mistakes.join("\n"));
        let told = self.declared.iter().map(|(name, declared)| match self.examples.get(name) {
            Some(example) => format!("{name}\n    {}\n", example.replace('\n', "\n    ")),
            None => format!("{name} (made by the crate alone)\n    {}\n", declared.template),
        });
        told.collect()
    }
}

/// What an error says, and what each of its causes says.
fn chain(error: &dyn Error) -> Vec<String> {
    // Of the error, not of the reference to it, which is an error as well.
    successors(Some(error), |error| (**error).source()).map(ToString::to_string).collect()
}

/// What is wrong with a message, whatever it says.
fn faults_of(chain: &[String]) -> Vec<&'static str> {
    let own = &chain[0];
    let mut faults = Vec::new();
    if own.trim().is_empty() {
        faults.push("says nothing");
    }
    if own.ends_with('.') {
        faults.push("ends with a full stop, but a cause may follow");
    }
    // What others say of their own causes is theirs.
    if chain.get(1).is_some_and(|cause| !cause.is_empty() && own.contains(cause.as_str())) {
        faults.push("says its cause, which is said again behind it");
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("it is so: {source}")]
    struct Twice {
        source: std::num::ParseIntError,
    }

    #[test]
    fn a_cause_that_is_said_twice_is_a_mistake() {
        let twice = Twice { source: "x".parse::<u8>().unwrap_err() };
        assert_eq!(faults_of(&chain(&twice)), ["says its cause, which is said again behind it"]);
    }

    #[test]
    #[should_panic(expected = "MariaDbError::Missing: has no example yet")]
    fn an_error_without_an_example_is_named() {
        let _ = Messages::of(env!("CARGO_MANIFEST_DIR")).told();
    }
}
