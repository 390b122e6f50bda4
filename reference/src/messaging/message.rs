//! A message on its way to a topic, as the outbox stores it and the relay publishes it.

use serde::{Deserialize, Serialize};

use crate::trace::{TRACEPARENT, TraceParent};

/// A message attribute, as SNS knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Full wire name ("MessageAttributeProductId").
    pub name: String,
    /// SNS data type.
    pub kind: AttributeKind,
    /// Value; for numbers, its decimal text.
    pub value: String,
}

/// The data types that the pipeline uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeKind {
    /// Text.
    String,
    /// Decimal number.
    Number,
}

impl OutgoingMessage {
    /// The trace that it is part of.
    #[must_use]
    pub fn trace(&self) -> Option<TraceParent> {
        self.attributes.iter().find(|attribute| attribute.name == TRACEPARENT)?.value.parse().ok()
    }

    /// The same message as part of a trace.
    #[must_use]
    pub fn within(mut self, trace: TraceParent) -> Self {
        self.attributes.retain(|attribute| attribute.name != TRACEPARENT);
        self.attributes.push(Attribute { name: TRACEPARENT.to_owned(), kind: AttributeKind::String, value: trace.to_string() });
        self
    }
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingMessage {
    /// Name of the topic (not its ARN; that differs between endpoints).
    pub topic: String,
    /// SNS Subject.
    pub subject: String,
    /// SNS Message.
    pub body: String,
    /// SNS MessageAttributes.
    pub attributes: Vec<Attribute>,
}
