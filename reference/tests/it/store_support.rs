//! What the store's conformance suite stands on. A case is written once, over a [`Database`], and runs on every kind there is.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reference::domain::{OrderId, Outcome, ProductId, ProductionId, Quantity};
use reference::edition::{Edition, attribute, donut, shop};
use reference::messaging::message::OutgoingMessage;
use reference::store::{Arrival, Purchase, PurchaseAnswer, Store, StoreOptions, WallClock};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use testbed::MariaDb;

/// A fresh database that any number of stores may be opened on, as any number of processes would.
pub(crate) trait Database: Sync {
    fn url(&self) -> String;

    /// Does something to the database from outside, said in the words of its kind.
    fn outside(&self, said: InWords) -> impl Future<Output = ()> + Send;
}

/// The same in the words of each kind of database.
#[derive(Clone, Copy)]
pub(crate) struct InWords {
    pub(crate) sqlite: &'static str,
    pub(crate) mysql: &'static str,
}

/// Where both need the same words.
pub(crate) fn in_words(both: &'static str) -> InWords {
    InWords { sqlite: both, mysql: both }
}

pub(crate) struct Sqlite(TempDir);

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("shop.db")
    }
}

impl Database for Sqlite {
    fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }

    async fn outside(&self, said: InWords) {
        let mut connection = SqliteConnection::connect(&self.url()).await.expect("a connection");
        sqlx::raw_sql(said.sqlite).execute(&mut connection).await.expect("a sound statement");
        connection.close().await.expect("closed");
    }
}

/// An empty database on the server that this test binary has for itself.
pub(crate) struct MySql {
    pub(crate) server: &'static MariaDb,
    pub(crate) name: String,
}

impl MySql {
    pub(crate) async fn new() -> Self {
        let server = MariaDb::shared().await;
        Self { server, name: server.fresh_database().await }
    }
}

impl Database for MySql {
    fn url(&self) -> String {
        self.server.url(&self.name)
    }

    async fn outside(&self, said: InWords) {
        let mut connection = self.server.connect(&self.name).await.expect("a connection");
        sqlx::raw_sql(said.mysql).execute(&mut connection).await.expect("a sound statement");
        connection.close().await.expect("closed");
    }
}

/// Writes a test per kind of database for each case. The cases behind `one thread:` need that nothing runs between two of their polls.
macro_rules! on_every_database {
    ($($case:ident),+ $(,)? $(; one thread: $($alone:ident),+ $(,)?)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(&crate::store_support::Sqlite::new()).await;
                }
            )+
            $($(
                #[tokio::test]
                async fn $alone() {
                    super::$alone(&crate::store_support::Sqlite::new()).await;
                }
            )+)?
        }

        mod mysql {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(&crate::store_support::MySql::new().await).await;
                }
            )+
            $($(
                #[tokio::test]
                async fn $alone() {
                    super::$alone(&crate::store_support::MySql::new().await).await;
                }
            )+)?
        }
    };
}
pub(crate) use on_every_database;

pub(crate) const DONUT: &str = "CP-502101";

pub(crate) fn donut_id() -> ProductId {
    ProductId(DONUT.to_owned())
}

/// A doughnut shop with that many doughnuts.
pub(crate) async fn donuts(database: &impl Database, stock: i64) -> Store {
    open(database, &donut::EDITION, &[(donut_id(), stock)]).await
}

/// An item shop with its seed rows.
pub(crate) async fn items(database: &impl Database) -> Store {
    open(database, &shop::EDITION, &[]).await
}

pub(crate) async fn open(database: &impl Database, edition: &'static Edition, stock: &[(ProductId, i64)]) -> Store {
    open_with(database, StoreOptions::new(edition), stock).await
}

pub(crate) async fn open_with(database: &impl Database, options: StoreOptions, stock: &[(ProductId, i64)]) -> Store {
    let store = Store::open(&database.url(), options).await.expect("the store opens");
    store.seed(stock).await.expect("the store is seeded");
    store
}

