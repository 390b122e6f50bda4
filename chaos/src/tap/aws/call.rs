//! What a request asks of SQS, SNS or SES, and the same for some of its messages only.

use std::collections::BTreeMap;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::request::Parts;
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};

use super::forge::AttributeSum;

const SQS_TARGET: &str = "AmazonSQS.";
const SES_PATH: &str = "/v2/email/outbound-emails";
const SNS_VERSION: &str = "2010-03-31";
const SNS_ENTRIES: &str = "PublishBatchRequestEntries.member.";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Sqs,
    Sns,
    Ses,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Send,
    Receive,
    Delete,
    Extend,
    Other,
}

pub(super) struct Call {
    pub(super) service: Service,
    pub(super) kind: Kind,
    pub(super) action: String,
    /// Queue URL or topic ARN.
    pub(super) resource: Option<String>,
    pub(super) batch: bool,
    pub(super) entries: Vec<Entry>,
    payload: Payload,
}

/// A message, or the receipt of one.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Its id within the batch; empty outside of one.
    pub(super) batch_id: String,
    pub(super) body: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) attribute_sum: Option<String>,
    pub(super) receipt: Option<String>,
}

enum Payload {
    Json(Value),
    Form(Vec<(String, String)>),
    Opaque,
}

impl Call {
    pub(super) fn read(parts: &Parts, body: &Bytes) -> Self {
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        if let Some(action) = target.and_then(|target| target.strip_prefix(SQS_TARGET)) {
            return Self::sqs(action, body);
        }
        if parts.method == Method::POST && parts.uri.path() == SES_PATH {
            let entry = Entry { body: String::from_utf8_lossy(body).into_owned(), ..Entry::default() };
            return Self { entries: vec![entry], ..Self::opaque(Service::Ses, Kind::Send, "SendEmail") };
        }
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            return Self::form(form_urlencoded::parse(body).into_owned().collect());
        }
        Self::opaque(Service::Ses, Kind::Other, "")
    }

    fn opaque(service: Service, kind: Kind, action: &str) -> Self {
        Self { service, kind, action: action.to_owned(), resource: None, batch: false, entries: Vec::new(), payload: Payload::Opaque }
    }

    fn sqs(action: &str, body: &Bytes) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            // The service says best what is wrong with it.
            return Self::opaque(Service::Sqs, Kind::Other, action);
        };
        let (kind, batch) = match action {
            "SendMessage" => (Kind::Send, false),
            "SendMessageBatch" => (Kind::Send, true),
            "ReceiveMessage" => (Kind::Receive, false),
            "DeleteMessage" => (Kind::Delete, false),
            "DeleteMessageBatch" => (Kind::Delete, true),
            "ChangeMessageVisibility" => (Kind::Extend, false),
            "ChangeMessageVisibilityBatch" => (Kind::Extend, true),
            _ => (Kind::Other, false),
        };
        let entries = match (kind, batch) {
            (Kind::Receive | Kind::Other, _) => Vec::new(),
            (_, true) => value["Entries"].as_array().map(|entries| entries.iter().map(sqs_entry).collect()).unwrap_or_default(),
            (_, false) => vec![sqs_entry(&value)],
        };
        let resource = value["QueueUrl"].as_str().map(ToOwned::to_owned);
        Self { service: Service::Sqs, kind, action: action.to_owned(), resource, batch, entries, payload: Payload::Json(value) }
    }

    fn form(pairs: Vec<(String, String)>) -> Self {
        let get = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let action = get("Action").unwrap_or_default();
        let (kind, batch) = match action.as_str() {
            "Publish" => (Kind::Send, false),
            "PublishBatch" => (Kind::Send, true),
            _ => (Kind::Other, false),
        };
        let entries = match (kind, batch) {
            (Kind::Send, true) => grouped(&pairs).values().map(|fields| sns_entry(fields)).collect(),
            (Kind::Send, false) => vec![sns_entry(&pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>())],
            _ => Vec::new(),
        };
        Self { service: Service::Sns, kind, resource: get("TopicArn"), action, batch, entries, payload: Payload::Form(pairs) }
    }

    /// How many messages a receive asks for.
    pub(super) fn most_messages(&self) -> usize {
        match &self.payload {
            Payload::Json(value) => value["MaxNumberOfMessages"].as_u64().map_or(1, |most| usize::try_from(most.clamp(1, 10)).unwrap_or(1)),
            _ => 1,
        }
    }

    /// The body of the same request with only these of its messages.
    pub(super) fn only(&self, kept: &[usize], whole: &Bytes) -> Bytes {
        match &self.payload {
            _ if !self.batch => whole.clone(),
            Payload::Json(value) => {
                let mut value = value.clone();
                let entries: Vec<Value> = kept.iter().filter_map(|index| value["Entries"].get(*index).cloned()).collect();
                value["Entries"] = Value::Array(entries);
                value.to_string().into()
            }
            Payload::Form(pairs) => {
                let mut form = Serializer::new(String::new());
                form.extend_pairs(pairs.iter().filter(|(key, _)| !key.starts_with(SNS_ENTRIES)));
                let groups = grouped(pairs);
                for (number, fields) in kept.iter().filter_map(|index| groups.values().nth(*index)).enumerate() {
                    form.extend_pairs(fields.iter().map(|(rest, value)| (format!("{SNS_ENTRIES}{}.{rest}", number + 1), value)));
                }
                form.finish().into()
            }
            Payload::Opaque => whole.clone(),
        }
    }

    /// A request that sends this text, and nothing else, to the same place.
    pub(super) fn garbage(&self, parts: &Parts, text: &str) -> (Parts, Bytes) {
        let (mut parts, resource) = (parts.clone(), self.resource.as_deref().unwrap_or_default());
        let body = match self.service {
            Service::Sqs => {
                parts.headers.insert("x-amz-target", HeaderValue::from_static("AmazonSQS.SendMessage"));
                json!({"QueueUrl": resource, "MessageBody": text}).to_string()
            }
            Service::Sns => {
                let pairs = [("Action", "Publish"), ("Version", SNS_VERSION), ("TopicArn", resource), ("Message", text)];
                Serializer::new(String::new()).extend_pairs(pairs).finish()
            }
            Service::Ses => text.to_owned(),
        };
        (parts, body.into())
    }
}

