//! Brings topics, queues, dead-letter queues, subscriptions and policies into the state that a topology asks for, on any endpoint.
//!
//! Everything is looked at before it is touched, so that a second run changes nothing and says so.

mod policy;
mod single;
mod subscription;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use super::Aws;
use super::error::{CallError, FailureKind, call_error};
use super::receive::Queue;
use crate::defects::{self, Defect};
use crate::edition::topology::{QueueSpec, Topology};

/// What an operator may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvisionOptions {
    /// Gives every subscription the dead-letter queue of its queue, for messages that SNS cannot hand over. Left out with a warning on endpoints
    /// that do not know it.
    pub subscription_dlq: bool,
}

impl Default for ProvisionOptions {
    fn default() -> Self {
        Self { subscription_dlq: true }
    }
}

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provisioned {
    /// ARNs of the topics by name.
    pub topic_arns: BTreeMap<String, String>,
    /// URLs of the queues by name.
    pub queue_urls: BTreeMap<String, String>,
    /// URLs of the dead-letter queues by name.
    pub dlq_urls: BTreeMap<String, String>,
    /// What was created or set, in words; empty when all was as it should be.
    pub changes: Vec<String>,
    /// What the endpoint refused and the pipeline can live without, in words.
    pub left_out: Vec<String>,
}

/// Why there is nothing to work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvisionError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Some of it does not exist.
    #[error("not there: {}; run `reference provision` first", .0.join(", "))]
    Missing(Vec<String>),
    /// The endpoint answered without saying what was asked for.
    #[error(
        "{action} on {subject:?} was answered without {lacking}; what answers there does not speak SQS and SNS as AWS does: look at AWS_ENDPOINT_URL"
    )]
    Incomplete {
        /// The action.
        action: &'static str,
        /// What it was about.
        subject: String,
        /// What the answer lacks.
        lacking: &'static str,
    },
}

impl Provisioned {
    /// The queue (or dead-letter queue) of that name.
    ///
    /// # Errors
    /// [`ProvisionError::Missing`] when the topology has no such queue.
    pub fn queue(&self, aws: &Aws, name: &str) -> Result<Queue, ProvisionError> {
        let url = self.queue_urls.get(name).or_else(|| self.dlq_urls.get(name));
        url.map(|url| aws.queue(name, url)).ok_or_else(|| ProvisionError::Missing(vec![format!("queue {name}")]))
    }
}

impl Aws {
    /// Creates what is missing and corrects what differs.
    ///
    /// # Errors
    /// [`ProvisionError`]; what was done until then stays, and the next run continues there.
    pub async fn provision(&self, topology: &Topology, options: &ProvisionOptions) -> Result<Provisioned, ProvisionError> {
        let mut done = Provisioned::default();
        let existing = self.topics_by_name().await?;
        for topic in &topology.topics {
            // Creating an existing topic answers its ARN and changes nothing.
            let arn = self.create_topic(&topic.name).await?;
            if !existing.contains_key(&topic.name) {
                done.changes.push(format!("created topic {}", topic.name));
            }
            done.topic_arns.insert(topic.name.clone(), arn);
        }
        for spec in &topology.queues {
            let topics = topology.subscriptions.iter().filter(|link| link.queue == spec.name);
            let topic_arns: Vec<&str> = topics.filter_map(|link| done.topic_arns.get(&link.topic)).map(String::as_str).collect();
            let (pair, changes) = self.ensure_pair(spec, &topic_arns).await?;
            done.changes.extend(changes);
            for link in topology.subscriptions.iter().filter(|link| link.queue == spec.name) {
                let topic_arn =
                    done.topic_arns.get(&link.topic).ok_or_else(|| ProvisionError::Missing(vec![format!("topic {}", link.topic)]))?;
                let dlq_arn = options.subscription_dlq.then_some(pair.dlq_arn.as_str());
                let subscribed = self.ensure_subscription(topic_arn, &pair.queue_arn, dlq_arn).await?;
                done.changes.extend(subscribed.changes);
                done.left_out.extend(subscribed.left_out);
            }
            done.queue_urls.insert(spec.name.clone(), pair.queue.url);
            done.dlq_urls.insert(spec.dlq.clone(), pair.dlq.url);
        }
        Ok(done)
    }

