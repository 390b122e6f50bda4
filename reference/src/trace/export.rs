//! Sends spans to an OpenTelemetry collector: OTLP over HTTP, as JSON.
//!
//! That is one POST of one JSON document a second, so it is made here, by hand, on the HTTP client that the pipeline has anyway, instead of by the
//! OpenTelemetry SDK and its exporter (some thirty crates and a thread of their own). What is sent is the standard's
//! (<https://opentelemetry.io/docs/specs/otlp/>), so any collector takes it.
//!
//! Nothing waits for it: a full line to the sender, a collector that is away or slow, cost spans, which are counted and told, and nothing else.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::TraceParent;
use super::leg::Kind;

/// Spans that may wait to be sent.
const WAITING: usize = 8_192;
/// Spans of one call.
const PER_CALL: usize = 512;
/// Time between two calls.
const EVERY: Duration = Duration::from_secs(1);
/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(5);

static LINE: OnceLock<Line> = OnceLock::new();

/// The way to the sender.
#[derive(Debug)]
struct Line {
    spans: mpsc::Sender<Sent>,
    lost: AtomicU64,
}

#[derive(Debug)]
enum Sent {
    Span(Box<Value>),
    /// Everything before it is sent.
    Flush(oneshot::Sender<()>),
}

/// Where to send spans cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {value:?}; write the address of an OTLP collector that speaks plain HTTP, such as http://127.0.0.1:4318")]
pub struct BadCollector {
    variable: &'static str,
    value: String,
}

/// Sends spans from now on, when the standard variables say where to: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, or `OTEL_EXPORTER_OTLP_ENDPOINT` with
/// `/v1/traces` behind it. `OTEL_SERVICE_NAME` replaces `service`. The first call of a process decides.
///
/// # Errors
/// [`BadCollector`].
pub fn start(service: &str, variable: impl Fn(&str) -> Option<String>) -> Result<(), BadCollector> {
    let given = |name: &'static str| variable(name).filter(|value| !value.is_empty()).map(|value| (name, value));
    let whole = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let base = || given("OTEL_EXPORTER_OTLP_ENDPOINT").map(|(name, base)| (name, format!("{}/v1/traces", base.trim_end_matches('/'))));
    let Some((variable_name, address)) = whole.or_else(base) else { return Ok(()) };
    let uri = address.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
    let uri = uri.ok_or(BadCollector { variable: variable_name, value: address })?;
    let service = given("OTEL_SERVICE_NAME").map_or_else(|| service.to_owned(), |(_, name)| name);
    let (spans, waiting) = mpsc::channel(WAITING);
    if LINE.set(Line { spans, lost: AtomicU64::new(0) }).is_ok() {
        tokio::spawn(send(waiting, uri, service));
    }
    Ok(())
}

/// Waits until everything that ended before is sent, or given up on.
pub async fn flush() {
    let Some(line) = LINE.get() else { return };
    let (done, sent) = oneshot::channel();
    if line.spans.send(Sent::Flush(done)).await.is_ok() {
        // The sender gives each call a limit of its own; two of them are enough to know.
        let _ = timeout(2 * PATIENCE, sent).await;
    }
    let lost = line.lost.swap(0, Ordering::Relaxed);
    if lost > 0 {
        tracing::warn!(spans = lost, "spans were lost: the collector was away, or could not keep up");
    }
}

/// A span under way; sent when it is dropped.
#[derive(Debug)]
pub struct Span {
    context: TraceParent,
    parent: Option<u64>,
    kind: Kind,
    name: String,
    begun: SystemTime,
    notes: Vec<(&'static str, String)>,
    failure: Option<String>,
}

impl Span {
    /// A span, when spans are collected and its caller does not say that this trace is not.
    pub(super) fn begin(kind: Kind, parent: Option<TraceParent>, name: impl FnOnce() -> String) -> Option<Self> {
        LINE.get()?;
        if parent.is_some_and(|parent| !parent.sampled) {
            return None;
        }
        let trace = parent.map_or_else(|| rand::random_range(1..=u128::MAX), |parent| parent.trace);
        Some(Self::new(kind, trace, parent.map(|parent| parent.span), name()))
    }

    /// The first span of a process in a trace that is known by its number.
    pub(super) fn begin_in(kind: Kind, trace: impl FnOnce() -> u128, name: impl FnOnce() -> String) -> Option<Self> {
        LINE.get()?;
        // 0 is no trace.
        Some(Self::new(kind, trace().max(1), None, name()))
    }

    fn new(kind: Kind, trace: u128, parent: Option<u64>, name: String) -> Self {
        let context = TraceParent { trace, span: rand::random_range(1..=u64::MAX), sampled: true };
        Self { context, parent, kind, name, begun: SystemTime::now(), notes: Vec::new(), failure: None }
    }

