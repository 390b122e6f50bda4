//! What the store takes and gives.

use std::fmt;
use std::str::FromStr;

use crate::domain::{EventId, FactoryId, OrderId, Outcome, ProductId, ProductionId, Quantity};
use crate::messaging::message::OutgoingMessage;

use super::StoreError;

/// A product and the factory that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Key.
    pub id: ProductId,
    /// Name, unique.
    pub name: String,
    /// Price in won.
    pub price: i64,
    /// Pieces in stock.
    pub stock: i64,
    /// Key of the factory.
    pub factory: FactoryId,
    /// Name of the factory.
    pub factory_name: String,
    /// Where the factory stands.
    pub factory_locate: String,
    /// Number of the latest sold-out episode; 0 before the first.
    pub episode: i64,
    /// Whether that episode is still going on.
    pub sold_out: bool,
}

/// The longest idempotency key, in bytes.
pub const MAX_KEY_BYTES: usize = 128;

/// Makes a purchase repeatable: 1 to [`MAX_KEY_BYTES`] visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// A text that is no [`IdempotencyKey`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to {MAX_KEY_BYTES} visible ASCII characters")]
pub struct NotAnIdempotencyKey;

impl FromStr for IdempotencyKey {
    type Err = NotAnIdempotencyKey;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sound = (1..=MAX_KEY_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if sound { Ok(Self(text.to_owned())) } else { Err(NotAnIdempotencyKey) }
    }
}

impl IdempotencyKey {
    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A purchase to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Makes it repeatable.
    pub key: Option<IdempotencyKey>,
    /// Digest of what is bought, compared when the key is seen again.
    pub fingerprint: [u8; 32],
    /// What.
    pub product: ProductId,
    /// How many pieces.
    pub quantity: Quantity,
    /// Who.
    pub requester: String,
    /// The factory that the buyer named; must be the product's.
    pub factory: Option<FactoryId>,
}

/// How a purchase was decided, now or the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseAnswer {
    /// The order in the ledger.
    pub order_id: OrderId,
    /// What was wanted.
    pub product: ProductId,
    /// Sold or refused.
    pub outcome: Outcome,
    /// How many pieces were wanted.
    pub quantity: Quantity,
    /// Stock right after the decision.
    pub stock_left: i64,
    /// The production that covers a refusal.
    pub production_id: Option<ProductionId>,
    /// Whether this is an earlier answer again.
    pub replayed: bool,
}

/// Why a purchase was not decided. Nothing was done, except where [`PurchaseError::Store`] says otherwise.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PurchaseError {
    /// No such product.
    #[error("there is no product {0}")]
    UnknownProduct(ProductId),
    /// The product is not made by that factory.
    #[error("{product} is not made by factory {named}")]
    WrongFactory {
        /// The product.
        product: ProductId,
        /// The factory that the buyer named.
        named: FactoryId,
    },
    /// The key was used for something else before.
    #[error("the idempotency key was used with another body before; give each order a key of its own")]
    KeyReusedWithOtherBody,
    /// A purchase with the same key is being decided right now.
    #[error("a purchase with the same idempotency key is still being decided; ask again in a moment")]
    KeyInFlight,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A message that waits to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Key of the row; ascending in the order of commits.
    pub id: i64,
    /// Business id of the message, the same at every re-publication; also among the message's attributes.
    pub event_id: EventId,
    /// What to publish.
    pub message: OutgoingMessage,
    /// How often the row was claimed, this time included.
    pub claims: i64,
}

/// Where a production stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProductionState {
    /// Collects refusals while another production of the product is being made.
    Gathering,
    /// Full, and waiting for its turn.
    Waiting,
    /// The factory was, or is being, asked.
    Requested,
    /// Arrived.
    Applied,
}

impl ProductionState {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ProductionState::Gathering => "gathering",
            ProductionState::Waiting => "waiting",
            ProductionState::Requested => "requested",
            ProductionState::Applied => "applied",
        }
    }
}

