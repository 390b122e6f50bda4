//! Reading: inside a transaction and outside of one.

use sqlx::sqlite::SqlitePool;
use sqlx::{Executor, Sqlite};

use crate::domain::{FactoryId, OrderId, ProductId, ProductionId};
use crate::store::{Product, Production, StoreError};

use super::production::{self, ProductionRow};

type ProductRow = (String, String, i64, i64, String, String, String, i64, bool);

fn product_from((id, name, price, stock, factory, factory_name, factory_locate, episode, sold_out): ProductRow) -> Product {
    Product { id: ProductId(id), name, price, stock, factory: FactoryId(factory), factory_name, factory_locate, episode, sold_out }
}

/// All products, by key.
pub(crate) async fn products(pool: &SqlitePool) -> Result<Vec<Product>, StoreError> {
    let rows: Vec<ProductRow> = sqlx::query_as(
        "SELECT p.product_id, p.name, p.price, p.stock, p.factory_id, f.name, f.locate, p.episode, p.sold_out \
         FROM products p JOIN factories f ON f.factory_id = p.factory_id ORDER BY p.product_id",
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(product_from).collect())
}

/// The product of that key.
pub(crate) async fn product<'e>(on: impl Executor<'e, Database = Sqlite>, id: &ProductId) -> Result<Option<Product>, StoreError> {
    let row: Option<ProductRow> = sqlx::query_as(
        "SELECT p.product_id, p.name, p.price, p.stock, p.factory_id, f.name, f.locate, p.episode, p.sold_out \
         FROM products p JOIN factories f ON f.factory_id = p.factory_id WHERE p.product_id = ?",
    )
    .bind(id.0.clone())
    .fetch_optional(on)
    .await?;
    Ok(row.map(product_from))
}

/// The product of that name.
pub(crate) async fn product_by_name(pool: &SqlitePool, name: &str) -> Result<Option<Product>, StoreError> {
    let row: Option<ProductRow> = sqlx::query_as(
        "SELECT p.product_id, p.name, p.price, p.stock, p.factory_id, f.name, f.locate, p.episode, p.sold_out \
         FROM products p JOIN factories f ON f.factory_id = p.factory_id WHERE p.name = ?",
    )
    .bind(name.to_owned())
    .fetch_optional(pool)
    .await?;
    Ok(row.map(product_from))
}

/// A production, and the order that opened it.
pub(crate) async fn production_and_order<'e>(
    on: impl Executor<'e, Database = Sqlite>,
    id: ProductionId,
) -> Result<Option<(Production, OrderId)>, StoreError> {
    let row: Option<ProductionRow> = sqlx::query_as(
        "SELECT n.production_id, n.product_id, p.name, n.factory_id, f.name, n.quantity, n.token, n.requester, n.state, n.accepted_at, \
         n.requests, n.order_id FROM productions n JOIN products p ON p.product_id = n.product_id \
         JOIN factories f ON f.factory_id = n.factory_id WHERE n.production_id = ?",
    )
    .bind(id.to_string())
    .fetch_optional(on)
    .await?;
    row.map(production::from_row).transpose()
}

/// The edition that the database was seeded for.
pub(crate) async fn edition(on: impl Executor<'_, Database = Sqlite>) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT edition FROM shop").fetch_optional(on).await?)
}

/// Stock per product.
pub(crate) async fn stocks(pool: &SqlitePool) -> Result<Vec<(ProductId, i64, i64)>, StoreError> {
    let rows: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT product_id, initial_stock, stock FROM products ORDER BY product_id").fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(id, initial, now)| (ProductId(id), initial, now)).collect())
}

/// Messages in the outbox, and productions that have not arrived.
pub(crate) async fn open_counts(pool: &SqlitePool) -> Result<(i64, i64), StoreError> {
    let counts = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM outbox), (SELECT COUNT(*) FROM productions WHERE state IN ('gathering', 'waiting', 'requested'))",
    )
    .fetch_one(pool)
    .await?;
    Ok(counts)
}

/// Orders after a position of the ledger: the last position, sold, sold out.
pub(crate) async fn outcomes_after(pool: &SqlitePool, position: i64) -> Result<(i64, i64, i64), StoreError> {
    let counts = sqlx::query_as(
        "SELECT COALESCE(MAX(position), ?), COUNT(CASE WHEN outcome = 'sold' THEN 1 END), COUNT(CASE WHEN outcome = 'sold_out' THEN 1 END) \
         FROM orders WHERE position > ?",
    )
    .bind(position)
    .bind(position)
    .fetch_one(pool)
    .await?;
    Ok(counts)
}
