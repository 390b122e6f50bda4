//! The factory's own database: one row per call it got, whatever became of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use utoipa::ToSchema;

/// The most rows that one `GET /log` answers.
pub const PAGE: u32 = 10_000;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS logs (
    log_id          INTEGER PRIMARY KEY AUTOINCREMENT,
    factory_id      TEXT,
    factory_name    TEXT,
    item_id         TEXT NOT NULL,
    item_name       TEXT,
    quantity        INTEGER NOT NULL,
    requester       TEXT NOT NULL,
    datetime        TEXT NOT NULL,
    production_id   TEXT,
    received_us     INTEGER NOT NULL,
    answered_us     INTEGER,
    status          INTEGER,
    accepted        INTEGER NOT NULL,
    produced_us     INTEGER,
    callbacks       INTEGER NOT NULL DEFAULT 0,
    callback_us     INTEGER,
    callback_status INTEGER,
    kept_order      TEXT
) STRICT";

/// One call to the factory, as `GET /log` shows it. Ids are numbers where they look like numbers, as in the `shop` edition's table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogRow {
    /// Counts from 1 in the order in which calls were decided.
    pub log_id: i64,
    /// As the caller gave it.
    #[schema(value_type = Object)]
    pub factory_id: serde_json::Value,
    /// As the caller gave it (`shop` only).
    pub factory_name: Option<String>,
    /// The product.
    #[schema(value_type = Object)]
    pub item_id: serde_json::Value,
    /// As the caller gave it (`shop` only).
    pub item_name: Option<String>,
    /// Pieces ordered.
    pub quantity: i64,
    /// As the caller gave it.
    pub requester: String,
    /// When the call came, UTC, to the second.
    pub datetime: String,
    /// The caller's production id, when it gave one.
    pub production_id: Option<String>,
    /// When the call came, in µs since 1970.
    pub received_us: i64,
    /// When it was answered, in µs since 1970; absent while the call hangs and when the caller left first.
    pub answered_us: Option<i64>,
    /// The HTTP status it was answered with.
    pub status: Option<i64>,
    /// Whether the order was taken.
    pub accepted: bool,
    /// When the production was complete, in µs since 1970.
    pub produced_us: Option<i64>,
    /// How often completion was reported (callbacks made, or delivery messages published).
    pub callbacks: i64,
    /// When it was last reported, in µs since 1970.
    pub callback_us: Option<i64>,
    /// The HTTP status of the last callback; 200 for a delivery message that was taken; absent when there was no answer.
    pub callback_status: Option<i64>,
}

/// A call that is about to be logged.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The factory's key.
    pub factory_id: Option<&'a str>,
    /// The factory's name.
    pub factory_name: Option<&'a str>,
    /// The product.
    pub item_id: &'a str,
    /// The product's name.
    pub item_name: Option<&'a str>,
    /// Pieces ordered.
    pub quantity: i64,
    /// Who asks.
    pub requester: &'a str,
    /// The caller's production id.
    pub production_id: Option<&'a str>,
    /// µs since 1970.
    pub received_us: i64,
    /// µs since 1970; none while it hangs.
    pub answered_us: Option<i64>,
    /// HTTP status; none while it hangs.
    pub status: Option<u16>,
    /// Whether it was taken.
    pub accepted: bool,
    /// What a durable factory needs to finish it after a crash. Holds the callback's token, so it is never shown and is erased when reported.
    pub kept_order: Option<String>,
}

/// The factory's database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FactoryLog {
    pool: SqlitePool,
    file: PathBuf,
}

/// The factory's database fails.
#[derive(Debug, thiserror::Error)]
#[error("the factory's log {} {what}", file.display())]
pub struct FactoryLogError {
    /// Its file.
    pub file: PathBuf,
    /// What it cannot do.
    pub what: &'static str,
    /// Why.
    pub source: sqlx::Error,
}

impl FactoryLog {
    /// Opens the database, creating it where there is none.
    ///
    /// # Errors
    /// [`FactoryLogError`] when the file cannot be opened as a database.
    pub async fn open(file: &Path) -> Result<Self, FactoryLogError> {
        let failed = |what| move |source| FactoryLogError { file: file.to_owned(), what, source };
        // A log that survives the process is enough: a power cut takes the machine's other processes, and the run, along.
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await
            .map_err(failed("cannot be opened"))?;
        sqlx::query(SCHEMA).execute(&pool).await.map_err(failed("cannot be set up"))?;
        Ok(Self { pool, file: file.to_owned() })
    }

