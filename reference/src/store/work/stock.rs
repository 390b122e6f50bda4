//! Stock from outside the pipeline: the rows of a fresh database, and the administration's hand.

use crate::domain::ProductId;
use crate::store::database::sql;
use crate::store::read;
use crate::store::{MAX_STOCK, SetStockError, StoreError};

use super::{Tx, Work, production};

/// Fills an empty database.
pub(crate) struct Seed(pub(crate) Vec<(ProductId, i64)>);

impl Work for Seed {
    type Answer = Result<(), SetStockError>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Answer, StoreError> {
        let unknown = self.0.iter().find(|(id, _)| !tx.edition.products.iter().any(|product| product.id == id.0));
        if let Some((id, _)) = unknown {
            return Ok(Err(SetStockError::UnknownProduct(id.clone())));
        }
        if let Some((_, stock)) = self.0.iter().find(|(_, stock)| !(0..=MAX_STOCK).contains(stock)) {
            return Ok(Err(SetStockError::OutOfRange(*stock)));
        }
        let (rows,): (i64,) = sql("SELECT COUNT(*) FROM products").fetch_one(&mut *tx.conn).await?;
        if rows > 0 {
            return Ok(Ok(()));
        }
        for factory in tx.edition.factories {
            sql("INSERT INTO factories (factory_id, name, locate) VALUES (?, ?, ?)")
                .bind(factory.id)
                .bind(factory.name)
                .bind(factory.locate)
                .execute(&mut *tx.conn)
                .await?;
        }
        for product in tx.edition.products {
            let stock = self.0.iter().rev().find(|(id, _)| id.0 == product.id).map_or(product.stock, |(_, stock)| *stock);
            sql("INSERT INTO products (product_id, name, price, stock, initial_stock, factory_id) VALUES (?, ?, ?, ?, ?, ?)")
                .bind(product.id)
                .bind(product.name)
                .bind(product.price)
                .bind(stock)
                .bind(stock)
                .bind(product.factory)
                .execute(&mut *tx.conn)
                .await?;
        }
        sql("INSERT INTO shop (edition, seeded_at) VALUES (?, ?)")
            .bind(tx.edition.name.as_str())
            .bind(tx.now)
            .execute(&mut *tx.conn)
            .await?;
        Ok(Ok(()))
    }
}

/// Sets the stock of a product.
pub(crate) struct SetStock {
    pub(crate) product: ProductId,
    pub(crate) stock: i64,
}

impl Work for SetStock {
    type Answer = Result<i64, SetStockError>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Answer, StoreError> {
        if !(0..=MAX_STOCK).contains(&self.stock) {
            return Ok(Err(SetStockError::OutOfRange(self.stock)));
        }
        let Some(product) = read::lock_product(&mut *tx.conn, &self.product).await? else {
            return Ok(Err(SetStockError::UnknownProduct(self.product.clone())));
        };
        let delta = self.stock - product.stock;
        if delta == 0 {
            return Ok(Ok(product.stock));
        }
        sql("UPDATE products SET stock = stock + ? WHERE product_id = ?").bind(delta).bind(&product.id.0).execute(&mut *tx.conn).await?;
        sql("INSERT INTO adjustments (product_id, delta, stock_after, at) VALUES (?, ?, ?, ?)")
            .bind(&product.id.0)
            .bind(delta)
            .bind(self.stock)
            .bind(tx.now)
            .execute(&mut *tx.conn)
            .await?;
        if delta > 0 {
            // A hand that fills the shelf restocks too: the next refusal is a new episode, and its ads are stopped anew.
            production::end_episode(tx, &product).await?;
        }
        Ok(Ok(product.stock))
    }
}
