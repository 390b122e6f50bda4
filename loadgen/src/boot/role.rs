//! One process of the pipeline: started, awaited until it is ready, watched until it ends.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use chaos::process::{Paused, Process, ProcessError};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdout, Command};
use tokio::sync::{mpsc, oneshot, watch};

use crate::history::event::{Event, RoleMark, RoleState};
use crate::history::writer::Recorder;
use crate::program;

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
    /// Its end is wanted whenever it comes.
    pub ends: bool,
}

/// Why a role is not there.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// It could not be started or waited for.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its log file could not be made.
    #[error("cannot write the log {path} (is there space, and may you write there?)")]
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
    /// It is not there: it ended before.
    #[error("{role} is not running; its log in the run folder says how it ended")]
    Gone {
        /// The role.
        role: String,
    },
    /// Its ready line could not be understood.
    #[error("{role} said {line:?} instead of its ready line; is the program of another version than this one?")]
    Garbled {
        /// The role.
        role: String,
        /// What it said.
        line: String,
    },
}

pub(crate) fn quoted(log: &str) -> String {
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

/// How a role ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Exit status or signal, for people.
    pub how: String,
    /// The signal that ended it, when one did.
    pub signal: Option<i32>,
}

/// What a role prints when it is ready.
#[derive(Debug, Deserialize)]
struct ReadyLine {
    ready: bool,
    addresses: BTreeMap<String, String>,
    clock_us: i64,
}

/// A running role.
///
/// Its watcher records its end in the history. Dropping the value ends the process at once.
#[derive(Debug)]
pub struct Role {
    name: String,
    pid: u32,
    addresses: BTreeMap<String, String>,
    clock_us: i64,
    orders: mpsc::Sender<Order>,
    ended: watch::Receiver<Option<Ended>>,
}

/// What the watcher of a process is told. It alone touches the process, so that no signal ever reaches another one with its number.
#[derive(Debug)]
enum Order {
    /// End in order, or be killed after the grace period.
    Stop,
    /// End at once.
    Kill,
    /// Stand still.
    Pause(oneshot::Sender<Result<Paused, ProcessError>>),
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
        let (ready, stdout) = match tokio::time::timeout(READY_WITHIN, ready_line(command, stdout)).await {
            Ok(ready) => ready?,
            Err(_) => return Err(RoleError::NotReady { role: command.name.clone(), log: tail(&command.log) }),
        };
        mark(recorder, &command.name, pid, RoleState::Ready, true, None);
        let (orders, their_orders) = mpsc::channel(ORDERS);
        let (tell, ended) = watch::channel(None);
        let watcher = Watcher { process, log: command.log.clone(), recorder: recorder.clone(), unasked, wanted: command.ends };
        tokio::spawn(watcher.run(stdout, their_orders, tell));
        Ok(Self { name: command.name.clone(), pid, addresses: ready.addresses, clock_us: ready.clock_us, orders, ended })
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

    /// Where its listeners stand ("sales" → "http://127.0.0.1:41001").
    #[must_use]
    pub fn addresses(&self) -> &BTreeMap<String, String> {
        &self.addresses
    }

    /// What time it believed it was when it was ready, µs since the Unix epoch.
    #[must_use]
    pub fn clock_us(&self) -> i64 {
        self.clock_us
    }

    /// Asks it to end, kills it when it does not, and returns when it is gone.
    pub async fn stop(self) -> Ended {
        self.order(Order::Stop).await;
        self.ended().await
    }

    /// Ends it at once (SIGKILL), and returns when it is gone.
    pub async fn kill(self) -> Ended {
        self.order(Order::Kill).await;
        self.ended().await
    }

    /// Stops it where it stands until the guard is dropped.
    ///
    /// # Errors
    /// [`RoleError`] when it is gone.
    pub async fn pause(&self) -> Result<Paused, RoleError> {
        let (reply, paused) = oneshot::channel();
        self.order(Order::Pause(reply)).await;
        match paused.await {
            Ok(paused) => Ok(paused?),
            Err(_) => Err(RoleError::Gone { role: self.name.clone() }),
        }
    }

    /// Waits for its end. Cancel-safe.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().expect("that is what was waited for"),
            // The watcher is gone without a word, as it goes with its runtime.
            Err(_) => Ended { how: "nobody saw how".to_owned(), signal: None },
        }
    }

    async fn order(&self, order: Order) {
        // A watcher that takes no orders any more has seen the end.
        let _ = self.orders.send(order).await;
    }
}

/// Orders that may wait for a watcher, who is never busy for long.
const ORDERS: usize = 4;

/// Time that a role has to finish what it took, a little more than its own bound of 10 s.
const GRACE: Duration = Duration::from_secs(12);

