//! A message on its way to a topic, as the outbox stores it and the relay publishes it.

use serde::{Deserialize, Serialize};

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
