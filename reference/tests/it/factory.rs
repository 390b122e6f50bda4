//! The legacy factory, seen from outside: slow, forgetful, not idempotent, easily overrun.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use reference::factory::{Collapse, Factory, FactoryOptions, ReturnPath};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http_client::{Answer, Http};
use crate::wait;

const SOON: Duration = Duration::from_secs(10);

/// A factory, and a shop that writes down what is reported to it.
struct Yard {
    http: Http,
    factory: String,
    callback: String,
    reports: Arc<Mutex<Vec<Value>>>,
    stop: CancellationToken,
    folder: TempDir,
}

fn quick() -> FactoryOptions {
    FactoryOptions {
        production_time: Duration::from_millis(30),
        production_jitter: Duration::ZERO,
        answer_time: Duration::from_millis(1),
        ..FactoryOptions::default()
    }
}

async fn open_in(folder: &TempDir, options: FactoryOptions) -> (String, CancellationToken) {
    let factory = Factory::open(options, &folder.path().join("factory.db"), ReturnPath::Callback).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    tokio::spawn(factory.run(listener, stop.clone()));
    (address, stop)
}

impl Yard {
    async fn with(options: FactoryOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (factory, stop) = open_in(&folder, options).await;
        let reports = Arc::new(Mutex::new(Vec::new()));
        let take = async |State(reports): State<Arc<Mutex<Vec<Value>>>>, body: axum::Json<Value>| reports.lock().unwrap().push(body.0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let callback = format!("http://{}/product/donut?token=t", listener.local_addr().unwrap());
        let shop = Router::new().route("/product/donut", post(take)).with_state(Arc::clone(&reports));
        tokio::spawn(async move { axum::serve(listener, shop).await });
        Self { http: Http::new(), factory, callback, reports, stop, folder }
    }

    async fn order(&self, pieces: u32, production: &str) -> Answer {
        let body = json!({
            "MessageGroupId": "stock-arrival-group", "MessageAttributeProductId": "CP-502101",
            "MessageAttributeProductCnt": pieces.to_string(), "MessageAttributeFactoryId": "FF-500293",
            "MessageAttributeRequester": "kim", "CallbackUrl": self.callback, "MessageAttributeProductionId": production,
        });
        self.http.post(&format!("{}/api/manufactures", self.factory), &body).await.unwrap()
    }

    async fn log(&self) -> Vec<Value> {
        let answer = self.http.get(&format!("{}/log", self.factory)).await.unwrap();
        answer.json().as_array().expect("a list of rows").clone()
    }

    async fn log_until(&self, what: &str, seen: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        wait::until(what, SOON, async || self.log().await, |rows| seen(rows)).await
    }
}

fn count(rows: &[Value], field: &str, value: impl Into<Value>) -> usize {
    let value = value.into();
    rows.iter().filter(|row| row[field] == value).count()
}

#[tokio::test]
async fn an_order_is_produced_and_reported_once_with_product_and_count() {
    let yard = Yard::with(quick()).await;
    assert_eq!(yard.order(7, "p-1").await.status, 200);
    let rows = yard.log_until("the callback", |rows| count(rows, "callbacks", 1) == 1).await;
    let reports = yard.reports.lock().unwrap().clone();
    assert_eq!(reports.len(), 1);
    assert_eq!((&reports[0]["MessageAttributeProductId"], &reports[0]["MessageAttributeProductCnt"]), (&json!("CP-502101"), &json!("7")));
    let row = &rows[0];
    assert_eq!((&row["accepted"], &row["production_id"], &row["status"]), (&json!(true), &json!("p-1"), &json!(200)));
    let time = |field: &str| row[field].as_i64().unwrap();
    assert!(time("received_us") <= time("answered_us") && time("answered_us") + 30_000 <= time("produced_us"), "{row}");
}

#[tokio::test]
async fn two_orders_with_one_production_id_are_two_productions() {
    let yard = Yard::with(quick()).await;
    yard.order(3, "same").await;
    yard.order(3, "same").await;
    yard.log_until("both callbacks", |rows| count(rows, "callbacks", 1) == 2).await;
    assert_eq!(yard.reports.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_hundred_calls_in_a_loop_make_it_fall_over_and_it_comes_back() {
    let yard = Yard::with(FactoryOptions { recovery: Duration::from_millis(500), ..quick() }).await;
    let mut statuses = Vec::new();
    for n in 0..100 {
        statuses.push(yard.order(1, &format!("p-{n}")).await.status);
    }
    assert!(statuses.contains(&200) && statuses.contains(&500), "{statuses:?}");
    wait::until("the factory to recover", SOON, async || yard.order(1, "later").await.status, |status| *status == 200).await;
    let rows = yard.log().await;
    assert_eq!(count(&rows, "status", 200), count(&rows, "accepted", true), "only what it answered 200 is accepted");
}

#[tokio::test]
async fn while_it_hangs_a_call_is_logged_without_an_answer_and_answered_500_when_it_is_back() {
    let yard =
        Yard::with(FactoryOptions { collapse_at: 1, collapse: Collapse::Hang, recovery: Duration::from_millis(300), ..quick() }).await;
    yard.order(1, "fine").await;
    let begun = tokio::time::Instant::now();
    let (answer, hanging) = tokio::join!(yard.order(1, "hangs"), yard.log_until("the hanging call", |rows| rows.len() == 2));
    assert_eq!(hanging[1]["accepted"], json!(false));
    assert_eq!(answer.status, 500);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    yard.log_until("the late answer", |rows| rows[1]["answered_us"].is_i64() && rows[1]["status"] == 500).await;
}

#[tokio::test]
async fn calls_beyond_its_capacity_are_turned_away_with_the_status_it_is_known_for() {
    let options = FactoryOptions { capacity: 1, busy_status: 429, answer_time: Duration::from_millis(300), ..quick() };
    let yard = Yard::with(options).await;
    let (first, second, third) = tokio::join!(yard.order(1, "a"), yard.order(1, "b"), yard.order(1, "c"));
    let mut statuses = [first.status, second.status, third.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429, 429]);
}

#[tokio::test]
async fn a_report_that_nobody_takes_is_not_made_again_by_default() {
    let yard = Yard { callback: "http://127.0.0.1:1/nobody".to_owned(), ..Yard::with(quick()).await };
    yard.order(1, "p").await;
    let rows = yard.log_until("the only attempt", |rows| count(rows, "callbacks", 1) == 1).await;
    assert_eq!(rows[0]["callback_status"], Value::Null);
}

#[tokio::test]
async fn a_durable_factory_takes_up_after_a_restart_what_a_legacy_one_forgets() {
    for (durable, reports) in [(true, 1), (false, 0)] {
        let slow = FactoryOptions { production_time: Duration::from_secs(3_600), durable, ..quick() };
        let yard = Yard::with(slow).await;
        yard.order(2, "p").await;
        // The first factory is left in the middle of its production, as a crash would leave it.
        let (factory, _stop) = open_in(&yard.folder, FactoryOptions { durable, ..quick() }).await;
        let yard = Yard { factory, ..yard };
        yard.order(5, "after").await;
        yard.log_until("the new order", |rows| rows[1]["callbacks"] == 1).await;
        yard.log_until("the old order", |rows| rows[0]["callbacks"] == reports).await;
        assert!(yard.log().await[0].get("kept_order").is_none(), "the callback's token is not shown");
        yard.stop.cancel();
    }
}

#[tokio::test]
async fn bad_orders_are_answered_400_with_the_field_and_leave_no_row() {
    let yard = Yard::with(quick()).await;
    let answer = yard.order(0, "p").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("MessageAttributeProductCnt"), "{}", answer.text);
    assert_eq!(yard.log().await, [] as [Value; 0]);
}

#[tokio::test]
async fn the_openapi_document_names_both_editions_routes() {
    let yard = Yard::with(quick()).await;
    let document = yard.http.get(&format!("{}/openapi.json", yard.factory)).await.unwrap().json();
    assert!(document["paths"]["/api/manufactures"]["post"].is_object() && document["paths"]["/log"]["get"].is_object(), "{document}");
}