    pub(super) fn context(&self) -> TraceParent {
        self.context
    }

    pub(super) fn note(&mut self, name: &'static str, value: String) {
        self.notes.push((name, value));
    }

    pub(super) fn failed(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    fn to_json(&self, ended: SystemTime) -> Value {
        let nanos = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
        let notes: Vec<Value> = self.notes.iter().map(|(name, value)| attribute(name, value)).collect();
        json!({
            "traceId": format!("{:032x}", self.context.trace),
            "spanId": format!("{:016x}", self.context.span),
            "parentSpanId": self.parent.map(|span| format!("{span:016x}")).unwrap_or_default(),
            "name": self.name,
            "kind": self.kind as u8,
            "startTimeUnixNano": nanos(self.begun),
            "endTimeUnixNano": nanos(ended),
            "attributes": notes,
            "status": self.failure.as_ref().map_or_else(|| json!({}), |why| json!({ "code": 2, "message": why })),
        })
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(line) = LINE.get() else { return };
        if line.spans.try_send(Sent::Span(Box::new(self.to_json(SystemTime::now())))).is_err() {
            line.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

async fn send(mut waiting: mpsc::Receiver<Sent>, collector: Uri, service: String) {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut spans = Vec::new();
    loop {
        let flushed = tokio::select! {
            _ = ticks.tick() => None,
            sent = waiting.recv(), if spans.len() < PER_CALL => match sent {
                Some(Sent::Span(span)) => {
                    spans.push(*span);
                    if spans.len() < PER_CALL {
                        continue;
                    }
                    None
                }
                Some(Sent::Flush(done)) => Some(done),
                None => return,
            },
        };
        if !spans.is_empty() {
            let batch = std::mem::take(&mut spans);
            let count = batch.len() as u64;
            let posted = timeout(PATIENCE, post(&client, &collector, &service, batch)).await;
            if !matches!(posted, Ok(true))
                && let Some(line) = LINE.get()
            {
                line.lost.fetch_add(count, Ordering::Relaxed);
            }
        }
        if let Some(done) = flushed {
            // Whoever asked may have given up waiting.
            let _ = done.send(());
        }
    }
}

/// Whether the collector took them.
async fn post(client: &Client<HttpConnector, Full<Bytes>>, collector: &Uri, service: &str, spans: Vec<Value>) -> bool {
    let resource = json!({ "attributes": [attribute("service.name", service), attribute("process.pid", &std::process::id().to_string())] });
    let body = json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "scope": { "name": "rushproof" }, "spans": spans }] }] });
    let request = Request::post(collector.clone()).header(header::CONTENT_TYPE, "application/json").body(Full::from(body.to_string()));
    let request = request.expect("a checked address and a constant header make a request");
    match client.request(request).await {
        Ok(answer) => {
            let taken = answer.status().is_success();
            // Read to keep the connection; what the collector says beyond its status is for its own log.
            drop(answer.into_body().collect().await);
            taken
        }
        Err(error) => {
            tracing::debug!(%error, %collector, "spans could not be sent");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_spoken_to_is_a_mistake_that_names_its_variable() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _guard = runtime.enter();
        let error = start("x", |name| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "https://collector:4318".to_owned())).unwrap_err();
        assert!(error.to_string().starts_with("OTEL_EXPORTER_OTLP_ENDPOINT is \"https://collector:4318/v1/traces\""), "{error}");
        assert_eq!(start("x", |_| None), Ok(()));
        assert!(LINE.get().is_none(), "nobody asked for spans");
    }

    #[test]
    fn a_span_is_written_as_the_standard_wants_it() {
        let span = Span {
            context: TraceParent { trace: 0xa, span: 0xb, sampled: true },
            parent: Some(0xc),
            kind: Kind::Consumer,
            name: "stock_queue".to_owned(),
            begun: UNIX_EPOCH + Duration::from_nanos(7),
            notes: vec![("order", "o-1".to_owned())],
            failure: Some("away".to_owned()),
        };
        let json = span.to_json(UNIX_EPOCH + Duration::from_secs(2));
        assert_eq!(json["traceId"], "0000000000000000000000000000000a");
        assert_eq!((json["parentSpanId"].as_str(), json["kind"].as_u64()), (Some("000000000000000c"), Some(5)));
        assert_eq!((json["startTimeUnixNano"].as_str(), json["endTimeUnixNano"].as_str()), (Some("7"), Some("2000000000")));
        assert_eq!((&json["attributes"][0]["value"]["stringValue"], &json["status"]["code"]), (&json!("o-1"), &json!(2)));
    }
}
