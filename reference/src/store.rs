//! All that is remembered, and all SQL.
//!
//! One transaction holds everything that must be true together: an order, the stock it took, its idempotency key and the messages it
//! sends (`outbox`); an arrival, the stock it raised, its receipt and the production it promotes. Several processes may share a database.
//!
//! The decisions stand in `restock`, without SQL; the messages in `announce`; what is done in a transaction in `work`, in SQL that SQLite and
//! MySQL (or MariaDB) both understand; `database` is the way to either, `sqlite` and `mysql` hold what is one's alone.

mod address;
mod announce;
pub mod audit;
pub(crate) mod database;
mod error;
mod key;
mod migrate;
#[cfg(feature = "mysql")]
mod mysql;
mod options;
pub(crate) mod read;
pub(crate) mod restock;
mod rows;
mod sqlite;
pub(crate) mod work;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

pub use crate::clock::WallClock;
pub use address::{at, server_of, shown};
pub use audit::Audit;
pub use error::StoreError;
#[cfg(feature = "mysql")]
pub use mysql::{Made, Scratch};
pub use options::StoreOptions;
pub use rows::*;

use crate::defects::{self, Defect, instead};
use crate::domain::{EpisodeId, ProductId, ProductionId};
use crate::edition::Edition;
use address::Address;
use database::{Connection, Readers};
use key::KeysInFlight;
use options::as_micros;
use read::Counted;
use work::{arrival, notes, outbox, production, purchase, stock};
use writer::WriterHandle;

/// The store. Cheap to clone; all clones share one writer.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    edition: &'static Edition,
    writer: WriterHandle,
    readers: Readers,
    keys: KeysInFlight,
    outbox_changed: watch::Receiver<u64>,
    /// Tells this handle's claims on the outbox from other processes'.
    owner: String,
    /// The ledger counted so far. It only grows, so nothing is counted twice.
    counted: Mutex<Counted>,
    clock: WallClock,
}

/// Tells a relay in the same process that the outbox has grown.
#[derive(Debug, Clone)]
pub struct OutboxHint(watch::Receiver<u64>);

impl OutboxHint {
    /// Returns once a transaction with new messages has been committed since the last call; never again once the store is closed.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Store {
    /// Opens and migrates a database: `sqlite:///absolute/path.db` or `sqlite://relative.db` (created when absent), or, with the cargo
    /// feature `mysql` (on by default), `mysql://user:password@host:port/database` (which must exist).
    ///
    /// # Errors
    /// [`StoreError`] when the address is none, the database cannot be opened or is not fit, or it belongs to another version or edition.
    pub async fn open(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let address = Address::parse(url)?;
        let url = shown(url);
        let mut conn = address.connect(&url, options.lock_patience).await?;
        migrate::migrate(&url, &mut conn, options.lock_patience, options.clock.micros()).await?;
        check_edition(&url, &mut conn, options.edition).await?;
        let readers = address.readers(options.readers);
        let (outbox_in, outbox_changed) = watch::channel(0);
        let (edition, clock) = (options.edition, options.clock.clone());
        let writer = writer::start(url, address, conn, options, outbox_in);
        let owner = Uuid::new_v4().to_string();
        let (keys, counted) = (KeysInFlight::default(), Mutex::new(Counted::default()));
        Ok(Self { inner: Arc::new(Inner { edition, writer, readers, keys, outbox_changed, owner, counted, clock }) })
    }

