//! This program, to be started again: as a role of the pipeline, as a janitor, as a run.

use std::io;
use std::path::PathBuf;

/// Where the system keeps a running program, whatever became of its file.
#[cfg(target_os = "linux")]
const RUNNING: &str = "/proc/self/exe";

/// What to start in order to start this very program.
///
/// Asked for anew whenever something is started: a program that is built again while it runs (by somebody at work in the next window)
/// is no longer where it was. Linux still has it, and what is started is what runs already, not what was built since.
///
/// # Errors
/// When the system does not tell.
pub(crate) fn own() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    // The link of a file that is gone reads "… (deleted)", which is nowhere.
    #[cfg(target_os = "linux")]
    if !path.exists() {
        return Ok(RUNNING.into());
    }
    Ok(path)
}
