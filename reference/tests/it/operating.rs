//! What an operator does and sees: starting, looking, ending, and the errors on the way.

use std::process::Output;
use std::time::Duration;

use nix::sys::signal::Signal;
use reference::domain::Outcome;
use reference::edition::EditionName;
use reference::messaging::{Aws, AwsConfig};
use serde_json::Value;
use testbed::KeptPort;
use tokio::net::TcpListener;

use crate::books::Books;
use crate::buyers::Shop;
use crate::fleet::{Fleet, ROLES};
use crate::http_client::Http;
use crate::wait;

const SOON: Duration = Duration::from_secs(30);

async fn output(fleet: &Fleet, words: &[&str]) -> Output {
    let command = fleet.command(words).kill_on_drop(true).output();
    tokio::time::timeout(SOON, command).await.unwrap_or_else(|_| panic!("{words:?} has not ended within {SOON:?}")).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_busy_port_is_an_error_that_names_address_and_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let fleet = Fleet::new(EditionName::Donut, &[]);
    let output = output(&fleet, &["serve", "--listen-sales", &address]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains(&address) && said.contains("--listen-sales"), "{said}");
}

#[tokio::test]
async fn a_role_whose_queues_do_not_exist_says_how_to_make_them() {
    let mut fleet = Fleet::new(EditionName::Donut, &[]);
    let broker = fleet.start(&["broker"], None).await;
    let empty = Fleet::new(EditionName::Shop, &[]);
    let mut command = empty.command(&["serve", "operations"]);
    command.env("AWS_ENDPOINT_URL", broker.address("broker"));
    let output = tokio::time::timeout(SOON, command.kill_on_drop(true).output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("`operations`") && said.contains("reference provision"), "{said}");
}

