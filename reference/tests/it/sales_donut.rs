//! The `donut` edition over real sockets: every line of its contract.

use axum::Router;
use reference::receiving::callback;
use reference::sales::{self, SalesState};
use reference::store::Store;
use serde_json::json;

use crate::http_support::Server;
use crate::store_support::{DONUT, Sqlite, donut_id, donuts, stock_of};

fn app(store: &Store) -> Router {
    let state = SalesState { store: store.clone(), admin_key: None, concurrent_purchases: 64 };
    // Both roles on one listener, as in the all-in-one process.
    sales::router(state).merge(callback::router(store.clone()))
}

async fn shop(stock: i64) -> (Sqlite, Store, Server) {
    let database = Sqlite::new();
    let store = donuts(&database, stock).await;
    let server = Server::start(app(&store)).await;
    (database, store, server)
}

const THREE: &str = r#"{"MessageAttributeProductCnt": 3, "MessageAttributeFactoryId": "FF-500293", "requester": "홍길동"}"#;

#[tokio::test]
async fn the_doughnut_is_shown_as_its_row() {
    let (_database, _store, server) = shop(7).await;
    for path in ["/product/donut", "/product/donut?product_id=CP-502101"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!((answer.text("product_id"), answer.number("stock")), (DONUT, 7));
        assert!(answer.body["price"].is_i64() && answer.body["name"].is_string());
    }
    let other = server.get("/product/donut?product_id=CP-1").await;
    assert_eq!((other.status, other.text("message")), (400, "상품 없음"));
}

#[tokio::test]
async fn a_purchase_is_answered_to_the_letter_and_for_machines() {
    let (_database, store, server) = shop(7).await;
    let answer = server.post("/checkout", THREE).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text("message"), "구매 완료! 남은 재고: 4");
    assert_eq!((answer.text("outcome"), answer.text("product_id")), ("sold", DONUT));
    assert_eq!((answer.number("quantity"), answer.number("stock")), (3, 4));
    assert!(answer.body.get("production_id").is_none());
    let ledger = store.audit().orders(0, 10).await.expect("the ledger");
    assert_eq!((ledger[0].order_id.to_string().as_str(), ledger[0].requester.as_str()), (answer.text("order_id"), "홍길동"));
}

#[tokio::test]
async fn a_refusal_is_answered_to_the_letter_and_names_its_production() {
    let (_database, store, server) = shop(2).await;
    let answer = server.post("/checkout", THREE).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text("message"), "구매 실패! 남은 재고: 2, 생산요청 진행중");
    assert_eq!((answer.text("outcome"), answer.number("stock")), ("sold_out", 2));
    let production = answer.text("production_id").parse().expect("an id");
    assert_eq!(store.production(production).await.expect("readable").expect("it").quantity, 1);
}

#[tokio::test]
async fn counts_come_as_number_as_text_and_under_their_older_name() {
    let (_database, store, server) = shop(100).await;
    for body in [
        json!({"MessageAttributeProductCnt": 5, "requester": "r"}),
        json!({"MessageAttributeProductCnt": "5", "requester": "r"}),
        json!({"stock": 5, "requester": "r"}),
        json!({"stock": "5", "requester": "r", "MessageAttributeFactoryId": "FF-500293"}),
        json!({"MessageAttributeProductCnt": 5, "stock": 99, "requester": "r", "MessageAttributeProductId": DONUT, "more": {"a": []}}),
    ] {
        let answer = server.post("/checkout", &body.to_string()).await;
        assert_eq!((answer.status, answer.number("quantity")), (200, 5), "{body}");
    }
    assert_eq!(stock_of(&store, &donut_id()).await, 75);
}

#[tokio::test]
async fn unknown_products_and_other_factories_are_refused() {
    let (_database, store, server) = shop(10).await;
    let body = json!({"MessageAttributeProductCnt": 1, "requester": "r", "MessageAttributeProductId": "CP-1"});
    let unknown = server.post("/checkout", &body.to_string()).await;
    assert_eq!((unknown.status, unknown.text("message"), unknown.text("outcome")), (400, "상품 없음", "rejected"));
    let body = json!({"MessageAttributeProductCnt": 1, "requester": "r", "MessageAttributeFactoryId": "FF-1"});
    server.post("/checkout", &body.to_string()).await.is_rejected(400, "MessageAttributeFactoryId");
    assert_eq!(stock_of(&store, &donut_id()).await, 10);
}

#[tokio::test]
async fn a_key_makes_a_purchase_repeatable_however_its_body_is_spelled() {
    let (_database, store, server) = shop(10).await;
    let key = [("Content-Type", "application/json"), ("Idempotency-Key", "k-1")];
    let first = server.call("POST", "/checkout", &key, br#"{"MessageAttributeProductCnt": 3, "requester": "r"}"#).await;
    let again = server.call("POST", "/checkout", &key, br#"{ "requester":"r", "stock":"3" }"#).await;
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.body, again.body);
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), (None, Some("true")));
    for other in [r#"{"stock": 4, "requester": "r"}"#, r#"{"stock": 3, "requester": "s"}"#] {
        let other = server.call("POST", "/checkout", &key, other.as_bytes()).await;
        other.is_rejected(422, "Idempotency-Key");
    }
    assert_eq!(stock_of(&store, &donut_id()).await, 7);
}

