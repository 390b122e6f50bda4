//! Turns a request into another one.

use bytes::Bytes;
use serde_json::Value;

use crate::decision::{Alter, Change, Fault, Slot};
use crate::faults::Strike;

/// What is forwarded instead of the body that was sent, and in words what became of it; None when it is forwarded as it is.
pub(crate) fn altered(strike: Option<&Strike>, body: &Bytes) -> Option<(Bytes, String)> {
    match strike?.in_slot(Slot::Alter)?.fault() {
        Fault::Alter { what: Alter::Body { body: other }, .. } => Some((other.clone().into(), "another body".to_owned())),
        Fault::Alter { what: Alter::Number { field, by }, .. } => alter_number(body, field, *by),
        _ => None,
    }
}

/// The body with another number in that field, written as it was (a number, or one in quotes). None when there is no number in it.
fn alter_number(body: &Bytes, field: &str, by: Change) -> Option<(Bytes, String)> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    let place = if field.starts_with('/') { value.pointer_mut(field) } else { value.get_mut(field) }?;
    let (before, after) = match place {
        Value::Number(number) => {
            let before = number.as_i64()?;
            (before, Value::from(by.of(before)))
        }
        Value::String(text) => {
            let before = text.trim().parse().ok()?;
            (before, Value::from(by.of(before).to_string()))
        }
        _ => return None,
    };
    *place = after;
    Some((value.to_string().into(), format!("{field}: {before} became {}", by.of(before))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_altered_in_the_form_that_it_has() {
        let altered = |body: &'static str, field: &str, by: Change| alter_number(&Bytes::from_static(body.as_bytes()), field, by);
        let text = |body, field, by| altered(body, field, by).map(|(body, note)| (String::from_utf8_lossy(&body).into_owned(), note));
        let expected = |body: &str, note: &str| Some((body.to_owned(), note.to_owned()));
        assert_eq!(text("{\"n\":3}", "n", Change::Add(2)), expected("{\"n\":5}", "n: 3 became 5"));
        assert_eq!(text("{\"n\":\"3\"}", "n", Change::Times(2)), expected("{\"n\":\"6\"}", "n: 3 became 6"));
        assert_eq!(text("{\"a\":[{\"n\":1}]}", "/a/0/n", Change::Add(-2)), expected("{\"a\":[{\"n\":-1}]}", "/a/0/n: 1 became -1"));
        for body in ["{\"n\":\"three\"}", "{\"n\":1.5}", "{\"m\":1}", "no JSON"] {
            assert_eq!(text(body, "n", Change::Add(1)), None, "{body}");
        }
    }
}
