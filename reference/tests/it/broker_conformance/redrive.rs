//! Redrive: a message that was received too often goes to the dead-letter queue with the next receive.

use std::time::Duration;

use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName as System, QueueAttributeName};
use tokio::time::Instant;

use super::endpoint::{on_the_endpoint, redrive_policy};
use super::expectation::{assert_prompt, assert_took};
use super::queue::{Queue, bodies, body, system_attribute};

#[tokio::test]
async fn a_message_goes_to_the_dead_letter_queue_at_the_receive_after_the_last_allowed_one() {
    on_the_endpoint(async |aws| {
        let dead_letters = aws.queue().await;
        let queue = aws.queue_redriving_to(&dead_letters, 2).await;
        queue.send("poison").await;
        for time in 1..=2 {
            let message = queue.receive_one().await;
            assert_eq!(system_attribute(&message, System::ApproximateReceiveCount), time.to_string());
            queue.hide_for(&message, 0).await;
        }
        // Received twice and visible again, it still waits in its own queue: only a receive moves it.
        queue.assert_counters(aws, 1, 0, 0).await;
        dead_letters.assert_nothing_comes(1).await;
        queue.assert_nothing_comes(1).await;
        assert_eq!(bodies(&dead_letters.receive_until(1).await), ["poison"]);
        queue.assert_counters(aws, 0, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn expired_visibility_timeouts_count_as_receives_too() {
    on_the_endpoint(async |aws| {
        let dead_letters = aws.queue().await;
        let policy = redrive_policy(&dead_letters.arn, 2);
        let queue = aws.queue_with(&[(QueueAttributeName::RedrivePolicy, &policy), (QueueAttributeName::VisibilityTimeout, "1")]).await;
        queue.send("poison").await;
        let start = Instant::now();
        queue.receive_one().await;
        queue.receive_one().await;
        dead_letters.assert_counters(aws, 0, 0, 0).await;
        let deadline = start + Duration::from_secs(20);
        while dead_letters.counters().await.visible == 0 {
            assert!(Instant::now() < deadline, "the message did not become a dead letter");
            queue.assert_nothing_comes(1).await;
        }
        assert_took(start, Duration::from_secs(2), "two timeouts of 1 s");
        assert_eq!(bodies(&dead_letters.receive_until(1).await), ["poison"]);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_deleted_in_time_never_reaches_the_dead_letter_queue() {
    on_the_endpoint(async |aws| {
        let dead_letters = aws.queue().await;
        let queue = aws.queue_redriving_to(&dead_letters, 2).await;
        queue.send("good in the end").await;
        let message = queue.receive_one().await;
        queue.hide_for(&message, 0).await;
        let message = queue.receive_one().await;
        queue.delete(&message).await;
        queue.assert_nothing_comes(1).await;
        dead_letters.assert_counters(aws, 0, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_keeps_its_body_its_attributes_and_when_it_was_sent_and_names_its_source() {
    on_the_endpoint(async |aws| {
        let dead_letters = aws.queue().await;
        let queue = aws.queue_redriving_to(&dead_letters, 1).await;
        let value = MessageAttributeValue::builder().data_type("Number").string_value("3").build().expect("the type is given");
        let send = aws
            .sqs
            .send_message()
            .queue_url(&queue.url)
            .message_body("도넛")
            .message_attributes("MessageAttributeProductCnt", value.clone());
        send.send().await.expect("SendMessage");
        let original = queue.receive_one().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        expose(&queue, &original).await;
        let dead = dead_letters.receive_one().await;
        assert_eq!(body(&dead), "도넛");
        assert_eq!(dead.message_attributes().and_then(|attributes| attributes.get("MessageAttributeProductCnt")), Some(&value));
        assert_eq!(system_attribute(&dead, System::DeadLetterQueueSourceArn), queue.arn);
        assert_eq!(system_attribute(&dead, System::SentTimestamp), system_attribute(&original, System::SentTimestamp));
    })
    .await;
}

#[tokio::test]
async fn a_redriving_receive_still_brings_the_healthy_messages() {
    on_the_endpoint(async |aws| {
        let dead_letters = aws.queue().await;
        let queue = aws.queue_redriving_to(&dead_letters, 1).await;
        queue.send("poison").await;
        let poison = queue.receive_one().await;
        queue.send("healthy").await;
        queue.hide_for(&poison, 0).await;
        assert_eq!(queue.drain(1).await, ["healthy"]);
        queue.assert_nothing_comes(1).await;
        assert_eq!(bodies(&dead_letters.receive_until(1).await), ["poison"]);
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_wakes_a_poll_of_the_dead_letter_queue() {
    on_the_endpoint(async |aws| {
        let dead_letters = aws.queue().await;
        let queue = aws.queue_redriving_to(&dead_letters, 1).await;
        queue.send("poison").await;
        let message = queue.receive_one().await;
        let waiting = dead_letters.clone();
        let poll = tokio::spawn(async move { waiting.receive(20).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let start = Instant::now();
        expose(&queue, &message).await;
        assert_eq!(bodies(&poll.await.expect("the poll does not panic")), ["poison"]);
        assert_prompt(start, "waking the poll of the dead-letter queue");
    })
    .await;
}

#[tokio::test]
async fn without_its_dead_letter_queue_a_message_stays_where_it_is() {
    on_the_endpoint(async |aws| {
        let dead_letters = aws.queue().await;
        let queue = aws.queue_redriving_to(&dead_letters, 1).await;
        queue.send("not lost").await;
        aws.sqs.delete_queue().queue_url(&dead_letters.url).send().await.expect("DeleteQueue");
        let deadline = Instant::now() + Duration::from_secs(50);
        while aws.sqs.get_queue_url().queue_name(dead_letters.name()).send().await.is_ok() {
            assert!(Instant::now() < deadline, "the dead-letter queue is still there");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        for _ in 0..4 {
            for message in queue.receive(1).await {
                queue.hide_for(&message, 0).await;
            }
        }
        queue.assert_counters(aws, 1, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_queue_without_a_redrive_policy_delivers_as_often_as_it_takes() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "0")]).await;
        queue.send("again and again").await;
        for time in 1..=12 {
            let message = queue.receive_one().await;
            assert_eq!(system_attribute(&message, System::ApproximateReceiveCount), time.to_string());
        }
    })
    .await;
}

/// Makes a received message visible and has the queue look at it once more.
async fn expose(queue: &Queue, message: &aws_sdk_sqs::types::Message) {
    queue.hide_for(message, 0).await;
    queue.assert_nothing_comes(1).await;
}
