//! What an editor needs to know of scenario and target files: JSON Schemas, for completion and for mistakes that are seen while they are made.
//!
//! The reader stays the judge (it checks what no schema can say, and says it better); a schema never refuses what the reader takes, and knows
//! exactly the same keys. Tests hold the two against each other, key by key.

mod fault;
mod node;
mod scenario;
mod target;

use clap::ValueEnum;

/// Files that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Scenario files (scenarios/*.toml)
    Scenario,
    /// Target files (targets/*.toml)
    Target,
}

impl SchemaOf {
    /// The name under which the schema lies beside the files that it describes.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            SchemaOf::Scenario => "scenario.schema.json",
            SchemaOf::Target => "target.schema.json",
        }
    }

    /// The schema as JSON (draft 7, which is what editors for TOML know).
    #[must_use]
    pub fn document(self) -> String {
        let root = match self {
            SchemaOf::Scenario => scenario::root(),
            SchemaOf::Target => target::root(),
        };
        serde_json::to_string_pretty(&root).expect("texts and numbers are JSON") + "\n"
    }
}
