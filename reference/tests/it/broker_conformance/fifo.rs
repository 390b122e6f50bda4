//! FIFO queues: order within a group, and a group that is locked while one of its messages is in flight.

use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as System, QueueAttributeName, SendMessageBatchRequestEntry};
use tokio::time::Instant;

use super::endpoint::{on_the_endpoint, redrive_policy};
use super::expectation::{assert_code, assert_prompt, assert_took, refusal};
use super::queue::{Queue, bodies, body, handle, system_attribute};

#[tokio::test]
async fn a_fifo_queue_has_a_name_that_says_so() {
    on_the_endpoint(async |aws| {
        let plain = aws.name("queue");
        let unnamed = aws.sqs.create_queue().queue_name(&plain).attributes(QueueAttributeName::FifoQueue, "true").send().await;
        refusal(unnamed, "a FIFO queue without .fifo in its name");
        let undeclared = aws.sqs.create_queue().queue_name(format!("{plain}.fifo")).send().await;
        refusal(undeclared, "a queue with .fifo in its name that is none");
        let queue = aws.fifo_queue().await;
        assert_eq!(queue.attribute(QueueAttributeName::FifoQueue).await.as_deref(), Some("true"));
        assert_eq!(queue.attribute(QueueAttributeName::ContentBasedDeduplication).await.as_deref(), Some("false"));
    })
    .await;
}

#[tokio::test]
async fn the_messages_of_a_group_come_in_the_order_they_were_sent() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        let sent: Vec<_> = (0..25).map(|number| format!("message {number:02}")).collect();
        for text in &sent {
            queue.send_in_group("g", text).await;
        }
        assert_eq!(queue.drain(sent.len()).await, sent);
    })
    .await;
}

#[tokio::test]
async fn one_receive_brings_several_messages_of_a_group_in_order() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        for text in ["first", "second", "third"] {
            queue.send_in_group("g", text).await;
        }
        assert_eq!(bodies(&queue.receive(5).await), ["first", "second", "third"]);
    })
    .await;
}

#[tokio::test]
async fn the_entries_of_a_batch_are_in_order() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        let sent: Vec<_> = (0..10).map(|number| format!("message {number}")).collect();
        let entry = |text: &String| {
            let entry = SendMessageBatchRequestEntry::builder().id(text.replace(' ', "-")).message_body(text);
            entry.message_group_id("g").message_deduplication_id(text.replace(' ', "-")).build().expect("id and body are given")
        };
        let request = aws.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(sent.iter().map(entry).collect()));
        let answer = request.send().await.expect("SendMessageBatch");
        assert!(answer.failed().is_empty(), "{:?}", answer.failed());
        assert_eq!(queue.drain(10).await, sent);
    })
    .await;
}

#[tokio::test]
async fn a_group_is_locked_while_one_of_its_messages_is_in_flight() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        for (group, text) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
            queue.send_in_group(group, text).await;
        }
        let first = one(&queue, 5).await.expect("a message of either group");
        let other = one(&queue, 5).await.expect("a message of the other group");
        let mut texts = [body(&first), body(&other)];
        texts.sort_unstable();
        assert_eq!(texts, ["a1", "b1"]);
        // Only a2 is left, and its group is locked.
        queue.assert_nothing_comes(1).await;
        let of_a = if body(&first) == "a1" { &first } else { &other };
        queue.delete(of_a).await;
        assert_eq!(body(&one(&queue, 5).await.expect("the group is unlocked")), "a2");
    })
    .await;
}

#[tokio::test]
async fn a_group_stays_locked_until_the_last_of_its_messages_in_flight_is_deleted() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        for text in ["1", "2", "3", "4"] {
            queue.send_in_group("g", text).await;
        }
        let answer = queue.receiving().max_number_of_messages(3).wait_time_seconds(5).send().await.expect("ReceiveMessage");
        let in_flight = answer.messages();
        // As many as the endpoint gives of one group at a time; the last one's deletion is what counts.
        for message in in_flight {
            queue.assert_nothing_comes(0).await;
            queue.delete(message).await;
        }
        let next = one(&queue, 5).await.expect("the group is unlocked");
        assert_eq!(body(&next), ["1", "2", "3", "4"][in_flight.len()]);
    })
    .await;
}

#[tokio::test]
async fn a_group_does_not_hold_up_the_others() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        for number in 0..12 {
            queue.send_in_group("stuck", &format!("stuck {number}")).await;
        }
        queue.send_in_group("free", "free").await;
        let stuck = one(&queue, 5).await.expect("the first message of the stuck group");
        assert_eq!(body(&stuck), "stuck 0");
        // The free message stands behind eleven that may not be had.
        assert_eq!(bodies(&queue.receive(5).await), ["free"]);
    })
    .await;
}

#[tokio::test]
async fn the_delete_that_unlocks_a_group_wakes_a_waiting_poll() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        queue.send_in_group("g", "first").await;
        queue.send_in_group("g", "second").await;
        let first = one(&queue, 5).await.expect("the first message");
        let waiting = queue.clone();
        let poll = tokio::spawn(async move { one(&waiting, 15).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!poll.is_finished(), "the group is locked");
        let start = Instant::now();
        queue.delete(&first).await;
        assert_eq!(body(&poll.await.expect("the poll does not panic").expect("the second message")), "second");
        assert_prompt(start, "waking after the delete");
    })
    .await;
}

