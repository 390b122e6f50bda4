//! What goes wrong with the harness itself: it says so, keeps the evidence, leaves nothing behind, and never passes a run because of it.

mod clock;
mod peers;
mod processes;
mod shortages;
mod storage;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use loadgen::history::event::{Event, Phase};

use crate::whole_command::{Desk, SHORT, events, lives, pids, text, until};

/// The short scenario, far longer than any test waits.
pub(crate) fn long() -> String {
    SHORT.replace("duration = \"4s\"", "duration = \"10m\"")
}

/// The harness under limits that a shell sets for it: `limits` are shell commands.
fn limited(desk: &Desk, limits: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_loadgen")]).args(args);
    command.current_dir(desk.path("")).env("TMPDIR", desk.path("tmp")).env_remove("GITHUB_STEP_SUMMARY");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// What `check` says of a run: its exit code and its words.
fn checked(desk: &Desk, run: &Path) -> (Option<i32>, String) {
    let output = desk.loadgen(&["check", run.to_str().unwrap()]).output().unwrap();
    (output.status.code(), said(&output))
}

/// Waits until every process and every temporary file of a run is gone.
pub(crate) fn nothing_is_left_behind(desk: &Desk, run: &Path) {
    until("every process of the run to end", || pids(run).iter().all(|pid| !lives(*pid)).then_some(()));
    until("the temporary files to be gone", || desk.temporary_files().is_empty().then_some(()));
}

/// Waits until a phase has begun.
fn phase(desk: &Desk, wanted: Phase) -> PathBuf {
    until("the phase to begin", || {
        let run = desk.run_folders().pop()?;
        events(&run).iter().any(|event| matches!(event, Event::Phase(mark) if mark.begin && mark.phase == wanted)).then_some(run)
    })
}
