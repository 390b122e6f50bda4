//! What an answer means: a pure function of what was asked, the status and the complete body.
//!
//! Sold and sold out are both HTTP 200, so the body decides. Machine-readable fields decide first; a system that has none is understood by
//! the regular Korean texts alone. Where the two contradict each other, or neither is there, nothing is certain.

use serde_json::{Map, Value};

use crate::history::event::{Answer, OpKind, Outcome};

/// Begin of the message of a completed purchase.
const SOLD: &str = "구매 완료";
/// Begin of the message of a refused purchase.
const SOLD_OUT: &str = "구매 실패";
/// What stands before the stock in both.
const STOCK_LEFT: &str = "남은 재고:";

/// Longest note that is kept, in characters.
const NOTE_CHARS: usize = 160;

/// What a complete answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// Verdict on the attempt.
    pub outcome: Outcome,
    /// What the answer was.
    pub answer: Answer,
    /// Order id.
    pub order: Option<String>,
    /// Production that was promised.
    pub production: Option<String>,
    /// Pieces sold or refused.
    pub quantity: Option<u64>,
    /// Stock left.
    pub stock: Option<i64>,
    /// Why it was not understood, or what the refusal said.
    pub note: Option<String>,
}

/// Understands a complete answer. Works for both editions, whose answers differ only where nothing depends on it.
#[must_use]
pub fn classify(kind: OpKind, status: u16, body: &[u8]) -> Understood {
    let parsed = serde_json::from_slice::<Value>(body).ok();
    let no_fields = Map::new();
    let fields = parsed.as_ref().and_then(Value::as_object).unwrap_or(&no_fields);
    let (outcome, answer) = match (status, kind) {
        (200, OpKind::Browse) => page(parsed.as_ref()),
        (200, OpKind::Purchase | OpKind::Hostile) => purchase(fields),
        _ => refusal(status, fields, parsed.is_some()),
    };
    let explained = matches!(answer, Answer::Sold | Answer::SoldOut | Answer::Browsed);
    let from_purchase = kind != OpKind::Browse;
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(ToOwned::to_owned).filter(|_| from_purchase);
    Understood {
        outcome,
        answer,
        order: text("order_id"),
        production: text("production_id"),
        quantity: fields.get("quantity").and_then(Value::as_u64).filter(|_| from_purchase),
        stock: fields.get("stock").and_then(Value::as_i64).or_else(|| stock_in(message(fields))),
        note: (!explained).then(|| beginning(body)),
    }
}

/// The first characters of a body, for people.
#[must_use]
pub fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(NOTE_CHARS * 4)]).chars().take(NOTE_CHARS).collect()
}

fn page(parsed: Option<&Value>) -> (Outcome, Answer) {
    let row = |value: &Value| value.get("stock").or_else(|| value.get("quantity")).is_some();
    let shown = match parsed {
        Some(Value::Array(rows)) => !rows.is_empty() && rows.iter().all(row),
        Some(value) => row(value),
        None => false,
    };
    if shown { (Outcome::Ok, Answer::Browsed) } else { (Outcome::Info, Answer::Garbled) }
}

fn purchase(fields: &Map<String, Value>) -> (Outcome, Answer) {
    let said = match message(fields).trim_start() {
        text if text.starts_with(SOLD) => Some(Answer::Sold),
        text if text.starts_with(SOLD_OUT) => Some(Answer::SoldOut),
        _ => None,
    };
    let marked = match marked(fields) {
        Some("sold") => Some(Answer::Sold),
        Some("sold_out") => Some(Answer::SoldOut),
        Some("rejected") => Some(Answer::Rejected),
        Some(_) => Some(Answer::Garbled),
        None => None,
    };
    let agreed = match (marked, said) {
        (Some(marked), Some(said)) if marked != said => Answer::Garbled,
        (Some(answer), _) | (None, Some(answer)) => answer,
        (None, None) => Answer::Garbled,
    };
    let outcome = match agreed {
        Answer::Sold => Outcome::Ok,
        Answer::SoldOut | Answer::Rejected => Outcome::Fail,
        _ => Outcome::Info,
    };
    (outcome, agreed)
}

