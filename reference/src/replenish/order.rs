//! What the factory is told, and what its answers mean.

use http::StatusCode;
use serde_json::{Value, json};

use crate::edition::{Edition, EditionName};
use crate::receiving::callback;
use crate::store::Production;

/// The path of the factory that takes orders.
pub(super) fn path(edition: &Edition) -> &'static str {
    match edition.name {
        EditionName::Donut => "/api/manufactures",
        EditionName::Shop => "/log",
    }
}

/// The order for a production. `callback_url` is for factories that call back; production and token are added to it.
pub(super) fn body(edition: &Edition, production: &Production, callback_url: &str) -> Value {
    let pieces = edition.pieces_to_ask(production.quantity);
    match edition.name {
        // The legacy factory wants strings throughout.
        EditionName::Donut => json!({
            "MessageGroupId": "stock-arrival-group",
            "MessageAttributeProductId": production.product.0,
            "MessageAttributeProductCnt": pieces.to_string(),
            "MessageAttributeFactoryId": production.factory.0,
            "MessageAttributeRequester": production.requester,
            "CallbackUrl": callback::address(callback_url, production.id, &production.token),
        }),
        EditionName::Shop => json!({
            "requester": production.requester,
            "quantity": pieces,
            "item_id": number_if_it_is_one(&production.product.0),
            "item_name": production.product_name,
            "factory_id": number_if_it_is_one(&production.factory.0),
            "factory_name": production.factory_name,
            "production_id": production.id.to_string(),
            "delivery_token": production.token,
        }),
    }
}

/// What an answer of the factory comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It took the order.
    Accepted,
    /// It will never take this order.
    Refused(String),
    /// It did not answer, or cannot take orders now. It may have taken this one all the same.
    Unwell(String),
}

impl Verdict {
    /// Decides by the status alone: the legacy factory's bodies are prose.
    #[must_use]
    pub fn of(status: StatusCode, body: &str) -> Self {
        let said: String = body.chars().take(200).collect();
        match status.as_u16() {
            200..=299 => Verdict::Accepted,
            400 | 404 | 405 | 406 | 410 | 413 | 414 | 415 | 422 => {
                Verdict::Refused(format!("the factory refused the order: {status}: {said}"))
            }
            _ => Verdict::Unwell(format!("the factory answered {status}: {said}")),
        }
    }

    pub(super) fn label(&self) -> &'static str {
        match self {
            Verdict::Accepted => "accepted",
            Verdict::Refused(_) => "refused",
            Verdict::Unwell(_) => "unwell",
        }
    }
}

/// Keys of the `shop` edition are numbers on the wire.
fn number_if_it_is_one(key: &str) -> Value {
    key.parse::<i64>().map_or_else(|_| Value::from(key), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FactoryId, ProductId, ProductionId};
    use crate::edition::{donut, shop};
    use crate::store::ProductionState;

    fn production() -> Production {
        Production {
            id: ProductionId("0192f0c1-2345-7abc-8def-0123456789ab".parse().unwrap()),
            product: ProductId("2".into()),
            product_name: "Item2".into(),
            factory: FactoryId("2".into()),
            factory_name: "Factory2".into(),
            quantity: 3,
            token: "secret".into(),
            requester: "buyer".into(),
            state: ProductionState::Requested,
            accepted_at: None,
            requests: 1,
        }
    }

    #[test]
    fn the_doughnut_factory_gets_strings_and_an_address_to_call_back() {
        let body = body(&donut::EDITION, &production(), "http://shop/product/donut");
        let fields = body.as_object().unwrap();
        assert!(fields.values().all(Value::is_string), "{body}");
        assert_eq!(fields.len(), 6);
        assert_eq!(body["MessageAttributeProductCnt"], "3");
        assert_eq!(body["MessageGroupId"], "stock-arrival-group");
        let address = "http://shop/product/donut?production=0192f0c1-2345-7abc-8def-0123456789ab&token=secret";
        assert_eq!(body["CallbackUrl"], address);
    }

    #[test]
    fn the_item_factory_is_asked_for_twice_what_is_missing() {
        let body = body(&shop::EDITION, &production(), "");
        let expected = json!({
            "requester": "buyer", "quantity": 6, "item_id": 2, "item_name": "Item2", "factory_id": 2, "factory_name": "Factory2",
            "production_id": "0192f0c1-2345-7abc-8def-0123456789ab", "delivery_token": "secret",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn only_lasting_refusals_are_poison() {
        let verdict = |status| Verdict::of(StatusCode::from_u16(status).unwrap(), "text").label();
        for status in [200, 201, 202, 204] {
            assert_eq!(verdict(status), "accepted", "{status}");
        }
        for status in [400, 404, 422] {
            assert_eq!(verdict(status), "refused", "{status}");
        }
        for status in [302, 401, 403, 408, 409, 425, 429, 500, 502, 503, 504] {
            assert_eq!(verdict(status), "unwell", "{status}");
        }
    }
}
