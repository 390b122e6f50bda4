//! A database for one run: made and dropped again, or one that was found empty.

use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, MySqlConnection};
use uuid::Uuid;

use crate::store::StoreError;
use crate::store::address::{shown, wrong};
use crate::store::database::{Connection, sql, sql_of};

use super::{CONNECT_PATIENCE, advice, options_of};

/// How databases are called that are made for one run.
const PREFIX: &str = "rushproof_";

/// A database that nobody else uses.
#[derive(Debug)]
pub struct Scratch {
    url: String,
    /// Made here, and so to be dropped here.
    made: Option<(Box<MySqlConnectOptions>, String)>,
}

impl Scratch {
    /// Takes the database that a URL names, if nothing is in it; makes one when it names only a server (`mysql://user:password@host:3306`).
    ///
    /// # Errors
    /// [`StoreError`] when the server cannot be reached, or the database is not empty.
    pub async fn take(url: &str) -> Result<Self, StoreError> {
        let options = options_of(url)?;
        if options.get_database().is_none_or(str::is_empty) {
            return Self::make(url, options).await;
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

    async fn make(url: &str, options: Box<MySqlConnectOptions>) -> Result<Self, StoreError> {
        // Short, as names of databases are, and made for good by chance.
        let name = format!("{PREFIX}{}", &Uuid::new_v4().simple().to_string()[..12]);
        run(url, &options, format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")).await?;
        let (server, query) = url.split_once('?').map_or((url, None), |(server, query)| (server, Some(query)));
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        Ok(Self { url: format!("{}/{name}{query}", server.trim_end_matches('/')), made: Some((options, name)) })
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
            Some((options, name)) => run(&self.url, options, format!("DROP DATABASE IF EXISTS {name}")).await,
            None => Ok(()),
        }
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
