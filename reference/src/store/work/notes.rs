//! What consumers note: receipts, ad stops, operations' view.

use crate::defects;
use crate::domain::EpisodeId;
use crate::store::database::{sql, sql_of};
use crate::store::{AdStop, OperationEvent, StoreError};

use super::{Tx, Work};

/// Notes that a consumer has had the effect of an id; answers whether that is new.
pub(crate) async fn receipt(tx: &mut Tx<'_>, consumer: &'static str, id: &str) -> Result<bool, StoreError> {
    let done = sql_of(format!("{} INTO receipts (consumer, id, at) VALUES (?, ?, ?)", tx.conn.dialect().insert_new()))
        .bind(consumer)
        .bind(id)
        .bind(tx.now)
        .execute(&mut *tx.conn)
        .await?;
    Ok(done == 1)
}

async fn begin_ad_stop(tx: &mut Tx<'_>, EpisodeId { product, number }: &EpisodeId) -> Result<(), StoreError> {
    sql_of(format!("{} INTO ad_stops (product_id, number, begun_at) VALUES (?, ?, ?)", tx.conn.dialect().insert_new()))
        .bind(&product.0)
        .bind(*number)
        .bind(tx.now)
        .execute(&mut *tx.conn)
        .await?;
    Ok(())
}

/// Notes that an ad stop is about to be mailed.
pub(crate) struct BeginAdStop(pub(crate) EpisodeId);

impl Work for BeginAdStop {
    type Answer = AdStop;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<AdStop, StoreError> {
        let EpisodeId { product, number } = &self.0;
        begin_ad_stop(tx, &self.0).await?;
        let (mailed,): (Option<i64>,) = sql("SELECT mailed_at FROM ad_stops WHERE product_id = ? AND number = ?")
            .bind(&product.0)
            .bind(*number)
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
        begin_ad_stop(tx, &self.0).await?;
        sql("UPDATE ad_stops SET mailed_at = ? WHERE product_id = ? AND number = ? AND mailed_at IS NULL")
            .bind(tx.now)
            .bind(&product.0)
            .bind(*number)
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
        if !receipt(tx, "operations", &event.event_id.to_string()).await? && !defects::has_no_inbox() {
            return Ok(false);
        }
        sql(
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
