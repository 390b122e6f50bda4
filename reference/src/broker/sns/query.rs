//! The Query protocol: reading forms, writing XML.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::broker::{
    attribute::{Attribute, Value},
    refusal::Refusal,
};

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// The parameters of a form, by name.
#[derive(Debug, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

/// A refused SNS request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// What SDKs match.
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// XML being written.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Params {
    pub(crate) fn parse(form: &[u8]) -> Self {
        Self(form_urlencoded::parse(form).into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter that must be there and not be empty.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Problem::invalid(format!("{name} Reason: no value for required parameter")))
    }

    /// `<list>.member.1`, `<list>.member.2`, …
    pub(crate) fn members(&self, list: &str) -> Vec<String> {
        self.numbered(list, "member").into_iter().filter_map(|at| self.0.get(&at).cloned()).collect()
    }

    /// `<map>.entry.N.key` with `<map>.entry.N.value`.
    pub(crate) fn entries(&self, map: &str) -> BTreeMap<String, String> {
        let pair =
            |at: String| Some((self.0.get(&format!("{at}.key"))?.clone(), self.0.get(&format!("{at}.value")).cloned().unwrap_or_default()));
        self.numbered(map, "entry").into_iter().filter_map(pair).collect()
    }

    /// `<list>.member.N.Key` with `<list>.member.N.Value`.
    pub(crate) fn tags(&self, list: &str) -> BTreeMap<String, String> {
        let pair =
            |at: String| Some((self.0.get(&format!("{at}.Key"))?.clone(), self.0.get(&format!("{at}.Value")).cloned().unwrap_or_default()));
        self.numbered(list, "member").into_iter().filter_map(pair).collect()
    }

    /// The parameters of each `<list>.member.N.`, without that prefix.
    pub(crate) fn structures(&self, list: &str) -> Vec<Self> {
        let inner = |at: String| {
            let prefix = format!("{at}.");
            let below = self.0.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
            Self(below.map(|(name, value)| (name[prefix.len()..].to_owned(), value.clone())).collect())
        };
        self.numbered(list, "member").into_iter().map(inner).collect()
    }

    /// `MessageAttributes.entry.N.Name` with `….Value.DataType` and its value.
    pub(crate) fn message_attributes(&self) -> Result<Vec<Attribute>, Problem> {
        self.numbered("MessageAttributes", "entry").iter().map(|at| self.message_attribute(at)).collect()
    }

    fn message_attribute(&self, at: &str) -> Result<Attribute, Problem> {
        let part = |name: &str| self.get(&format!("{at}.{name}"));
        let name = part("Name").unwrap_or_default().to_owned();
        let data_type = part("Value.DataType").unwrap_or_default().to_owned();
        let value = match (part("Value.StringValue"), part("Value.BinaryValue")) {
            (Some(text), _) => Value::Text(text.to_owned()),
            (None, Some(coded)) => Value::Binary(BASE64_STANDARD.decode(coded).map_err(|error| {
                Problem::invalid_value(format!("The BinaryValue of message attribute '{name}' is not base64: {error}"))
            })?),
            (None, None) => {
                return Err(Problem::invalid_value(format!(
                    "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{data_type}'."
                )));
            }
        };
        Ok(Attribute { name, data_type, value })
    }

    /// The parameters whose names have no parts.
    pub(crate) fn plain(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(name, _)| !name.contains('.')).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `<element>.1`, `<element>.2`, …, as the Query protocol of SQS writes lists: what stands below each, and its own value under an
    /// empty name.
    pub(crate) fn flat(&self, element: &str) -> Vec<Self> {
        let below = |at: String| {
            let parts = self.0.range(at.clone()..).take_while(|(name, _)| name.starts_with(&at));
            let part = |name: &str| {
                name[at.len()..].strip_prefix('.').map_or_else(|| (name.len() == at.len()).then(String::new), |part| Some(part.to_owned()))
            };
            Self(parts.filter_map(|(name, value)| Some((part(name)?, value.clone()))).collect())
        };
        self.numbered_below(&format!("{element}.")).into_iter().map(below).collect()
    }

    /// The prefixes `<list>.<kind>.1`, `.2`, … that occur, in the order of their numbers.
    fn numbered(&self, list: &str, kind: &str) -> Vec<String> {
        self.numbered_below(&format!("{list}.{kind}."))
    }

    fn numbered_below(&self, prefix: &str) -> Vec<String> {
        let number = |name: &str| name[prefix.len()..].split('.').next().and_then(|number| number.parse::<u32>().ok());
        let names = self.0.range(prefix.to_owned()..).map(|(name, _)| name).take_while(|name| name.starts_with(prefix));
        let mut numbers: Vec<u32> = names.filter_map(|name| number(name)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|number| format!("{prefix}{number}")).collect()
    }
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A parameter that is wrong: "Invalid parameter: " and what.
    pub(crate) fn invalid(what: impl std::fmt::Display) -> Self {
        Self::bad("InvalidParameter", format!("Invalid parameter: {what}"))
    }

    /// A message attribute that is wrong. The wire code differs from the shape's name, InvalidParameterValue.
    pub(crate) fn invalid_value(message: impl Into<String>) -> Self {
        Self::bad("ParameterValueInvalid", message)
    }

    pub(crate) fn no_topic() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "Topic does not exist")
    }

    pub(crate) fn no_subscription() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "Subscription does not exist")
    }

    pub(crate) fn no_resource() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", "Resource does not exist")
    }

    pub(crate) fn invalid_action(action: &str) -> Self {
        Self::bad(
            "InvalidAction",
            format!(
                "The action '{action}' is not one of SNS. (SQS is spoken here as AWS JSON 1.0, as its SDKs have done since November 2023.)"
            ),
        )
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Internal(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", refusal.to_string()),
            other => Self::bad("InvalidParameter", other.to_string()),
        }
    }
}

