//! A client that wishes a listener ill: heads and bodies without end, requests that never come to one, answers that nobody takes.
//!
//! Each attack returns what the listener did about it, and gives up after [`PATIENCE`]: a listener without limits is found by that.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a listener may take to defend itself, on a machine that is busy with much else.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What is sent at most: far beyond any limit.
const MOST_BYTES: usize = 64 << 20;

/// How a listener ended an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defence {
    /// It answered with this HTTP status.
    Answered(u16),
    /// It closed the connection, or reset it, without an answer.
    HungUp,
    /// It took everything and did nothing about it.
    None,
}

/// Sends a request whose head holds ten megabytes of header lines, each of a size that alone would be fine.
pub async fn ten_megabytes_of_headers(listener: SocketAddr) -> Defence {
    let line = format!("x-much: {}\r\n", "a".repeat(1_000));
    attack(listener, "GET / HTTP/1.1\r\nhost: x\r\n", line.as_bytes(), 10 << 20).await
}

/// Sends a request line without end.
pub async fn an_endless_path(listener: SocketAddr) -> Defence {
    attack(listener, "GET /", "a".repeat(4_096).as_bytes(), MOST_BYTES).await
}

/// Posts a body without end, in chunks, so that no length warns of it. `path` may carry a query.
pub async fn an_endless_body(listener: SocketAddr, path: &str) -> Defence {
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4_096));
    attack(listener, &head, chunk.as_bytes(), MOST_BYTES).await
}

/// Begins a request, says no more, and waits for what becomes of it.
pub async fn half_a_request(listener: SocketAddr, beginning: &str) -> Defence {
    attack(listener, beginning, b"", 0).await
}

/// Asks for `path` and takes nothing of the answer until the listener has given up. [`Defence::None`] means that the whole answer was there after all.
pub async fn an_answer_that_nobody_takes(listener: SocketAddr, path: &str, given_up: impl Future<Output = ()>) -> Defence {
    let Ok(mut stream) = TcpStream::connect(listener).await else { return Defence::HungUp };
    let asked = stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
    if asked.is_err() {
        return Defence::HungUp;
    }
    if timeout(PATIENCE, given_up).await.is_err() {
        return Defence::None;
    }
    let mut rest = Vec::new();
    // What had been sent before is still delivered; whether the end of it is a close or a reset is up to the system.
    match timeout(PATIENCE, stream.read_to_end(&mut rest)).await {
        Ok(_) => Defence::HungUp,
        Err(_) => Defence::None,
    }
}

/// Opens so many connections that each begin a request and say no more; they stand until the value is dropped.
///
/// # Panics
/// When one cannot be opened.
pub async fn a_crowd_that_never_asks(listener: SocketAddr, connections: usize) -> Vec<TcpStream> {
    let mut crowd = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut stream = TcpStream::connect(listener).await.expect("a listener with a backlog takes a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nho").await.expect("a few bytes always fit");
        crowd.push(stream);
    }
    crowd
}

/// Sends `head`, then `piece` again and again until `most` bytes are out, while it listens for what comes back.
async fn attack(listener: SocketAddr, head: &str, piece: &[u8], most: usize) -> Defence {
    let Ok(stream) = TcpStream::connect(listener).await else { return Defence::HungUp };
    let (mut answer, mut request) = stream.into_split();
    let send = async {
        let mut sent = 0;
        let mut going = request.write_all(head.as_bytes()).await.is_ok();
        while going && sent < most {
            going = request.write_all(piece).await.is_ok();
            sent += piece.len();
        }
        // The connection is not closed from this side: a listener that waits for more must end it by itself.
        std::future::pending::<()>().await;
    };
    let listen = async {
        let mut read = [0; 64];
        match answer.read(&mut read).await {
            Ok(0) | Err(_) => Defence::HungUp,
            Ok(length) => status(&read[..length]).map_or(Defence::HungUp, Defence::Answered),
        }
    };
    let listened = timeout(PATIENCE, async {
        tokio::select! {
            () = send => Defence::None,
            defence = listen => defence,
        }
    });
    listened.await.unwrap_or(Defence::None)
}

/// The status in the first bytes of an HTTP answer.
fn status(answer: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(answer).ok()?;
    text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}
