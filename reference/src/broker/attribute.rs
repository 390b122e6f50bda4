//! Message attributes, as SQS and SNS both know them, and the rules they must keep.

/// One message attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    /// `String`, `Number` or `Binary`, optionally followed by a custom label (`Number.int`); SNS adds `String.Array`.
    pub(crate) data_type: String,
    pub(crate) value: Value,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Binary(Vec<u8>),
}

/// Most attributes that one message may carry.
pub(crate) const MAX_ATTRIBUTES: usize = 10;

impl Attribute {
    #[cfg(test)]
    pub(crate) fn text(name: &str, data_type: &str, value: &str) -> Self {
        Self { name: name.to_owned(), data_type: data_type.to_owned(), value: Value::Text(value.to_owned()) }
    }

    /// Bytes that count towards the message's size: name, type and value.
    pub(crate) fn size(&self) -> usize {
        let value = match &self.value {
            Value::Text(text) => text.len(),
            Value::Binary(bytes) => bytes.len(),
        };
        self.name.len() + self.data_type.len() + value
    }

    /// The value, if it is text.
    pub(crate) fn into_text(self) -> Option<String> {
        match self.value {
            Value::Text(text) => Some(text),
            Value::Binary(_) => None,
        }
    }

    /// Checks name, type and value; the error is the sentence that AWS answers with.
    pub(crate) fn check(&self) -> Result<(), String> {
        let name = &self.name;
        check_name(name)?;
        if self.data_type.is_empty() {
            return Err(format!("The message (user) attribute '{name}' must contain a non-empty message attribute type."));
        }
        if self.data_type.len() > 256 {
            return Err(format!("The type of message (user) attribute '{name}' must not be longer than 256 characters."));
        }
        let kind = self.data_type.split('.').next().unwrap_or_default();
        match (kind, &self.value) {
            ("String", Value::Text(text)) if text.is_empty() => Err(empty_value(name, kind)),
            ("String", Value::Text(text)) => match first_invalid_character(text) {
                Some(character) => Err(format!(
                    "The value of message (user) attribute '{name}' contains the character #x{:X}, which is not allowed.",
                    u32::from(character)
                )),
                None => Ok(()),
            },
            ("Number", Value::Text(text)) if text.is_empty() => Err(empty_value(name, kind)),
            ("Number", Value::Text(text)) if is_number(text) => Ok(()),
            ("Number", Value::Text(_)) => Err(format!("Can't cast the value of message (user) attribute '{name}' to a number.")),
            ("Binary", Value::Binary(bytes)) if bytes.is_empty() => Err(empty_value(name, kind)),
            ("Binary", Value::Binary(_)) => Ok(()),
            ("String" | "Number" | "Binary", _) => Err(format!(
                "The message (user) attribute '{name}' with type '{}' must use field '{}'.",
                self.data_type,
                if kind == "Binary" { "BinaryValue" } else { "StringValue" }
            )),
            _ => Err(format!(
                "The message (user) attribute '{name}' has an invalid message attribute type, \
                 the set of supported type prefixes is Binary, Number, and String."
            )),
        }
    }
}

/// Checks a message's attributes together: how many, and each.
pub(crate) fn check_all(attributes: &[Attribute]) -> Result<(), String> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(format!("Number of message attributes [{}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].", attributes.len()));
    }
    attributes.iter().try_for_each(Attribute::check)
}

/// The first character that a message may not contain: only tab, newline, carriage return and what XML 1.0 allows.
pub(crate) fn first_invalid_character(text: &str) -> Option<char> {
    // Nearly all messages consist of printable ASCII and multi-byte characters; only few byte values need a second look.
    if !text.bytes().any(|byte| byte < 0x20 || byte == 0xEF) {
        return None;
    }
    text.chars().find(|c| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}'))
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty()
        || name.len() > 256
        || !name.chars().all(allowed)
        || name.starts_with('.')
        || name.ends_with('.')
        || name.contains("..")
    {
        return Err(format!(
            "The message (user) attribute name '{name}' is invalid: it can contain only A-Z, a-z, 0-9, underscores, hyphens and \
             single periods inside, and 1 to 256 characters."
        ));
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return Err(format!("The message (user) attribute name '{name}' uses a prefix reserved by AWS (AWS. or Amazon.)."));
    }
    Ok(())
}

fn empty_value(name: &str, kind: &str) -> String {
    format!("The message (user) attribute '{name}' must contain a non-empty value of type '{kind}'.")
}

fn is_number(text: &str) -> bool {
    // `f64` alone would also take "inf" and "nan".
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_attributes_pass() {
        for attribute in [
            Attribute::text("MessageAttributeProductCnt", "Number", "3"),
            Attribute::text("n", "Number.float", "-1.5e3"),
            Attribute::text("s", "String", "도너츠"),
            Attribute { name: "b".into(), data_type: "Binary".into(), value: Value::Binary(vec![0, 255]) },
        ] {
            assert_eq!(attribute.check(), Ok(()), "{attribute:?}");
        }
    }

    #[test]
    fn each_unsound_attribute_is_refused_with_its_name() {
        let text = Attribute::text;
        for attribute in [
            text("empty", "String", ""),
            text("word", "Number", "three"),
            text("infinite", "Number", "inf"),
            text("type", "Text", "x"),
            text("untyped", "", "x"),
            text("binary", "Binary", "x"),
            text("AWS.reserved", "String", "x"),
            text("two..dots", "String", "x"),
            text("control", "String", "\u{1}"),
        ] {
            let refusal = attribute.check().unwrap_err();
            assert!(refusal.contains(&attribute.name), "{refusal}");
        }
        assert!(check_all(&vec![text("a", "String", "x"); 11]).is_err());
    }

    #[test]
    fn only_characters_of_xml_are_allowed() {
        assert_eq!(first_invalid_character("tab\t newline\n 한국어 \u{1F369}"), None);
        assert_eq!(first_invalid_character("bell\u{7}"), Some('\u{7}'));
        assert_eq!(first_invalid_character("\u{FFFE}"), Some('\u{FFFE}'));
    }
}
