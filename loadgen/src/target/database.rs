//! The database of a target, asked in SQL: a file of SQLite's, or a server of MySQL's or MariaDB's. Always directly, never through anything
//! faulty.

use std::path::Path;
use std::time::Duration;

use reference::store;
use serde_json::Value;
use sqlx::mysql::{MySqlConnectOptions, MySqlRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Encode, Row as _, SqliteConnection, Type, TypeInfo as _,
    ValueRef as _,
};

use super::statement::{Piece, Statement};
use super::template::{Setting, Template, text_of};
use crate::observe::http::ReadError;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A kind of database, as a target file's address says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file.
    Sqlite,
    /// A server.
    MySql,
}

impl Kind {
    /// The kind that an address begins with, if it is one.
    pub(super) fn of(address: &str) -> Option<Self> {
        match address.split_once(':')?.0 {
            "sqlite" => Some(Self::Sqlite),
            "mysql" | "mariadb" => Some(Self::MySql),
            _ => None,
        }
    }
}

/// Whether an address of a server has a password in it for everybody to read, and not the name of a variable that holds it.
pub(super) fn shows_a_password(address: &str) -> bool {
    if Kind::of(address) != Some(Kind::MySql) {
        return false;
    }
    let account = address.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(account, _)| account);
    let password = account.and_then(|account| account.split_once(':')).map(|(_, password)| password);
    password.is_some_and(|password| !password.is_empty() && !password.starts_with("{env:"))
}

/// Why a target's database cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Not an address.
    #[error("the target's database {url} is no address: {reason}; write \"mysql://shop:{{env:SHOP_PASSWORD}}@127.0.0.1:3306/shop\"")]
    Address {
        /// The address, without its password.
        url: String,
        /// What the driver says.
        reason: String,
    },
}

/// Asks in SQL. Each question opens the database anew: a target may replace its file or its server, and no lock of ours may outlive a question.
#[derive(Debug, Clone)]
pub(super) enum Database {
    /// A file, by its URL.
    Sqlite(String),
    /// A server: how to reach it, and its URL without the password.
    MySql(Box<MySqlConnectOptions>, String),
}

impl Database {
    /// The database of an address; `data` is the run's own folder.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub(super) fn at(address: &Template, data: &Path) -> Result<Self, DatabaseError> {
        // Places were checked when the file was read, variables before anything was started.
        let fill = |setting, folder: Option<&Path>| {
            let value = |place: &str| folder.filter(|_| place == "data").map(|folder| folder.display().to_string().into());
            address.fill(setting, value).unwrap_or_default()
        };
        match Kind::of(address.text()) {
            Some(Kind::MySql) => Self::on_server(&fill(Setting::Address, None)),
            Some(Kind::Sqlite) | None => Ok(Self::Sqlite(fill(Setting::Plain, Some(data)))),
        }
    }

    fn on_server(url: &str) -> Result<Self, DatabaseError> {
        let shown = store::shown(url);
        let url = url.strip_prefix("mariadb:").map_or_else(|| url.to_owned(), |rest| format!("mysql:{rest}"));
        let failed = |error: sqlx::Error| DatabaseError::Address { url: shown.clone(), reason: error.to_string() };
        let options: MySqlConnectOptions = url.parse().map_err(failed)?;
        // The session is as the server makes it, so that a statement means here what it means to whoever wrote it.
        let options = options.pipes_as_concat(false).no_engine_substitution(false).timezone(None).set_names(true);
        Ok(Self::MySql(Box::new(options.disable_statement_logging()), shown))
    }

    /// Host and port, where it is a server.
    pub(super) fn server(&self) -> Option<String> {
        match self {
            Self::Sqlite(_) => None,
            Self::MySql(options, _) => Some(format!("{}:{}", options.get_host(), options.get_port())),
        }
    }

    /// The rows that a statement yields; `value` knows what its places stand for, which are bound.
    ///
    /// # Errors
    /// [`ReadError`] when a place cannot be bound, the database cannot be opened, or the statement fails or takes longer than 10 s.
    pub(super) async fn rows(&self, statement: &Statement, value: impl Fn(&str) -> Option<Value>) -> Result<Vec<TextRow>, ReadError> {
        let (Self::Sqlite(url) | Self::MySql(_, url)) = self;
        let failed = |reason: String| ReadError { url: url.clone(), reason };
        let pieces = statement.bound(value).map_err(failed)?;
        let asked = async {
            match self {
                Self::Sqlite(url) => rows_of_file(url, &pieces).await,
                Self::MySql(options, _) => rows_of_server(options, &pieces).await,
            }
        };
        let statement = statement.text();
        tokio::time::timeout(PATIENCE, asked)
            .await
            .map_err(|_| failed(format!("no answer within {} s to {statement}", PATIENCE.as_secs())))?
            .map_err(|error| failed(format!("{error}, when asked {statement}")))
    }
}

/// Statements with the values that are bound to them.
type Pieces<'p> = [(&'p Piece, Vec<Value>)];

