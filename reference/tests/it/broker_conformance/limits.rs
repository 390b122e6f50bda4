//! How large a message may be.

use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};

use super::endpoint::on_the_endpoint;
use super::expectation::{assert_code, refusal};
use super::queue::body;

const ONE_MEBIBYTE: usize = 1024 * 1024;
const TOPIC_LIMIT: usize = 256 * 1024;

#[tokio::test]
async fn a_message_of_one_mebibyte_passes_and_one_byte_more_does_not() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        queue.send(&"x".repeat(ONE_MEBIBYTE)).await;
        assert_eq!(body(&queue.receive_one().await).len(), ONE_MEBIBYTE);
        let answer = aws.sqs.send_message().queue_url(&queue.url).message_body("x".repeat(ONE_MEBIBYTE + 1)).send().await;
        assert_code(&refusal(answer, "a message of 1 MiB and a byte"), &["InvalidParameterValue"]);
    })
    .await;
}

#[tokio::test]
async fn a_queue_may_have_a_smaller_limit() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
        queue.send(&"x".repeat(1_024)).await;
        let answer = aws.sqs.send_message().queue_url(&queue.url).message_body("x".repeat(1_025)).send().await;
        assert_code(&refusal(answer, "a message above its queue's limit"), &["InvalidParameterValue"]);
    })
    .await;
}

#[tokio::test]
async fn a_message_is_measured_in_bytes_and_not_in_characters() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
        queue.send(&"도".repeat(341)).await;
        let answer = aws.sqs.send_message().queue_url(&queue.url).message_body("도".repeat(342)).send().await;
        assert_code(&refusal(answer, "342 characters of 3 bytes each"), &["InvalidParameterValue"]);
    })
    .await;
}

#[tokio::test]
async fn attributes_count_towards_the_size_of_a_message() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
        // Name, type and value: 4 + 6 + 14 = 24 bytes.
        let sending = |length: usize| {
            let value =
                MessageAttributeValue::builder().data_type("String").string_value("x".repeat(14)).build().expect("the type is given");
            aws.sqs.send_message().queue_url(&queue.url).message_body("x".repeat(length)).message_attributes("name", value).send()
        };
        sending(1_000).await.expect("1,024 bytes with the attribute");
        assert_code(&refusal(sending(1_001).await, "1,025 bytes with the attribute"), &["InvalidParameterValue"]);
    })
    .await;
}

#[tokio::test]
async fn a_topic_takes_256_kibibytes_and_no_byte_more() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe_raw(&queue).await;
        topic.publish(&"x".repeat(TOPIC_LIMIT)).await;
        assert_eq!(body(&queue.receive_one().await).len(), TOPIC_LIMIT);
        let answer = aws.sns.publish().topic_arn(&topic.arn).message("x".repeat(TOPIC_LIMIT + 1)).send().await;
        let error = refusal(answer, "a publication of 256 KiB and a byte");
        assert!(error.is_invalid_parameter_exception(), "{error:?}");
    })
    .await;
}
