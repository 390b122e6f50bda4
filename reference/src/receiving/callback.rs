//! The factory's callback (edition `donut`): `POST` to the address that was handed out with the production order.

use axum::extract::{RawQuery, Request, State};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::arrival;
use crate::domain::{ProductId, ProductionId};
use crate::drills;
use crate::edition::texts;
use crate::http::body::json_object;
use crate::http::problem::Problem;
use crate::store::{Arrival, ArrivalError, Store};

/// The callback route of the store's edition; empty where the factory delivers through a topic. Has no fallback:
/// [`crate::http::serve`] adds it. May be merged with the sales routes or stand on a listener of its own.
pub fn router(store: Store) -> Router {
    match store.edition().callback_path {
        Some(path) => Router::new().route(path, post(receive)).with_state(store),
        None => Router::new(),
    }
}

/// The address handed to the factory: the whole callback address (`http://shop.example/product/donut`) with the production and its token.
#[must_use]
pub fn address(callback_url: &str, production: ProductionId, token: &str) -> String {
    let join = if callback_url.contains('?') { '&' } else { '?' };
    format!("{callback_url}{join}production={production}&token={token}")
}

async fn receive(State(store): State<Store>, RawQuery(query): RawQuery, request: Request) -> Result<Json<Value>, Problem> {
    let names = &store.edition().attributes;
    let (production, token) = credentials(query.as_deref().unwrap_or_default()).ok_or_else(stranger)?;
    let fields = json_object(request).await?;
    let product = fields.optional_text(names.product_id)?.map(ProductId);
    let quantity = fields.quantity(names.count)?;
    let applied = arrival::apply(&store, Arrival { production, token, product, quantity }).await;
    let applied = applied.map_err(|error| problem(&error, names.count))?;
    drills::point("receiving.applied-not-answered");
    Ok(Json(json!({
        "message": texts::restocked(applied.stock),
        "production_id": production,
        "quantity": quantity,
        "stock": applied.stock,
    })))
}

fn credentials(query: &str) -> Option<(ProductionId, String)> {
    let value = |wanted: &str| form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value);
    Some((value("production")?.parse().ok()?, value("token")?.into_owned()))
}

/// The same answer whatever is wrong with the address, so that nobody learns which productions there are.
fn stranger() -> Problem {
    Problem::rejected(StatusCode::FORBIDDEN, "생산요청과 함께 전달된 콜백 주소가 아닙니다").at("token")
}

fn problem(error: &ArrivalError, count: &'static str) -> Problem {
    match error {
        ArrivalError::UnknownProduction(_) | ArrivalError::WrongToken(_) => stranger(),
        ArrivalError::WrongProduct { .. } => Problem::rejected(StatusCode::BAD_REQUEST, texts::NO_PRODUCT),
        ArrivalError::TooMany { asked } => Problem::field(count, &format!("은 요청한 {asked}개를 넘을 수 없습니다")),
        ArrivalError::Store(error) if error.nothing_was_done() => Problem::busy(),
        ArrivalError::Store(_) => Problem::unknown(StatusCode::INTERNAL_SERVER_ERROR, texts::UNKNOWN_RESULT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_carries_what_the_callback_needs() {
        let production = ProductionId::new();
        for base in ["http://127.0.0.1:1/product/donut", "http://127.0.0.1:1/product/donut?via=gateway"] {
            let address = address(base, production, "0f0f");
            let (_, query) = address.split_once('?').unwrap();
            assert_eq!(credentials(query), Some((production, "0f0f".to_owned())));
        }
    }

    #[test]
    fn half_an_address_is_none() {
        for query in ["", "production=1", "token=a", "production=nonsense&token=a"] {
            assert_eq!(credentials(query), None, "{query}");
        }
    }
}
