//! What a request asks of SQS, SNS or SES, and the same for some of its messages only.

use std::collections::BTreeMap;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::request::Parts;
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};

use super::forge::AttributeSum;
use super::query;

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
    /// How many messages a receive asks for.
    pub(super) most_messages: usize,
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
    /// It goes into a FIFO queue or topic, which numbers what it takes.
    pub(super) fifo: bool,
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
            return match serde_json::from_slice::<Value>(body) {
                Ok(value) => Self::sqs(action, &value, Payload::Json(value.clone())),
                // The service says best what is wrong with it.
                Err(_) => Self::opaque(Service::Sqs, Kind::Other, action),
            };
        }
        if parts.method == Method::POST && parts.uri.path() == SES_PATH {
            let entry = Entry { body: String::from_utf8_lossy(body).into_owned(), ..Entry::default() };
            return Self { entries: vec![entry], ..Self::opaque(Service::Ses, Kind::Send, "SendEmail") };
        }
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
            if !query::is_sqs(&pairs) {
                return Self::sns(pairs);
            }
            let action = pairs.iter().find(|(key, _)| key == "Action").map(|(_, action)| action.clone()).unwrap_or_default();
            return Self::sqs(&action, &query::read(&action, parts.uri.path(), &pairs), Payload::Form(pairs));
        }
        Self::opaque(Service::Ses, Kind::Other, "")
    }

    fn opaque(service: Service, kind: Kind, action: &str) -> Self {
        Self {
            service,
            kind,
            action: action.to_owned(),
            resource: None,
            batch: false,
            entries: Vec::new(),
            most_messages: 0,
            payload: Payload::Opaque,
        }
    }

    /// A call of SQS, in whichever protocol it came.
    fn sqs(action: &str, value: &Value, payload: Payload) -> Self {
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
            (_, false) => vec![sqs_entry(value)],
        };
        let most_messages = value["MaxNumberOfMessages"].as_u64().map_or(1, |most| usize::try_from(most.clamp(1, 10)).unwrap_or(1));
        let resource = value["QueueUrl"].as_str().map(ToOwned::to_owned);
        Self { service: Service::Sqs, kind, action: action.to_owned(), resource, batch, entries, most_messages, payload }
    }

    fn sns(pairs: Vec<(String, String)>) -> Self {
        let get = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let action = get("Action").unwrap_or_default();
        let (kind, batch) = match action.as_str() {
            "Publish" => (Kind::Send, false),
            "PublishBatch" => (Kind::Send, true),
            _ => (Kind::Other, false),
        };
        let entries = match (kind, batch) {
            (Kind::Send, true) => grouped(&pairs, SNS_ENTRIES).values().map(|fields| sns_entry(fields)).collect(),
            (Kind::Send, false) => vec![sns_entry(&pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>())],
            _ => Vec::new(),
        };
        let resource = get("TopicArn");
        Self { service: Service::Sns, kind, resource, action, batch, entries, most_messages: 0, payload: Payload::Form(pairs) }
    }

    /// Whether it is a call of SQS in the older protocol.
    pub(super) fn is_sqs_form(&self) -> bool {
        self.service == Service::Sqs && matches!(self.payload, Payload::Form(_))
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
                let prefix = if self.service == Service::Sns { SNS_ENTRIES.to_owned() } else { query::entries_of(&self.action) };
                let mut form = Serializer::new(String::new());
                form.extend_pairs(pairs.iter().filter(|(key, _)| !key.starts_with(&prefix)));
                let groups = grouped(pairs, &prefix);
                for (number, fields) in kept.iter().filter_map(|index| groups.values().nth(*index)).enumerate() {
                    form.extend_pairs(fields.iter().map(|(rest, value)| (format!("{prefix}{}.{rest}", number + 1), value)));
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
            Service::Sqs if self.is_sqs_form() => query::send(resource, text),
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
        fifo: value["MessageGroupId"].is_string(),
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
pub(super) fn grouped<'p>(pairs: &'p [(String, String)], prefix: &str) -> BTreeMap<u32, Vec<(&'p str, &'p str)>> {
    let mut groups: BTreeMap<u32, Vec<(&str, &str)>> = BTreeMap::new();
    for (key, value) in pairs {
        let Some((number, rest)) = key.strip_prefix(prefix).and_then(|rest| rest.split_once('.')) else { continue };
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
    let fifo = get("MessageGroupId").is_some();
    Entry { batch_id: get("Id").unwrap_or_default(), body: get("Message").unwrap_or_default(), attributes, fifo, ..Entry::default() }
}
