//! Retention: messages are not kept for ever.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use tokio::time::Instant;

use super::endpoint::{redrive_policy, within};
use super::queue::{Queue, bodies};

/// The shortest retention that SQS allows, in seconds.
const SHORTEST: &str = "60";
const LIMIT: Duration = Duration::from_secs(200);

#[tokio::test]
async fn a_message_is_kept_for_its_queues_retention_period_and_no_longer() {
    within(LIMIT, async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::MessageRetentionPeriod, SHORTEST)]).await;
        queue.send("soon forgotten").await;
        aws.let_pass(Duration::from_secs(50)).await;
        assert_eq!(bodies(&peek(&queue).await), ["soon forgotten"]);
        aws.let_pass(Duration::from_secs(15)).await;
        await_emptiness(&queue).await;
    })
    .await;
}

#[tokio::test]
async fn a_message_in_flight_is_forgotten_too() {
    within(LIMIT, async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::MessageRetentionPeriod, SHORTEST)]).await;
        queue.send("soon forgotten").await;
        let message = queue.receive_one().await;
        queue.hide_for(&message, 62).await;
        aws.let_pass(Duration::from_secs(65)).await;
        await_emptiness(&queue).await;
    })
    .await;
}

/// "The expiration of a message is always based on its original enqueue timestamp": why a dead-letter queue should keep its
/// messages longer than the queue they come from.
#[tokio::test]
async fn a_dead_letter_of_a_standard_queue_is_as_old_as_its_message() {
    within(LIMIT, async |aws| {
        let dead_letters = aws.queue_with(&[(QueueAttributeName::MessageRetentionPeriod, SHORTEST)]).await;
        let queue = aws.queue_with(&[(QueueAttributeName::RedrivePolicy, &redrive_policy(&dead_letters.arn, 1))]).await;
        queue.send("poison").await;
        let message = queue.receive_one().await;
        aws.let_pass(Duration::from_secs(25)).await;
        queue.hide_for(&message, 0).await;
        queue.assert_nothing_comes(1).await;
        assert_eq!(bodies(&peek(&dead_letters).await), ["poison"]);
        // 70 s after the send, and 45 s after it became a dead letter.
        aws.let_pass(Duration::from_secs(45)).await;
        await_emptiness(&dead_letters).await;
    })
    .await;
}

/// Receives without hiding.
async fn peek(queue: &Queue) -> Vec<aws_sdk_sqs::types::Message> {
    let answer = queue.receiving().visibility_timeout(0).wait_time_seconds(2).send().await.expect("ReceiveMessage");
    answer.messages.unwrap_or_default()
}

async fn await_emptiness(queue: &Queue) {
    // For AWS the period is a minimum.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (found, counters) = (peek(queue).await, queue.counters().await);
        if found.is_empty() && (counters.visible, counters.in_flight) == (0, 0) {
            return;
        }
        assert!(Instant::now() < deadline, "{} still has {found:?} and counts {counters:?}", queue.name());
    }
}
