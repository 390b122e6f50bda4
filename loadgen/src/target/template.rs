//! Texts with places: `{"count": {quantity}, "customer": "{requester}"}`.
//!
//! A place is a word in braces (`{product}`, `{product.name}`, `{topic_arn:orders}`, `{order:/CallbackUrl}`). A brace around anything else
//! is a brace, so that JSON needs no escaping: no JSON object consists of a bare word.
//!
//! `{env:NAME}` is a variable of the environment, for secrets: what is saved and shown is the text, which holds only its name.

use std::borrow::Cow;

use serde_json::Value;

/// What a place begins with that is a variable of the environment.
const VARIABLE: &str = "env:";

/// A text with places, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `quoted` when it stands right behind a quotation mark: a text in JSON, not a value.
    Place {
        name: String,
        quoted: bool,
    },
}

/// Where a filled template will stand, which decides how values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// JSON: inside quotation marks values are escaped, elsewhere they are JSON themselves.
    Json,
    /// A path, a query or a form: percent-encoded.
    Address,
    /// Anything else: as they are.
    Plain,
}

impl Template {
    /// Takes a text apart.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, from_brace) = rest.split_at(at);
            literal.push_str(before);
            match place(from_brace) {
                Some(name) => {
                    let quoted = literal.ends_with('"');
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    rest = &from_brace[name.len() + 2..];
                    parts.push(Part::Place { name: name.to_owned(), quoted });
                }
                None => {
                    literal.push('{');
                    rest = &from_brace[1..];
                }
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Self { parts, text: text.to_owned() }
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of its places.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The names of the variables of the environment among its places.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.places().filter_map(|place| place.strip_prefix(VARIABLE))
    }

    /// Fills the places.
    ///
    /// # Errors
    /// The name of the first place that nothing is known for.
    pub fn fill(&self, setting: Setting, value: impl Fn(&str) -> Option<Value>) -> Result<String, String> {
        let mut filled = String::with_capacity(self.text.len() + 64);
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Place { name, quoted } => {
                    let value = variable(name).or_else(|| value(name)).ok_or_else(|| name.clone())?;
                    write(&mut filled, &value, setting, *quoted);
                }
            }
        }
        Ok(filled)
    }
}

/// What a variable of the environment holds, where the place is one. Looked up only when it is sent, so that it is kept nowhere.
pub(super) fn variable(place: &str) -> Option<Value> {
    std::env::var(place.strip_prefix(VARIABLE)?).ok().map(Value::from)
}

/// The word in the braces that the text begins with, if that is what it begins with.
pub(super) fn place(text: &str) -> Option<&str> {
    let inside = &text[1..text.find('}')?];
    let begins_like_a_word = inside.starts_with(|c: char| c.is_ascii_lowercase());
    let (word, argument) = inside.split_once(':').unwrap_or((inside, ""));
    let is_word = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    let is_argument = !argument.contains(['{', '"', '\n']);
    (begins_like_a_word && is_word && is_argument).then_some(inside)
}

fn write(filled: &mut String, value: &Value, setting: Setting, quoted: bool) {
    let plain = text_of(value);
    match setting {
        Setting::Plain => filled.push_str(&plain),
        Setting::Address => filled.extend(percent_encoded(&plain)),
        Setting::Json if quoted => {
            let escaped = Value::from(plain.as_ref()).to_string();
            filled.push_str(&escaped[1..escaped.len() - 1]);
        }
        // A number that is a text (an id, "7") stands as a number where the template leaves the quotation marks out.
        Setting::Json => match value {
            Value::String(text) if serde_json::from_str::<serde_json::Number>(text).is_ok() => filled.push_str(text),
            value => filled.push_str(&value.to_string()),
        },
    }
}

/// A JSON value as a person would say it: texts without quotation marks.
#[must_use]
pub fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

fn percent_encoded(text: &str) -> impl Iterator<Item = char> {
    text.bytes().flat_map(|byte| {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let encoded = if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        encoded.chars().collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(text: &str, setting: Setting) -> Result<String, String> {
        let known = json!({"quantity": 3, "name": "rye \"dark\"", "id": "17", "product.name": "a b/c"});
        Template::parse(text).fill(setting, |name| known.get(name).cloned())
    }

    #[test]
    fn json_needs_no_escaping_and_values_get_it() {
        let body = r#"{"count": {quantity}, "text": "{quantity}", "bread": "{name}", "raw": {name}, "id": {id}, "empty": {}}"#;
        let filled = filled(body, Setting::Json).unwrap();
        let expected = json!({"count": 3, "text": "3", "bread": "rye \"dark\"", "raw": "rye \"dark\"", "id": 17, "empty": {}});
        assert_eq!(serde_json::from_str::<Value>(&filled).unwrap(), expected);
    }

    #[test]
    fn addresses_are_percent_encoded_and_plain_texts_left_alone() {
        assert_eq!(filled("/breads/{product.name}?n={quantity}", Setting::Address).unwrap(), "/breads/a%20b%2Fc?n=3");
        assert_eq!(filled("{name}", Setting::Plain).unwrap(), "rye \"dark\"");
    }

    #[test]
    fn a_place_that_nothing_is_known_for_is_named() {
        assert_eq!(filled("{nothing}", Setting::Plain), Err("nothing".to_owned()));
        let template = Template::parse("{topic_arn:orders} {order:/Callback Url} {1} { x }");
        assert_eq!(template.places().collect::<Vec<_>>(), ["topic_arn:orders", "order:/Callback Url"]);
    }

    #[test]
    fn a_variable_of_the_environment_is_filled_in_and_stays_out_of_the_text() {
        let template = Template::parse("Bearer {env:PATH}");
        assert_eq!(template.variables().collect::<Vec<_>>(), ["PATH"]);
        let path = std::env::var("PATH").expect("whatever runs tests has a PATH");
        assert_eq!(template.fill(Setting::Plain, |_| None), Ok(format!("Bearer {path}")));
        assert_eq!(template.text(), "Bearer {env:PATH}");
        assert_eq!(filled("{env:SURELY_NOT_SET}", Setting::Plain), Err("env:SURELY_NOT_SET".to_owned()));
    }
}
