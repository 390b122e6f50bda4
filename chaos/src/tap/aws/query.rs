//! SQS as its SDKs spoke it before November 2023: a form in, XML out. Systems with older SDKs are still about.
//!
//! A form is read as the JSON of the same action, and what the tap answers by itself is written as XML, so faults are the same in both
//! protocols. What is forwarded stays a form, and what came from the service stays as the service wrote it.

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::tap::http::Answer;

const VERSION: &str = "2012-11-05";
const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";
const XML: &str = "text/xml";
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";
const ATTRIBUTE: &str = "MessageAttribute.";

type Pairs = [(String, String)];

/// A message of a receive's answer: what it says, and (in the older protocol) how it stands there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Delivered {
    pub(super) facts: Value,
    pub(super) text: String,
}

/// Whether a form is one of SQS. What comes without a version is told by its action; SNS has none of these.
pub(super) fn is_sqs(pairs: &Pairs) -> bool {
    let get = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let action = get("Action").unwrap_or_default();
    get("Version") == Some(VERSION)
        || action.ends_with("Message")
        || action.contains("MessageBatch")
        || action.contains("MessageVisibility")
}

/// The form as the JSON of the same action. Older SDKs send it to the queue's own address, which counts where the form names no queue.
pub(super) fn read(action: &str, path: &str, pairs: &Pairs) -> Value {
    let mut value = object_of(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    if path != "/" && value["QueueUrl"].is_null() {
        value["QueueUrl"] = path.into();
    }
    let groups = super::call::grouped(pairs, &entries_of(action));
    if !groups.is_empty() {
        value["Entries"] = groups.values().map(|fields| object_of(fields.iter().copied())).collect();
    }
    value
}

/// How the fields of the entries of a batch begin.
pub(super) fn entries_of(action: &str) -> String {
    format!("{action}RequestEntry.")
}

/// A form that sends this text, and nothing else, to that queue.
pub(super) fn send(queue: &str, text: &str) -> String {
    let pairs = [("Action", "SendMessage"), ("Version", VERSION), ("QueueUrl", queue), ("MessageBody", text)];
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn object_of<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)> + Clone) -> Value {
    let mut object = Map::new();
    for (key, value) in pairs.clone().filter(|(key, _)| !key.contains('.')) {
        // The only number that anybody reads here.
        let number = value.parse::<u64>().ok().filter(|_| key == "MaxNumberOfMessages");
        object.insert(key.to_owned(), number.map_or_else(|| value.into(), Value::from));
    }
    let mut attributes = Map::new();
    for (key, name) in pairs.clone() {
        let Some(number) = key.strip_prefix(ATTRIBUTE).and_then(|rest| rest.strip_suffix(".Name")) else { continue };
        let prefix = format!("{ATTRIBUTE}{number}.Value.");
        let parts = pairs.clone().filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), Value::from(value))));
        attributes.insert(name.to_owned(), Value::Object(parts.collect()));
    }
    if !attributes.is_empty() {
        object.insert("MessageAttributes".to_owned(), Value::Object(attributes));
    }
    Value::Object(object)
}

/// The answer to an action, given as JSON.
pub(super) fn answer(action: &str, answer: &Value) -> Answer {
    let result = format!("<{action}Result>{}</{action}Result>", written(action, answer));
    let metadata = format!("<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>");
    let xml = format!("<?xml version=\"1.0\"?><{action}Response xmlns=\"{NAMESPACE}\">{result}{metadata}</{action}Response>");
    Answer::made_up(StatusCode::OK, XML, xml)
}

/// The answer to a receive, made of messages as they stood in an earlier one.
pub(super) fn received(messages: &[String]) -> Answer {
    let empty = answer("ReceiveMessage", &json!({}));
    let xml = String::from_utf8_lossy(&empty.body).replacen(
        "</ReceiveMessageResult>",
        &format!("{}</ReceiveMessageResult>", messages.concat()),
        1,
    );
    Answer::made_up(StatusCode::OK, XML, xml)
}

/// A refusal, by the code that older SDKs match.
pub(super) fn refusal(code: &str, message: &str) -> Answer {
    let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error>", escaped(message));
    let xml =
        format!("<?xml version=\"1.0\"?><ErrorResponse xmlns=\"{NAMESPACE}\">{error}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>");
    Answer::made_up(StatusCode::BAD_REQUEST, XML, xml)
}

/// The service's answer about the rest of a batch, with these added, given as JSON (`Successful`, `Failed`).
pub(super) fn merged(action: &str, body: &Bytes, added: &Value) -> Option<Bytes> {
    let (text, added) = (std::str::from_utf8(body).ok()?, written(action, added));
    let (open, end, empty) = (format!("<{action}Result>"), format!("</{action}Result>"), format!("<{action}Result/>"));
    if text.contains(&empty) {
        return Some(text.replacen(&empty, &format!("{open}{added}{end}"), 1).into());
    }
    text.contains(&end).then(|| text.replacen(&end, &format!("{added}{end}"), 1).into())
}

