//! What an auditor reads: every table, in pages, without the power to change anything.

use crate::domain::{EventId, OrderId, Outcome, ProductId, ProductionId};

use super::address::Address;
use super::database::{Readers, sql};
use super::work::{outcome, parsed};
use super::{ProductionState, StoreError, read};

/// Reads every table in pages, without the power to change anything: each call answers the rows behind a position, in the order in which
/// they were committed, and no more than `limit` of them. An empty page is the end.
#[derive(Debug, Clone)]
pub struct Audit {
    readers: Readers,
}

/// An order of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditOrder {
    /// Position in the ledger, for paging.
    pub position: i64,
    /// The order.
    pub order_id: OrderId,
    /// The buyer's key.
    pub key: Option<String>,
    /// What was wanted.
    pub product: ProductId,
    /// Pieces wanted.
    pub quantity: i64,
    /// What it came to.
    pub outcome: Outcome,
    /// Stock right after it.
    pub stock_left: i64,
    /// The production that covers a refusal.
    pub production_id: Option<ProductionId>,
    /// Pieces that this refusal added to that production; 0 for a sale.
    pub shortage: i64,
    /// Who.
    pub requester: String,
    /// When (µs since the epoch).
    pub at: i64,
}

/// A production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditProduction {
    /// Position, for paging.
    pub position: i64,
    /// The production.
    pub production_id: ProductionId,
    /// What is made.
    pub product: ProductId,
    /// The shortage it covers, in pieces.
    pub quantity: i64,
    /// Where it stands.
    pub state: ProductionState,
    /// How often the factory was to be asked.
    pub requests: i64,
    /// The production that brings what this one came short of.
    pub continued_in: Option<ProductionId>,
    /// When the factory took it (µs since the epoch).
    pub accepted_at: Option<i64>,
    /// When it arrived (µs since the epoch).
    pub applied_at: Option<i64>,
}

/// An arrival that raised the stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRestock {
    /// Position, for paging.
    pub position: i64,
    /// The production that arrived.
    pub production_id: ProductionId,
    /// What arrived.
    pub product: ProductId,
    /// Pieces.
    pub quantity: i64,
    /// Stock right after it.
    pub stock_after: i64,
    /// When (µs since the epoch).
    pub at: i64,
}

/// A stock set by the administration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditAdjustment {
    /// Position, for paging.
    pub position: i64,
    /// Of which product.
    pub product: ProductId,
    /// Pieces more (or fewer).
    pub delta: i64,
    /// Stock right after it.
    pub stock_after: i64,
    /// When (µs since the epoch).
    pub at: i64,
}

/// A receipt: this consumer has had the effect of that id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReceipt {
    /// Position, for paging.
    pub position: i64,
    /// "replenish", "receiving", "advertising", "operations".
    pub consumer: String,
    /// Production, episode or event.
    pub id: String,
    /// When (µs since the epoch).
    pub at: i64,
}

/// A sold-out episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEpisode {
    /// Position, for paging.
    pub position: i64,
    /// Of which product.
    pub product: ProductId,
    /// Counts from 1.
    pub number: i64,
    /// When it began (µs since the epoch).
    pub began_at: i64,
    /// When a restock ended it (µs since the epoch).
    pub ended_at: Option<i64>,
    /// When the ad stop was first attempted (µs since the epoch).
    pub ad_stop_begun_at: Option<i64>,
    /// When the ad stop was confirmed mailed (µs since the epoch).
    pub ad_stop_mailed_at: Option<i64>,
}

/// What the operations team has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditOperation {
    /// Position, for paging.
    pub position: i64,
    /// Business id of the message.
    pub event_id: EventId,
    /// The order.
    pub order_id: OrderId,
    /// What was wanted.
    pub product: ProductId,
    /// Pieces.
    pub quantity: i64,
    /// What it came to.
    pub outcome: Outcome,
    /// Stock right after it.
    pub stock: i64,
    /// When it was recorded (µs since the epoch).
    pub at: i64,
}

/// A product's stock, first and now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditStock {
    /// Which product.
    pub product: ProductId,
    /// Pieces when the database was seeded.
    pub initial: i64,
    /// Pieces now.
    pub now: i64,
}

impl Audit {
    pub(super) fn new(readers: Readers) -> Self {
        Self { readers }
    }

