//! SQS as its SDKs spoke it before November 2023: the Query protocol, a form in and XML out. Systems with older SDKs are still about.
//!
//! A form is rewritten as the JSON of the same action, and the answer as XML, so both protocols behave alike.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Map, Value as Json};

use super::{Call, act};
use crate::broker::{refusal::Refusal, sns::Params};

const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";

/// The actions that exist in this protocol.
const ACTIONS: &[&str] = &[
    "SendMessage",
    "SendMessageBatch",
    "ReceiveMessage",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteQueue",
    "GetQueueUrl",
    "ListQueues",
    "GetQueueAttributes",
    "SetQueueAttributes",
    "PurgeQueue",
    "TagQueue",
    "UntagQueue",
    "ListQueueTags",
    "ListDeadLetterSourceQueues",
];

/// Fields that are numbers in JSON; a form knows text only.
const NUMBERS: &[&str] = &["DelaySeconds", "VisibilityTimeout", "WaitTimeSeconds", "MaxNumberOfMessages", "MaxResults"];

/// Lists and maps: how a form names their elements, and where they stand in JSON.
const LISTS: &[(&str, &str)] = &[
    ("AttributeName", "AttributeNames"),
    ("MessageAttributeName", "MessageAttributeNames"),
    ("MessageSystemAttributeName", "MessageSystemAttributeNames"),
    ("TagKey", "TagKeys"),
];
const MAPS: &[(&str, &str, &str)] = &[
    ("Attribute", "Name", "Attributes"),
    ("Tag", "Key", "Tags"),
    ("MessageAttribute", "Name", "MessageAttributes"),
    ("MessageSystemAttribute", "Name", "MessageSystemAttributes"),
];
const ENTRIES: &[&str] = &["SendMessageBatchRequestEntry", "DeleteMessageBatchRequestEntry", "ChangeMessageVisibilityBatchRequestEntry"];

/// Whether the form is one of SQS.
pub(crate) fn is_action(action: &str) -> bool {
    ACTIONS.contains(&action)
}

/// Answers a form. Older SDKs send it to the queue's own address, which counts where the form names no queue.
pub(crate) async fn handle(call: Call<'_>, action: &str, params: &Params, path: &str) -> Response<Full<Bytes>> {
    let mut asked = object_of(params);
    if path != "/" && !asked.contains_key("QueueUrl") {
        asked.insert("QueueUrl".to_owned(), path.into());
    }
    let result = match serde_json::to_vec(&asked) {
        Ok(body) => act(call, action, &body).await,
        Err(error) => Err(Refusal::Malformed(error.to_string())),
    };
    answer(action, result)
}

/// A form, or a part of it, as the JSON object that it stands for.
fn object_of(params: &Params) -> Map<String, Json> {
    let mut object = Map::new();
    for (name, value) in params.plain() {
        let number = value.parse::<i64>().ok().filter(|_| NUMBERS.contains(&name));
        object.insert(name.to_owned(), number.map_or_else(|| value.into(), Json::from));
    }
    for (element, list) in LISTS {
        let values = params.flat(element);
        if !values.is_empty() {
            object.insert((*list).to_owned(), values.iter().filter_map(|value| value.get("").map(Json::from)).collect());
        }
    }
    for (element, key, map) in MAPS {
        let entries = params.flat(element);
        if !entries.is_empty() {
            object.insert((*map).to_owned(), entries.iter().filter_map(|entry| map_entry(entry, key)).collect::<Map<_, _>>().into());
        }
    }
    for element in ENTRIES {
        let entries = params.flat(element);
        if !entries.is_empty() {
            object.insert("Entries".to_owned(), entries.iter().map(|entry| Json::Object(object_of(entry))).collect());
        }
    }
    object
}

/// A key with its value: text, or the parts of a message attribute.
fn map_entry(entry: &Params, key: &str) -> Option<(String, Json)> {
    let value = match entry.get("Value") {
        Some(text) => Json::from(text),
        None => {
            let part = |name: &str| Some((name.to_owned(), Json::from(entry.get(&format!("Value.{name}"))?)));
            Json::Object(["StringValue", "BinaryValue", "DataType"].into_iter().filter_map(part).collect())
        }
    };
    Some((entry.get(key)?.to_owned(), value))
}

