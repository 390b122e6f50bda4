//! What can go wrong with the store itself.

use std::time::Duration;

/// The store could not do what it was asked. [`StoreError::nothing_was_done`] says whether that is certain.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The address of the database is none that this program can use.
    #[error(
        "{url:?} is not a database this program can open: {reason}; write sqlite:///path/to/shop.db or mysql://user:password@host:3306/shop"
    )]
    Address {
        /// The address as it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database could not be opened or reached.
    #[error(
        "the database {url} cannot be reached: {reason}; of a server, look whether it runs and lets this account in, of a file, whether its folder is there and writable"
    )]
    Unreachable {
        /// Its address.
        url: String,
        /// What the driver says.
        reason: String,
    },
    /// The database was made by another version of this program, or by something else.
    #[error("the database {url} has a schema this program does not know: {reason}; use the version that made it, or an empty database")]
    Schema {
        /// Its address.
        url: String,
        /// What differs.
        reason: String,
    },
    /// The server is not fit to keep orders.
    #[error("the database server of {url} cannot be used: {reason}; put that right there, or give another with DATABASE_URL")]
    Server {
        /// Its address.
        url: String,
        /// What is missing.
        reason: String,
    },
    /// Too much is waiting already; nothing was done.
    #[error("the store has too much to do; nothing was done, try again later")]
    Overloaded,
    /// Another process kept the database locked; nothing was done.
    #[error("the database stayed locked by another process for {waited:?}; nothing was done, end that process or try again later")]
    Locked {
        /// How long was waited.
        waited: Duration,
    },
    /// Other transactions were in the way each time; nothing was done.
    #[error("other transactions were in the way each time; nothing was done, try again later: {reason}")]
    Conflict {
        /// What the driver said last.
        reason: String,
    },
    /// The connection was lost before the commit was sent; nothing was done.
    #[error("the connection to the database was lost; nothing was done, try again when it is back: {reason}")]
    Disconnected {
        /// What the driver says.
        reason: String,
    },
    /// No answer in time; it may have been done.
    #[error("the store did not answer {what} within {waited:?}; it may have been done, so ask again under the same key")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long was waited.
        waited: Duration,
    },
    /// A statement failed and its transaction was rolled back: nothing was done.
    #[error("the database refused a statement; nothing was done (is its disk full, or may this account not write?): {reason}")]
    Refused {
        /// What the driver says.
        reason: String,
    },
    /// The commit failed: it may have been done.
    #[error("the database did not confirm a commit, so it may have been done (ask again under the same key): {reason}")]
    CommitUnknown {
        /// What the driver says.
        reason: String,
    },
    /// A row says what no version of this program writes.
    #[error(
        "the database is damaged: {what} reads {found:?}, which no version of this program writes; keep a copy, and go back to the last sound one"
    )]
    Corrupt {
        /// Table and column.
        what: &'static str,
        /// What was found there.
        found: String,
    },
    /// The store was closed; nothing was done.
    #[error("the store is closed, because the process is ending; nothing was done, ask another")]
    Closed,
}

impl StoreError {
    /// Whether it is certain that the command had no effect.
    #[must_use]
    pub fn nothing_was_done(&self) -> bool {
        !matches!(self, StoreError::Timeout { .. } | StoreError::CommitUnknown { .. })
    }

    /// Whether the same command may succeed a little later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        !matches!(
            self,
            StoreError::Address { .. }
                | StoreError::Schema { .. }
                | StoreError::Server { .. }
                | StoreError::Corrupt { .. }
                | StoreError::Closed
        )
    }
}

impl From<sqlx::Error> for StoreError {
    /// For statements inside a transaction that is rolled back on an error, and for reads.
    fn from(error: sqlx::Error) -> Self {
        let reason = error.to_string();
        #[cfg(feature = "mysql")]
        if super::mysql::is_conflict(&error) {
            return StoreError::Conflict { reason };
        } else if super::mysql::is_farewell(&error) {
            return StoreError::Disconnected { reason };
        }
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => StoreError::Disconnected { reason },
            _ => StoreError::Refused { reason },
        }
    }
}