fn spawn(command: &RoleCommand) -> Result<Process, RoleError> {
    let failed = |source| RoleError::Log { path: command.log.clone(), source };
    let log = std::fs::File::options().create(true).append(true).open(&command.log).map_err(failed)?;
    let mut process = Command::new(program::own().map_err(failed)?);
    process.args(&command.args).env_clear().envs(inherited()).envs(command.env.iter().cloned());
    process.stdout(Stdio::piped()).stderr(log);
    Ok(Process::spawn(&command.name, &mut process)?)
}

/// What every program needs from its surroundings; all else (credentials, endpoints, database addresses of the user) stays out,
/// so that a run never reaches anything that it was not told to.
pub(crate) fn inherited() -> impl Iterator<Item = (String, String)> {
    const KEPT: [&str; 7] = ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "RUST_BACKTRACE", "RUST_LOG"];
    // Where spans go is the user's to say, to whoever can send any.
    const COLLECTOR: &[&str] =
        if cfg!(feature = "otel") { &["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] } else { &[] };
    KEPT.iter().chain(COLLECTOR).filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
}

async fn ready_line(command: &RoleCommand, stdout: ChildStdout) -> Result<(ReadyLine, BufReader<ChildStdout>), RoleError> {
    use tokio::io::AsyncReadExt;
    let mut limited = BufReader::new(stdout).take(READY_LINE_BYTES);
    let mut line = String::new();
    let read = limited.read_line(&mut line).await.unwrap_or(0);
    if read == 0 {
        return Err(RoleError::EndedEarly { role: command.name.clone(), log: tail(&command.log) });
    }
    match serde_json::from_str::<ReadyLine>(&line) {
        Ok(ready) if ready.ready => Ok((ready, limited.into_inner())),
        _ => Err(RoleError::Garbled { role: command.name.clone(), line: line.trim_end().to_owned() }),
    }
}

/// Watches over one process until it ends.
struct Watcher {
    process: Process,
    log: PathBuf,
    recorder: Recorder,
    unasked: watch::Sender<Option<UnaskedEnd>>,
    /// Whether its end is wanted.
    wanted: bool,
}

impl Watcher {
    async fn run(mut self, mut stdout: BufReader<ChildStdout>, mut orders: mpsc::Receiver<Order>, tell: watch::Sender<Option<Ended>>) {
        let mut said_more = true;
        let mut line = String::new();
        let ended = loop {
            tokio::select! {
                status = self.process.wait() => break status.map(Ended::from),
                order = orders.recv() => match order {
                    // Its owner is gone, and the process goes with the watcher.
                    None => return,
                    Some(Order::Stop) => break self.stop().await,
                    Some(Order::Kill) => {
                        self.wanted = true;
                        // Gone already is as good.
                        let _ = self.process.kill();
                    }
                    // Whoever asked may be gone; then the guard is dropped here, and the process goes on.
                    Some(Order::Pause(reply)) => drop(reply.send(self.process.pause())),
                },
                // Whatever it prints after its ready line is read and dropped, so that a full pipe never stops it.
                read = stdout.read_line(&mut line), if said_more => {
                    said_more = read.is_ok_and(|bytes| bytes > 0);
                    line.clear();
                }
            }
        };
        let ended = ended.unwrap_or_else(|error| Ended { how: error.to_string(), signal: None });
        self.report(&ended);
        tell.send_replace(Some(ended));
    }

    async fn stop(&mut self) -> Result<Ended, ProcessError> {
        self.wanted = true;
        let stopped = self.process.stop(GRACE).await?;
        let mut ended = Ended::from(stopped.status);
        if stopped.killed {
            ended.how = format!("{}, after {} s of grace", ended.how, GRACE.as_secs());
        }
        Ok(ended)
    }

    fn report(&self, ended: &Ended) {
        let name = self.process.name();
        mark(&self.recorder, name, self.process.pid(), RoleState::Exited, self.wanted, Some(ended.how.clone()));
        if self.wanted {
            return;
        }
        let how = format!("{}{}", ended.how, quoted(&tail(&self.log)));
        self.unasked.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(UnaskedEnd { role: name.to_owned(), how });
            is_first
        });
    }
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        Self { how: status.to_string(), signal: status.signal() }
    }
}

pub(crate) fn mark(recorder: &Recorder, role: &str, pid: u32, state: RoleState, planned: bool, note: Option<String>) {
    recorder.record(Event::Role(RoleMark { role: role.to_owned(), pid, state, planned, note }));
}

/// The last lines of a log, or nothing when there are none.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(QUOTED_LOG_LINES)..].join("\n")
}
