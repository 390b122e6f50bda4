//! The `shop` edition over real sockets: every line of its contract.

use reference::domain::ProductId;
use reference::receiving::callback;
use reference::sales::{self, AdminKey, SalesState};
use reference::store::{Store, StoreOptions};
use serde_json::json;

use crate::http_support::{Answer, Server};
use crate::store_support::{Database as _, Sqlite, items, stock_of};

async fn shop(admin_key: Option<&str>) -> (Sqlite, Store, Server) {
    let database = Sqlite::new();
    let store = items(&database).await;
    let admin_key = admin_key.map(|key| AdminKey::new(key.to_owned()));
    let state = SalesState { store: store.clone(), admin_key, concurrent_purchases: 64 };
    let server = Server::start(sales::router(state).merge(callback::router(store.clone()))).await;
    (database, store, server)
}

async fn put(server: &Server, path: &str, header: (&str, &str), body: &str) -> Answer {
    server.call("PUT", path, &[("Content-Type", "application/json"), header], body.as_bytes()).await
}

const KEY: (&str, &str) = ("X-Admin-Key", "s3cret");

#[tokio::test]
async fn the_items_are_the_rows_of_the_contract() {
    let (_database, _store, server) = shop(None).await;
    let answer = server.get("/item").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        json!([
            {"item_id": 1, "name": "Item1", "price": 10000, "quantity": 1, "factory_id": 1},
            {"item_id": 2, "name": "Item2", "price": 20000, "quantity": 2, "factory_id": 2},
            {"item_id": 3, "name": "Item3", "price": 30000, "quantity": 3, "factory_id": 1},
        ])
    );
}

#[tokio::test]
async fn a_shop_without_items_says_so() {
    let database = Sqlite::new();
    let store = Store::open(&database.url(), StoreOptions::new(&reference::edition::shop::EDITION)).await.expect("opens");
    let server = Server::start(sales::router(SalesState { store, admin_key: None, concurrent_purchases: 1 })).await;
    let answer = server.get("/item").await;
    assert_eq!((answer.status, answer.text("message")), (400, "상품 없음"));
}

#[tokio::test]
async fn items_are_bought_by_name() {
    let (_database, store, server) = shop(None).await;
    let sold = server.post("/item", r#"{"item_name": "Item2", "quantity": "2", "requester": "r"}"#).await;
    assert_eq!((sold.status, sold.text("message"), sold.text("outcome")), (200, "구매 완료! 남은 재고: 0", "sold"));
    let refused = server.post("/item", r#"{"item_name": "Item2", "quantity": 5, "requester": "r"}"#).await;
    assert_eq!((refused.status, refused.text("message")), (200, "구매 실패! 남은 재고: 0, 생산요청 진행중"));
    assert_eq!((refused.text("product_id"), refused.text("outcome")), ("2", "sold_out"));
    let production = refused.text("production_id").parse().expect("an id");
    assert_eq!(store.production(production).await.expect("readable").expect("it").quantity, 5);
}

#[tokio::test]
async fn unknown_items_are_no_product() {
    let (_database, store, server) = shop(None).await;
    for name in ["Item4", "item2", "Item2 ", "2", "Item2' OR '1'='1", "'; UPDATE products SET stock = 999998; --", "%"] {
        let body = json!({"item_name": name, "quantity": 1, "requester": "r"});
        let answer = server.post("/item", &body.to_string()).await;
        assert_eq!((answer.status, answer.text("message"), answer.text("outcome")), (400, "상품 없음", "rejected"), "{name}");
    }
    assert_eq!(store.status().await.expect("status").stock.iter().map(|(_, stock)| stock).sum::<i64>(), 6);
}

#[tokio::test]
async fn the_administration_sets_a_stock_and_leaves_a_trace() {
    let (_database, store, server) = shop(Some("s3cret")).await;
    for (header, stock) in [(KEY, 10), (("Authorization", "Bearer s3cret"), 4)] {
        let answer = put(&server, "/item/2", header, &json!({"quantity": stock}).to_string()).await;
        assert_eq!((answer.status, answer.text("message"), answer.number("quantity")), (200, "수량 변경 완료", stock));
        assert_eq!(stock_of(&store, &ProductId("2".into())).await, stock);
    }
    let trace = store.audit().adjustments(0, 10).await.expect("adjustments");
    assert_eq!(trace.iter().map(|a| (a.delta, a.stock_after)).collect::<Vec<_>>(), [(8, 10), (-6, 4)]);
}

#[tokio::test]
async fn the_administration_is_told_what_it_cannot_set() {
    let (_database, store, server) = shop(Some("s3cret")).await;
    let unknown = put(&server, "/item/9", KEY, r#"{"quantity": 1}"#).await;
    assert_eq!((unknown.status, unknown.text("message")), (400, "수량 셋팅 실패"));
    for path in ["/item/%ff", "/item/2%00", "/item/2%27%20OR%201=1"] {
        let answer = put(&server, path, KEY, r#"{"quantity": 1}"#).await;
        assert_eq!((answer.status, answer.text("message")), (400, "수량 셋팅 실패"), "{path}");
    }
    for body in [r#"{"quantity": -1}"#, r#"{"quantity": 1.5}"#, r#"{"quantity": 1e308}"#, r#"{"quantity": "many"}"#, "{}"] {
        let answer = put(&server, "/item/2", KEY, body).await;
        answer.is_rejected(400, "quantity");
        assert!(answer.text("message").starts_with("수량 셋팅 실패"), "{answer:?}");
    }
    assert_eq!(stock_of(&store, &ProductId("2".into())).await, 2);
}

#[tokio::test]
async fn strangers_set_no_stock() {
    let (_database, store, server) = shop(Some("s3cret")).await;
    for header in [("X-Admin-Key", "wrong"), ("Authorization", "Bearer wrong"), ("Authorization", "Basic s3cret"), ("X-Other", "s3cret")] {
        put(&server, "/item/2", header, r#"{"quantity": 9}"#).await.is_rejected(401, "X-Admin-Key");
    }
    let (_other, _store, closed) = shop(None).await;
    let answer = put(&closed, "/item/2", ("X-Admin-Key", ""), r#"{"quantity": 9}"#).await;
    assert_eq!((answer.status, answer.text("outcome")), (403, "rejected"), "without a configured key nobody may");
    assert_eq!(stock_of(&store, &ProductId("2".into())).await, 2);
}

#[tokio::test]
async fn anything_else_is_not_found() {
    let (_database, _store, server) = shop(None).await;
    for (method, path) in
        [("GET", "/"), ("DELETE", "/item"), ("GET", "/item/1"), ("PUT", "/item"), ("POST", "/checkout"), ("POST", "/product/donut")]
    {
        let answer = server.call(method, path, &[], b"").await;
        assert_eq!((answer.status, &answer.body), (404, &json!({"error": "Not Found"})), "{method} {path}");
    }
}
