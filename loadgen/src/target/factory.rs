//! The legacy factory, played by the harness for a target: takes orders as the target file describes them, produces for a while, and
//! reports back once. What it was asked and what it reported it knows first-hand, and that becomes part of the final state.

mod book;
mod report;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use reference::clock::WallClock;
use reference::http::{ServerLimits, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(super) use self::book::{Book, Call, rows as book_rows};
pub(super) use self::report::Reporter;
use super::Factory;
use super::answer::Reply;
use super::speech::Speech;
use super::template::{Setting, text_of};

/// The largest order. The legacy system reads into a fixed buffer.
const MOST_BYTES: usize = 64 * 1024;

/// How long it thinks before it answers a call that it takes.
const ANSWER_TIME: Duration = Duration::from_millis(10);

/// Calls that may come in at once before any is read.
const BACKLOG_ENDED_WITHIN: Duration = Duration::from_secs(2);

/// How slow and how narrow it is: the scenario's business.
#[derive(Debug, Clone, Copy)]
pub(super) struct Temper {
    pub(super) production_time: Duration,
    /// Calls that it can think about at once; further ones are turned away with 503.
    pub(super) capacity: u32,
}

/// Why there is no factory.
#[derive(Debug, thiserror::Error)]
#[error("the factory cannot listen on {address}; free it, or give `factory.listen` another")]
pub struct FactoryError {
    /// Where it was to listen.
    pub address: SocketAddr,
    /// Why it cannot.
    pub source: std::io::Error,
}

/// The factory at work. Dropping it ends it.
#[derive(Debug)]
pub(super) struct FactoryRole {
    address: SocketAddr,
    line: Arc<Line>,
    stop: CancellationToken,
}

/// What all its calls share.
#[derive(Debug)]
struct Line {
    description: Factory,
    speech: Arc<Speech>,
    temper: Temper,
    reporter: Reporter,
    thinking: AtomicU32,
    book: Mutex<Book>,
    /// Steady: its times are compared with each other, and a machine's clock may be set while it works.
    clock: WallClock,
    tasks: TaskTracker,
}

/// An order that it understood.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) product: String,
    pub(super) units: u64,
    pub(super) production: Option<String>,
    /// The whole body, for `{order:/pointer}`.
    pub(super) body: Value,
}

impl FactoryRole {
    /// Begins to take orders.
    ///
    /// # Errors
    /// [`FactoryError`] when the address cannot be had.
    pub(super) async fn start(
        description: &Factory,
        speech: Arc<Speech>,
        temper: Temper,
        reporter: Reporter,
    ) -> Result<Self, FactoryError> {
        let wanted = description.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let failed = |source| FactoryError { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let line = Arc::new(Line {
            description: description.clone(),
            speech,
            temper,
            reporter,
            thinking: AtomicU32::new(0),
            book: Mutex::default(),
            clock: WallClock::steady(),
            tasks: TaskTracker::new(),
        });
        let stop = CancellationToken::new();
        let limits = ServerLimits { body_bytes: MOST_BYTES, drain_timeout: BACKLOG_ENDED_WITHIN, ..ServerLimits::default() };
        tokio::spawn(serve(listener, router(Arc::clone(&line)), limits, stop.clone()));
        Ok(Self { address, line, stop })
    }

    /// Where it listens, as an address to call.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it knows.
    pub(super) fn line(&self) -> Knowledge {
        Knowledge { line: Arc::clone(&self.line) }
    }

    /// Ends it; reports under way are finished.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.line.tasks.close();
        // A target that is gone never answers; its reports have a time limit of their own, but nobody has to wait for it.
        let _ = tokio::time::timeout(BACKLOG_ENDED_WITHIN, self.line.tasks.wait()).await;
    }
}

impl Drop for FactoryRole {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the factory knows, for whoever looks.
#[derive(Debug, Clone)]
pub(super) struct Knowledge {
    line: Arc<Line>,
}

impl Knowledge {
    /// Orders that it has taken and not reported back.
    pub(super) fn open(&self) -> u64 {
        self.line.book().open()
    }

