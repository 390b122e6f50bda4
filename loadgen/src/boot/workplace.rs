//! The temporary folder of a run's databases and journals. It goes with the run, however the run ends.
//!
//! A process that is killed cleans nothing up. So another one waits beside it, this program again (`loadgen janitor FOLDER`), on an input that closes
//! when the harness is gone for whatever reason, and removes what is left.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// What every folder of this kind is called at first.
const PREFIX: &str = "rushproof-";

/// How long the janitor comes back for what processes that are ending themselves still write.
const STAYS: Duration = Duration::from_secs(20);

/// Pause between two looks of the janitor.
const EVERY: Duration = Duration::from_millis(100);

/// The folder. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Workplace {
    folder: Option<TempDir>,
    janitor: Child,
}

impl Workplace {
    /// Makes the folder, and has somebody wait who removes it if this process cannot.
    ///
    /// # Errors
    /// When there is no room for the one or the other.
    pub(crate) fn open() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let mut janitor = Command::new(std::env::current_exe()?);
        janitor.arg("janitor").arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A Ctrl-C in the terminal is for the harness alone.
        let janitor = janitor.process_group(0).spawn()?;
        Ok(Self { folder: Some(folder), janitor })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.as_ref().expect("only drop takes it").path()
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // The folder first: the janitor then finds nothing, and ends as soon as its input closes.
        drop(self.folder.take());
        drop(self.janitor.stdin.take());
        if let Err(error) = self.janitor.wait() {
            tracing::warn!(%error, "the janitor of a temporary folder was not seen to end");
        }
    }
}

/// Waits until standard input closes, then sees to it that the folder is gone. A folder of another kind is left alone.
#[must_use]
pub fn clean_up(folder: &Path) -> ExitCode {
    let is_ours = folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
    if !is_ours {
        eprintln!("error: {} is no temporary folder of a run", folder.display());
        return crate::exit::Exit::Usage.into();
    }
    let mut nothing = [0; 64];
    while io::stdin().read(&mut nothing).is_ok_and(|read| read > 0) {}
    if !folder.exists() {
        return ExitCode::SUCCESS;
    }
    let removed = tokio::runtime::Builder::new_current_thread().enable_time().build().map(|runtime| runtime.block_on(remove(folder)));
    if removed.unwrap_or(false) { ExitCode::SUCCESS } else { crate::exit::Exit::Harness.into() }
}

/// Removes the folder, again while somebody still writes into it.
async fn remove(folder: &Path) -> bool {
    let deadline = Instant::now() + STAYS;
    while std::fs::remove_dir_all(folder).is_err() && folder.exists() {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(EVERY).await;
    }
    true
}
