//! The pipeline on a database server: a MariaDB that the tests have for themselves.

use std::path::Path;
use std::time::Duration;

use chaos::decision::TapKind;
use chaos::faults::Faults;
use chaos::plan::Plan;
use chaos::tap::{self, Hop, Tap, Upstream};
use loadgen::result::RunResult;
use loadgen::verify::judgement::Verdict;
use reference::domain::{Outcome, ProductId, Quantity};
use reference::edition::donut;
use reference::store::{self, Audit, Purchase, PurchaseAnswer, PurchaseError, Store, StoreError, StoreOptions};
use sqlx::Connection as _;
use testbed::MariaDb;
use tokio::net::TcpListener;

use crate::harness_faults::{long, nothing_is_left_behind};
use crate::whole_command::{Desk, PATIENCE, SHORT, pids, text, under_load, until};

const DONUT: &str = "CP-502101";

/// A store on a fresh database, reached through a tap.
struct Counter {
    faults: Faults,
    _tap: Tap,
    url: String,
    store: Store,
}

impl Counter {
    async fn open() -> Self {
        let server = MariaDb::shared().await;
        let url = server.url(&server.fresh_database().await);
        let upstream = Upstream::parse(&store::server_of(&url).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let faults = Faults::new(1);
        let tap = tap::tcp::start(listener, &upstream, Hop::new("database.sales", faults.clone())).unwrap();
        let through = store::at(&url, &tap.address().to_string());
        let store = Store::open(&through, StoreOptions::new(&donut::EDITION)).await.unwrap();
        store.seed(&[(ProductId(DONUT.to_owned()), 100)]).await.unwrap();
        Self { faults, _tap: tap, url, store }
    }

    async fn buy(&self, key: &str) -> Result<PurchaseAnswer, PurchaseError> {
        let purchase = Purchase {
            key: Some(key.parse().unwrap()),
            fingerprint: [7; 32],
            product: ProductId(DONUT.to_owned()),
            quantity: Quantity::new(1).unwrap(),
            requester: "buyer".to_owned(),
            factory: None,
        };
        self.store.purchase(purchase).await
    }

    async fn orders(&self) -> usize {
        Audit::open(&self.url).await.unwrap().orders(0, 100).await.unwrap().len()
    }
}

fn rule(text: &str) -> Vec<chaos::decision::Rule> {
    let plan = Plan::parse("test", text).unwrap();
    assert!(plan.beyond(TapKind::Tcp).next().is_none());
    plan.rules
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_may_have_been_done_and_its_key_finds_it() {
    let counter = Counter::open().await;
    counter.buy("before").await.unwrap();
    let installed =
        counter.faults.install(rule("[[rule]]\nname = \"after\"\nfault = \"reset-after-commit\"\nhop = \"database\"\nfirst = 1\n"));
    match counter.buy("k-1").await {
        Err(PurchaseError::Store(error @ StoreError::CommitUnknown { .. })) => assert!(!error.nothing_was_done(), "{error}"),
        other => panic!("{other:?}"),
    }
    drop(installed);
    assert_eq!(counter.orders().await, 2, "the server had heard the COMMIT");
    let again = counter.buy("k-1").await.unwrap();
    assert!(again.replayed && again.outcome == Outcome::Sold && again.stock_left == 98, "{again:?}");
    assert_eq!(counter.orders().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_arrives_leaves_nothing_behind_and_the_store_goes_on() {
    let counter = Counter::open().await;
    counter.buy("before").await.unwrap();
    let installed =
        counter.faults.install(rule("[[rule]]\nname = \"before\"\nfault = \"reset-before-commit\"\nhop = \"database\"\nfirst = 1\n"));
    match counter.buy("k-1").await {
        // Who sent it cannot know whether it arrived.
        Err(PurchaseError::Store(StoreError::CommitUnknown { .. })) => {}
        other => panic!("{other:?}"),
    }
    drop(installed);
    let again = counter.buy("k-1").await.unwrap();
    assert!(!again.replayed && again.stock_left == 98, "{again:?}");
    assert_eq!(counter.orders().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_before_the_commit_is_made_good_without_anybody_noticing() {
    let counter = Counter::open().await;
    counter.buy("before").await.unwrap();
    let installed = counter.faults.install(rule("[[rule]]\nname = \"cut\"\nfault = \"refuse\"\nhop = \"database\"\nfirst = 1\n"));
    let answer = tokio::time::timeout(Duration::from_secs(20), counter.buy("k-1")).await.unwrap().unwrap();
    assert!(!answer.replayed && answer.stock_left == 98, "{answer:?}");
    drop(installed);
    assert_eq!(counter.orders().await, 2);
}

/// The database that a run has made for itself, as its processes know it. Other tests make some on the same server.
fn database_of(run: &Path) -> String {
    let named = |environment: String| Some(environment.split_once("/rushproof_")?.1.split(['\0', '?']).next()?.to_owned());
    let digits = until("a process that knows the database", || {
        pids(run).iter().find_map(|pid| named(String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/environ")).ok()?).into_owned()))
    });
    format!("rushproof_{digits}")
}

async fn is_there(server: &MariaDb, database: &str) -> bool {
    let mut connection = server.connect("").await.unwrap();
    let found = sqlx::query_as("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?").bind(database);
    let (found,): (i64,) = found.fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    found > 0
}

/// The arguments of a run on that server.
fn on(url: &str) -> [&str; 8] {
    ["--scenario", "scenario.toml", "--seed", "7", "--out", "runs", "--database", url]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_on_a_server_passes_and_leaves_nothing_there() {
    let server = MariaDb::shared().await;
    let desk = Desk::new(SHORT);
    let url = server.url("").trim_end_matches('/').to_owned();
    let child = desk.loadgen(&on(&url)).spawn().unwrap();
    let ended = tokio::task::spawn_blocking(move || {
        let database = database_of(&under_load(&desk));
        (child.wait_with_output().unwrap(), database, desk)
    });
    let (output, database, desk) = ended.await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let password = url.split([':', '@']).nth(2).unwrap().to_owned();
    assert!(!text(&output.stdout).contains(&password) && !text(&output.stderr).contains(&password), "the password is shown");
    let result = RunResult::read(&desk.run_folder()).unwrap();
    assert_eq!(result.verdict(), Verdict::Pass);
    assert!(result.run.target.contains("database server"), "{}", result.run.target);
    assert!(!is_there(server, &database).await, "{database}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_killed_leaves_no_database_on_the_server() {
    let server = MariaDb::shared().await;
    let desk = Desk::new(&long());
    let url = server.url("").trim_end_matches('/').to_owned();
    let mut child = desk.loadgen(&on(&url)).spawn().unwrap();
    let (run, database, desk) = tokio::task::spawn_blocking(move || {
        let run = under_load(&desk);
        let database = database_of(&run);
        (run, database, desk)
    })
    .await
    .unwrap();
    assert!(is_there(server, &database).await, "{database}");
    child.kill().unwrap();
    child.wait().unwrap();
    tokio::task::spawn_blocking(move || nothing_is_left_behind(&desk, &run)).await.unwrap();
    let gone = async {
        while is_there(server, &database).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {database} to be gone"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_empty_is_left_alone() {
    let server = MariaDb::shared().await;
    let name = server.fresh_database().await;
    let mut connection = server.connect(&name).await.unwrap();
    sqlx::raw_sql("CREATE TABLE diary (line TEXT)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let desk = Desk::new(SHORT);
    let url = server.url(&name);
    let mut command = desk.loadgen(&["--scenario", "scenario.toml", "--out", "runs", "--database", &url]);
    let output = tokio::task::spawn_blocking(move || (command.output().unwrap(), desk)).await.unwrap().0;
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("1 tables in it"), "{}", text(&output.stderr));
}