#[tokio::test]
async fn a_message_made_visible_unlocks_its_group_and_comes_first_again() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        queue.send_in_group("g", "first").await;
        queue.send_in_group("g", "second").await;
        let first = one(&queue, 5).await.expect("the first message");
        let waiting = queue.clone();
        let poll = tokio::spawn(async move { one(&waiting, 15).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let start = Instant::now();
        queue.hide_for(&first, 0).await;
        assert_eq!(body(&poll.await.expect("the poll does not panic").expect("the first message again")), "first");
        assert_prompt(start, "waking after ChangeMessageVisibility(0)");
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_visibility_timeout_unlocks_a_group_and_keeps_its_order() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue_with(&[(QueueAttributeName::VisibilityTimeout, "2")]).await;
        for text in ["first", "second", "third"] {
            queue.send_in_group("g", text).await;
        }
        let start = Instant::now();
        let in_flight = queue.receive(5).await;
        assert_eq!(bodies(&in_flight), ["first", "second", "third"][..in_flight.len()]);
        assert!(!in_flight.is_empty());
        assert_eq!(queue.drain(3).await, ["first", "second", "third"]);
        assert_took(start, Duration::from_secs(2), "a visibility timeout of 2 s");
    })
    .await;
}

#[tokio::test]
async fn a_fifo_queue_refuses_to_delete_by_a_handle_whose_time_is_over() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue_with(&[(QueueAttributeName::VisibilityTimeout, "1")]).await;
        queue.send_in_group("g", "again").await;
        let message = queue.receive_one().await;
        let deadline = Instant::now() + Duration::from_secs(20);
        while queue.counters().await.visible != 1 {
            assert!(Instant::now() < deadline, "the message is not visible again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let delete = aws.sqs.delete_message().queue_url(&queue.url).receipt_handle(handle(&message)).send().await;
        assert_code(&refusal(delete, "deleting by an expired handle"), &["InvalidParameterValue"]);
        assert_eq!(queue.drain(1).await, ["again"]);
    })
    .await;
}

#[tokio::test]
async fn a_fifo_message_needs_a_group_and_a_deduplication_id() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        let sending = || aws.sqs.send_message().queue_url(&queue.url).message_body("x");
        let ungrouped = refusal(sending().message_deduplication_id("x").send().await, "a message without a group");
        assert_code(&ungrouped, &["MissingParameter"]);
        let repeatable = refusal(sending().message_group_id("g").send().await, "a message without a deduplication id");
        assert_code(&repeatable, &["InvalidParameterValue"]);
        for id in ["with space", &"x".repeat(129), "한글"] {
            let group = sending().message_group_id(id).message_deduplication_id("x").send().await;
            assert_code(&refusal(group, &format!("the group {id:?}")), &["InvalidParameterValue"]);
        }
    })
    .await;
}

#[tokio::test]
async fn sequence_numbers_rise_with_every_message() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        let mut sent = Vec::new();
        for (group, text) in [("a", "1"), ("b", "2"), ("a", "3")] {
            let answer = queue.send_in_group(group, text).await;
            let number: u128 = answer.sequence_number().expect("a sequence number").parse().expect("a sequence number is a number");
            sent.push(number);
        }
        assert!(sent.is_sorted_by(|one, next| one < next), "{sent:?}");
        let mut received: Vec<u128> = Vec::new();
        while received.len() < 3 {
            for message in queue.receive_until(1).await {
                received.push(system_attribute(&message, System::SequenceNumber).parse().expect("a sequence number is a number"));
                queue.delete(&message).await;
            }
        }
        received.sort_unstable();
        assert_eq!(received, sent);
    })
    .await;
}

#[tokio::test]
async fn a_fifo_message_tells_its_group_and_its_deduplication_id() {
    on_the_endpoint(async |aws| {
        let queue = aws.fifo_queue().await;
        let request = aws.sqs.send_message().queue_url(&queue.url).message_body("x");
        request.message_group_id("CP-502101").message_deduplication_id("order-1").send().await.expect("SendMessage");
        let message = queue.receive_one().await;
        assert_eq!(system_attribute(&message, System::MessageGroupId), "CP-502101");
        assert_eq!(system_attribute(&message, System::MessageDeduplicationId), "order-1");
    })
    .await;
}

#[tokio::test]
async fn a_poison_message_leaves_its_group_for_a_fifo_dead_letter_queue() {
    on_the_endpoint(async |aws| {
        let dead_letters = aws.fifo_queue().await;
        let queue = aws.fifo_queue_with(&[(QueueAttributeName::RedrivePolicy, &redrive_policy(&dead_letters.arn, 1))]).await;
        queue.send_in_group("g", "poison").await;
        queue.send_in_group("g", "healthy").await;
        let poison = one(&queue, 5).await.expect("the first message");
        assert_eq!(body(&poison), "poison");
        queue.hide_for(&poison, 0).await;
        assert_eq!(queue.drain(1).await, ["healthy"]);
        let dead = dead_letters.receive_one().await;
        assert_eq!(body(&dead), "poison");
        assert_eq!(system_attribute(&dead, System::MessageGroupId), "g");
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_queue_is_of_the_same_kind_as_its_source() {
    on_the_endpoint(async |aws| {
        let (fifo, standard) = (aws.fifo_queue().await, aws.queue().await);
        for (queue, dead_letters) in [(&fifo, &standard), (&standard, &fifo)] {
            let policy = redrive_policy(&dead_letters.arn, 3);
            let answer =
                aws.sqs.set_queue_attributes().queue_url(&queue.url).attributes(QueueAttributeName::RedrivePolicy, policy).send().await;
            refusal(answer, &format!("{} as the dead-letter queue of {}", dead_letters.name(), queue.name()));
        }
    })
    .await;
}

async fn one(queue: &Queue, wait_seconds: i32) -> Option<Message> {
    let answer = queue.receiving().max_number_of_messages(1).wait_time_seconds(wait_seconds).send().await.expect("ReceiveMessage");
    answer.messages.unwrap_or_default().pop()
}
