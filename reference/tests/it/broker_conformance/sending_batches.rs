//! Batches of messages: ten at most, each entry judged for itself.

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::endpoint::on_the_endpoint;
use super::expectation::{assert_code, refusal};

#[tokio::test]
async fn a_batch_of_ten_is_answered_entry_by_entry_and_arrives_whole() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let request = aws.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(entries(10)));
        let answer = request.send().await.expect("SendMessageBatch");
        assert!(answer.failed().is_empty(), "{:?}", answer.failed());
        let mut ids: Vec<_> = answer.successful().iter().map(|entry| entry.id()).collect();
        ids.sort_unstable();
        let mut expected: Vec<_> = (0..10).map(|number| format!("id-{number}")).collect();
        expected.sort_unstable();
        assert_eq!(ids, expected);
        for entry in answer.successful() {
            assert!(!entry.message_id().is_empty() && entry.md5_of_message_body().len() == 32, "{entry:?}");
        }
        let mut bodies = queue.drain(10).await;
        bodies.sort_unstable();
        let mut sent: Vec<_> = (0..10).map(|number| format!("body {number}")).collect();
        sent.sort_unstable();
        assert_eq!(bodies, sent);
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_eleven_is_refused_whole() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let answer = aws.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(entries(11))).send().await;
        let error = refusal(answer, "eleven entries");
        assert!(error.is_too_many_entries_in_batch_request(), "{error:?}");
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn an_empty_batch_is_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let answer = aws.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(Vec::new())).send().await;
        let error = refusal(answer, "no entries");
        assert!(error.is_empty_batch_request(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn the_ids_of_a_batch_must_be_distinct() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let twice = vec![entry("same", "one"), entry("same", "two")];
        let answer = aws.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(twice)).send().await;
        let error = refusal(answer, "the same id twice");
        assert!(error.is_batch_entry_ids_not_distinct(), "{error:?}");
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn the_ids_of_a_batch_are_short_and_plain() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for id in ["with space", "with.dot", &"x".repeat(81)] {
            let answer = aws.sqs.send_message_batch().queue_url(&queue.url).entries(entry(id, "x")).send().await;
            let error = refusal(answer, &format!("the id {id:?}"));
            assert!(error.is_invalid_batch_entry_id(), "{error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_invalid_entry_fails_alone_as_the_senders_fault() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let late = entry("late", "x");
        let late = SendMessageBatchRequestEntry::builder().id(late.id).message_body(late.message_body).delay_seconds(901);
        let mixed =
            vec![entry("good", "good"), entry("control", "a\u{1}b"), late.build().expect("id and body are given"), entry("fine", "fine")];
        let answer = aws.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(mixed)).send().await;
        let answer = answer.expect("SendMessageBatch with good and invalid entries");
        let mut good: Vec<_> = answer.successful().iter().map(|entry| entry.id()).collect();
        good.sort_unstable();
        assert_eq!(good, ["fine", "good"]);
        let mut failed: Vec<_> = answer.failed().iter().map(|entry| entry.id()).collect();
        failed.sort_unstable();
        assert_eq!(failed, ["control", "late"]);
        for entry in answer.failed() {
            assert!(entry.sender_fault() && !entry.code().is_empty(), "{entry:?}");
        }
        let mut bodies = queue.drain(2).await;
        bodies.sort_unstable();
        assert_eq!(bodies, ["fine", "good"]);
    })
    .await;
}

#[tokio::test]
async fn a_batch_above_one_mebibyte_in_total_is_refused_whole() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let half = "x".repeat(512 * 1024);
        let too_long = vec![entry("a", &half), entry("b", &half), entry("c", "one byte would do")];
        let answer = aws.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(too_long)).send().await;
        let error = refusal(answer, "a batch of more than 1 MiB");
        assert_code(&error, &["BatchRequestTooLong"]);
        let exactly = vec![entry("a", &half), entry("b", &half)];
        let answer = aws.sqs.send_message_batch().queue_url(&queue.url).set_entries(Some(exactly)).send().await;
        let answer = answer.expect("a batch of exactly 1 MiB");
        assert_eq!((answer.successful().len(), answer.failed().len()), (2, 0));
    })
    .await;
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().expect("id and body are given")
}

fn entries(count: usize) -> Vec<SendMessageBatchRequestEntry> {
    (0..count).map(|number| entry(&format!("id-{number}"), &format!("body {number}"))).collect()
}
