//! Answers that the service never gave, in the shape that its SDKs expect.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

use super::call::{Call, Entry, Kind, Service};
use super::query;
use crate::tap::http::Answer;

const JSON: &str = "application/x-amz-json-1.0";
const XML: &str = "text/xml";
const SNS_NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// What the client is told about a message that was not forwarded with the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It is sent, under this id.
    Sent { message_id: String },
    /// It is done.
    Done,
    /// The receipt handle is of no use any more.
    Expired,
}

/// "Too many requests", as each service says it.
pub(super) fn throttled(call: &Call) -> Answer {
    match call.service {
        Service::Sqs if call.is_sqs_form() => query::refusal("RequestThrottled", "Rate exceeded"),
        Service::Sqs => refusal("com.amazonaws.sqs#RequestThrottled", "RequestThrottled", "Rate exceeded"),
        Service::Sns => {
            let error = "<Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>";
            let xml = format!("<ErrorResponse xmlns=\"{SNS_NAMESPACE}\">{error}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>");
            Answer::made_up(StatusCode::BAD_REQUEST, XML, xml)
        }
        Service::Ses => {
            let answer = Answer::made_up(StatusCode::TOO_MANY_REQUESTS, "application/json", "{\"message\":\"Rate exceeded\"}");
            answer.header("x-amzn-errortype", "TooManyRequestsException")
        }
    }
}

/// An answer about these entries alone.
pub(super) fn answer(call: &Call, told: &[(usize, Told)]) -> Answer {
    if call.batch {
        let empty = match call.service {
            Service::Sqs if call.is_sqs_form() => query::answer(&call.action, &json!({})),
            Service::Sns => Answer::made_up(StatusCode::OK, XML, empty_publish_batch()),
            Service::Sqs | Service::Ses => Answer::made_up(StatusCode::OK, JSON, "{\"Successful\":[],\"Failed\":[]}"),
        };
        return merged(call, empty, told);
    }
    let (entry, told) = match (call.entries.first(), told.first()) {
        (Some(entry), Some((_, told))) => (entry, told),
        _ => return Answer::made_up(StatusCode::OK, JSON, "{}"),
    };
    match (told, call.service) {
        (Told::Expired, _) if call.is_sqs_form() => {
            let (_, code, message) = expired(call.kind);
            query::refusal(code, message)
        }
        (Told::Done, _) if call.is_sqs_form() => query::answer(&call.action, &json!({})),
        (Told::Sent { message_id }, Service::Sqs) if call.is_sqs_form() => {
            query::answer(&call.action, &Value::Object(sent(entry, message_id)))
        }
        (Told::Expired, _) => {
            let (shape, code, message) = expired(call.kind);
            refusal(&format!("com.amazonaws.sqs#{shape}"), code, message)
        }
        (Told::Done, _) => Answer::made_up(StatusCode::OK, JSON, "{}"),
        (Told::Sent { message_id }, Service::Sqs) => {
            Answer::made_up(StatusCode::OK, JSON, Value::Object(sent(entry, message_id)).to_string())
        }
        (Told::Sent { message_id }, Service::Sns) => {
            let result = format!("<PublishResult><MessageId>{message_id}</MessageId>{}</PublishResult>", numbered(entry, message_id));
            Answer::made_up(StatusCode::OK, XML, publish_response("PublishResponse", &result))
        }
        (Told::Sent { message_id }, Service::Ses) => {
            Answer::made_up(StatusCode::OK, "application/json", json!({ "MessageId": message_id }).to_string())
        }
    }
}

/// The service's answer about the rest of a batch, with these entries added. An answer that is no success stays as it is: the client
/// then takes all of the batch as failed, which is always allowed.
pub(super) fn merged(call: &Call, mut answer: Answer, told: &[(usize, Told)]) -> Answer {
    if told.is_empty() || !answer.status.is_success() {
        return answer;
    }
    let body = match call.service {
        Service::Sns => merged_xml(call, &answer.body, told),
        Service::Sqs if call.is_sqs_form() => {
            added(call, json!({}), told).and_then(|added| query::merged(&call.action, &answer.body, &added))
        }
        Service::Sqs | Service::Ses => merged_json(call, &answer.body, told),
    };
    if let Some(body) = body {
        answer.set_body(body);
    }
    answer
}

/// Whether an answer says that everything in it was done.
pub(super) fn is_success(answer: &Answer) -> bool {
    let nothing_failed = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(value) => value["Failed"].as_array().is_none_or(Vec::is_empty),
        Err(_) => {
            let text = String::from_utf8_lossy(&answer.body);
            !text.contains("<Failed><member>") && !text.contains("<BatchResultErrorEntry>")
        }
    };
    answer.status.is_success() && nothing_failed
}

fn merged_json(call: &Call, body: &Bytes, told: &[(usize, Told)]) -> Option<Bytes> {
    added(call, serde_json::from_slice(body).ok()?, told).map(|value| value.to_string().into())
}

