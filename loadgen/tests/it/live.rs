//! A run that is watched, in a browser, from its beginning to its report; and what Prometheus and Grafana get.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use loadgen::live::metrics::METRICS;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testbed::Browser;
use tokio::net::TcpListener;

use crate::targets::first_contact;
use crate::targets::misbehaving::{shop, write_target};
use crate::whole_command::{Desk, PATIENCE, SHORT};

/// Where the page is, as the command says; and all that it says, once it ends: it is read meanwhile, so that the command never waits for a reader.
pub(crate) fn page_of(run: &mut Child) -> (String, JoinHandle<String>) {
    let said = BufReader::new(run.stderr.take().unwrap());
    let (found, page) = mpsc::channel();
    let all = std::thread::spawn(move || {
        let mut all = String::new();
        for line in said.lines().map_while(Result::ok) {
            if let Some((_, page)) = line.split_once("live page: ") {
                // Nobody waits for a second one.
                let _ = found.send(page.to_owned());
            }
            all.push_str(&line);
            all.push('\n');
        }
        all
    });
    (page.recv_timeout(PATIENCE).expect("the command says where its live page is"), all)
}

/// Names of spans by trace.
type Spans = Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>;

/// Stands in for a collector of OpenTelemetry; answers where it is.
async fn collector(spans: Spans) -> String {
    async fn take(State(spans): State<Spans>, body: axum::body::Bytes) -> axum::Json<serde_json::Value> {
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let all = |value: &serde_json::Value, field: &str| value[field].as_array().cloned().unwrap_or_default();
        for resource in all(&told, "resourceSpans") {
            for span in all(&resource, "scopeSpans").iter().flat_map(|scope| all(scope, "spans")) {
                let text = |field: &str| span[field].as_str().unwrap().to_owned();
                spans.lock().unwrap().entry(text("traceId")).or_default().insert(text("name"));
            }
        }
        axum::Json(serde_json::json!({}))
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1/traces", post(take)).with_state(spans)).await });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_watched_in_a_browser_until_its_verdict_and_its_report() {
    let desk = Desk::new(SHORT);
    let words = ["--scenario", "scenario.toml", "--seed", "7", "--out", "runs", "--live", "--live-linger"];
    let spans = Spans::default();
    let collector = collector(Arc::clone(&spans)).await;
    let mut run = desk.loadgen(&words).env("OTEL_EXPORTER_OTLP_ENDPOINT", collector).spawn().unwrap();
    let (page, _) = page_of(&mut run);
    let mut browser = Browser::start().await.unwrap();
    browser.open(&page).await.unwrap();
    browser.until("document.documentElement.dataset.ready").await.unwrap();
    browser.until("document.querySelector('#scenario').textContent === 'short · seed 7'").await.unwrap();
    // Every queue of the pipeline has its place in the picture, and every property its row.
    browser
        .until("['stock_queue', 'ad_queue', 'operations_queue'].every((name) => document.querySelector(`[data-node=\"queue:${name}\"]`))")
        .await
        .unwrap();
    assert_eq!(browser.value("document.querySelectorAll('#properties > li').length").await.unwrap(), 12);
    assert_eq!(browser.barriers().await.unwrap(), Vec::<String>::new());
    browser.click("#language").await.unwrap();
    browser
        .until("document.documentElement.lang === 'ko' && document.querySelector('#pipeline-title').textContent === '파이프라인'")
        .await
        .unwrap();
    browser.click(".picture + details summary").await.unwrap();
    browser.until("document.querySelectorAll('.picture + details tbody tr').length === 3").await.unwrap();

    browser.until("document.documentElement.dataset.over === 'true'").await.unwrap();
    // All of it, with the reasons: a run that did not pass says why.
    let outlook = browser.value("document.querySelector('#outlook').innerText").await.unwrap();
    assert!(outlook.as_str().unwrap().contains("PASS 합격"), "{outlook}");
    assert_eq!(browser.value("document.querySelectorAll('#properties > .holds').length").await.unwrap(), 12);
    assert_eq!(browser.value("document.querySelector('#evidence .missing')?.textContent ?? null").await.unwrap(), serde_json::Value::Null);
    assert!(browser.value("document.querySelectorAll('#curves canvas').length").await.unwrap() == 4);
    assert_eq!(browser.barriers().await.unwrap(), Vec::<String>::new());
    let exposition = browser.value("fetch('/metrics').then((answer) => answer.text())").await.unwrap();
    let exposition = exposition.as_str().unwrap();
    for (name, ..) in METRICS {
        assert!(exposition.contains(&format!("# TYPE {name} ")), "{name} is not told");
    }
    assert!(
        exposition.contains("rushproof_load_hop_requests_total{hop=\"factory\"") && exposition.contains("rushproof_load_restocks_total")
    );
    let (unanswered, asked) = testbed::dashboard::unanswered(exposition);
    assert!(unanswered.is_empty() && asked >= 12, "{asked} queries of the dashboard are about this run: {unanswered:#?}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    assert_eq!(browser.value("document.documentElement.dataset.errors ?? null").await.unwrap(), serde_json::Value::Null);

    browser.click("#report a").await.unwrap();
    browser.until("location.pathname === '/report' && document.documentElement.dataset.ready && document.querySelector('h1').textContent === 'PASS'").await.unwrap();
    assert_eq!(browser.value("document.documentElement.dataset.errors ?? null").await.unwrap(), serde_json::Value::Null);

    // Everything has ended but the page, so every span is there: an order's buyer, its stages, and the message about it, in one trace.
    let whole = ["buyer: POST /checkout", "POST /checkout", "sales_events", "operations_queue"];
    let traced = |names: &BTreeSet<String>| whole.iter().all(|name| names.contains(*name));
    let traces = spans.lock().unwrap().clone();
    assert!(traces.values().filter(|names| traced(names)).count() >= 10, "{traces:?}");

    kill(Pid::from_raw(i32::try_from(run.id()).unwrap()), Signal::SIGINT).unwrap();
    let mut told = String::new();
    run.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0), "{told}");
}

