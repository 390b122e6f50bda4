//! What an answer says: rules that tell one answer from another, and places from which a value is taken.

use regex::Regex;
use serde_json::Value;

use super::template::text_of;

/// A complete answer, its body parsed once.
#[derive(Debug)]
pub struct Reply<'b> {
    /// HTTP status.
    pub status: u16,
    /// The body as text.
    pub text: std::borrow::Cow<'b, str>,
    /// The body as JSON, where it is.
    pub json: Option<Value>,
}

impl<'b> Reply<'b> {
    /// Reads a body.
    #[must_use]
    pub fn of(status: u16, body: &'b [u8]) -> Self {
        Self { status, text: String::from_utf8_lossy(body), json: serde_json::from_slice(body).ok() }
    }

    /// The value that a JSON pointer leads to; the whole text for the empty pointer in a body that is no JSON.
    fn at(&self, pointer: Option<&str>) -> Option<Place<'_>> {
        match pointer {
            None => Some(Place::Text(&self.text)),
            Some(pointer) => self.json.as_ref()?.pointer(pointer).filter(|value| !value.is_null()).map(Place::Json),
        }
    }
}

/// A place in an answer.
enum Place<'a> {
    Text(&'a str),
    Json(&'a Value),
}

impl Place<'_> {
    fn text(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Place::Text(text) => std::borrow::Cow::Borrowed(text),
            Place::Json(value) => text_of(value),
        }
    }
}

/// Statuses that a rule allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statuses {
    /// Any from 200 to 299: what a rule means that names none.
    Success,
    /// One.
    One(u16),
    /// A hundred of them: 4 for 400 to 499.
    Class(u16),
    /// All.
    Any,
}

impl Statuses {
    fn allow(self, status: u16) -> bool {
        match self {
            Statuses::Success => (200..300).contains(&status),
            Statuses::One(one) => status == one,
            Statuses::Class(class) => status / 100 == class,
            Statuses::Any => true,
        }
    }
}

/// Tells answers of one kind: all that it names must be so.
#[derive(Debug, Clone)]
pub struct Rule {
    /// HTTP statuses.
    pub status: Statuses,
    /// JSON pointer to what the rest is about; None for the whole body as text.
    pub at: Option<String>,
    /// What stands there, exactly.
    pub is: Option<String>,
    /// What it matches.
    pub matches: Option<Regex>,
}

impl Rule {
    /// Whether an answer is of this kind.
    #[must_use]
    pub fn fits(&self, reply: &Reply<'_>) -> bool {
        if !self.status.allow(reply.status) {
            return false;
        }
        let Some(place) = reply.at(self.at.as_deref()) else { return false };
        self.is.as_ref().is_none_or(|is| place.text() == is.as_str())
            && self.matches.as_ref().is_none_or(|regex| regex.is_match(&place.text()))
    }

    /// The rule in words, for `loadgen target check`.
    #[must_use]
    pub fn words(&self) -> String {
        let status = match self.status {
            Statuses::Success => "status 2xx".to_owned(),
            Statuses::One(status) => format!("status {status}"),
            Statuses::Class(class) => format!("status {class}xx"),
            Statuses::Any => "any status".to_owned(),
        };
        let place = self.at.as_ref().map_or_else(|| "the body".to_owned(), |at| format!("`{at}`"));
        let is = self.is.as_ref().map(|is| format!(", {place} is {is:?}"));
        let matches = self.matches.as_ref().map(|regex| format!(", {place} matches {:?}", regex.as_str()));
        let there = (is.is_none() && matches.is_none() && self.at.is_some()).then(|| format!(", {place} is there"));
        [Some(status), is, matches, there].into_iter().flatten().collect()
    }
}

/// Any of some rules; none fits nothing.
#[must_use]
pub fn any_fits(rules: &[Rule], reply: &Reply<'_>) -> bool {
    rules.iter().any(|rule| rule.fits(reply))
}

