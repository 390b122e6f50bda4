//! The run folder: everything that a run leaves, and all that check, report and gate need.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

use crate::plan::Plan;

/// Name of the saved plan.
const PLAN: &str = "plan.json";

/// Name of the history.
const HISTORY: &str = "history.jsonl.zst";

/// Name of the file that says what fired.
const FIRED: &str = "fired.json";

/// Name of the folder with the logs of the pipeline's processes.
const LOGS: &str = "logs";

/// How many runs of one scenario and seed may begin within one second.
const MOST_IN_ONE_SECOND: u32 = 100;

/// A run's folder.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    id: String,
    started_unix_ms: u64,
}

/// Why a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum FolderError {
    #[error("cannot make the run folder {path}: choose another place with --out")]
    Create { path: PathBuf, source: io::Error },
    #[error("{path} is no run folder: it has no {PLAN}; give a folder that a run made, as reports/rush-20261121T121053Z-1")]
    NotARun { path: PathBuf, source: io::Error },
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not a plan of this version; use the version that wrote it")]
    Plan { path: PathBuf, source: serde_json::Error },
}

impl RunFolder {
    /// Makes the folder of a new run below `out` and saves the plan in it.
    ///
    /// # Errors
    /// [`FolderError`], naming the path.
    pub fn create(out: &Path, plan: &Plan) -> Result<Self, FolderError> {
        let name = format!("{}-{}-{}", plan.scenario().name, timestamp(now_unix_ms() / 1_000), plan.seed());
        Self::create_named(out, &name, plan)
    }

    /// Makes a folder of that name below `out`, or one with a number behind it where there is one already, and saves the plan in it.
    ///
    /// # Errors
    /// [`FolderError`], naming the path.
    pub fn create_named(out: &Path, name: &str, plan: &Plan) -> Result<Self, FolderError> {
        std::fs::create_dir_all(out).map_err(|source| FolderError::Create { path: out.to_owned(), source })?;
        let (path, id) = make_unique(out, name)?;
        let folder = Self { path, id, started_unix_ms: now_unix_ms() };
        folder.fill(plan)?;
        Ok(folder)
    }

    /// Makes the folder of that very path, for what is one thing and happens once, and saves the plan in it. `id` is the id of the run.
    ///
    /// # Errors
    /// [`FolderError`], naming the path; also when it is there already.
    pub fn create_at(path: &Path, id: &str, plan: &Plan) -> Result<Self, FolderError> {
        let create = |source| FolderError::Create { path: path.to_owned(), source };
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(create)?;
        std::fs::create_dir(path).map_err(create)?;
        let folder = Self { path: path.to_owned(), id: id.to_owned(), started_unix_ms: now_unix_ms() };
        folder.fill(plan)?;
        Ok(folder)
    }

    fn fill(&self, plan: &Plan) -> Result<(), FolderError> {
        let logs = self.logs();
        std::fs::create_dir(&logs).map_err(|source| FolderError::Create { path: logs, source })?;
        let path = self.path.join(PLAN);
        let text = serde_json::to_vec_pretty(plan).expect("a plan is made of texts and numbers");
        std::fs::write(&path, text).map_err(|source| FolderError::Write { path, source })
    }

    /// Opens the folder of an earlier run and reads its plan.
    ///
    /// # Errors
    /// [`FolderError`], naming the path.
    pub fn open(path: &Path) -> Result<(Self, Plan), FolderError> {
        let file = path.join(PLAN);
        let text = std::fs::read(&file).map_err(|source| FolderError::NotARun { path: path.to_owned(), source })?;
        let plan = serde_json::from_slice(&text).map_err(|source| FolderError::Plan { path: file, source })?;
        let id = path.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok((Self { path: path.to_owned(), id, started_unix_ms: 0 }, plan))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Id of the run: the folder's name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When the run began, ms since the Unix epoch; 0 for a folder that was opened (its history knows).
    #[must_use]
    pub fn started_unix_ms(&self) -> u64 {
        self.started_unix_ms
    }

    /// The history's file.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        Self::history_in(&self.path)
    }

    /// The history's file in a run's folder.
    #[must_use]
    pub fn history_in(path: &Path) -> PathBuf {
        path.join(HISTORY)
    }

    /// What fired in the run; there when anything was planned to.
    #[must_use]
    pub fn fired(&self) -> PathBuf {
        self.path.join(FIRED)
    }

    /// Folder with the logs of the pipeline's processes.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join(LOGS)
    }
}

/// The wall clock, ms since the Unix epoch.
fn now_unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Two runs that begin in the same second with the same seed get folders of their own.
fn make_unique(out: &Path, name: &str) -> Result<(PathBuf, String), FolderError> {
    for copy in 1..MOST_IN_ONE_SECOND {
        let id = if copy == 1 { name.to_owned() } else { format!("{name}-{copy}") };
        let path = out.join(&id);
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok((path, id)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(FolderError::Create { path, source }),
        }
    }
    let source = io::Error::new(io::ErrorKind::AlreadyExists, format!("{MOST_IN_ONE_SECOND} runs began within one second"));
    Err(FolderError::Create { path: out.join(name), source })
}

/// `20261121T094200Z`: sorts by time, and is a legal file name everywhere.
fn timestamp(unix_seconds: u64) -> String {
    let at = i64::try_from(unix_seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    // A clock set beyond the year 9999 still gets a folder.
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (at.date(), at.time());
    format!("{:04}{:02}{:02}T{:02}{:02}{:02}Z", date.year(), u8::from(date.month()), date.day(), time.hour(), time.minute(), time.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_the_utc_time() {
        assert_eq!(timestamp(0), "19700101T000000Z");
        assert_eq!(timestamp(951_782_400), "20000229T000000Z");
        assert_eq!(timestamp(1_795_254_120), "20261121T094200Z");
    }

    #[test]
    fn runs_that_begin_together_get_folders_of_their_own() {
        let out = tempfile::tempdir().unwrap();
        let (first, _) = make_unique(out.path(), "smoke-1").unwrap();
        let (second, id) = make_unique(out.path(), "smoke-1").unwrap();
        assert_ne!(first, second);
        assert_eq!(id, "smoke-1-2");
    }
}
