//! Either database, spoken to in one way.
//!
//! A [`Statement`] is one text for both, with its values beside it; where the two differ in a word, the [`Dialect`] of the connection has
//! that word. Rows come back as tuples.

/// The query of one database, made from a statement: the same few calls on two families of types.
macro_rules! bound {
    ($query:expr, $values:expr) => {
        $values.into_iter().fold($query, |query, value| match value {
            Value::Integer(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
            Value::Bytes(bytes) => query.bind(bytes),
            Value::Null => query.bind(None::<String>),
        })
    };
}

pub(crate) mod batch;

use std::time::Duration;

#[cfg(feature = "mysql")]
use sqlx::mysql::{MySqlConnection, MySqlPool, MySqlRow};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _, FromRow, SqlSafeStr as _, SqlStr, SqliteConnection};

use super::StoreError;

/// How long a reader waits: for a free connection, for the short moments in which even readers of SQLite are locked out, and for the
/// answer of a database that is reached over a network.
pub(crate) const READ_PATIENCE: Duration = Duration::from_secs(5);

/// The connection that writes.
#[derive(Debug)]
pub(crate) enum Connection {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    #[cfg(feature = "mysql")]
    MySql(MySqlConnection),
}

/// The connections that only read.
#[derive(Debug, Clone)]
pub(crate) enum Readers {
    /// Of a file.
    Sqlite(SqlitePool),
    /// Of a server.
    #[cfg(feature = "mysql")]
    MySql(MySqlPool),
}

/// What a statement runs on: inside a transaction, or for reading only.
pub(crate) enum On<'c> {
    Connection(&'c mut Connection),
    Readers(&'c Readers),
}

impl<'c> From<&'c mut Connection> for On<'c> {
    fn from(connection: &'c mut Connection) -> Self {
        On::Connection(connection)
    }
}

impl<'c> From<&'c Readers> for On<'c> {
    fn from(readers: &'c Readers) -> Self {
        On::Readers(readers)
    }
}

/// The words in which the two databases differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// One writer at a time: whoever is in a transaction has the whole database to itself, so rows need no locks of their own.
    Sqlite,
    /// Many writers at a time, each holding the rows that it has locked. MariaDB's and MySQL's common part.
    #[cfg(feature = "mysql")]
    MySql,
}

impl Dialect {
    /// Inserts a row unless its key is taken; the rows affected tell.
    pub(crate) fn insert_new(self) -> &'static str {
        match self {
            Dialect::Sqlite => "INSERT OR IGNORE",
            #[cfg(feature = "mysql")]
            Dialect::MySql => "INSERT IGNORE",
        }
    }

    /// Ends a `SELECT` whose rows nobody else may change, or lock, before this transaction ends.
    pub(crate) fn lock(self) -> &'static str {
        match self {
            Dialect::Sqlite => "",
            #[cfg(feature = "mysql")]
            Dialect::MySql => " FOR UPDATE",
        }
    }

    /// The same, leaving out the rows that somebody else has locked.
    pub(crate) fn lock_free_ones(self) -> &'static str {
        match self {
            Dialect::Sqlite => "",
            #[cfg(feature = "mysql")]
            Dialect::MySql => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// How much earlier than another transaction's time the time of one may be that sees what the other has done. Where there is one writer at a
    /// time, it is not: the time is taken when the lock is held.
    pub(crate) fn overlap(self) -> Duration {
        match self {
            Dialect::Sqlite => Duration::ZERO,
            #[cfg(feature = "mysql")]
            Dialect::MySql => super::mysql::LONGEST_TRANSACTION,
        }
    }
}

/// A row that either database can give.
#[cfg(not(feature = "mysql"))]
pub(crate) trait Row: for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}
#[cfg(not(feature = "mysql"))]
impl<R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin> Row for R {}

/// A row that either database can give.
#[cfg(feature = "mysql")]
pub(crate) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, MySqlRow> + Send + Unpin {}
#[cfg(feature = "mysql")]
impl<R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, MySqlRow> + Send + Unpin> Row for R {}

/// A value of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
    Null,
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Integer(i64::from(number))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::Text(text.clone())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Bytes(bytes.to_owned())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A statement with its values.
#[derive(Debug)]
pub(crate) struct Statement {
    text: SqlStr,
    values: Vec<Value>,
}

/// A statement that is a constant of this program.
pub(crate) fn sql(text: &'static str) -> Statement {
    Statement { text: text.into_sql_str(), values: Vec::new() }
}

/// A statement put together from constants of this program (words of the dialect, as many `?` as there are values). What comes from
/// outside is bound, never a part of the text.
pub(crate) fn sql_of(text: String) -> Statement {
    Statement { text: AssertSqlSafe(text).into_sql_str(), values: Vec::new() }
}

