//! The address of a database: which kind it is, where, and what of it may be shown.

use std::path::PathBuf;
use std::time::Duration;

use super::database::{Connection, Readers};
use super::{StoreError, sqlite};

/// Where a database is.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    /// The file of an SQLite database.
    Sqlite(PathBuf),
    /// A MySQL or MariaDB server, with the account to use.
    #[cfg(feature = "mysql")]
    MySql(super::mysql::MySqlAddress),
}

impl Address {
    /// Reads `sqlite:///absolute.db`, `sqlite://relative.db` or `mysql://user:password@host:port/database`.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => super::sqlite::path_of(url).map(Address::Sqlite),
            #[cfg(feature = "mysql")]
            Some(("mysql" | "mariadb", _)) => super::mysql::MySqlAddress::parse(url).map(Address::MySql),
            #[cfg(not(feature = "mysql"))]
            Some(("mysql" | "mariadb", _)) => {
                Err(wrong(url, "this program was built without MySQL; build it with its default features (or --features mysql)"))
            }
            _ => Err(wrong(
                url,
                "it must begin with sqlite: (as in sqlite:///var/lib/shop.db) or mysql: (as in mysql://user:password@host/shop)",
            )),
        }
    }
}

/// A URL without its password, for messages and logs.
#[must_use]
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| *scheme != "sqlite") else { return url.to_owned() };
    // A password may hold an unescaped '@' or '/': everything up to the last '@' is the account.
    match rest.rsplit_once('@') {
        Some((account, place)) => {
            let user = account.split_once(':').map_or(account, |(user, _)| user);
            format!("{scheme}://{user}@{place}")
        }
        None => url.to_owned(),
    }
}

/// Host and port of the server that a URL names (`mysql://…`); none for a file.
#[must_use]
pub fn server_of(url: &str) -> Option<String> {
    let (_, server, _) = split(url)?;
    // A colon inside of brackets belongs to an IPv6 address.
    let has_port = server.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    Some(if has_port { server.to_owned() } else { format!("{server}:3306") })
}

/// The same account and database at another address ("127.0.0.1:41001"), where a proxy listens; a file stays where it is.
#[must_use]
pub fn at(url: &str, address: &str) -> String {
    match split(url) {
        Some((account, _, database)) => format!("{account}{address}{database}"),
        None => url.to_owned(),
    }
}

/// What stands before host and port, those two, and what stands behind them.
fn split(url: &str) -> Option<(&str, &str, &str)> {
    let scheme_end = url.find("://").filter(|at| &url[..*at] != "sqlite")? + 3;
    let host = url[scheme_end..].rfind('@').map_or(scheme_end, |at| scheme_end + at + 1);
    let database = url[host..].find(['/', '?']).map_or(url.len(), |at| host + at);
    Some((&url[..host], &url[host..database], &url[database..]))
}

pub(crate) fn wrong(url: &str, reason: &str) -> StoreError {
    StoreError::Address { url: shown(url), reason: reason.to_owned() }
}

impl Address {
    /// Opens the connection that writes. `url` is what errors show.
    pub(crate) async fn connect(&self, url: &str, patience: Duration) -> Result<Connection, StoreError> {
        match self {
            Address::Sqlite(path) => sqlite::writer(url, path, patience).await,
            #[cfg(feature = "mysql")]
            Address::MySql(address) => address.connect(url, patience).await,
        }
    }

    /// Opens the connections that only read; each connects when it is first needed.
    pub(crate) fn readers(&self, count: u32) -> Readers {
        match self {
            Address::Sqlite(path) => sqlite::readers(path, count),
            #[cfg(feature = "mysql")]
            Address::MySql(address) => address.readers(count),
        }
    }

    /// For auditors: refuses what is no database of this program, without touching it.
    pub(crate) async fn readers_of_existing(&self, url: &str) -> Result<Readers, StoreError> {
        match self {
            Address::Sqlite(path) => sqlite::readers_of_existing(url, path).await,
            #[cfg(feature = "mysql")]
            Address::MySql(address) => address.readers_of_existing(url).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(
            shown("mysql://shop:se:cr@et@db.example:3306/shop?ssl-mode=required"),
            "mysql://shop@db.example:3306/shop?ssl-mode=required"
        );
        assert_eq!(shown("mysql://shop:s/e@c@db.example/shop"), "mysql://shop@db.example/shop");
        assert_eq!(shown("mysql://db.example/shop"), "mysql://db.example/shop");
        assert_eq!(shown("sqlite:///a/b@c.db"), "sqlite:///a/b@c.db");
        let error = Address::parse("postgres://u:secret@h/db").map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("postgres://u@h/db") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_server_can_be_reached_through_another_address() {
        let url = "mysql://shop:p%40w@db.example/shop?ssl-mode=disabled";
        assert_eq!(server_of(url).as_deref(), Some("db.example:3306"));
        assert_eq!(at(url, "127.0.0.1:9"), "mysql://shop:p%40w@127.0.0.1:9/shop?ssl-mode=disabled");
        assert_eq!(server_of("mysql://[::1]:3307").as_deref(), Some("[::1]:3307"));
        assert_eq!((server_of("sqlite:///a.db"), at("sqlite:///a.db", "x")), (None, "sqlite:///a.db".to_owned()));
    }

    #[test]
    fn only_databases_that_are_known_are_addressed() {
        assert!(matches!(Address::parse("sqlite:///a/b.db"), Ok(Address::Sqlite(_))));
        for url in ["", "/a/b.db", "postgres://h/db"] {
            assert!(matches!(Address::parse(url), Err(StoreError::Address { .. })), "{url}");
        }
    }
}
