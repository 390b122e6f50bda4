//! What the body of a queue's message holds: the SNS envelope, or the message itself where delivery is raw.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::domain::{MAX_NAME_BYTES, Quantity};

/// A message as it arrived, opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Incoming {
    /// SNS Subject, empty where there is none.
    pub subject: String,
    /// SNS Message.
    pub body: String,
    /// Values of the MessageAttributes by their full wire names.
    pub attributes: BTreeMap<String, String>,
}

/// A body that cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It is no JSON object of the shape of an SNS notification.
    #[error("the body is no SNS notification ({0}); is raw message delivery on, or did somebody send to the queue itself?")]
    NotANotification(String),
    /// It is an envelope, but of something else (a subscription confirmation).
    #[error("the envelope has the Type {0:?} instead of \"Notification\"")]
    NotOfThisType(String),
}

/// An attribute that a handler cannot do without.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// It is not there.
    #[error("the attribute {0} is missing")]
    Missing(String),
    /// It is there and says nothing sensible.
    #[error("the attribute {name} is {value:?}: {reason}")]
    Wrong {
        /// Its name.
        name: String,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Opens an SNS envelope.
///
/// # Errors
/// [`EnvelopeError`] for anything that is not a `Notification`.
pub fn parse(body: &str) -> Result<Incoming, EnvelopeError> {
    let envelope: Envelope = serde_json::from_str(body).map_err(|e| EnvelopeError::NotANotification(e.to_string()))?;
    if envelope.kind != "Notification" {
        return Err(EnvelopeError::NotOfThisType(envelope.kind));
    }
    let attributes = envelope.attributes.into_iter().map(|(name, attribute)| (name, attribute.value.into_text())).collect();
    Ok(Incoming { subject: envelope.subject.unwrap_or_default(), body: envelope.message, attributes })
}

/// Opens what a queue delivered. With raw message delivery SNS hands the attributes to SQS itself, and the body is the message.
///
/// # Errors
/// [`EnvelopeError`] for a body that is neither.
pub fn open(body: &str, sqs_attributes: &BTreeMap<String, String>) -> Result<Incoming, EnvelopeError> {
    match parse(body) {
        Err(EnvelopeError::NotANotification(_)) if !sqs_attributes.is_empty() => {
            Ok(Incoming { subject: String::new(), body: body.to_owned(), attributes: sqs_attributes.clone() })
        }
        opened => opened,
    }
}

impl Incoming {
    /// The value of an attribute.
    ///
    /// # Errors
    /// [`AttributeError::Missing`].
    pub fn text(&self, name: &str) -> Result<&str, AttributeError> {
        self.attributes.get(name).map(String::as_str).ok_or_else(|| AttributeError::Missing(name.to_owned()))
    }

    /// The value of an attribute as whatever it should be.
    ///
    /// # Errors
    /// [`AttributeError`] when it is missing or does not parse.
    pub fn parsed<T>(&self, name: &str) -> Result<T, AttributeError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.checked(name, str::parse)
    }

    /// The value of an attribute that holds a number of pieces.
    ///
    /// # Errors
    /// [`AttributeError`] when it is missing or no [`Quantity`].
    pub fn quantity(&self, name: &str) -> Result<Quantity, AttributeError> {
        let pieces: i64 = self.parsed(name)?;
        self.checked(name, |_| Quantity::new(pieces))
    }

    /// The value of an attribute that holds a name or a key: 1 to [`MAX_NAME_BYTES`] bytes.
    ///
    /// # Errors
    /// [`AttributeError`] when it is missing, empty or longer.
    pub fn name(&self, name: &str) -> Result<String, AttributeError> {
        self.checked(name, |text| match text.len() {
            1..=MAX_NAME_BYTES => Ok(text.to_owned()),
            bytes => Err(format!("its {bytes} bytes are not between 1 and {MAX_NAME_BYTES}")),
        })
    }

    /// The value of an attribute, as `check` makes it.
    ///
    /// # Errors
    /// [`AttributeError`] when it is missing or `check` refuses it.
    pub fn checked<'a, T, E: fmt::Display>(&'a self, name: &str, check: impl FnOnce(&'a str) -> Result<T, E>) -> Result<T, AttributeError> {
        let value = self.text(name)?;
        check(value).map_err(|reason| AttributeError::Wrong {
            name: name.to_owned(),
            // Whoever sends rubbish may send much of it; the log needs its beginning only.
            value: value.chars().take(100).collect(),
            reason: reason.to_string(),
        })
    }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Message")]
    message: String,
    #[serde(rename = "Subject", default)]
    subject: Option<String>,
    #[serde(rename = "MessageAttributes", default)]
    attributes: BTreeMap<String, EnvelopeAttribute>,
}

