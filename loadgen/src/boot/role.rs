//! One process of the pipeline: started, awaited until it is ready, watched until it ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chaos::process::{Process, ProcessError};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::history::event::{Event, RoleMark, RoleState};
use crate::history::writer::Recorder;

/// How long a role may take from its start to its ready line. A cold start takes well under a second; a busy machine takes its time.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How much of a role's log is quoted when it fails.
const QUOTED_LOG_LINES: usize = 8;

/// The longest ready line that is read.
const READY_LINE_BYTES: u64 = 16 * 1024;

/// What to start.
#[derive(Debug, Clone)]
pub struct RoleCommand {
    /// Name of the role ("sales"), or of one of several processes in it ("replenish-2").
    pub name: String,
    /// Arguments of this program that make it the role.
    pub args: Vec<String>,
    /// The whole environment of the process, beyond what every program needs.
    pub env: Vec<(String, String)>,
    /// File that takes its log.
    pub log: PathBuf,
}

/// Why a role is not there.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// It could not be started or waited for.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its log file could not be made.
    #[error("cannot write the log {path}")]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It ended before it was ready.
    #[error("{role} ended before it was ready{quote}", quote = quoted(.log))]
    EndedEarly {
        /// The role.
        role: String,
        /// Last lines of its log.
        log: String,
    },
    /// It did not become ready in time.
    #[error("{role} was not ready within {} s{quote}", READY_WITHIN.as_secs(), quote = quoted(.log))]
    NotReady {
        /// The role.
        role: String,
        /// Last lines of its log.
        log: String,
    },
    /// Its ready line could not be understood.
    #[error("{role} said {line:?} instead of its ready line")]
    Garbled {
        /// The role.
        role: String,
        /// What it said.
        line: String,
    },
}

fn quoted(log: &str) -> String {
    if log.is_empty() { String::new() } else { format!("; its log ends:\n{log}") }
}

/// A role that ended although nobody wanted it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnaskedEnd {
    /// The role.
    pub role: String,
    /// How it ended, with the last lines of its log.
    pub how: String,
}

/// What a role prints when it is ready.
#[derive(Debug, Deserialize)]
struct ReadyLine {
    ready: bool,
    addresses: BTreeMap<String, String>,
}

/// A running role.
///
/// Its watcher records its end in the history. Dropping the value ends the process at once.
#[derive(Debug)]
pub struct Role {
    name: String,
    pid: u32,
    addresses: BTreeMap<String, String>,
    stopping: CancellationToken,
    watcher: JoinHandle<()>,
}

impl Role {
    /// Starts it and waits until it is ready. `unasked` hears of its end when nobody asked for it.
    ///
    /// # Errors
    /// [`RoleError`], naming the role and quoting its log.
    pub async fn start(command: &RoleCommand, recorder: &Recorder, unasked: watch::Sender<Option<UnaskedEnd>>) -> Result<Self, RoleError> {
        let mut process = spawn(command)?;
        let pid = process.pid();
        mark(recorder, &command.name, pid, RoleState::Started, true, None);
        let stdout = process.take_stdout().expect("spawn pipes it");
        let (addresses, stdout) = match tokio::time::timeout(READY_WITHIN, ready_line(command, stdout)).await {
            Ok(ready) => ready?,
            Err(_) => return Err(RoleError::NotReady { role: command.name.clone(), log: tail(&command.log) }),
        };
        mark(recorder, &command.name, pid, RoleState::Ready, true, None);
        let stopping = CancellationToken::new();
        let watcher = tokio::spawn(watch_over(process, stdout, stopping.clone(), command.log.clone(), recorder.clone(), unasked));
        Ok(Self { name: command.name.clone(), pid, addresses, stopping, watcher })
    }

    /// Its name in this run.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where one of its listeners stands ("sales" → "http://127.0.0.1:41001").
    #[must_use]
    pub fn address(&self, listener: &str) -> Option<&str> {
        self.addresses.get(listener).map(String::as_str)
    }

