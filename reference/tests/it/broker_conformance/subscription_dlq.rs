//! The dead-letter queue of a subscription: where a publication goes that its queue cannot take.

use std::time::Duration;

use tokio::time::Instant;

use super::endpoint::{Endpoint, on_the_endpoint};
use super::expectation::refusal;
use super::queue::{Queue, body};

#[tokio::test]
async fn a_publication_for_a_dead_queue_goes_to_the_subscriptions_dead_letter_queue() {
    on_the_endpoint(async |aws| {
        let (topic, queue, dead_letters) = (aws.topic().await, aws.queue().await, aws.queue().await);
        topic.allow_sending_to(&dead_letters).await;
        topic.subscribe(&queue, &[("RedrivePolicy", &policy(&dead_letters))]).await;
        delete(aws, &queue).await;
        let published = topic.publish("not lost").await;
        let envelope: serde_json::Value = serde_json::from_str(body(&dead_letters.receive_one().await)).expect("the envelope is JSON");
        assert_eq!(envelope["Message"], "not lost");
        assert_eq!(envelope["TopicArn"], topic.arn.as_str());
        assert_eq!(envelope["MessageId"].as_str(), published.message_id());
    })
    .await;
}

#[tokio::test]
async fn a_raw_publication_for_a_dead_queue_arrives_raw_in_the_dead_letter_queue() {
    on_the_endpoint(async |aws| {
        let (topic, queue, dead_letters) = (aws.topic().await, aws.queue().await, aws.queue().await);
        topic.allow_sending_to(&dead_letters).await;
        topic.subscribe(&queue, &[("RawMessageDelivery", "true"), ("RedrivePolicy", &policy(&dead_letters))]).await;
        delete(aws, &queue).await;
        topic.publish("not lost").await;
        assert_eq!(dead_letters.drain(1).await, ["not lost"]);
    })
    .await;
}

#[tokio::test]
async fn only_the_dead_subscription_uses_its_dead_letter_queue() {
    on_the_endpoint(async |aws| {
        let (topic, dead, healthy, dead_letters) = (aws.topic().await, aws.queue().await, aws.queue().await, aws.queue().await);
        topic.allow_sending_to(&dead_letters).await;
        for queue in [&dead, &healthy] {
            topic.subscribe(queue, &[("RawMessageDelivery", "true"), ("RedrivePolicy", &policy(&dead_letters))]).await;
        }
        delete(aws, &dead).await;
        topic.publish("once here, once there").await;
        assert_eq!(healthy.drain(1).await, ["once here, once there"]);
        assert_eq!(dead_letters.drain(1).await, ["once here, once there"]);
        healthy.assert_nothing_comes(0).await;
        dead_letters.assert_nothing_comes(0).await;
    })
    .await;
}

#[tokio::test]
async fn a_subscriptions_redrive_policy_can_be_set_later_and_is_answered() {
    on_the_endpoint(async |aws| {
        let (topic, queue, dead_letters) = (aws.topic().await, aws.queue().await, aws.queue().await);
        let arn = topic.subscribe(&queue, &[]).await;
        let request = aws.sns.set_subscription_attributes().subscription_arn(&arn).attribute_name("RedrivePolicy");
        request.attribute_value(policy(&dead_letters)).send().await.expect("SetSubscriptionAttributes");
        let answer = aws.sns.get_subscription_attributes().subscription_arn(&arn).send().await.expect("GetSubscriptionAttributes");
        let attributes = answer.attributes.unwrap_or_default();
        let found: serde_json::Value = serde_json::from_str(&attributes["RedrivePolicy"]).expect("a redrive policy is JSON");
        assert_eq!(found["deadLetterTargetArn"], dead_letters.arn.as_str());
    })
    .await;
}

#[tokio::test]
async fn a_subscriptions_redrive_policy_must_name_a_queue() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        for policy in ["not JSON", r#"{"deadLetterTargetArn":"not an ARN"}"#, "{}"] {
            let request =
                aws.sns.subscribe().topic_arn(&topic.arn).protocol("sqs").endpoint(&queue.arn).attributes("RedrivePolicy", policy);
            let error = refusal(request.send().await, &format!("the redrive policy {policy}"));
            assert!(error.is_invalid_parameter_exception(), "{error:?}");
        }
    })
    .await;
}

fn policy(dead_letters: &Queue) -> String {
    serde_json::json!({ "deadLetterTargetArn": dead_letters.arn }).to_string()
}

/// Deletes a subscribed queue and waits until it is gone; the subscription stays.
async fn delete(aws: &Endpoint, queue: &Queue) {
    aws.sqs.delete_queue().queue_url(&queue.url).send().await.expect("DeleteQueue");
    let deadline = Instant::now() + Duration::from_secs(50);
    while aws.sqs.get_queue_url().queue_name(queue.name()).send().await.is_ok() {
        assert!(Instant::now() < deadline, "the deleted queue is still there");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
