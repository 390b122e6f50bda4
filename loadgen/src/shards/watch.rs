//! The watch: has the pipeline (started here, or running already), observes it while the shards buy, drains it when they are done, and reads what
//! remains. It sells to nobody and judges nothing.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::card::{Card, Ended, Role};
use super::clock::Anchor;
use super::{Common, LOOK_EVERY, ShardError, listed, whereabouts};
use crate::ground::Ground;
use crate::load;
use crate::plan::{Part, Plan};
use crate::run::conduct::{Manner, Stand};
use crate::run::interrupt::Interrupts;
use crate::run::subject::Subject;

/// Name of the file, in the folder of the whole run, that says where the pipeline is.
pub const SYSTEM: &str = "system.json";

/// How long after the last moment at which a shard may be done its card may take to arrive.
const GRACE: Duration = Duration::from_secs(10);

/// What the watch is told.
#[derive(Debug, Clone)]
pub struct Order {
    /// What all machines are told alike.
    pub common: Common,
    /// How many shards there are.
    pub parts: NonZeroU32,
    /// What a pipeline stands on that is started here.
    pub ground: Ground,
}

/// Watches a run from the first look at the pipeline to the reading of what remains; returns whether all went as planned.
///
/// # Errors
/// [`ShardError`]. What was written until then stays in the folder, and the merge will say that the watch did not end.
pub async fn watch(order: &Order, interrupts: &Interrupts) -> Result<bool, ShardError> {
    let Order { common, parts, ground } = order;
    let plan = Plan::derive_on(ground.database_kind(), &common.scenario, common.seed);
    let folder = Role::Watch.create(common, &plan)?;
    let manner = Manner { defect: None, faults: None, display: common.display, live: None, allow_remote: &common.allow_remote, ground };
    let mut stand = Stand::build(&plan, &folder, &manner, interrupts)?;
    let clock = stand.clock();
    let anchor = Anchor::of(clock, common.clock_uncertainty);
    let card = Card::begin(common, &plan, Role::Watch, *parts, anchor);
    card.write(folder.path())?;
    eprint!("{plan}\n  watch over run {}, {parts} shards, in {}\n", common.run_id, folder.path().display());

    let mut saw_ended = None;
    let begin = anchor.at(common.start_at_unix_us).ok_or_else(|| ShardError::too_late(&anchor, common))?;
    if let Some(system) = find(&mut stand, common, clock.instant(begin)).await? {
        let eye = stand.eye(&system).await?;
        if let (None, Subject::Reference(system)) = (&common.system, &system) {
            system.whereabouts(common.scenario.edition).write(&common.run_folder().join(SYSTEM))?;
        }
        let patience = load::longest(&common.scenario) + GRACE + common.clock_uncertainty * 2;
        let deadline = clock.instant(begin) + patience;
        stand.look_on(&system, begin, until_all_are_done(&common.run_folder(), *parts, deadline)).await;
        saw_ended = Some(ended(&common.run_folder(), *parts));
        stand.drain(&eye).await;
        stand.read_remains(&system, &eye).await;
        system.stop().await;
    }
    let interrupted = stand.stopped();
    let cost = stand.close().await?.cost;
    let complete = saw_ended.is_some() && !interrupted;
    let ended = Ended { at_us: clock.now(), interrupted, clock_drift_us: anchor.drift_us(clock), saw_ended, cost };
    Card { ended: Some(ended), ..card }.write(folder.path())?;
    Ok(complete)
}

/// The pipeline: the one that was named, or one of its own.
async fn find(stand: &mut Stand<'_>, common: &Common, until: Instant) -> Result<Option<Subject>, ShardError> {
    let Some(path) = &common.system else { return Ok(stand.boot().await?) };
    let found = whereabouts(path, common.scenario.edition, until).await?;
    Ok(stand.attach(found.observable(path, std::env::var("DATABASE_URL").ok(), &common.allow_remote)?).await?)
}

/// Waits until every shard's card says that it has ended. Where the shards' folders are not to be seen from here, or a shard is lost, until no shard that
/// keeps to the plan can still have a buyer.
async fn until_all_are_done(run: &Path, parts: NonZeroU32, deadline: Instant) -> String {
    loop {
        let ended = ended(run, parts);
        if ended.len() == parts.get() as usize {
            return "all shards are done".to_owned();
        }
        if Instant::now() >= deadline {
            let open = listed(Part::all(parts).filter(|part| !ended.contains(part)));
            return format!("by the plan all buyers are done; the end of {open} was not seen");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Shards whose cards say that they have ended.
fn ended(run: &Path, parts: NonZeroU32) -> Vec<Part> {
    let has_ended = |part: &Part| Card::read(&run.join(Role::Shard(*part).folder())).is_ok_and(|card| card.ended.is_some());
    Part::all(parts).filter(has_ended).collect()
}
