//! Opening: the address, the pragmas, the migrations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::time::Instant;

use crate::store::StoreError;

/// The migrations, in order; their place in the list is their version, counted from 1. Never edited once released, only added to.
const MIGRATIONS: &[(&str, &str)] = &[("ledger", include_str!("../../../migrations/sqlite/0001_ledger.sql"))];

/// How long a reader waits for a free connection, and for the short moments in which even readers of SQLite are locked out.
const READ_PATIENCE: Duration = Duration::from_secs(5);

/// How long to rest before asking again for a lock that another process holds.
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Finds the file in `sqlite:///absolute.db`, `sqlite://relative.db` or `sqlite:relative.db`.
pub(crate) fn path_of(url: &str) -> Result<PathBuf, StoreError> {
    let wrong = |reason: &str| StoreError::Address { url: url.to_owned(), reason: reason.to_owned() };
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
    SqliteConnectOptions::new().filename(path).foreign_keys(true).disable_statement_logging()
}

/// Opens the connection that writes. Every commit is on the disk before it is answered (`synchronous=FULL`).
pub(crate) async fn writer(url: &str, path: &Path, patience: Duration) -> Result<SqliteConnection, StoreError> {
    let options = pragmas(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // The writer does its own waiting (see `writer.rs`): SQLite's sleeps grow to 100 ms, too long to catch the gap between two groups.
        .busy_timeout(Duration::ZERO);
    let since = Instant::now();
    loop {
        match options.connect().await {
            Ok(conn) => return Ok(conn),
            // Several processes that start at once all want to switch a new file to WAL.
            Err(error) if is_busy(&error) && since.elapsed() < patience => tokio::time::sleep(LOCK_POLL).await,
            Err(error) => return Err(StoreError::Unreachable { url: url.to_owned(), reason: error.to_string() }),
        }
    }
}

/// Opens the connections that only read; each connects when it is first needed.
pub(crate) fn readers(path: &Path, count: u32) -> SqlitePool {
    let options = pragmas(path).read_only(true).busy_timeout(READ_PATIENCE);
    SqlitePoolOptions::new().max_connections(count.max(1)).acquire_timeout(READ_PATIENCE).connect_lazy_with(options)
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

/// Brings the schema up to date; several processes may do so at once.
pub(crate) async fn migrate(url: &str, conn: &mut SqliteConnection, patience: Duration, now: i64) -> Result<(), StoreError> {
    begin(conn, patience).await?;
    let outcome = match migrate_locked(url, conn, now).await {
        Ok(()) => sqlx::query("COMMIT").execute(&mut *conn).await.map(|_| ()).map_err(StoreError::from),
        Err(error) => Err(error),
    };
    if outcome.is_err() {
        // The first error is the one to tell; a failed rollback ends with the connection.
        let _ = sqlx::query("ROLLBACK").execute(&mut *conn).await;
    }
    outcome
}

async fn migrate_locked(url: &str, conn: &mut SqliteConnection, now: i64) -> Result<(), StoreError> {
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, \
         applied_at INTEGER NOT NULL) STRICT",
    )
    .execute(&mut *conn)
    .await
    .map_err(|error| StoreError::Schema { url: url.to_owned(), reason: error.to_string() })?;
    let known: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT version, name, checksum FROM schema_migrations ORDER BY version").fetch_all(&mut *conn).await?;
    for (version, (name, sql)) in (1_i64..).zip(MIGRATIONS) {
        match known.iter().find(|(applied, ..)| *applied == version) {
            Some((_, _, checksum)) if *checksum == digest(sql) => {}
            Some((_, applied, _)) => {
                let reason = format!("migration {version} was {applied:?} with another text; open it with the version that made it");
                return Err(StoreError::Schema { url: url.to_owned(), reason });
            }
            None => apply(url, conn, version, name, sql, now).await?,
        }
    }
    check_known(url, known.last().map_or(0, |(version, ..)| *version))
}

/// Refuses a database that a newer program has migrated.
fn check_known(url: &str, newest: i64) -> Result<(), StoreError> {
    let ours = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if newest <= ours {
        return Ok(());
    }
    let reason = format!("it is at version {newest}, this program knows up to {ours}; use the newer program");
    Err(StoreError::Schema { url: url.to_owned(), reason })
}

async fn apply(
    url: &str,
    conn: &mut SqliteConnection,
    version: i64,
    name: &'static str,
    sql: &'static str,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::raw_sql(sql)
        .execute(&mut *conn)
        .await
        .map_err(|error| StoreError::Schema { url: url.to_owned(), reason: format!("migration {version} {name:?} failed: {error}") })?;
    sqlx::query("INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)")
        .bind(version)
        .bind(name)
        .bind(digest(sql))
        .bind(now)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

fn digest(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// For auditors: refuses a file that is no database of this program, without touching it.
pub(crate) async fn readers_of_existing(url: &str) -> Result<SqlitePool, StoreError> {
    let path = path_of(url)?;
    let unreachable = |reason: String| StoreError::Unreachable { url: url.to_owned(), reason };
    let mut conn = pragmas(&path).read_only(true).busy_timeout(READ_PATIENCE).connect().await.map_err(|e| unreachable(e.to_string()))?;
    let newest: Result<i64, _> = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM schema_migrations").fetch_one(&mut conn).await;
    let newest = newest.map_err(|error| StoreError::Schema { url: url.to_owned(), reason: error.to_string() })?;
    check_known(url, newest)?;
    conn.close().await.map_err(|e| unreachable(e.to_string()))?;
    Ok(readers(&path, 2))
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
        for url in ["", "sqlite:", "sqlite://", "sqlite::memory:", "sqlite://a.db?mode=ro", "mysql://localhost/shop", "/a/b.db"] {
            assert!(matches!(path_of(url), Err(StoreError::Address { .. })), "{url}");
        }
    }
}