/// A clock that moves when it is told to.
#[derive(Clone, Default)]
pub(crate) struct Hands(Arc<AtomicI64>);

impl Hands {
    pub(crate) fn clock(&self) -> WallClock {
        let hands = self.clone();
        WallClock::from_fn(move || hands.0.load(Ordering::SeqCst))
    }

    pub(crate) fn advance_ms(&self, millis: i64) {
        self.0.fetch_add(millis * 1_000, Ordering::SeqCst);
    }
}

pub(crate) fn pieces(count: i64) -> Quantity {
    Quantity::new(count).expect("a quantity")
}

pub(crate) fn wants(product: &ProductId, count: i64) -> Purchase {
    Purchase {
        key: None,
        fingerprint: [0; 32],
        product: product.clone(),
        quantity: pieces(count),
        requester: "buyer".into(),
        factory: None,
    }
}

pub(crate) fn wants_with_key(product: &ProductId, count: i64, key: &str) -> Purchase {
    let fingerprint = [u8::try_from(count).expect("a small count"); 32];
    Purchase { key: Some(key.parse().expect("a key")), fingerprint, ..wants(product, count) }
}

/// Buys, and expects a decision.
pub(crate) async fn buy(store: &Store, product: &ProductId, count: i64) -> PurchaseAnswer {
    store.purchase(wants(product, count)).await.expect("a decision")
}

/// Buys more than there is, and answers the production that covers the refusal.
pub(crate) async fn refused(store: &Store, product: &ProductId, count: i64) -> ProductionId {
    let answer = buy(store, product, count).await;
    assert_eq!(answer.outcome, Outcome::SoldOut);
    answer.production_id.expect("a refusal is covered by a production")
}

/// What the factory sends back for a production.
pub(crate) async fn arrival(store: &Store, production: ProductionId, count: i64) -> Arrival {
    let token = store.production(production).await.expect("readable").expect("a production").token;
    Arrival { production, token, product: None, quantity: pieces(count) }
}

pub(crate) async fn stock_of(store: &Store, product: &ProductId) -> i64 {
    store.product(product).await.expect("readable").expect("a product").stock
}

/// Publishes everything in the outbox, as a relay would, and answers it.
pub(crate) async fn drain_outbox(store: &Store) -> Vec<OutgoingMessage> {
    let mut messages = Vec::new();
    loop {
        let rows = store.claim_outbox(100, std::time::Duration::from_secs(60)).await.expect("a claim");
        if rows.is_empty() {
            return messages;
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        store.mark_published(&ids).await.expect("marked");
        messages.extend(rows.into_iter().map(|row| row.message));
    }
}

pub(crate) fn of<'a>(message: &'a OutgoingMessage, name: &str) -> Option<&'a str> {
    message.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value.as_str())
}

/// The stock requests among messages: production, count, episode.
pub(crate) fn requests(edition: &Edition, messages: &[OutgoingMessage]) -> Vec<(ProductionId, i64, String)> {
    let request = |message: &OutgoingMessage| {
        let production = of(message, attribute::PRODUCTION_ID).expect("a production").parse().expect("its id");
        let count = of(message, edition.attributes.count).expect("a count").parse().expect("a number");
        (production, count, of(message, attribute::EPISODE).expect("an episode").to_owned())
    };
    messages.iter().filter(|message| message.topic == edition.stock_topic).map(request).collect()
}

/// The orders that the sales events among messages tell of.
pub(crate) fn told(edition: &Edition, messages: &[OutgoingMessage]) -> Vec<(OrderId, String)> {
    let event = |message: &OutgoingMessage| {
        let order = of(message, attribute::ORDER_ID).expect("an order").parse().expect("its id");
        (order, of(message, attribute::OUTCOME).expect("an outcome").to_owned())
    };
    messages.iter().filter(|message| message.topic == edition.sales_topic).map(event).collect()
}
