//! The outbox: messages that leave with the transaction that caused them, and are published by whoever claims them.

use crate::defects::instead;
use crate::domain::EventId;
use crate::messaging::message::OutgoingMessage;
use crate::store::database::{marks, padded, sql_of};
use crate::store::options::as_micros;
use crate::store::{OutboxRow, StoreError};

use super::{Tx, Work, parsed};

/// Most ids in one statement.
const MOST_AT_ONCE: usize = 512;

/// Puts a message into the outbox.
pub(crate) async fn put(tx: &mut Tx<'_>, event_id: EventId, message: &OutgoingMessage) -> Result<(), StoreError> {
    instead!(PublishWithoutOutbox => return crate::defects::publishing::send(message).await);
    instead!(PublishBeforeCommit => return crate::defects::publishing::send(message).await);
    let traced = tx.trace.map(|trace| message.clone().within(trace));
    let text =
        serde_json::to_string(traced.as_ref().unwrap_or(message)).map_err(|error| StoreError::Refused { reason: error.to_string() })?;
    tx.write_message(event_id, text);
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
        // A lease that ends later than any granted until now would was granted by a clock that is ahead. It is not waited for: the message
        // would be late by as much as that clock was wrong, and publishing it twice is allowed.
        let leased_until = tx.now.saturating_add(self.lease);
        let free = format!(
            "SELECT id, event_id, message, claims FROM outbox WHERE leased_until <= ? OR leased_until > ? ORDER BY id LIMIT ?{}",
            tx.conn.dialect().lock_free_ones()
        );
        let latest = leased_until.saturating_add(as_micros(tx.conn.dialect().overlap()));
        let rows: Vec<(i64, String, String, i64)> =
            sql_of(free).bind(tx.now).bind(latest).bind(self.limit).fetch_all(&mut *tx.conn).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids = padded(rows.iter().map(|row| row.0).collect());
        let claim = format!("UPDATE outbox SET leased_until = ?, leased_by = ?, claims = claims + 1 WHERE id IN ({})", marks(ids.len()));
        sql_of(claim).bind(leased_until).bind(&self.owner).bind_all(ids).execute(&mut *tx.conn).await?;
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
        for ids in self.0.chunks(MOST_AT_ONCE) {
            let ids = padded(ids.to_vec());
            sql_of(format!("DELETE FROM outbox WHERE id IN ({})", marks(ids.len()))).bind_all(ids).execute(&mut *tx.conn).await?;
        }
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
        for ids in self.ids.chunks(MOST_AT_ONCE) {
            let ids = padded(ids.to_vec());
            sql_of(format!("UPDATE outbox SET leased_until = 0, leased_by = NULL WHERE leased_by = ? AND id IN ({})", marks(ids.len())))
                .bind(&self.owner)
                .bind_all(ids)
                .execute(&mut *tx.conn)
                .await?;
        }
        tx.outbox_grew = true;
        Ok(())
    }
}
