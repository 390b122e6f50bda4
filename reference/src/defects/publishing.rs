//! Mistakes of publishing: without an outbox, by whoever writes.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::{Defect, is};
use crate::messaging::message::OutgoingMessage;
use crate::messaging::publish::Publisher;
use crate::store::StoreError;

static PUBLISHER: OnceLock<Publisher> = OnceLock::new();
/// Messages of the transaction that is open: there is one writer in a process.
static OF_THIS_TRANSACTION: Mutex<Vec<OutgoingMessage>> = Mutex::new(Vec::new());

/// From now on messages are published through this.
pub(crate) fn through(publisher: Publisher) {
    // Every role of a process would set the same one.
    let _ = PUBLISHER.set(publisher);
}

/// Sends a message instead of putting it into the outbox: at once, while the transaction is open, or after it.
pub(crate) async fn send(message: &OutgoingMessage) -> Result<(), StoreError> {
    if !is(Defect::PublishBeforeCommit) {
        OF_THIS_TRANSACTION.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
        return Ok(());
    }
    let Some(publisher) = PUBLISHER.get() else { return Ok(()) };
    publisher.publish(message.clone()).await.map_err(|error| StoreError::Refused { reason: error.to_string() })
}

/// The transaction was committed: its messages are published, by a task that nobody waits for.
pub(crate) fn committed() {
    let messages = std::mem::take(&mut *OF_THIS_TRANSACTION.lock().unwrap_or_else(PoisonError::into_inner));
    let Some(publisher) = PUBLISHER.get().filter(|_| !messages.is_empty()) else { return };
    let (publisher, messages) = (publisher.clone(), messages.into_iter().enumerate().collect());
    tokio::spawn(async move {
        for (_, result) in publisher.publish_batch(messages).await {
            if let Err(error) = result {
                tracing::error!(%error, "a message could not be published");
            }
        }
    });
}

/// The transaction was rolled back.
pub(crate) fn rolled_back() {
    OF_THIS_TRANSACTION.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