    /// Every call so far.
    pub(super) fn calls(&self) -> Vec<Call> {
        self.line.book().calls().to_vec()
    }
}

/// Every path, because which one takes orders is the target file's own business.
fn router(line: Arc<Line>) -> Router {
    let answer = any(|State(line): State<Arc<Line>>, request: Request| async move { line.answer(request).await });
    Router::new().route("/", answer.clone()).route("/{*path}", answer).with_state(line)
}

impl Line {
    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing panics while holding it, and its rows stay usable even if something did.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// µs since the Unix epoch.
    fn now(&self) -> u64 {
        u64::try_from(self.clock.micros()).unwrap_or_default()
    }

    async fn answer(self: &Arc<Self>, request: Request) -> Response {
        let received = self.now();
        if request.method() != Method::POST || request.uri().path() != self.description.path {
            return said(StatusCode::NOT_FOUND, json!({"message": format!("orders are POSTed to {}", self.description.path)}).to_string());
        }
        let busy = Thinking::begin(&self.thinking);
        let Ok(body) = Limited::new(request.into_body(), MOST_BYTES).collect().await else {
            return said(StatusCode::PAYLOAD_TOO_LARGE, json!({"message": "the order is too large"}).to_string());
        };
        let order = self.understand(&body.to_bytes());
        if busy.at_once > self.temper.capacity {
            self.book().turned_away(order.as_ref().ok(), received, self.now());
            return said(StatusCode::SERVICE_UNAVAILABLE, json!({"message": "too many calls at once"}).to_string());
        }
        let order = match order {
            Ok(order) => order,
            Err(why) => return said(StatusCode::BAD_REQUEST, json!({ "message": why }).to_string()),
        };
        // The factory goes on with what it took, whether or not its caller waits for the answer.
        let line = Arc::clone(self);
        let row = self.book().taken(&order, received);
        self.tasks.spawn(async move { line.produce(row, order).await });
        tokio::time::sleep(ANSWER_TIME).await;
        self.book().answered(row, self.now());
        let text = self.description.accepted.fill(Setting::Json, |place| self.book().value(row, place)).unwrap_or_else(|_| "{}".to_owned());
        said(StatusCode::OK, text)
    }

    async fn produce(self: Arc<Self>, row: usize, order: Order) {
        tokio::time::sleep(ANSWER_TIME + self.temper.production_time).await;
        self.book().produced(row, self.now());
        let heard = self.reporter.report(&self.description.back, &order).await;
        self.book().reported(row, heard);
    }

    /// What a body asks for, or what is wrong with it.
    fn understand(&self, body: &[u8]) -> Result<Order, String> {
        let reply = Reply::of(200, body);
        let Some(json) = reply.json.clone() else { return Err("the order is no JSON".to_owned()) };
        let units = &self.description.units;
        let pieces = units.number(&reply).and_then(|pieces| u64::try_from(pieces).ok()).filter(|pieces| *pieces > 0);
        let pieces = pieces.ok_or_else(|| format!("no number of pieces at {}", units.words()))?;
        let named =
            self.description.product.as_ref().map(|place| place.text(&reply).ok_or_else(|| format!("no product at {}", place.words())));
        let product = match named.transpose()? {
            Some(name) => self.speech.product_named(&name).map_or(name.clone(), |product| product.id.clone()),
            None => self.speech.products.first().map(|product| product.id.clone()).unwrap_or_default(),
        };
        let production = self.description.production.as_ref().and_then(|place| place.text(&reply));
        Ok(Order { product, units: pieces, production, body: json })
    }
}

impl Order {
    /// What stands at a place of what the factory says.
    pub(super) fn value(&self, place: &str) -> Option<Value> {
        match place {
            "product" => Some(Value::from(self.product.as_str())),
            "units" => Some(Value::from(self.units)),
            "production" => self.production.as_deref().map(Value::from),
            _ => {
                let value = self.body.pointer(place.strip_prefix("order:")?).filter(|value| !value.is_null())?;
                Some(Value::from(text_of(value).into_owned()))
            }
        }
    }
}

/// Counts a call as being thought about, until it is dropped.
struct Thinking<'a> {
    calls: &'a AtomicU32,
    at_once: u32,
}

impl<'a> Thinking<'a> {
    fn begin(calls: &'a AtomicU32) -> Self {
        Self { calls, at_once: calls.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Thinking<'_> {
    fn drop(&mut self) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

fn said(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