fn written(action: &str, value: &Value) -> String {
    let Some(object) = value.as_object() else { return String::new() };
    let mut xml = String::new();
    for (name, value) in object {
        let element = match name.as_str() {
            "Successful" => format!("{action}ResultEntry"),
            "Failed" => "BatchResultErrorEntry".to_owned(),
            name => name.to_owned(),
        };
        for item in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            let content = match item {
                Value::Object(_) => written(action, item),
                Value::String(text) => escaped(text),
                other => other.to_string(),
            };
            xml.push_str(&format!("<{element}>{content}</{element}>"));
        }
    }
    xml
}

/// The messages of a receive's answer.
pub(super) fn messages(xml: &str) -> Vec<Delivered> {
    elements(xml, "Message").map(|text| Delivered { facts: facts(text), text: text.to_owned() }).collect()
}

/// The entries that a batch's answer calls successful, by their ids.
pub(super) fn successful(action: &str, xml: &str) -> Vec<String> {
    elements(xml, &format!("{action}ResultEntry")).filter_map(|entry| inside(entry, "Id").map(unescaped)).collect()
}

/// The same answer with these messages instead of its own.
pub(super) fn with_messages(xml: &str, kept: &[String]) -> String {
    let (Some(begin), Some(end)) = (xml.find("<Message>"), xml.rfind("</Message>")) else { return xml.to_owned() };
    format!("{}{}{}", &xml[..begin], kept.concat(), &xml[end + "</Message>".len()..])
}

fn facts(message: &str) -> Value {
    let text = |element: &str| inside(message, element).map(unescaped);
    let attributes: Map<String, Value> = elements(message, "MessageAttribute")
        .filter_map(|attribute| {
            let value = inside(attribute, "StringValue").map(unescaped);
            Some((unescaped(inside(attribute, "Name")?), json!({ "StringValue": value })))
        })
        .collect();
    json!({ "Body": text("Body"), "ReceiptHandle": text("ReceiptHandle"), "MessageAttributes": attributes })
}

/// Every element of that name, its tags included. An element of SQS never holds one of its own name.
fn elements<'x>(xml: &'x str, name: &str) -> impl Iterator<Item = &'x str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let begin = rest.find(&open)?;
        let end = begin + rest[begin..].find(&close)? + close.len();
        let element = &rest[begin..end];
        rest = &rest[end..];
        Some(element)
    })
}

fn inside<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let rest = xml.split_once(&format!("<{name}>"))?.1;
    rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let Some((entity, after)) = after.split_once(';') else { return plain + rest };
        match entity {
            "amp" => plain.push('&'),
            "lt" => plain.push('<'),
            "gt" => plain.push('>'),
            "quot" => plain.push('"'),
            "apos" => plain.push('\''),
            other => plain.extend(character(other)),
        }
        rest = after;
    }
    plain + rest
}

/// The character of "#13" or "#xD".
fn character(entity: &str) -> Option<char> {
    let number = entity.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_the_json_of_the_same_action() {
        let form = "Action=SendMessageBatch&SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.MessageBody=7\
            &SendMessageBatchRequestEntry.2.MessageAttribute.1.Name=n&SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.DataType=String\
            &SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.StringValue=v&SendMessageBatchRequestEntry.1.Id=a";
        let pairs: Vec<(String, String)> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        let attributes = json!({"n": {"DataType": "String", "StringValue": "v"}});
        let entries = json!([{"Id": "a"}, {"Id": "b", "MessageBody": "7", "MessageAttributes": attributes}]);
        assert_eq!(
            read("SendMessageBatch", "/1/orders", &pairs),
            json!({"Action": "SendMessageBatch", "QueueUrl": "/1/orders", "Entries": entries})
        );
    }

    #[test]
    fn messages_are_found_in_an_answer_and_put_back() {
        let one = "<Message><MessageId>m</MessageId><ReceiptHandle>r</ReceiptHandle><Body>a &lt;&amp;&#x20;b</Body>\
            <MessageAttribute><Name>n</Name><Value><StringValue>v</StringValue></Value></MessageAttribute></Message>";
        let xml = format!("<R><ReceiveMessageResult>{one}<Message><Body>2</Body></Message></ReceiveMessageResult></R>");
        let found = messages(&xml);
        assert_eq!((found.len(), found[0].text.as_str()), (2, one));
        assert_eq!(found[0].facts, json!({"Body": "a <& b", "ReceiptHandle": "r", "MessageAttributes": {"n": {"StringValue": "v"}}}));
        assert_eq!(with_messages(&xml, &[one.to_owned()]), format!("<R><ReceiveMessageResult>{one}</ReceiveMessageResult></R>"));
    }

    #[test]
    fn what_is_added_to_a_batch_stands_beside_what_the_service_said() {
        let body = Bytes::from_static(b"<X><SendMessageBatchResult><SendMessageBatchResultEntry/></SendMessageBatchResult></X>");
        let added = json!({"Successful": [{"Id": "a<"}], "Failed": [{"Id": "b", "SenderFault": true}]});
        let merged = merged("SendMessageBatch", &body, &added).unwrap();
        let expected = "<X><SendMessageBatchResult><SendMessageBatchResultEntry/>\
            <BatchResultErrorEntry><Id>b</Id><SenderFault>true</SenderFault></BatchResultErrorEntry>\
            <SendMessageBatchResultEntry><Id>a&lt;</Id></SendMessageBatchResultEntry></SendMessageBatchResult></X>";
        assert_eq!(merged, expected);
    }
}