/// Any status but 200. "rejected" in the body promises that nothing was done.
fn refusal(status: u16, fields: &Map<String, Value>, is_json: bool) -> (Outcome, Answer) {
    let nothing_done = marked(fields) == Some("rejected");
    match status {
        // By the contract, the attempt that is in flight decides the order, and this one did nothing.
        409 => (Outcome::Fail, Answer::InFlight),
        429 | 500..=599 if nothing_done => (Outcome::Fail, Answer::Shed),
        500..=599 => (Outcome::Info, Answer::ServerError),
        // The client's fault, said so in a complete answer; except the three that a proxy gives for a request it had already passed on.
        400..=499 if nothing_done || (is_json && !matches!(status, 408 | 425 | 429)) => (Outcome::Fail, Answer::Rejected),
        // Without a body to say so, these are only given before anything is looked at.
        404 | 405 | 411 | 413 | 414 | 415 | 431 => (Outcome::Fail, Answer::Rejected),
        _ => (Outcome::Info, Answer::Garbled),
    }
}

fn marked(fields: &Map<String, Value>) -> Option<&str> {
    fields.get("outcome").and_then(Value::as_str)
}

fn message(fields: &Map<String, Value>) -> &str {
    fields.get("message").and_then(Value::as_str).unwrap_or_default()
}

