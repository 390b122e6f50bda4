//! A piece of a JSON Schema, as far as TOML files need it. Its keys come out in one order, whatever maps of JSON are made of.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A schema for one value.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub(super) schema: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    #[serde(rename = "const", skip_serializing_if = "Option::is_none")]
    pub(super) constant: Option<&'static str>,
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub(super) words: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pattern: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) minimum: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) maximum: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_items: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_properties: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_properties: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) items: Option<Box<Node>>,
    #[serde(skip_serializing_if = "Properties::is_empty")]
    pub(super) properties: Properties,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) required: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) additional_properties: Option<Further>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) property_names: Option<Box<Node>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) any_of: Vec<Node>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) all_of: Vec<Node>,
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub(super) when: Option<Box<Node>>,
    #[serde(rename = "then", skip_serializing_if = "Option::is_none")]
    pub(super) then: Option<Box<Node>>,
}

/// Keys that are not named.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Further {
    /// Whether there may be any.
    Allowed(bool),
    /// What stands there.
    Are(Box<Node>),
}

/// Keys with what stands there, in the order in which they are written down.
#[derive(Debug, Clone, Default)]
pub(super) struct Properties(Vec<(&'static str, Node)>);

impl Properties {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, node) in &self.0 {
            map.serialize_entry(key, node)?;
        }
        map.end()
    }
}

impl Node {
    /// What an editor shows beside it.
    pub(super) fn about(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }

    /// With a further key.
    pub(super) fn with(mut self, key: &'static str, node: Node) -> Self {
        self.properties.0.push((key, node));
        self
    }

    /// With a further key that cannot be left out.
    pub(super) fn with_required(mut self, key: &'static str, node: Node) -> Self {
        self.required.push(key);
        self.with(key, node)
    }

    /// A list of these, one at least.
    pub(super) fn list(self) -> Node {
        Node { kind: Some("array"), min_items: Some(1), items: Some(Box::new(self)), ..Node::default() }
    }
}

/// A table with the keys that it is given, and no others.
pub(super) fn table() -> Node {
    Node { kind: Some("object"), additional_properties: Some(Further::Allowed(false)), ..Node::default() }
}

/// A table whose keys are data.
pub(super) fn table_of(node: Node) -> Node {
    Node { kind: Some("object"), additional_properties: Some(Further::Are(Box::new(node))), ..Node::default() }
}

/// Any text.
pub(super) fn text() -> Node {
    Node { kind: Some("string"), ..Node::default() }
}

/// A text of a form.
pub(super) fn formed(pattern: &'static str) -> Node {
    Node { pattern: Some(pattern), ..text() }
}

/// One of these words.
pub(super) fn one_of(words: &[&'static str]) -> Node {
    Node { words: words.to_vec(), ..text() }
}

/// A number with a unit of time.
pub(super) fn duration() -> Node {
    formed(r"^([0-9]+\.?[0-9]*|\.[0-9]+)\s*(us|µs|ms|s|m|h)\s*$")
}

/// A percentage.
pub(super) fn share() -> Node {
    formed(r"^0*(100(\.0*)?|[0-9]{1,2}(\.[0-9]*)?|\.[0-9]+)\s*%\s*$")
}

/// A whole number between these two.
pub(super) fn count(least: u64, most: u64) -> Node {
    // What no number in a TOML file exceeds need not be said.
    let maximum = (most < u64::MAX).then_some(most);
    Node { kind: Some("integer"), minimum: Some(least), maximum, ..Node::default() }
}

/// True or false.
pub(super) fn flag() -> Node {
    Node { kind: Some("boolean"), ..Node::default() }
}

/// Any of these.
pub(super) fn either(nodes: impl IntoIterator<Item = Node>) -> Node {
    Node { any_of: nodes.into_iter().collect(), ..Node::default() }
}
