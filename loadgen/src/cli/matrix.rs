//! Options of `loadgen matrix`.

use std::path::PathBuf;

use reference::defects::Defect;

use super::parse_defect;

/// Options of the matrix.
#[derive(Debug, Clone, clap::Args)]
pub struct MatrixArgs {
    /// Defects to run [default: all]
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = parse_defect, conflicts_with = "false_alarms")]
    pub defects: Vec<Defect>,
    /// Run every chosen defect in each of these [default: each in the scenario meant for it]
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub scenarios: Vec<String>,
    /// The sound pipeline alone, in every scenario that it must pass, with many seeds
    #[arg(long)]
    pub false_alarms: bool,
    /// Seed of every run; the first one with --false-alarms
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many seeds --false-alarms tries
    #[arg(long, value_name = "N", default_value_t = 20, requires = "false_alarms")]
    pub seeds: u64,
    /// Runs side by side [default: a quarter of the cores, one at least: a run is many processes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: Option<u16>,
    /// Table to write, with its record as JSON beside it [default: docs/matrix.md or docs/false-alarms.md; none with --check]
    #[arg(long, value_name = "FILE.md")]
    pub out: Option<PathBuf>,
    /// Keep what the record says already of runs that are not made now
    #[arg(long)]
    pub add: bool,
    /// End with 1 unless every defect is caught by its property and the sound pipeline ends as expected everywhere
    #[arg(long)]
    pub check: bool,
    /// Folder that takes the run folders; those of runs that passed are removed
    #[arg(long, value_name = "DIR", default_value = "reports/matrix")]
    pub runs: PathBuf,
}
