//! Finds the parts of a run in folders, and checks from their cards that they belong together.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::MergeError;
use crate::history::clock::micros;
use crate::history::event::Micros;
use crate::plan::{Part, Plan};
use crate::run::folder::RunFolder;
use crate::shards::card::{self, Card, Role};

/// One part's folder.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) card: Card,
}

/// The parts of one run.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) run_id: String,
    pub(super) plan: Plan,
    pub(super) parts: NonZeroU32,
    pub(super) watch: Option<Found>,
    pub(super) shards: BTreeMap<Part, Found>,
    /// What is not there or did not come to its end, in words.
    pub(super) missing: Vec<String>,
    /// The zero of the merged history, µs since the Unix epoch: where the first part's clock began.
    pub(super) zero_unix_us: u64,
    /// How far each clock may have been from the true time.
    pub(super) uncertainty_us: Micros,
}

impl Gathered {
    /// All parts.
    pub(super) fn all(&self) -> impl Iterator<Item = &Found> {
        self.watch.iter().chain(self.shards.values())
    }

    /// Whether a shard's last buyer was done when the watch began to drain: because the watch saw that it had ended, or because the clocks leave no doubt.
    pub(super) fn surely_done_before_the_drain(&self, part: Part, drain_began: Option<Micros>) -> bool {
        let ended = |found: &Found| found.card.ended.clone();
        let seen = self.watch.as_ref().and_then(ended).and_then(|ended| ended.saw_ended).is_some_and(|seen| seen.contains(&part));
        let Some(found) = self.shards.get(&part) else { return false };
        let (Some(ended), Some(drain_began)) = (ended(found), drain_began) else { return seen };
        let ended_at = found.card.clock.zero_unix_us - self.zero_unix_us + ended.at_us;
        seen || ended_at.saturating_add(self.uncertainty_us.saturating_mul(2)) < drain_began
    }
}

/// What a part is called in messages.
pub(super) fn name(role: Role) -> String {
    match role {
        Role::Watch => "the watch".to_owned(),
        Role::Shard(part) => format!("shard {part}"),
    }
}

/// Finds the parts in folders that are parts or hold some.
pub(super) fn gather(folders: &[PathBuf], uncertainty: Option<Duration>) -> Result<Gathered, MergeError> {
    let mut unfit = Vec::new();
    let mut found: Vec<Found> = Vec::new();
    for path in folders.iter().flat_map(|folder| part_folders(folder)) {
        match Card::read(&path) {
            Ok(card) => found.push(Found { path, card }),
            Err(error) => unfit.push(crate::run::error_chain(&error)),
        }
    }
    let Some(first) = found.first().cloned() else {
        let named: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        unfit.push(format!("no part of a run (a folder with a {}) in {}", card::FILE, named.join(", ")));
        return Err(MergeError::Unfit(unfit));
    };
    for other in &found {
        unfit.extend(differences(&first, other));
    }
    let uncertainty_us = found.iter().map(|part| part.card.clock.uncertainty_us).chain(uncertainty.map(micros)).max().unwrap_or_default();
    unfit.extend(found.iter().filter_map(|part| set_clock(part, uncertainty_us)));
    let (mut watch, mut shards) = (None, BTreeMap::new());
    for part in found {
        let before = match part.card.role {
            Role::Watch => watch.replace(part.clone()),
            Role::Shard(number) => shards.insert(number, part.clone()),
        };
        if let Some(before) = before {
            unfit.push(format!("{} is there twice: {} and {}", name(part.card.role), before.path.display(), part.path.display()));
        }
    }
    // The watch's, where it is there: it knows what the pipeline stood on, and so what could go wrong there.
    let planned = watch.as_ref().unwrap_or(&first);
    let (_, plan) = RunFolder::open(&planned.path)?;
    if plan.summary().checksum != planned.card.plan {
        unfit.push(format!("{}: its plan is {}, its card says {}", planned.path.display(), plan.summary().checksum, planned.card.plan));
    }
    if !unfit.is_empty() {
        return Err(MergeError::Unfit(unfit));
    }
    let roles = std::iter::once(Role::Watch).chain(Part::all(first.card.parts).map(Role::Shard));
    let missing = roles.filter_map(|role| {
        let found = match role {
            Role::Watch => watch.as_ref(),
            Role::Shard(part) => shards.get(&part),
        };
        incomplete(role, found)
    });
    let missing = missing.collect();
    let zero_unix_us = watch.iter().chain(shards.values()).map(|part| part.card.clock.zero_unix_us).min().unwrap_or_default();
    Ok(Gathered { run_id: first.card.run_id, plan, parts: first.card.parts, watch, shards, missing, zero_unix_us, uncertainty_us })
}

/// A folder that is a part, or the parts in it; in the order of their names.
fn part_folders(folder: &Path) -> Vec<PathBuf> {
    if folder.join(card::FILE).is_file() {
        return vec![folder.to_owned()];
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut parts: Vec<PathBuf> = entries.filter(|path| path.join(card::FILE).is_file()).collect();
    parts.sort_unstable();
    parts
}

/// Why two parts cannot be of the same run.
fn differences(first: &Found, other: &Found) -> Vec<String> {
    let (one, two) = (&first.card, &other.card);
    let mut compared = vec![
        ("run id", one.run_id.clone(), two.run_id.clone()),
        ("scenario", one.scenario.clone(), two.scenario.clone()),
        ("seed", one.seed.to_string(), two.seed.to_string()),
        ("plan", one.plan.clone(), two.plan.clone()),
        ("number of shards", one.parts.to_string(), two.parts.to_string()),
        ("begin, µs since the Unix epoch", one.start_at_unix_us.to_string(), two.start_at_unix_us.to_string()),
        ("version of the program", one.version.clone(), two.version.clone()),
    ];
    if let Role::Shard(part) = two.role {
        compared.push(("number of shards", one.parts.to_string(), part.of().to_string()));
    }
    compared.dedup();
    let differing = compared.into_iter().filter(|(_, one, two)| one != two);
    differing
        .map(|(what, one, two)| format!("{}: its {what} is {two}, but in {} it is {one}", other.path.display(), first.path.display()))
        .collect()
}

/// A wall clock that was set by more than it was said to be wrong.
fn set_clock(part: &Found, uncertainty_us: Micros) -> Option<String> {
    let drift = part.card.ended.as_ref()?.clock_drift_us;
    (drift > uncertainty_us).then(|| {
        format!(
            "{}: its wall clock was set by {drift} µs while it ran, but was said to be right within {uncertainty_us} µs; if it was not, say so with --clock-uncertainty",
            part.path.display()
        )
    })
}

/// Why a part is not complete.
fn incomplete(role: Role, found: Option<&Found>) -> Option<String> {
    let name = name(role);
    match found.map(|found| found.card.ended.as_ref()) {
        None => Some(format!("{name} left no folder")),
        Some(None) => Some(format!("{name} did not come to its end")),
        Some(Some(ended)) if ended.interrupted => Some(format!("{name} was stopped early")),
        Some(Some(_)) => None,
    }
}
