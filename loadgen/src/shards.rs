//! One run on many machines: each plays its [part](crate::plan::Part) of the buyers, one watches the pipeline, and afterwards the parts are
//! merged and judged once.
//!
//! | module | what it does |
//! |---|---|
//! | [`card`] | the folder of a part, and the card in it by which parts are known to belong together |
//! | [`buy`] | a shard: its part of the buyers, from the common moment on |
//! | [`watch`] | the watch: boots or finds the pipeline, observes it, drains it when all shards are done, reads what remains |
//! | [`merge`] | parts into one run folder: complete and fitting, or refused |
//! | [`clock`] | how the times of several machines are made comparable, and how far they can be trusted |
//! | [`latency`] | histograms as files, so that they can be added up exactly |
//!
//! Nothing is sent between the machines. What they share is the command line (scenario, seed, run id, start), the pipeline, and in the end a
//! folder. So a lost machine cannot hold the others up; it only makes the run UNKNOWN.

pub mod buy;
pub mod card;
pub mod clock;
pub mod latency;
pub mod merge;
pub mod watch;

use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::boot::whereabouts::{Whereabouts, WhereaboutsError};
use crate::history::writer::HistoryWriteError;
use crate::load::LoadError;
use crate::progress::Display;
use crate::run::conduct::ConductError;
use crate::run::folder::FolderError;
use crate::scenario::{EditionName, Scenario};

/// What all machines of a run are told alike.
#[derive(Debug, Clone)]
pub struct Common {
    /// The scenario, checked.
    pub scenario: Scenario,
    /// Seed of everything random.
    pub seed: u64,
    /// Id of the run.
    pub run_id: String,
    /// When the first buyer may come, µs since the Unix epoch.
    pub start_at_unix_us: u64,
    /// How far this machine's clock may be from the true time.
    pub clock_uncertainty: Duration,
    /// Where the pipeline is described.
    pub system: Option<PathBuf>,
    /// Hosts beyond this machine that may be touched.
    pub allow_remote: Vec<String>,
    /// Folder in which the run's own folder is made.
    pub out: PathBuf,
    /// How progress is shown.
    pub display: Display,
}

/// Why a part could not be played.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// Its folder cannot be made or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its card cannot be written.
    #[error(transparent)]
    Card(#[from] card::CardError),
    /// The moment to begin is over.
    #[error(
        "the load was to begin {late_ms} ms ago, and buyers that come too late prove nothing; choose a later --start-at, the same for every machine"
    )]
    TooLate {
        /// How long ago, ms.
        late_ms: u64,
    },
    /// Its histograms cannot be written.
    #[error(transparent)]
    Latency(#[from] latency::LatencyError),
    /// Nobody says where the pipeline is.
    #[error(transparent)]
    Whereabouts(#[from] WhereaboutsError),
    /// Nobody sells.
    #[error(
        "nobody sold at {address} until it was time to begin: {reason}; begin later with --start-at, or look whether the pipeline runs"
    )]
    NobodySells {
        /// Where.
        address: String,
        /// What came instead.
        reason: String,
    },
    /// The pipeline could not be observed.
    #[error(transparent)]
    Conduct(#[from] ConductError),
    /// The history cannot be written.
    #[error(transparent)]
    History(#[from] HistoryWriteError),
    /// The history that was just written cannot be read.
    #[error(transparent)]
    Read(#[from] crate::history::HistoryReadError),
    /// The load could not be driven.
    #[error("cannot drive the load")]
    Load(#[from] LoadError),
}

impl ShardError {
    fn too_late(anchor: &clock::Anchor, common: &Common) -> Self {
        Self::TooLate { late_ms: (anchor.zero_unix_us - common.start_at_unix_us) / 1_000 }
    }
}

impl Common {
    /// The folder of the whole run.
    #[must_use]
    pub fn run_folder(&self) -> PathBuf {
        self.out.join(&self.run_id)
    }

    /// Where the pipeline is described: where the user said, or where the watch says it.
    #[must_use]
    pub fn system(&self) -> PathBuf {
        self.system.clone().unwrap_or_else(|| self.run_folder().join(watch::SYSTEM))
    }
}

/// Time between two looks for what is being waited for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where the pipeline is, as soon as the file that says so is there; it may come until it is time to begin.
async fn whereabouts(path: &Path, edition: EditionName, until: Instant) -> Result<Whereabouts, WhereaboutsError> {
    loop {
        match Whereabouts::read(path, edition) {
            Err(WhereaboutsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound && Instant::now() < until => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            found => return found,
        }
    }
}

/// The words of a list of parts: "1/4, 3/4".
fn listed(parts: impl IntoIterator<Item = crate::plan::Part>) -> String {
    parts.into_iter().map(|part| part.to_string()).collect::<Vec<_>>().join(", ")
}

/// The most parts a scenario can be split into: a closed one has no more than users.
#[must_use]
pub fn most_parts(scenario: &Scenario) -> Option<NonZeroU32> {
    match scenario.traffic {
        crate::scenario::Traffic::Open { .. } => None,
        crate::scenario::Traffic::Closed { users, .. } => NonZeroU32::new(users),
    }
}
