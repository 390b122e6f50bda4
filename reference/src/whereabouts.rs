//! Where a running shop is, so that `status` and `redrive` need not be told.
//!
//! A process that plays the broker posts a [`Whereabouts`] when it is up: always as `addresses.json` in its data folder, and, where nobody
//! named that folder, also in a folder of the user's own, which holds one entry per running shop. Shops side by side never write each other's
//! entries, and when the newest ends, the one before it is the newest again.
//!
//! * [`Posted`] — the guard of what was posted
//! * [`look`] — finding a shop

pub mod look;

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal;
use nix::unistd::{Pid, getuid};
use serde::{Deserialize, Serialize};

use crate::serve::ready::Ready;

/// The record in a data folder.
pub const FILE: &str = "addresses.json";
/// A record is a few hundred bytes; whatever is larger is none.
const MOST_BYTES: u64 = 64 * 1024;
/// How long a listener on this machine may take to answer.
const ANSWER: Duration = Duration::from_millis(500);

/// Where a shop is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// What the process said when it was ready.
    #[serde(flatten)]
    pub ready: Ready,
    /// URL of its database, without the password where it has one: whoever looks must bring it along.
    pub database_url: String,
}

/// What was posted; taken down when dropped.
#[derive(Debug)]
pub struct Posted {
    text: String,
    in_data: Option<PathBuf>,
    for_user: Option<PathBuf>,
}

impl Whereabouts {
    /// Of a process that is up. A relative path of the database is made absolute: who reads it may stand elsewhere.
    #[must_use]
    pub fn of(ready: Ready, database_url: &str) -> Self {
        Self { ready, database_url: absolute(database_url) }
    }

    /// Base URL of the broker; empty when the process has none.
    #[must_use]
    pub fn broker(&self) -> &str {
        self.ready.addresses.get("broker").map_or("", String::as_str)
    }

    /// Posts it in the data folder and, with `for_user`, where every command of this user looks. Not to be able to is a pity, and no reason
    /// not to serve: it is logged.
    #[must_use]
    pub fn post(&self, for_user: bool, user_folders: &[PathBuf]) -> Posted {
        let text = serde_json::to_string_pretty(self).expect("a record is plain text");
        let file = self.ready.data.join(FILE);
        let in_data = match write_whole(&file, &text) {
            Ok(()) => Some(file),
            Err(error) => {
                tracing::warn!(%error, file = %file.display(), "cannot note where this shop is; `status --data` will need AWS_ENDPOINT_URL");
                None
            }
        };
        let for_user = if for_user { post_for_user(&text, user_folders) } else { None };
        Posted { text, in_data, for_user }
    }

    /// Whether the process still lives and its broker still listens. Both, because ids of processes and ports are used again.
    fn answers(&self) -> bool {
        let listens = |address: &str| {
            let address = address.trim_start_matches("http://").parse().ok()?;
            TcpStream::connect_timeout(&address, ANSWER).ok()
        };
        lives(self.ready.pid) && listens(self.broker()).is_some()
    }

    fn read(file: &Path) -> io::Result<Self> {
        let mut text = String::new();
        fs::File::open(file)?.take(MOST_BYTES).read_to_string(&mut text)?;
        Ok(serde_json::from_str(&text)?)
    }
}

impl Posted {
    /// What to add to a command so that it finds this shop; `None` when it cannot.
    #[must_use]
    pub fn selector(&self) -> Option<String> {
        match (&self.for_user, &self.in_data) {
            (Some(_), _) => Some(String::new()),
            (None, Some(file)) => file.parent().map(|data| format!(" --data {}", quoted(&data.display().to_string()))),
            (None, None) => None,
        }
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        for file in self.in_data.iter().chain(&self.for_user) {
            // A process that was started later in the same folder has its own record there.
            if fs::read_to_string(file).is_ok_and(|text| text == self.text) {
                drop(fs::remove_file(file));
            }
        }
    }
}

/// The folders where a user's shops are posted, the preferred one first: below `$XDG_RUNTIME_DIR`, which is the user's own, and below the
/// system's folder for temporary files, which is there for everybody.
#[must_use]
pub fn user_folders() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let mut folders: Vec<_> =
        runtime.into_iter().chain([std::env::temp_dir()]).map(|folder| folder.join(format!("reference-shops-{}", getuid()))).collect();
    // Some machines have both in one place, and nothing shall be counted twice.
    folders.dedup();
    folders
}

