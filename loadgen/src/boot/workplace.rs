//! The temporary folder of a run's databases and journals, and whatever else it makes that must not outlive it. It goes with the run, however the run ends.
//!
//! A process that is killed cleans nothing up. So another one waits beside it ([`super::janitor`]), on an input that closes when the harness is gone for
//! whatever reason; what it is told there is what would be left behind.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::janitor::{Debt, PREFIX, Word};
use crate::program;

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
        let mut janitor = Command::new(program::own()?);
        janitor.arg("janitor").arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A Ctrl-C in the terminal is for the harness alone.
        let janitor = janitor.process_group(0).spawn()?;
        Ok(Self { folder: Some(folder), janitor })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.as_ref().expect("only drop takes it").path()
    }

    /// Something is about to be made elsewhere that must not stay there. Said before it is made, so that it is known whenever this process dies.
    pub(crate) fn owes(&self, debt: &Debt) {
        self.say(&Word::Owes(debt.clone()));
    }

    /// It is gone again.
    pub(crate) fn paid(&self, debt: &Debt) {
        self.say(&Word::Paid(debt.clone()));
    }

    fn say(&self, word: &Word) {
        let line = serde_json::to_string(word).expect("texts alone") + "\n";
        let said = self.janitor.stdin.as_ref().map(|mut input| input.write_all(line.as_bytes()));
        if let Some(Err(error)) = said {
            // Whoever killed the janitor cleans up.
            tracing::warn!(%error, "the janitor of a run is gone; if the run is killed, what it made stays");
        }
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
