//! What is done inside a transaction, the same on either database.

pub(crate) mod arrival;
pub(crate) mod desk;
pub(crate) mod notes;
pub(crate) mod outbox;
pub(crate) mod production;
pub(crate) mod purchase;
pub(crate) mod stock;

use std::str::FromStr;

use crate::domain::Outcome;
use crate::edition::Edition;
use crate::trace::TraceParent;

use super::StoreError;
use super::database::Connection;
use desk::{Desk, Wanted};

/// An open transaction, as the work inside it sees it.
pub(crate) struct Tx<'c> {
    pub(crate) conn: &'c mut Connection,
    pub(crate) edition: &'static Edition,
    /// When the transaction began: one time for all its rows.
    pub(crate) now: i64,
    /// The trace that what is done now is part of.
    pub(crate) trace: Option<TraceParent>,
    /// Whether messages were put into the outbox.
    pub(crate) outbox_grew: bool,
    /// What purchases have in hand.
    desk: Desk,
}

impl<'c> Tx<'c> {
    /// A transaction that has just begun.
    pub(crate) fn new(conn: &'c mut Connection, edition: &'static Edition, now: i64) -> Self {
        Self { conn, edition, now, trace: None, outbox_grew: false, desk: Desk::default() }
    }
}

/// Something that is done inside a transaction, perhaps together with others.
///
/// It must refuse what is to be refused before its first write: an `Err` means that the transaction is beyond use, and undoes the whole
/// group (which is then tried one by one). It may run more than once, but only one run is ever committed.
pub(crate) trait Work: Send + Sync + 'static {
    /// What comes of it once the transaction is committed.
    type Answer: Send + 'static;

    /// What it will ask for, when it works with what is in hand ([`desk`]). Other work finds everything written, and nothing in hand.
    fn wants(&self) -> Option<Wanted<'_>> {
        None
    }

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
