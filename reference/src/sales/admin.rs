//! The administration's call: setting the stock of an item.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::browse::key;
use super::{Desk, store_problem};
use crate::domain::ProductId;
use crate::edition::texts;
use crate::http::body::json_object;
use crate::http::problem::Problem;
use crate::store::{MAX_STOCK, SetStockError};

/// The stock after it was set.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StockSet {
    /// `수량 변경 완료`.
    message: &'static str,
    #[schema(value_type = i64)]
    item_id: Value,
    /// Pieces now.
    quantity: i64,
    /// Pieces before.
    previous: i64,
}

/// Sets the stock of an item.
#[utoipa::path(
    put,
    path = "/item/{id}",
    params(("id" = i64, Path, description = "The item")),
    request_body = super::openapi::NewStock,
    security(("admin_key" = []), ("admin_bearer" = [])),
    responses(
        (status = 200, body = StockSet),
        (status = 400, description = "No such item, or no possible stock", body = super::openapi::Rejection),
        (status = 401, description = "The administration's key is missing or wrong", body = super::openapi::Rejection),
        (status = 403, description = "No administration key is configured", body = super::openapi::Rejection),
        (status = 413, body = super::openapi::Rejection),
        (status = 415, body = super::openapi::Rejection),
        (status = 503, description = "Too much to do, nothing was done", body = super::openapi::Rejection)
    )
)]
pub(super) async fn set_stock(
    State(desk): State<Arc<Desk>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<StockSet>, Problem> {
    let Some(admin_key) = &desk.admin_key else {
        return Err(Problem::rejected(StatusCode::FORBIDDEN, "관리자 키가 설정되지 않아 수량을 변경할 수 없습니다"));
    };
    if !admin_key.is_presented_by(request.headers()) {
        return Err(Problem::rejected(StatusCode::UNAUTHORIZED, "관리자 키가 없거나 올바르지 않습니다").at("X-Admin-Key"));
    }
    let not_set = || Problem::rejected(StatusCode::BAD_REQUEST, texts::STOCK_NOT_SET);
    let Path(id) = id.map_err(|_| not_set().at("id"))?;
    let quantity = json_object(request).await?.integer("quantity", 0, MAX_STOCK).map_err(|problem| {
        let message = format!("{}: {}", texts::STOCK_NOT_SET, problem.message());
        Problem::rejected(StatusCode::BAD_REQUEST, message).at("quantity")
    })?;
    let product = ProductId(id);
    let previous = desk.store.set_stock(&product, quantity).await.map_err(|error| match error {
        SetStockError::UnknownProduct(_) => not_set().at("id"),
        SetStockError::OutOfRange(_) => not_set().at("quantity"),
        SetStockError::Store(error) => store_problem(&error),
    })?;
    tracing::info!(product_id = %product, quantity, previous, "the administration set a stock");
    Ok(Json(StockSet { message: texts::STOCK_SET, item_id: key(product.0), quantity, previous }))
}
