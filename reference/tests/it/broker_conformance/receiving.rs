//! Receiving and deleting: how many, what comes with a message, and which handles delete it.

use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, MessageSystemAttributeName as System, QueueAttributeName};

use futures_util::future::join_all;

use super::endpoint::on_the_endpoint;
use super::expectation::{assert_between, assert_code, epoch_milliseconds, refusal};
use super::queue::{bodies, handle, system_attribute};

#[tokio::test]
async fn a_receive_brings_at_most_as_many_as_asked_for_and_one_by_default() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for number in 0..6 {
            queue.send(&format!("message {number}")).await;
        }
        let default = aws.sqs.receive_message().queue_url(&queue.url).wait_time_seconds(5).send().await.expect("ReceiveMessage");
        assert_eq!(default.messages().len(), 1);
        let three = queue.receiving().max_number_of_messages(3).wait_time_seconds(5).send().await.expect("ReceiveMessage");
        assert!((1..=3).contains(&three.messages().len()), "{} messages, asked for 3", three.messages().len());
        queue.receive_until(6 - 1 - three.messages().len()).await;
    })
    .await;
}

#[tokio::test]
async fn of_eight_simultaneous_receivers_one_gets_the_message() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for round in 0..10 {
            queue.send(&format!("round {round}")).await;
            let receives = (0..8).map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.receive(1).await })
            });
            let received: Vec<_> = join_all(receives).await.into_iter().flat_map(|receive| receive.expect("no receive panics")).collect();
            assert_eq!(bodies(&received), [format!("round {round}")]);
        }
    })
    .await;
}

#[tokio::test]
async fn asking_for_no_or_more_than_ten_messages_is_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for count in [0, 11, -1] {
            let answer = queue.receiving().max_number_of_messages(count).send().await;
            assert_code(&refusal(answer, &format!("asking for {count} messages")), &["InvalidParameterValue", "ReadCountOutOfRange"]);
        }
    })
    .await;
}

#[tokio::test]
async fn an_empty_queue_answers_without_messages_at_once() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let start = tokio::time::Instant::now();
        queue.assert_nothing_comes(0).await;
        super::expectation::assert_prompt(start, "a receive without waiting");
    })
    .await;
}

#[tokio::test]
async fn a_message_tells_when_it_was_sent_and_first_received_and_how_often() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "0")]).await;
        let sending = epoch_milliseconds();
        queue.send("x").await;
        let sent = epoch_milliseconds();
        let first = queue.receive_one().await;
        let received = epoch_milliseconds();
        let second = queue.receive_one().await;
        assert_between(system_attribute(&first, System::SentTimestamp), &(sending..=sent), "SentTimestamp");
        let first_receive = system_attribute(&first, System::ApproximateFirstReceiveTimestamp);
        assert_between(first_receive, &(sent..=received), "ApproximateFirstReceiveTimestamp");
        assert_eq!(system_attribute(&first, System::ApproximateReceiveCount), "1");
        assert_eq!(system_attribute(&second, System::ApproximateReceiveCount), "2");
        assert_eq!(system_attribute(&second, System::ApproximateFirstReceiveTimestamp), first_receive, "it stays the first one");
        assert_eq!(system_attribute(&second, System::SentTimestamp), system_attribute(&first, System::SentTimestamp));
        assert!(!system_attribute(&first, System::SenderId).is_empty());
        assert_ne!(handle(&first), handle(&second), "each receive has a handle of its own");
    })
    .await;
}

#[tokio::test]
async fn system_attributes_come_only_when_asked_for() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "0")]).await;
        queue.send("x").await;
        let receiving = || aws.sqs.receive_message().queue_url(&queue.url).wait_time_seconds(5);
        let unasked = receiving().send().await.expect("ReceiveMessage");
        assert_eq!(unasked.messages()[0].attributes(), None);
        let one = receiving().message_system_attribute_names(System::ApproximateReceiveCount).send().await.expect("ReceiveMessage");
        let attributes = one.messages()[0].attributes().expect("one attribute");
        assert_eq!(attributes.keys().collect::<Vec<_>>(), [&System::ApproximateReceiveCount]);
    })
    .await;
}

