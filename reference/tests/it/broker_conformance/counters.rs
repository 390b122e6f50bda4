//! The three counters of a queue, which say whether a pipeline is drained.

use aws_sdk_sqs::types::QueueAttributeName;
use tokio::time::Instant;

use super::endpoint::on_the_endpoint;

#[tokio::test]
async fn a_new_queue_counts_nothing() {
    on_the_endpoint(async |aws| aws.queue().await.assert_counters(aws, 0, 0, 0).await).await;
}

#[tokio::test]
async fn the_counters_follow_a_message_from_send_to_delete() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for number in 0..5 {
            queue.send(&format!("message {number}")).await;
        }
        queue.assert_counters(aws, 5, 0, 0).await;
        let messages = queue.receive_until(5).await;
        queue.assert_counters(aws, 0, 5, 0).await;
        queue.hide_for(&messages[0], 0).await;
        queue.assert_counters(aws, 1, 4, 0).await;
        for message in &messages[1..] {
            queue.delete(message).await;
        }
        queue.assert_counters(aws, 1, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_delayed_message_is_counted_as_delayed_until_its_time() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        aws.sqs.send_message().queue_url(&queue.url).message_body("later").delay_seconds(900).send().await.expect("SendMessage");
        aws.sqs.send_message().queue_url(&queue.url).message_body("soon").delay_seconds(1).send().await.expect("SendMessage");
        queue.send("now").await;
        let deadline = Instant::now() + std::time::Duration::from_secs(20);
        // Nobody receives: the passing of time alone changes the counters.
        loop {
            let found = queue.counters().await;
            assert_eq!(found.visible + found.delayed, 3, "{found:?}");
            if (found.visible, found.in_flight, found.delayed) == (2, 0, 1) {
                break;
            }
            assert!(Instant::now() < deadline, "one delay has ended, but the counters are {found:?}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_whose_visibility_timeout_ended_is_counted_as_visible_without_a_receive() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "1")]).await;
        queue.send("x").await;
        queue.receive_one().await;
        let deadline = Instant::now() + std::time::Duration::from_secs(20);
        while queue.counters().await.visible != 1 {
            assert!(Instant::now() < deadline, "the message is not counted as visible");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        queue.assert_counters(aws, 1, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_fifo_queue_counts_the_messages_behind_a_locked_group_as_visible() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        for body in ["first", "second", "third"] {
            queue.send_in_group("g", body).await;
        }
        let received = queue.receiving().max_number_of_messages(1).wait_time_seconds(5).send().await.expect("ReceiveMessage");
        assert_eq!(received.messages().len(), 1);
        queue.assert_counters(aws, 2, 1, 0).await;
    })
    .await;
}
