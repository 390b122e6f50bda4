//! AWS JSON 1.0: how SQS requests are read and answers written.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value as Json;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::broker::{
    arn,
    attribute::{Attribute, Value},
    queue::Queue,
    refusal::Refusal,
    world::World,
};

/// What every action needs to know about the call.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) world: &'a Arc<World>,
    /// Host and port that the caller used: queue URLs lead back there.
    pub(crate) host: &'a str,
    pub(crate) shutdown: &'a CancellationToken,
    /// What a shutdown waits for: tasks that outlive their call belong here.
    pub(crate) tasks: &'a TaskTracker,
}

impl Call<'_> {
    /// The queue that a queue URL means.
    pub(crate) fn queue(&self, url: &str) -> Result<Arc<Queue>, Refusal> {
        if url.is_empty() {
            return Err(Refusal::MissingParameter("QueueUrl"));
        }
        arn::queue_name_of_url(url).and_then(|name| self.world.queue(name)).ok_or(Refusal::QueueDoesNotExist)
    }

    pub(crate) fn url_of(&self, name: &str) -> String {
        format!("http://{}/{}/{name}", self.host, arn::ACCOUNT)
    }
}

/// Reads an action's parameters; an empty body is an empty object.
pub(crate) fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refusal::Malformed(error.to_string()))
}

/// An answer's body; an answer without content is an empty object.
pub(crate) fn json<T: Serialize>(output: T) -> Bytes {
    serde_json::to_vec(&output).expect("answers consist of texts, numbers and maps with text keys").into()
}

/// The answer to a call.
pub(crate) fn answer(result: Result<Bytes, Refusal>) -> Response<Full<Bytes>> {
    let (status, body, code) = match result {
        Ok(body) => (StatusCode::OK, body, None),
        Err(refusal) => {
            let wire = refusal.wire();
            let body = json(serde_json::json!({"__type": wire.shape, "message": refusal.to_string()}));
            let fault = if wire.status.is_server_error() { "Receiver" } else { "Sender" };
            (wire.status, body, HeaderValue::try_from(format!("{};{fault}", wire.code)).ok())
        }
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    if let Some(code) = code {
        headers.insert("x-amzn-query-error", code);
    }
    if let Ok(id) = HeaderValue::try_from(uuid::Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// An answer that says nothing.
#[derive(Debug, Serialize)]
pub(crate) struct Nothing {}

/// A message attribute on the wire.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct WireAttribute {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    data_type: String,
    #[serde(skip_serializing)]
    string_list_values: Vec<Json>,
    #[serde(skip_serializing)]
    binary_list_values: Vec<Json>,
}

impl WireAttribute {
    pub(crate) fn read(self, name: String) -> Result<Attribute, Refusal> {
        if !self.string_list_values.is_empty() || !self.binary_list_values.is_empty() {
            return Err(Refusal::InvalidParameterValue("Message attribute list values in SendMessage operation are not supported.".into()));
        }
        let value = match (self.string_value, self.binary_value) {
            (Some(text), None) => Value::Text(text),
            (None, Some(coded)) => {
                let bytes = BASE64_STANDARD
                    .decode(&coded)
                    .map_err(|error| Refusal::Malformed(format!("BinaryValue of message attribute '{name}' is not base64: {error}")))?;
                Value::Binary(bytes)
            }
            (None, None) => {
                return Err(Refusal::InvalidParameterValue(format!(
                    "The message (user) attribute '{name}' must contain a non-empty value of type '{}'.",
                    self.data_type
                )));
            }
            (Some(_), Some(_)) => {
                return Err(Refusal::InvalidParameterValue(format!(
                    "The message (user) attribute '{name}' must use either StringValue or BinaryValue."
                )));
            }
        };
        Ok(Attribute { name, data_type: self.data_type, value })
    }

    pub(crate) fn show(attribute: &Attribute) -> Self {
        let (string_value, binary_value) = match &attribute.value {
            Value::Text(text) => (Some(text.clone()), None),
            Value::Binary(bytes) => (None, Some(BASE64_STANDARD.encode(bytes))),
        };
        Self { string_value, binary_value, data_type: attribute.data_type.clone(), ..Self::default() }
    }
}
