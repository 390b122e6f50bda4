//! Deciding a purchase: idempotency key, conditional decrement, ledger row and messages in one transaction.

use crate::defects::{self, Defect, instead};
use crate::domain::{EventId, OrderId, Outcome, ProductId, ProductionId, Quantity};
use crate::store::announce::{self, SalesEvent};
use crate::store::database::{Connection, marks, sql_of};
use crate::store::key::KeyGuard;
use crate::store::{Product, Purchase, PurchaseAnswer, PurchaseError, StoreError};

use super::desk::Wanted;
use super::{Tx, Work, outbox, outcome, parsed, production};

/// A purchase on its way through the writer.
pub(crate) struct Decide {
    pub(crate) purchase: Purchase,
    /// Held until the answer: nobody else decides a purchase with this key meanwhile.
    pub(crate) _key: Option<KeyGuard>,
    /// The product as it was before the transaction, for those who decide from that.
    #[cfg(feature = "defects")]
    pub(crate) read_before: Option<Product>,
}

impl Work for Decide {
    type Answer = Result<PurchaseAnswer, PurchaseError>;

    fn wants(&self) -> Option<Wanted<'_>> {
        Some(Wanted { product: &self.purchase.product, key: self.purchase.key.as_ref() })
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Answer, StoreError> {
        let purchase = &self.purchase;
        // The product is locked before the key is looked up: whoever decides the same purchase in another process is then done with it.
        let product = tx.product(&purchase.product).await?;
        if let Some(earlier) = answered_before(tx, purchase).await? {
            return Ok(earlier);
        }
        let Some(product) = product else {
            return Ok(Err(PurchaseError::UnknownProduct(purchase.product.clone())));
        };
        if let Some(named) = purchase.factory.as_ref().filter(|named| **named != product.factory) {
            return Ok(Err(PurchaseError::WrongFactory { product: product.id, named: named.clone() }));
        }
        #[cfg(feature = "defects")]
        let product = self.as_it_was(product);
        let order_id = OrderId::new();
        let answer = if take_from_stock(tx, &product, purchase.quantity).await? {
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

/// What an order says of the answer that it got: order, product, quantity, outcome, stock left, production, fingerprint.
pub(crate) type EarlierRow = (String, String, i64, String, i64, Option<String>, Vec<u8>);

/// The orders of these keys, by key.
pub(super) async fn earlier(conn: &mut Connection, keys: Vec<&str>) -> Result<Vec<(String, EarlierRow)>, StoreError> {
    type Row = (String, String, String, i64, String, i64, Option<String>, Vec<u8>);
    let text = format!(
        "SELECT idempotency_key, order_id, product_id, quantity, outcome, stock_left, production_id, fingerprint FROM orders \
         WHERE idempotency_key IN ({})",
        marks(keys.len())
    );
    let rows: Vec<Row> = sql_of(text).bind_all(keys).fetch_all(conn).await?;
    let by_key = |(key, order, product, quantity, outcome, stock, production, fingerprint): Row| {
        (key, (order, product, quantity, outcome, stock, production, fingerprint))
    };
    Ok(rows.into_iter().map(by_key).collect())
}

/// The answer that the key got before, or its refusal.
async fn answered_before(tx: &mut Tx<'_>, purchase: &Purchase) -> Result<Option<Result<PurchaseAnswer, PurchaseError>>, StoreError> {
    let Some(key) = &purchase.key else { return Ok(None) };
    instead!(IgnoreIdempotencyKey => return Ok(None));
    let Some(row) = tx.earlier(key).await? else { return Ok(None) };
    let (order_id, product, quantity, word, stock_left, production_id, fingerprint) = row;
    instead!(IdempotencyWithoutAnswer => return Ok(Some(Ok(defects::selling::key_is_taken(tx, purchase).await?))));
    if fingerprint != purchase.fingerprint && !defects::is(Defect::KeyWithoutBody) {
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

/// Takes the pieces if there are as many; the row is locked, and lowered by a conditional decrement when the group is written.
async fn take_from_stock(tx: &mut Tx<'_>, product: &Product, quantity: Quantity) -> Result<bool, StoreError> {
    instead!(ReadThenWrite => return defects::selling::write_what_is_left(tx, product, quantity).await);
    instead!(CheckOutsideTransaction => return defects::selling::lower_unchecked(tx, product, quantity).await);
    instead!(StaleStock => if defects::selling::said_sold_out(product, quantity) { return Ok(false) });
    Ok(tx.take(&product.id, quantity.get()))
}

/// Begins the statement that writes rows of the ledger, with the columns in the order of [`record`].
pub(super) const INSERT_ORDERS: &str = "INSERT INTO orders (order_id, idempotency_key, fingerprint, product_id, quantity, outcome, stock_left, \
     production_id, shortage, requester, created_at)";

/// Writes the ledger row and the message for operations.
async fn record(tx: &mut Tx<'_>, purchase: &Purchase, product: &Product, answer: &PurchaseAnswer, shortage: i64) -> Result<(), StoreError> {
    tx.write_order([
        answer.order_id.to_string().into(),
        purchase.key.as_ref().map(|key| key.as_str()).into(),
        purchase.fingerprint[..].into(),
        (&product.id.0).into(),
        answer.quantity.get().into(),
        answer.outcome.as_str().into(),
        answer.stock_left.into(),
        answer.production_id.map(|id| id.to_string()).into(),
        shortage.into(),
        (&purchase.requester).into(),
        tx.now.into(),
    ]);
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
    instead!(SilentSales => if answer.outcome == Outcome::Sold { return Ok(()) });
    let event_id = EventId::new();
    outbox::put(tx, event_id, &announce::sales_event(tx.edition, event_id, &sale)).await
}
