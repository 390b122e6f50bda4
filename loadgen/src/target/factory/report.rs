//! How the factory says that goods are ready: a call, or a message.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use reference::messaging::message::{Attribute, AttributeKind, OutgoingMessage};
use reference::messaging::publish::Publisher;
use serde_json::Value;

use super::Order;
use crate::target::Back;
use crate::target::ask::Asker;
use crate::target::speech::Spoken;
use crate::target::template::{Setting, Template};

/// How long one report may take.
const REPORT_WITHIN: Duration = Duration::from_secs(8);

/// Reports back. It knows where the target is reached from outside, and publishes where the target reads.
#[derive(Debug)]
pub(in crate::target) struct Reporter {
    /// The target's address as it knows it itself, and the address to call instead: the tap before it.
    pub(in crate::target) own_and_outer: (String, String),
    pub(in crate::target) publisher: Option<Publisher>,
    pub(in crate::target) asker: Asker,
}

impl Reporter {
    /// Reports once. True when somebody heard it: an answer of 200 to 299, or a topic that took the message.
    pub(super) async fn report(&self, back: &Back, order: &Order) -> bool {
        let reported = async {
            match back {
                // Whoever asks for nothing back has been given everything.
                Back::Nothing => Ok(()),
                Back::Call { url, body } => self.call(url, body, order).await,
                Back::Publish { topic, subject, message, attributes } => self.publish(topic, subject, message, attributes, order).await,
            }
        };
        match tokio::time::timeout(REPORT_WITHIN, reported).await {
            Ok(Ok(())) => true,
            Ok(Err(reason)) => {
                tracing::warn!(reason, product = order.product, "a report of finished goods was not taken");
                false
            }
            Err(_) => false,
        }
    }

    async fn call(&self, url: &Template, body: &Template, order: &Order) -> Result<(), String> {
        let (own, outer) = &self.own_and_outer;
        let value = |place: &str| if place == "url" { Some(Value::from(outer.as_str())) } else { order.value(place) };
        let missing = |place: String| format!("the order has nothing for {{{place}}}");
        let url = url.fill(Setting::Plain, value).map_err(missing)?;
        let url = url.strip_prefix(own.as_str()).map_or(url.clone(), |rest| format!("{outer}{rest}"));
        let body = body.fill(Setting::Json, value).map_err(missing)?;
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let spoken = Spoken { method: Method::POST, path: String::new(), headers, body: Bytes::from(body) };
        let said = self.asker.send(&url, &spoken).await.map_err(|error| error.to_string())?;
        if (200..300).contains(&said.status) { Ok(()) } else { Err(format!("{url} answered {}", said.status)) }
    }

    async fn publish(
        &self,
        topic: &str,
        subject: &Template,
        message: &Template,
        attributes: &[(String, Template)],
        order: &Order,
    ) -> Result<(), String> {
        let publisher = self.publisher.as_ref().ok_or("there is no topic to publish on")?;
        let value = |place: &str| order.value(place);
        let text = |template: &Template| template.fill(Setting::Plain, value).unwrap_or_default();
        let filled = attributes.iter().filter_map(|(name, template)| Some((name, template.fill(Setting::Plain, value).ok()?)));
        let attributes = filled.map(|(name, value)| Attribute { name: name.clone(), kind: kind(&value), value }).collect();
        let message = OutgoingMessage { topic: topic.to_owned(), subject: text(subject), body: text(message), attributes };
        publisher.publish(message).await.map_err(|error| error.to_string())
    }
}

/// Whole numbers go as numbers, as every system that writes by hand sends them.
fn kind(value: &str) -> AttributeKind {
    let is_number = (1..=15).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { AttributeKind::Number } else { AttributeKind::String }
}
