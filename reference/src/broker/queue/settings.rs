//! A queue's attributes: what may be set, within which bounds, and what they come to.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use crate::broker::{arn, refusal::Refusal};

/// Largest message (and largest batch) that SQS takes, in bytes.
pub(crate) const MAX_MESSAGE_BYTES: u32 = 1_048_576;

/// What a queue's attributes come to.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) fifo: bool,
    pub(crate) visibility_timeout: Duration,
    pub(crate) delay: Duration,
    pub(crate) receive_wait: Duration,
    pub(crate) retention: Duration,
    pub(crate) maximum_message_bytes: u32,
    pub(crate) redrive: Option<Redrive>,
    pub(crate) redrive_allow: RedriveAllow,
    pub(crate) content_based_deduplication: bool,
    pub(crate) deduplicates_per_group: bool,
    /// As they were set, by name: what is stored, and what is answered for the attributes that do not act here.
    given: BTreeMap<String, String>,
}

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redrive {
    pub(crate) target_arn: String,
    pub(crate) target_name: String,
    pub(crate) max_receive_count: u32,
}

/// Which queues may name this one as their dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RedriveAllow {
    All,
    None,
    By(Vec<String>),
}

/// An attribute that can be set: its bounds and its default, as AWS has them.
enum Rule {
    Whole { bounds: RangeInclusive<u64>, default: &'static str },
    Flag { fifo_only: bool, default: Option<&'static str> },
    Choice { options: &'static [&'static str], default: &'static str },
    RedrivePolicy,
    RedriveAllowPolicy,
    Json,
    Text,
}

fn rule_of(name: &str) -> Option<Rule> {
    Some(match name {
        "VisibilityTimeout" => Rule::Whole { bounds: 0..=43_200, default: "30" },
        "DelaySeconds" => Rule::Whole { bounds: 0..=900, default: "0" },
        "ReceiveMessageWaitTimeSeconds" => Rule::Whole { bounds: 0..=20, default: "0" },
        "MessageRetentionPeriod" => Rule::Whole { bounds: 60..=1_209_600, default: "345600" },
        "MaximumMessageSize" => Rule::Whole { bounds: 1_024..=MAX_MESSAGE_BYTES as u64, default: "1048576" },
        "KmsDataKeyReusePeriodSeconds" => Rule::Whole { bounds: 60..=86_400, default: "300" },
        "FifoQueue" => Rule::Flag { fifo_only: true, default: None },
        "ContentBasedDeduplication" => Rule::Flag { fifo_only: true, default: Some("false") },
        "SqsManagedSseEnabled" => Rule::Flag { fifo_only: false, default: Some("true") },
        "DeduplicationScope" => Rule::Choice { options: &["queue", "messageGroup"], default: "queue" },
        "FifoThroughputLimit" => Rule::Choice { options: &["perQueue", "perMessageGroupId"], default: "perQueue" },
        "RedrivePolicy" => Rule::RedrivePolicy,
        "RedriveAllowPolicy" => Rule::RedriveAllowPolicy,
        "Policy" => Rule::Json,
        "KmsMasterKeyId" => Rule::Text,
        _ => return None,
    })
}

/// The attributes that can be set, in the order in which they are answered.
const SETTABLE: &[&str] = &[
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "Policy",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];

impl Settings {
    /// Checks the attributes of a new queue.
    pub(crate) fn of_new_queue(name: &str, given: BTreeMap<String, String>) -> Result<Self, Refusal> {
        let fifo = name.ends_with(".fifo");
        match given.get("FifoQueue").map(String::as_str) {
            Some("true") if !fifo => {
                return Err(Refusal::InvalidParameterValue(
                    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix \
                     and be 1 to 80 in length."
                        .into(),
                ));
            }
            Some("true") => {}
            _ if fifo => {
                return Err(Refusal::InvalidParameterValue(
                    "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length: a name that ends with .fifo needs the \
                     attribute FifoQueue=true."
                        .into(),
                ));
            }
            _ => {}
        }
        Self::parse(fifo, given)
    }

    /// The same queue with some attributes set anew; an empty text takes an attribute back to its default.
    pub(crate) fn with(&self, changes: BTreeMap<String, String>) -> Result<Self, Refusal> {
        if changes.get("FifoQueue").is_some_and(|value| (value == "true") != self.fifo) {
            return Err(Refusal::invalid_attribute("FifoQueue", "Modifying queue type is not supported."));
        }
        let mut given = self.given.clone();
        given.extend(changes);
        given.retain(|name, value| !(value.is_empty() && rule_of(name).is_some()));
        Self::parse(self.fifo, given)
    }

    /// The attributes as they were set, for storing.
    pub(crate) fn given(&self) -> &BTreeMap<String, String> {
        &self.given
    }

    /// Whether this is a settable attribute's name.
    pub(crate) fn knows(name: &str) -> bool {
        rule_of(name).is_some()
    }

    /// All settable attributes that have a value.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        SETTABLE.iter().filter_map(|name| Some((*name, self.value(name)?)))
    }

    /// The first attribute in which the queue differs from what a repeated CreateQueue asks for.
    pub(crate) fn differs_from(&self, asked: &Self) -> Option<String> {
        asked.given.keys().find(|name| self.value(name) != asked.value(name)).cloned()
    }

    fn value(&self, name: &str) -> Option<String> {
        if let Some(value) = self.given.get(name) {
            return Some(value.clone());
        }
        match rule_of(name)? {
            Rule::Whole { default, .. } if name != "KmsDataKeyReusePeriodSeconds" || self.given.contains_key("KmsMasterKeyId") => {
                Some(default.to_owned())
            }
            Rule::Flag { fifo_only, default } if self.fifo || !fifo_only => default.map(str::to_owned),
            Rule::Choice { default, .. } if self.fifo => Some(default.to_owned()),
            _ => None,
        }
    }

    fn parse(fifo: bool, mut given: BTreeMap<String, String>) -> Result<Self, Refusal> {
        for (name, value) in &given {
            check(fifo, name, value)?;
        }
        if let Some(value) = given.get_mut("RedrivePolicy") {
            let redrive = parse_redrive(value)?;
            // The count may come as text; it is answered as a number, as AWS does.
            *value =
                serde_json::json!({"deadLetterTargetArn": redrive.target_arn, "maxReceiveCount": redrive.max_receive_count}).to_string();
        }
        let whole = |name: &str, default: u32| given.get(name).and_then(|value| value.parse().ok()).unwrap_or(default);
        let seconds = |name: &str, default: u32| Duration::from_secs(whole(name, default).into());
        Ok(Self {
            fifo,
            visibility_timeout: seconds("VisibilityTimeout", 30),
            delay: seconds("DelaySeconds", 0),
            receive_wait: seconds("ReceiveMessageWaitTimeSeconds", 0),
            retention: seconds("MessageRetentionPeriod", 345_600),
            maximum_message_bytes: whole("MaximumMessageSize", MAX_MESSAGE_BYTES),
            redrive: given.get("RedrivePolicy").map(|value| parse_redrive(value)).transpose()?,
            redrive_allow: given.get("RedriveAllowPolicy").map_or(Ok(RedriveAllow::All), |value| parse_redrive_allow(value))?,
            content_based_deduplication: given.get("ContentBasedDeduplication").is_some_and(|value| value == "true"),
            deduplicates_per_group: given.get("DeduplicationScope").is_some_and(|value| value == "messageGroup"),
            given,
        })
    }
}

fn check(fifo: bool, name: &str, value: &str) -> Result<(), Refusal> {
    let rule = rule_of(name).ok_or_else(|| Refusal::InvalidAttributeName(name.to_owned()))?;
    match rule {
        Rule::Whole { bounds, .. } => match value.parse::<u64>() {
            Ok(number) if bounds.contains(&number) => Ok(()),
            _ => Err(Refusal::invalid_attribute(name, format!("must be a whole number from {} to {}.", bounds.start(), bounds.end()))),
        },
        Rule::Flag { .. } if value != "true" && value != "false" => Err(Refusal::invalid_attribute(name, "must be true or false.")),
        Rule::Flag { fifo_only: true, .. } if !fifo && name != "FifoQueue" => Err(Refusal::InvalidAttributeName(name.to_owned())),
        Rule::Flag { .. } => Ok(()),
        Rule::Choice { .. } if !fifo => Err(Refusal::InvalidAttributeName(name.to_owned())),
        Rule::Choice { options, .. } if !options.contains(&value) => {
            Err(Refusal::invalid_attribute(name, format!("must be one of {}.", options.join(", "))))
        }
        Rule::RedriveAllowPolicy => parse_redrive_allow(value).map(drop),
        Rule::Json if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(value).is_err() => {
            Err(Refusal::invalid_attribute(name, "must be a JSON object."))
        }
        Rule::Choice { .. } | Rule::RedrivePolicy | Rule::Json | Rule::Text => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u32),
    Text(String),
}

fn parse_redrive(value: &str) -> Result<Redrive, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Given {
        dead_letter_target_arn: String,
        max_receive_count: Count,
    }
    let refuse = |reason: String| Refusal::invalid_attribute("RedrivePolicy", reason);
    let given: Given = serde_json::from_str(value).map_err(|error| refuse(format!("{error} (in {value})")))?;
    let max_receive_count = match given.max_receive_count {
        Count::Number(number) => Some(number),
        Count::Text(text) => text.parse().ok(),
    }
    .filter(|count| (1..=1_000).contains(count))
    .ok_or_else(|| refuse("maxReceiveCount must be a whole number from 1 to 1000.".into()))?;
    let target_name = arn::queue_name_of_arn(&given.dead_letter_target_arn)
        .ok_or_else(|| refuse(format!("deadLetterTargetArn {} is not the ARN of a queue.", given.dead_letter_target_arn)))?
        .to_owned();
    Ok(Redrive { target_arn: given.dead_letter_target_arn, target_name, max_receive_count })
}

