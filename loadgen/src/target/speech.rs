//! How buyers talk to a shop: what they send, and what its answers mean.
//!
//! Sold and sold out are often both HTTP 200, so the body decides, by the rules of the target file. Where an answer fits both kinds, or
//! neither, nothing is certain. Both editions of the contract are target files like any other (`targets/donut.toml`, `targets/shop.toml`).

mod request;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, Method};
use serde_json::Value;

use super::answer::{Extract, Reply, Rule, any_fits};
use super::template::Template;
use crate::history::event::{Answer, OpKind, Outcome};
use crate::plan::Trick;
use crate::scenario::EditionName;

pub use request::{Spoken, Wanted};

/// Longest note that is kept, in characters.
const NOTE_CHARS: usize = 160;

/// How a shop is talked to.
#[derive(Debug, Clone)]
pub struct Speech {
    /// What it sells, in its own words.
    pub products: Vec<ProductWords>,
    /// How its page is looked at; None when it has none.
    pub browse: Option<Browse>,
    /// How one buys.
    pub purchase: Purchase,
}

/// A product and what it is called: `{product}` is its id, `{product.name}` the word of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductWords {
    /// Its id, in the harness and at `{product}`.
    pub id: String,
    /// Further words.
    pub words: BTreeMap<String, String>,
}

/// A request with places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTemplate {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: Template,
    /// Headers beside those that every request has.
    pub headers: Vec<(HeaderName, Template)>,
    /// Body, if it has one.
    pub body: Option<Template>,
}

/// Looking at a product.
#[derive(Debug, Clone)]
pub struct Browse {
    /// What is sent.
    pub request: RequestTemplate,
    /// What a page looks like.
    pub shown: Vec<Rule>,
    /// Where it says how many are left.
    pub left: Option<Extract>,
}

/// Buying.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// What is sent.
    pub request: RequestTemplate,
    /// Header that makes a purchase repeatable. Without one each attempt is an order of its own.
    pub idempotency: Option<HeaderName>,
    /// Path of something that nobody sells, for shops whose requests name no product.
    pub unknown: Option<Template>,
    /// What a sale looks like.
    pub sold: Vec<Rule>,
    /// What a refusal for lack of stock looks like.
    pub sold_out: Vec<Rule>,
    /// What an answer looks like that promises that nothing was done.
    pub rejected: Vec<Rule>,
    /// Where the order's id is.
    pub order: Option<Extract>,
    /// Which production a refusal promises.
    pub production: Option<Promised>,
    /// Where the number of pieces is.
    pub units: Option<Extract>,
    /// Where the stock left is.
    pub left: Option<Extract>,
    /// Whether a refusal for lack of stock promises that goods will be made; None where the file does not say.
    pub promises_goods: Option<bool>,
}

/// By what a promised production is known.
#[derive(Debug, Clone)]
pub enum Promised {
    /// The answer names it.
    Named(Extract),
    /// It carries the refused order's own key: one production per refusal.
    Key,
}

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

impl Speech {
    /// How the reference pipeline is talked to in one of its editions.
    #[must_use]
    pub fn of_edition(edition: EditionName) -> Arc<Self> {
        super::shipped::speech(edition)
    }

