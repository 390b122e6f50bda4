//! A served router and a client that says exactly what it is told to.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use reference::http::{ServerLimits, serve};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long any answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A router on a socket of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<bool>,
}

impl Server {
    pub(crate) async fn start(app: Router) -> Self {
        Self::with_limits(app, ServerLimits::default()).await
    }

    pub(crate) async fn with_limits(app: Router, limits: ServerLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, app, limits, shutdown.clone()));
        Self { address, shutdown, task }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"), b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.call("POST", path, &[("Content-Type", "application/json")], body.as_bytes()).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.send(&head, body).await
    }

    /// Sends bytes and reads until the server closes.
    pub(crate) async fn send(&self, head: &str, body: &[u8]) -> Answer {
        let talk = async {
            let mut stream = TcpStream::connect(self.address).await.expect("a connection");
            stream.write_all(head.as_bytes()).await.expect("the head is taken");
            stream.write_all(body).await.expect("the body is taken");
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.expect("an answer");
            bytes
        };
        let bytes = tokio::time::timeout(PATIENCE, talk).await.unwrap_or_else(|_| panic!("no answer within {PATIENCE:?} to {head}"));
        Answer::read(&bytes)
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"));
        let body = serde_json::from_str(body).unwrap_or(Value::String(body.to_owned()));
        Self { status, head: head.to_ascii_lowercase(), body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_else(|| panic!("no text {field}: {}", self.body))
    }

    pub(crate) fn number(&self, field: &str) -> i64 {
        self.body[field].as_i64().unwrap_or_else(|| panic!("no number {field}: {}", self.body))
    }

    /// Expects a refusal that is marked as such and blames a field.
    #[track_caller]
    pub(crate) fn is_rejected(&self, status: u16, field: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.text("outcome"), "rejected", "{self:?}");
        assert_eq!(self.text("field"), field, "{self:?}");
        assert!(!self.text("message").is_empty());
    }
}
