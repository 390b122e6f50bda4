//! Production orders: opened by refusals, promoted one after the other, asked for again when nothing is heard.

use rand::RngExt as _;

use crate::defects::{self, Defect, instead};
use crate::domain::{EpisodeId, EventId, FactoryId, OrderId, ProductId, ProductionId};
use crate::store::announce::{self, StockRequest};
use crate::store::database::sql;
use crate::store::read;
use crate::store::restock::{self, Placement};
use crate::store::{Product, Production, ProductionState, StoreError};

use super::{Tx, Work, outbox, parsed};

/// The production that covers a refusal, and the pieces the refusal added to it.
pub(crate) struct Covered {
    pub(crate) production: ProductionId,
    pub(crate) shortage: i64,
}

/// The productions of a product that can still change.
#[derive(Clone)]
pub(super) struct Open {
    requested: Option<ProductionId>,
    pub(super) gathering: Option<(ProductionId, i64)>,
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
    instead!(ProductionPerRefusal => return defects::selling::a_production_of_its_own(tx, product, (order, &episode), shortage, requester).await);
    let production = match restock::place(shortage, open.requested.is_some(), open.gathering) {
        Placement::Request => {
            tx.desk.open.remove(&product.id);
            let id = insert(tx, product, order, shortage, requester).await?;
            request(tx, id, &episode).await?;
            return Ok(Covered { production: id, shortage });
        }
        placement => gather(tx, placement, product, order, shortage, requester).await?,
    };
    if let Some(requested) = open.requested.filter(|_| begins || defects::is(Defect::MailStorm)) {
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
    let production = gather(tx, placement, product, order, shortage, requester).await?;
    // It is promoted next, as it stands in its row.
    tx.flush().await?;
    Ok(production)
}

/// Requests the production that has waited longest, when the place is free.
pub(crate) async fn promote(tx: &mut Tx<'_>, product: &ProductId) -> Result<Option<ProductionId>, StoreError> {
    let next: Option<(String, i64)> =
        sql("SELECT n.production_id, p.episode FROM productions n JOIN products p ON p.product_id = n.product_id \
         WHERE n.product_id = ? AND n.state IN ('waiting', 'gathering') ORDER BY n.position LIMIT 1")
        .bind(&product.0)
        .fetch_optional(&mut *tx.conn)
        .await?;
    let Some((id, number)) = next else { return Ok(None) };
    let id = parsed(&id, "productions.production_id")?;
    request(tx, id, &EpisodeId { product: product.clone(), number }).await?;
    Ok(Some(id))
}

async fn open_of(tx: &mut Tx<'_>, product: &ProductId) -> Result<Open, StoreError> {
    if let Some(open) = tx.desk.open.get(product) {
        return Ok(open.clone());
    }
    let open = read_open(tx, product).await?;
    tx.desk.open.insert(product.clone(), open.clone());
    Ok(open)
}

async fn read_open(tx: &mut Tx<'_>, product: &ProductId) -> Result<Open, StoreError> {
    let rows: Vec<(String, String, i64)> =
        sql("SELECT production_id, state, quantity FROM productions WHERE requested_product = ? OR gathering_product = ?")
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
        instead!(UndersizedProduction => return Ok(id));
        tx.add(id, shortage);
        tx.desk.gathers(&product.id, shortage);
        return Ok(id);
    }
    // What is done from here on works on rows as they are written, and changes which productions are open.
    tx.flush().await?;
    tx.desk.open.remove(&product.id);
    if let Placement::SealAndGather(id) = placement {
        sql("UPDATE productions SET state = 'waiting', gathering_product = NULL WHERE production_id = ?")
            .bind(id.to_string())
            .execute(&mut *tx.conn)
            .await?;
    }
    let id = insert(tx, product, order, shortage, requester).await?;
    Ok(id)
}

