//! Batches of publications.

use aws_sdk_sns::types::PublishBatchRequestEntry;

use super::endpoint::on_the_endpoint;
use super::expectation::refusal;
use super::queue::{body, system_attribute};
use super::topic::attribute;

#[tokio::test]
async fn a_batch_of_ten_publications_is_answered_entry_by_entry_and_arrives_whole() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe_raw(&queue).await;
        let request = aws.sns.publish_batch().topic_arn(&topic.arn).set_publish_batch_request_entries(Some(entries(10)));
        let answer = request.send().await.expect("PublishBatch");
        assert!(answer.failed().is_empty(), "{:?}", answer.failed());
        let mut ids: Vec<_> = answer.successful().iter().filter_map(|entry| entry.id()).collect();
        ids.sort_unstable();
        let expected: Vec<_> = (0..10).map(|number| format!("id-{number}")).collect();
        assert_eq!(ids, expected);
        assert!(answer.successful().iter().all(|entry| entry.message_id().is_some()));
        let mut bodies = queue.drain(10).await;
        bodies.sort();
        assert_eq!(bodies, (0..10).map(|number| format!("body {number}")).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn the_entries_of_a_batch_have_subjects_and_attributes_of_their_own() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe(&queue, &[]).await;
        let entry = PublishBatchRequestEntry::builder().id("one").message("x").subject("out of stock");
        let entry =
            entry.message_attributes("MessageAttributeProductCnt", attribute("Number", "3")).build().expect("id and message are given");
        let request = aws.sns.publish_batch().topic_arn(&topic.arn).publish_batch_request_entries(entry);
        let answer = request.send().await.expect("PublishBatch");
        let message = queue.receive_one().await;
        let envelope: serde_json::Value = serde_json::from_str(body(&message)).expect("the envelope is JSON");
        assert_eq!(envelope["Subject"], "out of stock");
        assert_eq!(envelope["MessageAttributes"]["MessageAttributeProductCnt"]["Value"], "3");
        assert_eq!(envelope["MessageId"].as_str(), answer.successful()[0].message_id());
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_publications_obeys_the_limits_of_batches() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe_raw(&queue).await;
        let publishing = |entries| aws.sns.publish_batch().topic_arn(&topic.arn).set_publish_batch_request_entries(Some(entries)).send();
        let error = refusal(publishing(entries(11)).await, "eleven publications");
        assert!(error.is_too_many_entries_in_batch_request_exception(), "{error:?}");
        let error = refusal(publishing(vec![entry("same", "one"), entry("same", "two")]).await, "the same id twice");
        assert!(error.is_batch_entry_ids_not_distinct_exception(), "{error:?}");
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn an_empty_batch_of_publications_is_refused() {
    on_the_endpoint(async |aws| {
        let topic = aws.topic().await;
        let answer = aws.sns.publish_batch().topic_arn(&topic.arn).set_publish_batch_request_entries(Some(Vec::new())).send().await;
        let error = refusal(answer, "no publications");
        assert!(error.is_empty_batch_request_exception(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_publications_above_256_kibibytes_in_total_is_refused_whole() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe_raw(&queue).await;
        let half = "x".repeat(128 * 1024);
        let request = aws.sns.publish_batch().topic_arn(&topic.arn);
        let request = request.publish_batch_request_entries(entry("a", &half)).publish_batch_request_entries(entry("b", &half));
        let error = refusal(request.publish_batch_request_entries(entry("c", "x")).send().await, "more than 256 KiB in a batch");
        assert!(error.is_batch_request_too_long_exception(), "{error:?}");
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

/// AWS documents that entries fail one by one, and has been seen to refuse the whole batch: what holds is that nobody is
/// told of a publication that was not made.
#[tokio::test]
async fn an_invalid_publication_in_a_batch_is_reported_and_not_delivered() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe_raw(&queue).await;
        let invalid =
            PublishBatchRequestEntry::builder().id("invalid").message("invalid").message_attributes("name", attribute("String", ""));
        let request = aws.sns.publish_batch().topic_arn(&topic.arn).publish_batch_request_entries(entry("good", "good"));
        let answer = request.publish_batch_request_entries(invalid.build().expect("id and message are given")).send().await;
        let expected: &[&str] = match answer {
            Ok(answer) => {
                assert_eq!(answer.successful().iter().filter_map(|entry| entry.id()).collect::<Vec<_>>(), ["good"]);
                assert_eq!(answer.failed().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["invalid"]);
                assert!(answer.failed()[0].sender_fault() && !answer.failed()[0].code().is_empty(), "{:?}", answer.failed());
                &["good"]
            }
            refused => {
                refusal(refused, "a batch with an invalid publication");
                &[]
            }
        };
        assert_eq!(queue.drain(expected.len()).await, expected);
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn a_batch_for_a_topic_that_does_not_exist_is_refused() {
    on_the_endpoint(async |aws| {
        let topic = aws.topic().await;
        let request = aws.sns.publish_batch().topic_arn(format!("{}-nowhere", topic.arn)).publish_batch_request_entries(entry("one", "x"));
        let error = refusal(request.send().await, "a batch for nowhere");
        assert!(error.is_not_found_exception(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_batch_for_a_fifo_topic_keeps_its_order() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.fifo_topic(&[]).await, aws.fifo_queue().await);
        topic.subscribe_raw(&queue).await;
        let entries = (0..10).map(|number| {
            let entry = PublishBatchRequestEntry::builder().id(format!("id-{number}")).message(format!("body {number}"));
            entry.message_group_id("g").message_deduplication_id(format!("d-{number}")).build().expect("id and message are given")
        });
        let request = aws.sns.publish_batch().topic_arn(&topic.arn).set_publish_batch_request_entries(Some(entries.collect()));
        let answer = request.send().await.expect("PublishBatch");
        assert_eq!((answer.successful().len(), answer.failed().len()), (10, 0));
        let mut bodies = Vec::new();
        while bodies.len() < 10 {
            for message in queue.receive_until(1).await {
                let group = system_attribute(&message, aws_sdk_sqs::types::MessageSystemAttributeName::MessageGroupId);
                assert_eq!(group, "g");
                bodies.push(body(&message).to_owned());
                queue.delete(&message).await;
            }
        }
        assert_eq!(bodies, (0..10).map(|number| format!("body {number}")).collect::<Vec<_>>());
    })
    .await;
}

fn entry(id: &str, message: &str) -> PublishBatchRequestEntry {
    PublishBatchRequestEntry::builder().id(id).message(message).build().expect("id and message are given")
}

fn entries(count: usize) -> Vec<PublishBatchRequestEntry> {
    (0..count).map(|number| entry(&format!("id-{number}"), &format!("body {number}"))).collect()
}
