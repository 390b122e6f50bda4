//! The requests that buyers send, in the words of either edition.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, USER_AGENT};
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use super::Target;
use super::pool::Body;
use crate::history::event::OpKind;
use crate::plan::Trick;
use crate::scenario::EditionName;

/// Makes a purchase repeatable.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A name far longer than any system may take.
const LONG_NAME: usize = 20_000;

/// A body far larger than any order.
const LARGE_BODY: usize = 2 * 1024 * 1024;

/// What a request is to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) kind: OpKind,
    pub(super) buyer: u64,
    pub(super) key: Option<&'a str>,
    pub(super) product: &'a str,
    pub(super) quantity: u64,
    pub(super) trick: Option<Trick>,
}

/// Writes the request.
pub(super) fn request(target: &Target, wanted: Wanted<'_>) -> Request<Body> {
    let (method, path, content_type, body) = match wanted.kind {
        OpKind::Browse => (Method::GET, page(target.edition), None, Bytes::new()),
        OpKind::Purchase | OpKind::Hostile => order(target, wanted),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", target.base_path))
        .header(HOST, target.authority.as_str())
        .header(USER_AGENT, "rushproof");
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    if let Some(key) = wanted.key {
        request = request.header(IDEMPOTENCY_KEY, key);
    }
    request.body(Full::new(body)).expect("a checked address, fixed paths and a UUID as key make a valid request")
}

fn page(edition: EditionName) -> &'static str {
    match edition {
        EditionName::Donut => "/product/donut",
        EditionName::Shop => "/item",
    }
}

fn order(target: &Target, wanted: Wanted<'_>) -> (Method, &'static str, Option<&'static str>, Bytes) {
    let name = target.names.get(wanted.product).map_or(wanted.product, String::as_str);
    let requester = match wanted.trick {
        Some(Trick::SqlInRequester) => "x'); UPDATE products SET stock = 999998; UPDATE items SET quantity = 999998; --".to_owned(),
        Some(Trick::LongRequester) => "가".repeat(LONG_NAME),
        Some(Trick::LargeBody) => "x".repeat(LARGE_BODY),
        _ => format!("buyer-{}", wanted.buyer),
    };
    let count = count(wanted);
    let (mut path, mut body) = match target.edition {
        EditionName::Donut => {
            ("/checkout", json!({ "MessageAttributeProductCnt": count, "MessageAttributeFactoryId": name, "requester": requester }))
        }
        EditionName::Shop => ("/item", json!({ "item_name": name, "quantity": count, "requester": requester })),
    };
    match (wanted.trick, target.edition) {
        (Some(Trick::UnknownProduct), EditionName::Shop) => body["item_name"] = json!("Item999999"),
        (Some(Trick::UnknownProduct), EditionName::Donut) => path = "/product/XX-000000",
        _ => {}
    }
    let mut bytes = body.to_string().into_bytes();
    if wanted.trick == Some(Trick::InvalidJson) {
        bytes.truncate(bytes.len() / 2);
    }
    let content_type = match wanted.trick {
        Some(Trick::WrongContentType) => "application/x-www-form-urlencoded",
        _ => "application/json",
    };
    (Method::POST, path, Some(content_type), Bytes::from(bytes))
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
    use http_body_util::BodyExt;

    use super::*;

    fn wanted(kind: OpKind, trick: Option<Trick>) -> Wanted<'static> {
        Wanted { kind, buyer: 7, key: Some("k"), product: "CP-502101", quantity: 3, trick }
    }

    async fn sent(edition: EditionName, wanted: Wanted<'_>) -> (Request<()>, Vec<u8>) {
        let target = Target::new(edition, "http://127.0.0.1:9/base").unwrap();
        let (head, body) = request(&target, wanted).into_parts();
        (Request::from_parts(head, ()), body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn a_purchase_speaks_the_words_of_its_edition() {
        let (head, body) = sent(EditionName::Donut, wanted(OpKind::Purchase, None)).await;
        assert_eq!((head.method(), head.uri().path()), (&Method::POST, "/base/checkout"));
        assert_eq!(head.headers()["idempotency-key"], "k");
        let body: Value = serde_json::from_slice(&body).unwrap();
        let expected = json!({ "MessageAttributeProductCnt": 3, "MessageAttributeFactoryId": "FF-500293", "requester": "buyer-7" });
        assert_eq!(body, expected);

        let of_item = Wanted { product: "2", ..wanted(OpKind::Purchase, None) };
        let (head, body) = sent(EditionName::Shop, of_item).await;
        assert_eq!(head.uri().path(), "/base/item");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, json!({ "item_name": "Item2", "quantity": 3, "requester": "buyer-7" }));
    }

    #[tokio::test]
    async fn each_trick_breaks_what_it_says() {
        for trick in Trick::ALL {
            let kind = if trick == Trick::SqlInRequester { OpKind::Purchase } else { OpKind::Hostile };
            let (head, body) = sent(EditionName::Donut, wanted(kind, Some(trick))).await;
            let parsed = serde_json::from_slice::<Value>(&body);
            let count = parsed.as_ref().map(|body| body["MessageAttributeProductCnt"].clone()).unwrap_or_default();
            let broken = match trick {
                Trick::NegativeCount => count == json!(-5),
                Trick::ZeroCount => count == json!(0),
                Trick::FractionalCount => count == json!(0.5),
                Trick::HugeCount => count.as_f64() == Some(1e308),
                Trick::NonNumericCount | Trick::SqlInCount => count.is_string(),
                Trick::SqlInRequester => parsed.unwrap()["requester"].as_str().unwrap().contains("UPDATE"),
                Trick::LongRequester => body.len() > LONG_NAME,
                Trick::InvalidJson => parsed.is_err(),
                Trick::WrongContentType => head.headers()["content-type"] != "application/json",
                Trick::LargeBody => body.len() > LARGE_BODY,
                // What is wrong with it is the key, which stands in the plan.
                Trick::ReplayedKey => count == json!(3),
                Trick::UnknownProduct => head.uri().path() != "/base/checkout",
            };
            assert!(broken, "{trick:?}");
        }
    }
}