fn post_for_user(text: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    // Names in the order of time: the newest shop is the last name.
    let name = format!("{}.json", uuid::Uuid::now_v7());
    let post = |folder: &PathBuf| {
        own_folder(folder)?;
        sweep(folder);
        let file = folder.join(&name);
        write_whole(&file, text).map(|()| file)
    };
    let mut tried = Vec::new();
    for folder in folders {
        match post(folder) {
            Ok(file) => return Some(file),
            Err(error) => tried.push(format!("{}: {error}", folder.display())),
        }
    }
    tracing::warn!(tried = tried.join("; "), "cannot post where this shop is; other commands need --data");
    None
}

/// Makes the folder where it is missing. A folder of somebody else, or one that others can write to, might send us anywhere.
fn own_folder(folder: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ if is_own(folder) => Ok(()),
        _ => Err(io::Error::other("is not a folder that only this user can enter")),
    }
}

fn is_own(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir() && found.uid() == getuid().as_raw() && found.mode() & 0o077 == 0)
}

/// Takes down what processes left that were killed.
fn sweep(folder: &Path) {
    for file in entries(folder) {
        if Whereabouts::read(&file).is_ok_and(|left| !lives(left.ready.pid)) {
            drop(fs::remove_file(file));
        }
    }
}

/// The entries of a folder, newest first.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = listed.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort_unstable_by(|one, other| other.file_name().cmp(&one.file_name()));
    files
}

/// Whether there is a process of that id; also one that we may not signal.
fn lives(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| pid > 0 && matches!(signal::kill(Pid::from_raw(pid), None), Ok(()) | Err(Errno::EPERM)))
}

/// Writes a file that only its owner can read, so that nobody ever sees half of it.
fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let half = file.with_extension(format!("{}.part", std::process::id()));
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half)?;
    out.write_all(text.as_bytes())?;
    fs::rename(&half, file)
}

fn absolute(database_url: &str) -> String {
    match database_url.strip_prefix("sqlite://") {
        Some(path) if !path.starts_with(['/', ':']) => {
            std::path::absolute(path).map_or_else(|_| database_url.to_owned(), |path| format!("sqlite://{}", path.display()))
        }
        _ => crate::store::shown(database_url),
    }
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = word.chars().all(|c| c.is_alphanumeric() || "/._-+:@".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edition::EditionName;

    fn shop(data: &Path) -> Whereabouts {
        let addresses = [("broker".to_owned(), "http://127.0.0.1:9".to_owned())].into();
        let (roles, data) = (vec!["broker".to_owned()], data.to_owned());
        let ready = Ready { ready: true, pid: std::process::id(), roles, addresses, edition: EditionName::Shop, data, clock_us: 0 };
        Whereabouts::of(ready, "sqlite:///d/shop.db")
    }

    #[test]
    fn what_is_posted_can_be_read_by_its_owner_only_and_is_taken_down_again() {
        let (data, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = home.path().join("shops");
        let shop = shop(data.path());
        let posted = shop.post(true, &[data.path().join("missing/shops"), folder.clone()]);
        let file = posted.for_user.clone().unwrap();
        assert_eq!(Whereabouts::read(&file).unwrap(), shop);
        assert_eq!((file.parent(), fs::metadata(&file).unwrap().mode() & 0o777), (Some(folder.as_path()), 0o600));
        assert_eq!(posted.selector().unwrap(), "");
        drop(posted);
        assert!(entries(&folder).is_empty() && !data.path().join(FILE).exists());
    }

    #[test]
    fn a_record_of_a_later_process_in_the_same_folder_stays() {
        let data = tempfile::tempdir().unwrap();
        let earlier = shop(data.path()).post(false, &[]);
        let mut later = shop(data.path());
        later.ready.pid = 1;
        let _later = later.post(false, &[]);
        drop(earlier);
        assert_eq!(Whereabouts::read(&data.path().join(FILE)).unwrap(), later);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_trusted() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("shops");
        own_folder(&folder).unwrap();
        assert!(is_own(&folder));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(own_folder(&folder).is_err());
        std::os::unix::fs::symlink(&folder, home.path().join("link")).unwrap();
        assert!(own_folder(&home.path().join("link")).is_err());
    }

    #[test]
    fn words_and_addresses_can_be_used_from_elsewhere() {
        assert_eq!(quoted("/tmp/reference-1"), "/tmp/reference-1");
        assert_eq!(quoted("/my shop's"), r"'/my shop'\''s'");
        assert!(absolute("sqlite://shop.db?mode=rw").starts_with("sqlite:///"));
        assert_eq!(absolute("sqlite:///d/shop.db"), "sqlite:///d/shop.db");
    }
}