/// A query with its values bound: whole numbers as such, all else as texts.
fn bound<'q, D: sqlx::Database>(piece: &Piece, values: &[Value]) -> Query<'q, D, D::Arguments>
where
    i64: Encode<'q, D> + Type<D>,
    String: Encode<'q, D> + Type<D>,
{
    values.iter().fold(sqlx::query(AssertSqlSafe(piece.sql.clone())), |query, value| match value.as_i64() {
        Some(number) => query.bind(number),
        None => query.bind(text_of(value).into_owned()),
    })
}

async fn rows_of_file(url: &str, pieces: &Pieces<'_>) -> Result<Vec<TextRow>, sqlx::Error> {
    let options: SqliteConnectOptions = url.parse()?;
    let mut connection = SqliteConnection::connect_with(&options.busy_timeout(PATIENCE)).await?;
    let mut rows = Vec::new();
    for (piece, values) in pieces {
        rows.extend(bound(piece, values).fetch_all(&mut connection).await?.iter().map(TextRow::of_file));
    }
    connection.close().await?;
    Ok(rows)
}

async fn rows_of_server(options: &MySqlConnectOptions, pieces: &Pieces<'_>) -> Result<Vec<TextRow>, sqlx::Error> {
    let mut connection = options.connect().await?;
    let mut rows = Vec::new();
    for (piece, values) in pieces {
        if values.is_empty() {
            // Unprepared, so that every value comes as text, whatever its type.
            let texts = sqlx::raw_sql(AssertSqlSafe(piece.sql.clone())).fetch_all(&mut connection).await?;
            rows.extend(texts.iter().map(TextRow::of_server));
        } else {
            rows.extend(bound(piece, values).fetch_all(&mut connection).await?.iter().map(TextRow::of_prepared));
        }
    }
    connection.close().await?;
    Ok(rows)
}

/// A row, its values as texts: None where there is none, or none that is a text or a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextRow(Vec<(String, Option<String>)>);

impl TextRow {
    fn of_file(row: &SqliteRow) -> Self {
        let text = |at: usize| {
            let number = || row.try_get::<i64, _>(at).map(|value| value.to_string());
            let real = || row.try_get::<f64, _>(at).map(|value| value.to_string());
            row.try_get::<String, _>(at).or_else(|_| number()).or_else(|_| real()).ok()
        };
        Self(row.columns().iter().map(|column| (column.name().to_owned(), text(column.ordinal()))).collect())
    }

    fn of_server(row: &MySqlRow) -> Self {
        let text = |at: usize| row.try_get_unchecked::<Option<String>, _>(at).ok().flatten();
        Self(row.columns().iter().map(|column| (column.name().to_owned(), text(column.ordinal()))).collect())
    }

    /// A row of a statement with parameters: its values come as what they are.
    fn of_prepared(row: &MySqlRow) -> Self {
        let text = |at: usize| {
            let whole = || row.try_get::<i64, _>(at).map(|value| value.to_string());
            let unsigned = || row.try_get::<u64, _>(at).map(|value| value.to_string());
            let real = || row.try_get::<f64, _>(at).map(|value| value.to_string());
            // A decimal number (every SUM is one) is sent as text.
            let decimal = row.try_get_raw(at).is_ok_and(|value| value.type_info().name() == "DECIMAL");
            let as_text = || if decimal { row.try_get_unchecked::<String, _>(at) } else { row.try_get::<String, _>(at) };
            as_text().or_else(|_| whole()).or_else(|_| unsigned()).or_else(|_| real()).ok()
        };
        Self(row.columns().iter().map(|column| (column.name().to_owned(), text(column.ordinal()))).collect())
    }

    /// A column as text, whatever its type.
    pub(super) fn column(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(column, _)| column == name)?.1.clone()
    }

    /// The first column as a whole number.
    pub(super) fn first_number(&self) -> Option<i64> {
        self.0.first()?.1.as_deref()?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Database {
        Database::at(&Template::parse(address), Path::new("/run/data")).unwrap()
    }

    #[test]
    fn a_password_comes_from_the_environment_and_is_never_shown() {
        // A variable that is set wherever tests run, in the place of a password.
        let found = at("mariadb://shop:{env:CARGO_PKG_NAME}@db.example:3307/shop");
        assert_eq!(found.server().as_deref(), Some("db.example:3307"));
        let Database::MySql(_, shown) = &found else { panic!("{found:?}") };
        assert_eq!(shown, "mariadb://shop@db.example:3307/shop");
        let Database::Sqlite(url) = at("sqlite://{data}/shop.db") else { panic!("not a file") };
        assert_eq!(url, "sqlite:///run/data/shop.db");
    }

    #[test]
    fn addresses_with_a_password_in_them_are_recognised() {
        for shown in ["mysql://u:secret@h/d", "mysql://u:se{env:X}@h/d", "mariadb://u:p@ss@h/d"] {
            assert!(shows_a_password(shown), "{shown}");
        }
        for hidden in ["mysql://u:{env:X}@h/d", "mysql://u@h/d", "mysql://h/d", "mysql://u:@h/d", "sqlite:///a:b@c"] {
            assert!(!shows_a_password(hidden), "{hidden}");
        }
    }
}
