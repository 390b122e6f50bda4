//! What the workers' tests stand on: a broker, provisioned queues, a store, and stand-ins for the factory and for SES.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use reference::broker::{Broker, BrokerOptions};
use reference::consumer::{Consumer, ConsumerSettings, Handler};
use reference::edition::Edition;
use reference::edition::topology::{QueueSettings, Topology};
use reference::messaging::message::{Attribute, AttributeKind, OutgoingMessage};
use reference::messaging::provision::{ProvisionOptions, Provisioned};
use reference::messaging::publish::Publisher;
use reference::messaging::receive::Queue;
use reference::messaging::{Aws, AwsConfig};
use reference::resilience::backoff::Growth;
use reference::store::{Store, StoreOptions};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Everything in a test has happened within this time, or never will.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A shop without its processes.
pub(crate) struct Stage {
    pub(crate) endpoint: String,
    pub(crate) aws: Aws,
    pub(crate) there: Provisioned,
    pub(crate) store: Store,
    _database: TempDir,
    _end: DropGuard,
}

impl Stage {
    /// Messages are hidden for a second, and go to the dead-letter queue after three receives.
    pub(crate) async fn of(edition: &'static Edition) -> Self {
        Self::with(StoreOptions::new(edition), 3).await
    }

    pub(crate) async fn with(options: StoreOptions, max_receive_count: u32) -> Self {
        let (endpoint, end) = broker().await;
        let aws = Aws::new(&AwsConfig::local(&endpoint)).unwrap();
        let settings = QueueSettings { visibility_timeout: Duration::from_secs(1), max_receive_count, ..QueueSettings::default() };
        let topology = Topology::of(options.edition, settings);
        let there = aws.provision(&topology, &ProvisionOptions::default()).await.unwrap();
        let database = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}", database.path().join("shop.db").display()), options).await.unwrap();
        store.seed(&[]).await.unwrap();
        Self { endpoint, aws, there, store, _database: database, _end: end }
    }

    pub(crate) fn queue(&self, name: &str) -> Queue {
        self.there.queue(&self.aws, name).unwrap()
    }

    pub(crate) fn publisher(&self) -> Publisher {
        self.aws.publisher(self.there.topic_arns.clone())
    }

    /// A consumer with short times and steady delays.
    pub(crate) fn consumer<H: Handler>(&self, queue: &str, handler: H) -> Consumer<H> {
        Consumer::new(self.queue(queue), handler, brisk())
    }
}

/// Short times: one poller, retries about a second apart. But a long visibility, since these tests say when a message comes back: a machine
/// that stalls for a second must not bring one back in between.
pub(crate) fn brisk() -> ConsumerSettings {
    ConsumerSettings {
        pollers: 1,
        wait: Duration::from_secs(1),
        visibility: Duration::from_secs(60),
        retry: Growth { base: Duration::from_secs(1), cap: Duration::from_secs(1) },
        ..ConsumerSettings::default()
    }
}

/// An embedded broker on a port of its own, for as long as the guard lives.
pub(crate) async fn broker() -> (String, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let end = CancellationToken::new();
    let broker = Broker::open(BrokerOptions::default()).unwrap();
    let until = end.clone();
    tokio::spawn(async move { broker.serve(listener, until).await });
    (format!("http://{address}"), end.drop_guard())
}

/// An SNS envelope with these attributes, as SNS puts it into a queue.
pub(crate) fn envelope(attributes: &[(&str, &str)]) -> String {
    let attributes: BTreeMap<_, _> =
        attributes.iter().map(|(name, value)| (*name, serde_json::json!({ "Type": "String", "Value": value }))).collect();
    serde_json::json!({ "Type": "Notification", "MessageId": "m", "Message": "text", "MessageAttributes": attributes }).to_string()
}

/// A message with text attributes.
pub(crate) fn message(topic: &str, attributes: &[(&str, &str)]) -> OutgoingMessage {
    let attribute = |(name, value): &(&str, &str)| Attribute { name: (*name).into(), kind: AttributeKind::String, value: (*value).into() };
    OutgoingMessage {
        topic: topic.into(),
        subject: "subject".into(),
        body: "text".into(),
        attributes: attributes.iter().map(attribute).collect(),
    }
}

