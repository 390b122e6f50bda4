//! Mistakes of receiving goods.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use super::{Defect, is};
use crate::domain::ProductionId;
use crate::store::database::sql;
use crate::store::work::Tx;
use crate::store::{Product, Store, StoreError};

/// The stock as it was read when an arrival came in.
static READ: LazyLock<Mutex<HashMap<ProductionId, i64>>> = LazyLock::new(Mutex::default);

/// What whoever makes this mistake does between reading and writing: a line to another service. Without it the mistake is there and shows only on
/// machines that are slow enough.
const MEANWHILE: Duration = Duration::from_millis(100);

/// `restock-overwrites-sales`: reads the stock that the goods will be added to.
pub(crate) async fn read_before(store: &Store, id: ProductionId) -> Result<(), StoreError> {
    if !is(Defect::RestockOverwritesSales) {
        return Ok(());
    }
    let Some(production) = store.production(id).await? else { return Ok(()) };
    if let Some(product) = store.product(&production.product).await? {
        READ.lock().unwrap_or_else(PoisonError::into_inner).insert(id, product.stock);
        tokio::time::sleep(MEANWHILE).await;
    }
    Ok(())
}

/// `restock-overwrites-sales`: writes the sum of what was read and what came.
pub(crate) async fn write_the_sum(tx: &mut Tx<'_>, product: &Product, id: ProductionId, count: i64) -> Result<(), StoreError> {
    let before = READ.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).unwrap_or(product.stock);
    sql("UPDATE products SET stock = ? WHERE product_id = ?").bind(before + count).bind(&product.id.0).execute(&mut *tx.conn).await?;
    Ok(())
}

/// `concatenate-count`: the count came as text, and was added as text.
pub(crate) async fn add_as_text(tx: &mut Tx<'_>, product: &Product, count: i64) -> Result<(), StoreError> {
    sql("UPDATE products SET stock = CAST(stock || ? AS INTEGER) WHERE product_id = ?")
        .bind(count.to_string())
        .bind(&product.id.0)
        .execute(&mut *tx.conn)
        .await?;
    Ok(())
}
