//! The visibility timeout: hidden while it lasts, back when it ends, and changed in between.

use std::time::Duration;

use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, QueueAttributeName};
use tokio::time::Instant;

use super::endpoint::on_the_endpoint;
use super::expectation::{assert_code, assert_prompt, assert_took, refusal};
use super::queue::handle;

#[tokio::test]
async fn a_received_message_is_hidden_until_its_visibility_timeout_ends() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "2")]).await;
        queue.send("x").await;
        let start = Instant::now();
        queue.receive_one().await;
        // Polls all the time: what was not hidden long enough would come too soon.
        queue.receive_one().await;
        assert_took(start, Duration::from_secs(2), "a visibility timeout of 2 s");
    })
    .await;
}

#[tokio::test]
async fn a_receive_may_set_its_own_visibility_timeout() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        queue.send("x").await;
        let start = Instant::now();
        let answer = queue.receiving().wait_time_seconds(5).visibility_timeout(1).send().await.expect("ReceiveMessage");
        assert_eq!(answer.messages().len(), 1);
        queue.receive_one().await;
        assert_took(start, Duration::from_secs(1), "a visibility timeout of 1 s instead of the queue's 30");
    })
    .await;
}

#[tokio::test]
async fn a_receive_with_a_visibility_timeout_of_0_hides_nothing() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        queue.send("x").await;
        let start = Instant::now();
        for _ in 0..3 {
            let answer = queue.receiving().wait_time_seconds(5).visibility_timeout(0).send().await.expect("ReceiveMessage");
            assert_eq!(answer.messages().len(), 1);
        }
        assert_prompt(start, "three receives of a message that is never hidden");
        queue.assert_counters(aws, 1, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn changing_the_visibility_timeout_to_0_brings_a_message_back_at_once() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        queue.send("x").await;
        let message = queue.receive_one().await;
        queue.assert_nothing_comes(0).await;
        let start = Instant::now();
        queue.hide_for(&message, 0).await;
        queue.receive_one().await;
        assert_prompt(start, "the return of a message made visible");
    })
    .await;
}

#[tokio::test]
async fn an_extended_visibility_timeout_counts_from_the_extension() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "2")]).await;
        queue.send("x").await;
        let message = queue.receive_one().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let start = Instant::now();
        queue.hide_for(&message, 3).await;
        queue.receive_one().await;
        assert_took(start, Duration::from_secs(3), "an extension to 3 s");
    })
    .await;
}

#[tokio::test]
async fn a_visibility_timeout_can_be_extended_again_and_again() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "4")]).await;
        queue.send("x").await;
        let start = Instant::now();
        let message = queue.receive_one().await;
        for _ in 0..3 {
            queue.hide_for(&message, 4).await;
            queue.assert_nothing_comes(2).await;
        }
        queue.delete(&message).await;
        assert_took(start, Duration::from_secs(6), "three heartbeats, together longer than the timeout");
        queue.assert_counters(aws, 0, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_shortened_visibility_timeout_brings_a_message_back_sooner() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        queue.send("x").await;
        let message = queue.receive_one().await;
        let start = Instant::now();
        queue.hide_for(&message, 1).await;
        queue.receive_one().await;
        assert_took(start, Duration::from_secs(1), "a shortening to 1 s");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_visible_again_cannot_be_hidden_by_its_old_handle() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "1")]).await;
        queue.send("x").await;
        let message = queue.receive_one().await;
        // The counters tell that it is visible without receiving it.
        let deadline = Instant::now() + Duration::from_secs(30);
        while queue.counters().await.visible != 1 {
            assert!(Instant::now() < deadline, "the message is not visible again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let change = aws.sqs.change_message_visibility().queue_url(&queue.url).receipt_handle(handle(&message)).visibility_timeout(9);
        let error = refusal(change.send().await, "hiding a message that is visible");
        assert!(error.is_message_not_inflight(), "{error:?}");
        queue.receive_one().await;
    })
    .await;
}

#[tokio::test]
async fn a_visibility_timeout_above_twelve_hours_is_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        queue.send("x").await;
        let receive = queue.receiving().visibility_timeout(43_201).send().await;
        assert_code(&refusal(receive, "a receive with 43,201 s"), &["InvalidParameterValue"]);
        let message = queue.receive_one().await;
        let change = aws.sqs.change_message_visibility().queue_url(&queue.url).receipt_handle(handle(&message)).visibility_timeout(43_201);
        assert_code(&refusal(change.send().await, "a change to 43,201 s"), &["InvalidParameterValue"]);
    })
    .await;
}

#[tokio::test]
async fn a_batch_changes_the_visibility_timeout_entry_by_entry() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for number in 0..3 {
            queue.send(&format!("message {number}")).await;
        }
        let messages = queue.receive_until(3).await;
        let mut entries: Vec<_> =
            messages.iter().enumerate().map(|(number, message)| entry(&format!("id-{number}"), handle(message))).collect();
        entries.push(entry("garbage", "garbage"));
        let answer = aws.sqs.change_message_visibility_batch().queue_url(&queue.url).set_entries(Some(entries)).send().await;
        let answer = answer.expect("ChangeMessageVisibilityBatch");
        assert_eq!(answer.successful().len(), 3);
        assert_eq!(answer.failed().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["garbage"]);
        assert!(answer.failed()[0].sender_fault());
        queue.receive_until(3).await;
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_visibility_changes_obeys_the_limits_of_batches() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let changing = |entries| aws.sqs.change_message_visibility_batch().queue_url(&queue.url).set_entries(Some(entries)).send();
        let eleven: Vec<_> = (0..11).map(|number| entry(&format!("id-{number}"), "x")).collect();
        let error = refusal(changing(eleven).await, "eleven changes");
        assert!(error.is_too_many_entries_in_batch_request(), "{error:?}");
        let error = refusal(changing(Vec::new()).await, "no changes");
        assert!(error.is_empty_batch_request(), "{error:?}");
        let error = refusal(changing(vec![entry("same", "x"), entry("same", "y")]).await, "the same id twice");
        assert!(error.is_batch_entry_ids_not_distinct(), "{error:?}");
    })
    .await;
}

fn entry(id: &str, handle: &str) -> ChangeMessageVisibilityBatchRequestEntry {
    let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle(handle).visibility_timeout(0);
    entry.build().expect("id and handle are given")
}