    /// Whether the same key makes the same order.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        self.purchase.idempotency.is_some()
    }

    /// Whether a trick can be expressed in this shop's words.
    #[must_use]
    pub fn can_express(&self, trick: Trick) -> bool {
        let request = &self.purchase.request;
        let names = |what: fn(&str) -> bool| request.places().any(what);
        match trick {
            Trick::ReplayedKey => self.is_repeatable(),
            Trick::SqlInRequester | Trick::LongRequester | Trick::LargeBody => names(|place| place == "requester"),
            Trick::UnknownProduct => self.purchase.unknown.is_some() || names(|place| place == "product" || place.starts_with("product.")),
            Trick::InvalidJson | Trick::WrongContentType => {
                request.body.as_ref().is_some_and(|body| body.text().trim_start().starts_with('{'))
            }
            _ => names(|place| place == "quantity"),
        }
    }

    /// Understands a complete answer to a request that was made under this key.
    #[must_use]
    pub fn understand(&self, kind: OpKind, key: Option<&str>, status: u16, body: &[u8]) -> Understood {
        let reply = Reply::of(status, body);
        match kind {
            OpKind::Browse => self.page(&reply, body),
            OpKind::Purchase | OpKind::Hostile => self.purchase.understand(key, &reply, body),
        }
    }

    fn page(&self, reply: &Reply<'_>, body: &[u8]) -> Understood {
        let nothing = Understood::new(Outcome::Info, Answer::Garbled);
        let Some(browse) = &self.browse else { return nothing };
        if any_fits(&browse.shown, reply) {
            let stock = browse.left.as_ref().and_then(|left| left.number(reply));
            return Understood { stock, ..Understood::new(Outcome::Ok, Answer::Browsed) };
        }
        let (outcome, answer) = refusal(reply, false, false);
        Understood { note: Some(beginning(body)), ..Understood::new(outcome, answer) }
    }
}

impl RequestTemplate {
    /// The names of all its places.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter().flat_map(|(_, value)| value.places());
        self.path.places().chain(self.body.iter().flat_map(Template::places)).chain(headers)
    }
}

impl Purchase {
    fn understand(&self, key: Option<&str>, reply: &Reply<'_>, body: &[u8]) -> Understood {
        let (outcome, answer) = match (any_fits(&self.sold, reply), any_fits(&self.sold_out, reply)) {
            (true, true) => (Outcome::Info, Answer::Garbled),
            (true, false) => (Outcome::Ok, Answer::Sold),
            (false, true) => (Outcome::Fail, Answer::SoldOut),
            (false, false) => refusal(reply, any_fits(&self.rejected, reply), self.idempotency.is_some()),
        };
        let text = |place: &Option<Extract>| place.as_ref().and_then(|place| place.text(reply));
        let promised = match &self.production {
            Some(Promised::Named(place)) => place.text(reply),
            Some(Promised::Key) if answer == Answer::SoldOut => key.map(ToOwned::to_owned),
            _ => None,
        };
        Understood {
            outcome,
            answer,
            order: text(&self.order),
            production: promised,
            quantity: self.units.as_ref().and_then(|units| units.number(reply)).and_then(|units| units.try_into().ok()),
            stock: self.left.as_ref().and_then(|left| left.number(reply)),
            note: (!matches!(answer, Answer::Sold | Answer::SoldOut)).then(|| beginning(body)),
        }
    }
}

impl Understood {
    /// An answer without any details.
    #[must_use]
    pub fn new(outcome: Outcome, answer: Answer) -> Self {
        Self { outcome, answer, order: None, production: None, quantity: None, stock: None, note: None }
    }
}

/// An answer that is neither a sale nor a refusal for lack of stock.
fn refusal(reply: &Reply<'_>, nothing_done: bool, repeatable: bool) -> (Outcome, Answer) {
    match reply.status {
        // Where keys make orders repeatable, the attempt that is in flight decides the order, and this one did nothing.
        409 if repeatable => (Outcome::Fail, Answer::InFlight),
        429 | 500..=599 if nothing_done => (Outcome::Fail, Answer::Shed),
        500..=599 => (Outcome::Info, Answer::ServerError),
        200..=499 if nothing_done => (Outcome::Fail, Answer::Rejected),
        // The client's fault, said so in a complete answer; except the three that a proxy gives for a request it had already passed on.
        400..=499 if reply.json.is_some() && !matches!(reply.status, 408 | 425 | 429) => (Outcome::Fail, Answer::Rejected),
        // Without a body to say so, these are only given before anything is looked at.
        404 | 405 | 411 | 413 | 414 | 415 | 431 => (Outcome::Fail, Answer::Rejected),
        _ => (Outcome::Info, Answer::Garbled),
    }
}

