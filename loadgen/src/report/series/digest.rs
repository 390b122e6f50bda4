//! What one pass over a history found.

use crate::history::event::{Header, Micros};
use crate::result::latency::Histograms;
use crate::result::recovery::Recovery;
use crate::result::series::Series;
use crate::result::totals::{Cost, Totals};
use crate::result::{RunInfo, RunResult, SCHEMA};
use crate::verify::judgement::Proof;

/// What a history says, besides what is proved from it.
#[derive(Debug, Clone)]
pub struct Digest {
    /// The history's first line; None when it is missing.
    pub header: Option<Header>,
    /// The run over time.
    pub series: Series,
    /// How it came back from its faults.
    pub recovery: Recovery,
    /// Counts.
    pub totals: Totals,
    /// All times, unsummarised (for `latency.hgrm` and for merging).
    pub histograms: Histograms,
    /// Time of the last line, µs since the run's start.
    pub duration_us: Micros,
    /// The run was interrupted, or its history was cut off.
    pub interrupted: bool,
}

impl Digest {
    /// Puts the result together. `run.duration_us` and `run.interrupted` are taken from the history, whatever `run` says.
    #[must_use]
    pub fn into_result(self, run: RunInfo, proof: Proof, cost: Cost) -> RunResult {
        RunResult {
            schema: SCHEMA,
            run: RunInfo { duration_us: self.duration_us, interrupted: self.interrupted, ..run },
            proof,
            totals: self.totals,
            cost,
            latency: self.histograms.summary(),
            recovery: self.recovery,
            series: self.series,
        }
    }
}
