//! Topics and their subscriptions.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Deserialize;

use super::{
    filter::{Filter, Scope},
    query::Problem,
};
use crate::broker::{arn, queue::deduplication::Deduplication};

/// The topics, by ARN.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    pub(crate) by_arn: BTreeMap<String, Arc<Topic>>,
}

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) fifo: bool,
    state: Mutex<TopicState>,
}

/// What may change about a topic. A FIFO topic is locked while it delivers: that keeps its order.
#[derive(Debug, Default)]
pub(crate) struct TopicState {
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// In the order in which they were made; a publication works with the list that it found.
    pub(crate) subscriptions: Arc<Vec<Arc<Subscription>>>,
    pub(crate) deduplication: Deduplication,
    pub(crate) last_sequence: u64,
}

/// A queue that gets a topic's messages.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) arn: String,
    pub(crate) topic_arn: String,
    pub(crate) queue_arn: String,
    pub(crate) queue_name: String,
    pub(crate) settings: SubscriptionSettings,
}

/// What a subscription's attributes come to.
#[derive(Debug, Clone, Default)]
pub(crate) struct SubscriptionSettings {
    pub(crate) raw: bool,
    pub(crate) filter: Option<Filter>,
    pub(crate) scope: Scope,
    /// Name of the queue for what could not be delivered.
    pub(crate) dead_letter_queue: Option<String>,
    /// As they were set, by name.
    pub(crate) given: BTreeMap<String, String>,
}

/// Attributes of a topic that can be set.
pub(crate) const TOPIC_ATTRIBUTES: &[&str] = &[
    "DisplayName",
    "Policy",
    "DeliveryPolicy",
    "FifoTopic",
    "ContentBasedDeduplication",
    "FifoThroughputScope",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
    "DataProtectionPolicy",
];

impl Topic {
    pub(crate) fn new(name: &str, attributes: BTreeMap<String, String>, tags: BTreeMap<String, String>) -> Self {
        let state = TopicState { attributes, tags, ..TopicState::default() };
        Self { name: name.to_owned(), arn: arn::topic_arn(name), fifo: name.ends_with(".fifo"), state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, TopicState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TopicState {
    pub(crate) fn content_based_deduplication(&self) -> bool {
        self.attributes.get("ContentBasedDeduplication").is_some_and(|value| value == "true")
    }

    pub(crate) fn deduplicates_per_group(&self) -> bool {
        self.attributes.get("FifoThroughputScope").is_some_and(|value| value == "MessageGroup")
    }

    /// Replaces, adds or (with `None`) removes the subscription of this ARN.
    pub(crate) fn put_subscription(&mut self, subscription_arn: &str, subscription: Option<Subscription>) {
        let mut subscriptions: Vec<Arc<Subscription>> = self.subscriptions.to_vec();
        let position = subscriptions.iter().position(|other| other.arn == subscription_arn);
        match (position, subscription.map(Arc::new)) {
            (Some(position), Some(new)) => subscriptions[position] = new,
            (Some(position), None) => {
                subscriptions.remove(position);
            }
            (None, Some(new)) => subscriptions.push(new),
            (None, None) => {}
        }
        self.subscriptions = Arc::new(subscriptions);
    }
}

impl Topics {
    pub(crate) fn find(&self, topic_arn: &str) -> Result<Arc<Topic>, Problem> {
        if !arn::is_topic_arn(topic_arn) {
            return Err(Problem::invalid(format!("TopicArn Reason: {topic_arn} is not the ARN of a topic")));
        }
        // Region and account are not compared; see `arn`.
        let name = topic_arn.rsplit(':').next().unwrap_or_default();
        self.by_arn.get(&arn::topic_arn(name)).map(Arc::clone).ok_or_else(Problem::no_topic)
    }

    /// The subscription of this ARN, with its topic.
    pub(crate) fn find_subscription(&self, subscription_arn: &str) -> Result<(Arc<Topic>, Arc<Subscription>), Problem> {
        let (topic_arn, _) = subscription_arn
            .rsplit_once(':')
            .filter(|(topic_arn, _)| arn::is_topic_arn(topic_arn))
            .ok_or_else(|| Problem::invalid(format!("SubscriptionArn Reason: {subscription_arn} is not the ARN of a subscription")))?;
        let topic = self.find(topic_arn).map_err(|_| Problem::no_subscription())?;
        let found = topic.state().subscriptions.iter().find(|subscription| subscription.arn == subscription_arn).cloned();
        found.map(|subscription| (topic, subscription)).ok_or_else(Problem::no_subscription)
    }
}

impl SubscriptionSettings {
    /// Checks attributes and reads them.
    pub(crate) fn parse(mut given: BTreeMap<String, String>) -> Result<Self, Problem> {
        // An empty text or an empty policy takes an attribute back.
        given.retain(|name, value| !(value.is_empty() || name == "FilterPolicy" && value.trim() == "{}"));
        let mut settings = Self::default();
        for (name, value) in &given {
            match name.as_str() {
                "RawMessageDelivery" => settings.raw = parse_flag(value)?,
                "FilterPolicyScope" => settings.scope = Scope::parse(value)?,
                "RedrivePolicy" => settings.dead_letter_queue = Some(parse_redrive(value)?),
                "FilterPolicy" | "DeliveryPolicy" | "SubscriptionRoleArn" | "ReplayPolicy" => {}
                _ => return Err(Problem::invalid(format!("AttributeName {name}"))),
            }
        }
        if let Some(policy) = given.get("FilterPolicy") {
            settings.filter = Some(Filter::parse(policy, settings.scope)?);
        }
        settings.given = given;
        Ok(settings)
    }
}

fn parse_flag(value: &str) -> Result<bool, Problem> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::invalid(format!("Attributes Reason: RawMessageDelivery: Invalid value [{value}]. Must be true or false."))),
    }
}

fn parse_redrive(value: &str) -> Result<String, Problem> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Given {
        dead_letter_target_arn: String,
    }
    let refuse = |reason: String| Problem::invalid(format!("RedrivePolicy: {reason}"));
    let given: Given = serde_json::from_str(value).map_err(|error| refuse(error.to_string()))?;
    arn::queue_name_of_arn(&given.dead_letter_target_arn)
        .map(str::to_owned)
        .ok_or_else(|| refuse(format!("deadLetterTargetArn {} is not the ARN of a queue", given.dead_letter_target_arn)))
}
