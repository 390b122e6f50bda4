//! Weighs the processes, again and again: a leak of memory, file handles or tasks shows here long before it hurts anybody.
//!
//! Linux tells it (`/proc`); elsewhere nothing is weighed, and a scenario that asks for it has no evidence.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::http::Reader;
use crate::boot::crew::Crew;
use crate::history::weights::{Weight, Weights};

/// Time between two weighings: a leak is a matter of minutes.
const EVERY: Duration = Duration::from_secs(5);

/// Bytes of a page of memory, as `/proc/PID/statm` counts them on every machine that the harness is built for.
const PAGE: u64 = 4096;

/// How long a process may take to say how many tasks it has; without an answer they are not known this time.
const TASKS_WITHIN: Duration = Duration::from_secs(1);

/// What the harness itself is called.
const OWN: &str = "loadgen";

/// Weighs.
#[derive(Debug)]
pub struct Scales {
    on: On,
    database: Option<PathBuf>,
    reader: Reader,
    due: Instant,
}

/// What stands on them, beside the harness.
#[derive(Debug)]
enum On {
    /// The reference's processes, whoever they are at the moment.
    Crew(Crew),
    /// A target's, as one.
    Target(Vec<u32>),
}

/// What a process says of itself on `/livez`.
#[derive(Debug, Deserialize)]
struct Alive {
    tasks: Option<u64>,
}

impl Scales {
    /// For the reference: its processes, and its database where that is a file (`sqlite://PATH`).
    #[must_use]
    pub fn of_crew(crew: Crew, database_url: &str) -> Self {
        let database = database_url.strip_prefix("sqlite://").map(PathBuf::from);
        Self { on: On::Crew(crew), database, reader: Reader::default(), due: Instant::now() }
    }

    /// For a target, as far as the harness started any process of it.
    #[must_use]
    pub fn of_target(pids: Vec<u32>) -> Self {
        Self { on: On::Target(pids), database: None, reader: Reader::default(), due: Instant::now() }
    }

    /// Weighs, if it is time to.
    pub async fn weigh_if_due(&mut self) -> Option<Weights> {
        let now = Instant::now();
        if now < self.due {
            return None;
        }
        self.due = now + EVERY;
        let mut processes = Vec::new();
        let own = weight(OWN, std::process::id())?;
        processes.push(Weight { tasks: Some(Handle::current().metrics().num_alive_tasks() as u64), ..own });
        match &self.on {
            On::Crew(crew) => {
                for (name, pid, admin) in crew.seats() {
                    // A process that is away weighs nothing.
                    let Some(weight) = weight(&name, pid) else { continue };
                    processes.push(Weight { tasks: self.tasks(admin.as_deref()).await, ..weight });
                }
            }
            On::Target(pids) => processes.extend(together(pids)),
        }
        let database = self.database.as_ref().and_then(|file| std::fs::metadata(file).ok()).map(|file| file.len());
        Some(Weights { processes, database })
    }

    async fn tasks(&self, admin: Option<&str>) -> Option<u64> {
        let url = format!("{}/livez", admin?);
        let asked = tokio::time::timeout(TASKS_WITHIN, self.reader.get::<Alive>(&url)).await;
        asked.ok()?.ok()?.tasks
    }
}

/// All processes of a target, as one.
fn together(pids: &[u32]) -> Option<Weight> {
    let weights = pids.iter().filter_map(|pid| weight("target", *pid));
    weights.reduce(|sum, next| Weight {
        memory: sum.memory + next.memory,
        files: sum.files + next.files,
        threads: sum.threads + next.threads,
        ..sum
    })
}

fn weight(process: &str, pid: u32) -> Option<Weight> {
    let of = |file: &str| format!("/proc/{pid}/{file}");
    let resident = second_field(&std::fs::read_to_string(of("statm")).ok()?)?;
    Some(Weight {
        process: process.to_owned(),
        memory: resident * PAGE,
        files: std::fs::read_dir(of("fd")).ok()?.count() as u64,
        threads: std::fs::read_dir(of("task")).ok()?.count() as u64,
        tasks: None,
    })
}

/// `/proc/PID/statm`: all pages, then those that are resident.
fn second_field(statm: &str) -> Option<u64> {
    statm.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn this_process_weighs_something_and_is_weighed_every_few_seconds() {
        let mut scales = Scales::of_target(vec![std::process::id()]);
        let weights = scales.weigh_if_due().await.unwrap();
        let [own, target] = weights.processes.as_slice() else { panic!("{weights:?}") };
        assert!(own.process == OWN && own.memory > 1_000_000 && own.files > 2 && own.threads > 0 && own.tasks.is_some(), "{own:?}");
        assert!(target.process == "target" && target.tasks.is_none());
        assert_eq!(scales.weigh_if_due().await, None);
        tokio::time::advance(EVERY).await;
        assert!(scales.weigh_if_due().await.is_some());
    }
}
