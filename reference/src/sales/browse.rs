//! Looking at what there is.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Desk, store_problem};
use crate::domain::ProductId;
use crate::edition::texts;
use crate::http::fields::check_text;
use crate::http::problem::Problem;
use crate::store::Product;

/// A product row of the `donut` edition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DonutRow {
    #[schema(examples("CP-502101"))]
    product_id: String,
    name: String,
    /// Won.
    price: i64,
    /// Pieces.
    stock: i64,
    #[schema(examples("FF-500293"))]
    factory_id: String,
}

/// An item row of the `shop` edition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ItemRow {
    #[schema(value_type = i64)]
    item_id: Value,
    name: String,
    /// Won.
    price: i64,
    /// Pieces.
    quantity: i64,
    #[schema(value_type = i64)]
    factory_id: Value,
}

/// The doughnut, or the product that the query names.
#[utoipa::path(
    get,
    path = "/product/donut",
    params(("product_id" = Option<String>, Query, description = "Another product than the doughnut")),
    responses(
        (status = 200, body = DonutRow),
        (status = 400, description = "No such product", body = super::openapi::Rejection)
    )
)]
pub(super) async fn donut(State(desk): State<Arc<Desk>>, RawQuery(query): RawQuery) -> Result<Json<DonutRow>, Problem> {
    let named = named_product(query.as_deref().unwrap_or_default())?;
    let id = named.unwrap_or_else(|| desk.store.edition().default_product());
    let product = desk.store.product(&id).await.map_err(|error| store_problem(&error))?.ok_or_else(no_product)?;
    let Product { id, name, price, stock, factory, .. } = product;
    Ok(Json(DonutRow { product_id: id.0, name, price, stock, factory_id: factory.0 }))
}

/// All items.
#[utoipa::path(
    get,
    path = "/item",
    responses(
        (status = 200, body = Vec<ItemRow>),
        (status = 400, description = "No items", body = super::openapi::Rejection)
    )
)]
pub(super) async fn items(State(desk): State<Arc<Desk>>) -> Result<Json<Vec<ItemRow>>, Problem> {
    let products = desk.store.products().await.map_err(|error| store_problem(&error))?;
    if products.is_empty() {
        return Err(no_product());
    }
    let row = |product: Product| {
        let Product { id, name, price, stock, factory, .. } = product;
        ItemRow { item_id: key(id.0), name, price, quantity: stock, factory_id: key(factory.0) }
    };
    Ok(Json(products.into_iter().map(row).collect()))
}

/// "No such product", as both editions say it.
pub(super) fn no_product() -> Problem {
    Problem::rejected(StatusCode::BAD_REQUEST, texts::NO_PRODUCT)
}

/// A key as the `shop` edition's clients know it: a number.
pub(super) fn key(id: String) -> Value {
    id.parse::<i64>().map_or(Value::String(id), Value::from)
}

fn named_product(query: &str) -> Result<Option<ProductId>, Problem> {
    let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "product_id");
    let Some((_, id)) = named else { return Ok(None) };
    check_text(&id).map_err(|reason| Problem::field("product_id", &reason))?;
    Ok(Some(ProductId(id.into_owned())))
}
