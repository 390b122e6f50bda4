//! A run as a child of this one: this program again, in a process group of its own, with a bound on its time.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reference::defects::Defect;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::interrupt::Interrupts;
use crate::program;
use crate::result::RunResult;

/// How long a run that is asked to end at once may take to do so.
const GRACE: Duration = Duration::from_secs(10);

/// Between the two signals that mean "at once".
const BETWEEN_SIGNALS: Duration = Duration::from_millis(200);

/// Name of the file that takes what a run says.
const SAID: &str = "said.log";

/// How much of that is quoted when there is no result.
const QUOTED_LINES: usize = 6;

/// A run to be made.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// What the run is told to load: the name of a scenario, or the path of its file.
    pub scenario: &'a str,
    /// Its seed.
    pub seed: u64,
    /// Mistake that the reference shall make.
    pub defect: Option<Defect>,
    /// An empty folder for this run alone, in which it makes its own.
    pub out: &'a Path,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// With a result.
    Result(Box<RunResult>),
    /// Without one, for this reason.
    Nothing(String),
    /// Because somebody wanted an end of it all.
    Interrupted,
}

impl Again<'_> {
    /// Makes the run, within `limit`.
    ///
    /// # Errors
    /// When it cannot be started or waited for.
    pub async fn run(&self, limit: Duration, interrupts: &Interrupts) -> io::Result<Ended> {
        let mut child = self.start()?;
        let ended = tokio::select! {
            ended = timeout(limit, child.wait()) => ended,
            () = interrupts.soft.cancelled() => {
                end(&mut child).await;
                return Ok(Ended::Interrupted);
            }
        };
        match ended {
            Ok(status) => Ok(self.read(status?)),
            Err(_) => {
                end(&mut child).await;
                Ok(Ended::Nothing(format!("it was not over after {} s", limit.as_secs())))
            }
        }
    }

    fn start(&self) -> io::Result<Child> {
        let mut command = Command::new(program::own()?);
        command.args(["--scenario", self.scenario, "--seed", &self.seed.to_string(), "--quiet", "--out"]).arg(self.out);
        command.args(self.defect.iter().flat_map(|defect| ["--defect", defect.name()]));
        let said = fs::File::create(self.out.join(SAID))?;
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        // A Ctrl-C at the terminal is for the parent, which ends its children in order.
        command.process_group(0).kill_on_drop(true).spawn()
    }

    /// The result that the run left, or why there is none.
    fn read(&self, status: ExitStatus) -> Ended {
        let runs = fs::read_dir(self.out).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        let result = runs.filter(|path| path.is_dir()).find_map(|run| RunResult::read(&run).ok());
        if let Some(result) = result {
            return Ended::Result(Box::new(result));
        }
        let said = fs::read_to_string(self.out.join(SAID)).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let last = lines[lines.len().saturating_sub(QUOTED_LINES)..].join(" / ");
        Ended::Nothing(format!("it left no result ({status}): {last}"))
    }
}

/// Ends a run at once, in order: the second signal means that it shall not wait for its pipeline.
async fn end(child: &mut Child) {
    for _ in 0..2 {
        if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // It may have ended by itself meanwhile.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        if timeout(BETWEEN_SIGNALS, child.wait()).await.is_ok() {
            return;
        }
    }
    if timeout(GRACE, child.wait()).await.is_err() {
        // Its pipeline ends with it.
        let _ = child.kill().await;
    }
}
