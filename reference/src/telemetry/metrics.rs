//! The Prometheus recorder, and what each number means. Modules count with the `metrics` macros; the admin listener renders.

use std::sync::OnceLock;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Buckets of times, in seconds: from a fast local answer to the longest time that anything is waited for.
const BUCKETS_SECONDS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// Buckets of the number of commands in one transaction.
const BUCKETS_GROUP: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only rises.
    Counter,
    /// It is what it is now.
    Gauge,
    /// How often, by how much.
    Histogram,
}

/// Every number that the pipeline tells: what it is, its name, what it means.
pub const METRICS: [(Kind, &str, &str); 25] = [
    (Kind::Histogram, "rushproof_purchase_seconds", "From a purchase's request to its answer"),
    (Kind::Counter, "rushproof_orders_total", "Purchases that this process decided, by outcome"),
    (Kind::Histogram, "rushproof_store_group_size", "Commands that shared one transaction"),
    (Kind::Counter, "rushproof_outbox_total", "Messages that this process took from the outbox, by result"),
    (Kind::Counter, "rushproof_productions_rerequested_total", "Productions requested again because nobody confirmed them"),
    (Kind::Counter, "rushproof_messages_total", "Messages consumed, by queue and result"),
    (Kind::Counter, "rushproof_redeliveries_total", "Messages that had been delivered before, by queue"),
    (Kind::Counter, "rushproof_receive_errors_total", "Receives that failed, by queue"),
    (Kind::Counter, "rushproof_heartbeat_errors_total", "Visibility extensions that failed, by queue"),
    (Kind::Histogram, "rushproof_queue_age_seconds", "Age of a message when it is received, by queue"),
    (Kind::Counter, "rushproof_factory_calls_total", "Orders to the factory, by result"),
    (Kind::Gauge, "rushproof_breaker_state", "Circuit breaker, by callee: 0 closed, above 0 not"),
    (Kind::Counter, "rushproof_arrivals_total", "Arrivals, by outcome"),
    (Kind::Histogram, "rushproof_production_lead_seconds", "From the request of a production to its arrival"),
    (Kind::Counter, "rushproof_mails_total", "Ad stops, by result"),
    (Kind::Counter, "rushproof_factory_admissions_total", "Calls that the factory got, by what it did with them"),
    (Kind::Counter, "rushproof_probe_failures_total", "Looks at store or broker that failed; the gauges are then not up to date"),
    (Kind::Gauge, "rushproof_stock", "Pieces in stock, by product"),
    (Kind::Gauge, "rushproof_outbox_depth", "Messages that wait to be published"),
    (Kind::Gauge, "rushproof_open_productions", "Productions that have not arrived"),
    (Kind::Gauge, "rushproof_ledger_orders", "Orders in the ledger, by outcome"),
    (Kind::Gauge, "rushproof_queue_waiting", "Messages that wait to be received, by queue"),
    (Kind::Gauge, "rushproof_queue_in_flight", "Messages that were received and not deleted, by queue"),
    (Kind::Gauge, "rushproof_dlq_depth", "Messages in a dead-letter queue, by queue"),
    (Kind::Counter, "rushproof_store_retries_total", "Transactions that the database made the store try again"),
];

/// Makes the Prometheus recorder this process's recorder, once; every call returns the same handle.
pub fn install() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new().set_buckets(&BUCKETS_SECONDS);
            let builder =
                builder.and_then(|it| it.set_buckets_for_metric(Matcher::Full("rushproof_store_group_size".into()), &BUCKETS_GROUP));
            let recorder = builder.expect("there are buckets").build_recorder();
            let handle = recorder.handle();
            // Fails only when the embedding program has a recorder of its own, which then gets the numbers instead.
            drop(metrics::set_global_recorder(recorder));
            describe();
            handle
        })
        .clone()
}

fn describe() {
    for (kind, name, meaning) in METRICS {
        match kind {
            Kind::Counter => describe_counter!(name, meaning),
            Kind::Gauge => describe_gauge!(name, meaning),
            Kind::Histogram => describe_histogram!(name, meaning),
        }
    }
}