impl FromStr for ProductionState {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "gathering" => Ok(ProductionState::Gathering),
            "waiting" => Ok(ProductionState::Waiting),
            "requested" => Ok(ProductionState::Requested),
            "applied" => Ok(ProductionState::Applied),
            other => Err(StoreError::Corrupt { what: "productions.state", found: other.to_owned() }),
        }
    }
}

/// One production order to the factory.
#[derive(Clone, PartialEq, Eq)]
pub struct Production {
    /// Key.
    pub id: ProductionId,
    /// What is made.
    pub product: ProductId,
    /// Its name.
    pub product_name: String,
    /// Where.
    pub factory: FactoryId,
    /// Its name.
    pub factory_name: String,
    /// The shortage in pieces; [`crate::edition::Edition::pieces_to_ask`] says what the factory is asked for.
    pub quantity: i64,
    /// Proves that an arrival belongs to this production. Never logged.
    pub token: String,
    /// Who caused it.
    pub requester: String,
    /// Where it stands.
    pub state: ProductionState,
    /// When the factory took it (µs since the epoch); cleared when it is requested again because nothing ever arrived.
    pub accepted_at: Option<i64>,
    /// How often the factory was to be asked, the first time included. Notices of a new sold-out episode do not count.
    pub requests: i64,
}

impl fmt::Debug for Production {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Production")
            .field("id", &self.id)
            .field("product", &self.product)
            .field("quantity", &self.quantity)
            .field("state", &self.state)
            .field("accepted_at", &self.accepted_at)
            .field("requests", &self.requests)
            .finish_non_exhaustive()
    }
}

/// What the factory says it made.
#[derive(Clone)]
pub struct Arrival {
    /// For which production order.
    pub production: ProductionId,
    /// The token that was handed out with it.
    pub token: String,
    /// The product, where the factory names it.
    pub product: Option<ProductId>,
    /// Pieces.
    pub quantity: Quantity,
}

/// An arrival that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Stock afterwards (or now, when it had been applied before).
    pub stock: i64,
    /// False when the same arrival had been applied before.
    pub first_time: bool,
}

/// Why an arrival does not count; the stock is unchanged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ArrivalError {
    /// Nobody asked for such a production.
    #[error("nobody asked for production {0}")]
    UnknownProduction(ProductionId),
    /// The token is not the one that was handed out.
    #[error("the token is not that of production {0}; report to the address that its order carried")]
    WrongToken(ProductionId),
    /// The production is of another product.
    #[error("the production is of product {expected}, not of another; report what was ordered")]
    WrongProduct {
        /// The product that was asked for.
        expected: ProductId,
    },
    /// More than was asked for.
    #[error("only {asked} pieces were asked for; report no more than that")]
    TooMany {
        /// Pieces that the factory was asked for.
        asked: i64,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether the advertising must be told of a sold-out episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdStop {
    /// Not mailed yet, as far as is known: mail it.
    Send,
    /// Mailed, and confirmed so.
    AlreadyMailed,
}

/// What the operations team gets to see of a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationEvent {
    /// Business id of the message.
    pub event_id: EventId,
    /// The order.
    pub order_id: OrderId,
    /// What was wanted.
    pub product: ProductId,
    /// How many pieces.
    pub quantity: Quantity,
    /// What it came to.
    pub outcome: Outcome,
    /// Stock right after it.
    pub stock: i64,
    /// Who.
    pub requester: String,
}

/// The admin call named no product or no possible stock.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SetStockError {
    /// No such product.
    #[error("there is no product {0}")]
    UnknownProduct(ProductId),
    /// Not a stock that a product can have.
    #[error("{0} pieces cannot be in stock; write 0 to {MAX_STOCK}")]
    OutOfRange(i64),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The most pieces that the administration may set: far from overflow however much arrives on top.
pub const MAX_STOCK: i64 = 1_000_000_000;

/// The store at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreStatus {
    /// Pieces in stock per product.
    pub stock: Vec<(ProductId, i64)>,
    /// Messages that wait to be published.
    pub outbox: i64,
    /// Productions that have not arrived.
    pub open_productions: i64,
    /// Orders that were sold.
    pub sold: i64,
    /// Orders that were refused.
    pub sold_out: i64,
}