    /// Opens a database for reading only, as an auditor outside the pipeline does; runs no migration.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be opened or has no schema of this program.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Ok(Self { readers: Address::parse(url)?.readers_of_existing(url).await? })
    }

    /// The ledger.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn orders(&self, after: i64, limit: u32) -> Result<Vec<AuditOrder>, StoreError> {
        type Row = (i64, String, Option<String>, String, i64, String, i64, Option<String>, i64, String, i64);
        let rows: Vec<Row> = sql(
            "SELECT position, order_id, idempotency_key, product_id, quantity, outcome, stock_left, production_id, shortage, requester, \
             created_at FROM orders WHERE position > ? ORDER BY position LIMIT ?",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let order = |(position, order_id, key, product, quantity, word, stock_left, production_id, shortage, requester, at): Row| {
            Ok(AuditOrder {
                position,
                order_id: parsed(&order_id, "orders.order_id")?,
                key,
                product: ProductId(product),
                quantity,
                outcome: outcome(&word, "orders.outcome")?,
                stock_left,
                production_id: production_id.map(|id| parsed(&id, "orders.production_id")).transpose()?,
                shortage,
                requester,
                at,
            })
        };
        rows.into_iter().map(order).collect()
    }

    /// Productions. Their state changes after they were written: read them from the start again to see it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn productions(&self, after: i64, limit: u32) -> Result<Vec<AuditProduction>, StoreError> {
        type Row = (i64, String, String, i64, String, i64, Option<String>, Option<i64>, Option<i64>);
        let rows: Vec<Row> =
            sql("SELECT position, production_id, product_id, quantity, state, requests, continued_in, accepted_at, applied_at \
             FROM productions WHERE position > ? ORDER BY position LIMIT ?")
            .bind(after)
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        let production = |(position, id, product, quantity, state, requests, continued_in, accepted_at, applied_at): Row| {
            Ok(AuditProduction {
                position,
                production_id: parsed(&id, "productions.production_id")?,
                product: ProductId(product),
                quantity,
                state: state.parse()?,
                requests,
                continued_in: continued_in.map(|id| parsed(&id, "productions.continued_in")).transpose()?,
                accepted_at,
                applied_at,
            })
        };
        rows.into_iter().map(production).collect()
    }

    /// Arrivals that raised the stock.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn restocks(&self, after: i64, limit: u32) -> Result<Vec<AuditRestock>, StoreError> {
        let rows: Vec<(i64, String, String, i64, i64, i64)> = sql(
            "SELECT position, production_id, product_id, quantity, stock_after, at FROM restocks WHERE position > ? ORDER BY position LIMIT ?",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let restock = |(position, id, product, quantity, stock_after, at): (i64, String, String, i64, i64, i64)| {
            let production_id = parsed(&id, "restocks.production_id")?;
            Ok(AuditRestock { position, production_id, product: ProductId(product), quantity, stock_after, at })
        };
        rows.into_iter().map(restock).collect()
    }

    /// Stocks set by the administration.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn adjustments(&self, after: i64, limit: u32) -> Result<Vec<AuditAdjustment>, StoreError> {
        let rows: Vec<(i64, String, i64, i64, i64)> =
            sql("SELECT position, product_id, delta, stock_after, at FROM adjustments WHERE position > ? ORDER BY position LIMIT ?")
                .bind(after)
                .bind(limit)
                .fetch_all(&self.readers)
                .await?;
        let adjustment = |(position, product, delta, stock_after, at)| {
            let product = ProductId(product);
            AuditAdjustment { position, product, delta, stock_after, at }
        };
        Ok(rows.into_iter().map(adjustment).collect())
    }

    /// Receipts of all consumers.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn receipts(&self, after: i64, limit: u32) -> Result<Vec<AuditReceipt>, StoreError> {
        let rows: Vec<(i64, String, String, i64)> =
            sql("SELECT position, consumer, id, at FROM receipts WHERE position > ? ORDER BY position LIMIT ?")
                .bind(after)
                .bind(limit)
                .fetch_all(&self.readers)
                .await?;
        Ok(rows.into_iter().map(|(position, consumer, id, at)| AuditReceipt { position, consumer, id, at }).collect())
    }

    /// Sold-out episodes, with what is known of their ad stop.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn episodes(&self, after: i64, limit: u32) -> Result<Vec<AuditEpisode>, StoreError> {
        type Row = (i64, String, i64, i64, Option<i64>, Option<i64>, Option<i64>);
        let rows: Vec<Row> =
            sql("SELECT e.position, e.product_id, e.number, e.began_at, e.ended_at, a.begun_at, a.mailed_at FROM episodes e \
             LEFT JOIN ad_stops a ON a.product_id = e.product_id AND a.number = e.number WHERE e.position > ? ORDER BY e.position LIMIT ?")
            .bind(after)
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        let episode = |(position, product, number, began_at, ended_at, ad_stop_begun_at, ad_stop_mailed_at): Row| {
            let product = ProductId(product);
            AuditEpisode { position, product, number, began_at, ended_at, ad_stop_begun_at, ad_stop_mailed_at }
        };
        Ok(rows.into_iter().map(episode).collect())
    }

    /// What the operations team has seen.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn operations(&self, after: i64, limit: u32) -> Result<Vec<AuditOperation>, StoreError> {
        type Row = (i64, String, String, String, i64, String, i64, i64);
        let rows: Vec<Row> =
            sql("SELECT position, event_id, order_id, product_id, quantity, outcome, stock, at FROM operations WHERE position > ? \
             ORDER BY position LIMIT ?")
            .bind(after)
            .bind(limit)
            .fetch_all(&self.readers)
            .await?;
        let operation = |(position, event_id, order_id, product, quantity, word, stock, at): Row| {
            Ok(AuditOperation {
                position,
                event_id: parsed(&event_id, "operations.event_id")?,
                order_id: parsed(&order_id, "operations.order_id")?,
                product: ProductId(product),
                quantity,
                outcome: outcome(&word, "operations.outcome")?,
                stock,
                at,
            })
        };
        rows.into_iter().map(operation).collect()
    }

    /// Stock of every product, first and now.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn stocks(&self) -> Result<Vec<AuditStock>, StoreError> {
        let rows = read::stocks(&self.readers).await?;
        Ok(rows.into_iter().map(|(product, initial, now)| AuditStock { product, initial, now }).collect())
    }

    /// What has not come to its end yet: messages that wait to be published, productions that have not arrived.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn open_counts(&self) -> Result<(i64, i64), StoreError> {
        read::open_counts(&self.readers).await
    }
}
