//! What can be wrong with a scenario, said so that it can be put right.

use std::path::PathBuf;

pub use chaos::plan::Mistake;
use chaos::plan::listed;

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
    #[error("cannot read the scenario {} (give the path of a TOML file that you may read, or a name from `loadgen scenarios`)", path.display())]
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
