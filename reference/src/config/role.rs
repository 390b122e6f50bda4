//! The roles that a process can play.

use std::fmt;
use std::str::FromStr;

/// One part of the pipeline that can be a process of its own. Ordered by what needs what: a role comes after all that it calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The embedded messaging service (SQS, SNS and the mail call of SES).
    Broker,
    /// The legacy factory.
    Factory,
    /// Raises the stock: HTTP callback (donut) or delivery queue (shop).
    Receiving,
    /// The buyers' API.
    Sales,
    /// Outbox to topics.
    Relay,
    /// Stock queue to factory.
    Replenish,
    /// Ad queue to e-mail.
    Advertising,
    /// Operations queue to the operations table.
    Operations,
}

/// A word that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role; choose from {all}", all = Role::names())]
pub struct NotARole(pub String);

impl Role {
    /// Every role, in the order in which they are started.
    pub const ALL: [Role; 8] =
        [Role::Broker, Role::Factory, Role::Receiving, Role::Sales, Role::Relay, Role::Replenish, Role::Advertising, Role::Operations];

    /// The word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Broker => "broker",
            Role::Factory => "factory",
            Role::Receiving => "receiving",
            Role::Sales => "sales",
            Role::Relay => "relay",
            Role::Replenish => "replenish",
            Role::Advertising => "advertising",
            Role::Operations => "operations",
        }
    }

    /// Whether it reads or writes the store.
    #[must_use]
    pub fn needs_store(self) -> bool {
        !matches!(self, Role::Broker | Role::Factory)
    }

    fn names() -> String {
        Self::ALL.map(Role::as_str).join(", ")
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = NotARole;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| NotARole(text.to_owned()))
    }
}
