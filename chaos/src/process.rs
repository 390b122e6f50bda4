//! A process as a victim: it never outlives its parent, and it can be killed, paused and resumed.
//!
//! Faults are guards: [`Process::pause`] returns a [`Paused`] whose drop resumes the process, so an interrupted run and a panic heal too.

use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// A child process.
///
/// It stands in a process group of its own, so that Ctrl-C at the terminal reaches only the parent, which then decides in which order
/// its children end. Its standard input is a pipe that closes when the parent ends, however it ends; a child that watches for that
/// needs no other leash. Dropping the value kills the process.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    child: Child,
    /// Held apart from `child`, because tokio closes the child's own copy in `wait`, which would end a child that watches it.
    _leash: Option<ChildStdin>,
}

/// Why a process could not be started or reached.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be started.
    #[error("cannot start {program} as {name} (is it there, and executable?)")]
    Spawn {
        /// Name of the process in this run.
        name: String,
        /// Program that was to be started.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The process is not there any more.
    #[error("cannot send {signal} to {name} (pid {pid}), which has probably ended by itself; its log says why")]
    Signal {
        /// Name of the process in this run.
        name: String,
        /// Its process id.
        pid: i32,
        /// What was to be sent.
        signal: Signal,
        /// Why it could not.
        source: nix::Error,
    },
    /// Waiting for its end failed.
    #[error("cannot learn how {name} ended; somebody else may have waited for it")]
    Wait {
        /// Name of the process in this run.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// How a process ended that was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Its exit status.
    pub status: ExitStatus,
    /// True when it did not end within the grace period and was killed.
    pub killed: bool,
}

impl Process {
    /// Starts `command` as a process named `name`.
    ///
    /// # Errors
    /// [`ProcessError::Spawn`] when the program cannot be started.
    pub fn spawn(name: &str, command: &mut Command) -> Result<Self, ProcessError> {
        let program = command.as_std().get_program().to_owned();
        let failed = |source| ProcessError::Spawn { name: name.to_owned(), program: display(&program), source };
        let mut child = command.stdin(Stdio::piped()).process_group(0).kill_on_drop(true).spawn().map_err(failed)?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or_else(|| failed(io::Error::other("it ended at once")))?;
        let leash = child.stdin.take();
        Ok(Self { name: name.to_owned(), pid: Pid::from_raw(pid), child, _leash: leash })
    }

    /// Its name in this run.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Its standard output, once, when `command` piped it.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard error, once, when `command` piped it.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Ends it at once (SIGKILL), as a crash of the machine would.
    ///
    /// # Errors
    /// [`ProcessError::Signal`] when it is gone already.
    pub fn kill(&self) -> Result<(), ProcessError> {
        self.signal(Signal::SIGKILL)
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// [`ProcessError::Signal`] when it is gone already.
    pub fn terminate(&self) -> Result<(), ProcessError> {
        self.signal(Signal::SIGTERM)
    }

    /// Stops it where it stands (SIGSTOP) until the guard is dropped.
    ///
    /// # Errors
    /// [`ProcessError::Signal`] when it is gone already.
    pub fn pause(&self) -> Result<Paused, ProcessError> {
        self.signal(Signal::SIGSTOP)?;
        Ok(Paused { pid: self.pid })
    }

    /// What the kernel says that it is doing, as in proc(5): 'R' runs, 'S' sleeps, 'T' stands still, 'Z' has ended and was not waited for.
    /// None when it is gone, and where the system does not tell.
    #[must_use]
    pub fn state(&self) -> Option<char> {
        state(self.pid())
    }

    /// Waits for its end. Cancel-safe.
    ///
    /// # Errors
    /// [`ProcessError::Wait`] when the operating system does not say.
    pub async fn wait(&mut self) -> Result<ExitStatus, ProcessError> {
        self.child.wait().await.map_err(|source| ProcessError::Wait { name: self.name.clone(), source })
    }

    /// Asks it to end, and kills it when it has not within `grace`.
    ///
    /// # Errors
    /// [`ProcessError::Wait`] when the operating system does not say how it ended.
    pub async fn stop(&mut self, grace: Duration) -> Result<Stopped, ProcessError> {
        // Gone already is as good as asked: `wait` says how it ended.
        let _ = self.terminate();
        if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
            return Ok(Stopped { status: status?, killed: false });
        }
        let _ = self.kill();
        Ok(Stopped { status: self.wait().await?, killed: true })
    }

    fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        kill(self.pid, signal).map_err(|source| ProcessError::Signal { name: self.name.clone(), pid: self.pid.as_raw(), signal, source })
    }
}

