//! Incidents of the database. They come from outside, on connections of the harness's own, past every tap.

mod file;
mod server;

use super::Diary;

/// Why nothing could be done to the database, or it could not be undone.
#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseTrouble {
    #[error("the database cannot be got at, to be disturbed; does it still run?")]
    Connect(#[source] sqlx::Error),
    #[error("the lock on the database cannot be had; somebody else holds it")]
    Lock(#[source] sqlx::Error),
    #[error("the lock on the database cannot be given back; it ends with this process")]
    Unlock(#[source] sqlx::Error),
    #[error("the database is a file, whose connections nobody counts; give a server with --database")]
    NoServer,
    #[error("the server went on granting connections after {0} of them; give it a max_connections below that")]
    Inexhaustible(usize),
}

/// Locks what every purchase needs for a while: the file's write lock, or a server's rows of all products. Whoever writes waits, as behind a
/// batch job that forgot to commit.
pub(super) async fn lock(url: &str, diary: &Diary, held: impl Future<Output = bool>) -> Result<(), DatabaseTrouble> {
    if is_file(url) { file::lock(url, diary, held).await } else { server::lock(url, diary, held).await }
}

/// Holds every connection that a database server grants.
pub(super) async fn exhaust(url: &str, diary: &Diary, held: impl Future<Output = bool>) -> Result<(), DatabaseTrouble> {
    if is_file(url) { Err(DatabaseTrouble::NoServer) } else { server::exhaust(url, diary, held).await }
}

fn is_file(url: &str) -> bool {
    reference::store::server_of(url).is_none()
}