/// Where a value is found in a body.
#[derive(Debug, Clone)]
pub struct Extract {
    /// JSON pointer; None for the whole body as text.
    pub at: Option<String>,
    /// What of the text there: the first group.
    pub matches: Option<Regex>,
}

impl Extract {
    /// The value as text.
    #[must_use]
    pub fn text(&self, reply: &Reply<'_>) -> Option<String> {
        let place = reply.at(self.at.as_deref())?;
        let text = place.text();
        match &self.matches {
            None => Some(text.into_owned()),
            Some(regex) => regex.captures(&text)?.get(1).map(|group| group.as_str().to_owned()),
        }
    }

    /// The value as a whole number; a text of digits counts.
    #[must_use]
    pub fn number(&self, reply: &Reply<'_>) -> Option<i64> {
        whole(&self.text(reply)?)
    }

    /// The place in words.
    #[must_use]
    pub fn words(&self) -> String {
        let place = self.at.as_ref().map_or_else(|| "the body".to_owned(), |at| format!("`{at}`"));
        self.matches.as_ref().map_or(place.clone(), |regex| format!("{place} by {:?}", regex.as_str()))
    }
}

/// "7", "-13" and "7.0"; nothing with a fraction.
fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.split_once('.').filter(|(_, fraction)| fraction.bytes().all(|digit| digit == b'0'))?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(status: Statuses, at: &str, is: Option<&str>, matches: Option<&str>) -> Rule {
        Rule {
            status,
            at: (!at.is_empty()).then(|| at.to_owned()),
            is: is.map(ToOwned::to_owned),
            matches: matches.map(|regex| Regex::new(regex).unwrap()),
        }
    }

    #[test]
    fn a_rule_fits_when_all_that_it_names_is_so() {
        let reply = Reply::of(200, br#"{"result":"ok","left":3,"none":null}"#);
        assert!(rule(Statuses::Success, "/result", Some("ok"), None).fits(&reply));
        assert!(rule(Statuses::Any, "/left", Some("3"), Some("^[0-9]$")).fits(&reply));
        assert!(rule(Statuses::Class(2), "", None, Some("\"ok\"")).fits(&reply));
        assert!(rule(Statuses::One(200), "/left", None, None).fits(&reply));
        for (status, at, is, matches) in [
            (Statuses::One(201), "/result", Some("ok"), None),
            (Statuses::Class(4), "/result", Some("ok"), None),
            (Statuses::Success, "/result", Some("sorry"), None),
            (Statuses::Success, "/result", None, Some("^k")),
            (Statuses::Success, "/nothing", None, None),
            (Statuses::Success, "/none", None, None),
        ] {
            assert!(!rule(status, at, is, matches).fits(&reply), "{status:?} {at} {is:?} {matches:?}");
        }
        assert!(!rule(Statuses::Success, "/result", None, None).fits(&Reply::of(200, b"<html>")));
    }

    #[test]
    fn a_value_is_taken_from_a_pointer_or_from_the_text_there() {
        let reply = Reply::of(200, r#"{"message":"구매 완료! 남은 재고: -13","n":"7","f":7.5,"g":7.0}"#.as_bytes());
        let extract = |at: &str, matches: Option<&str>| Extract {
            at: (!at.is_empty()).then(|| at.to_owned()),
            matches: matches.map(|regex| Regex::new(regex).unwrap()),
        };
        assert_eq!(extract("/message", Some("남은 재고: *(-?[0-9]+)")).number(&reply), Some(-13));
        assert_eq!(extract("/n", None).number(&reply), Some(7));
        assert_eq!(extract("/g", None).number(&reply), Some(7));
        assert_eq!(extract("/f", None).number(&reply), None);
        assert_eq!(extract("/f", None).text(&reply).as_deref(), Some("7.5"));
        assert_eq!(extract("", Some("재고: (.)")).text(&reply).as_deref(), Some("-"));
        assert_eq!(extract("/nothing", None).text(&reply), None);
    }
}
