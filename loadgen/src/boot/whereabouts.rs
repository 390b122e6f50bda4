//! Where a pipeline is that runs already: a small JSON file.
//!
//! `loadgen watch` writes it for the pipeline that it starts. For any other, `reference serve` leaves it as `addresses.json` in its data folder, or
//! somebody writes it by hand:
//!
//! ```json
//! { "edition": "donut",
//!   "addresses": { "sales": "http://sales:8080", "factory": "http://factory:8080", "broker": "http://broker:4566" },
//!   "database_url": "sqlite:///data/shop.db" }
//! ```
//!
//! Buyers need no more than `sales`; who watches needs all of it. The database's address may hold a password, so it, or the whole address, may be left
//! out and come from `DATABASE_URL`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chaos::tap::is_loopback;
use http::Uri;
use reference::store;
use serde::{Deserialize, Serialize};

use crate::scenario::EditionName;

/// Where a pipeline is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// Which shop it is.
    pub edition: EditionName,
    /// Base URLs of its listeners, by name: "sales", "factory", "broker"; others do no harm.
    pub addresses: BTreeMap<String, String>,
    /// Address of its database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_url: Option<String>,
}

/// Why a pipeline cannot be found.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum WhereaboutsError {
    #[error(
        "cannot read {path}, which says where the pipeline is: `loadgen watch` writes it, or name another file with --system (`reference serve` leaves addresses.json in its data folder)"
    )]
    Read { path: PathBuf, source: std::io::Error },
    #[error(
        "{path} does not say where a pipeline is; write {{\"edition\": \"donut\", \"addresses\": {{\"sales\": \"http://HOST:PORT\"}}}}"
    )]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error(
        "{path} is about a pipeline of the edition {found}, but the scenario is one of the edition {wanted}; choose another scenario, or name another file with --system"
    )]
    Edition { path: PathBuf, found: EditionName, wanted: EditionName },
    #[error("{path}: {host} is not this machine; name it with --allow-remote {host} if you may load it")]
    Remote { path: PathBuf, host: String },
    #[error("{path}: {address:?} is no address; write http://HOST:PORT")]
    Address { path: PathBuf, address: String },
    #[error("{path} lacks {}; write it there, or name another file with --system", .lacks.join(" and "))]
    Lacks { path: PathBuf, lacks: Vec<String> },
    #[error("cannot write {path} (is there space, and may you write there?)")]
    Write { path: PathBuf, source: std::io::Error },
}

/// Everything that an observer needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observable {
    /// Where buyers go.
    pub sales: String,
    /// The factory's API.
    pub factory: String,
    /// SQS, SNS and SES.
    pub broker: String,
    /// The database.
    pub database_url: String,
}

