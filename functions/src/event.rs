//! What Lambda hands to a function that consumes a queue, and what it wants back (`ReportBatchItemFailures`).
//!
//! Only what the pipeline reads; field names are those of AWS's documentation ("Using Lambda with Amazon SQS").

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use reference::messaging::receive::Received;
use serde::{Deserialize, Serialize};

/// A batch of messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqsEvent {
    /// The messages.
    #[serde(rename = "Records", default)]
    pub records: Vec<SqsRecord>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsRecord {
    /// SQS's id of it; a failure is reported by this.
    pub message_id: String,
    /// Acknowledges this receive.
    pub receipt_handle: String,
    /// The body.
    pub body: String,
    /// SQS's own attributes, numbers as text.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The sender's attributes; empty where SNS put them into an envelope.
    #[serde(default)]
    pub message_attributes: BTreeMap<String, MessageAttribute>,
}

/// An attribute that the sender gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageAttribute {
    /// Its value, when it is a text or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// "String", "Number".
    pub data_type: String,
}

/// Which messages of a batch failed. The others are deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// Those that failed; empty when all went well.
    #[serde(default)]
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// One message that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// SQS's id of it.
    pub item_identifier: String,
}

impl From<SqsRecord> for Received {
    fn from(record: SqsRecord) -> Self {
        let number = |name: &str| record.attributes.get(name).and_then(|value| value.parse::<u64>().ok());
        let attributes = record.message_attributes.into_iter().filter_map(|(name, value)| Some((name, value.string_value?)));
        Self {
            receive_count: number("ApproximateReceiveCount").and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
            sent_at: number("SentTimestamp").and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms))),
            receipt_handle: record.receipt_handle,
            message_id: record.message_id,
            body: record.body,
            attributes: attributes.collect(),
        }
    }
}

impl From<Received> for SqsRecord {
    fn from(message: Received) -> Self {
        let sent = message.sent_at.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_millis().to_string());
        let count = ("ApproximateReceiveCount".to_owned(), message.receive_count.to_string());
        let attribute = |(name, value)| (name, MessageAttribute { string_value: Some(value), data_type: "String".to_owned() });
        Self {
            message_id: message.message_id,
            receipt_handle: message.receipt_handle,
            body: message.body,
            attributes: sent.map(|sent| ("SentTimestamp".to_owned(), sent)).into_iter().chain([count]).collect(),
            message_attributes: message.attributes.into_iter().map(attribute).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as AWS's documentation shows it, shortened.
    const RECORD: &str = r#"{ "Records": [ {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
        "body": "Test message.",
        "attributes": { "ApproximateReceiveCount": "3", "SentTimestamp": "1545082649183", "SenderId": "AIDAIENQZJOLO23YVJ4VO" },
        "messageAttributes": { "myAttribute": { "stringValue": "myValue", "stringListValues": [], "binaryListValues": [], "dataType": "String" } },
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue", "awsRegion": "us-east-2"
    } ] }"#;

    #[test]
    fn a_record_of_the_documentation_is_a_received_message() {
        let event: SqsEvent = serde_json::from_str(RECORD).unwrap();
        let message = Received::from(event.records[0].clone());
        assert_eq!((message.receive_count, message.body.as_str()), (3, "Test message."));
        assert_eq!(message.sent_at, Some(UNIX_EPOCH + Duration::from_millis(1_545_082_649_183)));
        assert_eq!(message.attributes["myAttribute"], "myValue");
        let again = Received::from(SqsRecord::from(message.clone()));
        assert_eq!(again, message);
    }

    #[test]
    fn an_answer_names_what_failed_in_the_words_that_lambda_reads() {
        let failure = BatchItemFailure { item_identifier: "m-1".to_owned() };
        let answer = BatchAnswer { batch_item_failures: vec![failure] };
        assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"batchItemFailures":[{"itemIdentifier":"m-1"}]}"#);
    }
}
