//! One condition of a filter policy, and the values it accepts.

use std::net::Ipv4Addr;

use serde_json::{Map, Value as Json};

use super::refuse;
use crate::broker::sns::query::Problem;

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Exactly(Json),
    Number(f64),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    /// The pieces between the asterisks.
    Wildcard(Vec<String>),
    Range(Range),
    Network {
        address: u32,
        mask: u32,
    },
    Exists(bool),
    AnythingBut(Vec<Condition>),
}

/// Numbers between two bounds, each with whether it belongs to the range.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Range {
    lower: Option<(f64, bool)>,
    upper: Option<(f64, bool)>,
}

impl Condition {
    pub(super) fn parse(condition: &Json) -> Result<Self, Problem> {
        match condition {
            Json::String(_) | Json::Bool(_) | Json::Null => Ok(Self::Exactly(condition.clone())),
            Json::Number(number) => {
                Ok(Self::Number(number.as_f64().ok_or_else(|| refuse(format!("{number} is not a number that can be compared")))?))
            }
            Json::Object(operator) => Self::parse_operator(operator),
            Json::Array(_) => Err(refuse("Match value must be String, number, true, false, or null")),
        }
    }

    fn parse_operator(operator: &Map<String, Json>) -> Result<Self, Problem> {
        let mut entries = operator.iter();
        let (Some((name, operand)), None) = (entries.next(), entries.next()) else {
            return Err(refuse("Only one key allowed in match expression"));
        };
        match (name.as_str(), operand) {
            ("prefix", Json::String(text)) => Ok(Self::Prefix(text.clone())),
            ("suffix", Json::String(text)) => Ok(Self::Suffix(text.clone())),
            ("equals-ignore-case", Json::String(text)) => Ok(Self::EqualsIgnoreCase(text.to_lowercase())),
            ("wildcard", Json::String(text)) if !text.contains("**") => Ok(Self::Wildcard(text.split('*').map(str::to_owned).collect())),
            ("exists", Json::Bool(exists)) => Ok(Self::Exists(*exists)),
            ("numeric", Json::Array(range)) => Range::parse(range).map(Self::Range),
            ("cidr", Json::String(network)) => parse_network(network),
            ("anything-but", operand) => Self::parse_anything_but(operand).map(Self::AnythingBut),
            ("prefix" | "suffix" | "equals-ignore-case" | "wildcard" | "exists" | "numeric" | "cidr", _) => {
                Err(refuse(format!("Value of {name} is not of the right type: {operand}")))
            }
            _ => Err(refuse(format!("Unrecognized match type {name}"))),
        }
    }

    fn parse_anything_but(operand: &Json) -> Result<Vec<Self>, Problem> {
        match operand {
            Json::Array(values) if values.is_empty() => Err(refuse("Empty arrays are not allowed in anything-but")),
            Json::Array(values) => values.iter().map(Self::parse_plain).collect(),
            Json::Object(operator) => match operator.iter().next() {
                Some((name, Json::Array(values))) if operator.len() == 1 => {
                    values.iter().map(|value| Self::parse_inner(name, value)).collect()
                }
                Some((name, value)) if operator.len() == 1 => Ok(vec![Self::parse_inner(name, value)?]),
                _ => Err(refuse("Only one key allowed in anything-but")),
            },
            plain => Ok(vec![Self::parse_plain(plain)?]),
        }
    }

    fn parse_inner(name: &str, value: &Json) -> Result<Self, Problem> {
        if !matches!(name, "prefix" | "suffix" | "equals-ignore-case" | "wildcard") {
            return Err(refuse(format!("Unrecognized match type {name} in anything-but")));
        }
        Self::parse_operator(&Map::from_iter([(name.to_owned(), value.clone())]))
    }

    fn parse_plain(value: &Json) -> Result<Self, Problem> {
        match value {
            Json::Object(_) => Err(refuse("anything-but takes a value, a list of values, or one match expression")),
            plain => Self::parse(plain),
        }
    }

