//! Files to begin with: a target and a scenario whose every line is explained, and the schemas that tell an editor about them.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::schema::SchemaOf;

/// The target that is handed out.
pub const TARGET: &str = include_str!("../assets/init/target.toml");

/// The scenario that is handed out.
pub const SCENARIO: &str = include_str!("../assets/init/scenario.toml");

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Some of it is there already; nothing was written.
    #[error("{} there already, and nothing is overwritten; choose another folder, or move what is there", are(.0))]
    Exists(Vec<PathBuf>),
    /// The folder cannot be made.
    #[error("cannot make the folder {} (choose another)", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {} (is there space, and may you write there?)", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    target: PathBuf,
    scenario: PathBuf,
    schemas: Vec<PathBuf>,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, scenario) = (self.target.display(), self.scenario.display());
        writeln!(f, "{target}   say there how your system is started and talked to, then look whether it was understood:")?;
        writeln!(f, "    loadgen target check {target}")?;
        writeln!(f, "{scenario}   say there who buys what and when, then:")?;
        writeln!(f, "    loadgen --target {target} --scenario {scenario}")?;
        let schemas: Vec<String> = self.schemas.iter().map(|path| path.display().to_string()).collect();
        writeln!(f, "{}   tell an editor about their keys", schemas.join(", "))
    }
}

/// Writes everything into the folder, which is made if need be.
///
/// # Errors
/// [`InitError::Exists`] when any of it is there already, in which case nothing was written; otherwise what cannot be written.
pub fn init(folder: &Path) -> Result<Written, InitError> {
    let schema = |of: SchemaOf| (folder.join(of.file_name()), of.document());
    let target = (folder.join("target.toml"), TARGET.to_owned());
    let scenario = (folder.join("scenario.toml"), SCENARIO.to_owned());
    let schemas = [schema(SchemaOf::Target), schema(SchemaOf::Scenario)];
    let files: Vec<&(PathBuf, String)> = [&target, &scenario].into_iter().chain(&schemas).collect();
    let there: Vec<PathBuf> = files.iter().map(|(path, _)| path).filter(|path| path.symlink_metadata().is_ok()).cloned().collect();
    if !there.is_empty() {
        return Err(InitError::Exists(there));
    }
    fs::create_dir_all(folder).map_err(|source| InitError::Folder { path: folder.to_owned(), source })?;
    for (path, text) in files {
        // Never over a file that somebody made in the meantime.
        let written = OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|source| InitError::Write { path: path.clone(), source })?;
    }
    Ok(Written { target: target.0, scenario: scenario.0, schemas: schemas.into_iter().map(|(path, _)| path).collect() })
}

fn are(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use crate::target::Target;

    #[test]
    fn what_is_handed_out_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let written = init(&folder.path().join("new")).unwrap();
        let target = Target::load(&written.target).unwrap_or_else(|error| panic!("{error}"));
        let scenario = Scenario::load(written.scenario.to_str().unwrap()).unwrap_or_else(|error| panic!("{error}"));
        assert!(scenario.against(std::sync::Arc::new(target)).is_ok(), "and they fit each other");
        assert!(written.to_string().contains("loadgen target check"), "{written}");
    }

    #[test]
    fn what_is_commented_out_is_sound_as_well() {
        let uncommented = |text: &str| -> String {
            text.lines().map(|line| line.strip_prefix("#| ").unwrap_or(line)).fold(String::new(), |text, line| text + line + "\n")
        };
        let (target, scenario) = (uncommented(TARGET), uncommented(SCENARIO));
        assert_ne!((target.as_str(), scenario.as_str()), (TARGET, SCENARIO));
        Target::parse("target.toml", &target).unwrap_or_else(|error| panic!("{error}"));
        Scenario::parse("scenario.toml", &scenario).unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_written_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("scenario.toml");
        fs::write(&mine, "mine").unwrap();
        let refused = init(folder.path()).unwrap_err();
        assert!(matches!(&refused, InitError::Exists(there) if there == std::slice::from_ref(&mine)), "{refused}");
        assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