    /// Asks it to end, kills it when it does not, and returns when it is gone.
    pub async fn stop(self) {
        self.stopping.cancel();
        // The watcher ends by itself: the process gets a grace period and then SIGKILL.
        let _ = self.watcher.await;
    }
}

/// Time that a role has to finish what it took, a little more than its own bound of 10 s.
const GRACE: Duration = Duration::from_secs(12);

fn spawn(command: &RoleCommand) -> Result<Process, RoleError> {
    let failed = |source| RoleError::Log { path: command.log.clone(), source };
    let log = std::fs::File::options().create(true).append(true).open(&command.log).map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let mut process = Command::new(program);
    process.args(&command.args).env_clear().envs(inherited()).envs(command.env.iter().cloned());
    process.stdout(Stdio::piped()).stderr(log);
    Ok(Process::spawn(&command.name, &mut process)?)
}

/// What every program needs from its surroundings; all else (credentials, endpoints, database addresses of the user) stays out,
/// so that a run never reaches anything that it was not told to.
fn inherited() -> impl Iterator<Item = (String, String)> {
    const KEPT: [&str; 7] = ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "RUST_BACKTRACE", "RUST_LOG"];
    KEPT.into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
}

async fn ready_line(command: &RoleCommand, stdout: ChildStdout) -> Result<(BTreeMap<String, String>, BufReader<ChildStdout>), RoleError> {
    use tokio::io::AsyncReadExt;
    let mut limited = BufReader::new(stdout).take(READY_LINE_BYTES);
    let mut line = String::new();
    let read = limited.read_line(&mut line).await.unwrap_or(0);
    if read == 0 {
        return Err(RoleError::EndedEarly { role: command.name.clone(), log: tail(&command.log) });
    }
    match serde_json::from_str::<ReadyLine>(&line) {
        Ok(ready) if ready.ready => Ok((ready.addresses, limited.into_inner())),
        _ => Err(RoleError::Garbled { role: command.name.clone(), line: line.trim_end().to_owned() }),
    }
}

async fn watch_over(
    mut process: Process,
    mut stdout: BufReader<ChildStdout>,
    stopping: CancellationToken,
    log: PathBuf,
    recorder: Recorder,
    unasked: watch::Sender<Option<UnaskedEnd>>,
) {
    let name = process.name().to_owned();
    let pid = process.pid();
    let mut said_more = true;
    let mut line = String::new();
    let ended = loop {
        tokio::select! {
            status = process.wait() => break status.map(|status| status.to_string()),
            () = stopping.cancelled() => {
                let stopped = process.stop(GRACE).await;
                let how = stopped.map(|s| if s.killed { format!("{}, after {} s of grace", s.status, GRACE.as_secs()) } else { s.status.to_string() });
                mark(&recorder, &name, pid, RoleState::Exited, true, how.ok());
                return;
            }
            // Whatever it prints after its ready line is read and dropped, so that a full pipe never stops it.
            read = stdout.read_line(&mut line), if said_more => {
                said_more = read.is_ok_and(|bytes| bytes > 0);
                line.clear();
            }
        }
    };
    let how = ended.unwrap_or_else(|error| error.to_string());
    mark(&recorder, &name, pid, RoleState::Exited, false, Some(how.clone()));
    let quote = quoted(&tail(&log));
    unasked.send_if_modified(|first| {
        let is_first = first.is_none();
        first.get_or_insert(UnaskedEnd { role: name, how: format!("{how}{quote}") });
        is_first
    });
}

fn mark(recorder: &Recorder, role: &str, pid: u32, state: RoleState, planned: bool, note: Option<String>) {
    recorder.record(Event::Role(RoleMark { role: role.to_owned(), pid, state, planned, note }));
}

/// The last lines of a log, or nothing when there are none.
fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(QUOTED_LOG_LINES)..].join("\n")
}
