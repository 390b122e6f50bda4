//! The envelope in which a topic's message reaches a queue, and what raw delivery makes of it.

use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_types::Blob;
use serde_json::{Value, json};

use super::endpoint::{Endpoint, on_the_endpoint};
use super::queue::{Queue, body};
use super::topic::{Topic, attribute};

#[tokio::test]
async fn the_envelope_names_its_topic_and_its_message_and_when_it_was_published() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = subscribed(aws).await;
        let before = super::expectation::epoch_milliseconds();
        let published = topic.publish("도넛 재고가 없습니다").await;
        let envelope = envelope(&queue).await;
        assert_eq!(envelope["Type"], "Notification");
        assert_eq!(envelope["Message"], "도넛 재고가 없습니다");
        assert_eq!(envelope["TopicArn"], topic.arn.as_str());
        assert_eq!(envelope["MessageId"].as_str(), published.message_id());
        let timestamp = envelope["Timestamp"].as_str().expect("a timestamp");
        // Such as 2026-11-01T12:34:56.789Z.
        assert!(timestamp.len() == 24 && timestamp.ends_with('Z') && timestamp.as_bytes()[19] == b'.', "{timestamp}");
        let parsed = aws_smithy_types::DateTime::from_str(timestamp, aws_smithy_types::date_time::Format::DateTime).expect("ISO 8601");
        let milliseconds = parsed.to_millis().expect("a time of this century").to_string();
        super::expectation::assert_between(&milliseconds, &(before..=super::expectation::epoch_milliseconds()), "Timestamp");
    })
    .await;
}

#[tokio::test]
async fn the_envelope_is_signed_and_tells_how_to_unsubscribe() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = subscribed(aws).await;
        topic.publish("x").await;
        let envelope = envelope(&queue).await;
        assert!(matches!(envelope["SignatureVersion"].as_str(), Some("1" | "2")), "{envelope}");
        for field in ["Signature", "SigningCertURL", "UnsubscribeURL"] {
            assert!(envelope[field].as_str().is_some_and(|value| !value.is_empty()), "no {field} in {envelope}");
        }
        assert!(envelope["UnsubscribeURL"].as_str().is_some_and(|url| url.contains("Action=Unsubscribe")), "{envelope}");
    })
    .await;
}

#[tokio::test]
async fn the_envelope_carries_each_attribute_with_its_type_and_value() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = subscribed(aws).await;
        let seal =
            MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 255])).build().expect("the type is given");
        let attributes = [
            ("MessageAttributeProductId", attribute("String", "CP-502101")),
            ("MessageAttributeProductCnt", attribute("Number", "3")),
            ("MessageAttributeRequester", attribute("String", "인기 \"유튜버\"")),
            ("sizes", attribute("String.Array", r#"["small","large"]"#)),
            ("seal", seal),
        ];
        topic.publish_with("x", &attributes).await;
        let envelope = envelope(&queue).await;
        let expected = json!({
            "MessageAttributeProductId": { "Type": "String", "Value": "CP-502101" },
            "MessageAttributeProductCnt": { "Type": "Number", "Value": "3" },
            "MessageAttributeRequester": { "Type": "String", "Value": "인기 \"유튜버\"" },
            "sizes": { "Type": "String.Array", "Value": r#"["small","large"]"# },
            "seal": { "Type": "Binary", "Value": "AP8=" },
        });
        assert_eq!(envelope["MessageAttributes"], expected);
    })
    .await;
}

#[tokio::test]
async fn the_envelope_has_a_subject_only_when_there_is_one() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = subscribed(aws).await;
        topic.publish("without").await;
        let without = envelope(&queue).await;
        assert!(without.get("Subject").is_none() && without.get("MessageAttributes").is_none(), "{without}");
        aws.sns
            .publish()
            .topic_arn(&topic.arn)
            .message("with")
            .subject("도너츠 재고 부족")
            .send()
            .await
            .expect("Publish with a Korean subject");
        assert_eq!(envelope(&queue).await["Subject"], "도너츠 재고 부족");
    })
    .await;
}

#[tokio::test]
async fn an_enveloped_message_has_no_message_attributes_of_the_queue() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = subscribed(aws).await;
        topic.publish_with("x", &[("name", attribute("String", "value"))]).await;
        let message = queue.receive_one().await;
        assert!(message.message_attributes().is_none_or(|attributes| attributes.is_empty()), "{message:?}");
    })
    .await;
}

#[tokio::test]
async fn raw_delivery_brings_the_message_alone_and_its_attributes_as_the_queues() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe_raw(&queue).await;
        let seal =
            MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 255])).build().expect("the type is given");
        topic
            .publish_with("도넛", &[("product", attribute("String", "CP-502101")), ("count", attribute("Number", "3")), ("seal", seal)])
            .await;
        let message = queue.receive_one().await;
        assert_eq!(body(&message), "도넛");
        let attributes = message.message_attributes().expect("attributes");
        assert_eq!(attributes.len(), 3);
        let text = |name: &str| attributes.get(name).map(|value| (value.data_type(), value.string_value().unwrap_or_default()));
        assert_eq!((text("product"), text("count")), (Some(("String", "CP-502101")), Some(("Number", "3"))));
        assert_eq!(attributes.get("seal").and_then(|value| value.binary_value()).map(AsRef::as_ref), Some(&[0, 255][..]));
    })
    .await;
}

#[tokio::test]
async fn raw_delivery_can_be_switched_on_later() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        let arn = topic.subscribe(&queue, &[]).await;
        let request = aws.sns.set_subscription_attributes().subscription_arn(arn).attribute_name("RawMessageDelivery");
        request.attribute_value("true").send().await.expect("SetSubscriptionAttributes");
        topic.publish("alone").await;
        assert_eq!(queue.drain(1).await, ["alone"]);
    })
    .await;
}

#[tokio::test]
async fn characters_that_json_escapes_survive_the_envelope() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = subscribed(aws).await;
        let text = "{\"a\": \"b\\c\"}\n\t<&> + % ; = 🍩 ";
        topic.publish(text).await;
        assert_eq!(envelope(&queue).await["Message"], text);
    })
    .await;
}

async fn subscribed(aws: &Endpoint) -> (Topic, Queue) {
    let (topic, queue) = (aws.topic().await, aws.queue().await);
    topic.subscribe(&queue, &[]).await;
    (topic, queue)
}

async fn envelope(queue: &Queue) -> Value {
    let message = queue.receive_one().await;
    queue.delete(&message).await;
    serde_json::from_str(body(&message)).unwrap_or_else(|error| panic!("the envelope is no JSON ({error}): {}", body(&message)))
}