fn parse_redrive_allow(value: &str) -> Result<RedriveAllow, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Given {
        redrive_permission: String,
        #[serde(default)]
        source_queue_arns: Vec<String>,
    }
    let refuse = |reason: String| Refusal::invalid_attribute("RedriveAllowPolicy", reason);
    let given: Given = serde_json::from_str(value).map_err(|error| refuse(format!("{error} (in {value})")))?;
    match (given.redrive_permission.as_str(), given.source_queue_arns.len()) {
        ("allowAll", 0) => Ok(RedriveAllow::All),
        ("denyAll", 0) => Ok(RedriveAllow::None),
        ("byQueue", 1..=10) => Ok(RedriveAllow::By(given.source_queue_arns)),
        _ => Err(refuse("redrivePermission must be allowAll, denyAll, or byQueue with 1 to 10 sourceQueueArns.".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn defaults_are_those_of_aws() {
        let settings = Settings::of_new_queue("orders", BTreeMap::new()).unwrap();
        let shown: BTreeMap<_, _> = settings.shown().collect();
        assert_eq!(shown["VisibilityTimeout"], "30");
        assert_eq!(shown["MessageRetentionPeriod"], "345600");
        assert_eq!(shown["MaximumMessageSize"], "1048576");
        assert!(!shown.contains_key("FifoQueue") && !shown.contains_key("RedrivePolicy"));
    }

    #[test]
    fn values_out_of_bounds_and_unknown_names_are_refused() {
        for (name, value) in
            [("VisibilityTimeout", "43201"), ("DelaySeconds", "-1"), ("MessageRetentionPeriod", "59"), ("RedrivePolicy", "{}")]
        {
            let refusal = Settings::of_new_queue("orders", given(&[(name, value)])).unwrap_err();
            assert!(matches!(&refusal, Refusal::InvalidAttributeValue { name: found, .. } if found == name), "{refusal:?}");
        }
        for name in ["Colour", "ContentBasedDeduplication", "QueueArn"] {
            assert_eq!(Settings::of_new_queue("orders", given(&[(name, "true")])).unwrap_err(), Refusal::InvalidAttributeName(name.into()));
        }
        assert!(Settings::of_new_queue("orders.fifo", BTreeMap::new()).is_err());
        assert!(Settings::of_new_queue("orders", given(&[("FifoQueue", "true")])).is_err());
    }

    #[test]
    fn a_redrive_policy_takes_its_count_as_number_or_text_and_is_removed_by_an_empty_text() {
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"3"}"#;
        let settings = Settings::of_new_queue("orders", given(&[("RedrivePolicy", policy)])).unwrap();
        let redrive = settings.redrive.clone().unwrap();
        assert_eq!((redrive.target_name.as_str(), redrive.max_receive_count), ("dead", 3));
        assert!(settings.with(given(&[("RedrivePolicy", "")])).unwrap().redrive.is_none());
    }

    #[test]
    fn a_repeated_create_compares_what_it_asks_for_only() {
        let settings = Settings::of_new_queue("orders", given(&[("VisibilityTimeout", "5")])).unwrap();
        assert_eq!(settings.differs_from(&Settings::of_new_queue("orders", BTreeMap::new()).unwrap()), None);
        let other = Settings::of_new_queue("orders", given(&[("VisibilityTimeout", "6")])).unwrap();
        assert_eq!(settings.differs_from(&other).as_deref(), Some("VisibilityTimeout"));
    }
}
