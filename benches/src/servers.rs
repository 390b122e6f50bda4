//! What is measured against what: the same server with and without the work behind it.

use std::io;
use std::path::Path;

use axum::Router;
use axum::routing::{get, post};
use reference::broker::{Broker, BrokerOptions};
use reference::edition::{Edition, EditionName, SeedProduct};
use reference::http::{self, ServerLimits};
use reference::sales::{self, SalesState};
use reference::store::{Store, StoreOptions};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::buyers::product_name;

/// What the constant shop says to every purchase: as long as a real answer.
const SOLD: &str = r#"{"message":"구매 완료! 남은 재고: 999999","order_id":"019a0000-0000-7000-8000-000000000001","outcome":"sold","quantity":1,"stock":999999}"#;

/// What it shows to whoever looks.
const PAGE: &str = r#"{"product_id":"CP-502101","name":"donut","price":1000,"stock":999999}"#;

/// Products of the durable shop.
const PRODUCTS: usize = 64;

/// More than any measurement sells.
const STOCK: i64 = 1_000_000_000;

/// Purchases that may be under way at once.
const CONCURRENT_PURCHASES: usize = 512;

/// A shop that answers a constant, behind the same listener, limits and layers as the pipeline's own.
///
/// # Errors
/// When nothing can be listened on.
pub async fn constant() -> io::Result<()> {
    const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
    let app = Router::new().route("/checkout", post(|| async { (JSON, SOLD) })).route("/product/donut", get(|| async { (JSON, PAGE) }));
    listen(app).await
}

/// The pipeline's sales role on a database file in `folder`, fsynced; `group_limit` 1 gives each purchase a commit of its own.
///
/// # Errors
/// When nothing can be listened on.
///
/// # Panics
/// When the database cannot be made.
pub async fn durable(folder: &Path, group_limit: usize) -> io::Result<()> {
    let options = StoreOptions { group_limit, ..StoreOptions::new(wide_range()) };
    let url = format!("sqlite://{}", folder.join(format!("group-{group_limit}.db")).display());
    let store = Store::open(&url, options).await.expect("a fresh database in a fresh folder opens");
    store.seed(&[]).await.expect("a fresh database can be seeded");
    listen(sales::router(SalesState { store, admin_key: None, concurrent_purchases: CONCURRENT_PURCHASES })).await
}

/// The doughnut's edition with more than one doughnut in it, and more of each than is ever sold.
fn wide_range() -> &'static Edition {
    let edition = EditionName::Donut.edition();
    let doughnut = &edition.products[0];
    // Leaked once per process, because editions are data of the program.
    let product = |number| {
        let id: &'static str = String::leak(product_name(number));
        SeedProduct { id, name: id, stock: STOCK, ..*doughnut }
    };
    let products = Vec::leak((0..PRODUCTS).map(product).collect());
    Box::leak(Box::new(Edition { products, ..edition.clone() }))
}

async fn listen(app: Router) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { http::serve(listener, app, ServerLimits::default(), CancellationToken::new()).await });
    Ok(())
}

/// The embedded broker, in memory like its peers.
///
/// # Errors
/// When nothing can be listened on.
///
/// # Panics
/// When the broker's defaults contradict themselves.
pub async fn broker() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let broker = Broker::open(BrokerOptions::default()).expect("the defaults are sound");
    tokio::spawn(async move { broker.serve(listener, CancellationToken::new()).await });
    Ok(())
}