/// The lists of a batch's answer with these entries added; None for what is no answer of a batch.
fn added(call: &Call, value: Value, told: &[(usize, Told)]) -> Option<Value> {
    let Value::Object(mut lists) = value else { return None };
    for (index, told) in told {
        let entry = call.entries.get(*index)?;
        let (list, item) = match told {
            Told::Sent { message_id } => ("Successful", with_id(entry, sent(entry, message_id))),
            Told::Done => ("Successful", with_id(entry, Map::new())),
            Told::Expired => {
                let (_, code, message) = expired(call.kind);
                ("Failed", json!({"Id": entry.batch_id, "SenderFault": true, "Code": code, "Message": message}))
            }
        };
        match lists.get_mut(list).and_then(Value::as_array_mut) {
            Some(items) => items.push(item),
            None => drop(lists.insert(list.to_owned(), json!([item]))),
        }
    }
    Some(Value::Object(lists))
}

fn merged_xml(call: &Call, body: &Bytes, told: &[(usize, Told)]) -> Option<Bytes> {
    let mut members = String::new();
    for (index, told) in told {
        if let (Some(entry), Told::Sent { message_id }) = (call.entries.get(*index), told) {
            let id = entry.batch_id.replace('&', "&amp;").replace('<', "&lt;");
            let number = numbered(entry, message_id);
            members.push_str(&format!("<member><Id>{id}</Id><MessageId>{message_id}</MessageId>{number}</member>"));
        }
    }
    let text = std::str::from_utf8(body).ok()?;
    let merged = if text.contains("<Successful>") {
        text.replacen("<Successful>", &format!("<Successful>{members}"), 1)
    } else if text.contains("<Successful/>") {
        text.replacen("<Successful/>", &format!("<Successful>{members}</Successful>"), 1)
    } else {
        text.replacen("<PublishBatchResult>", &format!("<PublishBatchResult><Successful>{members}</Successful>"), 1)
    };
    Some(merged.into())
}

fn with_id(entry: &Entry, mut item: Map<String, Value>) -> Value {
    item.insert("Id".to_owned(), Value::String(entry.batch_id.clone()));
    Value::Object(item)
}

fn sent(entry: &Entry, message_id: &str) -> Map<String, Value> {
    let mut item = Map::new();
    item.insert("MessageId".to_owned(), message_id.into());
    item.insert("MD5OfMessageBody".to_owned(), hex(&Md5::digest(entry.body.as_bytes())).into());
    if let Some(sum) = &entry.attribute_sum {
        item.insert("MD5OfMessageAttributes".to_owned(), sum.as_str().into());
    }
    if entry.fifo {
        item.insert("SequenceNumber".to_owned(), sequence_number(message_id).into());
    }
    item
}

fn numbered(entry: &Entry, message_id: &str) -> String {
    if entry.fifo { format!("<SequenceNumber>{}</SequenceNumber>", sequence_number(message_id)) } else { String::new() }
}

/// The number that a FIFO queue or topic would have given: 20 digits, which nobody may take for more than an id of its own.
fn sequence_number(message_id: &str) -> String {
    format!("{:020}", crate::decision::fingerprint(&[message_id]))
}

/// Shape, code of the older protocol, and text.
fn expired(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::Extend => ("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", "The message referred to is not in flight."),
        _ => ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "The input receipt handle is invalid: the receipt handle has expired"),
    }
}

fn refusal(shape: &str, code: &str, message: &str) -> Answer {
    let body = json!({"__type": shape, "message": message}).to_string();
    Answer::made_up(StatusCode::BAD_REQUEST, JSON, body).header("x-amzn-query-error", &format!("{code};Sender"))
}

fn empty_publish_batch() -> String {
    publish_response("PublishBatchResponse", "<PublishBatchResult><Successful/><Failed/></PublishBatchResult>")
}

fn publish_response(name: &str, result: &str) -> String {
    let metadata = format!("<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>");
    format!("<{name} xmlns=\"{SNS_NAMESPACE}\">{result}{metadata}</{name}>")
}

/// The checksum by which SDKs check the attributes of what they sent: sorted by name, each as length-prefixed name, length-prefixed
/// type, one byte for the transport and the length-prefixed value (SQS developer guide, "Calculating the MD5 message digest").
pub(super) struct AttributeSum(Md5);

impl AttributeSum {
    /// Of the attributes in AWS JSON; None when there are none.
    pub(super) fn of_json(attributes: &Value) -> Option<String> {
        let attributes = attributes.as_object().filter(|attributes| !attributes.is_empty())?;
        let mut sorted: Vec<(&String, &Value)> = attributes.iter().collect();
        sorted.sort_by_key(|(name, _)| name.as_bytes());
        let mut sum = Self(Md5::new());
        for (name, value) in sorted {
            sum.part(name.as_bytes());
            sum.part(value["DataType"].as_str()?.as_bytes());
            match value["StringValue"].as_str() {
                Some(text) => {
                    sum.0.update([1]);
                    sum.part(text.as_bytes());
                }
                None => {
                    sum.0.update([2]);
                    sum.part(&STANDARD.decode(value["BinaryValue"].as_str()?).ok()?);
                }
            }
        }
        Some(hex(&sum.0.finalize()))
    }

    fn part(&mut self, bytes: &[u8]) {
        // A body is limited far below 4 GiB.
        self.0.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.update(bytes);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
