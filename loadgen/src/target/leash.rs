//! A leash for programs that know nothing of us: whatever a target starts, and whatever that starts, ends with the run.
//!
//! The harness starts `loadgen leash -- PROGRAM ARGUMENTS…` instead of the program. The leash adopts every process below it whose own
//! parent ends (it is their "subreaper", so that even a daemon cannot slip away), and ends them all when the program ends, when it is asked to
//! (SIGTERM, with a grace period), or when its standard input closes, which happens however the harness itself ends.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// How long killed processes may take to be gone. The kernel ends them at once, unless one of them waits for a broken disk.
const KILLED_WITHIN: Duration = Duration::from_secs(5);

/// Pause between two looks at what is left.
const EVERY: Duration = Duration::from_millis(10);

/// What a shell answers for a program that cannot be started.
const NOT_STARTED: u8 = 127;

/// Runs a program on a leash, and answers its exit code (128 and the signal's number where a signal ended it).
#[must_use]
pub fn run(command: &[OsString], grace: Duration) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let code = match runtime {
        Ok(runtime) => runtime.block_on(lead(command, grace)),
        Err(error) => Err(error),
    };
    code.map_or_else(
        |error| {
            eprintln!("cannot start {}: {error}", command.first().map(|program| program.to_string_lossy()).unwrap_or_default());
            ExitCode::from(NOT_STARTED)
        },
        ExitCode::from,
    )
}

/// Why the leash is pulled.
enum Pull {
    Ended,
    Asked,
    Orphaned,
}

async fn lead(command: &[OsString], grace: Duration) -> std::io::Result<u8> {
    let (program, args) = command.split_first().ok_or_else(|| std::io::Error::other("no program was given"))?;
    set_child_subreaper(true)?;
    let mut asked = signal(SignalKind::terminate())?;
    let mut child = Command::new(program).args(args).stdin(std::process::Stdio::null()).process_group(0).spawn()?;
    let pull = tokio::select! {
        _ = child.wait() => Pull::Ended,
        _ = asked.recv() => Pull::Asked,
        () = orphaned() => Pull::Orphaned,
    };
    if matches!(pull, Pull::Asked) {
        ask(&mut child, grace).await;
    }
    Ok(end_all(&mut child).await)
}

/// Returns when standard input closes.
async fn orphaned() {
    let (tell, closed) = tokio::sync::oneshot::channel();
    // A thread of its own, because standard input cannot be waited for in any other way everywhere; it ends with the process.
    std::thread::spawn(move || {
        let mut nothing = [0u8; 64];
        while std::io::stdin().read(&mut nothing).is_ok_and(|read| read > 0) {}
        // Nobody waits any more when the program ended first.
        let _ = tell.send(());
    });
    let _ = closed.await;
}

/// Asks the program's whole group to end, and waits for the program as long as it is given.
async fn ask(child: &mut Child, grace: Duration) {
    if let Some(group) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // Gone already is as good as asked.
        let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
    }
    let _ = tokio::time::timeout(grace, child.wait()).await;
}

/// Kills whatever is left below this process, again and again, because a process may start another while it is being ended.
async fn end_all(child: &mut Child) -> u8 {
    let _ = child.start_kill();
    let status = child.wait().await;
    let deadline = Instant::now() + KILLED_WITHIN;
    loop {
        for pid in descendants(std::process::id()) {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        }
        if nobody_left() || Instant::now() >= deadline {
            break;
        }
        tokio::time::sleep(EVERY).await;
    }
    let code = status.map(|status| status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()));
    u8::try_from(code.unwrap_or(1)).unwrap_or(1)
}

/// Collects what has ended; true when no child remains.
fn nobody_left() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return false,
            Err(Errno::ECHILD) => return true,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// Every process below this one.
#[must_use]
pub(super) fn descendants(ancestor: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The fourth field; the second is the program's name in brackets, which may hold anything.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut found, mut open, mut seen) = (Vec::new(), vec![ancestor], HashSet::new());
    while let Some(parent) = open.pop() {
        for child in children.get(&parent).into_iter().flatten().filter(|child| seen.insert(**child)) {
            found.push(*child);
            open.push(*child);
        }
    }
    found
}
