//! What buyers send: a filled template, or one that a hostile buyer spoiled.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::{ProductWords, RequestTemplate, Speech, text_value};
use crate::history::event::OpKind;
use crate::plan::Trick;
use crate::target::template::{Setting, Template};

/// A name far longer than any system may take.
const LONG_NAME: usize = 20_000;

/// A body far larger than any order.
const LARGE_BODY: usize = 2 * 1024 * 1024;

/// A product that nobody sells, and whatever else names one.
const UNKNOWN: &str = "no-such-product-999999";

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// What a request is to say.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Looking, buying, or meaning no good.
    pub kind: OpKind,
    /// Who.
    pub buyer: u64,
    /// The order's key.
    pub key: Option<&'a str>,
    /// The product's id.
    pub product: &'a str,
    /// Pieces.
    pub quantity: u64,
    /// What is wrong with it.
    pub trick: Option<Trick>,
}

/// A request in the shop's words, without its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Headers, Content-Type and the idempotency key among them.
    pub headers: HeaderMap,
    /// Body; empty for none.
    pub body: Bytes,
}

impl Speech {
    /// Says it.
    #[must_use]
    pub fn say(&self, wanted: Wanted<'_>) -> Spoken {
        let template = match (wanted.kind, &self.browse) {
            (OpKind::Browse, Some(browse)) => &browse.request,
            _ => &self.purchase.request,
        };
        let words = self.products.iter().find(|product| product.id == wanted.product);
        let values = |place: &str| value(place, wanted, words);
        let mut spoken = template.fill(&values).expect("a checked target file has no place that a buyer cannot fill");
        if wanted.kind == OpKind::Browse {
            return spoken;
        }
        if let (Some(header), Some(key)) = (&self.purchase.idempotency, wanted.key)
            && let Ok(key) = HeaderValue::from_str(key)
        {
            spoken.headers.insert(header, key);
        }
        self.spoil(&mut spoken, wanted.trick);
        spoken
    }

    /// What a hostile buyer does to a request as a whole.
    fn spoil(&self, spoken: &mut Spoken, trick: Option<Trick>) {
        match trick {
            Some(Trick::InvalidJson) => spoken.body = spoken.body.slice(..spoken.body.len() / 2),
            Some(Trick::WrongContentType) => drop(spoken.headers.insert(CONTENT_TYPE, FORM)),
            Some(Trick::UnknownProduct) => {
                if let Some(unknown) = &self.purchase.unknown {
                    unknown.text().clone_into(&mut spoken.path);
                }
            }
            _ => {}
        }
    }
}

impl RequestTemplate {
    /// Fills method, path, headers and body.
    ///
    /// # Errors
    /// The name of a place that nothing is known for.
    pub fn fill(&self, values: &impl Fn(&str) -> Option<Value>) -> Result<Spoken, String> {
        let mut headers = HeaderMap::new();
        if let Some(body) = &self.body {
            headers.insert(CONTENT_TYPE, if is_json(body) { JSON } else { FORM });
        }
        for (name, template) in &self.headers {
            // What does not fit into a header (a line break in a name) is left out rather than sent as something else.
            if let Ok(value) = HeaderValue::from_str(&template.fill(Setting::Plain, values)?) {
                headers.insert(name, value);
            }
        }
        let body = match &self.body {
            Some(body) => body.fill(if is_json(body) { Setting::Json } else { Setting::Address }, values)?,
            None => String::new(),
        };
        Ok(Spoken { method: self.method.clone(), path: self.path.fill(Setting::Address, values)?, headers, body: Bytes::from(body) })
    }
}

fn is_json(body: &Template) -> bool {
    body.text().trim_start().starts_with(['{', '['])
}

/// What stands at a place of a buyer's request.
fn value(place: &str, wanted: Wanted<'_>, words: Option<&ProductWords>) -> Option<Value> {
    let unknown = wanted.trick == Some(Trick::UnknownProduct);
    Some(match place {
        "quantity" => count(wanted),
        "requester" => requester(wanted),
        "buyer" => json!(wanted.buyer),
        "key" => text_value(wanted.key.map_or_else(|| format!("buyer-{}", wanted.buyer), ToOwned::to_owned)),
        _ if unknown && place.starts_with("product") => text_value(UNKNOWN),
        "product" => text_value(wanted.product),
        _ => text_value(words?.words.get(place.strip_prefix("product.")?)?.as_str()),
    })
}