    /// Writes a call down and returns its `log_id`.
    ///
    /// # Errors
    /// [`FactoryLogError`] when the database refuses.
    pub async fn write(&self, call: &Call<'_>) -> Result<i64, FactoryLogError> {
        let done = sqlx::query(
            "INSERT INTO logs (factory_id, factory_name, item_id, item_name, quantity, requester, datetime, production_id,
                               received_us, answered_us, status, accepted, kept_order)
             VALUES (?, ?, ?, ?, ?, ?, datetime(? / 1000000, 'unixepoch'), ?, ?, ?, ?, ?, ?)",
        )
        .bind(call.factory_id)
        .bind(call.factory_name)
        .bind(call.item_id)
        .bind(call.item_name)
        .bind(call.quantity)
        .bind(call.requester)
        .bind(call.received_us)
        .bind(call.production_id)
        .bind(call.received_us)
        .bind(call.answered_us)
        .bind(call.status.map(i64::from))
        .bind(i64::from(call.accepted))
        .bind(call.kept_order.as_deref())
        .execute(&self.pool)
        .await
        .map_err(|source| self.failed("cannot take a call", source))?;
        Ok(done.last_insert_rowid())
    }

    /// A call that hung was answered after all.
    ///
    /// # Errors
    /// [`FactoryLogError`] when the database refuses.
    pub async fn answered(&self, log_id: i64, answered_us: i64, status: u16) -> Result<(), FactoryLogError> {
        let query = sqlx::query("UPDATE logs SET answered_us = ?, status = ? WHERE log_id = ?");
        let done = query.bind(answered_us).bind(i64::from(status)).bind(log_id).execute(&self.pool).await;
        done.map(drop).map_err(|source| self.failed("cannot take an answer", source))
    }

    /// The production is complete.
    ///
    /// # Errors
    /// [`FactoryLogError`] when the database refuses.
    pub async fn produced(&self, log_id: i64, at_us: i64) -> Result<(), FactoryLogError> {
        let done = sqlx::query("UPDATE logs SET produced_us = ? WHERE log_id = ?").bind(at_us).bind(log_id).execute(&self.pool).await;
        done.map(drop).map_err(|source| self.failed("cannot take a completion", source))
    }

    /// Completion was reported once more; `finally` when nobody will try again.
    ///
    /// # Errors
    /// [`FactoryLogError`] when the database refuses.
    pub async fn reported(&self, log_id: i64, at_us: i64, status: Option<u16>, finally: bool) -> Result<(), FactoryLogError> {
        let query = sqlx::query(
            "UPDATE logs SET callbacks = callbacks + 1, callback_us = ?, callback_status = ?,
                             kept_order = CASE WHEN ? THEN NULL ELSE kept_order END
             WHERE log_id = ?",
        );
        let done = query.bind(at_us).bind(status.map(i64::from)).bind(finally).bind(log_id).execute(&self.pool).await;
        done.map(drop).map_err(|source| self.failed("cannot take a report", source))
    }

    /// Up to [`PAGE`] rows after the given `log_id`, oldest first.
    ///
    /// # Errors
    /// [`FactoryLogError`] when the database refuses.
    pub async fn rows(&self, after: i64, limit: u32) -> Result<Vec<LogRow>, FactoryLogError> {
        let query = sqlx::query(
            "SELECT log_id, factory_id, factory_name, item_id, item_name, quantity, requester, datetime, production_id,
                    received_us, answered_us, status, accepted, produced_us, callbacks, callback_us, callback_status
             FROM logs WHERE log_id > ? ORDER BY log_id LIMIT ?",
        );
        let rows = query.bind(after).bind(limit.min(PAGE)).fetch_all(&self.pool).await;
        rows.map_err(|source| self.failed("cannot be read", source))?
            .iter()
            .map(|row| log_row(row).map_err(|source| self.failed("holds an unreadable row", source)))
            .collect()
    }

    /// What a durable factory accepted and has not finished reporting: `log_id`, the order as it was kept, and whether it is already produced.
    ///
    /// # Errors
    /// [`FactoryLogError`] when the database refuses.
    pub async fn unfinished(&self) -> Result<Vec<(i64, String)>, FactoryLogError> {
        let query = sqlx::query_as("SELECT log_id, kept_order FROM logs WHERE kept_order IS NOT NULL ORDER BY log_id");
        query.fetch_all(&self.pool).await.map_err(|source| self.failed("cannot be read", source))
    }

    fn failed(&self, what: &'static str, source: sqlx::Error) -> FactoryLogError {
        FactoryLogError { file: self.file.clone(), what, source }
    }
}

fn log_row(row: &SqliteRow) -> Result<LogRow, sqlx::Error> {
    Ok(LogRow {
        log_id: row.try_get("log_id")?,
        factory_id: row.try_get::<Option<String>, _>("factory_id")?.map_or(serde_json::Value::Null, as_number_if_it_is_one),
        factory_name: row.try_get("factory_name")?,
        item_id: as_number_if_it_is_one(row.try_get("item_id")?),
        item_name: row.try_get("item_name")?,
        quantity: row.try_get("quantity")?,
        requester: row.try_get("requester")?,
        datetime: row.try_get("datetime")?,
        production_id: row.try_get("production_id")?,
        received_us: row.try_get("received_us")?,
        answered_us: row.try_get("answered_us")?,
        status: row.try_get("status")?,
        accepted: row.try_get::<i64, _>("accepted")? != 0,
        produced_us: row.try_get("produced_us")?,
        callbacks: row.try_get("callbacks")?,
        callback_us: row.try_get("callback_us")?,
        callback_status: row.try_get("callback_status")?,
    })
}

fn as_number_if_it_is_one(text: String) -> serde_json::Value {
    text.parse::<i64>().map_or(serde_json::Value::String(text), serde_json::Value::from)
}
