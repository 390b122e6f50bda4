//! What the tests stand between: an upstream that remembers, and a client that sees how an answer ended.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A request as the upstream saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

type Answerer = dyn Fn(&Seen) -> Response<Bytes> + Send + Sync;

/// An HTTP service that answers by a function and remembers what it was asked.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: watch::Receiver<usize>,
}

impl Service {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        Self::released(watch::Sender::new(true).subscribe(), answer).await
    }

    /// Answers "hello" to everything; to what says "hold" only once it is released.
    pub(crate) async fn holding(release: watch::Receiver<bool>) -> Self {
        Self::released(release, |_| Response::new(Bytes::from_static(b"hello, world"))).await
    }

    async fn released(release: watch::Receiver<bool>, answer: impl Fn(&Seen) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        let listener = listener().await;
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (counter, count) = watch::channel(0);
        let (counter, answer): (_, Arc<Answerer>) = (Arc::new(counter), Arc::new(answer));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, counter, answer, release) = (Arc::clone(&log), Arc::clone(&counter), Arc::clone(&answer), release.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (log, counter, answer, mut release) =
                        (Arc::clone(&log), Arc::clone(&counter), Arc::clone(&answer), release.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let seen = Seen { path: head.uri.path().to_owned(), headers: head.headers, body };
                        let (answer, held) = (answer(&seen), &seen.body[..] == b"hold");
                        log.lock().unwrap().push(seen);
                        counter.send_modify(|count| *count += 1);
                        if held {
                            // Ok or not: when nobody can release it any more the test is over.
                            let _ = release.wait_for(|released| *released).await;
                        }
                        Ok::<_, Infallible>(answer.map(Full::new))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, seen, count }
    }

    /// Answers "hello" to everything.
    pub(crate) async fn hello() -> Self {
        Self::start(|_| Response::new(Bytes::from_static(b"hello, world"))).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it was asked so many times.
    pub(crate) async fn asked(&self, times: usize) {
        let mut count = self.count.clone();
        within("the service to be asked", count.wait_for(|count| *count >= times)).await.unwrap();
    }
}

/// What a client got, seen from the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Got {
    Answer {
        status: u16,
        body: String,
    },
    /// The body ended before its length.
    Cut {
        body: String,
    },
    Reset,
    Closed,
}

/// A keep-alive client that hides nothing: no retries, no pool.
pub(crate) struct Client {
    stream: TcpStream,
    pub(crate) head: String,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), head: String::new() }
    }

    pub(crate) async fn post(&mut self, path: &str, headers: &str, body: &str) -> Got {
        let request = format!("POST {path} HTTP/1.1\r\nhost: shop.test\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
        if self.stream.write_all(request.as_bytes()).await.is_err() {
            return Got::Reset;
        }
        within("an answer or the end of the connection", self.answer()).await
    }

    async fn answer(&mut self) -> Got {
        let mut read = Vec::new();
        let mut piece = [0; 4_096];
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length: usize = header(head, "content-length").unwrap().parse().unwrap();
                if body.len() >= length {
                    self.head = head.to_owned();
                    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                    return Got::Answer { status, body: body.to_owned() };
                }
            }
            match self.stream.read(&mut piece).await {
                Ok(0) | Err(_) if text.contains("\r\n\r\n") => {
                    return Got::Cut { body: text.split_once("\r\n\r\n").unwrap().1.to_owned() };
                }
                Ok(0) => return Got::Closed,
                Ok(length) => read.extend_from_slice(&piece[..length]),
                Err(_) => return Got::Reset,
            }
        }
    }
}

/// One request on a connection of its own.
pub(crate) async fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> Got {
    Client::connect(address).await.post(path, headers, body).await
}

pub(crate) fn hello() -> Got {
    Got::Answer { status: 200, body: "hello, world".to_owned() }
}

pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().filter_map(|line| line.split_once(": ")).find(|(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}