impl Xml {
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.0.push_str(&format!("<{name}>{}</{name}>", escape(text)));
    }

    pub(crate) fn within(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name}>"));
        write(self);
        self.0.push_str(&format!("</{name}>"));
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.0.push_str(&other.0);
    }

    /// A map, as `<name><entry><key/><value/></entry>…</name>`.
    pub(crate) fn map<'a>(&mut self, name: &str, entries: impl IntoIterator<Item = (&'a str, Cow<'a, str>)>) {
        self.within(name, |xml| {
            for (key, value) in entries {
                xml.within("entry", |xml| {
                    xml.text("key", key);
                    xml.text("value", &value);
                });
            }
        });
    }
}

/// The answer to a call: its result inside the elements named after the action.
pub(crate) fn answer(action: &str, result: Result<Xml, Problem>) -> Response<Full<Bytes>> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let mut xml = Xml::default();
    let status = match result {
        Ok(content) => {
            xml.0.push_str(&format!("<{action}Response xmlns=\"{NAMESPACE}\">"));
            xml.within(&format!("{action}Result"), |xml| xml.0.push_str(&content.0));
            xml.within("ResponseMetadata", |xml| xml.text("RequestId", &request_id));
            xml.0.push_str(&format!("</{action}Response>"));
            StatusCode::OK
        }
        Err(problem) => {
            xml.0.push_str(&format!("<ErrorResponse xmlns=\"{NAMESPACE}\">"));
            xml.within("Error", |xml| {
                xml.text("Type", if problem.status.is_server_error() { "Receiver" } else { "Sender" });
                xml.text("Code", problem.code);
                xml.text("Message", &problem.message);
            });
            xml.text("RequestId", &request_id);
            xml.0.push_str("</ErrorResponse>");
            problem.status
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(xml.0)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// Text as it may stand between XML elements.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '>', '&', '"', '\r']) {
        return Cow::Borrowed(text);
    }
    // A bare carriage return would be read as a newline.
    Cow::Owned(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\r', "&#xD;"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_maps_and_structures_are_read_in_the_order_of_their_numbers() {
        let params = Params::parse(
            b"Tags.member.2.Key=b&Tags.member.2.Value=2&Tags.member.1.Key=a&Tags.member.1.Value=1&L.member.10=ten&L.member.2=two\
              &Attributes.entry.1.key=k&Attributes.entry.1.value=v&S.member.1.Id=x&S.member.1.A.entry.1.Name=n",
        );
        assert_eq!(params.members("L"), ["two", "ten"]);
        assert_eq!(params.tags("Tags").into_iter().collect::<Vec<_>>(), [("a".into(), "1".into()), ("b".into(), "2".into())]);
        assert_eq!(params.entries("Attributes")["k"], "v");
        let structures = params.structures("S");
        assert_eq!((structures.len(), structures[0].get("Id"), structures[0].get("A.entry.1.Name")), (1, Some("x"), Some("n")));
    }

    #[test]
    fn text_is_escaped() {
        let mut xml = Xml::default();
        xml.text("a", "1 < 2 & \"3\"\r");
        assert_eq!(xml.0, "<a>1 &lt; 2 &amp; &quot;3&quot;&#xD;</a>");
    }
}
