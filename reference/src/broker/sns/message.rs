//! A message that somebody wants to publish, and the rules it must keep.

use std::collections::BTreeMap;

use super::{
    query::{Params, Problem},
    topic::{Topic, TopicState},
};
use crate::broker::attribute::{self, Attribute};

/// A message to publish.
#[derive(Debug, Clone, Default)]
pub(crate) struct Publication {
    /// What queues get: the message, or its part for queues where it has one for each protocol.
    pub(crate) message: String,
    pub(crate) subject: Option<String>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication_id: Option<String>,
    /// Bytes that count towards the limits.
    pub(crate) size: usize,
}

/// Largest message, and largest batch, that SNS takes, in bytes.
pub(crate) const MAX_BYTES: usize = 262_144;
/// Longest subject, in characters.
const MAX_SUBJECT: usize = 100;

impl Publication {
    /// Reads Publish's parameters, or those of an entry of its batch.
    pub(crate) fn read(params: &Params) -> Result<Self, Problem> {
        let message = params.get("Message").filter(|message| !message.is_empty()).ok_or_else(|| Problem::invalid("Empty message"))?;
        let attributes = params.message_attributes()?;
        let text = |name: &str| params.get(name).map(str::to_owned);
        Ok(Self {
            size: message.len() + attributes.iter().map(Attribute::size).sum::<usize>(),
            message: match params.get("MessageStructure") {
                None | Some("") => message.to_owned(),
                Some("json") => message_for_queues(message)?,
                Some(_) => return Err(Problem::invalid("MessageStructure Reason: it can only be json")),
            },
            subject: text("Subject"),
            attributes,
            group: text("MessageGroupId"),
            deduplication_id: text("MessageDeduplicationId"),
        })
    }

    /// Checks the message against the rules of SNS and of its topic.
    pub(crate) fn check(&self, topic: &Topic, state: &TopicState) -> Result<(), Problem> {
        if self.size > MAX_BYTES {
            return Err(Problem::invalid("Message too long"));
        }
        if let Some(character) = attribute::first_invalid_character(&self.message) {
            return Err(Problem::invalid(format!(
                "Message Reason: it contains the character #x{:X}, which is not allowed",
                u32::from(character)
            )));
        }
        if let Some(subject) = &self.subject {
            // AWS documents ASCII and takes what is not; line breaks and control characters it refuses.
            if subject.is_empty() || subject.chars().count() > MAX_SUBJECT || subject.chars().any(char::is_control) {
                return Err(Problem::invalid("Subject"));
            }
        }
        self.attributes.iter().try_for_each(|attribute| attribute.check().map_err(Problem::invalid_value))?;
        self.check_group(topic, state)
    }

    fn check_group(&self, topic: &Topic, state: &TopicState) -> Result<(), Problem> {
        for (name, value) in [("MessageGroupId", &self.group), ("MessageDeduplicationId", &self.deduplication_id)] {
            let Some(value) = value else { continue };
            if value.is_empty() || value.len() > 128 || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Problem::invalid(format!(
                    "{name} Reason: it can only include alphanumeric and punctuation characters, 1 to 128"
                )));
            }
        }
        match (topic.fifo, &self.group, &self.deduplication_id) {
            (true, None, _) => Err(Problem::invalid("The MessageGroupId parameter is required for FIFO topics")),
            (true, Some(_), None) if !state.content_based_deduplication() => Err(Problem::invalid(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
            )),
            (false, _, Some(_)) => Err(Problem::invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
            )),
            _ => Ok(()),
        }
    }
}

/// The part for queues of a message that has one for each protocol.
fn message_for_queues(message: &str) -> Result<String, Problem> {
    let parts: BTreeMap<String, serde_json::Value> = serde_json::from_str(message)
        .map_err(|error| Problem::invalid(format!("Message Structure - JSON message body failed to parse: {error}")))?;
    let text = |name: &str| parts.get(name).and_then(|part| part.as_str()).map(str::to_owned);
    let default = text("default").ok_or_else(|| Problem::invalid("Message Structure - No default entry in JSON message body"))?;
    Ok(text("sqs").unwrap_or(default))
}
