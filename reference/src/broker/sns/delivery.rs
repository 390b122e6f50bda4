//! Delivering a notification to the queues of a topic. One that cannot take it does not stop the others.

use std::sync::Arc;

use uuid::Uuid;

use super::{SnsCall, envelope, message::Publication, topic::Subscription};
use crate::broker::{clock::Moment, queue::send::Draft, refusal::Refusal};

/// A published message on its way.
#[derive(Debug)]
pub(crate) struct Notification<'a> {
    pub(crate) message_id: Uuid,
    pub(crate) topic_arn: &'a str,
    pub(crate) published_at: Moment,
    /// Of FIFO topics.
    pub(crate) sequence: Option<u64>,
    pub(crate) publication: Publication,
}

/// Puts the notification into every subscribed queue whose filter accepts it.
pub(super) fn deliver(call: &SnsCall<'_>, subscriptions: &[Arc<Subscription>], notification: &Notification<'_>) {
    let publication = &notification.publication;
    for subscription in subscriptions {
        let filter = subscription.settings.filter.as_ref();
        if filter.is_none_or(|filter| filter.accepts(&publication.attributes, &publication.message)) {
            deliver_to(call, subscription, notification);
        }
    }
}

fn deliver_to(call: &SnsCall<'_>, subscription: &Subscription, notification: &Notification<'_>) {
    let Err(refusal) = send(call, &subscription.queue_name, draft(call, subscription, notification)) else { return };
    // SNS does not try again what a queue refuses: it goes to the subscription's dead-letter queue, or nowhere.
    let Some(dead_letter_queue) = &subscription.settings.dead_letter_queue else {
        tracing::warn!(subscription = %subscription.arn, reason = %refusal, "a notification was discarded");
        return;
    };
    if let Err(second) = send(call, dead_letter_queue, draft(call, subscription, notification)) {
        tracing::warn!(
            subscription = %subscription.arn, queue = %dead_letter_queue, reason = %second,
            "a notification was discarded, because the subscription's dead-letter queue refused it, too"
        );
    }
}

/// Sends to a queue of either type: a standard queue knows no deduplication, a FIFO queue needs a group.
fn send(call: &SnsCall<'_>, queue_name: &str, mut draft: Draft) -> Result<(), Refusal> {
    let queue = call.world.queue(queue_name).ok_or(Refusal::QueueDoesNotExist)?;
    if !queue.fifo() {
        draft.deduplication_id = None;
    }
    queue.send(draft).map(drop)
}

fn draft(call: &SnsCall<'_>, subscription: &Subscription, notification: &Notification<'_>) -> Draft {
    let publication = &notification.publication;
    let (body, attributes) = if subscription.settings.raw {
        (publication.message.clone(), publication.attributes.clone())
    } else {
        (envelope::wrap(notification, subscription, call.host), Vec::new())
    };
    Draft { body, attributes, group: publication.group.clone(), deduplication_id: publication.deduplication_id.clone(), ..Draft::default() }
}