fn answer(action: &str, result: Result<Bytes, Refusal>) -> Response<Full<Bytes>> {
    let request_id = uuid::Uuid::new_v4();
    let (status, xml) = match result {
        Ok(body) => {
            let mut content = String::new();
            if let Ok(Json::Object(object)) = serde_json::from_slice(&body) {
                write_object(action, &object, &mut content);
            }
            let result = format!("<{action}Result>{content}</{action}Result>");
            let metadata = format!("<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>");
            (StatusCode::OK, format!("<{action}Response xmlns=\"{NAMESPACE}\">{result}{metadata}</{action}Response>"))
        }
        Err(refusal) => {
            let wire = refusal.wire();
            let fault = if wire.status.is_server_error() { "Receiver" } else { "Sender" };
            let mut error = String::new();
            for (name, text) in [("Type", fault), ("Code", wire.code), ("Message", &refusal.to_string())] {
                write_text(name, text, &mut error);
            }
            let request_id = format!("<RequestId>{request_id}</RequestId>");
            (wire.status, format!("<ErrorResponse xmlns=\"{NAMESPACE}\"><Error>{error}</Error>{request_id}</ErrorResponse>"))
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(xml)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

fn write_object(action: &str, object: &Map<String, Json>, xml: &mut String) {
    for (name, value) in object {
        match (name.as_str(), value) {
            ("Attributes" | "MessageAttributes", Json::Object(map)) => write_map(action, &name[..name.len() - 1], "Name", map, xml),
            ("Tags", Json::Object(map)) => write_map(action, "Tag", "Key", map, xml),
            ("QueueUrls" | "queueUrls", Json::Array(urls)) => urls.iter().for_each(|url| write_value(action, "QueueUrl", url, xml)),
            ("Messages", Json::Array(messages)) => messages.iter().for_each(|message| write_value(action, "Message", message, xml)),
            ("Successful", Json::Array(entries)) => {
                entries.iter().for_each(|entry| write_value(action, &format!("{action}ResultEntry"), entry, xml));
            }
            ("Failed", Json::Array(entries)) => entries.iter().for_each(|entry| write_value(action, "BatchResultErrorEntry", entry, xml)),
            (name, value) => write_value(action, name, value, xml),
        }
    }
}

fn write_map(action: &str, element: &str, key: &str, map: &Map<String, Json>, xml: &mut String) {
    for (name, value) in map {
        xml.push_str(&format!("<{element}>"));
        write_text(key, name, xml);
        write_value(action, "Value", value, xml);
        xml.push_str(&format!("</{element}>"));
    }
}

fn write_value(action: &str, name: &str, value: &Json, xml: &mut String) {
    match value {
        Json::Object(object) => {
            xml.push_str(&format!("<{name}>"));
            write_object(action, object, xml);
            xml.push_str(&format!("</{name}>"));
        }
        Json::String(text) => write_text(name, text, xml),
        other => write_text(name, &other.to_string(), xml),
    }
}

fn write_text(name: &str, text: &str, xml: &mut String) {
    xml.push_str(&format!("<{name}>{}</{name}>", crate::broker::sns::escape(text)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_the_json_of_the_same_action() {
        let form = b"Action=SendMessageBatch&QueueUrl=u&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=7\
            &SendMessageBatchRequestEntry.1.DelaySeconds=5&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n\
            &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=v\
            &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=String&SendMessageBatchRequestEntry.2.Id=b\
            &AttributeName.1=All&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=5&Tag.1.Key=k&Tag.1.Value=v";
        let expected = serde_json::json!({
            "Action": "SendMessageBatch",
            "QueueUrl": "u",
            "Entries": [
                {"Id": "a", "MessageBody": "7", "DelaySeconds": 5, "MessageAttributes": {"n": {"StringValue": "v", "DataType": "String"}}},
                {"Id": "b"},
            ],
            "AttributeNames": ["All"],
            "Attributes": {"VisibilityTimeout": "5"},
            "Tags": {"k": "v"},
        });
        assert_eq!(Json::Object(object_of(&Params::parse(form))), expected);
    }

    #[test]
    fn an_answer_becomes_xml_with_the_names_of_the_older_protocol() {
        let answer = serde_json::json!({
            "Messages": [{"Body": "a<b", "Attributes": {"SentTimestamp": "1"}, "MessageAttributes": {"n": {"StringValue": "v"}}}],
            "Successful": [{"Id": "1"}],
            "Failed": [{"Id": "2", "SenderFault": true}],
        });
        let mut xml = String::new();
        write_object("DeleteMessageBatch", answer.as_object().unwrap(), &mut xml);
        for part in [
            "<Message><Attribute><Name>SentTimestamp</Name><Value>1</Value></Attribute>",
            "<Body>a&lt;b</Body>",
            "<MessageAttribute><Name>n</Name><Value><StringValue>v</StringValue></Value></MessageAttribute>",
            "<DeleteMessageBatchResultEntry><Id>1</Id></DeleteMessageBatchResultEntry>",
            "<BatchResultErrorEntry><Id>2</Id><SenderFault>true</SenderFault></BatchResultErrorEntry>",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
    }
}
