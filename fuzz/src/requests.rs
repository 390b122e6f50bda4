//! Requests: to the broker, to the shop, to the factory, and through a tap; and the answers of a shop.
//!
//! A first line says what kind of request it is, the rest is its body.

use std::cell::RefCell;

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http::request::Parts;
use reference::broker::{Broker, BrokerLimits, BrokerOptions};
use reference::factory::orders::{Manufacture, ShopOrder};
use reference::http::body::json_object;
use tokio::runtime::Runtime;

/// What a broker that is fed for hours may keep.
const LIMITS: fn() -> BrokerLimits =
    || BrokerLimits { queues: 50, topics: 50, subscriptions: 200, messages_per_queue: 500, mails: 50, ..BrokerLimits::default() };

thread_local! {
    static WORLD: RefCell<(Runtime, Broker)> = RefCell::new((
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs nothing that is not there"),
        Broker::open(BrokerOptions { limits: LIMITS(), ..BrokerOptions::default() }).expect("a broker in memory needs nothing"),
    ));
}

/// The first line, and the rest.
fn split(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), bytes.get(end + 1..).unwrap_or_default())
}

/// `json SendMessage` is SQS's own protocol, `form /path` the older one of SQS and that of SNS, `mail` SES, `get /path?query` a look.
fn head(line: &str) -> Option<Parts> {
    let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
    let post = |path: &str, content_type: &str| Request::post(path).header("content-type", content_type);
    let request = match kind {
        "json" => post("/", "application/x-amz-json-1.0").header("x-amz-target", format!("AmazonSQS.{rest}")),
        "form" => post(if rest.is_empty() { "/" } else { rest }, "application/x-www-form-urlencoded"),
        "mail" => post("/v2/email/outbound-emails", "application/json"),
        "get" => Request::get(rest),
        _ => return None,
    };
    Some(request.body(()).ok()?.into_parts().0)
}

/// SQS in both protocols, SNS and SES, as the embedded broker understands them.
pub(crate) fn broker(bytes: &[u8]) {
    let (line, body) = split(bytes);
    let Some(head) = head(&line) else { return };
    WORLD.with_borrow(|(runtime, broker)| drop(runtime.block_on(broker.ask(&head, body))));
}

/// The same, as a tap understands them; what comes behind a line with nothing in it is the answer.
pub(crate) fn aws_tap(bytes: &[u8]) {
    let (line, rest) = split(bytes);
    let Some(head) = head(&line) else { return };
    let cut = rest.windows(2).position(|two| two == b"\n\n").unwrap_or(rest.len());
    let answer = rest.get(cut + 2..).unwrap_or_default();
    let _ = chaos::tap::aws::rehearse(&head, &Bytes::copy_from_slice(&rest[..cut]), &Bytes::copy_from_slice(answer));
}

/// A body of the shop's own APIs; the first line is its content type.
pub(crate) fn http_body(bytes: &[u8]) {
    let (content_type, body) = split(bytes);
    let Ok(request) = Request::post("/").header("content-type", content_type).body(Body::from(body.to_vec())) else { return };
    let read = WORLD.with_borrow(|(runtime, _)| runtime.block_on(json_object(request)));
    let Ok(fields) = read else { return };
    // Whatever stands there is taken or refused.
    let _ = (fields.text("requester").is_ok(), fields.optional_text("MessageAttributeFactoryId").is_ok());
    let _ = (fields.quantity("MessageAttributeProductCnt").is_ok(), fields.integer("quantity", 0, 1_000).is_ok());
}

/// An answer of a shop, as buyers read it.
pub(crate) fn http_answer(bytes: &[u8]) {
    let body = loadgen::load::rehearse(bytes);
    assert!(body.is_none_or(|body| body <= bytes.len()), "a body of {body:?} bytes in {}", bytes.len());
}

/// An order to the factory, in the words of both editions.
pub(crate) fn factory_order(bytes: &[u8]) {
    if let Ok(order) = serde_json::from_slice::<Manufacture>(bytes) {
        let _ = order.check().is_ok();
    }
    if let Ok(order) = serde_json::from_slice::<ShopOrder>(bytes) {
        let _ = order.check().is_ok();
    }
}
