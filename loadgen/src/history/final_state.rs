//! What a system ended as: one [`Final`] row per fact, read directly once everything is quiet.

use serde::{Deserialize, Serialize};

use super::event::{BusinessIds, QueueDepth};

/// Stands for "no bound is known" in [`Final::FactoryLimits`].
pub const UNBOUNDED: u64 = u64::MAX;

/// One row of the final state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum Final {
    /// An order in the ledger.
    Order {
        /// Order id.
        order: String,
        /// Idempotency key it came under.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Product.
        product: String,
        /// Pieces.
        quantity: u64,
        /// True: sold. False: refused for lack of stock.
        sold: bool,
        /// Production promised to a refused one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        production: Option<String>,
    },
    /// A production order.
    Production {
        /// Production id.
        production: String,
        /// Product.
        product: String,
        /// Pieces asked of the factory.
        quantity: u64,
        /// Pieces of refused demand that it must cover.
        shortage: u64,
        /// Whether its goods were applied to the stock (or it is still open).
        applied: bool,
    },
    /// Goods applied to the stock, once per row.
    Restock {
        /// Production they came from.
        production: String,
        /// Product.
        product: String,
        /// Pieces applied.
        quantity: u64,
    },
    /// Goods that were offered to the system under test without a certain answer (or once more after one): it may have applied them.
    PossibleRestock {
        /// Production they came from.
        production: String,
        /// Product.
        product: String,
        /// Pieces offered.
        quantity: u64,
    },
    /// A change of stock by the administration; positive raises it.
    Adjustment {
        /// Product.
        product: String,
        /// Pieces.
        delta: i64,
    },
    /// A consumer recorded a message as done.
    Receipt {
        /// Which consumer ("replenish", "advertising", "operations", "receiving").
        consumer: String,
        /// Business id under which it was recorded.
        id: String,
    },
    /// A message in a dead-letter queue.
    DeadLetter {
        /// Name of the dead-letter queue.
        queue: String,
        /// Its business ids, when it has any.
        #[serde(flatten)]
        ids: BusinessIds,
        /// True when the harness put it there as poison.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        poison: bool,
        /// First bytes of its body, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// What was left in a queue.
    Queue(QueueDepth),
    /// A mail that was sent.
    Mail {
        /// Product named in it.
        product: String,
        /// Episode it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        episode: Option<String>,
        /// Its addressee.
        to: String,
        /// Its subject.
        subject: String,
    },
    /// A sold-out episode as the ledger has it: from the first refusal after a restock to the next restock.
    Episode {
        /// Episode id ("CP-502101#3").
        episode: String,
        /// Product.
        product: String,
    },
    /// A call that reached the factory, from the factory's own log; times are on the factory's one clock.
    FactoryCall {
        /// Production it names, when it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        production: Option<String>,
        /// Product.
        product: String,
        /// Pieces.
        quantity: u64,
        /// When it was taken, µs since the Unix epoch.
        received_unix_us: u64,
        /// When it was answered, µs since the Unix epoch; None when never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answered_unix_us: Option<u64>,
        /// True when the factory accepted it (and so produced).
        accepted: bool,
        /// When the goods were ready, before it first reported them back, µs since the Unix epoch; None when never, or when not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        produced_unix_us: Option<u64>,
        /// How often it reported the goods back.
        callbacks: u32,
    },
    /// The factory's limits, as configured.
    FactoryLimits {
        /// Calls it takes at once.
        capacity: u64,
        /// Production orders per product that may be open at once; [`UNBOUNDED`] when no bound is known.
        open_per_product: u64,
        /// Pieces produced per piece of shortage (1 for `donut`, 2 for `shop`); [`UNBOUNDED`] when that is not known.
        pieces_per_shortage: u64,
    },
    /// A sale or refusal as the operations team has it.
    Operation {
        /// Order id.
        order: String,
        /// True: sold. False: refused.
        sold: bool,
    },
    /// Stock at the end.
    Stock {
        /// Product.
        product: String,
        /// Pieces.
        stock: i64,
    },
    /// Deliveries that were not the first of their message, as the queues or consumers counted them.
    Redelivered {
        /// Which consumer.
        consumer: String,
        /// How many.
        deliveries: u64,
    },
    /// A table that the system under test does not expose, so that the properties that need it cannot be judged.
    NotExposed {
        /// Which: "ledger", "productions", "restocks", "receipts", "dead_letters", "mails", "episodes", "factory", "operations", "stock"
        /// (the rows of that name here), "topics" (the [`Published`](super::event::Published) lines), "queues" (their depths),
        /// "restock_ledger" (what was applied is known from the factory's side alone) or "promises" (whether a refusal promises goods).
        what: String,
        /// Why not, and what would expose it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}
