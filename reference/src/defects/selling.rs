//! Mistakes of selling: what is decided from a reading, answered too early or too late, or not given back.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{Defect, is};
use crate::domain::{OrderId, Outcome, ProductId, Quantity};
use crate::http::fields::Fields;
use crate::http::problem::Problem;
use crate::store::database::sql;
use crate::store::read;
use crate::store::work::purchase::Decide;
use crate::store::work::{Tx, Work, production};
use crate::store::{Product, Purchase, PurchaseAnswer, PurchaseError, Store, StoreError};

/// What a purchase is decided from when it is decided from a reading: the product as it was before the transaction.
pub(crate) async fn read_before(store: &Store, purchase: &Purchase) -> Result<Option<Product>, StoreError> {
    if is(Defect::ReadThenWrite) || is(Defect::CheckOutsideTransaction) { store.product(&purchase.product).await } else { Ok(None) }
}

/// `read-then-write`: the new stock is computed here, from the reading, and written as it is.
pub(crate) async fn write_what_is_left(tx: &mut Tx<'_>, product: &Product, quantity: Quantity) -> Result<bool, StoreError> {
    if product.stock < quantity.get() {
        return Ok(false);
    }
    sql("UPDATE products SET stock = ? WHERE product_id = ?")
        .bind(product.stock - quantity.get())
        .bind(&product.id.0)
        .execute(&mut *tx.conn)
        .await?;
    Ok(true)
}

/// `check-outside-transaction`: the reading sufficed, so the stock is lowered, whatever it is by now.
pub(crate) async fn lower_unchecked(tx: &mut Tx<'_>, product: &Product, quantity: Quantity) -> Result<bool, StoreError> {
    if product.stock < quantity.get() {
        return Ok(false);
    }
    sql("UPDATE products SET stock = stock - ? WHERE product_id = ?")
        .bind(quantity.get())
        .bind(&product.id.0)
        .execute(&mut *tx.conn)
        .await?;
    Ok(true)
}

/// How long "sold out" is believed.
const CACHED_FOR: Duration = Duration::from_secs(2);

/// `stale-stock`: whether the product was refused a moment ago; notes the refusal of one that has nothing now.
pub(crate) fn said_sold_out(product: &Product, quantity: Quantity) -> bool {
    static SOLD_OUT: LazyLock<Mutex<HashMap<ProductId, Instant>>> = LazyLock::new(Mutex::default);
    let mut sold_out = SOLD_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    if sold_out.get(&product.id).is_some_and(|since| since.elapsed() < CACHED_FOR) {
        return true;
    }
    if product.stock < quantity.get() {
        sold_out.insert(product.id.clone(), Instant::now());
    }
    false
}

/// `answer-before-commit`: the stock suffices, so the answer is "sold"; the purchase itself is left to a task that nobody waits for.
pub(crate) async fn answer_first(store: &Store, purchase: Purchase) -> Result<PurchaseAnswer, PurchaseError> {
    let enough = store.product(&purchase.product).await?.filter(|product| product.stock >= purchase.quantity.get());
    let Some(product) = enough else { return store.purchase_in_order(purchase).await };
    let answer = PurchaseAnswer {
        order_id: OrderId::new(),
        product: product.id,
        outcome: Outcome::Sold,
        quantity: purchase.quantity,
        stock_left: product.stock - purchase.quantity.get(),
        production_id: None,
        replayed: false,
    };
    let store = store.clone();
    tokio::spawn(async move {
        if let Err(error) = store.purchase_in_order(purchase).await {
            tracing::error!(%error, "a purchase failed that was answered already");
        }
    });
    Ok(answer)
}

/// `idempotency-without-answer`: the key is taken, which looks like any other failure of the purchase.
pub(crate) async fn key_is_taken(tx: &mut Tx<'_>, purchase: &Purchase) -> Result<PurchaseAnswer, StoreError> {
    let stock_left = read::lock_product(&mut *tx.conn, &purchase.product).await?.map_or(0, |product| product.stock);
    Ok(PurchaseAnswer {
        order_id: OrderId::new(),
        product: purchase.product.clone(),
        outcome: Outcome::SoldOut,
        quantity: purchase.quantity,
        stock_left,
        production_id: None,
        replayed: false,
    })
}

/// Connections that the pool has: what MySQL allows by default.
const CONNECTIONS: usize = 151;
/// How long a purchase waits for one.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(1);

