//! Peers that wish a tap ill, on both of its sides: it has a limit for what they do, and passes others on meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use chaos::faults::Faults;
use chaos::tap::{Hop, Limits, Tap, Upstream};
use http::Response;
use testbed::attacker::{self, Defence};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{Got, Service, hello, listener, post, within};

/// Short enough to wait for. Only those who never finish are measured by it.
const SHORT: Duration = Duration::from_millis(100);

fn http_tap(limits: Limits, upstream: SocketAddr) -> impl Future<Output = Tap> {
    let hop = Hop::new("sales", Faults::new(1)).within(limits);
    async move { chaos::tap::http::start(listener().await, &Upstream::from(upstream), hop).unwrap() }
}

fn tcp_tap(limits: Limits, upstream: SocketAddr) -> impl Future<Output = Tap> {
    let hop = Hop::new("database", Faults::new(1)).within(limits);
    async move { chaos::tap::tcp::start(listener().await, &Upstream::from(upstream), hop).unwrap() }
}

/// An upstream that sends `beginning`, then `piece` for as long as anybody takes it, whatever it is asked.
async fn babbler(beginning: &'static str, piece: &'static str) -> SocketAddr {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 1_024];
                let _ = stream.read(&mut asked).await;
                let mut going = stream.write_all(beginning.as_bytes()).await;
                while going.is_ok() && !piece.is_empty() {
                    going = stream.write_all(piece.as_bytes()).await;
                }
                // Kept open: it is the tap that has to end this.
                let _ = stream.read(&mut asked).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn heads_and_bodies_without_end_are_refused_and_others_are_served() {
    let service = Service::hello().await;
    let taps = [
        http_tap(Limits::default(), service.address).await,
        chaos::tap::aws::start(listener().await, &Upstream::from(service.address), Hop::new("aws", Faults::new(1))).unwrap(),
    ];
    for tap in taps {
        let crowd = attacker::a_crowd_that_never_asks(tap.address(), 100).await;
        let (headers, path, body) = tokio::join!(
            attacker::ten_megabytes_of_headers(tap.address()),
            attacker::an_endless_path(tap.address()),
            attacker::an_endless_body(tap.address(), "/"),
        );
        for (attack, defence) in [("headers", headers), ("path", path), ("body", body)] {
            assert!(matches!(defence, Defence::HungUp | Defence::Answered(400..=499)), "an endless {attack}: {defence:?}");
        }
        assert_eq!(post(tap.address(), "/", "", "").await, hello());
        drop(crowd);
    }
    assert!(service.seen().iter().all(|seen| seen.body.is_empty()), "nothing of it was passed on");
}

#[tokio::test]
async fn who_does_not_finish_a_request_is_sent_away() {
    let service = Service::hello().await;
    let tap = http_tap(Limits { read: SHORT, ..Limits::default() }, service.address).await;
    for beginning in ["", "POST / HT", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{"] {
        assert_ne!(attacker::half_a_request(tap.address(), beginning).await, Defence::None, "{beginning:?}");
    }
}

#[tokio::test]
async fn one_connection_more_than_there_is_room_for_waits_until_a_silent_one_is_sent_away() {
    let service = Service::hello().await;
    let limits = Limits { connections: 1, read: SHORT, idle: SHORT, ..Limits::default() };
    for tap in [http_tap(limits, service.address).await, tcp_tap(limits, service.address).await] {
        let silent = TcpStream::connect(tap.address()).await.unwrap();
        // Both taps pass it on; it may have to try again where its own connection was held up for longer than is allowed here.
        let served = async { while post(tap.address(), "/", "", "").await != hello() {} };
        within("the next one to be served", served).await;
        drop(silent);
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_gives_its_place_back() {
    let service = Service::start(|seen| {
        let length = if seen.path == "/all" { 7 << 20 } else { 12 };
        Response::new(Bytes::from(vec![b'x'; length]))
    })
    .await;
    let limits = Limits { connections: 1, write: SHORT, idle: SHORT, ..Limits::default() };
    for tap in [http_tap(limits, service.address).await, tcp_tap(limits, service.address).await] {
        let next = async { while !matches!(post(tap.address(), "/", "", "").await, Got::Answer { status: 200, .. }) {} };
        assert_eq!(attacker::an_answer_that_nobody_takes(tap.address(), "/all", next).await, Defence::HungUp);
    }
}

#[tokio::test]
async fn an_upstream_that_says_too_much_or_too_little_is_an_ended_connection() {
    let limits = Limits { answer: Duration::from_secs(2), body: 1 << 20, ..Limits::default() };
    for (name, upstream) in [
        ("a body without end", babbler("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "10\r\naaaaaaaaaaaaaaaa\r\n").await),
        (
            "a head without end",
            babbler("HTTP/1.1 200 OK\r\n", "x-much: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").await,
        ),
        ("no HTTP", babbler("I am a teapot\r\n\r\n", "").await),
        ("half an answer", babbler("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", "").await),
        ("nothing at all", babbler("", "").await),
    ] {
        let tap = http_tap(limits, upstream).await;
        assert_eq!(post(tap.address(), "/", "", "").await, Got::Reset, "{name}");
    }
}
