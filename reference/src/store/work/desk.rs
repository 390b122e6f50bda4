//! What the purchases of one transaction have in hand.
//!
//! A server answers a statement in a tenth of a millisecond, most of which is the way there and back. A group of purchases therefore asks once
//! for all products (locking them, in the order of their keys, so that two groups do not wait for each other) and once for all idempotency
//! keys, decides in memory, because nobody else can change what is locked, and writes rows together when it is done.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::{EventId, ProductId, ProductionId};
use crate::store::database::batch::{MOST_ROWS, execute_together, insert_rows};
use crate::store::database::{Statement, Value, padded, sql};
use crate::store::{IdempotencyKey, Product, StoreError, read};

use super::Tx;
use super::production::Open;
use super::purchase::EarlierRow;

/// What a piece of work will ask for.
pub(crate) struct Wanted<'w> {
    pub(crate) product: &'w ProductId,
    pub(crate) key: Option<&'w IdempotencyKey>,
}

/// What is in hand.
#[derive(Default)]
pub(crate) struct Desk {
    /// Locked products as they are now; `None` for those that do not exist.
    products: HashMap<ProductId, Option<Product>>,
    /// Orders by their keys; `None` for keys that stand for nothing yet.
    earlier: HashMap<String, Option<EarlierRow>>,
    /// Productions of locked products that can still change.
    pub(super) open: HashMap<ProductId, Open>,
    /// Pieces to be taken from the stock.
    taken: BTreeMap<ProductId, i64>,
    /// Pieces to be added to productions that gather.
    gathered: BTreeMap<String, i64>,
    /// Rows to be written, in their order.
    orders: Vec<[Value; 11]>,
    messages: Vec<[Value; 2]>,
}

impl Desk {
    /// Notes that what gathers for a product has grown.
    pub(super) fn gathers(&mut self, product: &ProductId, pieces: i64) {
        if let Some((_, gathered)) = self.open.get_mut(product).and_then(|open| open.gathering.as_mut()) {
            *gathered += pieces;
        }
    }
}

impl Tx<'_> {
    /// Asks for everything that a group wants, at once.
    pub(crate) async fn prepare(&mut self, wanted: &[Wanted<'_>]) -> Result<(), StoreError> {
        let products: BTreeSet<&ProductId> = wanted.iter().map(|wanted| wanted.product).collect();
        for products in products.into_iter().collect::<Vec<_>>().chunks(MOST_ROWS) {
            let found = read::lock_products(&mut *self.conn, products).await?;
            self.desk.products.extend(products.iter().map(|id| ((*id).clone(), None)));
            self.desk.products.extend(found.into_iter().map(|product| (product.id.clone(), Some(product))));
        }
        // Only now: whoever decides the same purchase in another process is done with it once the product is locked here.
        let keys: Vec<&str> = wanted.iter().filter_map(|wanted| wanted.key).map(IdempotencyKey::as_str).collect();
        for keys in keys.chunks(MOST_ROWS) {
            let found = super::purchase::earlier(&mut *self.conn, padded(keys.to_vec())).await?;
            self.desk.earlier.extend(keys.iter().map(|key| ((*key).to_owned(), None)));
            self.desk.earlier.extend(found.into_iter().map(|(key, row)| (key, Some(row))));
        }
        Ok(())
    }

    /// The product, locked, as it is after what this transaction has done so far.
    pub(crate) async fn product(&mut self, id: &ProductId) -> Result<Option<Product>, StoreError> {
        if let Some(product) = self.desk.products.get(id) {
            return Ok(product.clone());
        }
        let product = read::lock_product(&mut *self.conn, id).await?;
        self.desk.products.insert(id.clone(), product.clone());
        Ok(product)
    }

    /// The order that a key stands for.
    pub(crate) async fn earlier(&mut self, key: &IdempotencyKey) -> Result<Option<EarlierRow>, StoreError> {
        match self.desk.earlier.get(key.as_str()) {
            Some(earlier) => Ok(earlier.clone()),
            None => Ok(super::purchase::earlier(&mut *self.conn, vec![key.as_str()]).await?.into_iter().next().map(|(_, row)| row)),
        }
    }

    /// Takes pieces from the stock of a locked product, if there are as many.
    pub(crate) fn take(&mut self, id: &ProductId, pieces: i64) -> bool {
        let Some(Some(product)) = self.desk.products.get_mut(id) else { return false };
        if product.stock < pieces {
            return false;
        }
        product.stock -= pieces;
        *self.desk.taken.entry(id.clone()).or_default() += pieces;
        true
    }

    /// Notes that a product is sold out from now on.
    pub(crate) fn sold_out(&mut self, id: &ProductId, episode: i64) {
        if let Some(Some(product)) = self.desk.products.get_mut(id) {
            (product.sold_out, product.episode) = (true, episode);
        }
    }

    /// Adds pieces to a production that gathers.
    pub(crate) fn add(&mut self, id: ProductionId, pieces: i64) {
        *self.desk.gathered.entry(id.to_string()).or_default() += pieces;
    }

    /// A row for the ledger.
    pub(crate) fn write_order(&mut self, row: [Value; 11]) {
        self.desk.orders.push(row);
    }

    /// A row for the outbox.
    pub(crate) fn write_message(&mut self, event_id: EventId, text: String) {
        self.desk.messages.push([event_id.to_string().into(), text.into()]);
        self.outbox_grew = true;
    }

    /// Writes what is to be written. What is in hand stays valid.
    pub(crate) async fn flush(&mut self) -> Result<(), StoreError> {
        let taken = std::mem::take(&mut self.desk.taken);
        let mut script: Vec<Statement> = taken.iter().map(|(product, pieces)| lower_stock(product, *pieces)).collect();
        script.extend(std::mem::take(&mut self.desk.gathered).into_iter().map(|(production, pieces)| {
            sql("UPDATE productions SET quantity = quantity + ? WHERE production_id = ?").bind(pieces).bind(production)
        }));
        let (orders, messages) = (std::mem::take(&mut self.desk.orders), std::mem::take(&mut self.desk.messages));
        let dialect = self.conn.dialect();
        script.extend(insert_rows(dialect, super::purchase::INSERT_ORDERS, orders));
        script.extend(insert_rows(dialect, "INSERT INTO outbox (event_id, message)", messages));
        let found = execute_together(script, &mut *self.conn).await?;
        match taken.iter().zip(found).find(|(_, found)| *found != 1) {
            None => Ok(()),
            Some(((product, pieces), _)) => Err(StoreError::Corrupt {
                what: "products.stock",
                found: format!("less than the {pieces} pieces of {product} that were locked"),
            }),
        }
    }

    /// Writes what is to be written, and forgets what is in hand: what comes now may change it, and looks for itself.
    pub(crate) async fn clear(&mut self) -> Result<(), StoreError> {
        self.flush().await?;
        self.desk = Desk::default();
        Ok(())
    }
}

/// The conditional decrement. There was enough when it was decided, and the row has been locked since, so the condition only finds what must not be: a
/// stock that was changed past the lock.
fn lower_stock(product: &ProductId, pieces: i64) -> Statement {
    sql("UPDATE products SET stock = stock - ? WHERE product_id = ? AND stock >= ?").bind(pieces).bind(&product.0).bind(pieces)
}
