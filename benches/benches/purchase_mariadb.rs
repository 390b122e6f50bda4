//! What a durable purchase costs on MariaDB when everybody wants the same product: 64 buyers at once, each commit flushed to the disk.
//!
//! Measured beside each other in one run on a private server: purchases as the pipeline makes them (a group asks, writes and commits at once), and
//! the naive way, one transaction per purchase on a connection of its own: look up the key, lock the row, lower it, write ledger and outbox,
//! commit. Read the ratio, not the times. Without an installed MariaDB there is nothing to measure, and it says so.

use std::time::{Duration, Instant};

use benches::paired::{PAIRS, paired};
use benches::rows::{Row, Target, figure, leave};
use futures_util::future::join_all;
use reference::domain::{ProductId, Quantity};
use reference::edition::EditionName;
use reference::store::{Purchase, Store, StoreOptions};
use sqlx::mysql::{MySqlPool, MySqlPoolOptions};
use testbed::{Keeping, MariaDb};
use tokio::runtime::Runtime;

/// Buyers at once.
const BUYERS: u32 = 64;

/// Of one measurement.
const LASTING: Duration = Duration::from_secs(1);

/// More than any measurement sells.
const STOCK: i64 = 1_000_000_000;

const PRODUCT: &str = "CP-502101";

async fn open(server: &MariaDb) -> (Store, String) {
    let url = server.url(&server.fresh_database().await);
    let store = Store::open(&url, StoreOptions::new(EditionName::Donut.edition())).await.expect("a fresh database opens");
    store.seed(&[(ProductId(PRODUCT.to_owned()), STOCK)]).await.expect("a fresh database can be seeded");
    (store, url)
}

/// Keys that were never used: each purchase is looked up, as the pipeline's are.
fn key(buyer: u32) -> String {
    format!("{buyer}-{}", uuid::Uuid::new_v4())
}

async fn grouped(store: &Store) {
    let purchases = (0..BUYERS).map(|buyer| {
        store.purchase(Purchase {
            key: Some(key(buyer).parse().expect("a key")),
            fingerprint: [0; 32],
            product: ProductId(PRODUCT.to_owned()),
            quantity: Quantity::new(1).expect("one is a quantity"),
            requester: format!("buyer {buyer}"),
            factory: None,
        })
    });
    for sold in join_all(purchases).await {
        sold.expect("stock and queue suffice");
    }
}

async fn naive(pool: &MySqlPool) {
    for sold in join_all((0..BUYERS).map(|buyer| buy(pool, buyer))).await {
        sold.expect("one row, locked first by everybody: no deadlock");
    }
}

/// The same rows as the pipeline writes, the way they are written when nobody thinks of a rush.
async fn buy(pool: &MySqlPool, buyer: u32) -> Result<(), sqlx::Error> {
    let (key, order, event) = (key(buyer), uuid::Uuid::now_v7().to_string(), uuid::Uuid::now_v7().to_string());
    let mut tx = pool.begin().await?;
    let earlier: Option<(String,)> =
        sqlx::query_as("SELECT order_id FROM orders WHERE idempotency_key = ?").bind(&key).fetch_optional(&mut *tx).await?;
    assert!(earlier.is_none(), "the key is new");
    let (stock,): (i64,) =
        sqlx::query_as("SELECT stock FROM products WHERE product_id = ? FOR UPDATE").bind(PRODUCT).fetch_one(&mut *tx).await?;
    sqlx::query("UPDATE products SET stock = ? WHERE product_id = ?").bind(stock - 1).bind(PRODUCT).execute(&mut *tx).await?;
    sqlx::query(
        "INSERT INTO orders (order_id, idempotency_key, fingerprint, product_id, quantity, outcome, stock_left, shortage, requester, created_at) \
         VALUES (?, ?, ?, ?, 1, 'sold', ?, 0, ?, 0)",
    )
    .bind(&order)
    .bind(&key)
    .bind(&[0_u8; 32][..])
    .bind(PRODUCT)
    .bind(stock - 1)
    .bind(format!("buyer {buyer}"))
    .execute(&mut *tx)
    .await?;
    // As long as the pipeline's message about a sale.
    sqlx::query("INSERT INTO outbox (event_id, message) VALUES (?, ?)").bind(event).bind("x".repeat(900)).execute(&mut *tx).await?;
    tx.commit().await
}

/// Purchases a second, 64 at a time.
async fn rate(buy_sixty_four: impl AsyncFn()) -> f64 {
    let (began, mut bought) = (Instant::now(), 0);
    while began.elapsed() < LASTING {
        buy_sixty_four().await;
        bought += BUYERS;
    }
    f64::from(bought) / began.elapsed().as_secs_f64()
}

fn main() {
    const WHAT: &str = "durable purchase on MariaDB, one product: throughput at 64 buyers";
    const AGAINST: &str = "one transaction each, the naive way";
    if !MariaDb::is_installed() {
        let why = "MariaDB is not installed (apt-get install --no-install-recommends mariadb-server)";
        return leave("purchase_mariadb", &[Row::absent(WHAT, AGAINST, why)]);
    }
    let runtime = Runtime::new().expect("a runtime can be built");
    let server = runtime.block_on(MariaDb::start(Keeping::OnDisk)).expect("an installed MariaDB starts");
    let (store, _) = runtime.block_on(open(&server));
    let (other, url) = runtime.block_on(open(&server));
    runtime.block_on(other.close());
    let pool = runtime.block_on(MySqlPoolOptions::new().max_connections(BUYERS).connect(&url)).expect("the server grants connections");
    let found =
        paired(PAIRS, || runtime.block_on(rate(async || grouped(&store).await)), || runtime.block_on(rate(async || naive(&pool).await)));
    let detail = format!("{}/s against {}/s", figure(found.ours.median), figure(found.theirs.median));
    leave("purchase_mariadb", &[Row::ratio(WHAT, AGAINST, found.ratio, Some(Target::AtLeast(5.0)), detail)]);
}
