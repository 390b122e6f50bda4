//! Incidents of processes.
//!
//! Each function does one occurrence: it strikes, sees with its own eyes that it struck, holds, undoes it, and returns when the process
//! answers as ready again. `held` ends when the time is over, or earlier when everything is to be undone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use chaos::incident::Skew;
use http::StatusCode;
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use nix::sys::signal::Signal;
use reference::drills;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Diary;
use crate::boot::crew::Seat;
use crate::boot::role::{Ended, RoleError};

/// How long a process may take to come back, and again until it answers as ready, its store and its broker included; a busy machine gets its
/// time.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How long the kernel may take to do what a signal asks for.
const SIGNAL_WITHIN: Duration = Duration::from_secs(5);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How far a clock may be from where it was set, the time between its reading and ours included.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// The kernel's word for a process that a signal has stopped (proc(5)).
const STOPPED: char = 'T';

/// Why something could not be done to a process.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessTrouble {
    #[error(transparent)]
    Role(#[from] RoleError),
    #[error("{role} was to stand still and is in state {state:?} {} s after", SIGNAL_WITHIN.as_secs())]
    NotStopped { role: String, state: Option<char> },
    #[error("{role} was to go on and is in state {state:?} {} s after", SIGNAL_WITHIN.as_secs())]
    NotResumed { role: String, state: Option<char> },
    #[error("{role} does not answer as ready {} s after it came back; last seen: {last}", READY_WITHIN.as_secs())]
    NotReady { role: String, last: String },
}

/// Killed, away for a while, and back.
pub(super) async fn kill(seat: &mut Seat, diary: &Diary, held: impl Future<Output = bool>) -> Result<(), ProcessTrouble> {
    let (name, pid) = who(seat)?;
    diary.fired(format!("SIGKILL to {name} (pid {pid})"));
    let ended = seat.kill().await?;
    see_death(diary, &name, pid, &ended);
    held.await;
    come_back(seat).await
}

/// Stands still for a while, and goes on.
pub(super) async fn pause(seat: &Seat, diary: &Diary, held: impl Future<Output = bool>) -> Result<(), ProcessTrouble> {
    let (name, pid) = who(seat)?;
    let paused = seat.pause().await?;
    diary.fired(format!("SIGSTOP to {name} (pid {pid})"));
    let stands = |state| state == Some(STOPPED);
    await_state(pid, stands).await.map_err(|state| ProcessTrouble::NotStopped { role: name.clone(), state })?;
    diary.effective(format!("{name} (pid {pid}) stands still (state {STOPPED})"));
    held.await;
    drop(paused);
    await_state(pid, |state| !stands(state)).await.map_err(|state| ProcessTrouble::NotResumed { role: name.clone(), state })?;
    ready(seat, &name).await
}

/// Ends in order, and is back at once.
pub(super) async fn restart(seat: &mut Seat, diary: &Diary) -> Result<(), ProcessTrouble> {
    let (name, pid) = who(seat)?;
    diary.fired(format!("SIGTERM to {name} (pid {pid})"));
    let ended = seat.end().await?;
    see_death(diary, &name, pid, &ended);
    come_back(seat).await
}

/// Runs until it dies at a point of its code, and is back without that. When it never gets there it is restarted at the end.
pub(super) async fn crash(seat: &mut Seat, at: String, diary: &Diary, stop: &CancellationToken) -> Result<(), ProcessTrouble> {
    let (name, _) = who(seat)?;
    seat.end().await?;
    let pid = seat.start_with(drills::CRASH_AT, at.clone(), true).await?.pid();
    tokio::select! {
        ended = seat.ends() => {
            let ended = ended?;
            diary.fired(format!("{name} (pid {pid}) died at {at}"));
            if ended.signal == Some(Signal::SIGKILL as i32) {
                see_death(diary, &name, pid, &ended);
            }
        }
        () = stop.cancelled() => {
            seat.end().await?;
        }
    }
    come_back(seat).await
}

/// Runs with a wrong clock for a while, and then with the right one.
pub(super) async fn skew(seat: &mut Seat, by: Skew, diary: &Diary, held: impl Future<Output = bool>) -> Result<(), ProcessTrouble> {
    let (name, _) = who(seat)?;
    seat.end().await?;
    let role = seat.start_with(drills::CLOCK_SKEW, by.micros.to_string(), false).await?;
    let off = role.clock_us() - now_us();
    diary.fired(format!("{name} (pid {}) runs with a clock that is off by {} ms", role.pid(), by.micros / 1_000));
    if off.abs_diff(by.micros) <= u64::try_from(CLOCK_TOLERANCE.as_micros()).unwrap_or(u64::MAX) {
        diary.effective(format!("{name} says that it is {} ms from now", off / 1_000));
    }
    held.await;
    seat.end().await?;
    come_back(seat).await
}

fn who(seat: &Seat) -> Result<(String, u32), RoleError> {
    let role = seat.role()?;
    Ok((role.name().to_owned(), role.pid()))
}

fn see_death(diary: &Diary, name: &str, pid: u32, ended: &Ended) {
    if chaos::process::state(pid).is_none() {
        diary.effective(format!("{name} (pid {pid}) is gone: {}", ended.how));
    }
}

/// Starts it again, as often as a supervisor would: a process that finds its database locked gives up and is tried anew.
async fn come_back(seat: &mut Seat) -> Result<(), ProcessTrouble> {
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        match seat.start().await {
            Ok(role) => {
                let name = role.name().to_owned();
                return ready(seat, &name).await;
            }
            Err(error @ RoleError::EndedEarly { .. }) if Instant::now() < deadline => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a process did not come back, and is tried again");
            }
            Err(error) => return Err(error.into()),
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn await_state(pid: u32, reached: impl Fn(Option<char>) -> bool) -> Result<(), Option<char>> {
    let deadline = Instant::now() + SIGNAL_WITHIN;
    loop {
        let state = chaos::process::state(pid);
        if reached(state) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(state);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Waits until the process says of itself that it is ready.
async fn ready(seat: &Seat, name: &str) -> Result<(), ProcessTrouble> {
    let Some(admin) = seat.addresses().get("admin") else { return Ok(()) };
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let url: http::Uri = format!("{admin}/readyz").parse().expect("an address that was told at the start");
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let last = match tokio::time::timeout_at(deadline, client.get(url.clone())).await {
            Ok(Ok(answer)) if answer.status() == StatusCode::OK => return Ok(()),
            Ok(Ok(answer)) => format!("it answered {}", answer.status()),
            Ok(Err(error)) => crate::run::error_chain(&error),
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() >= deadline {
            return Err(ProcessTrouble::NotReady { role: name.to_owned(), last });
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What time it is for the harness, whose clock is right by definition.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