/// The first characters of a body, for people.
#[must_use]
pub fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(NOTE_CHARS * 4)]).chars().take(NOTE_CHARS).collect()
}

/// A text as the value of a place.
fn text_value(text: impl Into<String>) -> Value {
    Value::String(text.into())
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
        (OpKind::Purchase, 422, r#"{"message":"…"}"#, Outcome::Fail, Answer::Rejected),
        (OpKind::Purchase, 408, r#"{"message":"…"}"#, Outcome::Info, Answer::Garbled),
        (OpKind::Purchase, 429, r#"{"message":"…"}"#, Outcome::Info, Answer::Garbled),
        (OpKind::Purchase, 429, r#"{"outcome":"rejected"}"#, Outcome::Fail, Answer::Shed),
        (OpKind::Purchase, 503, r#"{"outcome":"rejected"}"#, Outcome::Fail, Answer::Shed),
        (OpKind::Purchase, 503, r#"{"message":"try later"}"#, Outcome::Info, Answer::ServerError),
        (OpKind::Purchase, 500, "", Outcome::Info, Answer::ServerError),
        (OpKind::Purchase, 302, "", Outcome::Info, Answer::Garbled),
        (OpKind::Hostile, 400, r#"{"message":"…","outcome":"rejected"}"#, Outcome::Fail, Answer::Rejected),
        (OpKind::Hostile, 413, "", Outcome::Fail, Answer::Rejected),
        (OpKind::Hostile, 200, r#"{"message":"구매 완료! 남은 재고: 15"}"#, Outcome::Ok, Answer::Sold),
        (OpKind::Browse, 200, r#"{"product_id":"CP-502101","stock":7}"#, Outcome::Ok, Answer::Browsed),
        (OpKind::Browse, 200, "[]", Outcome::Info, Answer::Garbled),
        (OpKind::Browse, 200, "hello", Outcome::Info, Answer::Garbled),
        (OpKind::Browse, 400, r#"{"message":"상품 없음"}"#, Outcome::Fail, Answer::Rejected),
        (OpKind::Browse, 502, "", Outcome::Info, Answer::ServerError),
    ];

    #[test]
    fn answers_mean_what_their_bodies_say() {
        let donut = Speech::of_edition(EditionName::Donut);
        for (kind, status, body, outcome, answer) in CASES {
            let understood = donut.understand(*kind, None, *status, body.as_bytes());
            assert_eq!((understood.outcome, understood.answer), (*outcome, *answer), "{kind:?} {status} {body}");
        }
        let page = br#"[{"item_id":1,"quantity":1},{"item_id":2,"quantity":2}]"#;
        assert_eq!(Speech::of_edition(EditionName::Shop).understand(OpKind::Browse, None, 200, page).answer, Answer::Browsed);
    }

    #[test]
    fn fields_are_read_and_the_stock_is_found_in_the_text_too() {
        let donut = Speech::of_edition(EditionName::Donut);
        let body = r#"{"message":"구매 실패! 남은 재고: 2, 생산요청 진행중","outcome":"sold_out","order_id":"o","production_id":"p","quantity":5,"stock":2}"#;
        let understood = donut.understand(OpKind::Purchase, Some("k"), 200, body.as_bytes());
        assert_eq!(understood.order.as_deref(), Some("o"));
        assert_eq!(understood.production.as_deref(), Some("p"));
        assert_eq!((understood.quantity, understood.stock, understood.note), (Some(5), Some(2), None));
        let text_alone = r#"{"message":"구매 완료! 남은 재고: -13"}"#;
        assert_eq!(donut.understand(OpKind::Purchase, None, 200, text_alone.as_bytes()).stock, Some(-13));
    }

    #[test]
    fn a_note_is_short_whatever_the_body_is() {
        let understood = Speech::of_edition(EditionName::Donut).understand(OpKind::Purchase, None, 500, "빵".repeat(10_000).as_bytes());
        assert_eq!(understood.note.unwrap().chars().count(), NOTE_CHARS);
    }
}
