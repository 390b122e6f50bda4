//! The schema: brought up to date when the pipeline opens a database, only looked at when an auditor does.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::StoreError;
use super::database::{Connection, sql};

/// Name and text.
pub(crate) type Migration = (&'static str, &'static str);

/// Brings the schema up to date; several processes may do so at once.
pub(crate) async fn migrate(url: &str, conn: &mut Connection, patience: Duration, now: i64) -> Result<(), StoreError> {
    match conn {
        Connection::Sqlite(_) => {
            conn.begin(patience).await?;
            let outcome = match apply_missing(url, conn, super::sqlite::MIGRATIONS, now).await {
                Ok(()) => conn.commit().await.map_err(StoreError::from),
                Err(error) => Err(error),
            };
            if outcome.is_err() {
                // The first error is the one to tell; a failed rollback ends with the connection.
                let _ = conn.rollback().await;
            }
            outcome
        }
        #[cfg(feature = "mysql")]
        Connection::MySql(_) => {
            super::mysql::check_server(url, conn).await?;
            super::mysql::lock_schema(url, conn, patience).await?;
            let outcome = apply_missing(url, conn, super::mysql::MIGRATIONS, now).await;
            // Were this to fail, the lock would end with the connection.
            let _ = super::mysql::unlock_schema(conn).await;
            outcome
        }
    }
}

/// Refuses a database that is not this program's, or that a newer program has migrated.
pub(crate) async fn check(url: &str, conn: &mut Connection, migrations: &[Migration]) -> Result<(), StoreError> {
    let newest = sql("SELECT COALESCE(MAX(version), 0) FROM schema_migrations").fetch_one(conn).await;
    let (newest,): (i64,) = newest.map_err(|error| schema(url, error.to_string()))?;
    check_known(url, newest, migrations)
}

async fn apply_missing(url: &str, conn: &mut Connection, migrations: &[Migration], now: i64) -> Result<(), StoreError> {
    let table = match conn {
        Connection::Sqlite(_) => {
            "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, \
             applied_at INTEGER NOT NULL) STRICT"
        }
        #[cfg(feature = "mysql")]
        Connection::MySql(_) => super::mysql::MIGRATIONS_TABLE,
    };
    conn.run(sql(table)).await.map_err(|error| schema(url, error.to_string()))?;
    let known: Vec<(i64, String, String)> =
        sql("SELECT version, name, checksum FROM schema_migrations ORDER BY version").fetch_all(&mut *conn).await?;
    for (version, (name, text)) in (1_i64..).zip(migrations) {
        match known.iter().find(|(applied, ..)| *applied == version) {
            Some((_, _, checksum)) if *checksum == digest(text) => {}
            Some((_, applied, _)) => {
                let reason = format!("migration {version} was {applied:?} with another text; open it with the version that made it");
                return Err(schema(url, reason));
            }
            None => apply(url, conn, version, (name, text), now).await?,
        }
    }
    check_known(url, known.last().map_or(0, |(version, ..)| *version), migrations)
}

async fn apply(url: &str, conn: &mut Connection, version: i64, (name, text): Migration, now: i64) -> Result<(), StoreError> {
    #[cfg(not(feature = "defects"))]
    let script = sql(text);
    #[cfg(feature = "defects")]
    let script = super::database::sql_of(crate::defects::schema::loosened(text).into_owned());
    conn.run(script).await.map_err(|error| schema(url, format!("migration {version} {name:?} failed: {error}")))?;
    sql("INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)")
        .bind(version)
        .bind(name)
        .bind(digest(text))
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Refuses a database that a newer program has migrated.
fn check_known(url: &str, newest: i64, migrations: &[Migration]) -> Result<(), StoreError> {
    let ours = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if newest <= ours {
        return Ok(());
    }
    Err(schema(url, format!("it is at version {newest}, this program knows up to {ours}; use the newer program")))
}

fn schema(url: &str, reason: String) -> StoreError {
    StoreError::Schema { url: url.to_owned(), reason }
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
