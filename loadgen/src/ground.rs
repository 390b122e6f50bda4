//! What the pipeline stands on: the database, and the SQS and SNS that it speaks to. By default both are its own, embedded ones.

use serde::{Deserialize, Serialize};

/// What the pipeline of a run stands on.
#[derive(Clone, Default)]
pub struct Ground {
    /// A database server (`mysql://user:password@host:port[/database]`); a file of its own where none is named.
    pub database: Option<String>,
    /// An SQS and SNS (`http://127.0.0.1:4566`) that takes any credentials; the embedded broker where none is named. Mail goes to the embedded
    /// one in any case, because nobody else lets it be read again in the same way.
    pub backend: Option<String>,
}

/// How the database is reached, which decides what can happen on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseKind {
    /// A file, in each process.
    #[default]
    File,
    /// A server, over TCP.
    Server,
}

impl DatabaseKind {
    /// Whether it is the embedded one.
    #[must_use]
    pub fn is_file(&self) -> bool {
        *self == Self::File
    }
}

impl Ground {
    /// How the database is reached.
    #[must_use]
    pub fn database_kind(&self) -> DatabaseKind {
        if self.database.is_some() { DatabaseKind::Server } else { DatabaseKind::File }
    }
}

impl std::fmt::Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let database = self.database.as_deref().map(reference::store::shown);
        f.debug_struct("Ground").field("database", &database).field("backend", &self.backend).finish()
    }
}