    /// Finds everything without creating anything.
    ///
    /// # Errors
    /// [`ProvisionError::Missing`] naming all that does not exist.
    pub async fn resolve(&self, topology: &Topology) -> Result<Provisioned, ProvisionError> {
        self.resolve_with(topology, &BTreeMap::new()).await
    }

    /// Like [`Aws::resolve`], with topics whose ARNs are known already (who may publish need not be allowed to list).
    ///
    /// # Errors
    /// [`ProvisionError::Missing`] naming all that does not exist.
    pub async fn resolve_with(&self, topology: &Topology, known_arns: &BTreeMap<String, String>) -> Result<Provisioned, ProvisionError> {
        let (mut found, mut missing) = (Provisioned::default(), Vec::new());
        let all_known = topology.topics.iter().all(|topic| known_arns.contains_key(&topic.name));
        let listed = if all_known { BTreeMap::new() } else { self.topics_by_name().await? };
        for topic in &topology.topics {
            match known_arns.get(&topic.name).or_else(|| listed.get(&topic.name)) {
                Some(arn) => drop(found.topic_arns.insert(topic.name.clone(), arn.clone())),
                None => missing.push(format!("topic {}", topic.name)),
            }
        }
        for spec in &topology.queues {
            for (name, urls) in [(&spec.name, &mut found.queue_urls), (&spec.dlq, &mut found.dlq_urls)] {
                match self.queue_url(name).await? {
                    Some(url) => drop(urls.insert(name.clone(), url)),
                    None => missing.push(format!("queue {name}")),
                }
            }
        }
        if missing.is_empty() { Ok(found) } else { Err(ProvisionError::Missing(missing)) }
    }

    async fn topics_by_name(&self) -> Result<BTreeMap<String, String>, CallError> {
        let mut topics = BTreeMap::new();
        let mut pages = self.sns.list_topics().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| call_error("ListTopics", "all topics", &e))?;
            for arn in page.topics.unwrap_or_default().into_iter().filter_map(|topic| topic.topic_arn) {
                let name = arn.rsplit(':').next().unwrap_or(&arn).to_owned();
                topics.insert(name, arn);
            }
        }
        Ok(topics)
    }

    async fn create_topic(&self, name: &str) -> Result<String, ProvisionError> {
        let created = self.sns.create_topic().name(name).send().await.map_err(|e| call_error("CreateTopic", name, &e))?;
        created.topic_arn.ok_or_else(|| incomplete("CreateTopic", name, "the TopicArn"))
    }

    async fn queue_url(&self, name: &str) -> Result<Option<String>, ProvisionError> {
        match self.sqs.get_queue_url().queue_name(name).send().await {
            Ok(answer) => answer.queue_url.map(Some).ok_or_else(|| incomplete("GetQueueUrl", name, "the QueueUrl")),
            Err(error) => match call_error("GetQueueUrl", name, &error) {
                missing if missing.kind == FailureKind::Missing => Ok(None),
                other => Err(other.into()),
            },
        }
    }

    async fn ensure_pair(&self, spec: &QueueSpec, topic_arns: &[&str]) -> Result<(Pair, Vec<String>), ProvisionError> {
        let mut changes = Vec::new();
        let dlq = self.ensure_queue(&spec.dlq, vec![retention(spec.dlq_retention)], &mut changes).await?;
        let dlq_arn = dlq.arn().await?;
        let max_receive_count = if defects::is(Defect::MaxReceiveCountOne) { 1 } else { spec.max_receive_count };
        let redrive = json!({ "deadLetterTargetArn": dlq_arn, "maxReceiveCount": max_receive_count.to_string() }).to_string();
        let visibility = spec.visibility_timeout.as_secs().max(1).to_string();
        let mut wanted = vec![(QueueAttributeName::VisibilityTimeout, visibility), retention(spec.retention)];
        if !defects::is(Defect::NoDlq) {
            wanted.push((QueueAttributeName::RedrivePolicy, redrive));
        }
        let queue = self.ensure_queue(&spec.name, wanted, &mut changes).await?;
        let queue_arn = queue.arn().await?;
        // SNS delivers into the queue, and what it cannot deliver there into the dead-letter queue.
        for (queue, arn) in [(&queue, &queue_arn), (&dlq, &dlq_arn)] {
            changes.extend(queue.ensure_policy(arn, topic_arns).await?);
        }
        Ok((Pair { queue, dlq, queue_arn, dlq_arn }, changes))
    }

    async fn ensure_queue(
        &self,
        name: &str,
        wanted: Vec<(QueueAttributeName, String)>,
        changes: &mut Vec<String>,
    ) -> Result<Queue, ProvisionError> {
        if let Some(url) = self.queue_url(name).await? {
            let queue = self.queue(name, url);
            changes.extend(queue.converge(wanted).await?);
            return Ok(queue);
        }
        let attributes: HashMap<_, _> = wanted.into_iter().collect();
        let created = self.sqs.create_queue().queue_name(name).set_attributes(Some(attributes)).send().await;
        let created = created.map_err(|e| call_error("CreateQueue", name, &e))?;
        changes.push(format!("created queue {name}"));
        let url = created.queue_url.ok_or_else(|| incomplete("CreateQueue", name, "the QueueUrl"))?;
        Ok(self.queue(name, url))
    }
}

