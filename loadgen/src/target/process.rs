//! A target's own process: started on a leash, awaited until it is ready, watched until it ends.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ask::{Asker, Said};
use super::leash::descendants;
use super::speech::Spoken;
use crate::boot::role::{UnaskedEnd, inherited, mark, quoted, tail};
use crate::history::event::RoleState;
use crate::history::writer::Recorder;
use crate::program;

/// What the history and the logs call it.
const NAME: &str = "target";

/// Time between two looks whether it is ready.
const EVERY: Duration = Duration::from_millis(50);

/// What the leash may take beyond the target's own grace period.
const LEASH_GRACE: Duration = Duration::from_secs(8);

/// What to start.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) command: Vec<String>,
    pub(super) folder: PathBuf,
    pub(super) env: Vec<(String, String)>,
    /// Takes what it prints.
    pub(super) log: PathBuf,
    pub(super) stop_within: Duration,
}

/// Why a target is not there.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It could not be started.
    #[error("cannot start {program:?} in {} (the first word of `start.command`; is it there, and executable?)", folder.display())]
    Start {
        /// The program.
        program: String,
        /// Its working folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its log file could not be made.
    #[error("cannot write the log {} (is there space, and may you write there?)", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It ended before it was ready.
    #[error("the target ended before it was ready; try its `start.command` by hand: {0}")]
    EndedEarly(String),
    /// It did not become ready in time.
    #[error("the target was not ready at {url} within {} s ({last}){quote}", within.as_secs(), quote = quoted(log))]
    NotReady {
        /// Where it was looked for.
        url: String,
        /// How long.
        within: Duration,
        /// What was seen last.
        last: String,
        /// The last lines of its log.
        log: String,
    },
}

/// A target's process. Dropping the value ends it and everything below it.
#[derive(Debug)]
pub(super) struct TargetProcess {
    pid: u32,
    log: PathBuf,
    unasked: watch::Receiver<Option<UnaskedEnd>>,
    stopping: CancellationToken,
    watcher: Option<JoinHandle<()>>,
}

impl TargetProcess {
    /// Starts it. `tell` hears of its end when nobody asked for it.
    ///
    /// # Errors
    /// [`StartError::Start`] and [`StartError::Log`].
    pub(super) fn start(program: &Program, recorder: &Recorder, tell: watch::Sender<Option<UnaskedEnd>>) -> Result<Self, StartError> {
        let failed = |source| StartError::Log { path: program.log.clone(), source };
        let log = std::fs::File::options().create(true).append(true).open(&program.log).map_err(failed)?;
        let errors = log.try_clone().map_err(failed)?;
        let name = program.command.first().cloned().unwrap_or_default();
        let failed = |source| StartError::Start { program: name.clone(), folder: program.folder.clone(), source };
        // The leash would only tell its log; a folder that is not there is the user's slip, and deserves a word.
        std::fs::metadata(&program.folder).map_err(failed)?;
        let mut command = Command::new(program::own().map_err(failed)?);
        command.args(["leash", "--grace-ms", &program.stop_within.as_millis().to_string(), "--"]).args(&program.command);
        command.current_dir(&program.folder).env_clear().envs(inherited()).envs(program.env.iter().cloned());
        command.stdin(Stdio::piped()).stdout(log).stderr(errors).process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let pid = child.id().unwrap_or_default();
        let leash = child.stdin.take();
        mark(recorder, NAME, pid, RoleState::Started, true, None);
        let stopping = CancellationToken::new();
        let watching = Watch { child, leash, pid, stopping: stopping.clone(), log: program.log.clone(), grace: program.stop_within };
        let unasked = tell.subscribe();
        let watcher = tokio::spawn(watching.until_the_end(recorder.clone(), tell));
        Ok(Self { pid, log: program.log.clone(), unasked, stopping, watcher: Some(watcher) })
    }

