//! What the options of the matrix come to.

use std::path::PathBuf;

use super::MatrixArgs;
use crate::matrix::{Ask, Manner};

/// A run is about ten processes: on fewer cores than this each, runs are late, and prove nothing.
const CORES_PER_RUN: usize = 4;

impl MatrixArgs {
    /// What is to be run, and how.
    #[must_use]
    pub fn checked(&self) -> (Ask, Manner) {
        let Self { seed, seeds, .. } = *self;
        let (defects, scenarios) = (self.defects.clone(), self.scenarios.clone());
        let ask = if self.false_alarms { Ask::FalseAlarms { scenarios, seed, seeds } } else { Ask::Matrix { defects, scenarios, seed } };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let table = PathBuf::from(if self.false_alarms { "docs/false-alarms.md" } else { "docs/matrix.md" });
        let manner = Manner {
            jobs: self.jobs.map_or((cores / CORES_PER_RUN).max(1), usize::from),
            runs: self.runs.clone(),
            out: self.out.clone().or((!self.check).then_some(table)),
            add: self.add,
            command: self.command(),
        };
        (ask, manner)
    }

    /// The command that asks for the same, without what only concerns one machine.
    fn command(&self) -> String {
        let mut words = vec!["cargo run --release -p loadgen -- matrix".to_owned()];
        if self.false_alarms {
            words.push(format!("--false-alarms --seeds {}", self.seeds));
        }
        if !self.defects.is_empty() {
            words.push(format!("--defects {}", self.defects.iter().map(|defect| defect.name()).collect::<Vec<_>>().join(",")));
        }
        if !self.scenarios.is_empty() {
            words.push(format!("--scenarios {}", self.scenarios.join(",")));
        }
        words.push(format!("--seed {}", self.seed));
        words.extend(self.jobs.map(|jobs| format!("--jobs {jobs}")));
        words.join(" ")
    }
}
