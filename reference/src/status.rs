//! The pipeline at a glance: stock, what waits, what is open, what lies in the dead-letter queues.
//!
//! The command `status`, the metrics and `/readyz` all look through the same [`Probes`], each look with a time limit.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::messaging::CallError;
use crate::messaging::receive::{Depth, Queue};
use crate::store::{Store, StoreError, StoreStatus};

/// A queue and its dead-letter queue.
#[derive(Debug, Clone)]
pub struct WatchedQueue {
    /// The queue.
    pub queue: Queue,
    /// Where its failures go.
    pub dlq: Queue,
}

/// What a process can look at. A part that it has nothing to do with is absent.
#[derive(Debug, Clone, Default)]
pub struct Probes {
    /// The store.
    pub store: Option<Store>,
    /// The queues.
    pub queues: Vec<WatchedQueue>,
}

/// Something cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The store.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// A queue.
    #[error("a queue cannot be read")]
    Queue(#[from] CallError),
    /// It took too long.
    #[error("{what} did not answer within {limit:?}; it is overloaded or cut off")]
    TooSlow {
        /// What was asked.
        what: String,
        /// How long was waited.
        limit: Duration,
    },
}

/// How many messages a queue and its dead-letter queue hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueueStatus {
    /// Name of the queue.
    pub name: String,
    /// Messages that wait to be received, or for their delay to end.
    pub waiting: u64,
    /// Messages that somebody received and has not deleted.
    pub in_flight: u64,
    /// Name of the dead-letter queue.
    pub dlq: String,
    /// Messages in it.
    pub dlq_depth: u64,
}

/// The pipeline at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineStatus {
    /// Pieces in stock per product.
    pub stock: Vec<ProductStock>,
    /// Orders that were sold.
    pub sold: i64,
    /// Orders that were refused.
    pub sold_out: i64,
    /// Messages that wait to be published.
    pub outbox: i64,
    /// Productions that have not arrived.
    pub open_productions: i64,
    /// The queues.
    pub queues: Vec<QueueStatus>,
}

/// Pieces in stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProductStock {
    /// The product.
    pub product_id: String,
    /// Pieces.
    pub stock: i64,
}

impl Probes {
    /// Looks at everything, each part within `limit`.
    ///
    /// # Errors
    /// The first [`ProbeError`].
    pub async fn look(&self, limit: Duration) -> Result<PipelineStatus, ProbeError> {
        let store = async {
            match &self.store {
                Some(store) => within(limit, || "the store".to_owned(), store.status()).await,
                None => Ok(StoreStatus::default()),
            }
        };
        let queues = futures_util::future::join_all(self.queues.iter().map(|watched| watched.look(limit)));
        let (store, queues) = tokio::join!(store, queues);
        let store = store?;
        Ok(PipelineStatus {
            stock: store.stock.into_iter().map(|(product, stock)| ProductStock { product_id: product.0, stock }).collect(),
            sold: store.sold,
            sold_out: store.sold_out,
            outbox: store.outbox,
            open_productions: store.open_productions,
            queues: queues.into_iter().collect::<Result<_, _>>()?,
        })
    }

    /// Whether the store answers; absent when this process has none.
    pub async fn store_answers(&self, limit: Duration) -> Option<Result<(), ProbeError>> {
        let store = self.store.as_ref()?;
        Some(within(limit, || "the store".to_owned(), store.products()).await.map(drop))
    }

    /// Whether the messaging endpoint answers for a queue; absent when this process has nothing to do with queues.
    pub async fn queues_answer(&self, limit: Duration) -> Option<Result<(), ProbeError>> {
        let watched = self.queues.first()?;
        Some(depth(&watched.queue, limit).await.map(drop))
    }
}

impl WatchedQueue {
    async fn look(&self, limit: Duration) -> Result<QueueStatus, ProbeError> {
        let (queue, dlq) = tokio::try_join!(depth(&self.queue, limit), depth(&self.dlq, limit))?;
        Ok(QueueStatus {
            name: self.queue.name().to_owned(),
            waiting: queue.visible + queue.delayed,
            in_flight: queue.in_flight,
            dlq: self.dlq.name().to_owned(),
            dlq_depth: dlq.total(),
        })
    }
}

async fn depth(queue: &Queue, limit: Duration) -> Result<Depth, ProbeError> {
    within(limit, || format!("queue {}", queue.name()), queue.depth()).await
}

async fn within<T, E: Into<ProbeError>>(
    limit: Duration,
    what: impl Fn() -> String,
    look: impl Future<Output = Result<T, E>>,
) -> Result<T, ProbeError> {
    match tokio::time::timeout(limit, look).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(ProbeError::TooSlow { what: what(), limit }),
    }
}

impl fmt::Display for PipelineStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24} {:>10}", "PRODUCT", "STOCK")?;
        for product in &self.stock {
            writeln!(f, "{:<24} {:>10}", product.product_id, product.stock)?;
        }
        writeln!(f, "\n{:<24} {:>10} {:>10}   {:<20} {:>10}", "QUEUE", "WAITING", "IN FLIGHT", "DEAD LETTERS", "DEPTH")?;
        for queue in &self.queues {
            writeln!(f, "{:<24} {:>10} {:>10}   {:<20} {:>10}", queue.name, queue.waiting, queue.in_flight, queue.dlq, queue.dlq_depth)?;
        }
        writeln!(f, "\norders sold              {:>10}", self.sold)?;
        writeln!(f, "orders refused           {:>10}", self.sold_out)?;
        writeln!(f, "messages to publish      {:>10}", self.outbox)?;
        write!(f, "productions open         {:>10}", self.open_productions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_every_number_under_its_heading() {
        let status = PipelineStatus {
            stock: vec![ProductStock { product_id: "CP-502101".into(), stock: 12 }],
            sold: 88,
            sold_out: 3,
            outbox: 1,
            open_productions: 2,
            queues: vec![QueueStatus { name: "stock_queue".into(), waiting: 4, in_flight: 5, dlq: "stock_dlq".into(), dlq_depth: 6 }],
        };
        insta::assert_snapshot!(status.to_string(), @"
        PRODUCT                       STOCK
        CP-502101                        12

        QUEUE                       WAITING  IN FLIGHT   DEAD LETTERS              DEPTH
        stock_queue                       4          5   stock_dlq                     6

        orders sold                      88
        orders refused                    3
        messages to publish               1
        productions open                  2
        ");
    }
}
