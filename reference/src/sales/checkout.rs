//! Checkout: read strictly, shed early, decide once, answer to the letter.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::browse::no_product;
use super::{Desk, store_problem};
#[cfg(feature = "defects")]
use crate::defects;
use crate::domain::{FactoryId, OrderId, Outcome, ProductId, ProductionId, Quantity};
use crate::drills;
use crate::edition::texts;
use crate::http::body::json_object;
use crate::http::fields::Fields;
use crate::http::problem::Problem;
use crate::store::{IdempotencyKey, Purchase, PurchaseAnswer, PurchaseError};

const KEY_HEADER: &str = "Idempotency-Key";
const PRODUCT_ID: &str = "MessageAttributeProductId";
const PRODUCT_COUNT: &str = "MessageAttributeProductCnt";
const FACTORY_ID: &str = "MessageAttributeFactoryId";

/// Tells an earlier answer that is given again from a fresh one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A decided purchase.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Decision {
    /// `구매 완료! 남은 재고: N`, or `구매 실패! 남은 재고: N, 생산요청 진행중`.
    message: String,
    #[schema(value_type = String)]
    order_id: OrderId,
    /// `sold` or `sold_out`.
    #[schema(value_type = String)]
    outcome: Outcome,
    #[schema(value_type = String)]
    product_id: ProductId,
    /// Pieces wanted.
    #[schema(value_type = i64)]
    quantity: Quantity,
    /// Pieces left right after the decision.
    stock: i64,
    /// The production that covers a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    production_id: Option<ProductionId>,
}

/// What a body asks for.
struct Wanted {
    quantity: Quantity,
    requester: String,
    factory: Option<FactoryId>,
}

/// Buys doughnuts.
#[utoipa::path(
    post,
    path = "/checkout",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the purchase repeatable: 1 to 128 visible ASCII characters")),
    request_body = super::openapi::DonutPurchase,
    responses(super::openapi::PurchaseAnswer)
)]
pub(super) async fn donut(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let decision = async {
        let key = idempotency_key(&headers)?;
        let fields = json_object(request).await?;
        let count = if fields.has(PRODUCT_COUNT) || !fields.has("stock") { PRODUCT_COUNT } else { "stock" };
        #[cfg(feature = "defects")]
        if let Some(pieces) = defects::selling::any_number(&fields, count) {
            let product = fields.optional_text(PRODUCT_ID)?.map_or_else(|| desk.store.edition().default_product(), ProductId);
            return defects::selling::sell(&desk.store, product, pieces).await;
        }
        let wanted = Wanted {
            quantity: fields.quantity(count)?,
            requester: fields.text("requester")?,
            factory: fields.optional_text(FACTORY_ID)?.map(FactoryId),
        };
        let product = fields.optional_text(PRODUCT_ID)?.map_or_else(|| desk.store.edition().default_product(), ProductId);
        decide(&desk, key, product, wanted).await
    };
    measured(decision).await
}

/// Buys items.
#[utoipa::path(
    post,
    path = "/item",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the purchase repeatable: 1 to 128 visible ASCII characters")),
    request_body = super::openapi::ItemPurchase,
    responses(super::openapi::PurchaseAnswer)
)]
pub(super) async fn item(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let decision = async {
        let key = idempotency_key(&headers)?;
        let fields: Fields = json_object(request).await?;
        let name = fields.text("item_name")?;
        let wanted = Wanted { quantity: fields.quantity("quantity")?, requester: fields.text("requester")?, factory: None };
        let found = desk.store.product_by_name(&name).await.map_err(|error| store_problem(&error))?;
        decide(&desk, key, found.ok_or_else(no_product)?.id, wanted).await
    };
    measured(decision).await
}

async fn decide(desk: &Desk, key: Option<IdempotencyKey>, product: ProductId, wanted: Wanted) -> Result<PurchaseAnswer, Problem> {
    // Shed before anything is handed over: from there on a purchase runs to its end.
    let _room = desk.room.try_acquire().map_err(|_| Problem::busy())?;
    let fingerprint = fingerprint(&product, &wanted);
    let Wanted { quantity, requester, factory } = wanted;
    let purchase = Purchase { key, fingerprint, product, quantity, requester, factory };
    let answer = desk.store.purchase(purchase).await.map_err(|error| problem(&error))?;
    drills::point("sales.committed-not-answered");
    tracing::info!(
        order_id = %answer.order_id,
        production_id = answer.production_id.map(tracing::field::display),
        product_id = %answer.product,
        outcome = answer.outcome.as_str(),
        quantity = answer.quantity.get(),
        stock_left = answer.stock_left,
        replayed = answer.replayed,
        "a purchase was decided"
    );
    Ok(answer)
}