#[tokio::test]
async fn a_double_click_is_decided_once_and_the_other_is_told_to_wait_or_gets_the_same() {
    let (_database, store, server) = shop(100).await;
    for click in 0..20 {
        let key = format!("k-{click}");
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key.as_str())];
        let (one, two) = tokio::join!(
            server.call("POST", "/checkout", &headers, THREE.as_bytes()),
            server.call("POST", "/checkout", &headers, THREE.as_bytes())
        );
        let (decided, other) = if one.status == 200 { (one, two) } else { (two, one) };
        assert_eq!(decided.status, 200);
        match other.status {
            200 => assert_eq!(other.body, decided.body),
            409 => {
                assert!(other.body.get("outcome").is_none(), "it is not known here what becomes of the first: {other:?}");
                assert_eq!(other.header("retry-after"), Some("1"));
            }
            status => panic!("{status}: {other:?}"),
        }
    }
    assert_eq!(stock_of(&store, &donut_id()).await, 40);
}

#[tokio::test]
async fn keys_that_are_none_are_refused() {
    let (_database, store, server) = shop(10).await;
    let long = "k".repeat(129);
    for key in ["", "a b", "열쇠", &long] {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
        server.call("POST", "/checkout", &headers, THREE.as_bytes()).await.is_rejected(400, "Idempotency-Key");
    }
    let twice = [("Content-Type", "application/json"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    server.call("POST", "/checkout", &twice, THREE.as_bytes()).await.is_rejected(400, "Idempotency-Key");
    assert_eq!(stock_of(&store, &donut_id()).await, 10);
    let longest = "k".repeat(128);
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", longest.as_str())];
    assert_eq!(server.call("POST", "/checkout", &headers, THREE.as_bytes()).await.status, 200);
}

#[tokio::test]
async fn the_callback_raises_the_stock_once_and_needs_the_address_that_was_handed_out() {
    let (_database, store, server) = shop(0).await;
    let refusal = server.post("/checkout", THREE).await;
    let production = refusal.text("production_id").parse().expect("an id");
    let token = store.production(production).await.expect("readable").expect("it").token;
    let address = callback::address("/product/donut", production, &token);
    let body = r#"{"MessageAttributeProductCnt": "3", "MessageAttributeProductId": "CP-502101"}"#;

    for path in ["/product/donut", "/product/donut?production=1&token=1", &callback::address("/product/donut", production, "0")] {
        server.post(path, body).await.is_rejected(403, "token");
    }
    let unknown = callback::address("/product/donut", reference::domain::ProductionId::new(), &token);
    server.post(&unknown, body).await.is_rejected(403, "token");
    let other = server.post(&address, r#"{"MessageAttributeProductCnt": 3, "MessageAttributeProductId": "CP-1"}"#).await;
    assert_eq!((other.status, other.text("message")), (400, "상품 없음"));
    for count in ["4", "0", "-3", "2.5", "\"three\"", "null", "1e308"] {
        let body = format!(r#"{{"MessageAttributeProductCnt": {count}}}"#);
        server.post(&address, &body).await.is_rejected(400, "MessageAttributeProductCnt");
    }
    assert_eq!(stock_of(&store, &donut_id()).await, 0, "nothing of that raised the stock");

    for _ in 0..3 {
        let answer = server.post(&address, body).await;
        assert_eq!((answer.status, answer.text("message")), (200, "입고 완료! 남은 재고: 3"));
    }
    assert_eq!(stock_of(&store, &donut_id()).await, 3);
}

#[tokio::test]
async fn sales_and_receiving_may_stand_on_listeners_of_their_own() {
    let database = Sqlite::new();
    let store = donuts(&database, 1).await;
    let state = SalesState { store: store.clone(), admin_key: None, concurrent_purchases: 64 };
    let (sales, receiving) = (Server::start(sales::router(state)).await, Server::start(callback::router(store)).await);
    assert_eq!(sales.get("/product/donut").await.status, 200);
    assert_eq!(sales.post("/product/donut", "{}").await.status, 404);
    assert_eq!(receiving.get("/product/donut").await.status, 404);
    assert_eq!(receiving.post("/product/donut", "{}").await.status, 403);
}

#[tokio::test]
async fn anything_else_is_not_found() {
    let (_database, _store, server) = shop(1).await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/checkout"),
        ("PUT", "/checkout"),
        ("DELETE", "/product/donut"),
        ("GET", "/product/donut/"),
        ("GET", "/product/cake"),
        ("GET", "/item"),
        ("POST", "/item"),
        ("PUT", "/item/1"),
        ("GET", "/../etc/passwd"),
        ("GET", "/%00"),
    ] {
        let answer = server.call(method, path, &[("Content-Type", "application/json")], b"").await;
        assert_eq!((answer.status, &answer.body), (404, &json!({"error": "Not Found"})), "{method} {path}");
    }
}
