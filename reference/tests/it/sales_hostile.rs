//! Whatever a buyer sends: a clear refusal, and nothing changes. And too many buyers: some are shed before anything is done.

use reference::edition::donut;
use reference::sales::{self, SalesState};
use reference::store::{Store, StoreOptions};
use serde_json::{Value, json};

use crate::http_support::{Answer, Server};
use crate::store_support::{Database as _, Sqlite, donut_id, donuts, items, open_with};

async fn serve(store: &Store, concurrent_purchases: usize) -> Server {
    Server::start(sales::router(SalesState { store: store.clone(), admin_key: None, concurrent_purchases })).await
}

/// The state that no refusal may change.
async fn state(store: &Store) -> (Value, usize) {
    let status = store.status().await.expect("status");
    let stock: i64 = status.stock.iter().map(|(_, stock)| stock).sum();
    let orders = store.audit().orders(0, 1_000).await.expect("the ledger").len();
    (json!([stock, status.outbox, status.open_productions, status.sold, status.sold_out]), orders)
}

fn counts() -> Vec<Value> {
    vec![
        json!(0),
        json!(-5),
        json!(0.5),
        json!(3.0),
        json!(1e3),
        json!(1e308),
        json!(10_001),
        json!(i64::MAX),
        json!(u64::MAX),
        json!("0"),
        json!("-5"),
        json!("0.5"),
        json!("3.0"),
        json!("1e3"),
        json!(" 3"),
        json!("3 "),
        json!("+3"),
        json!("３"),
        json!("three"),
        json!(""),
        json!("0x10"),
        json!("99999999999999999999"),
        json!("NaN"),
        json!("1; DROP TABLE orders"),
        json!(true),
        json!([3]),
        json!({"n": 3}),
        json!(null),
    ]
}

fn texts() -> Vec<Value> {
    let over_long = "x".repeat(129);
    vec![
        json!(""),
        json!("   "),
        json!("a\u{0}b"),
        json!("a\r\nSubject: b"),
        json!("a\u{1b}[31m"),
        json!("a\u{ffff}"),
        json!(over_long),
        json!(7),
        json!(["r"]),
        json!(null),
    ]
}

