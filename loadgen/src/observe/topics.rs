//! What is published, seen through a queue of the harness on every topic: a ledger that needs no code in the system under test.

use std::time::Duration;

use futures_util::future::join_all;
use reference::edition::Edition;
use reference::messaging::envelope::Incoming;
use reference::messaging::receive::{Queue, Received};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::history::event::{BusinessIds, Event, Published};
use crate::history::writer::Recorder;

/// Messages taken at a time (SQS allows no more).
const BATCH: usize = 10;

/// Long poll.
const WAIT: Duration = Duration::from_secs(1);

/// Time in which a message that was read must be deleted, or it is read again; reading twice does no harm.
const VISIBILITY: Duration = Duration::from_secs(60);

/// Pause after a failed receive.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Readers at work. Dropping them stops them.
#[derive(Debug)]
pub struct TopicReaders {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl TopicReaders {
    /// Starts reading every topic.
    #[must_use]
    pub fn start(edition: &'static Edition, observers: Vec<(String, Queue)>, recorder: &Recorder) -> Self {
        let stop = CancellationToken::new();
        let tasks =
            observers.into_iter().map(|(topic, queue)| tokio::spawn(read(edition, topic, queue, recorder.clone(), stop.clone()))).collect();
        Self { stop, tasks }
    }

    /// Stops reading; what was taken is noted first.
    pub async fn finish(self) {
        self.stop.cancel();
        // Each ends after the batch in hand; a reader that panicked has noted less, which the proof will show.
        let _ = join_all(self.tasks).await;
    }
}

async fn read(edition: &'static Edition, topic: String, queue: Queue, recorder: Recorder, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let received = tokio::select! {
            received = queue.receive(BATCH, WAIT, VISIBILITY) => received,
            () = stop.cancelled() => return,
        };
        match received {
            Ok(messages) => note(edition, &topic, &queue, &recorder, messages).await,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, %topic, "reading a topic failed");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn note(edition: &Edition, topic: &str, queue: &Queue, recorder: &Recorder, messages: Vec<Received>) {
    let mut handles = Vec::with_capacity(messages.len());
    for message in messages {
        // Noted before it is deleted: a harness that dies in between reads it again.
        if let Ok(incoming) = message.open() {
            recorder.record(Event::Published(published(edition, topic, &incoming)));
        }
        handles.push(message.receipt_handle);
    }
    if !handles.is_empty() {
        // What could not be deleted is read again after its visibility timeout, and noting it twice does no harm.
        let _ = queue.delete_batch(&handles).await;
    }
}

/// The business ids of a message, whatever queue it was found in.
#[must_use]
pub fn business_ids(incoming: &Incoming) -> BusinessIds {
    let text = |name: &str| incoming.attributes.get(name).cloned();
    BusinessIds {
        message: text("MessageAttributeEventId"),
        order: text("MessageAttributeOrderId"),
        production: text("MessageAttributeProductionId"),
        episode: text("MessageAttributeEpisode"),
    }
}

fn published(edition: &Edition, topic: &str, incoming: &Incoming) -> Published {
    let text = |name: &str| incoming.attributes.get(name).cloned();
    Published {
        topic: topic.to_owned(),
        ids: business_ids(incoming),
        product: text(edition.attributes.product_id),
        quantity: text(edition.attributes.count).and_then(|count| count.parse().ok()),
        outcome: text("MessageAttributeOutcome"),
    }
}