impl Whereabouts {
    /// Reads the file of a pipeline that must be of a given edition.
    ///
    /// # Errors
    /// [`WhereaboutsError`], naming the file.
    pub fn read(path: &Path, wanted: EditionName) -> Result<Self, WhereaboutsError> {
        let path = path.to_owned();
        let text = std::fs::read(&path).map_err(|source| WhereaboutsError::Read { path: path.clone(), source })?;
        let found: Self = serde_json::from_slice(&text).map_err(|source| WhereaboutsError::Malformed { path: path.clone(), source })?;
        if found.edition == wanted { Ok(found) } else { Err(WhereaboutsError::Edition { path, found: found.edition, wanted }) }
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`WhereaboutsError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), WhereaboutsError> {
        let text = serde_json::to_vec_pretty(self).expect("addresses are text");
        let half = path.with_extension("half");
        let written = std::fs::write(&half, text).and_then(|()| std::fs::rename(&half, path));
        written.map_err(|source| WhereaboutsError::Write { path: path.to_owned(), source })
    }

    /// The database's address; the one from the environment when the file has none, or has the same without its password, as `reference serve` leaves it.
    fn database(&self, from_environment: Option<String>) -> Option<String> {
        match (&self.database_url, from_environment) {
            (Some(written), Some(given)) if store::shown(&given) == *written => Some(given),
            (Some(written), _) => Some(written.clone()),
            (None, given) => given,
        }
    }

    /// Where buyers go; `path` is the file that it was read from, `allow_remote` names the hosts beyond this machine that may be loaded.
    ///
    /// # Errors
    /// [`WhereaboutsError::Lacks`], and [`WhereaboutsError::Remote`] for a host that nobody named.
    pub fn sales(&self, path: &Path, allow_remote: &[String]) -> Result<&str, WhereaboutsError> {
        let lacks = || WhereaboutsError::Lacks { path: path.to_owned(), lacks: vec!["addresses.sales".to_owned()] };
        let address = self.addresses.get("sales").map(String::as_str).ok_or_else(lacks)?;
        may_be_reached(path, address, allow_remote).map(|()| address)
    }

    /// All that an observer needs; `path` is the file that it was read from, `database_url` stands in for what the file leaves out, `allow_remote`
    /// names the hosts beyond this machine that may be touched.
    ///
    /// # Errors
    /// [`WhereaboutsError::Lacks`], naming everything that is not there, and [`WhereaboutsError::Remote`] for a host that nobody named.
    pub fn observable(&self, path: &Path, database_url: Option<String>, allow_remote: &[String]) -> Result<Observable, WhereaboutsError> {
        let mut lacks = Vec::new();
        let mut need = |name: &str, found: Option<String>| {
            found.unwrap_or_else(|| {
                lacks.push(name.to_owned());
                String::new()
            })
        };
        let found = Observable {
            sales: need("addresses.sales", self.addresses.get("sales").cloned()),
            factory: need("addresses.factory", self.addresses.get("factory").cloned()),
            broker: need("addresses.broker", self.addresses.get("broker").cloned()),
            database_url: need("database_url (or the variable DATABASE_URL)", self.database(database_url)),
        };
        if !lacks.is_empty() {
            return Err(WhereaboutsError::Lacks { path: path.to_owned(), lacks });
        }
        let database = store::server_of(&found.database_url).map(|server| format!("tcp://{server}"));
        for address in [&found.sales, &found.factory, &found.broker].into_iter().chain(&database) {
            may_be_reached(path, address, allow_remote)?;
        }
        Ok(found)
    }
}

/// Nothing beyond this machine is touched unless somebody says so.
fn may_be_reached(path: &Path, address: &str, allow_remote: &[String]) -> Result<(), WhereaboutsError> {
    let uri = address.parse::<Uri>().ok();
    let Some(host) = uri.as_ref().and_then(Uri::host) else {
        return Err(WhereaboutsError::Address { path: path.to_owned(), address: address.to_owned() });
    };
    if is_loopback(host) || allow_remote.iter().any(|allowed| allowed == host) {
        return Ok(());
    }
    Err(WhereaboutsError::Remote { path: path.to_owned(), host: host.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("system.json");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn what_serve_leaves_in_its_data_folder_can_be_read() {
        let text = r#"{"ready": true, "pid": 7, "roles": ["sales"], "edition": "donut", "data": "/d", "database_url": "sqlite:///d/shop.db",
            "addresses": {"sales": "http://127.0.0.1:1", "factory": "http://127.0.0.1:2", "broker": "http://127.0.0.1:3", "admin": "http://127.0.0.1:4"}}"#;
        let (_folder, path) = file(text);
        let found = Whereabouts::read(&path, EditionName::Donut).unwrap();
        assert_eq!(found.sales(&path, &[]).unwrap(), "http://127.0.0.1:1");
        assert_eq!(found.observable(&path, None, &[]).unwrap().database_url, "sqlite:///d/shop.db");
    }

    #[test]
    fn a_password_comes_from_the_environment_when_it_is_that_of_the_same_database() {
        let addresses = r#"{"sales": "http://127.0.0.1:1", "factory": "http://127.0.0.1:2", "broker": "http://127.0.0.1:3"}"#;
        let (_folder, path) =
            file(&format!(r#"{{"edition": "donut", "addresses": {addresses}, "database_url": "mysql://shop@127.0.0.1:3306/shop"}}"#));
        let found = Whereabouts::read(&path, EditionName::Donut).unwrap();
        let with = |given: Option<&str>| found.observable(&path, given.map(str::to_owned), &[]).unwrap().database_url;
        assert_eq!(with(Some("mysql://shop:p@ss@127.0.0.1:3306/shop")), "mysql://shop:p@ss@127.0.0.1:3306/shop");
        assert_eq!(with(Some("mysql://shop:p@ss@127.0.0.1:3306/other")), "mysql://shop@127.0.0.1:3306/shop");
        assert_eq!(with(None), "mysql://shop@127.0.0.1:3306/shop");
    }

    #[test]
    fn a_database_beyond_this_machine_must_be_named() {
        let addresses = r#"{"sales": "http://127.0.0.1:1", "factory": "http://127.0.0.1:2", "broker": "http://127.0.0.1:3"}"#;
        let (_folder, path) =
            file(&format!(r#"{{"edition": "donut", "addresses": {addresses}, "database_url": "mysql://shop@db.example/shop"}}"#));
        let found = Whereabouts::read(&path, EditionName::Donut).unwrap();
        let error = found.observable(&path, None, &[]).unwrap_err().to_string();
        assert!(error.contains("--allow-remote db.example"), "{error}");
        assert!(found.observable(&path, None, &["db.example".to_owned()]).is_ok());
    }

    #[test]
    fn everything_that_an_observer_misses_is_named_at_once() {
        let (_folder, path) = file(r#"{"edition": "shop", "addresses": {"sales": "http://127.0.0.1:1"}}"#);
        let found = Whereabouts::read(&path, EditionName::Shop).unwrap();
        let error = found.observable(&path, None, &[]).unwrap_err().to_string();
        assert!(
            error.contains("lacks addresses.factory and addresses.broker and database_url (or the variable DATABASE_URL); "),
            "{error}"
        );
        let error = Whereabouts::read(&path, EditionName::Donut).unwrap_err().to_string();
        assert!(error.contains("edition shop"), "{error}");
    }

    #[test]
    fn nothing_beyond_this_machine_is_touched_unless_somebody_says_so() {
        let (_folder, path) = file(r#"{"edition": "donut", "addresses": {"sales": "http://shop.example:8080/prod"}}"#);
        let found = Whereabouts::read(&path, EditionName::Donut).unwrap();
        let error = found.sales(&path, &["other.example".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("--allow-remote shop.example"), "{error}");
        assert!(found.sales(&path, &["shop.example".to_owned()]).is_ok());
    }
}
