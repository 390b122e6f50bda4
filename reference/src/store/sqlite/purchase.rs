//! Deciding a purchase: idempotency key, conditional decrement, ledger row and messages in one transaction.

use crate::domain::{EventId, OrderId, Outcome, ProductId, ProductionId, Quantity};
use crate::store::announce::{self, SalesEvent};
use crate::store::key::KeyGuard;
use crate::store::{Product, Purchase, PurchaseAnswer, PurchaseError, StoreError};

use super::{Tx, Work, outbox, outcome, parsed, production, read};

/// A purchase on its way through the writer.
pub(crate) struct Decide {
    pub(crate) purchase: Purchase,
    /// Held until the answer: nobody else decides a purchase with this key meanwhile.
    pub(crate) _key: Option<KeyGuard>,
}

impl Work for Decide {
    type Answer = Result<PurchaseAnswer, PurchaseError>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Answer, StoreError> {
        let purchase = &self.purchase;
        if let Some(earlier) = answered_before(tx, purchase).await? {
            return Ok(earlier);
        }
        let Some(product) = read::product(&mut *tx.conn, &purchase.product).await? else {
            return Ok(Err(PurchaseError::UnknownProduct(purchase.product.clone())));
        };
        if let Some(named) = purchase.factory.as_ref().filter(|named| **named != product.factory) {
            return Ok(Err(PurchaseError::WrongFactory { product: product.id, named: named.clone() }));
        }
        let order_id = OrderId::new();
        let answer = if take_from_stock(tx, &product.id, purchase.quantity).await? {
            let stock_left = product.stock - purchase.quantity.get();
            answer(order_id, purchase, Outcome::Sold, stock_left, None)
        } else {
            let covered = production::cover_refusal(tx, &product, order_id, purchase.quantity.get(), &purchase.requester).await?;
            let answer = answer(order_id, purchase, Outcome::SoldOut, product.stock, Some(covered.production));
            record(tx, purchase, &product, &answer, covered.shortage).await?;
            return Ok(Ok(answer));
        };
        record(tx, purchase, &product, &answer, 0).await?;
        Ok(Ok(answer))
    }
}

fn answer(
    order_id: OrderId,
    purchase: &Purchase,
    outcome: Outcome,
    stock_left: i64,
    production_id: Option<ProductionId>,
) -> PurchaseAnswer {
    let (product, quantity) = (purchase.product.clone(), purchase.quantity);
    PurchaseAnswer { order_id, product, outcome, quantity, stock_left, production_id, replayed: false }
}

type EarlierRow = (String, String, i64, String, i64, Option<String>, Vec<u8>);

/// The answer that the key got before, or its refusal.
async fn answered_before(tx: &mut Tx<'_>, purchase: &Purchase) -> Result<Option<Result<PurchaseAnswer, PurchaseError>>, StoreError> {
    let Some(key) = &purchase.key else { return Ok(None) };
    let row: Option<EarlierRow> = sqlx::query_as(
        "SELECT order_id, product_id, quantity, outcome, stock_left, production_id, fingerprint FROM orders WHERE idempotency_key = ?",
    )
    .bind(key.as_str())
    .fetch_optional(&mut *tx.conn)
    .await?;
    let Some((order_id, product, quantity, word, stock_left, production_id, fingerprint)) = row else { return Ok(None) };
    if fingerprint != purchase.fingerprint {
        return Ok(Some(Err(PurchaseError::KeyReusedWithOtherBody)));
    }
    let quantity = Quantity::new(quantity).map_err(|wrong| StoreError::Corrupt { what: "orders.quantity", found: wrong.0.to_string() })?;
    Ok(Some(Ok(PurchaseAnswer {
        order_id: parsed(&order_id, "orders.order_id")?,
        product: ProductId(product),
        outcome: outcome(&word, "orders.outcome")?,
        quantity,
        stock_left,
        production_id: production_id.map(|id| parsed(&id, "orders.production_id")).transpose()?,
        replayed: true,
    })))
}

/// The conditional decrement: the database decides, in one statement, whether there was enough.
async fn take_from_stock(tx: &mut Tx<'_>, product: &ProductId, quantity: Quantity) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE products SET stock = stock - ? WHERE product_id = ? AND stock >= ?")
        .bind(quantity.get())
        .bind(&product.0)
        .bind(quantity.get())
        .execute(&mut *tx.conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the ledger row and the message for operations.
async fn record(tx: &mut Tx<'_>, purchase: &Purchase, product: &Product, answer: &PurchaseAnswer, shortage: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO orders (order_id, idempotency_key, fingerprint, product_id, quantity, outcome, stock_left, production_id, shortage, \
         requester, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(answer.order_id.to_string())
    .bind(purchase.key.as_ref().map(|key| key.as_str()))
    .bind(&purchase.fingerprint[..])
    .bind(&product.id.0)
    .bind(answer.quantity.get())
    .bind(answer.outcome.as_str())
    .bind(answer.stock_left)
    .bind(answer.production_id.map(|id| id.to_string()))
    .bind(shortage)
    .bind(&purchase.requester)
    .bind(tx.now)
    .execute(&mut *tx.conn)
    .await?;
    let sale = SalesEvent {
        order_id: answer.order_id,
        product: &product.id,
        factory: &product.factory,
        quantity: answer.quantity.get(),
        outcome: answer.outcome,
        stock_left: answer.stock_left,
        production_id: answer.production_id,
        requester: &purchase.requester,
    };
    let event_id = EventId::new();
    outbox::put(tx, event_id, &announce::sales_event(tx.edition, event_id, &sale)).await
}
