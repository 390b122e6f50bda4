//! Clients that wish a listener ill: every listener of the pipeline has a limit for what they do, and serves others meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use reference::broker::{Broker, BrokerLimits, BrokerOptions};
use reference::edition::EditionName;
use reference::http::ServerLimits;
use testbed::attacker::{self, Defence};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::fleet::{Fleet, Node};
use crate::http_client::Http;
use crate::http_support::Server;

/// Short enough to wait for, long enough for a well-meaning client on a busy machine to be no victim: none is timed here.
const SHORT: Duration = Duration::from_millis(50);

/// Each listener of a whole pipeline: its name, where it is, where a body is taken, and what can be read at any time.
fn listeners(node: &Node) -> Vec<(&'static str, SocketAddr, &'static str, &'static str)> {
    let at = |role: &str| node.address(role).trim_start_matches("http://").parse().unwrap();
    vec![
        ("sales", at("sales"), "/checkout", "/product/donut"),
        ("receiving", at("receiving"), "/product/donut?production=0192f0c1-2345-7abc-8def-0123456789ab&token=guessed", "/"),
        ("factory", at("factory"), "/api/manufactures", "/log"),
        ("broker", at("broker"), "/", "/"),
        ("admin", at("admin"), "/readyz", "/livez"),
    ]
}

async fn still_serves(name: &str, listener: SocketAddr, path: &str) {
    let answer = Http::new().get(&format!("http://{listener}{path}")).await;
    let answer = answer.unwrap_or_else(|error| panic!("{name} does not answer any more: {error}"));
    assert!(answer.status == 200 || path == "/", "{name}: {answer:?}");
}

#[tokio::test]
async fn no_listener_of_the_pipeline_takes_heads_or_bodies_without_end_or_lets_a_silent_crowd_keep_others_out() {
    let mut fleet = Fleet::new(EditionName::Donut, &[]);
    let node = fleet.start(&[], None).await;
    for (name, listener, takes_bodies, readable) in listeners(&node) {
        let crowd = attacker::a_crowd_that_never_asks(listener, 100).await;
        let (headers, path, body) = tokio::join!(
            attacker::ten_megabytes_of_headers(listener),
            attacker::an_endless_path(listener),
            attacker::an_endless_body(listener, takes_bodies),
        );
        for (attack, defence) in [("headers", headers), ("path", path), ("body", body)] {
            // The answer may get lost when the connection is reset under a client that does not stop sending.
            let defended = matches!(defence, Defence::HungUp | Defence::Answered(400..=499));
            assert!(defended, "{name}, attacked with an endless {attack}: {defence:?}");
        }
        still_serves(name, listener, readable).await;
        drop(crowd);
    }
    assert!(node.end().await.success());
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_gives_its_place_back() {
    let app = Router::new().route("/all", get(|| async { vec![b'x'; 64 << 20] }));
    let limits = ServerLimits { connections: 1, write_stall: SHORT, ..ServerLimits::default() };
    let server = Server::with_limits(app, limits).await;
    let next = async { assert_eq!(server.get("/").await.status, 404) };
    assert_eq!(attacker::an_answer_that_nobody_takes(server.address, "/all", next).await, Defence::HungUp);
}

#[tokio::test]
async fn a_request_that_never_ends_is_ended() {
    let app = Router::new().route("/", get(|body: String| async { body }).post(|body: String| async { body }));
    let limits = ServerLimits { head_timeout: SHORT, request_timeout: SHORT, ..ServerLimits::default() };
    let server = Server::with_limits(app, limits).await;
    for beginning in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\nx-a: ", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"] {
        let defence = attacker::half_a_request(server.address, beginning).await;
        assert_ne!(defence, Defence::None, "{beginning:?}");
    }
}

async fn broker(limits: BrokerLimits) -> (SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let broker = Broker::open(BrokerOptions { limits, ..BrokerOptions::default() }).unwrap();
    let until = stop.clone();
    tokio::spawn(async move { broker.serve(listener, until).await });
    (address, stop)
}

#[tokio::test]
async fn the_broker_seats_no_more_clients_than_it_has_room_for_and_none_for_ever() {
    let limits = BrokerLimits { connections: 2, head_timeout: Duration::from_millis(500), ..BrokerLimits::default() };
    let (address, stop) = broker(limits).await;
    let crowd = attacker::a_crowd_that_never_asks(address, 2).await;
    let waiting = TcpStream::connect(address).await.unwrap();
    // The backlog takes the connection; it is served once those before it have been sent away.
    still_serves("the broker", address, "/").await;
    for stream in crowd {
        let mut rest = [0; 256];
        // Closed, with or without a word about why.
        let ended = async { while stream.readable().await.is_ok() && !matches!(stream.try_read(&mut rest), Ok(0)) {} };
        tokio::time::timeout(attacker::PATIENCE, ended).await.expect("who never asks is sent away");
    }
    drop(waiting);
    stop.cancel();
}
