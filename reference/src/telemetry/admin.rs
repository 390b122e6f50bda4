//! `/livez`, `/readyz` and `/metrics`, on a listener of their own so that a rush of buyers cannot drown them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::status::{PipelineStatus, ProbeError, Probes};

/// How long one look at the store or a queue may take. An orchestrator's probe usually gives up after one second more.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// How often the samples of histograms are taken together. Nobody may ever ask for `/metrics`, and until they are taken together each sample is kept.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What the admin listener knows of its process.
#[derive(Debug, Clone)]
pub struct Admin {
    probes: Arc<Probes>,
    metrics: PrometheusHandle,
    ending: Arc<AtomicBool>,
}

impl Admin {
    /// For a process that can look at these things.
    #[must_use]
    pub fn new(probes: Probes, metrics: PrometheusHandle) -> Self {
        Self { probes: Arc::new(probes), metrics, ending: Arc::new(AtomicBool::new(false)) }
    }

    /// From now on `/readyz` says no, so that nobody sends more work.
    pub fn ending(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    /// Keeps the metrics from growing while nobody asks for them.
    pub async fn keep_metrics_small(self, stop: CancellationToken) {
        let mut beat = tokio::time::interval(UPKEEP_EVERY);
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            self.metrics.run_upkeep();
        }
    }

    /// The routes. Has no fallback: [`crate::http::serve`] adds it.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(render_metrics))
            .with_state(self.clone())
    }
}

/// How many tasks are alive is told along: a number that only grows is a leak.
async fn livez() -> Json<Value> {
    Json(json!({"alive": true, "tasks": tokio::runtime::Handle::current().metrics().num_alive_tasks()}))
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let (store, queues) = tokio::join!(admin.probes.store_answers(LOOK_LIMIT), admin.probes.queues_answer(LOOK_LIMIT));
    let mut checks = Map::new();
    let mut ready = true;
    for (name, answer) in [("store", store), ("broker", queues)] {
        if let Some(answer) = answer {
            ready &= answer.is_ok();
            checks.insert(name.to_owned(), answer.map_or_else(|error| Value::String(chain(&error)), |()| Value::String("ok".to_owned())));
        }
    }
    if admin.ending.load(Ordering::SeqCst) {
        ready = false;
        checks.insert("process".to_owned(), Value::String("shutting down".to_owned()));
    }
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": ready, "checks": checks}))).into_response()
}

async fn render_metrics(State(admin): State<Admin>) -> Response {
    match admin.probes.look(LOOK_LIMIT).await {
        Ok(status) => set_gauges(&admin.probes, &status),
        Err(error) => {
            // Counters are worth showing even while the store or the broker is away; the gauges keep their last value.
            metrics::counter!("rushproof_probe_failures_total").increment(1);
            tracing::warn!(error = %chain(&error), "gauges are not up to date");
        }
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], admin.metrics.render()).into_response()
}

fn set_gauges(probes: &Probes, status: &PipelineStatus) {
    #[expect(clippy::cast_precision_loss, reason = "Prometheus knows only floats, and no count comes near 2^53")]
    let float = |number: i64| number as f64;
    let count = |number: u64| float(i64::try_from(number).unwrap_or(i64::MAX));
    if probes.store.is_some() {
        for product in &status.stock {
            metrics::gauge!("rushproof_stock", "product" => product.product_id.clone()).set(float(product.stock));
        }
        metrics::gauge!("rushproof_outbox_depth").set(float(status.outbox));
        metrics::gauge!("rushproof_open_productions").set(float(status.open_productions));
        metrics::gauge!("rushproof_ledger_orders", "outcome" => "sold").set(float(status.sold));
        metrics::gauge!("rushproof_ledger_orders", "outcome" => "sold_out").set(float(status.sold_out));
    }
    for queue in &status.queues {
        metrics::gauge!("rushproof_queue_waiting", "queue" => queue.name.clone()).set(count(queue.waiting));
        metrics::gauge!("rushproof_queue_in_flight", "queue" => queue.name.clone()).set(count(queue.in_flight));
        metrics::gauge!("rushproof_dlq_depth", "queue" => queue.dlq.clone()).set(count(queue.dlq_depth));
    }
}

/// An error with all its causes on one line.
fn chain(error: &ProbeError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
