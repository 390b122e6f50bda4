//! The Sales API: browse, checkout, and the administration's stock.
//!
//! `checkout` is where an order enters the pipeline; everything it promises is written by [`Store::purchase`].

mod admin;
mod browse;
mod checkout;
mod openapi;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::edition::EditionName;
use crate::http::problem::Problem;
use crate::store::{Store, StoreError};

/// What the administration must present: `Authorization: Bearer <key>` or `X-Admin-Key: <key>`.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

impl AdminKey {
    /// A key. Only its digest is kept, so that comparing takes the same time whatever is presented.
    #[must_use]
    pub fn new(key: String) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Whether a request presents this key.
    pub(crate) fn is_presented_by(&self, headers: &HeaderMap) -> bool {
        let bearer = headers.get(http::header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let presented = bearer.or_else(|| headers.get("x-admin-key").map(|value| value.as_bytes()));
        presented.is_some_and(|presented| bool::from(<[u8; 32]>::from(Sha256::digest(presented)).ct_eq(&self.0)))
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey(…)")
    }
}

/// What the sales routes work with.
#[derive(Debug, Clone)]
pub struct SalesState {
    /// The store.
    pub store: Store,
    /// Without one, the administration call is refused.
    pub admin_key: Option<AdminKey>,
    /// Purchases that may be under way at once; one more is shed.
    pub concurrent_purchases: usize,
}

/// What the handlers share.
#[derive(Debug)]
struct Desk {
    store: Store,
    admin_key: Option<AdminKey>,
    room: Semaphore,
}

/// The sales routes of the store's edition, and `/openapi.json`. Has no fallback: [`crate::http::serve`] adds it.
pub fn router(state: SalesState) -> Router {
    let SalesState { store, admin_key, concurrent_purchases } = state;
    let edition = store.edition().name;
    let desk = Arc::new(Desk { store, admin_key, room: Semaphore::new(concurrent_purchases) });
    let routes = match edition {
        EditionName::Donut => Router::new().route("/product/donut", get(browse::donut)).route("/checkout", post(checkout::donut)),
        EditionName::Shop => {
            Router::new().route("/item", get(browse::items).post(checkout::item)).route("/item/{id}", put(admin::set_stock))
        }
    };
    routes.route("/openapi.json", get(move || async move { axum::Json(openapi::document(edition)) })).with_state(desk)
}

/// The OpenAPI document of an edition's Sales API, pretty-printed.
#[must_use]
pub fn openapi_json(edition: EditionName) -> String {
    openapi::document(edition).to_pretty_json().expect("a derived document has only strings for keys")
}

/// What a failure of the store means to a client.
fn store_problem(error: &StoreError) -> Problem {
    if error.nothing_was_done() {
        tracing::warn!(%error, "a request is shed");
        return Problem::busy();
    }
    tracing::error!(%error, "a request ends without a certain answer");
    Problem::unknown(http::StatusCode::INTERNAL_SERVER_ERROR, crate::edition::texts::UNKNOWN_RESULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    #[test]
    fn only_the_whole_key_opens() {
        let key = AdminKey::new("s3cret".to_owned());
        assert!(key.is_presented_by(&headers("authorization", "Bearer s3cret")));
        assert!(key.is_presented_by(&headers("x-admin-key", "s3cret")));
        for wrong in ["", "s3cre", "s3crets", "S3CRET"] {
            assert!(!key.is_presented_by(&headers("x-admin-key", wrong)), "{wrong}");
        }
        assert!(!key.is_presented_by(&headers("authorization", "Basic s3cret")));
        assert!(!key.is_presented_by(&HeaderMap::new()));
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert!(!format!("{:?}", AdminKey::new("s3cret".to_owned())).contains("s3cret"));
    }
}
