//! Many messages at once: each arrives, none twice, and FIFO groups keep their order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, QueueAttributeName, SendMessageBatchRequestEntry};
use futures_util::future::join_all;

use super::endpoint::{Endpoint, within};
use super::queue::{Queue, body, handle};

const MESSAGES: usize = 20_000;
const SENDERS: usize = 8;
const RECEIVERS: usize = 8;
const BATCH: usize = 10;
/// Far above what a debug build on two cores needs; slow endpoints are as right as fast ones.
const LIMIT: Duration = Duration::from_secs(240);
/// Longer than the whole test: a message that came twice would come twice without a timeout's help.
const VISIBILITY_TIMEOUT: (QueueAttributeName, &str) = (QueueAttributeName::VisibilityTimeout, "900");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_messages_of_eight_senders_reach_eight_receivers_each_exactly_once() {
    within(LIMIT, async |aws| {
        let queue = aws.queue_with(&[VISIBILITY_TIMEOUT]).await;
        let received = through(aws, &queue, |request, _| request).await;
        let mut times = vec![0_u32; MESSAGES];
        for (_, number) in received.into_iter().flatten() {
            times[number] += 1;
        }
        let lost = times.iter().filter(|times| **times == 0).count();
        let repeated = times.iter().filter(|times| **times > 1).count();
        assert_eq!(lost, 0, "messages lost, {repeated} repeated");
        // A standard queue of AWS may deliver twice; the embedded broker does so only when it is asked to.
        assert!(!aws.is_embedded() || repeated == 0, "{repeated} messages came more than once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_fifo_messages_keep_the_order_of_their_groups_and_come_exactly_once() {
    within(LIMIT, async |aws| {
        let queue = aws.fifo_queue_with(&[VISIBILITY_TIMEOUT]).await;
        // Each sender has groups of its own, since only one sender can say what was sent first.
        let received = through(aws, &queue, |request, number| {
            let group = format!("{}-{}", number % SENDERS, number / SENDERS % 8);
            request.message_group_id(group).message_deduplication_id(number.to_string())
        })
        .await;
        let mut groups: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (order, number) in received.into_iter().flatten() {
            groups.entry(number % (SENDERS * 8)).or_default().push((order, number));
        }
        let mut count = 0;
        for (group, mut messages) in groups {
            messages.sort_unstable();
            let numbers: Vec<_> = messages.iter().map(|(_, number)| *number).collect();
            assert!(numbers.is_sorted_by(|one, next| one < next), "group {group} is out of order or has repetitions: {numbers:?}");
            count += numbers.len();
        }
        assert_eq!(count, MESSAGES, "messages received");
    })
    .await;
}

/// Sends and receives all messages; for each receiver what it got: the place in the order of all receives, and the number.
async fn through(
    aws: &Endpoint,
    queue: &Queue,
    complete: impl Fn(Entry, usize) -> Entry + Copy + Send + 'static,
) -> Vec<Vec<(usize, usize)>> {
    let (order, deleted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let receivers = (0..RECEIVERS).map(|_| {
        let queue = Queue { sqs: aws.another_sqs_client(), ..queue.clone() };
        tokio::spawn(receiver(queue, order.clone(), deleted.clone()))
    });
    let receivers: Vec<_> = receivers.collect();
    let senders = (0..SENDERS).map(|sender| {
        let queue = Queue { sqs: aws.another_sqs_client(), ..queue.clone() };
        tokio::spawn(async move { send_all(queue, sender, complete).await })
    });
    for sender in join_all(senders).await {
        sender.expect("every sender sends all it has");
    }
    let received = join_all(receivers).await;
    queue.assert_counters(aws, 0, 0, 0).await;
    received.into_iter().map(|receiver| receiver.expect("every receiver ends")).collect()
}

type Entry = aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;

/// Sends every number that leaves `sender` as the remainder, in rising order.
async fn send_all(queue: Queue, sender: usize, complete: impl Fn(Entry, usize) -> Entry) {
    let numbers: Vec<usize> = (sender..MESSAGES).step_by(SENDERS).collect();
    for batch in numbers.chunks(BATCH) {
        let entries = batch.iter().map(|number| {
            let entry = SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(number.to_string());
            complete(entry, *number).build().expect("id and body are given")
        });
        let answer = queue.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(entries.collect())).send().await;
        let answer = answer.expect("SendMessageBatch");
        assert!(answer.failed().is_empty(), "{:?}", answer.failed());
    }
}

/// Receives and deletes until all receivers together have deleted everything.
async fn receiver(queue: Queue, order: Arc<AtomicUsize>, deleted: Arc<AtomicUsize>) -> Vec<(usize, usize)> {
    let mut received = Vec::new();
    while deleted.load(Ordering::SeqCst) < MESSAGES {
        let messages = queue.receive(1).await;
        if messages.is_empty() {
            continue;
        }
        // Before the deletion, which lets another receiver have the next message of the group.
        received.extend(messages.iter().map(|message| (order.fetch_add(1, Ordering::SeqCst), number(message))));
        let entries = messages.iter().enumerate().map(|(id, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(id.to_string()).receipt_handle(handle(message));
            entry.build().expect("id and handle are given")
        });
        let answer = queue.sqs.delete_message_batch().queue_url(&queue.url).set_entries(Some(entries.collect())).send().await;
        let answer = answer.expect("DeleteMessageBatch");
        assert!(answer.failed().is_empty(), "{:?}", answer.failed());
        deleted.fetch_add(messages.len(), Ordering::SeqCst);
    }
    received
}

fn number(message: &Message) -> usize {
    body(message).parse().expect("the body is the number that was sent")
}
