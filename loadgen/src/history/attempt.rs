//! What a buyer sends and what is answered, as it stands in the history.

use serde::{Deserialize, Serialize};

use super::event::Micros;

/// What a buyer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpKind {
    /// Look at the product.
    Browse,
    /// Buy.
    Purchase,
    /// Send something malformed, huge, negative or injected; it must change nothing.
    Hostile,
}

/// Why a buyer sends this attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// The first attempt of an order.
    First,
    /// The same order again, at once, without waiting for the answer.
    DoubleClick,
    /// The same order again (same key), because the answer did not come.
    Retry,
    /// A new order (new key) by a buyer who was refused and came back.
    ComeBack,
}

/// An attempt is about to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invoke {
    /// Unique number of the attempt; its [`Complete`] carries the same.
    pub op: u64,
    /// What is attempted.
    pub kind: OpKind,
    /// Who.
    pub buyer: u64,
    /// Idempotency key: all attempts under one key are one order. None for browsing and for hostile requests without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Product asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Pieces asked for; None where a hostile request has no meaningful number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u64>,
    /// Why.
    pub behaviour: Behaviour,
    /// When the plan wanted it sent, µs since the run's start. Latency counts from here.
    pub intended: Micros,
    /// What a hostile request tries, in a word ("negative_count", "sql_in_requester").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trick: Option<String>,
}

/// What became of an attempt, for the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The complete answer says that it took effect (for a purchase: sold; for browsing: here is the product).
    Ok,
    /// The complete answer says that nothing was sold, or nothing was ever sent.
    Fail,
    /// Anything else: it may or may not have taken effect.
    Info,
}

/// What the answer was, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The purchase is complete.
    Sold,
    /// Refused for lack of stock, production requested.
    SoldOut,
    /// The product page came.
    Browsed,
    /// The request was refused as bad (4xx).
    Rejected,
    /// The same key is still in flight (409): another attempt decides the order, this one did nothing.
    InFlight,
    /// Refused before any side effect (marked 503 or 429).
    Shed,
    /// 5xx that does not say whether anything was done.
    ServerError,
    /// The buyer's patience ended.
    TimedOut,
    /// The connection ended before the answer did.
    Cut,
    /// No connection could be made: nothing was sent.
    Unreachable,
    /// A complete answer that could not be understood.
    Garbled,
}

/// An attempt is over, as far as the buyer is concerned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Complete {
    /// The attempt's number.
    pub op: u64,
    /// Verdict on the attempt.
    pub outcome: Outcome,
    /// What the answer was.
    pub answer: Answer,
    /// HTTP status, when one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When its first byte was really sent, µs since the run's start (service time counts from here).
    pub sent: Micros,
    /// Order id from the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Production that the answer promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<String>,
    /// Pieces that the answer says were sold or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u64>,
    /// Stock left, as the answer says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<i64>,
    /// Detail for people: error text, first bytes of a garbled body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Complete {
    /// How the note of an attempt begins that was not sent for want of something of the generator's own: open files, ports, memory.
    pub const OURS: &str = "the generator itself: ";

    /// Whether the generator itself is to blame that nothing was sent.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.answer == Answer::Unreachable && self.note.as_ref().is_some_and(|note| note.starts_with(Self::OURS))
    }
}
