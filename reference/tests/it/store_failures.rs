//! A database that fails: one command, a commit, a file that is none, a process that is killed.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use reference::domain::{OrderId, Outcome};
use reference::edition::{donut, shop};
use reference::store::{Audit, Purchase, PurchaseError, Store, StoreError, StoreOptions};
use sqlx::Connection as _;

use crate::store_support::{
    Database, InWords, MySql, Sqlite, donut_id, donuts, drain_outbox, in_words, on_every_database, stock_of, told, wants, wants_with_key,
};

on_every_database!(
    a_command_that_fails_does_not_take_its_group_along,
    databases_of_other_versions_are_refused,
    what_was_answered_before_a_kill_is_in_the_ledger_and_nothing_is_half_done,
);

fn by(requester: &str) -> Purchase {
    Purchase { requester: requester.to_owned(), ..wants(&donut_id(), 1) }
}

async fn a_command_that_fails_does_not_take_its_group_along(database: &impl Database) {
    let store = donuts(database, 100).await;
    let trigger = InWords {
        sqlite: "CREATE TRIGGER sour AFTER INSERT ON orders WHEN NEW.requester = 'sour' BEGIN SELECT RAISE(ABORT, 'no'); END",
        mysql: "CREATE TRIGGER sour AFTER INSERT ON orders FOR EACH ROW BEGIN IF NEW.requester = 'sour' THEN \
                SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; END",
    };
    database.outside(trigger).await;
    let buyers = (0..20).map(|n| store.purchase(by(if n == 7 { "sour" } else { "sweet" })));
    let results = futures_util::future::join_all(buyers).await;
    for (n, result) in results.iter().enumerate() {
        match result {
            Ok(answer) => assert!(n != 7 && answer.outcome == Outcome::Sold),
            Err(PurchaseError::Store(error)) => assert!(n == 7 && error.nothing_was_done(), "{n}: {error}"),
            Err(error) => panic!("{n}: {error}"),
        }
    }
    assert_eq!(stock_of(&store, &donut_id()).await, 81);
    assert_eq!(told(&donut::EDITION, &drain_outbox(&store).await).len(), 19);
}

#[tokio::test]
async fn a_commit_that_fails_is_never_called_nothing_and_the_store_goes_on() {
    let database = Sqlite::new();
    let store = donuts(&database, 100).await;
    // A foreign key that is checked at the commit and cannot hold.
    let constraint = in_words(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY); \
         CREATE TABLE children (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED); \
         CREATE TRIGGER late AFTER INSERT ON orders WHEN NEW.requester = 'late' BEGIN INSERT INTO children VALUES (99); END",
    );
    database.outside(constraint).await;
    match store.purchase(by("late")).await {
        Err(PurchaseError::Store(error @ StoreError::CommitUnknown { .. })) => assert!(!error.nothing_was_done()),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.purchase(by("early")).await.expect("a decision").stock_left, 99);
    assert_eq!(store.audit().orders(0, 10).await.expect("the ledger").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_died_unnoticed_cost_neither_a_look_nor_a_purchase() {
    let database = MySql::new().await;
    let store = donuts(&database, 10).await;
    // As many looks at once as there are connections for them.
    let product = donut_id();
    futures_util::future::join_all((0..8).map(|_| stock_of(&store, &product))).await;
    let mut killer = database.server.connect("").await.expect("a connection");
    let theirs = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist WHERE db = ?";
    let ids: Vec<(i64,)> = sqlx::query_as(theirs).bind(&database.name).fetch_all(&mut killer).await.expect("the server's list");
    assert!(ids.len() >= 2, "a writer, and at least one that reads: {ids:?}");
    for (id,) in ids {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("KILL {id}"))).execute(&mut killer).await.expect("killed");
    }
    killer.close().await.expect("closed");
    assert_eq!(stock_of(&store, &product).await, 10);
    assert_eq!(store.purchase(by("anybody")).await.expect("a decision").stock_left, 9);
}

#[tokio::test]
async fn files_that_are_no_database_of_ours_are_refused_and_left_alone() {
    let database = Sqlite::new();
    std::fs::write(database.path(), "this is no database, whatever its name says ".repeat(100)).expect("written");
    let options = StoreOptions::new(&donut::EDITION);
    assert!(Store::open(&database.url(), options.clone()).await.is_err());
    assert!(std::fs::read_to_string(database.path()).expect("readable").starts_with("this is no database"));

    let missing = Sqlite::new();
    let error = Audit::open(&missing.url()).await.map(|_| ()).expect_err("an auditor creates nothing");
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(!missing.path().exists());

    let error = Store::open("sqlite:///no/such/folder/shop.db", options.clone()).await.map(|_| ()).expect_err("no folder");
    assert!(error.to_string().contains("/no/such/folder/shop.db"), "{error}");
}

