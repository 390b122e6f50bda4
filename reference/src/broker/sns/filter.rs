//! Filter policies: which of a topic's messages a subscription gets.
//!
//! A policy is an object. Every key must match (and); of a key's conditions one must (or); `$or` holds alternatives. With the scope
//! `MessageAttributes` the keys are message attributes; with `MessageBody` they are the keys of the body's JSON, nested as it is.

mod condition;

use serde_json::{Map, Value as Json};

use self::condition::Condition;
use super::query::Problem;
use crate::broker::attribute::{Attribute, Value};

/// What a filter policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Scope {
    #[default]
    MessageAttributes,
    MessageBody,
}

/// A checked filter policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    scope: Scope,
    policy: Policy,
}

/// All fields and all groups of alternatives must match.
#[derive(Debug, Clone, PartialEq, Default)]
struct Policy {
    fields: Vec<(String, Rule)>,
    alternatives: Vec<Vec<Policy>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    /// One of these must match.
    AnyOf(Vec<Condition>),
    /// The value is an object, to which this applies.
    Nested(Policy),
}

/// Keys that AWS allows in one policy.
const MAX_KEYS: usize = 5;
/// Combinations (the product of the numbers of conditions) that AWS allows.
const MAX_COMBINATIONS: usize = 150;
/// Bytes of a policy that AWS allows.
const MAX_BYTES: usize = 256 * 1024;

impl Scope {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "MessageAttributes" => Ok(Self::MessageAttributes),
            "MessageBody" => Ok(Self::MessageBody),
            other => Err(Problem::invalid(format!(
                "FilterPolicyScope: Invalid value [{other}]. Please use either MessageBody or MessageAttributes"
            ))),
        }
    }
}

impl Filter {
    /// Checks and reads a policy.
    pub(crate) fn parse(text: &str, scope: Scope) -> Result<Self, Problem> {
        if text.len() > MAX_BYTES {
            return Err(refuse("Filter policy is larger than 256 KB"));
        }
        let object: Map<String, Json> = serde_json::from_str(text).map_err(|error| refuse(format!("failed to parse JSON. {error}")))?;
        let policy = Policy::parse(&object, scope)?;
        if policy.keys() > MAX_KEYS {
            return Err(refuse(format!("Filter policy can not have more than {MAX_KEYS} keys")));
        }
        if policy.combinations() > MAX_COMBINATIONS {
            return Err(refuse(format!("Filter policy is too complex: more than {MAX_COMBINATIONS} combinations")));
        }
        Ok(Self { scope, policy })
    }

    /// Whether a message passes.
    pub(crate) fn accepts(&self, attributes: &[Attribute], body: &str) -> bool {
        match self.scope {
            Scope::MessageAttributes => self.policy.accepts(&attributes_as_json(attributes)),
            Scope::MessageBody => match serde_json::from_str(body) {
                Ok(Json::Object(body)) => self.policy.accepts(&body),
                _ => false,
            },
        }
    }
}

impl Policy {
    fn parse(object: &Map<String, Json>, scope: Scope) -> Result<Self, Problem> {
        let mut policy = Self::default();
        for (key, value) in object {
            match value {
                Json::Array(alternatives) if key == "$or" => policy.alternatives.push(parse_alternatives(alternatives, scope)?),
                Json::Array(conditions) if conditions.is_empty() => {
                    return Err(refuse(format!("Empty arrays are not allowed (key {key})")));
                }
                Json::Array(conditions) => {
                    let conditions = conditions.iter().map(Condition::parse).collect::<Result<_, _>>()?;
                    policy.fields.push((key.clone(), Rule::AnyOf(conditions)));
                }
                Json::Object(nested) if scope == Scope::MessageBody => {
                    policy.fields.push((key.clone(), Rule::Nested(Self::parse(nested, scope)?)));
                }
                Json::Object(_) => return Err(refuse("Filter policy scope MessageAttributes does not support nested filter policy")),
                _ => return Err(refuse(format!("\"{key}\" must be an object or an array"))),
            }
        }
        Ok(policy)
    }