/// `?, ?, ?` for so many values.
pub(crate) fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// Fills a list up to the next power of two with its last value, so that a handful of statements, prepared once, serves every length.
pub(crate) fn padded<T: Clone>(mut values: Vec<T>) -> Vec<T> {
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

impl Statement {
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Binds many values, one after the other.
    pub(crate) fn bind_all<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.values.extend(values.into_iter().map(Into::into));
        self
    }

    /// Runs it; answers the rows that it found (whether or not they had to be changed).
    pub(crate) async fn execute(self, on: &mut Connection) -> Result<u64, StoreError> {
        match on {
            Connection::Sqlite(conn) => Ok(bound!(sqlx::query(self.text), self.values).execute(conn).await?.rows_affected()),
            #[cfg(feature = "mysql")]
            Connection::MySql(conn) => Ok(bound!(sqlx::query(self.text), self.values).execute(conn).await?.rows_affected()),
        }
    }

    pub(crate) async fn fetch_all<R: Row>(self, on: impl Into<On<'_>>) -> Result<Vec<R>, StoreError> {
        match on.into() {
            On::Connection(Connection::Sqlite(conn)) => Ok(bound!(sqlx::query_as(self.text), self.values).fetch_all(conn).await?),
            On::Readers(Readers::Sqlite(pool)) => Ok(bound!(sqlx::query_as(self.text), self.values).fetch_all(pool).await?),
            #[cfg(feature = "mysql")]
            On::Connection(Connection::MySql(conn)) => Ok(bound!(sqlx::query_as(self.text), self.values).fetch_all(conn).await?),
            #[cfg(feature = "mysql")]
            On::Readers(Readers::MySql(pool)) => {
                let read = async || -> Result<Vec<R>, StoreError> {
                    Ok(bound!(sqlx::query_as(self.text.clone()), self.values.clone()).fetch_all(pool).await?)
                };
                // A connection that died unnoticed fails once and is gone, so as many looks can fail as there are connections.
                let reading = async {
                    for _ in 0..pool.size() {
                        match read().await {
                            Err(StoreError::Disconnected { .. }) => {}
                            rows => return rows,
                        }
                    }
                    read().await
                };
                let rows = tokio::time::timeout(READ_PATIENCE, reading).await;
                rows.map_err(|_| StoreError::Timeout { what: "a read", waited: READ_PATIENCE })?
            }
        }
    }

    pub(crate) async fn fetch_optional<R: Row>(self, on: impl Into<On<'_>>) -> Result<Option<R>, StoreError> {
        Ok(self.fetch_all(on).await?.into_iter().next())
    }

    /// For statements that answer one row, whatever is in the database.
    pub(crate) async fn fetch_one<R: Row>(self, on: impl Into<On<'_>>) -> Result<R, StoreError> {
        let row = self.fetch_optional(on).await?;
        row.ok_or_else(|| StoreError::Refused { reason: "it answered no row where there always is one".to_owned() })
    }
}

impl Connection {
    /// How this database says what the two say differently.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Connection::Sqlite(_) => Dialect::Sqlite,
            #[cfg(feature = "mysql")]
            Connection::MySql(_) => Dialect::MySql,
        }
    }

    /// Begins a transaction. On SQLite this is where another process may be in the way, for no longer than `patience`.
    pub(crate) async fn begin(&mut self, patience: Duration) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(conn) => super::sqlite::begin(conn, patience).await,
            #[cfg(feature = "mysql")]
            Connection::MySql(conn) => Ok(sqlx::raw_sql("START TRANSACTION").execute(conn).await.map(|_| ())?),
        }
    }

    /// Runs a script of statements without values.
    pub(crate) async fn run(&mut self, script: Statement) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(conn) => Ok(sqlx::raw_sql(script.text).execute(conn).await.map(|_| ())?),
            #[cfg(feature = "mysql")]
            Connection::MySql(conn) => Ok(sqlx::raw_sql(script.text).execute(conn).await.map(|_| ())?),
        }
    }

    /// How long the work of a transaction, or its commit, may go without coming to its end. A file answers or fails; what is behind a
    /// network may do neither.
    pub(crate) fn limit(&self) -> Option<Duration> {
        match self {
            Connection::Sqlite(_) => None,
            #[cfg(feature = "mysql")]
            Connection::MySql(_) => Some(super::mysql::LIMIT),
        }
    }

    /// Ends the transaction; only what this has answered is certain.
    pub(crate) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Connection::Sqlite(conn) => sqlx::query("COMMIT").execute(conn).await.map(|_| ()),
            // As a plain command: one round trip, whatever was prepared before.
            #[cfg(feature = "mysql")]
            Connection::MySql(conn) => sqlx::raw_sql("COMMIT").execute(conn).await.map(|_| ()),
        }
    }

    /// Undoes the transaction.
    pub(crate) async fn rollback(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Connection::Sqlite(conn) => sqlx::query("ROLLBACK").execute(conn).await.map(|_| ()),
            #[cfg(feature = "mysql")]
            Connection::MySql(conn) => sqlx::raw_sql("ROLLBACK").execute(conn).await.map(|_| ()),
        }
    }

    pub(crate) async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Connection::Sqlite(conn) => conn.close().await,
            #[cfg(feature = "mysql")]
            Connection::MySql(conn) => conn.close().await,
        }
    }
}

impl Readers {
    /// How old a row of the ledger must be until none can turn up before it any more: with one writer at a time positions are given in the
    /// order of commits; with several, a transaction may still be under way that took its positions earlier.
    pub(crate) fn settling_time(&self) -> Duration {
        match self {
            Readers::Sqlite(_) => Dialect::Sqlite.overlap(),
            #[cfg(feature = "mysql")]
            Readers::MySql(_) => Dialect::MySql.overlap(),
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Readers::Sqlite(pool) => pool.close().await,
            #[cfg(feature = "mysql")]
            Readers::MySql(pool) => pool.close().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_grow_to_a_few_lengths_and_name_the_same_rows() {
        assert_eq!(padded(Vec::<i64>::new()), Vec::<i64>::new());
        assert_eq!(padded(vec![7]), [7]);
        assert_eq!(padded(vec![7, 8, 9]), [7, 8, 9, 9]);
        assert_eq!(padded(vec![7, 8, 9, 10]).len(), 4);
    }
}