/// What the kernel says that a process is doing; see [`Process::state`].
#[must_use]
pub fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in brackets before it, and may hold anything.
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// A paused process; dropping it resumes the process.
#[derive(Debug)]
#[must_use = "dropping the guard resumes the process at once"]
pub struct Paused {
    pid: Pid,
}

impl Drop for Paused {
    fn drop(&mut self) {
        // A process that died meanwhile needs no resuming.
        let _ = kill(self.pid, Signal::SIGCONT);
    }
}

fn display(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        command
    }

    async fn until(what: &str, mut reached: impl FnMut() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !reached() {
            assert!(tokio::time::Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_killed_process_ends_by_the_signal() {
        let mut process = Process::spawn("victim", &mut shell("echo up; read line")).unwrap();
        process.kill().unwrap();
        let status = tokio::time::timeout(PATIENCE, process.wait()).await.unwrap().unwrap();
        assert_eq!((status.signal(), process.state()), (Some(9), None));
    }

    #[tokio::test]
    async fn a_paused_process_stands_still_until_the_guard_is_dropped() {
        let process = Process::spawn("victim", &mut shell("read line")).unwrap();
        let paused = process.pause().unwrap();
        until("the process to stop", || process.state() == Some('T')).await;
        drop(paused);
        until("the process to go on", || process.state() != Some('T')).await;
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_request_is_killed_after_the_grace_period() {
        let mut process = Process::spawn("stubborn", &mut shell("trap '' TERM; echo up; while :; do read line || sleep 1; done")).unwrap();
        let mut line = String::new();
        BufReader::new(process.take_stdout().unwrap()).read_line(&mut line).await.unwrap();
        let stopped = process.stop(Duration::from_millis(50)).await.unwrap();
        assert!(stopped.killed);
    }

    #[tokio::test]
    async fn a_process_that_obeys_is_not_killed() {
        let mut process =
            Process::spawn("obedient", &mut shell("trap 'exit 7' TERM; echo up; while :; do read line || sleep 0.01; done")).unwrap();
        let mut lines = BufReader::new(process.take_stdout().unwrap());
        lines.read_line(&mut String::new()).await.unwrap();
        let stopped = process.stop(PATIENCE).await.unwrap();
        assert_eq!((stopped.status.code(), stopped.killed), (Some(7), false));
    }

    #[tokio::test]
    async fn dropping_the_value_ends_the_process_and_closes_its_pipes() {
        let mut process = Process::spawn("orphan", &mut shell("read line")).unwrap();
        let mut stdout = process.take_stdout().unwrap();
        drop(process);
        let mut rest = Vec::new();
        tokio::time::timeout(PATIENCE, stdout.read_to_end(&mut rest)).await.expect("its stdout closes").unwrap();
    }

    #[tokio::test]
    async fn giving_up_waiting_does_not_end_the_process() {
        let mut process = Process::spawn("patient", &mut shell("read line")).unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), process.wait()).await.is_err());
        assert!(tokio::time::timeout(Duration::from_millis(20), process.wait()).await.is_err());
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = Process::spawn("ghost", &mut Command::new("no-such-program-here")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start no-such-program-here as ghost (is it there, and executable?)");
    }
}
