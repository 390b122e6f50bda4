//! What is SQLite's own: the file, the pragmas, the one lock for writing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::time::Instant;

use super::StoreError;
use super::address::wrong;
use super::database::{Connection, READ_PATIENCE, Readers};
use super::migrate::{self, Migration};

/// The migrations, in order; their place in the list is their version, counted from 1. Never edited once released, only added to.
pub(crate) const MIGRATIONS: &[Migration] = &[("ledger", include_str!("../../migrations/sqlite/0001_ledger.sql"))];

/// How long to rest before asking again for a lock that another process holds.
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Finds the file in `sqlite:///absolute.db`, `sqlite://relative.db` or `sqlite:relative.db`.
pub(crate) fn path_of(url: &str) -> Result<PathBuf, StoreError> {
    let wrong = |reason: &str| wrong(url, reason);
    let rest = url.strip_prefix("sqlite:").ok_or_else(|| wrong("it must begin with sqlite: (as in sqlite:///var/lib/shop.db)"))?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(wrong("it names no file"));
    }
    if path.contains('?') || path.contains('#') {
        return Err(wrong("it takes no parameters"));
    }
    if path.contains(":memory:") {
        return Err(wrong("an order in memory is lost with the process; name a file"));
    }
    Ok(PathBuf::from(path))
}

fn pragmas(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(true).disable_statement_logging();
    #[cfg(feature = "defects")]
    let options = crate::defects::schema::unchecked(options);
    options
}

/// Opens the connection that writes. Every commit is on the disk before it is answered (`synchronous=FULL`).
pub(crate) async fn writer(url: &str, path: &Path, patience: Duration) -> Result<Connection, StoreError> {
    let options = pragmas(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // The writer does its own waiting (see `writer.rs`): SQLite's sleeps grow to 100 ms, too long to catch the gap between two groups.
        .busy_timeout(Duration::ZERO);
    let since = Instant::now();
    loop {
        match options.connect().await {
            Ok(conn) => return Ok(Connection::Sqlite(conn)),
            // Several processes that start at once all want to switch a new file to WAL.
            Err(error) if is_busy(&error) && since.elapsed() < patience => tokio::time::sleep(LOCK_POLL).await,
            Err(error) => return Err(StoreError::Unreachable { url: url.to_owned(), reason: error.to_string() }),
        }
    }
}

/// Opens the connections that only read; each connects when it is first needed.
pub(crate) fn readers(path: &Path, count: u32) -> Readers {
    let options = pragmas(path).read_only(true).busy_timeout(READ_PATIENCE);
    Readers::Sqlite(SqlitePoolOptions::new().max_connections(count.max(1)).acquire_timeout(READ_PATIENCE).connect_lazy_with(options))
}

/// Takes the write lock, waiting no longer than `patience` for another process to give it up.
pub(crate) async fn begin(conn: &mut SqliteConnection, patience: Duration) -> Result<(), StoreError> {
    let since = Instant::now();
    loop {
        match sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await {
            Ok(_) => return Ok(()),
            Err(error) if is_busy(&error) => {
                let waited = since.elapsed();
                if waited >= patience {
                    return Err(StoreError::Locked { waited });
                }
                tokio::time::sleep(Duration::from_micros(rand::random_range(200..1_500))).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether another connection is in the way.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    // SQLITE_BUSY is 5, SQLITE_LOCKED 6; extended codes keep them in the low byte.
    let code = error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// For auditors: refuses a file that is no database of this program, without touching it.
pub(crate) async fn readers_of_existing(url: &str, path: &Path) -> Result<Readers, StoreError> {
    let unreachable = |reason: String| StoreError::Unreachable { url: url.to_owned(), reason };
    let options = pragmas(path).read_only(true).busy_timeout(READ_PATIENCE);
    let mut conn = Connection::Sqlite(options.connect().await.map_err(|error| unreachable(error.to_string()))?);
    migrate::check(url, &mut conn, MIGRATIONS).await?;
    conn.close().await.map_err(|error| unreachable(error.to_string()))?;
    Ok(readers(path, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_paths_behind_sqlite() {
        assert_eq!(path_of("sqlite:///a/b.db").unwrap(), PathBuf::from("/a/b.db"));
        assert_eq!(path_of("sqlite://b.db").unwrap(), PathBuf::from("b.db"));
        assert_eq!(path_of("sqlite:b.db").unwrap(), PathBuf::from("b.db"));
    }

    #[test]
    fn addresses_that_cannot_keep_an_order_are_refused() {
        for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite://a.db?mode=ro"] {
            assert!(matches!(path_of(url), Err(StoreError::Address { .. })), "{url}");
        }
    }
}
