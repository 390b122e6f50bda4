//! Publishing to topics, ten messages to a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_sns::operation::publish_batch::PublishBatchOutput;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use futures_util::StreamExt;
use futures_util::stream;

use super::Aws;
use super::error::{CallError, FailureKind, call_error};
use super::message::{Attribute, AttributeKind, OutgoingMessage};

/// SNS takes no more entries in one call.
const ENTRIES_PER_CALL: usize = 10;
/// SNS takes no more bytes in one call, all entries together.
const BYTES_PER_CALL: usize = 256 * 1024;
/// Calls in flight at once for one batch of messages.
const CALLS_AT_ONCE: usize = 8;

/// Publishes messages to topics known by name. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    sns: aws_sdk_sns::Client,
    topic_arns: Arc<BTreeMap<String, String>>,
}

impl Aws {
    /// A publisher for the topics whose ARNs are given by name.
    #[must_use]
    pub fn publisher(&self, topic_arns: BTreeMap<String, String>) -> Publisher {
        Publisher { sns: self.sns.clone(), topic_arns: Arc::new(topic_arns) }
    }
}

impl Publisher {
    /// Publishes all messages and says of each, under the caller's key, whether it was accepted. Order is not kept.
    pub async fn publish_batch<K: Copy>(&self, messages: Vec<(K, OutgoingMessage)>) -> Vec<(K, Result<(), CallError>)> {
        let mut results = Vec::with_capacity(messages.len());
        let mut calls = Vec::new();
        for (topic, group) in by_topic(messages) {
            match self.topic_arns.get(&topic) {
                Some(arn) => calls.extend(into_calls(group).into_iter().map(|chunk| self.call(topic.clone(), arn.clone(), chunk))),
                None => {
                    let missing = refusal(&topic, FailureKind::Missing, "no such topic is known here; run `reference provision`");
                    results.extend(group.into_iter().map(|(key, _)| (key, Err(missing.clone()))));
                }
            }
        }
        let answered: Vec<Vec<_>> = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE).collect().await;
        results.extend(answered.into_iter().flatten());
        results
    }

    /// Publishes one message.
    ///
    /// # Errors
    /// [`CallError`], also when the topic is not known by name.
    pub async fn publish(&self, message: OutgoingMessage) -> Result<(), CallError> {
        let topic = message.topic.clone();
        let mut results = self.publish_batch(vec![((), message)]).await;
        results.pop().map_or_else(|| Err(refusal(&topic, FailureKind::NoAnswer, "no result was given")), |(_, result)| result)
    }

    async fn call<K: Copy>(&self, topic: String, arn: String, chunk: Vec<(K, OutgoingMessage)>) -> Vec<(K, Result<(), CallError>)> {
        let (keys, messages): (Vec<K>, Vec<OutgoingMessage>) = chunk.into_iter().unzip();
        let mut entries = Vec::with_capacity(messages.len());
        for (index, message) in messages.into_iter().enumerate() {
            match entry(index, message) {
                Ok(entry) => entries.push(entry),
                Err(detail) => {
                    // An entry that cannot be built is the same mistake for all of its call; none was sent.
                    let refused = refusal(&topic, FailureKind::Refused, &detail);
                    return keys.into_iter().map(|key| (key, Err(refused.clone()))).collect();
                }
            }
        }
        let sent = self.sns.publish_batch().topic_arn(arn).set_publish_batch_request_entries(Some(entries)).send().await;
        match sent {
            Ok(output) => results_of(&topic, &keys, &output),
            Err(error) => {
                let error = call_error("PublishBatch", &topic, &error);
                keys.into_iter().map(|key| (key, Err(error.clone()))).collect()
            }
        }
    }
}

fn by_topic<K>(messages: Vec<(K, OutgoingMessage)>) -> BTreeMap<String, Vec<(K, OutgoingMessage)>> {
    let mut groups: BTreeMap<String, Vec<(K, OutgoingMessage)>> = BTreeMap::new();
    for (key, message) in messages {
        groups.entry(message.topic.clone()).or_default().push((key, message));
    }
    groups
}

