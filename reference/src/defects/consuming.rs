//! Mistakes of consuming a queue.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::{Defect, is};
use crate::consumer::batch::{self, Answer, Tally, Why};
use crate::consumer::{Consumer, ConsumerSettings, Handler};
use crate::messaging::receive::{Queue, Received};

/// `short-visibility`: a timeout that somebody once thought was plenty.
pub(crate) fn hasty(settings: ConsumerSettings) -> ConsumerSettings {
    if is(Defect::ShortVisibility) { ConsumerSettings { visibility: Duration::from_secs(1), ..settings } } else { settings }
}

/// `ack-before-effect` and `first-record-only`: what is deleted before anything was done, and what is left to do.
pub(crate) async fn delete_early(queue: &Queue, mut received: Vec<Received>) -> Vec<Received> {
    let from = match () {
        () if is(Defect::AckBeforeEffect) => 0,
        () if is(Defect::FirstRecordOnly) => 1,
        () => return received,
    };
    let handles: Vec<String> = received.iter().skip(from).map(|message| message.receipt_handle.clone()).collect();
    if !handles.is_empty() {
        drop(queue.delete_batch(&handles).await);
    }
    if is(Defect::FirstRecordOnly) {
        received.truncate(1);
    }
    received
}

/// `fail-whole-batch`: one failure fails all, so that nothing of the batch is deleted.
pub(crate) async fn all_or_nothing<H: Handler>(consumer: &Consumer<H>, received: Vec<Received>, shutdown: &CancellationToken) -> Tally {
    let decided = join_all(received.iter().map(|message| batch::decide(consumer, message, shutdown))).await;
    let failed = decided.iter().any(|answer| *answer != Answer::Delete);
    let again = Answer::Hide { delay: Duration::ZERO, why: Why::Retried };
    let answers = received.into_iter().zip(decided).map(|(message, answer)| (message.receipt_handle, if failed { again } else { answer }));
    batch::answer(consumer.queue(), answers.collect()).await
}

static HANDLED: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// `redrive-repeats-effects`: whether a message of this MessageId was handled before.
pub(crate) fn was_handled(message_id: &str) -> bool {
    HANDLED.lock().unwrap_or_else(PoisonError::into_inner).contains(message_id)
}

/// Remembers the MessageId of a message that was handled.
pub(crate) fn handled(message_id: &str) {
    HANDLED.lock().unwrap_or_else(PoisonError::into_inner).insert(message_id.to_owned());
}
