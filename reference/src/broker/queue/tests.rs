//! Queues as their users see them, with the clock in hand.

mod backlog;
mod crowd;
mod fifo;
mod standard;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    Queue, Surroundings,
    receive::{Receive, Received},
    send::{Draft, Sent},
    settings::Settings,
    shelf::Counts,
};
use crate::broker::{
    clock::Clock,
    refusal::Refusal,
    unruly::{Coin, Unruly},
};

/// Ids of the queues of one test must differ; those of all tests do.
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

fn queue(name: &str, attributes: &[(&str, &str)]) -> Arc<Queue> {
    unruly_queue(name, attributes, Unruly::default())
}

fn unruly_queue(name: &str, attributes: &[(&str, &str)], unruly: Unruly) -> Arc<Queue> {
    let mut given: BTreeMap<String, String> = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if name.ends_with(".fifo") {
        given.insert("FifoQueue".to_owned(), "true".to_owned());
    }
    let settings = Settings::of_new_queue(name, given).unwrap();
    let surroundings = Surroundings {
        clock: Clock::start(),
        journal: None,
        max_messages: 1_000_000,
        max_in_flight: 120_000,
        lifetime: CancellationToken::new(),
    };
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    Arc::new(Queue::new(id, name.to_owned(), settings, BTreeMap::new(), Coin::new(1, name, unruly), surroundings))
}

fn draft(body: &str) -> Draft {
    Draft { body: body.to_owned(), ..Draft::default() }
}

fn in_group(body: &str, group: &str) -> Draft {
    Draft { group: Some(group.to_owned()), deduplication_id: Some(format!("{group}-{body}")), ..draft(body) }
}

fn send(queue: &Queue, body: &str) -> Sent {
    queue.send(draft(body)).unwrap()
}

fn nowhere(_: &str) -> Option<Arc<Queue>> {
    None
}

/// A short poll.
async fn take(queue: &Arc<Queue>, max_messages: usize) -> Vec<Received> {
    let request = Receive { max_messages, visibility_timeout: None, wait: Some(Duration::ZERO) };
    queue.receive(&request, &nowhere, &CancellationToken::new()).await.unwrap()
}

/// A long poll for one message.
async fn wait_for_one(queue: &Arc<Queue>, wait: Duration) -> Result<Option<Received>, Refusal> {
    let request = Receive { max_messages: 1, visibility_timeout: None, wait: Some(wait) };
    Ok(queue.receive(&request, &nowhere, &CancellationToken::new()).await?.pop())
}

fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|message| &*message.payload.body).collect()
}

fn counts(queue: &Queue) -> (usize, usize, usize) {
    let Counts { visible, in_flight, delayed } = queue.overview().counts;
    (visible, in_flight, delayed)
}
