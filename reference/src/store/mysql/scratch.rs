//! A database for one run: made and dropped again, or one that was found empty.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, MySqlConnection};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::address::{shown, wrong};
use crate::store::database::{Connection, sql, sql_of};

use super::{CONNECT_PATIENCE, advice, options_of};

/// How databases are called that are made for one run: this, and random digits.
const PREFIX: &str = "rushproof_";

/// Hexadecimal digits of such a name. Short, as names of databases are, and made for good by chance.
const DIGITS: usize = 12;

/// A database that nobody else uses.
#[derive(Debug)]
pub struct Scratch {
    url: String,
    /// Made here, and so to be dropped here.
    made: Option<Made>,
}

/// A database that is made for one run. Whoever keeps this can drop it when the one who made it no longer can.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// URL of the server, with the password.
    server: String,
    /// The database.
    name: String,
}

/// Without the password.
impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("server", &shown(&self.server)).field("name", &self.name).finish()
    }
}

impl Scratch {
    /// Takes the database that a URL names, if nothing is in it; makes one when it names only a server (`mysql://user:password@host:3306`). Which one is
    /// announced before it is there, so that it is known to somebody else at any moment at which this process may die.
    ///
    /// # Errors
    /// [`StoreError`] when the server cannot be reached, or the database is not empty.
    pub async fn take(url: &str, announce: impl FnOnce(&Made)) -> Result<Self, StoreError> {
        let options = options_of(url)?;
        if options.get_database().is_none_or(str::is_empty) {
            return Self::make(url, &options, announce).await;
        }
        let mut conn = Connection::MySql(connect(url, &options).await?);
        let tables = sql("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()").fetch_one(&mut conn).await;
        // What was read is what matters; a connection that is not closed in order is closed by the server.
        let _ = conn.close().await;
        match tables? {
            (0_i64,) => Ok(Self { url: url.to_owned(), made: None }),
            (tables,) => Err(wrong(
                url,
                &format!(
                    "there are {tables} tables in it, and a run begins with none; name an empty database, or none at all \
                     (mysql://user:password@host:3306) for one that is made for the run and dropped afterwards"
                ),
            )),
        }
    }

    async fn make(url: &str, options: &MySqlConnectOptions, announce: impl FnOnce(&Made)) -> Result<Self, StoreError> {
        let name = format!("{PREFIX}{}", &Uuid::new_v4().simple().to_string()[..DIGITS]);
        let made = Made { server: url.to_owned(), name: name.clone() };
        announce(&made);
        run(url, options, format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")).await?;
        let (server, query) = url.split_once('?').map_or((url, None), |(server, query)| (server, Some(query)));
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        Ok(Self { url: format!("{}/{name}{query}", server.trim_end_matches('/')), made: Some(made) })
    }

    /// Its URL, with the password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops the database if it was made for this.
    ///
    /// # Errors
    /// [`StoreError`] when the server does not do it; the error names the database.
    pub async fn discard(self) -> Result<(), StoreError> {
        match &self.made {
            Some(made) => made.discard().await,
            None => Ok(()),
        }
    }

    /// The database, if it was made for this.
    #[must_use]
    pub fn made(&self) -> Option<&Made> {
        self.made.as_ref()
    }
}

impl Made {
    /// Drops the database, if it is still there. One that is not called as such databases are is left alone.
    ///
    /// # Errors
    /// [`StoreError`] when the server does not do it, or the name is none of ours.
    pub async fn discard(&self) -> Result<(), StoreError> {
        let Self { server, name } = self;
        let digits = name.strip_prefix(PREFIX).unwrap_or_default();
        if digits.len() != DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong(server, &format!("{name:?} is not the name of a database that is made for a run, so it is not dropped")));
        }
        let options = options_of(server)?;
        run(server, &options, format!("DROP DATABASE IF EXISTS {name}")).await
    }
}

async fn connect(url: &str, options: &MySqlConnectOptions) -> Result<MySqlConnection, StoreError> {
    let unreachable = |reason: String| StoreError::Unreachable { url: shown(url), reason };
    let connected = tokio::time::timeout(CONNECT_PATIENCE, options.connect()).await;
    connected.map_err(|_| unreachable(no_answer(CONNECT_PATIENCE)))?.map_err(|error| unreachable(advice(&error)))
}

async fn run(url: &str, options: &MySqlConnectOptions, statement: String) -> Result<(), StoreError> {
    let mut conn = Connection::MySql(connect(url, options).await?);
    conn.run(sql_of(statement)).await?;
    let Connection::MySql(conn) = conn else { return Ok(()) };
    // It was done; how the connection ends is of no matter.
    let _ = conn.close().await;
    Ok(())
}

fn no_answer(waited: Duration) -> String {
    format!("no answer within {waited:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_of_any_other_name_is_never_dropped() {
        for name in ["shop", "rushproof_", "rushproof_0123456789a", "rushproof_0123456789ab; DROP DATABASE shop", "rushproof_0123456789xy"]
        {
            let made = Made { server: "mysql://u:secret@127.0.0.1:1".to_owned(), name: name.to_owned() };
            let error = made.discard().await.unwrap_err().to_string();
            assert!(error.contains("not dropped") && !error.contains("secret"), "{error}");
            assert!(!format!("{made:?}").contains("secret"));
        }
    }
}
