//! Incidents: what is done at its moment to a process, the database or a hop's listener, held for its time, and undone.
//!
//! - `moment` says when it is time.
//! - `process` kills, pauses, restarts, makes crash, and sets clocks wrong.
//! - `database` holds the write lock.
//! - `hop` closes doors.
//!
//! Each incident is conducted by a task of its own. It writes into the history that it is wanted, that it struck (with what was done to whom),
//! that it was *seen* to take effect (the process is gone, or stands still; the lock is refused to others; connecting is refused), and that it
//! is gone, which is proved by what it struck being ready again. Dropping [`Incidents`] undoes everything at once.

mod database;
mod hop;
mod moment;
mod process;

use std::sync::Arc;
use std::time::Duration;

use chaos::faults::Faults;
use chaos::incident::{Incident, What};
use chaos::tap::Door;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::database::DatabaseTrouble;
use self::hop::HopTrouble;
use self::process::ProcessTrouble;
use super::mark;
use crate::boot::crew::{Crew, Member};
use crate::history::event::FaultState;
use crate::history::writer::Recorder;
use crate::run::error_chain;

/// What incidents can get at.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The processes.
    pub crew: Crew,
    /// The door of each hop, by its name.
    pub doors: Vec<(String, Door)>,
    /// The pipeline's database.
    pub database_url: String,
}

/// Why an incident could not be brought about, or undone.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("there is no process {0} in this run; the plan names those that there are")]
    NoRole(String),
    #[error(transparent)]
    Process(#[from] ProcessTrouble),
    #[error(transparent)]
    Database(#[from] DatabaseTrouble),
    #[error(transparent)]
    Hop(#[from] HopTrouble),
}

/// Incidents that are under way. Dropping it ends them, and undoes what they have done.
#[derive(Debug)]
pub struct Incidents {
    recorder: Recorder,
    stop: CancellationToken,
    tasks: Vec<Task>,
}

#[derive(Debug)]
struct Task {
    incident: Arc<str>,
    handle: JoinHandle<()>,
}

/// Conducts one incident.
struct Conductor {
    incident: Incident,
    reach: Reach,
    faults: Faults,
    diary: Diary,
    stop: CancellationToken,
}

/// Writes down what becomes of one incident.
#[derive(Debug, Clone)]
struct Diary {
    incident: Arc<str>,
    hop: Option<String>,
    recorder: Recorder,
}

impl Incidents {
    /// From here on each incident happens when its moment has come. `faults` knows the time, the phase and the sales.
    #[must_use]
    pub fn begin<'i>(planned: impl IntoIterator<Item = &'i Incident>, reach: &Reach, faults: &Faults, recorder: &Recorder) -> Self {
        let stop = CancellationToken::new();
        let conduct = |incident: &Incident| {
            let diary =
                Diary { incident: Arc::clone(&incident.name), hop: incident.what.hop().map(str::to_owned), recorder: recorder.clone() };
            let conductor =
                Conductor { incident: incident.clone(), reach: reach.clone(), faults: faults.clone(), diary, stop: stop.clone() };
            Task { incident: Arc::clone(&incident.name), handle: tokio::spawn(conductor.run()) }
        };
        Self { recorder: recorder.clone(), tasks: planned.into_iter().map(conduct).collect(), stop }
    }

    /// Ends what is under way, undoes it, and proves that it is undone. What cannot be proved within that time is written into the history,
    /// and leaves the verdict UNKNOWN.
    pub async fn heal(mut self, within: Duration) {
        self.stop.cancel();
        let deadline = Instant::now() + within;
        for task in &mut self.tasks {
            let why = match tokio::time::timeout_at(deadline, &mut task.handle).await {
                Ok(Ok(())) => continue,
                Ok(Err(_)) => "its conductor panicked".to_owned(),
                Err(_) => format!("not undone within {within:?}"),
            };
            self.recorder.record(mark(&task.incident, FaultState::Unhealed, None, Some(why)));
        }
    }
}

impl Drop for Incidents {
    fn drop(&mut self) {
        // Ends the tasks, and with them every guard.
        for task in &self.tasks {
            task.handle.abort();
        }
    }
}

impl Conductor {
    async fn run(self) {
        let when = &self.incident.when;
        if !moment::has_come(&when.first, &self.faults, &self.stop).await {
            return;
        }
        let began = Instant::now();
        self.diary.note(FaultState::Requested, None);
        for occurrence in 0..when.times {
            if occurrence > 0 && !self.wait_until(began + when.every * occurrence).await {
                break;
            }
            if let Err(trouble) = self.occur().await {
                return self.diary.note(FaultState::Unhealed, Some(error_chain(&trouble)));
            }
        }
        self.diary.note(FaultState::Healed, None);
    }

    /// Once: done, held for its time, undone, and seen to be undone.
    async fn occur(&self) -> Result<(), Trouble> {
        let what = &self.incident.what;
        // Counts from when it is first waited for, which is when it was seen to take effect.
        let held = async { self.wait_until(Instant::now() + what.lasts()).await };
        match what {
            What::LockDatabase { .. } => database::lock(&self.reach.database_url, &self.diary, held).await?,
            What::ExhaustConnections { .. } => database::exhaust(&self.reach.database_url, &self.diary, held).await?,
            What::Unreachable { hop, .. } => hop::close(hop, &self.reach.doors, &self.diary, held).await?,
            What::Kill { role, .. } => process::kill(&mut *self.member(role)?.seat().await, &self.diary, held).await?,
            What::Pause { role, .. } => process::pause(&*self.member(role)?.seat().await, &self.diary, held).await?,
            What::Restart { role } => process::restart(&mut *self.member(role)?.seat().await, &self.diary).await?,
            What::CrashAt { role, point, nth } => {
                let at = format!("{point}:{nth}");
                process::crash(&mut *self.member(role)?.seat().await, at, &self.diary, &self.stop).await?;
            }
            What::ClockSkew { role, by, .. } => process::skew(&mut *self.member(role)?.seat().await, *by, &self.diary, held).await?,
        }
        Ok(())
    }

    fn member(&self, role: &str) -> Result<Arc<Member>, Trouble> {
        self.reach.crew.member(role).ok_or_else(|| Trouble::NoRole(role.to_owned()))
    }

    /// Waits; false when everything is to be undone before that moment comes.
    async fn wait_until(&self, moment: Instant) -> bool {
        tokio::select! {
            () = tokio::time::sleep_until(moment) => true,
            () = self.stop.cancelled() => false,
        }
    }
}

impl Diary {
    /// It was done to something.
    fn fired(&self, note: String) {
        self.note(FaultState::Fired, Some(note));
    }

    /// It was seen from the outside that it does what it says.
    fn effective(&self, note: String) {
        self.note(FaultState::Effective, Some(note));
    }

    fn note(&self, state: FaultState, note: Option<String>) {
        self.recorder.record(mark(&self.incident, state, self.hop.as_deref(), note));
    }
}