/// Would say so on the page, if any of it ran there.
const SCRIPT: &str =
    "</p><script>document.documentElement.dataset.pwned='1'</script><img src=x onerror=\"document.documentElement.dataset.pwned='2'\">";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_scenario_and_a_target_call_things_is_text_on_the_live_page_and_nothing_of_it_runs() {
    let hostile_stage = format!("name = '''{SCRIPT}'''\nduration = \"10m\"");
    let desk = Desk::new(&first_contact("").replace("name = \"opening\"\nduration = \"2s\"", &hostile_stage));
    let file = write_target(&desk, &shop("self.say(b'{\"result\": \"sorry\"}')", ""), "");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("id = \"rye\"", &format!("id = '''{SCRIPT}'''")).replace("name = \"odd\"", &format!("name = '''{SCRIPT}'''"));
    std::fs::write(&file, text).unwrap();
    let mut browser = Browser::start().await.unwrap();
    let words = ["--target", &file, "--scenario", "scenario.toml", "--out", "runs", "--live"];
    let mut run = desk.loadgen(&words).spawn().unwrap();
    let (page, _) = page_of(&mut run);
    browser.open(&page).await.unwrap();
    // It was told, and stands there as what it is.
    browser.until("document.querySelector('#detail').textContent.includes(\"dataset.pwned='1'\")").await.unwrap();
    for what in ["document.documentElement.dataset.pwned", "document.documentElement.dataset.errors", "document.querySelector('img')"] {
        assert_eq!(browser.value(&format!("{what} ?? null")).await.unwrap(), serde_json::Value::Null, "{what}");
    }
    kill(Pid::from_raw(i32::try_from(run.id()).unwrap()), Signal::SIGINT).unwrap();
    run.wait_with_output().unwrap();
}

#[test]
fn every_number_on_the_dashboard_is_told_by_somebody() {
    let queries = testbed::dashboard::queries();
    assert!(queries.len() >= 10, "the dashboard asks for something");
    let described: Vec<String> = METRICS.iter().map(|(name, ..)| (*name).to_owned()).chain(pipeline_metrics()).collect();
    for query in &queries {
        assert!(!query.metrics().is_empty(), "{} asks for nothing of ours", query.expression);
        for name in query.metrics() {
            assert!(described.contains(&name), "{name} in {} is told by nobody", query.expression);
        }
    }
}

/// What the pipeline itself tells, as it describes it.
fn pipeline_metrics() -> impl Iterator<Item = String> {
    reference::telemetry::metrics::METRICS.iter().map(|(_, name, _)| (*name).to_owned())
}
