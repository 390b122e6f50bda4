//! What consumers note: receipts, ad stops, operations' view.

use crate::domain::EpisodeId;
use crate::store::{AdStop, OperationEvent, StoreError};

use super::{Tx, Work};

/// Notes that a consumer has had the effect of an id; answers whether that is new.
pub(crate) async fn receipt(tx: &mut Tx<'_>, consumer: &'static str, id: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("INSERT OR IGNORE INTO receipts (consumer, id, at) VALUES (?, ?, ?)")
        .bind(consumer)
        .bind(id)
        .bind(tx.now)
        .execute(&mut *tx.conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that an ad stop is about to be mailed.
pub(crate) struct BeginAdStop(pub(crate) EpisodeId);

impl Work for BeginAdStop {
    type Answer = AdStop;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<AdStop, StoreError> {
        let EpisodeId { product, number } = &self.0;
        sqlx::query("INSERT OR IGNORE INTO ad_stops (product_id, number, begun_at) VALUES (?, ?, ?)")
            .bind(&product.0)
            .bind(number)
            .bind(tx.now)
            .execute(&mut *tx.conn)
            .await?;
        let mailed: Option<i64> = sqlx::query_scalar("SELECT mailed_at FROM ad_stops WHERE product_id = ? AND number = ?")
            .bind(&product.0)
            .bind(number)
            .fetch_one(&mut *tx.conn)
            .await?;
        Ok(if mailed.is_some() { AdStop::AlreadyMailed } else { AdStop::Send })
    }
}

/// Notes that an ad stop was mailed.
pub(crate) struct AdStopMailed(pub(crate) EpisodeId);

impl Work for AdStopMailed {
    type Answer = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let EpisodeId { product, number } = &self.0;
        sqlx::query("INSERT OR IGNORE INTO ad_stops (product_id, number, begun_at) VALUES (?, ?, ?)")
            .bind(&product.0)
            .bind(number)
            .bind(tx.now)
            .execute(&mut *tx.conn)
            .await?;
        sqlx::query("UPDATE ad_stops SET mailed_at = ? WHERE product_id = ? AND number = ? AND mailed_at IS NULL")
            .bind(tx.now)
            .bind(&product.0)
            .bind(number)
            .execute(&mut *tx.conn)
            .await?;
        receipt(tx, "advertising", &self.0.to_string()).await?;
        Ok(())
    }
}

/// Records a sales event for the operations team.
pub(crate) struct RecordOperation(pub(crate) OperationEvent);

impl Work for RecordOperation {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let event = &self.0;
        if !receipt(tx, "operations", &event.event_id.to_string()).await? {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO operations (event_id, order_id, product_id, quantity, outcome, stock, requester, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(event.event_id.to_string())
        .bind(event.order_id.to_string())
        .bind(&event.product.0)
        .bind(event.quantity.get())
        .bind(event.outcome.as_str())
        .bind(event.stock)
        .bind(&event.requester)
        .bind(tx.now)
        .execute(&mut *tx.conn)
        .await?;
        Ok(true)
    }
}
