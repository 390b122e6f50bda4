//! FIFO topics: the order of a group and the deduplication of a queue, for every subscribed queue.

use aws_sdk_sqs::types::{MessageSystemAttributeName as System, QueueAttributeName};

use super::endpoint::on_the_endpoint;
use super::expectation::{assert_code, refusal};
use super::queue::{body, system_attribute};

#[tokio::test]
async fn a_fifo_topic_has_a_name_that_says_so() {
    on_the_endpoint(async |aws| {
        let plain = aws.name("topic");
        let error = refusal(aws.sns.create_topic().name(&plain).attributes("FifoTopic", "true").send().await, "a FIFO topic without .fifo");
        assert!(error.is_invalid_parameter_exception(), "{error:?}");
        let error = refusal(aws.sns.create_topic().name(format!("{plain}.fifo")).send().await, ".fifo without FifoTopic");
        assert!(error.is_invalid_parameter_exception(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_fifo_topic_keeps_the_order_of_a_group_in_every_queue() {
    on_the_endpoint(async |aws| {
        let topic = aws.fifo_topic(&[]).await;
        let queues = [aws.fifo_queue().await, aws.fifo_queue().await];
        for queue in &queues {
            topic.subscribe_raw(queue).await;
        }
        let published: Vec<_> = (0..12).map(|number| format!("message {number:02}")).collect();
        for message in &published {
            topic.publish_in_group("g", message).await;
        }
        for queue in &queues {
            assert_eq!(queue.drain(published.len()).await, published);
        }
    })
    .await;
}

#[tokio::test]
async fn group_and_deduplication_id_reach_the_queue() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.fifo_topic(&[]).await, aws.fifo_queue().await);
        topic.subscribe(&queue, &[]).await;
        let request =
            aws.sns.publish().topic_arn(&topic.arn).message("x").message_group_id("CP-502101").message_deduplication_id("order-1");
        let published = request.send().await.expect("Publish to a FIFO topic");
        assert!(published.sequence_number().is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit())));
        let message = queue.receive_one().await;
        assert_eq!(system_attribute(&message, System::MessageGroupId), "CP-502101");
        assert_eq!(system_attribute(&message, System::MessageDeduplicationId), "order-1");
        let envelope: serde_json::Value = serde_json::from_str(body(&message)).expect("the envelope is JSON");
        assert_eq!(envelope["Message"], "x");
    })
    .await;
}

#[tokio::test]
async fn a_fifo_topic_takes_the_same_deduplication_id_once() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.fifo_topic(&[]).await, aws.fifo_queue().await);
        topic.subscribe_raw(&queue).await;
        topic.publish_in_group("g", "once").await;
        topic.publish_in_group("g", "once").await;
        topic.publish_in_group("g", "last").await;
        assert_eq!(queue.drain(2).await, ["once", "last"]);
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn with_content_deduplication_a_fifo_topic_takes_the_same_message_once() {
    on_the_endpoint(async |aws| {
        let topic = aws.fifo_topic(&[("ContentBasedDeduplication", "true")]).await;
        let queue = aws.fifo_queue_with(&[(QueueAttributeName::ContentBasedDeduplication, "true")]).await;
        topic.subscribe_raw(&queue).await;
        for message in ["the same", "the same", "another"] {
            aws.sns.publish().topic_arn(&topic.arn).message(message).message_group_id("g").send().await.expect("Publish to a FIFO topic");
        }
        assert_eq!(queue.drain(2).await, ["the same", "another"]);
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn a_publication_to_a_fifo_topic_needs_a_group_and_a_deduplication_id() {
    on_the_endpoint(async |aws| {
        let topic = aws.fifo_topic(&[]).await;
        let publishing = || aws.sns.publish().topic_arn(&topic.arn).message("x");
        let ungrouped = refusal(publishing().message_deduplication_id("x").send().await, "a publication without a group");
        assert_code(&ungrouped, &["InvalidParameter"]);
        let repeatable = refusal(publishing().message_group_id("g").send().await, "a publication without a deduplication id");
        assert_code(&repeatable, &["InvalidParameter"]);
    })
    .await;
}

#[tokio::test]
async fn a_standard_topic_does_not_send_to_a_fifo_queue() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.fifo_queue().await);
        let answer = aws.sns.subscribe().topic_arn(&topic.arn).protocol("sqs").endpoint(&queue.arn).send().await;
        assert!(refusal(answer, "a FIFO queue at a standard topic").is_invalid_parameter_exception());
    })
    .await;
}