pub(crate) async fn send(queue: &Queue, body: &str) {
    queue.send(body, &BTreeMap::new()).await.unwrap();
}

/// Steps until the queue holds nothing any more.
pub(crate) async fn step_until_empty<H: Handler>(consumer: &Consumer<H>, queue: &Queue) {
    let never = CancellationToken::new();
    let deadline = Instant::now() + DEADLINE;
    while queue.depth().await.unwrap().total() > 0 {
        assert!(Instant::now() < deadline, "{} still holds {:?}", queue.name(), queue.depth().await);
        consumer.step(&never).await;
    }
}

/// Waits until `holds` does.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A clock that stands still until a test lets time pass, so that a stall of the machine is no time at all. For what talks over sockets:
/// tokio's own stopped clock leaps ahead whenever nothing but sockets is left to wait for.
pub(crate) struct StoppedClock {
    /// Ends, when dropped, the blocking task that keeps tokio from leaping.
    _hold: mpsc::Sender<()>,
}

impl StoppedClock {
    /// Stops the clock of this test, once what has to do with real time (files, a database) is over.
    pub(crate) fn stop() -> Self {
        let (hold, held) = mpsc::channel();
        tokio::task::spawn_blocking(move || held.recv());
        tokio::time::pause();
        Self { _hold: hold }
    }

    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }
}

/// An HTTP server that answers by script, the last line of it for ever, and keeps what it was sent.
#[derive(Clone)]
pub(crate) struct StandIn {
    pub(crate) address: String,
    calls: Arc<Mutex<Vec<Exchange>>>,
    script: Arc<Mutex<Vec<(u16, String)>>>,
    think: Duration,
    busy: Arc<Mutex<(usize, usize)>>,
    _end: Arc<DropGuard>,
}

/// A request that a [`StandIn`] got.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) path: String,
    pub(crate) body: serde_json::Value,
    pub(crate) at: Instant,
}

impl StandIn {
    pub(crate) async fn answering(script: &[(u16, &str)]) -> Self {
        Self::thinking(Duration::ZERO, script).await
    }

    /// It thinks that long about each answer.
    pub(crate) async fn thinking(think: Duration, script: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let end = CancellationToken::new();
        let stand_in = Self {
            address: format!("http://{address}"),
            calls: Arc::default(),
            script: Arc::new(Mutex::new(reversed(script))),
            think,
            busy: Arc::default(),
            _end: Arc::new(end.clone().drop_guard()),
        };
        // The server must not keep its own guard alive.
        let state = (Arc::clone(&stand_in.calls), Arc::clone(&stand_in.script), stand_in.think, Arc::clone(&stand_in.busy));
        let router = Router::new().fallback(answer).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(end.cancelled_owned()).await });
        stand_in
    }

    /// Answers by another script from now on.
    pub(crate) fn answer_now(&self, script: &[(u16, &str)]) {
        *self.script.lock().unwrap() = reversed(script);
    }

    pub(crate) fn calls(&self) -> Vec<Exchange> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.busy.lock().unwrap().1
    }
}

/// A script, its first line last.
fn reversed(script: &[(u16, &str)]) -> Vec<(u16, String)> {
    script.iter().rev().map(|(status, body)| (*status, (*body).to_owned())).collect()
}

type Script = Arc<Mutex<Vec<(u16, String)>>>;
type StandInState = (Arc<Mutex<Vec<Exchange>>>, Script, Duration, Arc<Mutex<(usize, usize)>>);

async fn answer(State((calls, script, think, busy)): State<StandInState>, uri: Uri, body: Bytes) -> (StatusCode, String) {
    let body = serde_json::from_slice(&body).unwrap_or_default();
    calls.lock().unwrap().push(Exchange { path: uri.to_string(), body, at: Instant::now() });
    {
        let mut busy = busy.lock().unwrap();
        busy.0 += 1;
        busy.1 = busy.1.max(busy.0);
    }
    tokio::time::sleep(think).await;
    busy.lock().unwrap().0 -= 1;
    let mut script = script.lock().unwrap();
    let (status, text) = if script.len() > 1 { script.pop() } else { script.last().cloned() }.expect("a script has a last line");
    (StatusCode::from_u16(status).unwrap(), text)
}
