//! The load generator as a process of its own: the harness's load, with everything recorded, and nothing else of the harness.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use chaos::faults::Faults;
use loadgen::history::{HistorySize, HistoryWriter, RunClock};
use loadgen::load::{self, LoadInput, LoadReport, Target};
use loadgen::plan::{Part, Plan};
use loadgen::scenario::{EditionName, Scenario};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// What the generator says of itself when it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Requests sent.
    pub attempted: u64,
    /// Connections opened.
    pub connections: u64,
    /// Bytes of the history.
    pub history_bytes: u64,
    /// From the first arrival to the last buyer's end, µs.
    pub took_us: u64,
}

/// Buyers who each buy one piece and go, arriving evenly at random.
///
/// # Panics
/// When a scenario may not have that rate or last that long.
#[must_use]
pub fn scenario(rate: u32, seconds: u32) -> Scenario {
    let text = format!(
        "name = \"even\"\nabout = \"Even arrivals, for measuring.\"\n[stock]\n\"CP-502101\" = 1000000\n\
         [[stage]]\nname = \"even\"\nduration = \"{seconds}s\"\nrate = \"{rate}/s\"\n[buyers]\npatience = \"10s\"\n"
    );
    Scenario::parse("even.toml", &text).expect("the scenario is well-formed")
}

/// Plays a plan as a run does: on a thread of its own, everything written into a history there.
///
/// # Errors
/// When the load or its history fails.
pub async fn play(plan: &Plan, address: &str, clock: RunClock, path: &Path) -> Result<(LoadReport, HistorySize), Box<dyn Error>> {
    let history = HistoryWriter::create(path, clock)?;
    let input = LoadInput {
        plan,
        part: Part::WHOLE,
        begin: None,
        target: Target::new(EditionName::Donut, address)?,
        recorder: history.recorder(),
        clock,
        progress: Arc::default(),
        stop: CancellationToken::new(),
        faults: Faults::new(1),
    };
    let report = load::run_on_own_thread(input).await?;
    let size = history.finish(false)?;
    Ok((report, size))
}

/// Sends `rate` purchases a second for so many seconds, as that seed has them, writes the history as a run does, and prints what it did.
///
/// # Errors
/// When the load or its history fails.
pub async fn load(address: &str, rate: u32, seconds: u32, seed: u64) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("history.jsonl.zst");
    let clock = RunClock::start();
    let plan = Plan::derive(&scenario(rate, seconds), seed);
    let (report, size) = play(&plan, address, clock, &path).await?;
    let told = Told {
        attempted: report.attempted,
        connections: report.connections,
        history_bytes: size.bytes,
        took_us: report.ended - report.began,
    };
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}
