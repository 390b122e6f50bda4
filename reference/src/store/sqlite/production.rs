//! Production orders: opened by refusals, promoted one after the other, asked for again when nothing is heard.

use rand::RngExt as _;

use crate::domain::{EpisodeId, EventId, FactoryId, OrderId, ProductId, ProductionId};
use crate::store::announce::{self, StockRequest};
use crate::store::restock::{self, Placement};
use crate::store::{Product, Production, ProductionState, StoreError};

use super::{Tx, Work, outbox, parsed, read};

/// The production that covers a refusal, and the pieces the refusal added to it.
pub(crate) struct Covered {
    pub(crate) production: ProductionId,
    pub(crate) shortage: i64,
}

/// The productions of a product that can still change.
struct Open {
    requested: Option<ProductionId>,
    gathering: Option<(ProductionId, i64)>,
}

/// Sees to it that a refusal is covered, and that the advertising hears of a new episode.
pub(crate) async fn cover_refusal(
    tx: &mut Tx<'_>,
    product: &Product,
    order: OrderId,
    wanted: i64,
    requester: &str,
) -> Result<Covered, StoreError> {
    let open = open_of(tx, &product.id).await?;
    let begins = !product.sold_out;
    let episode = EpisodeId { product: product.id.clone(), number: product.episode + i64::from(begins) };
    if begins {
        begin_episode(tx, &episode).await?;
    }
    let shortage = restock::shortage(wanted, product.stock, open.requested.is_some());
    let production = match restock::place(shortage, open.requested.is_some(), open.gathering) {
        Placement::Request => {
            let id = insert(tx, product, order, shortage, requester).await?;
            request(tx, id, &episode).await?;
            return Ok(Covered { production: id, shortage });
        }
        placement => gather(tx, placement, product, order, shortage, requester).await?,
    };
    if let Some(requested) = open.requested.filter(|_| begins) {
        announce(tx, requested, &episode).await?;
    }
    Ok(Covered { production, shortage })
}

/// Puts pieces that an arrival came short of into what gathers; answers where.
pub(crate) async fn carry_over(
    tx: &mut Tx<'_>,
    product: &Product,
    order: OrderId,
    shortage: i64,
    requester: &str,
) -> Result<ProductionId, StoreError> {
    let open = open_of(tx, &product.id).await?;
    // The production that came short has just left its place free; what is owed takes the place of what gathers, to be promoted with it.
    let placement = restock::place(shortage, true, open.gathering);
    gather(tx, placement, product, order, shortage, requester).await
}

/// Requests the production that has waited longest, when the place is free.
pub(crate) async fn promote(tx: &mut Tx<'_>, product: &ProductId) -> Result<Option<ProductionId>, StoreError> {
    let next: Option<(String, i64)> = sqlx::query_as(
        "SELECT n.production_id, p.episode FROM productions n JOIN products p ON p.product_id = n.product_id \
         WHERE n.product_id = ? AND n.state IN ('waiting', 'gathering') ORDER BY n.position LIMIT 1",
    )
    .bind(&product.0)
    .fetch_optional(&mut *tx.conn)
    .await?;
    let Some((id, number)) = next else { return Ok(None) };
    let id = parsed(&id, "productions.production_id")?;
    request(tx, id, &EpisodeId { product: product.clone(), number }).await?;
    Ok(Some(id))
}

async fn open_of(tx: &mut Tx<'_>, product: &ProductId) -> Result<Open, StoreError> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT production_id, state, quantity FROM productions WHERE requested_product = ? OR gathering_product = ?")
            .bind(&product.0)
            .bind(&product.0)
            .fetch_all(&mut *tx.conn)
            .await?;
    let mut open = Open { requested: None, gathering: None };
    for (id, state, quantity) in rows {
        let id = parsed(&id, "productions.production_id")?;
        match state.parse::<ProductionState>()? {
            ProductionState::Requested => open.requested = Some(id),
            ProductionState::Gathering => open.gathering = Some((id, quantity)),
            ProductionState::Waiting | ProductionState::Applied => {
                return Err(StoreError::Corrupt { what: "productions.state", found: state });
            }
        }
    }
    Ok(open)
}

async fn gather(
    tx: &mut Tx<'_>,
    placement: Placement,
    product: &Product,
    order: OrderId,
    shortage: i64,
    requester: &str,
) -> Result<ProductionId, StoreError> {
    if let Placement::Join(id) = placement {
        sqlx::query("UPDATE productions SET quantity = quantity + ? WHERE production_id = ?")
            .bind(shortage)
            .bind(id.to_string())
            .execute(&mut *tx.conn)
            .await?;
        return Ok(id);
    }
    if let Placement::SealAndGather(id) = placement {
        sqlx::query("UPDATE productions SET state = 'waiting', gathering_product = NULL WHERE production_id = ?")
            .bind(id.to_string())
            .execute(&mut *tx.conn)
            .await?;
    }
    let id = insert(tx, product, order, shortage, requester).await?;
    Ok(id)
}

/// Inserts a production; every production begins by gathering.
async fn insert(tx: &mut Tx<'_>, product: &Product, order: OrderId, shortage: i64, requester: &str) -> Result<ProductionId, StoreError> {
    let id = ProductionId::new();
    sqlx::query(
        "INSERT INTO productions (production_id, product_id, factory_id, order_id, quantity, token, requester, state, gathering_product, \
         created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'gathering', ?, ?)",
    )
    .bind(id.to_string())
    .bind(&product.id.0)
    .bind(&product.factory.0)
    .bind(order.to_string())
    .bind(shortage)
    .bind(new_token())
    .bind(requester)
    .bind(&product.id.0)
    .bind(tx.now)
    .execute(&mut *tx.conn)
    .await?;
    Ok(id)
}