/// The number after "남은 재고:".
fn stock_in(message: &str) -> Option<i64> {
    let (_, rest) = message.split_once(STOCK_LEFT)?;
    let rest = rest.trim_start();
    let ends = rest.char_indices().find(|(at, c)| !(c.is_ascii_digit() || (*at == 0 && *c == '-'))).map_or(rest.len(), |(at, _)| at);
    rest[..ends].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asked, status, body, and what it means.
    type Case = (OpKind, u16, &'static str, Outcome, Answer);

    const CASES: &[Case] = &[
        (OpKind::Purchase, 200, r#"{"message":"구매 완료! 남은 재고: 7","outcome":"sold"}"#, Outcome::Ok, Answer::Sold),
        (OpKind::Purchase, 200, r#"{"message":"구매 완료! 남은 재고: 7"}"#, Outcome::Ok, Answer::Sold),
        (OpKind::Purchase, 200, r#"{"outcome":"sold"}"#, Outcome::Ok, Answer::Sold),
        (OpKind::Purchase, 200, r#"{"message":"구매 실패! 남은 재고: 0, 생산요청 진행중"}"#, Outcome::Fail, Answer::SoldOut),
        (
            OpKind::Purchase,
            200,
            r#"{"outcome":"sold_out","message":"구매 실패! 남은 재고: 0, 생산요청 진행중"}"#,
            Outcome::Fail,
            Answer::SoldOut,
        ),
        (
            OpKind::Purchase,
            200,
            r#"{"outcome":"sold","message":"구매 실패! 남은 재고: 0, 생산요청 진행중"}"#,
            Outcome::Info,
            Answer::Garbled,
        ),
        (OpKind::Purchase, 200, r#"{"outcome":"perhaps"}"#, Outcome::Info, Answer::Garbled),
        (OpKind::Purchase, 200, r#"{"outcome":"rejected"}"#, Outcome::Fail, Answer::Rejected),
        (OpKind::Purchase, 200, r#"{"message":"hello"}"#, Outcome::Info, Answer::Garbled),
        (OpKind::Purchase, 200, "", Outcome::Info, Answer::Garbled),
        (OpKind::Purchase, 200, r#"["구매 완료"]"#, Outcome::Info, Answer::Garbled),
        (OpKind::Purchase, 400, r#"{"message":"상품 없음"}"#, Outcome::Fail, Answer::Rejected),
        (OpKind::Purchase, 404, r#"{"error":"Not Found"}"#, Outcome::Fail, Answer::Rejected),
        (OpKind::Purchase, 400, "<html>", Outcome::Info, Answer::Garbled),
        (OpKind::Purchase, 409, r#"{"message":"…","outcome":"rejected"}"#, Outcome::Fail, Answer::InFlight),
        (OpKind::Purchase, 409, r#"{"message":"…"}"#, Outcome::Fail, Answer::InFlight),
        (OpKind::Purchase, 422, r#"{"message":"…","outcome":"rejected"}"#, Outcome::Fail, Answer::Rejected),
        (OpKind::Purchase, 429, r#"{"outcome":"rejected"}"#, Outcome::Fail, Answer::Shed),
        (OpKind::Purchase, 429, r#"{"message":"slow down"}"#, Outcome::Info, Answer::Garbled),
        (OpKind::Purchase, 408, r#"{"message":"timeout"}"#, Outcome::Info, Answer::Garbled),
        (OpKind::Purchase, 503, r#"{"outcome":"rejected"}"#, Outcome::Fail, Answer::Shed),
        (OpKind::Purchase, 503, r#"{"message":"try later"}"#, Outcome::Info, Answer::ServerError),
        (OpKind::Purchase, 500, "", Outcome::Info, Answer::ServerError),
        (OpKind::Purchase, 302, "", Outcome::Info, Answer::Garbled),
        (OpKind::Hostile, 400, r#"{"message":"…","outcome":"rejected"}"#, Outcome::Fail, Answer::Rejected),
        (OpKind::Hostile, 413, "", Outcome::Fail, Answer::Rejected),
        (OpKind::Hostile, 200, r#"{"message":"구매 완료! 남은 재고: 15"}"#, Outcome::Ok, Answer::Sold),
        (OpKind::Browse, 200, r#"{"product_id":"CP-502101","stock":7}"#, Outcome::Ok, Answer::Browsed),
        (OpKind::Browse, 200, r#"[{"item_id":1,"quantity":1},{"item_id":2,"quantity":2}]"#, Outcome::Ok, Answer::Browsed),
        (OpKind::Browse, 200, "[]", Outcome::Info, Answer::Garbled),
        (OpKind::Browse, 200, "hello", Outcome::Info, Answer::Garbled),
        (OpKind::Browse, 400, r#"{"message":"상품 없음"}"#, Outcome::Fail, Answer::Rejected),
        (OpKind::Browse, 502, "", Outcome::Info, Answer::ServerError),
    ];

    #[test]
    fn answers_mean_what_their_bodies_say() {
        for (kind, status, body, outcome, answer) in CASES {
            let understood = classify(*kind, *status, body.as_bytes());
            assert_eq!((understood.outcome, understood.answer), (*outcome, *answer), "{kind:?} {status} {body}");
        }
    }

    #[test]
    fn fields_are_read_and_the_stock_is_found_in_the_text_too() {
        let body = r#"{"message":"구매 실패! 남은 재고: 2, 생산요청 진행중","outcome":"sold_out","order_id":"o","production_id":"p","quantity":5,"stock":2}"#;
        let understood = classify(OpKind::Purchase, 200, body.as_bytes());
        assert_eq!(understood.order.as_deref(), Some("o"));
        assert_eq!(understood.production.as_deref(), Some("p"));
        assert_eq!((understood.quantity, understood.stock, understood.note), (Some(5), Some(2), None));
        let text_alone = r#"{"message":"구매 완료! 남은 재고: -13"}"#;
        assert_eq!(classify(OpKind::Purchase, 200, text_alone.as_bytes()).stock, Some(-13));
    }

    #[test]
    fn a_note_is_short_whatever_the_body_is() {
        let understood = classify(OpKind::Purchase, 500, "빵".repeat(10_000).as_bytes());
        assert_eq!(understood.note.unwrap().chars().count(), NOTE_CHARS);
    }
}