    fn accepts(&self, message: &Map<String, Json>) -> bool {
        let field_accepts = |(key, rule): &(String, Rule)| rule.accepts(message.get(key));
        let one_accepts = |alternatives: &Vec<Self>| alternatives.iter().any(|policy| policy.accepts(message));
        self.fields.iter().all(field_accepts) && self.alternatives.iter().all(one_accepts)
    }

    fn keys(&self) -> usize {
        let of_rule = |(_, rule): &(String, Rule)| match rule {
            Rule::AnyOf(_) => 1,
            Rule::Nested(policy) => policy.keys(),
        };
        // Alternatives are not all looked at for the same message; the widest of them counts.
        let of_group = |group: &Vec<Self>| group.iter().map(Self::keys).max().unwrap_or(0);
        self.fields.iter().map(of_rule).sum::<usize>() + self.alternatives.iter().map(of_group).sum::<usize>()
    }

    fn combinations(&self) -> usize {
        let of_rule = |(_, rule): &(String, Rule)| match rule {
            Rule::AnyOf(conditions) => conditions.len(),
            Rule::Nested(policy) => policy.combinations(),
        };
        let of_group = |group: &Vec<Self>| group.iter().map(Self::combinations).sum::<usize>();
        let fields = self.fields.iter().map(of_rule).fold(1, usize::saturating_mul);
        self.alternatives.iter().map(of_group).fold(fields, usize::saturating_mul)
    }
}

impl Rule {
    fn accepts(&self, value: Option<&Json>) -> bool {
        match (self, value) {
            (Self::AnyOf(conditions), None) => conditions.iter().any(Condition::accepts_absence),
            (Self::AnyOf(conditions), Some(Json::Array(values))) => {
                conditions.iter().any(|condition| values.iter().any(|value| condition.accepts(value)))
            }
            (Self::AnyOf(conditions), Some(value)) => conditions.iter().any(|condition| condition.accepts(value)),
            (Self::Nested(policy), Some(Json::Object(object))) => policy.accepts(object),
            (Self::Nested(policy), Some(Json::Array(values))) => {
                values.iter().any(|value| value.as_object().is_some_and(|object| policy.accepts(object)))
            }
            // Only a policy that asks for absence can pass where there is nothing to look into.
            (Self::Nested(policy), _) => policy.accepts(&Map::new()),
        }
    }
}

/// Message attributes as filter policies see them: numbers as numbers, `String.Array` as an array, binary ones as something that is
/// there but equals nothing.
fn attributes_as_json(attributes: &[Attribute]) -> Map<String, Json> {
    let value_of = |attribute: &Attribute| match &attribute.value {
        Value::Text(text) if attribute.data_type.starts_with("Number") => {
            text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map_or_else(|| Json::String(text.clone()), Json::Number)
        }
        Value::Text(text) if attribute.data_type == "String.Array" => {
            serde_json::from_str::<Vec<Json>>(text).map_or_else(|_| Json::String(text.clone()), Json::Array)
        }
        Value::Text(text) => Json::String(text.clone()),
        Value::Binary(_) => Json::Object(Map::new()),
    };
    attributes.iter().map(|attribute| (attribute.name.clone(), value_of(attribute))).collect()
}

fn parse_alternatives(alternatives: &[Json], scope: Scope) -> Result<Vec<Policy>, Problem> {
    if alternatives.len() < 2 {
        return Err(refuse("$or must be an array of at least two objects"));
    }
    let parse = |alternative: &Json| match alternative {
        Json::Object(object) if !object.is_empty() => Policy::parse(object, scope),
        _ => Err(refuse("$or must be an array of objects that are not empty")),
    };
    alternatives.iter().map(parse).collect()
}

fn refuse(reason: impl std::fmt::Display) -> Problem {
    Problem::invalid(format!("FilterPolicy: {reason}"))
}

#[cfg(test)]
mod tests;