/// 256 bits from the operating system's generator (by way of `rand`'s, which is seeded from it), in hexadecimal.
fn new_token() -> String {
    let bytes: [u8; 32] = rand::rng().random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a production the requested one of its product and sends the request.
async fn request(tx: &mut Tx<'_>, id: ProductionId, episode: &EpisodeId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE productions SET state = 'requested', requested_product = product_id, gathering_product = NULL, requests = requests + 1, \
         requested_at = ?, accepted_at = NULL WHERE production_id = ?",
    )
    .bind(tx.now)
    .bind(id.to_string())
    .execute(&mut *tx.conn)
    .await?;
    announce(tx, id, episode).await
}

/// Sends the request of a production as it stands.
async fn announce(tx: &mut Tx<'_>, id: ProductionId, episode: &EpisodeId) -> Result<(), StoreError> {
    let Some((production, order)) = read::production_and_order(&mut *tx.conn, id).await? else {
        return Err(StoreError::Corrupt { what: "productions.production_id", found: id.to_string() });
    };
    let request = StockRequest {
        order_id: order,
        production_id: id,
        episode: episode.clone(),
        product_name: &production.product_name,
        factory: &production.factory,
        factory_name: &production.factory_name,
        quantity: production.quantity,
        requester: &production.requester,
        token: &production.token,
    };
    let event_id = EventId::new();
    let message = announce::stock_request(tx.edition, event_id, &request, tx.now);
    outbox::put(tx, event_id, &message).await
}

async fn begin_episode(tx: &mut Tx<'_>, episode: &EpisodeId) -> Result<(), StoreError> {
    sqlx::query("UPDATE products SET episode = ?, sold_out = 1 WHERE product_id = ?")
        .bind(episode.number)
        .bind(&episode.product.0)
        .execute(&mut *tx.conn)
        .await?;
    sqlx::query("INSERT INTO episodes (product_id, number, began_at) VALUES (?, ?, ?)")
        .bind(&episode.product.0)
        .bind(episode.number)
        .bind(tx.now)
        .execute(&mut *tx.conn)
        .await?;
    Ok(())
}

/// Ends the episode that goes on, if one does.
pub(crate) async fn end_episode(tx: &mut Tx<'_>, product: &Product) -> Result<(), StoreError> {
    if !product.sold_out {
        return Ok(());
    }
    sqlx::query("UPDATE products SET sold_out = 0 WHERE product_id = ?").bind(&product.id.0).execute(&mut *tx.conn).await?;
    sqlx::query("UPDATE episodes SET ended_at = ? WHERE product_id = ? AND number = ?")
        .bind(tx.now)
        .bind(&product.id.0)
        .bind(product.episode)
        .execute(&mut *tx.conn)
        .await?;
    Ok(())
}

/// Requests again what nothing was heard of.
pub(crate) struct Rerequest {
    /// Microseconds.
    pub(crate) older_than: i64,
    pub(crate) limit: u32,
}

impl Work for Rerequest {
    type Answer = u64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        // At most one row per product is in this state, so reading all that may be due is bounded by the catalogue.
        let rows: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(
            "SELECT n.production_id, n.product_id, p.episode, n.requests, MAX(n.requested_at, COALESCE(n.accepted_at, 0)) \
             FROM productions n JOIN products p ON p.product_id = n.product_id WHERE n.requested_product IS NOT NULL ORDER BY n.requested_at",
        )
        .fetch_all(&mut *tx.conn)
        .await?;
        let due = rows.into_iter().filter(|(.., requests, heard)| restock::is_due(tx.now, *heard, *requests, self.older_than));
        let due: Vec<_> = due.take(usize::try_from(self.limit).unwrap_or(usize::MAX)).collect();
        let mut count = 0;
        for (id, product, number, requests, _) in due {
            let id: ProductionId = parsed(&id, "productions.production_id")?;
            request(tx, id, &EpisodeId { product: ProductId(product), number }).await?;
            tracing::warn!(production_id = %id, requests = requests + 1, "nothing was heard of a production; it is requested again");
            count += 1;
        }
        Ok(count)
    }
}

/// Notes that the factory took a production.
pub(crate) struct Accepted(pub(crate) ProductionId);

impl Work for Accepted {
    type Answer = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE productions SET accepted_at = ? WHERE production_id = ? AND accepted_at IS NULL")
            .bind(tx.now)
            .bind(self.0.to_string())
            .execute(&mut *tx.conn)
            .await?;
        if done.rows_affected() == 1 {
            super::notes::receipt(tx, "replenish", &self.0.to_string()).await?;
        }
        Ok(())
    }
}

/// The columns of [`Production`] and its order, in the order in which [`from_row`] takes them.
pub(crate) type ProductionRow = (String, String, String, String, String, i64, String, String, String, Option<i64>, i64, String);

pub(crate) fn from_row(row: ProductionRow) -> Result<(Production, OrderId), StoreError> {
    let (id, product, product_name, factory, factory_name, quantity, token, requester, state, accepted_at, requests, order) = row;
    let production = Production {
        id: parsed(&id, "productions.production_id")?,
        product: ProductId(product),
        product_name,
        factory: FactoryId(factory),
        factory_name,
        quantity,
        token,
        requester,
        state: state.parse()?,
        accepted_at,
        requests,
    };
    Ok((production, parsed(&order, "productions.order_id")?))
}