/// A queue and its dead-letter queue.
struct Pair {
    queue: Queue,
    dlq: Queue,
    queue_arn: String,
    dlq_arn: String,
}

impl Queue {
    /// The queue's ARN.
    pub(super) async fn arn(&self) -> Result<String, ProvisionError> {
        let mut attributes = self.attributes(&[QueueAttributeName::QueueArn]).await?;
        attributes.remove("QueueArn").ok_or_else(|| incomplete("GetQueueAttributes", &self.name, "the QueueArn"))
    }

    /// Sets the attributes that differ, and says which.
    async fn converge(&self, wanted: Vec<(QueueAttributeName, String)>) -> Result<Vec<String>, CallError> {
        let names: Vec<_> = wanted.iter().map(|(name, _)| name.clone()).collect();
        let current = self.attributes(&names).await?;
        let differs = |(name, value): &(QueueAttributeName, String)| !current.get(name.as_str()).is_some_and(|now| same_value(now, value));
        let different: HashMap<_, _> = wanted.into_iter().filter(differs).collect();
        if different.is_empty() {
            return Ok(Vec::new());
        }
        let mut changes: Vec<String> = different.keys().map(|name| format!("set {} of queue {}", name.as_str(), self.name)).collect();
        changes.sort();
        let set = self.aws.sqs.set_queue_attributes().queue_url(&self.url).set_attributes(Some(different)).send().await;
        set.map_err(|e| call_error("SetQueueAttributes", &self.name, &e))?;
        Ok(changes)
    }
}

fn retention(kept: Duration) -> (QueueAttributeName, String) {
    (QueueAttributeName::MessageRetentionPeriod, kept.as_secs().to_string())
}

/// Equal as JSON where both are JSON objects, whose numbers some endpoints give back as text; else equal as text.
fn same_value(a: &str, b: &str) -> bool {
    let object = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok().filter(serde_json::Value::is_object);
    match (object(a), object(b)) {
        (Some(a), Some(b)) => numbers_as_text(a) == numbers_as_text(b),
        _ => a == b,
    }
}

fn numbers_as_text(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(number) => serde_json::Value::String(number.to_string()),
        serde_json::Value::Array(items) => items.into_iter().map(numbers_as_text).collect(),
        serde_json::Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, numbers_as_text(value))).collect(),
        other => other,
    }
}

fn incomplete(action: &'static str, subject: &str, lacking: &'static str) -> ProvisionError {
    ProvisionError::Incomplete { action, subject: subject.to_owned(), lacking }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_by_what_they_mean() {
        assert!(same_value("30", "30"));
        assert!(!same_value("30", "300"));
        assert!(same_value(
            r#"{"maxReceiveCount":5,"deadLetterTargetArn":"a"}"#,
            r#"{ "deadLetterTargetArn":"a", "maxReceiveCount":"5" }"#
        ));
        assert!(!same_value(r#"{"maxReceiveCount":5}"#, r#"{"maxReceiveCount":3}"#));
    }
}
