//! The listener itself: its limits, its guards, its end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use reference::http::ServerLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::http_support::Server;

#[tokio::test]
async fn shutdown_finishes_what_was_taken_and_takes_nothing_new() {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (here, there) = (Arc::clone(&entered), Arc::clone(&go_on));
    let app = Router::new().route(
        "/",
        get(move || async move {
            here.notify_one();
            there.notified().await;
            "\"done\""
        }),
    );
    let server = Server::start(app).await;
    let mut idle = TcpStream::connect(server.address).await.expect("an idle connection");
    let (answer, ()) = tokio::join!(server.get("/"), async {
        entered.notified().await;
        server.shutdown.cancel();
        let mut rest = Vec::new();
        assert_eq!(idle.read_to_end(&mut rest).await.expect("closed in order"), 0, "an idle connection is closed at once");
        assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
        go_on.notify_one();
    });
    assert_eq!((answer.status, answer.body.as_str()), (200, Some("done")));
    assert!(server.task.await.expect("no panic"), "everything was finished");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let app = Router::new().route("/", get(|| async { std::future::pending::<()>().await }));
    let limits = ServerLimits { drain_timeout: Duration::from_millis(50), ..ServerLimits::default() };
    let server = Server::with_limits(app, limits).await;
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").await.expect("sent");
    // A second request on its own connection proves that the first was taken before.
    assert_eq!(server.get("/nothing").await.status, 404);
    server.shutdown.cancel();
    let finished = tokio::time::timeout(Duration::from_secs(5), server.task).await.expect("the server ends").expect("no panic");
    assert!(!finished, "it says that something was abandoned");
}

#[tokio::test]
async fn a_request_that_takes_too_long_gets_an_uncertain_answer() {
    let app = Router::new().route("/", get(|| async { std::future::pending::<()>().await }));
    let limits = ServerLimits { request_timeout: Duration::from_millis(50), ..ServerLimits::default() };
    let answer = Server::with_limits(app, limits).await.get("/").await;
    assert_eq!(answer.status, 504);
    assert!(answer.body.get("outcome").is_none() && !answer.text("message").is_empty());
}

#[tokio::test]
async fn a_panic_is_one_uncertain_answer_and_no_more() {
    let app = Router::new().route(
        "/",
        get(|| async {
            if true {
                panic!("on purpose")
            }
        }),
    );
    let server = Server::start(app).await;
    for _ in 0..2 {
        let answer = server.get("/").await;
        assert_eq!(answer.status, 500);
        assert!(answer.body.get("outcome").is_none());
    }
}

#[tokio::test]
async fn a_client_that_never_finishes_its_head_is_dropped() {
    let limits = ServerLimits { head_timeout: Duration::from_millis(50), ..ServerLimits::default() };
    let server = Server::with_limits(Router::new(), limits).await;
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nHo").await.expect("sent");
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.expect("it is dropped");
    assert!(read.is_err() || !rest.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn one_connection_more_than_there_is_room_for_waits_its_turn() {
    let limits = ServerLimits { connections: 1, ..ServerLimits::default() };
    let server = Server::with_limits(Router::new(), limits).await;
    let mut first = TcpStream::connect(server.address).await.expect("a connection");
    first.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").await.expect("sent");
    let mut byte = [0];
    first.read_exact(&mut byte).await.expect("the first is served");
    let mut second = Box::pin(server.get("/"));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(early.is_err(), "the second waits");
    drop(first);
    assert_eq!(second.await.status, 404);
}
