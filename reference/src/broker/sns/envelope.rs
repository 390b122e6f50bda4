//! The envelope in which a queue gets a notification, unless its subscription asks for raw delivery.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;

use super::{delivery::Notification, topic::Subscription};
use crate::broker::{attribute::Value, queue::message::sequence_number_text};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<String>,
    topic_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    message: &'a str,
    timestamp: String,
    signature_version: &'static str,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    #[serde(rename = "UnsubscribeURL")]
    unsubscribe_url: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<&'a str, EnvelopeAttribute<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EnvelopeAttribute<'a> {
    #[serde(rename = "Type")]
    data_type: &'a str,
    value: String,
}

/// The envelope as text. `host` is where unsubscribing leads. Only AWS can sign as AWS; the signature says that it is none.
pub(super) fn wrap(notification: &Notification<'_>, subscription: &Subscription, host: &str) -> String {
    let publication = &notification.publication;
    let attribute = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        Value::Binary(bytes) => BASE64_STANDARD.encode(bytes),
    };
    let envelope = Envelope {
        kind: "Notification",
        message_id: notification.message_id.to_string(),
        sequence_number: notification.sequence.map(sequence_number_text),
        topic_arn: notification.topic_arn,
        subject: publication.subject.as_deref(),
        message: &publication.message,
        timestamp: notification.published_at.iso8601(),
        signature_version: "1",
        signature: BASE64_STANDARD.encode("not signed: this is a local broker"),
        signing_cert_url: format!("http://{host}/SimpleNotificationService-unsigned.pem"),
        unsubscribe_url: format!("http://{host}/?Action=Unsubscribe&SubscriptionArn={}", subscription.arn),
        message_attributes: publication
            .attributes
            .iter()
            .map(|one| (one.name.as_str(), EnvelopeAttribute { data_type: &one.data_type, value: attribute(&one.value) }))
            .collect(),
    };
    serde_json::to_string(&envelope).expect("an envelope consists of texts")
}
