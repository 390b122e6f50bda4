//! What is MySQL's and MariaDB's own: the account, the session, what the server must be like.
//!
//! **Isolation.** Transactions run at READ COMMITTED and lock what they decide on. The row of a product (`SELECT … FOR UPDATE`) stands for all
//! that belongs to it: its stock, its productions, its episodes; whoever has it locked reads what is committed, and nobody changes it before
//! he is done. REPEATABLE READ, the default, would read from a snapshot that was taken before the lock, and lock the gaps between rows as well,
//! which is what most deadlocks are made of. SERIALIZABLE would turn every plain read into a lock.
//!
//! **Deadlocks** remain possible (two groups may need two products in different orders), and so are duplicate keys that another process has
//! just inserted: the writer tries again within a bound. See `writer.rs`.

mod scratch;

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlPoolOptions};

use super::StoreError;
use super::address::wrong;
use super::database::{Connection, READ_PATIENCE, Readers, sql, sql_of};
use super::migrate::{self, Migration};

pub use scratch::{Made, Scratch};

/// The migrations, in order; their place in the list is their version, counted from 1. Never edited once released, only added to. A server
/// commits each statement that makes a table by itself, so each of them must bear being run again.
pub(crate) const MIGRATIONS: &[Migration] = &[("ledger", include_str!("../../migrations/mysql/0001_ledger.sql"))];

pub(crate) const MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT NOT NULL PRIMARY KEY, \
     name VARCHAR(64) NOT NULL, checksum VARCHAR(64) NOT NULL, applied_at BIGINT NOT NULL) \
     ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

/// How long connecting may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long the server keeps a connection from which it hears nothing, and with it the locks of a transaction whose client is gone without a
/// word. An idle writer is cut off as well, notices, and connects again.
const SILENCE_SECONDS: u64 = 60;

/// How long the work of a transaction may take, and how long its commit: more than one wait for a lock, and less than its askers wait.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// No transaction of this program is older: it is given up by its own limits before.
pub(crate) const LONGEST_TRANSACTION: Duration = Duration::from_secs(30);

/// Held while the schema is being changed. The name of the database is a part of it, because such locks belong to the whole server.
const SCHEMA_LOCK: &str = "CONCAT('rushproof schema of ', DATABASE())";

/// A server, an account, a database.
#[derive(Debug, Clone)]
pub(crate) struct MySqlAddress(Box<MySqlConnectOptions>);

impl MySqlAddress {
    /// Reads `mysql://user:password@host:port/database`.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let options = options_of(url)?;
        match options.get_database() {
            Some(database) if !database.is_empty() => Ok(Self(options)),
            _ => Err(wrong(url, "it names no database (write mysql://user:password@host:3306/shop)")),
        }
    }

    /// Opens the connection that writes.
    pub(crate) async fn connect(&self, url: &str, lock_patience: Duration) -> Result<Connection, StoreError> {
        let unreachable = |reason: String| StoreError::Unreachable { url: url.to_owned(), reason };
        let connected = tokio::time::timeout(CONNECT_PATIENCE, self.0.connect()).await;
        let conn = connected.map_err(|_| unreachable(format!("no answer within {CONNECT_PATIENCE:?}")))?;
        let mut conn = Connection::MySql(conn.map_err(|error| unreachable(advice(&error)))?);
        let session = format!(
            "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), innodb_lock_wait_timeout = {}, wait_timeout = {SILENCE_SECONDS}",
            lock_patience.as_secs().max(1)
        );
        let prepared = async {
            sql_of(session).execute(&mut conn).await?;
            conn.run(sql("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")).await
        };
        let prepared: Result<(), StoreError> = match tokio::time::timeout(CONNECT_PATIENCE, prepared).await {
            Ok(prepared) => prepared,
            Err(_) => return Err(unreachable(format!("its session was not ready within {CONNECT_PATIENCE:?}"))),
        };
        prepared.map_err(|error| unreachable(error.to_string()))?;
        Ok(conn)
    }

    /// Opens the connections that only read.
    pub(crate) fn readers(&self, count: u32) -> Readers {
        // Not asked whether it still lives before each use: that would double the cost of every look. One that has died fails once, and is gone.
        let pool = MySqlPoolOptions::new().max_connections(count.max(1)).acquire_timeout(READ_PATIENCE).test_before_acquire(false);
        Readers::MySql(pool.connect_lazy_with(*self.0.clone()))
    }

    /// For auditors: refuses what is no database of this program.
    pub(crate) async fn readers_of_existing(&self, url: &str) -> Result<Readers, StoreError> {
        let mut conn = self.connect(url, READ_PATIENCE).await?;
        migrate::check(url, &mut conn, MIGRATIONS).await?;
        conn.close().await.map_err(|error| StoreError::Unreachable { url: url.to_owned(), reason: error.to_string() })?;
        Ok(self.readers(2))
    }
}

fn options_of(url: &str) -> Result<Box<MySqlConnectOptions>, StoreError> {
    let mysql = url.strip_prefix("mariadb:").map(|rest| format!("mysql:{rest}"));
    let options = MySqlConnectOptions::from_str(mysql.as_deref().unwrap_or(url)).map_err(|error| wrong(url, &error.to_string()))?;
    Ok(Box::new(options.disable_statement_logging()))
}