    /// Waits until `path` is answered with a status below 500 (or, without a path, until somebody listens).
    ///
    /// # Errors
    /// [`StartError::EndedEarly`] and [`StartError::NotReady`].
    pub(super) async fn ready(&mut self, url: &str, path: Option<&str>, within: Duration, recorder: &Recorder) -> Result<(), StartError> {
        let mut unasked = self.unasked.clone();
        let ended = async {
            match unasked.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(end)) => end.how.clone(),
                _ => "its process is gone".to_owned(),
            }
        };
        tokio::select! {
            biased;
            how = ended => Err(StartError::EndedEarly(how)),
            ready = answers(url, path, within) => match ready {
                Ok(()) => {
                    mark(recorder, NAME, self.pid, RoleState::Ready, true, None);
                    Ok(())
                }
                Err(last) => Err(StartError::NotReady { url: format!("{url}{}", path.unwrap_or_default()), within, last, log: tail(&self.log) }),
            },
        }
    }

    /// Process ids of everything that belongs to it.
    pub(super) fn pids(&self) -> Vec<u32> {
        descendants(self.pid)
    }

    /// Asks it to end, and returns when it and everything below it is gone.
    pub(super) async fn stop(mut self) {
        self.stopping.cancel();
        if let Some(watcher) = self.watcher.take() {
            // Ends by itself: the leash has a time limit.
            let _ = watcher.await;
        }
    }
}

impl Drop for TargetProcess {
    fn drop(&mut self) {
        // The watcher owns the leash; when it is gone, the leash's standard input closes.
        if let Some(watcher) = &self.watcher {
            watcher.abort();
        }
    }
}

/// What the watcher holds.
struct Watch {
    child: Child,
    leash: Option<ChildStdin>,
    pid: u32,
    stopping: CancellationToken,
    log: PathBuf,
    grace: Duration,
}

impl Watch {
    async fn until_the_end(mut self, recorder: Recorder, tell: watch::Sender<Option<UnaskedEnd>>) {
        let status = tokio::select! {
            status = self.child.wait() => status,
            () = self.stopping.cancelled() => return self.end(&recorder).await,
        };
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        mark(&recorder, NAME, self.pid, RoleState::Exited, false, Some(how.clone()));
        let quote = quoted(&tail(&self.log));
        tell.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(UnaskedEnd { role: NAME.to_owned(), how: format!("{how}{quote}") });
            is_first
        });
    }

    async fn end(mut self, recorder: &Recorder) {
        let pid = nix::unistd::Pid::from_raw(self.pid.cast_signed());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let status = tokio::time::timeout(self.grace + LEASH_GRACE, self.child.wait()).await;
        // Whatever the leash still does, it does when its standard input closes.
        drop(self.leash.take());
        let how = match status {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its leash did not end in time".to_owned(),
        };
        mark(recorder, NAME, self.pid, RoleState::Exited, true, Some(how));
    }
}

/// Looks again and again; what was seen last when the time is over.
async fn answers(url: &str, path: Option<&str>, within: Duration) -> Result<(), String> {
    let deadline = Instant::now() + within;
    let asker = Asker::default();
    loop {
        let last = match path {
            Some(path) => match asker.send(url, &Spoken::get(path)).await {
                Ok(Said { status, .. }) if status < 500 => return Ok(()),
                Ok(Said { status, .. }) => format!("it answered {status}"),
                Err(error) => error.reason,
            },
            None => match TcpStream::connect(authority(url)).await {
                Ok(_) => return Ok(()),
                Err(error) => error.to_string(),
            },
        };
        if Instant::now() + EVERY >= deadline {
            return Err(format!("last seen: {last}"));
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// "127.0.0.1:80" of "http://127.0.0.1:80/base".
fn authority(url: &str) -> String {
    let rest = url.trim_start_matches("http://");
    let authority = rest.split('/').next().unwrap_or(rest);
    if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") }
}
