//! One order is one trace, from the buyer's call through SNS and SQS to the factory and back, as a collector of OpenTelemetry sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use reference::edition::EditionName;
use reference::trace::TraceParent;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fleet::Fleet;
use crate::wait;

const SOON: Duration = Duration::from_secs(60);

/// Spans by trace.
type Spans = Arc<Mutex<BTreeMap<String, Vec<Value>>>>;

/// Stands in for a collector; answers where it is.
async fn collector(spans: Spans) -> String {
    async fn take(State(spans): State<Spans>, body: axum::body::Bytes) -> axum::Json<Value> {
        let told: Value = serde_json::from_slice(&body).unwrap();
        let all = |value: &Value, field: &str| value[field].as_array().cloned().unwrap_or_default();
        for resource in all(&told, "resourceSpans") {
            for span in all(&resource, "scopeSpans").iter().flat_map(|scope| all(scope, "spans")) {
                spans.lock().unwrap().entry(span["traceId"].as_str().unwrap().to_owned()).or_default().push(span);
            }
        }
        axum::Json(json!({}))
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1/traces", post(take)).with_state(spans)).await });
    address
}

async fn buy(sales: &str, (path, body): (&str, &Value), trace: Option<TraceParent>) {
    let host = sales.strip_prefix("http://").unwrap();
    let (body, trace) = (body.to_string(), trace.map(|trace| format!("traceparent: {trace}\r\n")).unwrap_or_default());
    let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nconnection: close\r\n{trace}");
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\"outcome\""), "{answer}");
}

/// Every span hangs on another one of the trace, or on the buyer.
fn assert_one_tree(spans: &[Value], buyer: TraceParent) {
    let text = |span: &Value, field: &str| span[field].as_str().unwrap().to_owned();
    let known: BTreeSet<String> = spans.iter().map(|span| text(span, "spanId")).chain([format!("{:016x}", buyer.span)]).collect();
    for span in spans {
        assert!(known.contains(&text(span, "parentSpanId")), "{span} hangs in the air");
    }
}

async fn story(edition: EditionName, order: (&str, Value), expected: &[&str]) {
    let spans = Spans::default();
    let collector = collector(Arc::clone(&spans)).await;
    let mut fleet = Fleet::new(edition, &["--stock", "0", "--factory-time", "100ms", "--factory-jitter", "0"]);
    fleet.tells("OTEL_EXPORTER_OTLP_ENDPOINT", &collector);
    let shop = fleet.start(&[], None).await;
    let trace = TraceParent { trace: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, span: 0xb7ad_6b71_6920_3331, sampled: true };
    let order = (order.0, &order.1);
    buy(shop.address("sales"), order, Some(trace)).await;

    let id = format!("{:032x}", trace.trace);
    let seen = || spans.lock().unwrap().get(&id).cloned().unwrap_or_default();
    let names = async || seen().iter().map(|span| span["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    let whole = |names: &BTreeSet<String>| expected.iter().all(|name| names.contains(*name));
    wait::until("every stage's span", SOON, names, whole).await;
    assert_one_tree(&seen(), trace);

    // An order that brought no trace gets one of its own, and one that is not to be recorded is not.
    buy(shop.address("sales"), order, Some(TraceParent { trace: 7, span: 7, sampled: false })).await;
    buy(shop.address("sales"), order, None).await;
    let traces = async || spans.lock().unwrap().keys().cloned().collect::<Vec<_>>();
    let traces = wait::until("another trace", SOON, traces, |traces| traces.len() > 1).await;
    assert!(!traces.contains(&format!("{:032x}", 7)), "{traces:?}");
    assert!(shop.end().await.success());
}

#[tokio::test]
async fn one_order_is_one_trace_through_every_stage_of_both_editions() {
    let donut = ("/checkout", json!({"MessageAttributeProductCnt": 2, "MessageAttributeFactoryId": "FF-500293", "requester": "kim"}));
    let calls = ["POST /checkout", "stock_empty", "sales_events", "stock_queue", "ad_queue", "operations_queue"];
    let back = ["order from the factory", "POST /api/manufactures", "POST /product/donut"];
    let item = ("/item", json!({"item_name": "Item2", "quantity": 2, "requester": "kim"}));
    let messages = ["POST /item", "order-topic", "sales_events", "order-queue", "ad_queue", "operations_queue"];
    let delivered = ["order from the factory", "POST /log", "delivery-queue"];
    let (donut_way, shop_way) = ([&calls[..], &back].concat(), [&messages[..], &delivered].concat());
    tokio::join!(story(EditionName::Donut, donut, &donut_way), story(EditionName::Shop, item, &shop_way));
}