/// What the driver says, with the way out where it is known.
fn advice(error: &sqlx::Error) -> String {
    let text = error.to_string();
    if text.contains("rsa") {
        return format!("{text} (the account's password method needs TLS or the cargo feature mysql-rsa; MariaDB's default needs neither)");
    }
    text
}

/// What stands in the way of a transaction and may be gone when it is tried again.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    let number = number(error);
    // Changed since it was read (MariaDB), duplicate key, lock wait timeout, deadlock, locked (NOWAIT). A duplicate is a conflict because every
    // key is looked up before it is inserted: another process has inserted it since, and the next try finds it.
    matches!(number, Some(1020 | 1062 | 1205 | 1213 | 3572))
}

/// What a server says before it hangs up.
pub(crate) fn is_farewell(error: &sqlx::Error) -> bool {
    // Shutting down, killed (two numbers), idle for too long.
    matches!(number(error), Some(1053 | 1317 | 1927 | 4031))
}

fn number(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// Refuses a server that could not keep what it is told.
pub(crate) async fn check_server(url: &str, conn: &mut Connection) -> Result<(), StoreError> {
    let unfit = |reason: String| StoreError::Server { url: url.to_owned(), reason };
    let variables: Vec<(String, String)> = sql(
        "SHOW VARIABLES WHERE Variable_name IN ('version', 'sql_mode', 'tx_isolation', 'transaction_isolation', 'character_set_connection', \
         'innodb_flush_log_at_trx_commit')",
    )
    .fetch_all(conn)
    .await?;
    let of = |name: &str| variables.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    check_version(of("version")).map_err(unfit)?;
    if !of("sql_mode").contains("STRICT_ALL_TABLES") {
        return Err(unfit(format!(
            "it does not keep strict mode, so it would cut values short silently (sql_mode is {:?})",
            of("sql_mode")
        )));
    }
    let isolation = if of("transaction_isolation").is_empty() { of("tx_isolation") } else { of("transaction_isolation") };
    if isolation != "READ-COMMITTED" {
        return Err(unfit(format!("it does not run transactions at READ COMMITTED, but at {isolation:?}")));
    }
    if of("character_set_connection") != "utf8mb4" {
        return Err(unfit(format!("it speaks {:?} where utf8mb4 was asked for", of("character_set_connection"))));
    }
    if of("innodb_flush_log_at_trx_commit") != "1" {
        tracing::warn!(
            url,
            innodb_flush_log_at_trx_commit = of("innodb_flush_log_at_trx_commit"),
            "this server confirms commits before they are on its disk: what it confirmed last is lost when its machine fails"
        );
    }
    Ok(())
}

/// What is needed: CHECK constraints that are enforced, and SKIP LOCKED.
fn check_version(version: &str) -> Result<(), String> {
    let numbers: Vec<u32> = version.split(['.', '-']).map_while(|part| part.parse().ok()).take(3).collect();
    let (name, needed) = if version.contains("MariaDB") { ("MariaDB", [10, 6, 0]) } else { ("MySQL", [8, 0, 16]) };
    if numbers.as_slice() >= needed.as_slice() {
        return Ok(());
    }
    Err(format!("it is {name} {version}; {name} {}.{}.{} or newer is needed", needed[0], needed[1], needed[2]))
}

/// Keeps other processes from changing the schema meanwhile.
pub(crate) async fn lock_schema(url: &str, conn: &mut Connection, patience: Duration) -> Result<(), StoreError> {
    let seconds = i64::try_from(patience.as_secs().max(1)).unwrap_or(i64::MAX);
    let (locked,): (Option<i64>,) = sql_of(format!("SELECT GET_LOCK({SCHEMA_LOCK}, ?)")).bind(seconds).fetch_one(conn).await?;
    match locked {
        Some(1) => Ok(()),
        _ => Err(StoreError::Schema { url: url.to_owned(), reason: format!("another process has been changing it for {patience:?}") }),
    }
}

pub(crate) async fn unlock_schema(conn: &mut Connection) -> Result<(), StoreError> {
    let _released: (Option<i64>,) = sql_of(format!("SELECT RELEASE_LOCK({SCHEMA_LOCK})")).fetch_one(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_server_and_a_database() {
        let MySqlAddress(options) = MySqlAddress::parse("mariadb://shop:p%40ss@db.example:3307/shop").unwrap();
        assert_eq!((options.get_host(), options.get_port(), options.get_username()), ("db.example", 3307, "shop"));
        for url in ["mysql://", "mysql://h", "mysql://u:secret@h:3306/", "mysql://u:secret@h:99999/db"] {
            let error = MySqlAddress::parse(url).map(|_| ()).expect_err(url).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn servers_that_are_too_old_are_refused() {
        for version in ["10.11.19-MariaDB-0+deb12u1", "10.6.0-MariaDB", "11.4.2-MariaDB", "8.0.16", "8.4.0-log", "9.1.0"] {
            assert_eq!(check_version(version), Ok(()), "{version}");
        }
        for version in ["10.5.29-MariaDB", "5.7.44-log", "8.0.15", ""] {
            assert!(check_version(version).is_err(), "{version}");
        }
    }
}
