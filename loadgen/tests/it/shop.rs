//! Small servers for the load to visit, each on a thread and runtime of its own, as a real one would be.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A server that lives as long as this.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _stop: DropGuard,
}

impl Server {
    pub(crate) fn start(routes: Router) -> Self {
        let stop = CancellationToken::new();
        let ends = stop.clone();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    served = async { axum::serve(listener, routes).await } => served.unwrap(),
                    () = ends.cancelled() => {}
                }
            });
        });
        let address = told.recv().unwrap();
        Self { address, _stop: stop.drop_guard() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// What a shop knows.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) stock: i64,
    pub(crate) sold: i64,
    /// What was answered under each key, and for how many pieces.
    pub(crate) answered: HashMap<String, (i64, Value)>,
    /// Requests by what came of them.
    pub(crate) bad: u64,
    pub(crate) replays: u64,
    /// Take effect, but lose the answer, for this many of the next purchases.
    pub(crate) lose_answers: u64,
}

/// A correct shop of the donut edition, without a factory.
pub(crate) fn correct(books: &Arc<Mutex<Books>>) -> Router {
    Router::new()
        .route(
            "/product/donut",
            get(|State(books): State<Arc<Mutex<Books>>>| async move {
                json!({ "product_id": "CP-502101", "stock": books.lock().unwrap().stock }).to_string()
            }),
        )
        .route("/checkout", post(checkout))
        .with_state(Arc::clone(books))
}

async fn checkout(State(books): State<Arc<Mutex<Books>>>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let (status, body, lost) = {
        let mut books = books.lock().unwrap();
        let (status, body) = books.buy(&headers, &body);
        let lost = status == StatusCode::OK && books.lose_answers > 0;
        if lost {
            books.lose_answers -= 1;
        }
        (status, body, lost)
    };
    if lost {
        // The buyer's patience ends first.
        std::future::pending::<()>().await;
    }
    (status, body.to_string())
}

impl Books {
    fn buy(&mut self, headers: &HeaderMap, body: &str) -> (StatusCode, Value) {
        let json = headers.get("content-type").is_some_and(|kind| kind == "application/json");
        let parsed = serde_json::from_str::<Value>(body).unwrap_or_default();
        let count = parsed["MessageAttributeProductCnt"].as_i64().filter(|count| (1..=10_000).contains(count));
        let requester = parsed["requester"].as_str().filter(|name| name.len() <= 128);
        let (Some(count), Some(_), true) = (count, requester, json) else {
            self.bad += 1;
            return (StatusCode::BAD_REQUEST, json!({ "message": "수량이 올바르지 않습니다", "outcome": "rejected" }));
        };
        let key = headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
        if let Some((before, answer)) = key.as_ref().and_then(|key| self.answered.get(key)) {
            self.replays += 1;
            return if *before == count {
                (StatusCode::OK, answer.clone())
            } else {
                (StatusCode::UNPROCESSABLE_ENTITY, json!({ "message": "다른 요청입니다", "outcome": "rejected" }))
            };
        }
        let answer = if count <= self.stock {
            self.stock -= count;
            self.sold += count;
            json!({ "message": format!("구매 완료! 남은 재고: {}", self.stock), "outcome": "sold", "quantity": count })
        } else {
            json!({ "message": format!("구매 실패! 남은 재고: {}, 생산요청 진행중", self.stock), "outcome": "sold_out" })
        };
        if let Some(key) = key {
            self.answered.insert(key, (count, answer.clone()));
        }
        (StatusCode::OK, answer)
    }
}