/// `leak-connection`: every early return gives the connection back, and the way to success does not.
pub(crate) async fn through_a_leaking_pool(store: &Store, purchase: Purchase) -> Result<PurchaseAnswer, PurchaseError> {
    static POOL: Semaphore = Semaphore::const_new(CONNECTIONS);
    let Ok(Ok(connection)) = tokio::time::timeout(CONNECTION_PATIENCE, POOL.acquire()).await else {
        let waited = CONNECTION_PATIENCE;
        return Err(StoreError::Timeout { what: "for a connection", waited }.into());
    };
    let answer = store.purchase_in_order(purchase).await?;
    if answer.outcome == Outcome::Sold {
        connection.forget();
    }
    Ok(answer)
}

/// Purchases in one second above which the shop counts as overloaded. A rate, not a number of purchases at once: that would depend on how fast the
/// machine is.
const ROOM: u32 = 60;

/// `shed-after-effect`: whether there is too much to do is asked when the purchase has been made.
pub(crate) async fn shed_late(store: &Store, purchase: Purchase) -> Result<PurchaseAnswer, PurchaseError> {
    let answer = store.purchase_in_order(purchase).await;
    if there_is_room(Instant::now()) { answer } else { Err(StoreError::Overloaded.into()) }
}

fn there_is_room(now: Instant) -> bool {
    static SECOND: Mutex<Option<(Instant, u32)>> = Mutex::new(None);
    let mut second = SECOND.lock().unwrap_or_else(PoisonError::into_inner);
    let (began, count) = second.filter(|(began, _)| now.duration_since(*began) < Duration::from_secs(1)).unwrap_or((now, 0));
    *second = Some((began, count + 1));
    count < ROOM
}

/// `accept-negative-quantity` and `truncate-quantity`: a count that is no count of pieces, as it was read.
pub(crate) fn any_number(fields: &Fields, field: &'static str) -> Option<i64> {
    let number = fields.number(field)?;
    if is(Defect::AcceptNegativeQuantity) && number < 0.0 && number.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "the mistake")]
        return Some(number as i64);
    }
    // A half becomes nothing.
    #[expect(clippy::cast_possible_truncation, reason = "the mistake")]
    (is(Defect::TruncateQuantity) && number.fract() != 0.0).then_some(number as i64)
}

/// Sells that many pieces, whatever it may mean to do so.
pub(crate) async fn sell(store: &Store, product: ProductId, pieces: i64) -> Result<PurchaseAnswer, Problem> {
    let sold = store.writer().submit("a purchase", Sell { product, pieces }).await;
    sold.map_err(|error| Problem::unknown(http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

struct Sell {
    product: ProductId,
    pieces: i64,
}

impl Work for Sell {
    type Answer = PurchaseAnswer;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<PurchaseAnswer, StoreError> {
        let order_id = OrderId::new();
        let lowered = sql("UPDATE products SET stock = stock - ? WHERE product_id = ? AND stock >= ?")
            .bind(self.pieces)
            .bind(&self.product.0)
            .bind(self.pieces)
            .execute(&mut *tx.conn)
            .await?;
        let outcome = if lowered == 1 { Outcome::Sold } else { Outcome::SoldOut };
        let stock_left = read::lock_product(&mut *tx.conn, &self.product).await?.map_or(0, |product| product.stock);
        // The answer's own field only knows sound counts.
        let quantity = Quantity::new(self.pieces.unsigned_abs().clamp(1, 100).cast_signed()).expect("between 1 and 100");
        let product = self.product.clone();
        Ok(PurchaseAnswer { order_id, product, outcome, quantity, stock_left, production_id: None, replayed: false })
    }
}

/// `production-per-refusal`: whatever is open already, this refusal gets a production of its own.
pub(crate) async fn a_production_of_its_own(
    tx: &mut Tx<'_>,
    product: &Product,
    refusal: (OrderId, &crate::domain::EpisodeId),
    shortage: i64,
    requester: &str,
) -> Result<production::Covered, StoreError> {
    let (order, episode) = refusal;
    let id = production::insert(tx, product, order, shortage, requester).await?;
    production::request(tx, id, episode).await?;
    Ok(production::Covered { production: id, shortage })
}

impl Decide {
    /// The product as it was read before the transaction, for those who decide from that.
    pub(crate) fn as_it_was(&self, now: Product) -> Product {
        let stock = self.read_before.as_ref().map_or(now.stock, |before| before.stock);
        Product { stock, ..now }
    }
}