fn requester(wanted: Wanted<'_>) -> Value {
    match wanted.trick {
        Some(Trick::SqlInRequester) => text_value("x'); UPDATE products SET stock = 999998; UPDATE items SET quantity = 999998; --"),
        Some(Trick::LongRequester) => text_value("가".repeat(LONG_NAME)),
        Some(Trick::LargeBody) => text_value("x".repeat(LARGE_BODY)),
        _ => text_value(format!("buyer-{}", wanted.buyer)),
    }
}

fn count(wanted: Wanted<'_>) -> Value {
    match wanted.trick {
        Some(Trick::NegativeCount) => json!(-5),
        Some(Trick::ZeroCount) => json!(0),
        Some(Trick::FractionalCount) => json!(0.5),
        Some(Trick::HugeCount) => json!(1e308),
        Some(Trick::NonNumericCount) => json!("many"),
        Some(Trick::SqlInCount) => json!("1; UPDATE products SET stock = 999998"),
        _ => json!(wanted.quantity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::EditionName;

    fn wanted(kind: OpKind, trick: Option<Trick>) -> Wanted<'static> {
        Wanted { kind, buyer: 7, key: Some("k"), product: "CP-502101", quantity: 3, trick }
    }

    fn said(edition: EditionName, wanted: Wanted<'_>) -> Spoken {
        Speech::of_edition(edition).say(wanted)
    }

    #[test]
    fn a_purchase_speaks_the_words_of_its_edition() {
        let spoken = said(EditionName::Donut, wanted(OpKind::Purchase, None));
        assert_eq!((spoken.method, spoken.path.as_str()), (Method::POST, "/checkout"));
        assert_eq!(spoken.headers["idempotency-key"], "k");
        let body: Value = serde_json::from_slice(&spoken.body).unwrap();
        let expected = json!({ "MessageAttributeProductCnt": 3, "MessageAttributeFactoryId": "FF-500293", "requester": "buyer-7" });
        assert_eq!(body, expected);

        let spoken = said(EditionName::Shop, Wanted { product: "2", ..wanted(OpKind::Purchase, None) });
        assert_eq!(spoken.path, "/item");
        let body: Value = serde_json::from_slice(&spoken.body).unwrap();
        assert_eq!(body, json!({ "item_name": "Item2", "quantity": 3, "requester": "buyer-7" }));
    }

    #[test]
    fn each_trick_breaks_what_it_says() {
        for trick in Trick::ALL {
            assert!(Speech::of_edition(EditionName::Donut).can_express(trick), "{trick:?}");
            let kind = if trick == Trick::SqlInRequester { OpKind::Purchase } else { OpKind::Hostile };
            let spoken = said(EditionName::Donut, wanted(kind, Some(trick)));
            let parsed = serde_json::from_slice::<Value>(&spoken.body);
            let count = parsed.as_ref().map(|body| body["MessageAttributeProductCnt"].clone()).unwrap_or_default();
            let broken = match trick {
                Trick::NegativeCount => count == json!(-5),
                Trick::ZeroCount => count == json!(0),
                Trick::FractionalCount => count == json!(0.5),
                Trick::HugeCount => count.as_f64() == Some(1e308),
                Trick::NonNumericCount | Trick::SqlInCount => count.is_string(),
                Trick::SqlInRequester => parsed.unwrap()["requester"].as_str().unwrap().contains("UPDATE"),
                Trick::LongRequester => spoken.body.len() > LONG_NAME,
                Trick::InvalidJson => parsed.is_err(),
                Trick::WrongContentType => spoken.headers["content-type"] != "application/json",
                Trick::LargeBody => spoken.body.len() > LARGE_BODY,
                // What is wrong with it is the key, which stands in the plan.
                Trick::ReplayedKey => count == json!(3),
                Trick::UnknownProduct => spoken.path != "/checkout",
            };
            assert!(broken, "{trick:?}");
        }
        let unknown = Wanted { product: "2", ..wanted(OpKind::Hostile, Some(Trick::UnknownProduct)) };
        let body: Value = serde_json::from_slice(&said(EditionName::Shop, unknown).body).unwrap();
        assert_eq!(body["item_name"], UNKNOWN);
    }
}
