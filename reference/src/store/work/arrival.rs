//! An arrival from the factory: stock, receipt, promotion of what gathered, all in one transaction, once per production.

use subtle::ConstantTimeEq;

use crate::defects::{self, Defect, instead};
use crate::domain::OrderId;
use crate::store::database::sql;
use crate::store::read;
use crate::store::restock::{self, Settlement};
use crate::store::{Applied, Arrival, ArrivalError, Product, Production, ProductionState, StoreError};

use super::{Tx, Work, notes, production};

/// An arrival on its way through the writer.
pub(crate) struct Apply(pub(crate) Arrival);

impl Work for Apply {
    type Answer = Result<Applied, ArrivalError>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Answer, StoreError> {
        let arrival = &self.0;
        // The product first, and for this transaction: what stands in the production is then what no other arrival is about to change.
        let Some(product) = production::lock_product_of(tx, arrival.production).await? else {
            return Ok(Err(ArrivalError::UnknownProduction(arrival.production)));
        };
        let Some((production, order)) = read::production_and_order(&mut *tx.conn, arrival.production).await? else {
            return Ok(Err(ArrivalError::UnknownProduction(arrival.production)));
        };
        let asked = tx.edition.pieces_to_ask(production.quantity);
        let owed = match check(arrival, &production, asked) {
            Err(refused) => return Ok(Err(refused)),
            Ok(Settlement::TooMany) => return Ok(Err(ArrivalError::TooMany { asked })),
            Ok(Settlement::Full) => 0,
            Ok(Settlement::Short(owed)) => owed,
        };
        if production.state == ProductionState::Applied {
            instead!(RestockTwice => return Ok(Ok(Applied { stock: raise(tx, &product, arrival).await?, first_time: true })));
            return Ok(Ok(Applied { stock: product.stock, first_time: false }));
        }
        let stock = if defects::is(Defect::CallbackWrongField) { product.stock } else { raise(tx, &product, arrival).await? };
        finish(tx, &product, &production, order, owed).await?;
        Ok(Ok(Applied { stock, first_time: true }))
    }
}

/// Whether the arrival belongs to the production; then, what it settles.
fn check(arrival: &Arrival, production: &Production, asked: i64) -> Result<Settlement, ArrivalError> {
    let same = bool::from(arrival.token.as_bytes().ct_eq(production.token.as_bytes()));
    if !same {
        return Err(ArrivalError::WrongToken(production.id));
    }
    if matches!(production.state, ProductionState::Gathering | ProductionState::Waiting) {
        return Err(ArrivalError::UnknownProduction(production.id));
    }
    if arrival.product.as_ref().is_some_and(|product| *product != production.product) {
        return Err(ArrivalError::WrongProduct { expected: production.product.clone() });
    }
    Ok(restock::settle(arrival.quantity.get(), production.quantity, asked))
}

async fn raise(tx: &mut Tx<'_>, product: &Product, arrival: &Arrival) -> Result<i64, StoreError> {
    let (id, count) = (arrival.production, arrival.quantity.get());
    add_to_stock(tx, product, arrival).await?;
    let stock = product.stock + count;
    sql("INSERT INTO restocks (production_id, product_id, quantity, stock_after, at) VALUES (?, ?, ?, ?, ?)")
        .bind(id.to_string())
        .bind(&product.id.0)
        .bind(count)
        .bind(stock)
        .bind(tx.now)
        .execute(&mut *tx.conn)
        .await?;
    notes::receipt(tx, "receiving", &id.to_string()).await?;
    production::end_episode(tx, product).await?;
    Ok(stock)
}

async fn add_to_stock(tx: &mut Tx<'_>, product: &Product, arrival: &Arrival) -> Result<(), StoreError> {
    let count = arrival.quantity.get();
    instead!(ConcatenateCount => return defects::restocking::add_as_text(tx, product, count).await);
    instead!(RestockOverwritesSales => return defects::restocking::write_the_sum(tx, product, arrival.production, count).await);
    sql("UPDATE products SET stock = stock + ? WHERE product_id = ?").bind(count).bind(&product.id.0).execute(&mut *tx.conn).await?;
    Ok(())
}

/// Closes the production, carries over what it came short of, and requests what has gathered.
async fn finish(tx: &mut Tx<'_>, product: &Product, production: &Production, order: OrderId, owed: i64) -> Result<(), StoreError> {
    let continued_in = match owed {
        0 => None,
        owed => Some(production::carry_over(tx, product, order, owed, &production.requester).await?),
    };
    // Goods prove that the factory took the order, even where its answer was lost, or whoever asked died before noting it.
    production::accepted(tx, production.id).await?;
    sql("UPDATE productions SET state = 'applied', requested_product = NULL, applied_at = ?, continued_in = ? WHERE production_id = ?")
        .bind(tx.now)
        .bind(continued_in.map(|id| id.to_string()))
        .bind(production.id.to_string())
        .execute(&mut *tx.conn)
        .await?;
    production::promote(tx, &product.id).await?;
    Ok(())
}
