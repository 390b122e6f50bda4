//! The database is a file: SQLite's one write lock.

use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::super::Diary;
use super::DatabaseTrouble;

/// How long the harness waits for the lock that it is to hold: the pipeline's own transactions take milliseconds.
const LOCKED_WITHIN: Duration = Duration::from_secs(10);

/// What SQLite answers who may not wait for the lock (SQLITE_BUSY).
const BUSY: &str = "5";

/// Holds the write lock for a while.
pub(super) async fn lock(url: &str, diary: &Diary, held: impl Future<Output = bool>) -> Result<(), DatabaseTrouble> {
    let mut holder = connect(url, LOCKED_WITHIN).await?;
    let mut other = connect(url, Duration::ZERO).await?;
    begin(&mut holder).await.map_err(DatabaseTrouble::Lock)?;
    diary.fired("the write lock is held".to_owned());
    let refused = begin(&mut other).await.err().and_then(|error| error.into_database_error());
    if refused.is_some_and(|error| error.code().as_deref() == Some(BUSY)) {
        diary.effective("another writer was refused as busy".to_owned());
    }
    held.await;
    // Dropping the connection would give it back as well, and nobody would know when.
    end(&mut holder).await.map_err(DatabaseTrouble::Unlock)?;
    holder.close().await.map_err(DatabaseTrouble::Unlock)?;
    other.close().await.map_err(DatabaseTrouble::Unlock)?;
    let mut anybody = connect(url, LOCKED_WITHIN).await?;
    begin(&mut anybody).await.map_err(DatabaseTrouble::Unlock)?;
    end(&mut anybody).await.map_err(DatabaseTrouble::Unlock)?;
    anybody.close().await.map_err(DatabaseTrouble::Unlock)
}

async fn connect(url: &str, patience: Duration) -> Result<SqliteConnection, DatabaseTrouble> {
    let options = SqliteConnectOptions::from_str(url).map_err(DatabaseTrouble::Connect)?.busy_timeout(patience);
    options.connect().await.map_err(DatabaseTrouble::Connect)
}

async fn begin(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(connection).await.map(drop)
}

async fn end(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("ROLLBACK").execute(connection).await.map(drop)
}
