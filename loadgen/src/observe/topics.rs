//! What is published, seen through a queue of the harness on every topic: a ledger that needs no code in the system under test.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use reference::edition::Edition;
use reference::messaging::envelope::Incoming;
use reference::messaging::receive::{Queue, Received};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::faults::Poison;
use crate::history::event::{BusinessIds, Event, Published};
use crate::history::writer::Recorder;
use crate::target::View;

/// Messages taken at a time (SQS allows no more).
const BATCH: usize = 10;

/// Long poll.
const WAIT: Duration = Duration::from_secs(1);

/// Time in which a message that was read must be deleted, or it is read again; reading twice does no harm. Short, because an answer that is
/// lost (the broker may be killed) hides its messages for so long, and the drain waits for them.
const VISIBILITY: Duration = Duration::from_secs(5);

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
    pub fn start(understanding: &Understanding, observers: Vec<(String, Queue)>, poison: &Poison, recorder: &Recorder) -> Self {
        let stop = CancellationToken::new();
        let read = |(topic, queue)| {
            let reading =
                Reading { understanding: understanding.clone(), topic, queue, poison: poison.clone(), recorder: recorder.clone() };
            tokio::spawn(reading.until(stop.clone()))
        };
        let tasks = observers.into_iter().map(read).collect();
        Self { stop, tasks }
    }

    /// Stops reading; what was taken is noted first.
    pub async fn finish(self) {
        self.stop.cancel();
        // Each ends after the batch in hand; a reader that panicked has noted less, which the proof will show.
        let _ = join_all(self.tasks).await;
    }
}

/// Who knows what a message says.
#[derive(Debug, Clone)]
pub enum Understanding {
    /// The contract, in one of its editions.
    Edition(&'static Edition),
    /// A target's file.
    Described(Arc<View>),
}

impl Understanding {
    fn published(&self, topic: &str, incoming: &Incoming) -> Published {
        match self {
            Self::Edition(edition) => published(edition, topic, incoming),
            Self::Described(view) => view.published(topic, incoming),
        }
    }
}

/// One topic, read through the harness's queue on it.
struct Reading {
    understanding: Understanding,
    topic: String,
    queue: Queue,
    poison: Poison,
    recorder: Recorder,
}

impl Reading {
    async fn until(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let received = tokio::select! {
                received = self.queue.receive(BATCH, WAIT, VISIBILITY) => received,
                () = stop.cancelled() => return,
            };
            match received {
                Ok(messages) => self.note(messages).await,
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, topic = self.topic, "reading a topic failed");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    async fn note(&self, messages: Vec<Received>) {
        let mut handles = Vec::with_capacity(messages.len());
        for message in messages {
            // Noted before it is deleted: a harness that dies in between reads it again. Poison was noted where it was sent.
            if let Ok(incoming) = message.open()
                && self.poison.id_of(&incoming.body).is_none()
            {
                self.recorder.record(Event::Published(self.understanding.published(&self.topic, &incoming)));
            }
            handles.push(message.receipt_handle);
        }
        if !handles.is_empty() {
            // What could not be deleted is read again after its visibility timeout, and noting it twice does no harm.
            let _ = self.queue.delete_batch(&handles).await;
        }
    }
}

/// The business ids of a message, whatever queue it was found in.
#[must_use]
pub fn business_ids(incoming: &Incoming) -> BusinessIds {
    let text = |name: &str| incoming.attributes.get(name).cloned();
    BusinessIds {
        key: None,
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
