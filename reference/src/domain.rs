//! The words of the trade, as types: what cannot be said wrongly cannot be done wrongly.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most pieces that one purchase, production or arrival may name.
///
/// Far above any real doughnut order, far below any overflow: sums of a million of them still fit an `i64`.
pub const MAX_QUANTITY: u32 = 10_000;

/// The longest identifier or name that a client may send, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Key of a product ("CP-502101" in the `donut` edition, "2" in `shop`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProductId(pub String);

/// Key of a factory ("FF-500293" in the `donut` edition, "1" in `shop`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactoryId(pub String);

/// A number of pieces between 1 and [`MAX_QUANTITY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Quantity(u32);

/// A number that is no [`Quantity`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not between 1 and {MAX_QUANTITY}")]
pub struct NotAQuantity(pub i64);

impl Quantity {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`NotAQuantity`] for anything below 1 or above [`MAX_QUANTITY`].
    pub fn new(pieces: i64) -> Result<Self, NotAQuantity> {
        u32::try_from(pieces).ok().filter(|n| (1..=MAX_QUANTITY).contains(n)).map(Quantity).ok_or(NotAQuantity(pieces))
    }

    /// The number of pieces.
    #[must_use]
    pub fn get(self) -> i64 {
        i64::from(self.0)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $make:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh one.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "every call differs; a default would not")]
            pub fn new() -> Self {
                Self(Uuid::$make())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// Key of an order. Time-ordered (UUID v7), so that the ledger's index grows at its end.
    OrderId,
    now_v7
);
uuid_id!(
    /// Key of one production order to the factory: the unit that is requested, re-published, delivered and applied once.
    ProductionId,
    now_v7
);
uuid_id!(
    /// Business id of a message. A re-publication from the outbox keeps it; SQS MessageIds mean nothing here.
    EventId,
    now_v7
);

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for FactoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A sold-out episode of a product: from the first refusal after a restock until the next restock. Ads are stopped once per episode.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpisodeId {
    /// The product that is sold out.
    pub product: ProductId,
    /// Counts from 1.
    pub number: i64,
}

impl fmt::Display for EpisodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.product, self.number)
    }
}

/// A text that is no [`EpisodeId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an episode; write PRODUCT#NUMBER, as CP-502101#3")]
pub struct NotAnEpisode(pub String);

impl FromStr for EpisodeId {
    type Err = NotAnEpisode;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAnEpisode(text.to_owned());
        let (product, number) = text.rsplit_once('#').ok_or_else(wrong)?;
        let number = number.parse().map_err(|_| wrong())?;
        Ok(Self { product: ProductId(product.to_owned()), number })
    }
}

/// What a purchase came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The stock was lowered and the sale is complete.
    Sold,
    /// The stock did not suffice; production was requested.
    SoldOut,
}

impl Outcome {
    /// The word used on the wire and in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Sold => "sold",
            Outcome::SoldOut => "sold_out",
        }
    }
}
