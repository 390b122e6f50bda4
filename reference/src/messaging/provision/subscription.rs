//! One queue's subscription to a topic, with a dead-letter queue for what SNS cannot hand over.

use serde_json::json;

use super::{ProvisionError, incomplete, same_value};
use crate::messaging::Aws;
use crate::messaging::error::{CallError, FailureKind, call_error};

/// What came of it, in words.
#[derive(Debug, Default)]
pub(super) struct Subscribed {
    pub(super) changes: Vec<String>,
    pub(super) left_out: Option<String>,
}

impl Aws {
    pub(super) async fn ensure_subscription(
        &self,
        topic_arn: &str,
        queue_arn: &str,
        dlq_arn: Option<&str>,
    ) -> Result<Subscribed, ProvisionError> {
        let mut done = Subscribed::default();
        let subscription = match self.subscription_of(topic_arn, queue_arn).await? {
            Some(existing) => existing,
            None => {
                done.changes.push(format!("subscribed {queue_arn} to {topic_arn}"));
                let sent = self.sns.subscribe().topic_arn(topic_arn).protocol("sqs").endpoint(queue_arn).return_subscription_arn(true);
                let answer = sent.send().await.map_err(|e| call_error("Subscribe", topic_arn, &e))?;
                answer.subscription_arn.ok_or_else(|| incomplete("Subscribe", topic_arn, "the SubscriptionArn"))?
            }
        };
        let Some(dlq_arn) = dlq_arn else { return Ok(done) };
        match self.ensure_redrive_policy(&subscription, dlq_arn).await {
            Ok(change) => done.changes.extend(change),
            Err(error) if matches!(error.kind, FailureKind::Unsupported | FailureKind::Refused) => {
                tracing::warn!(subscription, %error, "the endpoint gives subscriptions no dead-letter queue");
                done.left_out = Some(format!("dead-letter queue of subscription {subscription}"));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(done)
    }

    pub(super) async fn subscription_of(&self, topic_arn: &str, queue_arn: &str) -> Result<Option<String>, CallError> {
        let mut pages = self.sns.list_subscriptions_by_topic().topic_arn(topic_arn).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| call_error("ListSubscriptionsByTopic", topic_arn, &e))?;
            let found =
                page.subscriptions.unwrap_or_default().into_iter().find(|s| s.protocol() == Some("sqs") && s.endpoint() == Some(queue_arn));
            if let Some(arn) = found.and_then(|subscription| subscription.subscription_arn) {
                return Ok(Some(arn));
            }
        }
        Ok(None)
    }

    async fn ensure_redrive_policy(&self, subscription: &str, dlq_arn: &str) -> Result<Option<String>, CallError> {
        let wanted = json!({ "deadLetterTargetArn": dlq_arn }).to_string();
        let answer = self.sns.get_subscription_attributes().subscription_arn(subscription).send().await;
        let attributes = answer.map_err(|e| call_error("GetSubscriptionAttributes", subscription, &e))?.attributes.unwrap_or_default();
        if attributes.get("RedrivePolicy").is_some_and(|now| same_value(now, &wanted)) {
            return Ok(None);
        }
        let set = self.sns.set_subscription_attributes().subscription_arn(subscription);
        let set = set.attribute_name("RedrivePolicy").attribute_value(wanted).send().await;
        set.map_err(|e| call_error("SetSubscriptionAttributes", subscription, &e))?;
        Ok(Some(format!("set the dead-letter queue of subscription {subscription}")))
    }
}
