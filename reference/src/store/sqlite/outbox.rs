//! The outbox: messages that leave with the transaction that caused them, and are published by whoever claims them.

use crate::domain::EventId;
use crate::messaging::message::OutgoingMessage;
use crate::store::{OutboxRow, StoreError};

use super::{Tx, Work, parsed};

/// Puts a message into the outbox.
pub(crate) async fn put(tx: &mut Tx<'_>, event_id: EventId, message: &OutgoingMessage) -> Result<(), StoreError> {
    let text = serde_json::to_string(message).map_err(|error| StoreError::Refused { reason: error.to_string() })?;
    sqlx::query("INSERT INTO outbox (event_id, message) VALUES (?, ?)")
        .bind(event_id.to_string())
        .bind(text)
        .execute(&mut *tx.conn)
        .await?;
    tx.outbox_grew = true;
    Ok(())
}

/// Claims the oldest unclaimed messages.
pub(crate) struct Claim {
    pub(crate) owner: String,
    pub(crate) limit: u32,
    /// Microseconds.
    pub(crate) lease: i64,
}

impl Work for Claim {
    type Answer = Vec<OutboxRow>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Answer, StoreError> {
        let rows: Vec<(i64, String, String, i64)> =
            sqlx::query_as("SELECT id, event_id, message, claims FROM outbox WHERE leased_until <= ? ORDER BY id LIMIT ?")
                .bind(tx.now)
                .bind(self.limit)
                .fetch_all(&mut *tx.conn)
                .await?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
        // The rows between the first and the last that are free are exactly those that were read: the write lock is held.
        sqlx::query(
            "UPDATE outbox SET leased_until = ?, leased_by = ?, claims = claims + 1 WHERE id BETWEEN ? AND ? AND leased_until <= ?",
        )
        .bind(tx.now.saturating_add(self.lease))
        .bind(&self.owner)
        .bind(first.0)
        .bind(last.0)
        .bind(tx.now)
        .execute(&mut *tx.conn)
        .await?;
        rows.into_iter().map(row).collect()
    }
}

fn row((id, event_id, message, claims): (i64, String, String, i64)) -> Result<OutboxRow, StoreError> {
    let event_id = parsed(&event_id, "outbox.event_id")?;
    let message = serde_json::from_str(&message).map_err(|_| StoreError::Corrupt { what: "outbox.message", found: message })?;
    Ok(OutboxRow { id, event_id, message, claims: claims + 1 })
}

/// Forgets published messages.
pub(crate) struct Forget(pub(crate) Vec<i64>);

impl Work for Forget {
    type Answer = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))").bind(list(&self.0)).execute(&mut *tx.conn).await?;
        Ok(())
    }
}

/// Gives claims back, if they are still the owner's.
pub(crate) struct Release {
    pub(crate) owner: String,
    pub(crate) ids: Vec<i64>,
}

impl Work for Release {
    type Answer = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::query("UPDATE outbox SET leased_until = 0, leased_by = NULL WHERE leased_by = ? AND id IN (SELECT value FROM json_each(?))")
            .bind(&self.owner)
            .bind(list(&self.ids))
            .execute(&mut *tx.conn)
            .await?;
        tx.outbox_grew = true;
        Ok(())
    }
}

fn list(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("[{}]", ids.join(","))
}