#[tokio::test]
async fn system_attributes_can_be_asked_for_by_the_older_attribute_names_too() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        queue.send("x").await;
        let request = aws.sqs.receive_message().queue_url(&queue.url).wait_time_seconds(5);
        #[expect(deprecated, reason = "older consumers still ask this way")]
        let answer = request.attribute_names(QueueAttributeName::All).send().await.expect("ReceiveMessage");
        assert_eq!(system_attribute(&answer.messages()[0], System::ApproximateReceiveCount), "1");
    })
    .await;
}

#[tokio::test]
async fn a_deleted_message_does_not_come_back() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "1")]).await;
        queue.send("x").await;
        let message = queue.receive_one().await;
        queue.delete(&message).await;
        queue.assert_nothing_comes(2).await;
        queue.assert_counters(aws, 0, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn deleting_twice_is_answered_like_once() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        queue.send("x").await;
        let message = queue.receive_one().await;
        queue.delete(&message).await;
        queue.delete(&message).await;
    })
    .await;
}

#[tokio::test]
async fn deleting_with_an_older_handle_is_answered_without_an_error() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "0")]).await;
        queue.send("x").await;
        let older = queue.receive_one().await;
        let newer = queue.receive_one().await;
        // Whether this deletes the message AWS leaves open; that it is answered with 200 it does not.
        queue.delete(&older).await;
        queue.delete(&newer).await;
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn a_handle_that_never_was_one_is_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let delete = aws.sqs.delete_message().queue_url(&queue.url).receipt_handle("garbage").send().await;
        let error = refusal(delete, "deleting by a garbage handle");
        assert!(error.is_receipt_handle_is_invalid(), "{error:?}");
        let change = aws.sqs.change_message_visibility().queue_url(&queue.url).receipt_handle("garbage").visibility_timeout(1).send().await;
        let error = refusal(change, "hiding by a garbage handle");
        assert!(error.is_receipt_handle_is_invalid(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_ten_deletes_all_ten() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "30")]).await;
        for number in 0..10 {
            queue.send(&format!("message {number}")).await;
        }
        let handles: Vec<_> = queue.receive_until(10).await.iter().map(|message| handle(message).to_owned()).collect();
        let answer = aws.sqs.delete_message_batch().queue_url(&queue.url).set_entries(Some(entries(&handles))).send().await;
        let answer = answer.expect("DeleteMessageBatch");
        assert_eq!((answer.successful().len(), answer.failed().len()), (10, 0), "{:?}", answer.failed());
        queue.assert_counters(aws, 0, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn an_invalid_handle_in_a_batch_fails_alone() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        queue.send("x").await;
        let message = queue.receive_one().await;
        let handles = [handle(&message).to_owned(), "garbage".to_owned()];
        let answer = aws.sqs.delete_message_batch().queue_url(&queue.url).set_entries(Some(entries(&handles))).send().await;
        let answer = answer.expect("DeleteMessageBatch");
        assert_eq!(answer.successful().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["id-0"]);
        let failed = answer.failed();
        assert_eq!(failed.iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["id-1"]);
        assert!(failed[0].sender_fault() && failed[0].code().ends_with("ReceiptHandleIsInvalid"), "{failed:?}");
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_deletions_obeys_the_limits_of_batches() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let deleting = |entries| aws.sqs.delete_message_batch().queue_url(&queue.url).set_entries(Some(entries)).send();
        let eleven = refusal(deleting(entries(&vec!["x".to_owned(); 11])).await, "eleven deletions");
        assert!(eleven.is_too_many_entries_in_batch_request(), "{eleven:?}");
        let none = refusal(deleting(Vec::new()).await, "no deletions");
        assert!(none.is_empty_batch_request(), "{none:?}");
        let twice = vec![entry("same", "x"), entry("same", "y")];
        let same = refusal(deleting(twice).await, "the same id twice");
        assert!(same.is_batch_entry_ids_not_distinct(), "{same:?}");
    })
    .await;
}

fn entry(id: &str, handle: &str) -> DeleteMessageBatchRequestEntry {
    DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().expect("id and handle are given")
}

fn entries(handles: &[String]) -> Vec<DeleteMessageBatchRequestEntry> {
    handles.iter().enumerate().map(|(number, handle)| entry(&format!("id-{number}"), handle)).collect()
}