    /// Whether the condition accepts that the key is not there.
    pub(super) fn accepts_absence(&self) -> bool {
        matches!(self, Self::Exists(false))
    }

    /// Whether the condition accepts a value that is there.
    pub(super) fn accepts(&self, value: &Json) -> bool {
        match self {
            Self::Exists(exists) => *exists,
            Self::Exactly(expected) => expected == value,
            Self::Number(expected) => value.as_f64() == Some(*expected),
            Self::Range(range) => value.as_f64().is_some_and(|number| range.contains(number)),
            Self::AnythingBut(refused) => {
                matches!(value, Json::String(_) | Json::Number(_) | Json::Bool(_) | Json::Null)
                    && !refused.iter().any(|one| one.accepts(value))
            }
            Self::Prefix(_) | Self::Suffix(_) | Self::EqualsIgnoreCase(_) | Self::Wildcard(_) | Self::Network { .. } => {
                value.as_str().is_some_and(|text| self.accepts_text(text))
            }
        }
    }

    fn accepts_text(&self, text: &str) -> bool {
        match self {
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Suffix(suffix) => text.ends_with(suffix),
            Self::EqualsIgnoreCase(lower) => text.to_lowercase() == *lower,
            Self::Wildcard(pieces) => matches_wildcard(pieces, text),
            Self::Network { address, mask } => text.parse::<Ipv4Addr>().is_ok_and(|ip| ip.to_bits() & mask == *address),
            _ => false,
        }
    }
}

impl Range {
    /// `["=", 5]`, `[">", 0]`, `[">=", 0, "<", 150]`.
    fn parse(parts: &[Json]) -> Result<Self, Problem> {
        let mut range = Self::default();
        if parts.is_empty() || parts.len() > 4 || !parts.len().is_multiple_of(2) {
            return Err(refuse("numeric takes one or two pairs of an operator and a number"));
        }
        for pair in parts.chunks_exact(2) {
            let (Some(operator), Some(number)) = (pair[0].as_str(), pair[1].as_f64()) else {
                return Err(refuse(format!("numeric takes pairs of an operator and a number, not {} {}", pair[0], pair[1])));
            };
            let taken = match operator {
                "=" if range == Self::default() && parts.len() == 2 => {
                    range = Self { lower: Some((number, true)), upper: Some((number, true)) };
                    None
                }
                ">" => range.lower.replace((number, false)),
                ">=" => range.lower.replace((number, true)),
                "<" => range.upper.replace((number, false)),
                "<=" => range.upper.replace((number, true)),
                _ => return Err(refuse(format!("Unrecognized numeric range operator: {operator}"))),
            };
            if taken.is_some() {
                return Err(refuse("numeric takes one lower and one upper bound"));
            }
        }
        match (range.lower, range.upper) {
            (Some((lower, _)), Some((upper, _))) if lower > upper => Err(refuse("Bottom must be less than top")),
            _ => Ok(range),
        }
    }

    fn contains(&self, number: f64) -> bool {
        let above = self.lower.is_none_or(|(bound, included)| number > bound || included && number == bound);
        let below = self.upper.is_none_or(|(bound, included)| number < bound || included && number == bound);
        above && below
    }
}

fn parse_network(network: &str) -> Result<Condition, Problem> {
    let wrong = || refuse(format!("Malformed CIDR, one '/' required: {network}"));
    let (address, bits) = network.split_once('/').ok_or_else(wrong)?;
    let (address, bits): (Ipv4Addr, u32) = (address.parse().map_err(|_| wrong())?, bits.parse().map_err(|_| wrong())?);
    if bits > 32 {
        return Err(wrong());
    }
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    Ok(Condition::Network { address: address.to_bits() & mask, mask })
}

/// Pieces must occur in order; the first at the beginning, the last at the end.
fn matches_wildcard(pieces: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = pieces else { return pieces.first().is_some_and(|only| only == text) };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for piece in middle {
        match rest.find(piece.as_str()) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}
