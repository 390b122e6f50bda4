//! Where the business ids are: by them, and never by MessageIds or connections, faults are decided and written down.

use std::sync::{Arc, LazyLock};

use chaos::observe::{Extractor, Ids, Sighting};
use reference::edition::attribute;
use serde_json::Value;

use crate::history::event::BusinessIds;

/// Header that makes a purchase repeatable.
const KEY_HEADER: &str = "idempotency-key";

/// Field and query parameter that name a production on the way to and from the factory.
const PRODUCTION_FIELD: &str = "production_id";
const PRODUCTION_PARAMETER: &str = "production";
const CALLBACK_FIELD: &str = "CallbackUrl";

/// Names under which ids are kept; the first one found decides.
const KEY: &str = "key";
const MESSAGE: &str = "message";
const ORDER: &str = "order";
const PRODUCTION: &str = "production";
const EPISODE: &str = "episode";

/// Finds the ids of whatever passes any hop.
pub(super) fn extractor() -> Extractor {
    static EXTRACTOR: LazyLock<Extractor> = LazyLock::new(|| Arc::new(find));
    Arc::clone(&EXTRACTOR)
}

fn find(seen: &Sighting<'_>) -> Ids {
    let found = match seen.action {
        Some(_) => of_message(seen),
        None => of_request(seen),
    };
    Ids(found.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

/// A message's own id first: re-publications share it.
fn of_message(seen: &Sighting<'_>) -> Vec<(&'static str, Option<String>)> {
    let attribute = |name: &str| seen.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let mut found = vec![
        (MESSAGE, attribute(attribute::EVENT_ID)),
        (ORDER, attribute(attribute::ORDER_ID)),
        (PRODUCTION, attribute(attribute::PRODUCTION_ID)),
        (EPISODE, attribute(attribute::EPISODE)),
    ];
    if seen.action == Some("SendEmail") {
        found.push((EPISODE, episode_in(seen.body)));
    }
    found
}

fn of_request(seen: &Sighting<'_>) -> Vec<(&'static str, Option<String>)> {
    let key = seen.headers.get(KEY_HEADER).and_then(|key| key.to_str().ok()).map(str::to_owned);
    if key.is_some() {
        return vec![(KEY, key)];
    }
    let production = parameter(seen.query, PRODUCTION_PARAMETER).or_else(|| production_in(seen.body));
    vec![(PRODUCTION, production)]
}

fn parameter(query: &str, wanted: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    // Ids of productions need no escaping.
    pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned()).next()
}

/// An order to the factory names its production in a field of its own, or in the address to report to.
fn production_in(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    if let Some(production) = text(PRODUCTION_FIELD) {
        return Some(production.to_owned());
    }
    let (_, query) = text(CALLBACK_FIELD)?.split_once('?')?;
    parameter(query, PRODUCTION_PARAMETER)
}

/// A mail names the sold-out episode it is about as "product#number".
fn episode_in(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '#' | '-' | '_');
    let words = text.split(|c: char| !is_part(c));
    let is_episode =
        |word: &&str| word.split_once('#').is_some_and(|(product, number)| !product.is_empty() && number.parse::<u64>().is_ok());
    words.filter(is_episode).map(str::to_owned).next()
}

/// The same ids as the history names them.
pub(super) fn in_history(ids: &Ids) -> BusinessIds {
    let get = |wanted: &str| ids.0.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    BusinessIds { key: get(KEY), message: get(MESSAGE), order: get(ORDER), production: get(PRODUCTION), episode: get(EPISODE) }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn sighting<'a>(headers: &'a HeaderMap, body: &'a str, query: &'a str, attributes: &'a [(String, String)]) -> Sighting<'a> {
        let action = (!attributes.is_empty()).then_some("SendMessage");
        Sighting { hop: "any", method: "POST", path: "/", query, headers, action, body: body.as_bytes(), attributes }
    }

    #[test]
    fn a_purchase_is_known_by_its_key() {
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static(KEY_HEADER), HeaderValue::from_static("k-1"))]);
        assert_eq!(find(&sighting(&headers, "{}", "", &[])), Ids::one("key", "k-1"));
        assert_eq!(find(&sighting(&HeaderMap::new(), "{}", "", &[])), Ids::default());
    }

    #[test]
    fn a_production_is_found_wherever_an_edition_puts_it() {
        let none = HeaderMap::new();
        let expected = Ids::one("production", "p-7");
        assert_eq!(find(&sighting(&none, "", "production=p-7&token=x", &[])), expected);
        assert_eq!(find(&sighting(&none, r#"{"production_id":"p-7"}"#, "", &[])), expected);
        assert_eq!(find(&sighting(&none, r#"{"CallbackUrl":"http://h/p?production=p-7&token=x"}"#, "", &[])), expected);
    }

    #[test]
    fn a_message_is_decided_by_its_own_id_and_known_by_all() {
        let attributes = [(attribute::PRODUCTION_ID, "p-7"), (attribute::EVENT_ID, "e-1")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        let ids = find(&sighting(&HeaderMap::new(), "", "", &attributes));
        assert_eq!(ids.deciding(), Some("e-1"));
        let known = in_history(&ids);
        assert_eq!((known.message.as_deref(), known.production.as_deref()), (Some("e-1"), Some("p-7")));
    }

    #[test]
    fn a_mail_is_known_by_the_episode_it_names() {
        assert_eq!(episode_in("광고를 멈춰주세요 (CP-502101#3).".as_bytes()).as_deref(), Some("CP-502101#3"));
        assert_eq!(episode_in(b"order #3"), None);
    }
}
