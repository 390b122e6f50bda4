//! The folder of a part, and the card in it: which part of which run it is, on what clock, and whether it came to its end.
//!
//! The card is written when the part begins and again when it has ended, each time as a whole, so that a reader never sees half of one. A part
//! that was killed leaves a card without an end.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Common;
use super::clock::Anchor;
use crate::history::event::Micros;
use crate::plan::{Part, PartError, Plan};
use crate::result::machine::Machine;
use crate::result::totals::Cost;
use crate::run::folder::{FolderError, RunFolder};

/// Version of the card, written in [`Card::format`].
pub const FORMAT: u32 = 1;

/// Name of the card's file.
pub const FILE: &str = "part.json";

/// Who left a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Role {
    /// Watched the pipeline.
    Watch,
    /// Played a part of the buyers.
    Shard(Part),
}

/// What a part says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// [`FORMAT`] at the time of writing.
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// Id of the run.
    pub run_id: String,
    /// Who it is.
    pub role: Role,
    /// How many shards the run has.
    pub parts: NonZeroU32,
    /// Name of the scenario.
    pub scenario: String,
    /// Seed of the plan.
    pub seed: u64,
    /// Checksum of the plan.
    pub plan: String,
    /// When the load was to begin, µs since the Unix epoch.
    pub start_at_unix_us: u64,
    /// Its clocks.
    pub clock: Anchor,
    /// Where it ran.
    pub machine: Machine,
    /// How it ended; None when it did not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// How a part ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// When, µs since its start.
    pub at_us: Micros,
    /// Somebody stopped it early.
    pub interrupted: bool,
    /// How far its wall clock and its monotonic clock drifted apart meanwhile, µs.
    pub clock_drift_us: u64,
    /// Shards that the watch saw at their end before it drained the pipeline; None for a shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saw_ended: Option<Vec<Part>>,
    /// What it cost.
    #[serde(default)]
    pub cost: Cost,
}

/// Why a card cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CardError {
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {path} (give the folder of a part, and all that it holds)")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not the card of a part; give folders that parts of a run made")]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error("{path} has format {found}, this version knows {FORMAT}; use the version that wrote it")]
    Format { path: PathBuf, found: u32 },
}

impl Card {
    /// The card of a part that begins.
    #[must_use]
    pub fn begin(common: &Common, plan: &Plan, role: Role, parts: NonZeroU32, clock: Anchor) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: common.run_id.clone(),
            role,
            parts,
            scenario: plan.scenario().name.clone(),
            seed: plan.seed(),
            plan: plan.summary().checksum.clone(),
            start_at_unix_us: common.start_at_unix_us,
            clock,
            machine: Machine::detect(),
            ended: None,
        }
    }

    /// Writes it into its folder, whole or not at all.
    ///
    /// # Errors
    /// [`CardError::Write`].
    pub fn write(&self, folder: &Path) -> Result<(), CardError> {
        let path = folder.join(FILE);
        let half = folder.join(format!("{FILE}.half"));
        let text = serde_json::to_vec_pretty(self).expect("a card is made of texts and numbers");
        let written = std::fs::write(&half, text).and_then(|()| std::fs::rename(&half, &path));
        written.map_err(|source| CardError::Write { path, source })
    }

    /// Reads the card of a folder.
    ///
    /// # Errors
    /// [`CardError`], naming the file.
    pub fn read(folder: &Path) -> Result<Self, CardError> {
        let path = folder.join(FILE);
        let text = std::fs::read(&path).map_err(|source| CardError::Read { path: path.clone(), source })?;
        let card: Self = serde_json::from_slice(&text).map_err(|source| CardError::Malformed { path: path.clone(), source })?;
        if card.format == FORMAT { Ok(card) } else { Err(CardError::Format { path, found: card.format }) }
    }
}

impl Role {
    /// Name of its folder below the run's.
    #[must_use]
    pub fn folder(self) -> String {
        match self {
            Role::Watch => "watch".to_owned(),
            Role::Shard(part) => format!("shard-{}-of-{}", part.number(), part.of()),
        }
    }

    /// Makes its folder. One that is there already is left alone: its orders were placed, and cannot be placed again.
    ///
    /// # Errors
    /// [`FolderError`], also when it is there already.
    pub fn create(self, common: &Common, plan: &Plan) -> Result<RunFolder, FolderError> {
        let id = format!("{}/{}", common.run_id, self.folder());
        RunFolder::create_at(&common.run_folder().join(self.folder()), &id, plan)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Watch => f.write_str("watch"),
            Role::Shard(part) => part.fmt(f),
        }
    }
}

impl FromStr for Role {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        if text == "watch" { Ok(Role::Watch) } else { text.parse().map(Role::Shard) }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.to_string()
    }
}

impl TryFrom<String> for Role {
    type Error = PartError;

    fn try_from(text: String) -> Result<Self, PartError> {
        text.parse()
    }
}
