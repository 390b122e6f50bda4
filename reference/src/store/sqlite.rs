//! The store on SQLite: one writer connection that commits in groups, and a few connections for reading.

pub(crate) mod arrival;
pub(crate) mod notes;
pub(crate) mod open;
pub(crate) mod outbox;
pub(crate) mod production;
pub(crate) mod purchase;
pub(crate) mod read;
pub(crate) mod stock;
pub(crate) mod writer;

use std::str::FromStr;

use sqlx::SqliteConnection;

use crate::domain::Outcome;
use crate::edition::Edition;

use super::StoreError;

/// An open transaction, as the work inside it sees it.
pub(crate) struct Tx<'c> {
    pub(crate) conn: &'c mut SqliteConnection,
    pub(crate) edition: &'static Edition,
    /// When the transaction began: one time for all its rows.
    pub(crate) now: i64,
    /// Whether messages were put into the outbox.
    pub(crate) outbox_grew: bool,
}

/// Something that is done inside a transaction, perhaps together with others.
///
/// It must refuse what is to be refused before its first write: an `Err` means that the transaction is beyond use, and undoes the whole
/// group (which is then tried one by one). It may run more than once, but only one run is ever committed.
pub(crate) trait Work: Send + Sync + 'static {
    /// What comes of it once the transaction is committed.
    type Answer: Send + 'static;

    /// Does it.
    fn run(&self, tx: &mut Tx<'_>) -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;
}

/// Reads an identifier that this program wrote.
pub(crate) fn parsed<T: FromStr>(text: &str, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what, found: text.to_owned() })
}

pub(crate) fn outcome(text: &str, what: &'static str) -> Result<Outcome, StoreError> {
    [Outcome::Sold, Outcome::SoldOut]
        .into_iter()
        .find(|outcome| outcome.as_str() == text)
        .ok_or_else(|| StoreError::Corrupt { what, found: text.to_owned() })
}
