//! Reading: inside a transaction and outside of one.

use crate::domain::{FactoryId, OrderId, ProductId, ProductionId};
use crate::store::{Product, Production, StoreError};

use super::database::{Connection, On, Readers, marks, padded, sql, sql_of};
use super::work::production::{self, ProductionRow};

type ProductRow = (String, String, i64, i64, String, String, String, i64, bool);

fn product_from((id, name, price, stock, factory, factory_name, factory_locate, episode, sold_out): ProductRow) -> Product {
    Product { id: ProductId(id), name, price, stock, factory: FactoryId(factory), factory_name, factory_locate, episode, sold_out }
}

/// The factory is looked up beside the row, not joined to it: whoever locks a product shall not lock its factory's other products.
const PRODUCT: &str = "SELECT p.product_id, p.name, p.price, p.stock, p.factory_id, \
     (SELECT f.name FROM factories f WHERE f.factory_id = p.factory_id), (SELECT f.locate FROM factories f WHERE f.factory_id = p.factory_id), \
     p.episode, p.sold_out FROM products p";

/// All products, by key.
pub(crate) async fn products(readers: &Readers) -> Result<Vec<Product>, StoreError> {
    let rows: Vec<ProductRow> = sql_of(format!("{PRODUCT} ORDER BY p.product_id")).fetch_all(readers).await?;
    Ok(rows.into_iter().map(product_from).collect())
}

/// The product of that key.
pub(crate) async fn product(readers: &Readers, id: &ProductId) -> Result<Option<Product>, StoreError> {
    let row: Option<ProductRow> = sql_of(format!("{PRODUCT} WHERE p.product_id = ?")).bind(&id.0).fetch_optional(readers).await?;
    Ok(row.map(product_from).filter(|product| product.id == *id))
}

/// The product of that key, kept for this transaction: its stock, its productions and its episodes are changed only by who has locked it.
pub(crate) async fn lock_product(conn: &mut Connection, id: &ProductId) -> Result<Option<Product>, StoreError> {
    let text = format!("{PRODUCT} WHERE p.product_id = ?{}", conn.dialect().lock());
    let row: Option<ProductRow> = sql_of(text).bind(&id.0).fetch_optional(conn).await?;
    Ok(row.map(product_from).filter(|product| product.id == *id))
}

/// Those products of these keys that exist, locked in the order of their keys.
pub(crate) async fn lock_products(conn: &mut Connection, ids: &[&ProductId]) -> Result<Vec<Product>, StoreError> {
    let ids = padded(ids.to_vec());
    let text = format!("{PRODUCT} WHERE p.product_id IN ({}) ORDER BY p.product_id{}", marks(ids.len()), conn.dialect().lock());
    let rows: Vec<ProductRow> = sql_of(text).bind_all(ids.into_iter().map(|id| &id.0)).fetch_all(conn).await?;
    Ok(rows.into_iter().map(product_from).collect())
}

/// The product of that name. (MySQL takes a name for the same with blanks behind it; a shop does not.)
pub(crate) async fn product_by_name(readers: &Readers, name: &str) -> Result<Option<Product>, StoreError> {
    let row: Option<ProductRow> = sql_of(format!("{PRODUCT} WHERE p.name = ?")).bind(name).fetch_optional(readers).await?;
    Ok(row.map(product_from).filter(|product| product.name == name))
}

/// A production, and the order that opened it.
pub(crate) async fn production_and_order(on: impl Into<On<'_>>, id: ProductionId) -> Result<Option<(Production, OrderId)>, StoreError> {
    let row: Option<ProductionRow> = sql(
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
pub(crate) async fn edition(on: &mut Connection) -> Result<Option<String>, StoreError> {
    let row: Option<(String,)> = sql("SELECT edition FROM shop").fetch_optional(on).await?;
    Ok(row.map(|(edition,)| edition))
}

/// Stock per product.
pub(crate) async fn stocks(readers: &Readers) -> Result<Vec<(ProductId, i64, i64)>, StoreError> {
    let rows: Vec<(String, i64, i64)> =
        sql("SELECT product_id, initial_stock, stock FROM products ORDER BY product_id").fetch_all(readers).await?;
    Ok(rows.into_iter().map(|(id, initial, now)| (ProductId(id), initial, now)).collect())
}

/// Messages in the outbox, and productions that have not arrived.
pub(crate) async fn open_counts(readers: &Readers) -> Result<(i64, i64), StoreError> {
    let counts = sql(
        "SELECT (SELECT COUNT(*) FROM outbox), (SELECT COUNT(*) FROM productions WHERE state IN ('gathering', 'waiting', 'requested'))",
    )
    .fetch_one(readers)
    .await?;
    Ok(counts)
}

/// What a stretch of the ledger came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    /// Its last position.
    pub(crate) position: i64,
    pub(crate) sold: i64,
    pub(crate) sold_out: i64,
}

/// Goes on counting the ledger: up to the last order from before `settled` (µs since the epoch), and the orders after that, before which
/// others may still turn up.
pub(crate) async fn outcomes_after(readers: &Readers, known: Counted, settled: i64) -> Result<(Counted, Counted), StoreError> {
    let (last,): (i64,) = sql("SELECT COALESCE(MAX(position), ?) FROM orders WHERE position > ? AND created_at <= ?")
        .bind(known.position)
        .bind(known.position)
        .bind(settled)
        .fetch_one(readers)
        .await?;
    let count = async |from: i64, to: i64| -> Result<Counted, StoreError> {
        let (sold, sold_out): (i64, i64) =
            sql("SELECT COUNT(CASE WHEN outcome = 'sold' THEN 1 END), COUNT(CASE WHEN outcome = 'sold_out' THEN 1 END) \
             FROM orders WHERE position > ? AND position <= ?")
            .bind(from)
            .bind(to)
            .fetch_one(readers)
            .await?;
        Ok(Counted { position: to, sold, sold_out })
    };
    let new = count(known.position, last).await?;
    let moving = count(last, i64::MAX).await?;
    Ok((Counted { position: last, sold: known.sold + new.sold, sold_out: known.sold_out + new.sold_out }, moving))
}