    /// The edition whose rows these are.
    #[must_use]
    pub fn edition(&self) -> &'static Edition {
        self.inner.edition
    }

    /// Finishes what was handed to the writer and closes the database. Whoever calls a clone afterwards gets [`StoreError::Closed`].
    pub async fn close(&self) {
        self.inner.writer.close().await;
        self.inner.readers.close().await;
    }

    /// Fills an empty database with the edition's rows; `overrides` replace the stock of single products.
    /// A database that has products is left alone.
    ///
    /// # Errors
    /// [`SetStockError`] when an override names no product of the edition or no possible stock.
    pub async fn seed(&self, overrides: &[(ProductId, i64)]) -> Result<(), SetStockError> {
        self.inner.writer.submit("seed", stock::Seed(overrides.to_vec())).await?
    }

    /// All products, by key.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn products(&self) -> Result<Vec<Product>, StoreError> {
        read::products(&self.inner.readers).await
    }

    /// The product of that key.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn product(&self, id: &ProductId) -> Result<Option<Product>, StoreError> {
        read::product(&self.inner.readers, id).await
    }

    /// The product of that name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn product_by_name(&self, name: &str) -> Result<Option<Product>, StoreError> {
        read::product_by_name(&self.inner.readers, name).await
    }

    /// Decides a purchase: sold and taken from the stock, or refused and covered by a production. Dropping the future does not undo it.
    ///
    /// # Errors
    /// [`PurchaseError`]; its [`StoreError`]s say whether it is certain that nothing was done.
    pub async fn purchase(&self, purchase: Purchase) -> Result<PurchaseAnswer, PurchaseError> {
        instead!(AnswerBeforeCommit => return defects::selling::answer_first(self, purchase).await);
        instead!(LeakConnection => return defects::selling::through_a_leaking_pool(self, purchase).await);
        instead!(ShedAfterEffect => return defects::selling::shed_late(self, purchase).await);
        self.purchase_in_order(purchase).await
    }

    pub(crate) async fn purchase_in_order(&self, purchase: Purchase) -> Result<PurchaseAnswer, PurchaseError> {
        let unguarded = defects::is(Defect::IgnoreIdempotencyKey) || defects::is(Defect::IdempotencyWithoutAnswer);
        let looked_up = purchase.key.as_ref().filter(|_| !unguarded);
        let key = match looked_up {
            Some(key) => Some(self.inner.keys.take(key).ok_or(PurchaseError::KeyInFlight)?),
            None => None,
        };
        #[cfg(feature = "defects")]
        let read_before = defects::selling::read_before(self, &purchase).await?;
        let decide = purchase::Decide {
            purchase,
            _key: key,
            #[cfg(feature = "defects")]
            read_before,
        };
        self.inner.writer.purchase(decide).await?
    }

    /// The way to the writer, for mistakes that go past everything else.
    #[cfg(feature = "defects")]
    pub(crate) fn writer(&self) -> &WriterHandle {
        &self.inner.writer
    }

    /// Sets the stock of a product, leaves an adjustment row, and answers the pieces that were there before. Starts no production.
    ///
    /// # Errors
    /// [`SetStockError`].
    pub async fn set_stock(&self, product: &ProductId, stock: i64) -> Result<i64, SetStockError> {
        self.inner.writer.submit("a stock adjustment", stock::SetStock { product: product.clone(), stock }).await?
    }

    /// Claims the oldest messages that nobody has claimed; the claim lapses after `lease`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_outbox(&self, limit: u32, lease: Duration) -> Result<Vec<OutboxRow>, StoreError> {
        let owner = self.inner.owner.clone();
        self.inner.writer.submit("an outbox claim", outbox::Claim { owner, limit, lease: as_micros(lease) }).await
    }

    /// Forgets messages that were published.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_published(&self, ids: &[i64]) -> Result<(), StoreError> {
        self.inner.writer.submit("marking messages as published", outbox::Forget(ids.to_vec())).await
    }

    /// Gives back claims of this handle, so that the messages can be claimed again at once. A claim that lapsed and is another's by now
    /// stays the other's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_outbox(&self, ids: &[i64]) -> Result<(), StoreError> {
        let owner = self.inner.owner.clone();
        self.inner.writer.submit("giving messages back", outbox::Release { owner, ids: ids.to_vec() }).await
    }

    /// Tells when this store (or a clone of it) has put messages into the outbox. Other processes' messages are only found by asking.
    #[must_use]
    pub fn outbox_changed(&self) -> OutboxHint {
        OutboxHint(self.inner.outbox_changed.clone())
    }

    /// A production.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn production(&self, id: ProductionId) -> Result<Option<Production>, StoreError> {
        Ok(read::production_and_order(&self.inner.readers, id).await?.map(|(production, _)| production))
    }

    /// Notes that the factory took a production order (receipt "replenish").
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_accepted(&self, id: ProductionId) -> Result<(), StoreError> {
        self.inner.writer.submit("noting an accepted production", production::Accepted(id)).await
    }

    /// Requests again every production from which nothing was heard for `older_than`, doubled with each earlier request up to eight times
    /// as long; answers how many. Such a production counts as not accepted any more, so that the factory is asked once more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rerequest_unconfirmed(&self, older_than: Duration, limit: u32) -> Result<u64, StoreError> {
        self.inner.writer.submit("requesting productions again", production::Rerequest { older_than: as_micros(older_than), limit }).await
    }

    /// Raises the stock by what the factory made, once per production, and requests what has gathered meanwhile.
    ///
    /// # Errors
    /// [`ArrivalError`].
    pub async fn apply_arrival(&self, arrival: Arrival) -> Result<Applied, ArrivalError> {
        instead!(RestockOverwritesSales => defects::restocking::read_before(self, arrival.production).await?);
        self.inner.writer.submit("an arrival", arrival::Apply(arrival)).await?
    }

    /// Notes that the ad stop of an episode is about to be mailed, or answers that it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_ad_stop(&self, episode: &EpisodeId) -> Result<AdStop, StoreError> {
        self.inner.writer.submit("noting an ad stop", notes::BeginAdStop(episode.clone())).await
    }

    /// Notes that the ad stop was mailed (receipt "advertising").
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ad_stop_mailed(&self, episode: &EpisodeId) -> Result<(), StoreError> {
        self.inner.writer.submit("noting a mailed ad stop", notes::AdStopMailed(episode.clone())).await
    }

    /// Records a sales event for the operations team (receipt "operations"); answers whether it was new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_operation(&self, event: OperationEvent) -> Result<bool, StoreError> {
        self.inner.writer.submit("recording a sales event", notes::RecordOperation(event)).await
    }

    /// The store at a glance. Its parts are read one after the other, so they need not be of one moment.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn status(&self) -> Result<StoreStatus, StoreError> {
        let stock = read::stocks(&self.inner.readers).await?.into_iter().map(|(id, _, now)| (id, now)).collect();
        let (outbox, open_productions) = read::open_counts(&self.inner.readers).await?;
        let known = *self.inner.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = self.inner.clock.micros().saturating_sub(as_micros(self.inner.readers.settling_time()));
        let (counted, moving) = read::outcomes_after(&self.inner.readers, known, settled).await?;
        *self.inner.counted.lock().unwrap_or_else(PoisonError::into_inner) = counted;
        Ok(StoreStatus { stock, outbox, open_productions, sold: counted.sold + moving.sold, sold_out: counted.sold_out + moving.sold_out })
    }

    /// For auditors.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(self.inner.readers.clone())
    }
}

/// Refuses a database that was seeded for another edition.
async fn check_edition(url: &str, conn: &mut Connection, edition: &Edition) -> Result<(), StoreError> {
    match read::edition(conn).await? {
        Some(other) if other != edition.name.as_str() => {
            let reason =
                format!("it belongs to edition {other:?}; this is {:?}. Choose that edition, or another file", edition.name.as_str());
            Err(StoreError::Schema { url: url.to_owned(), reason })
        }
        _ => Ok(()),
    }
}