#[tokio::test]
async fn a_folder_that_nobody_asked_for_goes_again_when_nothing_came_into_it() {
    let mut fleet = Fleet::new(EditionName::Donut, &[]);
    let broker = fleet.start(&["broker"], None).await;
    let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_reference"));
    // The queues of the other edition are not there.
    command.args(["serve", "operations", "--edition", "shop"]).env_clear().env("TMPDIR", place.path());
    command.env("DATABASE_URL", format!("sqlite://{}", elsewhere.path().join("shop.db").display()));
    command.envs([("AWS_ENDPOINT_URL", broker.address("broker")), ("AWS_REGION", "us-east-1")]);
    command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    let output = tokio::time::timeout(SOON, command.kill_on_drop(true).output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_role_that_is_started_before_its_broker_waits_for_it() {
    let kept = KeptPort::any().unwrap();
    let place = kept.address().unwrap().to_string();
    let mut early = Fleet::new(EditionName::Donut, &[]);
    early.knows_broker(&format!("http://{place}"));
    let mut late = Fleet::new(EditionName::Donut, &["--listen-broker", &place]);
    let (operations, broker) = tokio::join!(early.start(&["operations"], None), late.start(&["broker"], None));
    for node in [operations, broker] {
        assert!(node.end().await.success());
    }
}

#[tokio::test]
async fn closing_the_input_of_a_child_ends_it() {
    let mut fleet = Fleet::new(EditionName::Donut, &[]);
    let node = fleet.start(&[], None).await;
    assert!(node.end().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_in_the_middle_of_a_rush_loses_no_answered_order() {
    let mut fleet = Fleet::new(EditionName::Donut, &["--stock", "1000"]);
    let mut node = fleet.start(&[], None).await;
    let shop = Shop::new(EditionName::Donut, node.address("sales"));
    let mut buyers = tokio::task::JoinSet::new();
    for buyer in 0..8 {
        let shop = shop.clone();
        buyers.spawn(async move {
            let mut answered = Vec::new();
            for n in 0.. {
                match shop.try_to_buy(&format!("{buyer}-{n}"), 1).await {
                    Ok(answer) if answer.status == 200 => answered.push(answer.json()["order_id"].as_str().unwrap().parse().unwrap()),
                    _ => break,
                }
            }
            answered
        });
    }
    wait::until("a hundred sales", SOON, async || shop.stock().await, |stock| *stock <= 900).await;
    node.signal(Signal::SIGTERM);
    assert_eq!(node.ended().await.code(), Some(0));
    let answered: Vec<_> = buyers.join_all().await.into_iter().flatten().map(|order| (order, Outcome::Sold, 1)).collect();
    assert!(answered.len() >= 100, "{}", answered.len());
    Books::read(&fleet.database_url()).await.assert_holds(&answered);
}

#[tokio::test]
async fn the_admin_listener_tells_health_and_numbers() {
    let mut fleet = Fleet::new(EditionName::Donut, &["--stock", "7"]);
    let mut broker = fleet.start(&["broker"], None).await;
    let node = fleet.start(&["sales", "relay", "operations"], None).await;
    let (http, admin) = (Http::new(), node.address("admin").to_owned());
    assert_eq!(http.get(&format!("{admin}/livez")).await.unwrap().status, 200);
    let ready = http.get(&format!("{admin}/readyz")).await.unwrap();
    assert_eq!((ready.status, &ready.json()["checks"]["store"], &ready.json()["checks"]["broker"]), (200, &"ok".into(), &"ok".into()));
    let metrics = http.get(&format!("{admin}/metrics")).await.unwrap().text;
    for line in ["rushproof_stock{product=\"CP-502101\"} 7", "rushproof_outbox_depth 0", "rushproof_open_productions 0"] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(metrics.contains("rushproof_dlq_depth{queue=\"stock_dlq\"} 0"), "{metrics}");

    broker.signal(Signal::SIGKILL);
    broker.ended().await;
    let without = http.get(&format!("{admin}/readyz")).await.unwrap();
    assert_eq!((without.status, &without.json()["ready"]), (503, &Value::Bool(false)));
    assert_eq!(http.get(&format!("{admin}/livez")).await.unwrap().status, 200, "a broker that is away is no reason to be restarted");
}

#[tokio::test]
async fn numbers_have_the_labels_that_the_dashboard_asks_for() {
    let mut fleet = Fleet::new(EditionName::Donut, &["--stock", "2", "--factory-time", "100ms", "--factory-jitter", "0"]);
    let node = fleet.start(&[], None).await;
    let (http, admin) = (Http::new(), node.address("admin").to_owned());
    let shop = Shop::new(EditionName::Donut, node.address("sales"));
    assert_eq!(shop.buy("sold", 2).await.outcome, Outcome::Sold);
    assert_eq!(shop.buy("refused", 1).await.outcome, Outcome::SoldOut);
    // One production and one mail, which is all that a sell-out brings about.
    let seen =
        ["rushproof_production_lead_seconds_count ", "rushproof_mails_total{", "rushproof_messages_total{queue=\"operations_queue\""];
    let all = |page: &String| seen.iter().all(|sample| page.contains(sample));
    let page = wait::until("a sell-out's numbers", SOON, async || http.get(&format!("{admin}/metrics")).await.unwrap().text, all).await;
    let (unanswered, asked) = testbed::dashboard::unanswered(&page);
    assert!(unanswered.is_empty() && asked >= 12, "{asked} queries of the dashboard are about this shop: {unanswered:#?}\n{page}");
}

#[tokio::test]
async fn provision_status_and_redrive_work_on_a_running_pipeline() {
    let mut fleet = Fleet::new(EditionName::Donut, &["--visibility-timeout", "1s", "--max-receive-count", "1", "--stock", "3"]);
    let node = fleet.start(&ROLES, None).await;
    let there = text(&output(&fleet, &["provision", "--visibility-timeout", "1s", "--max-receive-count", "1"]).await.stdout);
    assert!(there.contains("everything was there already") && there.contains("stock_empty"), "{there}");

    // A message that nobody can understand ends among the dead letters.
    let aws = Aws::new(&AwsConfig::local(node.address("broker"))).unwrap();
    let topology = reference::edition::topology::Topology::of(EditionName::Donut.edition(), Default::default());
    aws.resolve(&topology).await.unwrap().queue(&aws, "operations_queue").unwrap().send("no envelope", &Default::default()).await.unwrap();
    let status = async || serde_json::from_slice::<Value>(&output(&fleet, &["status", "--json"]).await.stdout).unwrap_or_default();
    let depth = |status: &Value| {
        let queues = status["queues"].as_array().cloned().unwrap_or_default();
        queues.iter().find(|queue| queue["name"] == "operations_queue").and_then(|queue| queue["dlq_depth"].as_u64())
    };
    let seen = wait::until("the dead letter", SOON, status, |status| depth(status) == Some(1)).await;
    assert_eq!((&seen["stock"][0]["product_id"], &seen["stock"][0]["stock"]), (&"CP-502101".into(), &3.into()));
    let table = text(&output(&fleet, &["status"]).await.stdout);
    assert!(table.contains("operations_dlq"), "{table}");

    let redriven = output(&fleet, &["redrive", "operations_queue"]).await;
    assert!(redriven.status.success(), "{}", text(&redriven.stderr));
    // Poison comes back at once, and may be moved once more before the move is over.
    let said = text(&redriven.stdout);
    assert!(said.contains("messages moved from operations_dlq to operations_queue") && !said.starts_with('0'), "{said}");
    wait::until("the poison to come back", SOON, status, |status| depth(status) == Some(1)).await;
}

#[tokio::test]
async fn orders_survive_the_end_of_every_process() {
    let mut fleet = Fleet::new(EditionName::Donut, &["--stock", "2", "--factory-time", "100ms", "--factory-jitter", "0"]);
    let node = fleet.start(&[], None).await;
    let shop = Shop::new(EditionName::Donut, node.address("sales"));
    assert_eq!(shop.buy("one", 2).await.outcome, Outcome::Sold);
    assert!(node.end().await.success());
    let node = fleet.start(&[], None).await;
    let shop = Shop::new(EditionName::Donut, node.address("sales"));
    assert_eq!(shop.stock().await, 0, "a database that has products is not filled again");
    assert_eq!(shop.buy("one", 2).await.outcome, Outcome::Sold, "the same key gets the same answer, also of another process");
    assert_eq!(shop.buy("two", 1).await.outcome, Outcome::SoldOut);
    wait::until("the restock", SOON, async || shop.stock().await, |stock| *stock == 1).await;
    assert!(node.end().await.success());
}
