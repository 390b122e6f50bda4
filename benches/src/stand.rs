//! Programs that are measured from the outside: the benchmarks start `stand` (and peers) as processes of their own.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Microseconds in a tick of `/proc/PID/stat` (proc(5): 100 a second, whatever the kernel's own rate).
const TICK_US: f64 = 10_000.0;

/// A program that serves until this is dropped.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    /// Its end tells our own programs to end, also when this process is killed.
    leash: Option<ChildStdin>,
    /// Who serves.
    pid: u32,
    /// What it said when it was ready: its address.
    pub address: String,
}

impl Serving {
    /// Starts a program whose first line on standard output is its address, followed by the id of the process that serves there when that is
    /// another one than its own.
    ///
    /// # Errors
    /// When it cannot be started, or ends without saying where it is.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let leash = child.stdin.take();
        let stdout = child.stdout.take().expect("it was asked for");
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        let line = address.trim();
        let by_another = line.rsplit_once(' ').and_then(|(address, pid)| Some((address, pid.parse().ok()?)));
        let (address, pid) = by_another.unwrap_or((line, child.id()));
        let serving = Serving { child, leash, pid, address: address.to_owned() };
        if serving.address.is_empty() { Err(io::Error::other("it ended before it said where it is")) } else { Ok(serving) }
    }

    /// Its processor time so far, µs, that of the processes it started and which ended included.
    ///
    /// # Panics
    /// Where there is no `/proc`, or the program is gone.
    #[must_use]
    pub fn cpu_us(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("the program still runs, on Linux");
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks: f64 = fields.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks * TICK_US
    }

    /// Memory it holds now, in bytes.
    ///
    /// # Panics
    /// Where there is no `/proc`, or the program is gone.
    #[must_use]
    pub fn resident_bytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the program still runs, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) * 1_024.0
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The end of its standard input is what it waits for.
        drop(self.leash.take());
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and returns its processor time, µs, and what it printed.
///
/// # Errors
/// When it cannot be started or fails.
pub fn cpu_of(command: &mut Command) -> io::Result<(f64, String)> {
    let before = children_us();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let used = children_us() - before;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok((used, said)) } else { Err(io::Error::other(format!("{command:?} failed: {said}"))) }
}

/// Processor time of all children that ended and were waited for, µs.
fn children_us() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("asking for one's own children cannot fail");
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64
}

/// A fresh folder below cargo's target folder: on the disk that the workspace is on, which a folder for temporary files need not be.
///
/// # Panics
/// When the target folder cannot be written.
#[must_use]
pub fn workspace_folder() -> tempfile::TempDir {
    let target = crate::rows::target();
    std::fs::create_dir_all(&target).expect("cargo's target folder can be written");
    tempfile::tempdir_in(target).expect("cargo's target folder can be written")
}

/// The program of that name: a tool that `scripts/install-peers.sh` put into `target/tools`, or one on the path; None when there is none.
#[must_use]
pub fn peer(name: &str) -> Option<std::path::PathBuf> {
    let tools = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(tools).chain(std::env::split_paths(&path)).map(|folder| folder.join(name)).find(|file| file.is_file())
}
