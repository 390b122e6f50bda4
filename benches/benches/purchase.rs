//! What a durable purchase costs: ledger, stock, idempotency key and outbox in one fsynced transaction, with 64 buyers at once.
//!
//! Measured beside each other in one run: purchases that share commits (as the pipeline does it) and one commit per purchase (the floor that
//! group commit is there to beat). Read the ratio, not the times.

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use reference::domain::{ProductId, Quantity};
use reference::edition::EditionName;
use reference::store::{Purchase, Store, StoreOptions};
use tokio::runtime::Runtime;

/// Buyers at once.
const BUYERS: u64 = 64;

/// More than any measurement sells.
const STOCK: i64 = 1_000_000_000;

fn product() -> ProductId {
    ProductId("CP-502101".to_owned())
}

fn open(runtime: &Runtime, folder: &Path, group_limit: usize) -> Store {
    let edition = EditionName::Donut.edition();
    let options = StoreOptions { group_limit, ..StoreOptions::new(edition) };
    let url = format!("sqlite://{}", folder.join(format!("group-{group_limit}.db")).display());
    runtime.block_on(async {
        let store = Store::open(&url, options).await.expect("a fresh database in a fresh folder opens");
        store.seed(&[(product(), STOCK)]).await.expect("a fresh database can be seeded");
        store
    })
}

async fn sixty_four_purchases(store: &Store) {
    let one = Quantity::new(1).expect("one is a quantity");
    let purchases = (0..BUYERS).map(|buyer| {
        store.purchase(Purchase {
            key: None,
            fingerprint: [0; 32],
            product: product(),
            quantity: one,
            requester: format!("buyer {buyer}"),
            factory: None,
        })
    });
    for sold in join_all(purchases).await {
        sold.expect("stock and queue suffice");
    }
}

fn purchase(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be built");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut group = criterion.benchmark_group("64 durable purchases");
    group.throughput(Throughput::Elements(BUYERS));
    for (name, limit) in [("shared commits", 256), ("one commit each", 1)] {
        let store = open(&runtime, folder.path(), limit);
        group.bench_function(name, |bencher| bencher.to_async(&runtime).iter(|| sixty_four_purchases(&store)));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = purchase
}
criterion_main!(benches);