/// Inserts a production; every production begins by gathering.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    product: &Product,
    order: OrderId,
    shortage: i64,
    requester: &str,
) -> Result<ProductionId, StoreError> {
    let id = ProductionId::new();
    sql("INSERT INTO productions (production_id, product_id, factory_id, order_id, quantity, token, requester, state, gathering_product, \
         created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'gathering', ?, ?)")
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
pub(crate) async fn request(tx: &mut Tx<'_>, id: ProductionId, episode: &EpisodeId) -> Result<(), StoreError> {
    sql("UPDATE productions SET state = 'requested', requested_product = product_id, gathering_product = NULL, requests = requests + 1, \
         requested_at = ?, accepted_at = NULL WHERE production_id = ?")
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
    tx.sold_out(&episode.product, episode.number);
    sql("UPDATE products SET episode = ?, sold_out = 1 WHERE product_id = ?")
        .bind(episode.number)
        .bind(&episode.product.0)
        .execute(&mut *tx.conn)
        .await?;
    sql("INSERT INTO episodes (product_id, number, began_at) VALUES (?, ?, ?)")
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
    sql("UPDATE products SET sold_out = 0 WHERE product_id = ?").bind(&product.id.0).execute(&mut *tx.conn).await?;
    sql("UPDATE episodes SET ended_at = ? WHERE product_id = ? AND number = ?")
        .bind(tx.now)
        .bind(&product.id.0)
        .bind(product.episode)
        .execute(&mut *tx.conn)
        .await?;
    Ok(())
}

/// Locks the product of a production.
pub(crate) async fn lock_product_of(tx: &mut Tx<'_>, id: ProductionId) -> Result<Option<Product>, StoreError> {
    let row: Option<(String,)> =
        sql("SELECT product_id FROM productions WHERE production_id = ?").bind(id.to_string()).fetch_optional(&mut *tx.conn).await?;
    let Some((product,)) = row else { return Ok(None) };
    let product = ProductId(product);
    match read::lock_product(&mut *tx.conn, &product).await? {
        Some(product) => Ok(Some(product)),
        None => Err(StoreError::Corrupt { what: "productions.product_id", found: product.0 }),
    }
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
        let rows: Vec<(String, i64, i64, Option<i64>)> =
            sql("SELECT production_id, requests, requested_at, accepted_at FROM productions WHERE requested_product IS NOT NULL \
             ORDER BY requested_at")
            .fetch_all(&mut *tx.conn)
            .await?;
        let mut count = 0;
        for (id, requests, requested_at, accepted_at) in rows {
            let due = restock::is_due(tx.now, last_heard(requested_at, accepted_at), requests, self.older_than);
            if due && count < u64::from(self.limit) && self.request_again(tx, parsed(&id, "productions.production_id")?).await? {
                count += 1;
            }
        }
        Ok(count)
    }
}

impl Rerequest {
    /// Requests one production again, unless something was heard of it after all: it is looked at once more with its product locked.
    async fn request_again(&self, tx: &mut Tx<'_>, id: ProductionId) -> Result<bool, StoreError> {
        let Some(product) = lock_product_of(tx, id).await? else { return Ok(false) };
        let row: Option<(i64, i64, Option<i64>)> =
            sql("SELECT requests, requested_at, accepted_at FROM productions WHERE production_id = ? AND requested_product IS NOT NULL")
                .bind(id.to_string())
                .fetch_optional(&mut *tx.conn)
                .await?;
        let Some((requests, requested_at, accepted_at)) = row else { return Ok(false) };
        if !restock::is_due(tx.now, last_heard(requested_at, accepted_at), requests, self.older_than) {
            return Ok(false);
        }
        request(tx, id, &EpisodeId { product: product.id, number: product.episode }).await?;
        tracing::warn!(production_id = %id, requests = requests + 1, "nothing was heard of a production; it is requested again");
        Ok(true)
    }
}

fn last_heard(requested_at: i64, accepted_at: Option<i64>) -> i64 {
    requested_at.max(accepted_at.unwrap_or(0))
}

/// Notes that the factory took a production.
pub(crate) struct Accepted(pub(crate) ProductionId);

impl Work for Accepted {
    type Answer = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        accepted(tx, self.0).await
    }
}

/// The factory took a production: noted once, whoever learns of it first.
pub(crate) async fn accepted(tx: &mut Tx<'_>, id: ProductionId) -> Result<(), StoreError> {
    let done = sql("UPDATE productions SET accepted_at = ? WHERE production_id = ? AND accepted_at IS NULL")
        .bind(tx.now)
        .bind(id.to_string())
        .execute(&mut *tx.conn)
        .await?;
    if done == 1 {
        super::notes::receipt(tx, "replenish", &id.to_string()).await?;
    }
    Ok(())
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
