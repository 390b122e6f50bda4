//! Exit codes: an interface that CI scripts depend on, documented in one place.

use std::process::ExitCode;

use crate::verify::judgement::Verdict;

/// How `loadgen` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Everything judged holds, with evidence.
    Pass = 0,
    /// At least one property is violated.
    Violated = 1,
    /// The command line or a file given on it is wrong; nothing was started.
    Usage = 2,
    /// The verdict is PASS, but the performance gate failed.
    Gate = 3,
    /// Nothing is proved violated, but evidence needed for a pass is missing.
    Unknown = 4,
    /// The harness itself could not do its work.
    Harness = 5,
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Exit::Pass,
            Verdict::Fail => Exit::Violated,
            Verdict::Unknown => Exit::Unknown,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
