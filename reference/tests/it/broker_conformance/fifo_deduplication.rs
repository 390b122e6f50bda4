//! FIFO queues take the same message once in five minutes, and answer every time as if they had taken it.

use std::time::Duration;

use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};

use futures_util::future::join_all;

use super::endpoint::{on_the_endpoint, within};

#[tokio::test]
async fn the_same_deduplication_id_is_delivered_once_and_answered_twice() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        let send = |text: &str| {
            let request = aws.sqs.send_message().queue_url(&queue.url).message_body(text);
            request.message_group_id("g").message_deduplication_id("order-1").send()
        };
        let first = send("the order").await.expect("SendMessage");
        let second = send("the order, told differently").await.expect("a duplicate is no error");
        assert_eq!(second.message_id(), first.message_id());
        assert_eq!(queue.drain(1).await, ["the order"]);
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn of_eight_simultaneous_sends_of_one_message_one_is_delivered() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        let sends = (0..8).map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.send_in_group("g", "once").await })
        });
        for send in join_all(sends).await {
            send.expect("no send panics");
        }
        assert_eq!(queue.drain(1).await, ["once"]);
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn a_duplicate_is_recognised_after_the_first_was_received_and_deleted() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        queue.send_in_group("g", "once").await;
        assert_eq!(queue.drain(1).await, ["once"]);
        queue.send_in_group("g", "once").await;
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn a_duplicate_is_recognised_in_another_group_of_the_queue() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        queue.send_in_group("a", "once").await;
        queue.send_in_group("b", "once").await;
        assert_eq!(queue.drain(1).await, ["once"]);
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn two_queues_know_nothing_of_each_others_deduplication_ids() {
    on_the_endpoint(async |aws| {
        let (one, other) = (aws.fifo_queue().await, aws.fifo_queue().await);
        one.send_in_group("g", "the same").await;
        other.send_in_group("g", "the same").await;
        assert_eq!(one.drain(1).await, ["the same"]);
        assert_eq!(other.drain(1).await, ["the same"]);
    })
    .await;
}

#[tokio::test]
async fn with_content_deduplication_the_same_body_is_delivered_once() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue_with(&[(QueueAttributeName::ContentBasedDeduplication, "true")]).await;
        for text in ["the same", "the same", "another"] {
            aws.sqs.send_message().queue_url(&queue.url).message_body(text).message_group_id("g").send().await.expect("SendMessage");
        }
        assert_eq!(queue.drain(2).await, ["the same", "another"]);
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn an_explicit_deduplication_id_precedes_the_content() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue_with(&[(QueueAttributeName::ContentBasedDeduplication, "true")]).await;
        for id in ["order-1", "order-2"] {
            let request = aws.sqs.send_message().queue_url(&queue.url).message_body("the same").message_group_id("g");
            request.message_deduplication_id(id).send().await.expect("SendMessage");
        }
        assert_eq!(queue.drain(2).await, ["the same", "the same"]);
    })
    .await;
}

#[tokio::test]
async fn duplicates_within_a_batch_are_recognised() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        let entry = |id: &str, deduplication_id: &str| {
            let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(deduplication_id).message_group_id("g");
            entry.message_deduplication_id(deduplication_id).build().expect("id and body are given")
        };
        let request = aws.sqs.send_message_batch().queue_url(&queue.url);
        let request = request.entries(entry("one", "order-1")).entries(entry("two", "order-1")).entries(entry("three", "order-2"));
        let answer = request.send().await.expect("SendMessageBatch");
        assert_eq!((answer.successful().len(), answer.failed().len()), (3, 0), "duplicates count as sent");
        assert_eq!(queue.drain(2).await, ["order-1", "order-2"]);
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

/// The interval counts from the first send, and a refused duplicate does not prolong it.
#[tokio::test]
async fn after_five_minutes_the_same_deduplication_id_is_a_new_message() {
    within(Duration::from_secs(400), async |aws| {
        let queue = aws.fifo_queue().await;
        queue.send_in_group("g", "once more").await;
        assert_eq!(queue.drain(1).await, ["once more"]);
        aws.let_pass(Duration::from_secs(290)).await;
        queue.send_in_group("g", "once more").await;
        queue.assert_nothing_comes(1).await;
        aws.let_pass(Duration::from_secs(14)).await;
        queue.send_in_group("g", "once more").await;
        assert_eq!(queue.drain(1).await, ["once more"]);
    })
    .await;
}
