//! Delays: messages that are not to be had before their time.

use std::time::Duration;

use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use tokio::time::Instant;

use super::endpoint::on_the_endpoint;
use super::expectation::{assert_code, assert_prompt, assert_took, refusal};

#[tokio::test]
async fn a_message_with_a_delay_comes_after_it() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let start = Instant::now();
        aws.sqs.send_message().queue_url(&queue.url).message_body("later").delay_seconds(2).send().await.expect("SendMessage");
        assert_eq!(queue.drain(1).await, ["later"]);
        assert_took(start, Duration::from_secs(2), "a delay of 2 s");
    })
    .await;
}

#[tokio::test]
async fn every_message_of_a_queue_with_a_delay_comes_after_it() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::DelaySeconds, "1")]).await;
        let start = Instant::now();
        queue.send("later").await;
        assert_eq!(queue.drain(1).await, ["later"]);
        assert_took(start, Duration::from_secs(1), "the queue's delay of 1 s");
    })
    .await;
}

#[tokio::test]
async fn a_messages_own_delay_precedes_its_queues() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::DelaySeconds, "30")]).await;
        let start = Instant::now();
        aws.sqs.send_message().queue_url(&queue.url).message_body("at once").delay_seconds(0).send().await.expect("SendMessage");
        assert_eq!(queue.drain(1).await, ["at once"]);
        assert_prompt(start, "a message with a delay of 0");
    })
    .await;
}

#[tokio::test]
async fn the_entries_of_a_batch_have_delays_of_their_own() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let entry = |id: &str, delay: i32| SendMessageBatchRequestEntry::builder().id(id).message_body(id).delay_seconds(delay).build();
        let start = Instant::now();
        let request = aws.sqs.send_message_batch().queue_url(&queue.url);
        let request =
            request.entries(entry("later", 2).expect("id and body are given")).entries(entry("now", 0).expect("id and body are given"));
        assert!(request.send().await.expect("SendMessageBatch").failed().is_empty());
        assert_eq!(queue.drain(1).await, ["now"]);
        assert_eq!(queue.drain(1).await, ["later"]);
        assert_took(start, Duration::from_secs(2), "a delay of 2 s");
    })
    .await;
}

#[tokio::test]
async fn a_delay_above_fifteen_minutes_is_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for seconds in [901, -1] {
            let answer = aws.sqs.send_message().queue_url(&queue.url).message_body("x").delay_seconds(seconds).send().await;
            assert_code(&refusal(answer, &format!("a delay of {seconds} s")), &["InvalidParameterValue"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_fifo_queue_delays_as_a_whole_and_no_single_message() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue_with(&[(QueueAttributeName::DelaySeconds, "1")]).await;
        let request = aws.sqs.send_message().queue_url(&queue.url).message_body("x").message_group_id("g").message_deduplication_id("x");
        assert_code(&refusal(request.delay_seconds(5).send().await, "a delay for one message of a FIFO queue"), &["InvalidParameterValue"]);
        let start = Instant::now();
        queue.send_in_group("g", "later").await;
        assert_eq!(queue.drain(1).await, ["later"]);
        assert_took(start, Duration::from_secs(1), "the queue's delay of 1 s");
    })
    .await;
}