fn sqs_entry(value: &Value) -> Entry {
    let text = |key: &str| value[key].as_str().map(ToOwned::to_owned);
    Entry {
        batch_id: text("Id").unwrap_or_default(),
        body: text("MessageBody").unwrap_or_default(),
        attributes: sqs_attributes(&value["MessageAttributes"]),
        attribute_sum: AttributeSum::of_json(&value["MessageAttributes"]),
        receipt: text("ReceiptHandle"),
    }
}

/// Name and text of the attributes of a message.
pub(super) fn sqs_attributes(value: &Value) -> Vec<(String, String)> {
    let named = value.as_object().into_iter().flatten();
    named.filter_map(|(name, value)| Some((name.clone(), value["StringValue"].as_str()?.to_owned()))).collect()
}

/// Name and text of the attributes in the envelope that SNS wraps a message in; none when it is no envelope.
pub(super) fn envelope_attributes(body: &str) -> Vec<(String, String)> {
    let Ok(envelope) = serde_json::from_str::<Value>(body) else { return Vec::new() };
    let named = envelope["MessageAttributes"].as_object().into_iter().flatten();
    named.filter_map(|(name, value)| Some((name.clone(), value["Value"].as_str()?.to_owned()))).collect()
}

/// The fields of each entry of a batch, by its number.
fn grouped(pairs: &[(String, String)]) -> BTreeMap<u32, Vec<(&str, &str)>> {
    let mut groups: BTreeMap<u32, Vec<(&str, &str)>> = BTreeMap::new();
    for (key, value) in pairs {
        let Some((number, rest)) = key.strip_prefix(SNS_ENTRIES).and_then(|rest| rest.split_once('.')) else { continue };
        if let Ok(number) = number.parse() {
            groups.entry(number).or_default().push((rest, value));
        }
    }
    groups
}

fn sns_entry(fields: &[(&str, &str)]) -> Entry {
    let get = |name: &str| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let names = fields.iter().filter_map(|(key, name)| Some((key.strip_prefix("MessageAttributes.entry.")?.strip_suffix(".Name")?, *name)));
    let attributes = names.filter_map(|(number, name)| {
        let value = get(&format!("MessageAttributes.entry.{number}.Value.StringValue"))?;
        Some((name.to_owned(), value))
    });
    let attributes = attributes.collect();
    Entry { batch_id: get("Id").unwrap_or_default(), body: get("Message").unwrap_or_default(), attributes, ..Entry::default() }
}
