//! One topic, with the calls that tests make of it most.

use std::collections::HashMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::operation::publish::PublishOutput;
use aws_sdk_sns::types::MessageAttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;

use super::queue::Queue;

/// A topic's address.
#[derive(Clone)]
pub(super) struct Topic {
    pub(super) sns: Client,
    pub(super) arn: String,
}

impl Topic {
    /// Subscribes a queue, and lets the topic send to it (AWS delivers nothing without that policy). The subscription's ARN.
    pub(super) async fn subscribe(&self, queue: &Queue, attributes: &[(&str, &str)]) -> String {
        self.allow_sending_to(queue).await;
        let mut request = self.sns.subscribe().topic_arn(&self.arn).protocol("sqs").endpoint(&queue.arn).return_subscription_arn(true);
        for (name, value) in attributes {
            request = request.attributes(*name, *value);
        }
        request.send().await.expect("Subscribe").subscription_arn.expect("Subscribe answers with the subscription's ARN")
    }

    /// Subscribes a queue that gets the message alone, without its envelope.
    pub(super) async fn subscribe_raw(&self, queue: &Queue) -> String {
        self.subscribe(queue, &[("RawMessageDelivery", "true")]).await
    }

    pub(super) async fn publish(&self, message: &str) -> PublishOutput {
        self.sns.publish().topic_arn(&self.arn).message(message).send().await.expect("Publish")
    }

    pub(super) async fn publish_with(&self, message: &str, attributes: &[(&str, MessageAttributeValue)]) -> PublishOutput {
        let attributes: HashMap<_, _> = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let request = self.sns.publish().topic_arn(&self.arn).message(message).set_message_attributes(Some(attributes));
        request.send().await.expect("Publish")
    }

    /// Publishes to a FIFO topic, with the message as the deduplication id (which may have no spaces).
    pub(super) async fn publish_in_group(&self, group: &str, message: &str) -> PublishOutput {
        let request = self.sns.publish().topic_arn(&self.arn).message(message);
        request.message_group_id(group).message_deduplication_id(message.replace(' ', "-")).send().await.expect("Publish to a FIFO topic")
    }

    pub(super) async fn allow_sending_to(&self, queue: &Queue) {
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "sns.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": queue.arn,
            }],
        });
        queue.set(QueueAttributeName::Policy, &policy.to_string()).await;
    }
}

/// A message attribute of this type with a text for its value.
pub(super) fn attribute(data_type: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(data_type).string_value(value).build().expect("the type is given")
}