#[tokio::test]
async fn impossible_counts_and_names_are_refused_by_the_doughnut_shop() {
    let database = Sqlite::new();
    let store = donuts(&database, 20_000).await;
    let server = serve(&store, 64).await;
    let before = state(&store).await;
    for count in counts() {
        let field = "MessageAttributeProductCnt";
        server.post("/checkout", &json!({field: count, "requester": "r"}).to_string()).await.is_rejected(400, field);
        let (older, named) = (json!({"stock": count, "requester": "r"}), if count.is_null() { field } else { "stock" });
        server.post("/checkout", &older.to_string()).await.is_rejected(400, named);
    }
    server.post("/checkout", r#"{"requester": "r"}"#).await.is_rejected(400, "MessageAttributeProductCnt");
    server.post("/checkout", r#"{"stock": 1}"#).await.is_rejected(400, "requester");
    for text in texts() {
        server.post("/checkout", &json!({"stock": 1, "requester": text}).to_string()).await.is_rejected(400, "requester");
        if !text.is_null() {
            for field in ["MessageAttributeProductId", "MessageAttributeFactoryId"] {
                server.post("/checkout", &json!({"stock": 1, "requester": "r", field: text}).to_string()).await.is_rejected(400, field);
            }
        }
    }
    assert_eq!(state(&store).await, before);
}

#[tokio::test]
async fn impossible_counts_and_names_are_refused_by_the_item_shop() {
    let database = Sqlite::new();
    let store = items(&database).await;
    let server = serve(&store, 64).await;
    let before = state(&store).await;
    for count in counts() {
        let body = json!({"item_name": "Item2", "quantity": count, "requester": "r"});
        server.post("/item", &body.to_string()).await.is_rejected(400, "quantity");
    }
    for text in texts() {
        let body = json!({"item_name": text, "quantity": 1, "requester": "r"});
        server.post("/item", &body.to_string()).await.is_rejected(400, "item_name");
        let body = json!({"item_name": "Item2", "quantity": 1, "requester": text});
        server.post("/item", &body.to_string()).await.is_rejected(400, "requester");
    }
    assert_eq!(state(&store).await, before);
}

#[tokio::test]
async fn bodies_that_are_no_purchase_are_refused() {
    let database = Sqlite::new();
    let store = donuts(&database, 10).await;
    let server = serve(&store, 64).await;
    let before = state(&store).await;
    let nested = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for body in ["", "{", "null", "3", "[]", "\"x\"", "{\"stock\": 1,}", "{'stock': 1}", "stock=1&requester=r", &nested, "{\"stock\": NaN}"]
    {
        server.post("/checkout", body).await.is_rejected(400, "body");
    }
    server
        .call("POST", "/checkout", &[("Content-Type", "application/json")], b"{\"requester\": \"\xff\xfe\"}")
        .await
        .is_rejected(400, "body");
    let sound = br#"{"stock": 1, "requester": "r"}"#;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=euc-kr"] {
        server.call("POST", "/checkout", &[("Content-Type", kind)], sound).await.is_rejected(415, "Content-Type");
    }
    server.call("POST", "/checkout", &[], sound).await.is_rejected(415, "Content-Type");
    assert_eq!(state(&store).await, before);
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_however_they_come() {
    let database = Sqlite::new();
    let store = donuts(&database, 10).await;
    let server = serve(&store, 64).await;
    let before = state(&store).await;
    let padded = |length: usize| {
        let body = r#"{"stock": 1, "requester": "r", "pad": ""}"#;
        body.replace("\"\"", &format!("\"{}\"", "x".repeat(length - body.len())))
    };
    for length in [16 * 1024 + 1, 300_000, 1_000_000] {
        server.post("/checkout", &padded(length)).await.is_rejected(413, "body");
    }
    let chunk = format!("{:x}\r\n{}\r\n", 9_000, "x".repeat(9_000));
    let head = "POST /checkout HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    server.send(head, format!("{chunk}{chunk}0\r\n\r\n").as_bytes()).await.is_rejected(413, "body");
    assert_eq!(state(&store).await, before);
    assert_eq!(server.post("/checkout", &padded(16 * 1024)).await.status, 200, "the limit itself is allowed");
}

#[tokio::test]
async fn names_that_look_dangerous_are_only_names() {
    let database = Sqlite::new();
    let store = donuts(&database, 10).await;
    let server = serve(&store, 64).await;
    for name in ["Robert'); DROP TABLE orders;--", "<script>alert(1)</script>", "${jndi:ldap://x}", "🍩🍩", "%s%n", "../../etc"] {
        let answer = server.post("/checkout", &json!({"stock": 1, "requester": name}).to_string()).await;
        assert_eq!(answer.status, 200, "{name}");
    }
    let ledger = store.audit().orders(0, 10).await.expect("the ledger");
    assert_eq!(ledger.len(), 6);
    assert_eq!(ledger[0].requester, "Robert'); DROP TABLE orders;--");
}

fn is_shed(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.text("outcome"), "rejected");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(!answer.text("message").is_empty());
}

#[tokio::test]
async fn without_room_a_purchase_is_shed_before_anything_is_done() {
    let database = Sqlite::new();
    let store = donuts(&database, 10).await;
    let server = serve(&store, 0).await;
    let before = state(&store).await;
    is_shed(&server.post("/checkout", r#"{"stock": 1, "requester": "r"}"#).await);
    assert_eq!(server.get("/product/donut").await.status, 200, "looking is not shed");
    assert_eq!(state(&store).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_rush_what_is_answered_is_what_happened() {
    let database = Sqlite::new();
    let options = StoreOptions { purchase_queue: 2, ..StoreOptions::new(&donut::EDITION) };
    let store = open_with(&database, options, &[(donut_id(), 50)]).await;
    let server = serve(&store, 4).await;
    let calls = (0..300).map(|_| server.post("/checkout", r#"{"stock": 1, "requester": "r"}"#));
    let answers = futures_util::future::join_all(calls).await;
    let (decided, shed): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    shed.iter().for_each(|answer| is_shed(answer));
    assert!(!shed.is_empty() && !decided.is_empty(), "{} decided, {} shed", decided.len(), shed.len());
    let sold = decided.iter().filter(|answer| answer.text("outcome") == "sold").count();
    let status = store.status().await.expect("status");
    assert_eq!((status.sold, status.sold_out), (sold as i64, (decided.len() - sold) as i64));
    assert_eq!(status.stock[0].1, 50 - sold as i64);
}

#[tokio::test]
async fn while_another_process_keeps_the_database_locked_purchases_are_shed_and_looking_goes_on() {
    use sqlx::Connection as _;
    let database = Sqlite::new();
    let options = StoreOptions { lock_patience: std::time::Duration::from_millis(50), ..StoreOptions::new(&donut::EDITION) };
    let store = open_with(&database, options, &[(donut_id(), 10)]).await;
    let server = serve(&store, 4).await;
    let mut other = sqlx::SqliteConnection::connect(&database.url()).await.expect("another process");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("its lock");
    is_shed(&server.post("/checkout", r#"{"stock": 1, "requester": "r"}"#).await);
    assert_eq!(server.get("/product/donut").await.number("stock"), 10);
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("its end");
    assert_eq!(server.post("/checkout", r#"{"stock": 1, "requester": "r"}"#).await.number("stock"), 9);
}

#[tokio::test]
async fn each_edition_describes_its_routes_and_every_described_body_is_accepted() {
    let database = Sqlite::new();
    let server = serve(&donuts(&database, 10).await, 4).await;
    let document = server.get("/openapi.json").await;
    assert_eq!(document.status, 200);
    let paths: Vec<&String> = document.body["paths"].as_object().expect("paths").keys().collect();
    assert_eq!(paths, ["/checkout", "/product/donut"]);
    let schema = &document.body["components"]["schemas"]["DonutPurchase"];
    assert_eq!(schema["required"], json!(["MessageAttributeProductCnt", "requester"]));
    let properties = schema["properties"].as_object().expect("properties");
    let example: Value = properties.iter().map(|(name, property)| (name.clone(), property["examples"][0].clone())).collect();
    assert_eq!(server.post("/checkout", &example.to_string()).await.status, 200, "{example}");

    let database = Sqlite::new();
    let server = serve(&items(&database).await, 4).await;
    let document = server.get("/openapi.json").await;
    let paths: Vec<&String> = document.body["paths"].as_object().expect("paths").keys().collect();
    assert_eq!(paths, ["/item", "/item/{id}"]);
    assert_eq!(document.body["components"]["securitySchemes"].as_object().expect("schemes").len(), 2);
    let schema = &document.body["components"]["schemas"]["ItemPurchase"];
    let properties = schema["properties"].as_object().expect("properties");
    let example: Value = properties.iter().map(|(name, property)| (name.clone(), property["examples"][0].clone())).collect();
    assert_eq!(server.post("/item", &example.to_string()).await.status, 200, "{example}");
}
