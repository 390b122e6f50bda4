//! What was asked for, checked.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use reference::defects::Defect;

use super::{CompareArgs, Handout, MatrixArgs, OutputArgs, ReachArgs, ShardArgs, ShrinkArgs, WatchArgs};
use crate::ground::Ground;
use crate::live::LiveSettings;
use crate::report::Format;

/// What was asked for.
#[derive(Debug)]
pub enum Request {
    /// Run a scenario.
    Run {
        /// Name or path.
        scenario: String,
        /// System to run it against, when not the reference.
        target: Option<PathBuf>,
        /// Seed, when one was given.
        seed: Option<u64>,
        /// Mistake that the reference shall make.
        defect: Option<Defect>,
        /// Baseline of the gate.
        gate: Option<PathBuf>,
        /// What may be reached.
        reach: ReachArgs,
        /// What the pipeline stands on.
        ground: Ground,
        /// Where results go.
        output: OutputArgs,
        /// Where it can be watched.
        live: Option<LiveSettings>,
    },
    /// Verify again.
    Check {
        /// Folder of the run.
        run: PathBuf,
        /// Baseline of the gate.
        gate: Option<PathBuf>,
        /// Whether the reports are written again.
        write: bool,
        /// Shape of the result.
        format: Format,
    },
    /// Compare runs.
    Compare(CompareArgs),
    /// Shrink a plan.
    Shrink(ShrinkArgs),
    /// Run a plan again.
    Replay {
        /// Folder of the run.
        run: PathBuf,
        /// Strike exactly what was struck then.
        fired: bool,
        /// What may be reached.
        reach: ReachArgs,
        /// What the pipeline stands on.
        ground: Ground,
        /// Where results go.
        output: OutputArgs,
    },
    /// Play a part of a run on many machines.
    Shard {
        /// Name or path.
        scenario: String,
        /// Seed, when one was given.
        seed: Option<u64>,
        /// What may be reached.
        reach: ReachArgs,
        /// Which part, of which run.
        shards: ShardArgs,
        /// Where results go.
        output: OutputArgs,
    },
    /// Watch a run on many machines.
    Watch(Box<WatchArgs>),
    /// Merge the parts of a run.
    Merge {
        /// Folders of parts, or that hold them.
        folders: Vec<PathBuf>,
        /// Baseline of the gate.
        gate: Option<PathBuf>,
        /// How far clocks may have been off.
        clock_uncertainty: Option<String>,
        /// Where results go.
        output: OutputArgs,
    },
    /// List the runs of a folder.
    Index {
        /// Which.
        folder: PathBuf,
    },
    /// List scenarios or explain one.
    Scenarios {
        /// Which.
        name: Option<String>,
        /// All of them, as a page.
        markdown: bool,
    },
    /// List the defects.
    Defects,
    /// Run many runs.
    Matrix(MatrixArgs),
    /// Look at a target.
    CheckTarget {
        /// Its file.
        file: PathBuf,
        /// What may be reached.
        reach: ReachArgs,
    },
    /// Hand something out.
    Handout(Handout),
    /// Be a leash.
    Leash {
        /// How long the program may take to end.
        grace: Duration,
        /// Program and arguments.
        command: Vec<OsString>,
    },
    /// Remove a temporary folder whose owner was killed.
    Janitor {
        /// The folder.
        folder: PathBuf,
    },
    /// Be the pipeline.
    Reference {
        /// Its arguments.
        args: Vec<OsString>,
    },
}
