//! The fields of a JSON body, read into checked types. Each refusal names the field and the reason.

use serde_json::{Map, Value};

use super::problem::Problem;
use crate::domain::{MAX_NAME_BYTES, MAX_QUANTITY, Quantity};

/// The fields of a JSON object.
#[derive(Debug, Clone)]
pub struct Fields(Map<String, Value>);

/// Why a value is no count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotACount {
    NoNumber,
    NoInteger,
    OutOfRange,
}

impl Fields {
    pub(crate) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Whether the field is there, and not null.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    /// A text of 1 to [`MAX_NAME_BYTES`] bytes without control characters.
    ///
    /// # Errors
    /// A [`Problem`] that names the field.
    pub fn text(&self, field: &'static str) -> Result<String, Problem> {
        self.optional_text(field)?.ok_or_else(|| Problem::field(field, "이 없습니다"))
    }

    /// The same, where it is there.
    ///
    /// # Errors
    /// A [`Problem`] that names the field.
    pub fn optional_text(&self, field: &'static str) -> Result<Option<String>, Problem> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let Value::String(text) = value else { return Err(Problem::field(field, "은 문자열이어야 합니다")) };
        check_text(text).map_err(|reason| Problem::field(field, &reason))?;
        Ok(Some(text.clone()))
    }

    /// A number of pieces, as a number or as its digits in a text.
    ///
    /// # Errors
    /// A [`Problem`] that names the field.
    pub fn quantity(&self, field: &'static str) -> Result<Quantity, Problem> {
        let pieces = self.integer(field, 1, i64::from(MAX_QUANTITY))?;
        Quantity::new(pieces).map_err(|_| out_of_range(field, 1, i64::from(MAX_QUANTITY)))
    }

    /// An integer between two bounds, as a number or as its digits in a text.
    ///
    /// # Errors
    /// A [`Problem`] that names the field.
    pub fn integer(&self, field: &'static str, least: i64, most: i64) -> Result<i64, Problem> {
        let value = self.get(field).ok_or_else(|| Problem::field(field, "이 없습니다"))?;
        let number = integer(value).map_err(|why| match why {
            NotACount::NoNumber => Problem::field(field, "은 숫자여야 합니다"),
            NotACount::NoInteger => Problem::field(field, "은 소수점이나 지수가 없는 정수여야 합니다"),
            NotACount::OutOfRange => out_of_range(field, least, most),
        })?;
        if (least..=most).contains(&number) { Ok(number) } else { Err(out_of_range(field, least, most)) }
    }

    /// A number as a lenient program reads it.
    #[cfg(feature = "defects")]
    pub(crate) fn number(&self, field: &str) -> Option<f64> {
        match self.get(field)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }
}

/// Checks a text that will stand in the ledger, in messages and in e-mails.
///
/// # Errors
/// The reason, as the end of a Korean sentence.
pub fn check_text(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("이 비어 있습니다".to_owned());
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(format!("은 {MAX_NAME_BYTES}바이트를 넘을 수 없습니다"));
    }
    // SQS and SNS refuse U+FFFE and U+FFFF like most control characters: such a message would never leave the outbox.
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')) {
        return Err("에 사용할 수 없는 문자가 있습니다".to_owned());
    }
    Ok(())
}

fn out_of_range(field: &'static str, least: i64, most: i64) -> Problem {
    Problem::field(field, &format!("은 {least} 이상 {most} 이하여야 합니다"))
}

/// Reads an integer: a JSON integer, or a text of ASCII digits with an optional minus. Nothing is rounded, trimmed or guessed:
/// `3.0`, `1e3`, `"+3"` and `" 3"` are refused, because whoever writes them may mean something else.
fn integer(value: &Value) -> Result<i64, NotACount> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Ok(integer),
            None if number.is_u64() => Err(NotACount::OutOfRange),
            None => Err(NotACount::NoInteger),
        },
        Value::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                let number = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.parse::<f64>().is_ok();
                return Err(if number { NotACount::NoInteger } else { NotACount::NoNumber });
            }
            text.parse().map_err(|_| NotACount::OutOfRange)
        }
        _ => Err(NotACount::NoNumber),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_are_read_to_the_letter() {
        for (value, expected) in [
            (json!(3), Ok(3)),
            (json!("3"), Ok(3)),
            (json!("003"), Ok(3)),
            (json!(-5), Ok(-5)),
            (json!("-5"), Ok(-5)),
            (json!(0.5), Err(NotACount::NoInteger)),
            (json!(3.0), Err(NotACount::NoInteger)),
            (json!(1e308), Err(NotACount::NoInteger)),
            (json!("3.0"), Err(NotACount::NoInteger)),
            (json!("1e3"), Err(NotACount::NoInteger)),
            (json!("+3"), Err(NotACount::NoNumber)),
            (json!(" 3"), Err(NotACount::NoNumber)),
            (json!("3 "), Err(NotACount::NoNumber)),
            (json!("３"), Err(NotACount::NoNumber)),
            (json!("0x10"), Err(NotACount::NoNumber)),
            (json!(""), Err(NotACount::NoNumber)),
            (json!("-"), Err(NotACount::NoNumber)),
            (json!("three"), Err(NotACount::NoNumber)),
            (json!(true), Err(NotACount::NoNumber)),
            (json!([3]), Err(NotACount::NoNumber)),
            (json!(u64::MAX), Err(NotACount::OutOfRange)),
            (json!("99999999999999999999"), Err(NotACount::OutOfRange)),
        ] {
            assert_eq!(integer(&value), expected, "{value}");
        }
    }

    #[test]
    fn texts_that_no_message_can_carry_are_refused() {
        for text in ["", "  ", "a\0b", "a\nb", "a\u{7f}", "a\u{85}", "a\u{ffff}", &"x".repeat(MAX_NAME_BYTES + 1)] {
            assert!(check_text(text).is_err(), "{text:?}");
        }
        for text in ["a", "홍길동", "O'Brien; DROP TABLE orders", "🍩", &"x".repeat(MAX_NAME_BYTES)] {
            assert!(check_text(text).is_ok(), "{text:?}");
        }
    }
}