/// Cuts a topic's messages into calls within the limits. A single message over the limit gets a call of its own, and SNS's refusal.
fn into_calls<K>(messages: Vec<(K, OutgoingMessage)>) -> Vec<Vec<(K, OutgoingMessage)>> {
    let mut calls: Vec<Vec<(K, OutgoingMessage)>> = Vec::new();
    let mut room = 0;
    for (key, message) in messages {
        let size = size_of(&message);
        match calls.last_mut() {
            Some(call) if call.len() < ENTRIES_PER_CALL && size <= room => {
                room -= size;
                call.push((key, message));
            }
            _ => {
                room = BYTES_PER_CALL.saturating_sub(size);
                calls.push(vec![(key, message)]);
            }
        }
    }
    calls
}

/// Bytes that count against the limit: the message and its attributes' names, types and values. The subject is counted to be safe.
fn size_of(message: &OutgoingMessage) -> usize {
    let attributes: usize = message.attributes.iter().map(|a| a.name.len() + kind_name(a.kind).len() + a.value.len()).sum();
    message.body.len() + message.subject.len() + attributes
}

fn entry(index: usize, message: OutgoingMessage) -> Result<PublishBatchRequestEntry, String> {
    let mut entry = PublishBatchRequestEntry::builder().id(index.to_string()).message(message.body);
    if !message.subject.is_empty() {
        entry = entry.subject(message.subject);
    }
    for Attribute { name, kind, value } in message.attributes {
        let value = MessageAttributeValue::builder().data_type(kind_name(kind)).string_value(value).build();
        entry = entry.message_attributes(name, value.map_err(|e| e.to_string())?);
    }
    entry.build().map_err(|e| e.to_string())
}

fn kind_name(kind: AttributeKind) -> &'static str {
    match kind {
        AttributeKind::String => "String",
        AttributeKind::Number => "Number",
    }
}

/// An entry counts as published only when the answer says so by its id.
fn results_of<K: Copy>(topic: &str, keys: &[K], output: &PublishBatchOutput) -> Vec<(K, Result<(), CallError>)> {
    let result = |index: usize| {
        let id = index.to_string();
        if output.successful().iter().any(|entry| entry.id() == Some(&id)) {
            return Ok(());
        }
        match output.failed().iter().find(|entry| entry.id() == id) {
            Some(failed) => Err(CallError {
                action: "PublishBatch",
                subject: topic.to_owned(),
                kind: if failed.sender_fault() { FailureKind::Refused } else { FailureKind::Busy },
                code: Some(failed.code().to_owned()),
                detail: failed.message().unwrap_or(failed.code()).to_owned(),
            }),
            None => Err(refusal(topic, FailureKind::NoAnswer, "the answer does not mention the entry")),
        }
    };
    keys.iter().enumerate().map(|(index, key)| (*key, result(index))).collect()
}

fn refusal(topic: &str, kind: FailureKind, detail: &str) -> CallError {
    CallError { action: "PublishBatch", subject: topic.to_owned(), kind, code: None, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sns::types::{BatchResultErrorEntry, PublishBatchResultEntry};

    fn message(topic: &str, body_bytes: usize) -> OutgoingMessage {
        OutgoingMessage { topic: topic.to_owned(), subject: String::new(), body: "x".repeat(body_bytes), attributes: Vec::new() }
    }

    #[test]
    fn calls_stay_within_ten_entries_and_256_kib() {
        let small: Vec<_> = (0..23).map(|key| (key, message("t", 1))).collect();
        assert_eq!(into_calls(small).iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
        let large: Vec<_> = (0..5).map(|key| (key, message("t", 100 * 1024))).collect();
        assert_eq!(into_calls(large).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        let huge = vec![(0, message("t", 1)), (1, message("t", 300 * 1024)), (2, message("t", 1))];
        assert_eq!(into_calls(huge).iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
    }

    #[test]
    fn each_entry_gets_its_own_result() {
        let output = PublishBatchOutput::builder()
            .successful(PublishBatchResultEntry::builder().id("0").message_id("m").build())
            .failed(BatchResultErrorEntry::builder().id("1").code("InvalidParameter").sender_fault(true).build().unwrap())
            .failed(BatchResultErrorEntry::builder().id("2").code("InternalError").sender_fault(false).build().unwrap())
            .build();
        let kinds: Vec<_> =
            results_of("t", &["a", "b", "c", "d"], &output).into_iter().map(|(key, result)| (key, result.err().map(|e| e.kind))).collect();
        let expected = [("a", None), ("b", Some(FailureKind::Refused)), ("c", Some(FailureKind::Busy)), ("d", Some(FailureKind::NoAnswer))];
        assert_eq!(kinds, expected);
    }
}