#[derive(Deserialize)]
struct EnvelopeAttribute {
    #[serde(rename = "Value")]
    value: TextOrNumber,
}

/// SNS writes numbers as text; not every look-alike does.
#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(serde_json::Number),
}

impl TextOrNumber {
    fn into_text(self) -> String {
        match self {
            TextOrNumber::Text(text) => text,
            TextOrNumber::Number(number) => number.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTIFICATION: &str = r#"{
        "Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:us-east-1:000000000000:stock_empty",
        "Subject": "도너츠 재고 부족", "Message": "도너츠 재고가 없습니다.", "Timestamp": "2026-11-21T10:00:00.000Z",
        "MessageAttributes": {
            "MessageAttributeProductId": {"Type": "String", "Value": "CP-502101"},
            "MessageAttributeProductCnt": {"Type": "Number", "Value": "3"},
            "MessageAttributeOther": {"Type": "Number", "Value": 7}
        }}"#;

    #[test]
    fn a_notification_gives_subject_body_and_attributes() {
        let incoming = parse(NOTIFICATION).unwrap();
        assert_eq!(incoming.subject, "도너츠 재고 부족");
        assert_eq!(incoming.body, "도너츠 재고가 없습니다.");
        assert_eq!(incoming.text("MessageAttributeProductId").unwrap(), "CP-502101");
        assert_eq!(incoming.parsed::<i64>("MessageAttributeProductCnt").unwrap(), 3);
        assert_eq!(incoming.parsed::<i64>("MessageAttributeOther").unwrap(), 7);
    }

    #[test]
    fn what_is_wrong_with_an_attribute_is_said() {
        let incoming = parse(NOTIFICATION).unwrap();
        assert_eq!(incoming.text("Nope").unwrap_err(), AttributeError::Missing("Nope".to_owned()));
        let error = incoming.parsed::<i64>("MessageAttributeProductId").unwrap_err();
        assert!(error.to_string().starts_with("the attribute MessageAttributeProductId is \"CP-502101\""), "{error}");
    }

    #[test]
    fn raw_delivery_takes_the_attributes_from_sqs() {
        let sqs = BTreeMap::from([("MessageAttributeProductId".to_owned(), "CP-502101".to_owned())]);
        let incoming = open("도너츠 재고가 없습니다.", &sqs).unwrap();
        assert_eq!(incoming.body, "도너츠 재고가 없습니다.");
        assert_eq!(incoming.text("MessageAttributeProductId").unwrap(), "CP-502101");
    }

    #[test]
    fn rubbish_is_refused_not_guessed_at() {
        for body in ["", "hello", "[]", "{}", r#"{"Type":"Notification"}"#, r#"{"Type":"Notification","Message":1}"#] {
            assert!(matches!(open(body, &BTreeMap::new()), Err(EnvelopeError::NotANotification(_))), "{body:?} was opened");
        }
        let confirmation = r#"{"Type":"SubscriptionConfirmation","Message":"…","Token":"t"}"#;
        assert_eq!(parse(confirmation), Err(EnvelopeError::NotOfThisType("SubscriptionConfirmation".to_owned())));
    }

    proptest! {
        #[test]
        fn no_body_brings_the_parser_down(body in ".{0,200}") {
            let _ = open(&body, &BTreeMap::new());
        }
    }
}