async fn databases_of_other_versions_are_refused(database: &impl Database) {
    let options = StoreOptions::new(&donut::EDITION);
    let none = Audit::open(&database.url()).await.map(|_| ()).expect_err("an auditor creates nothing");
    assert!(matches!(none, StoreError::Unreachable { .. } | StoreError::Schema { .. }), "{none}");

    donuts(database, 1).await.close().await;
    let other = Store::open(&database.url(), StoreOptions::new(&shop::EDITION)).await.map(|_| ()).expect_err("another edition's");
    assert!(matches!(&other, StoreError::Schema { .. }) && other.to_string().contains("donut"), "{other}");

    database.outside(in_words("INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (99, 'later', '', 0)")).await;
    for error in [
        Store::open(&database.url(), options.clone()).await.map(|_| ()).expect_err("newer"),
        Audit::open(&database.url()).await.map(|_| ()).expect_err("newer"),
    ] {
        assert!(matches!(error, StoreError::Schema { .. }) && error.to_string().contains("99"), "{error}");
    }

    // Now only the text differs.
    database.outside(in_words("DELETE FROM schema_migrations WHERE version = 99")).await;
    Store::open(&database.url(), options.clone()).await.expect("as it was").close().await;
    database.outside(in_words("UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")).await;
    let error = Store::open(&database.url(), options).await.map(|_| ()).expect_err("edited");
    assert!(matches!(error, StoreError::Schema { .. }) && error.to_string().contains("another text"), "{error}");
}

#[tokio::test]
async fn a_store_that_is_dropped_finishes_what_it_was_handed_and_closes_its_database() {
    let database = Sqlite::new();
    let store = donuts(&database, 10).await;
    let mut abandoned = Box::pin(store.purchase(wants_with_key(&donut_id(), 4, "k-1")));
    assert!(futures_util::poll!(&mut abandoned).is_pending());
    drop(abandoned);
    drop(store);
    // The last connection that closes in order takes the write-ahead log along.
    let log = database.path().with_extension("db-wal");
    let closed = async {
        while log.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), closed).await.expect("the database is closed within ten seconds");
    assert_eq!(stock_of(&donuts(&database, 10).await, &donut_id()).await, 6);
}

/// Kills its process when the test ends early.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        // It may be dead already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const DATABASE: &str = "REFERENCE_TEST_DATABASE";

async fn what_was_answered_before_a_kill_is_in_the_ledger_and_nothing_is_half_done(database: &impl Database) {
    let stock = 150;
    donuts(database, stock).await.close().await;
    let mut answered = HashSet::new();
    for _ in 0..3 {
        let url = database.url();
        answered.extend(tokio::task::spawn_blocking(move || sell_and_kill(&url, 100)).await.expect("no panic"));
    }
    let store = donuts(database, stock).await;
    let ledger = store.audit().orders(0, 100_000).await.expect("the ledger");
    let written: HashSet<OrderId> = ledger.iter().map(|order| order.order_id).collect();
    assert!(answered.len() >= 300 && answered.is_subset(&written), "{} answered, {} written", answered.len(), written.len());
    let sold: i64 = ledger.iter().filter(|order| order.outcome == Outcome::Sold).map(|order| order.quantity).sum();
    assert_eq!(stock_of(&store, &donut_id()).await, stock - sold);
    assert_eq!(sold, stock, "the rush went on until nothing was left");
    assert_eq!(told(&donut::EDITION, &drain_outbox(&store).await).len(), ledger.len(), "each order has its message");
    for production in store.audit().productions(0, 10).await.expect("productions") {
        let owed: i64 = ledger.iter().filter(|o| o.production_id == Some(production.production_id)).map(|o| o.shortage).sum();
        assert_eq!(production.quantity, owed);
    }
}

/// Runs the seller below in a process of its own, kills it after that many answers, and returns every answer that it gave.
fn sell_and_kill(url: &str, answers: usize) -> Vec<OrderId> {
    let seller = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "store_failures::a_seller_that_is_to_be_killed", "--ignored", "--nocapture"])
        .env(DATABASE, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let mut victim = Victim(seller);
    let mut lines = BufReader::new(victim.0.stdout.take().expect("its output")).lines();
    let mut sold = Vec::new();
    while sold.len() < answers {
        let line = lines.next().expect("it sells until it is killed").expect("text");
        sold.extend(line.strip_prefix("answered ").map(|id| id.parse::<OrderId>().expect("an id")));
    }
    victim.0.kill().expect("killed");
    // What it had said before it died counts too; its last line may be cut short.
    sold.extend(lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("answered ")?.parse::<OrderId>().ok()));
    sold
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started, and killed, by the test above"]
async fn a_seller_that_is_to_be_killed() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let store = Store::open(&url, StoreOptions::new(&donut::EDITION)).await.expect("the store opens");
    let mut buyers = tokio::task::JoinSet::new();
    for buyer in 0..16 {
        let store = store.clone();
        buyers.spawn(async move {
            for n in 0.. {
                let key = format!("{}-{buyer}-{n}", std::process::id());
                let answer = store.purchase(wants_with_key(&donut_id(), 1, &key)).await.expect("a decision");
                let mut out = std::io::stdout().lock();
                writeln!(out, "answered {}", answer.order_id).and_then(|()| out.flush()).expect("said");
            }
        });
    }
    buyers.join_all().await;
}