/// Counts and times a purchase, and turns it into its response.
async fn measured(decision: impl Future<Output = Result<PurchaseAnswer, Problem>>) -> Response {
    let since = Instant::now();
    let decision = decision.await;
    metrics::histogram!("rushproof_purchase_seconds").record(since.elapsed().as_secs_f64());
    metrics::counter!("rushproof_orders_total", "outcome" => outcome_label(&decision)).increment(1);
    match decision {
        Ok(answer) => response(answer),
        Err(problem) => {
            tracing::debug!(status = problem.status().as_u16(), reason = problem.message(), "a purchase was not decided");
            problem.into_response()
        }
    }
}

fn outcome_label(decision: &Result<PurchaseAnswer, Problem>) -> &'static str {
    match decision {
        Ok(answer) if answer.replayed => "replayed",
        Ok(answer) => answer.outcome.as_str(),
        Err(problem) if !problem.is_rejected() => "unknown",
        Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => "shed",
        Err(_) => "rejected",
    }
}

fn response(answer: PurchaseAnswer) -> Response {
    let decision = Decision {
        message: texts::purchase(answer.outcome, answer.stock_left),
        order_id: answer.order_id,
        outcome: answer.outcome,
        product_id: answer.product,
        quantity: answer.quantity,
        stock: answer.stock_left,
        production_id: answer.production_id,
    };
    let mut response = Json(decision).into_response();
    if answer.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

fn problem(error: &PurchaseError) -> Problem {
    match error {
        PurchaseError::UnknownProduct(_) => no_product(),
        PurchaseError::WrongFactory { .. } => Problem::field(FACTORY_ID, "이 제품의 공장과 다릅니다"),
        PurchaseError::KeyReusedWithOtherBody => {
            Problem::field(KEY_HEADER, "은 이미 다른 내용의 요청에 사용되었습니다").with_status(StatusCode::UNPROCESSABLE_ENTITY)
        }
        // Not marked as rejected: the purchase with that key may well be sold.
        PurchaseError::KeyInFlight => {
            Problem::unknown(StatusCode::CONFLICT, "같은 Idempotency-Key의 요청을 처리하고 있습니다").at(KEY_HEADER)
        }
        PurchaseError::Store(error) => store_problem(error),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().and_then(|text| text.parse().ok()).filter(|_| values.next().is_none());
    let wrong = || Problem::field(KEY_HEADER, "은 하나뿐인 1~128자의 ASCII 문자여야 합니다 (공백 제외)");
    key.map(Some).ok_or_else(wrong)
}

/// Digest of what a purchase means: however its body is spelled, the same purchase has the same one.
fn fingerprint(product: &ProductId, wanted: &Wanted) -> [u8; 32] {
    let mut digest = Sha256::new();
    let quantity = wanted.quantity.get().to_string();
    let factory = wanted.factory.as_ref().map_or("", |factory| factory.0.as_str());
    for part in [product.0.as_str(), &quantity, &wanted.requester, factory] {
        // With its length before it, no part can pass for the beginning of the next.
        digest.update(part.len().to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(product: &str, quantity: i64, requester: &str, factory: Option<&str>) -> [u8; 32] {
        let factory = factory.map(|id| FactoryId(id.to_owned()));
        let wanted = Wanted { quantity: Quantity::new(quantity).unwrap(), requester: requester.to_owned(), factory };
        fingerprint(&ProductId(product.to_owned()), &wanted)
    }

    #[test]
    fn everything_that_a_purchase_means_is_in_its_fingerprint() {
        let one = of("p", 1, "r", None);
        assert_eq!(one, of("p", 1, "r", None));
        for other in [of("q", 1, "r", None), of("p", 2, "r", None), of("p", 1, "s", None), of("p", 1, "r", Some("f"))] {
            assert_ne!(one, other);
        }
        assert_ne!(of("p1", 1, "r", None), of("p", 11, "r", None));
    }
}
