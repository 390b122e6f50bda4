//! The truth of percentiles at the highest rate that the generator claims: a server stalls for a second in ten, and p50, p99 and p99.9 as a run would show
//! them are compared with an exact computation of an open model for the same arrivals. The generator runs as it does in a run, everything recorded.

use std::sync::{Arc, Mutex};
use std::thread;

use axum::Router;
use axum::routing::post;
use benches::generator::{play, scenario};
use benches::paired::Spread;
use benches::rows::{Row, Target, figure, leave};
use hdrhistogram::Histogram;
use loadgen::history::{HistoryReader, RunClock};
use loadgen::plan::Plan;
use loadgen::report::series::Builder;
use loadgen::result::latency::histogram;
use loadgen::verify::expectations::Arrivals;
use testbed::stalls::Stalls;
use tokio_util::sync::CancellationToken;

/// Requests a second. During a stall each needs a connection of its own, of which the generator opens 8,192 at most.
const RATE: u32 = 5_000;

/// Two stalls.
const SECONDS: u32 = 20;

/// Odd, so that one of them is the median.
const ROUNDS: u64 = 3;

/// Of p50 two per cent are 4 ms: less than the stall, more than a free machine adds.
const STALLS: Stalls = Stalls { period: 10_000_000, begins: 4_000_000, lasts: 1_000_000, service: 200_000 };

/// What one round found.
struct Round {
    /// How far the reported p50, p99 and p99.9 are from the exact ones, per cent.
    off: [f64; 3],
    /// How late the generator sent, and the server answered, at the 99th percentile, µs.
    late: [u64; 2],
}

/// The stalling server on threads of its own, on the run's clock. It notes how much later than it meant to it was ready to answer.
fn serve(clock: RunClock, own_delay: &Arc<Mutex<Histogram<u64>>>, stop: &CancellationToken) -> String {
    let (own_delay, stop) = (Arc::clone(own_delay), stop.clone());
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let checkout = move || {
            let own_delay = Arc::clone(&own_delay);
            async move {
                let wanted = STALLS.answered(clock.now());
                tokio::time::sleep_until(clock.instant(wanted)).await;
                own_delay.lock().expect("nobody panics with it").record(clock.now() - wanted).expect("a delay is no longer than an hour");
                r#"{"message":"구매 완료! 남은 재고: 1","outcome":"sold"}"#
            }
        };
        let routes = Router::new().route("/checkout", post(checkout));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads are to be had");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            tell.send(listener.local_addr().expect("it is bound")).expect("somebody waits for it");
            tokio::select! {
                served = async { axum::serve(listener, routes).await } => served.expect("axum serves until it is dropped"),
                () = stop.cancelled() => (),
            }
        });
    });
    format!("http://{}", told.recv().expect("the server starts"))
}

fn round(seed: u64) -> Round {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let path = folder.path().join("history.jsonl.zst");
    let clock = RunClock::start();
    let own_delay = Arc::new(Mutex::new(histogram()));
    let stop = CancellationToken::new();
    let address = serve(clock, &own_delay, &stop);
    let plan = Plan::derive(&scenario(RATE, SECONDS), seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime is to be had");
    let (report, _) = runtime.block_on(play(&plan, &address, clock, &path)).expect("the load runs");
    stop.cancel();

    let mut series = Builder::new(None, Arrivals::Open);
    for line in HistoryReader::open(&path).expect("it was just written") {
        series.line(&line.expect("it was just written"));
    }
    let times = series.finish().histograms;
    let mut exact = histogram();
    for arrival in plan.arrivals() {
        let intended = report.began + arrival.at;
        exact.record(STALLS.answered(intended) - intended).expect("no latency is longer than a stall and a service");
    }
    let measured = times.intended.purchases();
    assert_eq!(measured.len(), exact.len(), "every arrival was served");
    let off = [0.5, 0.99, 0.999].map(|quantile| {
        let (measured, exact) = (measured.value_at_quantile(quantile) as f64, exact.value_at_quantile(quantile) as f64);
        (measured / exact - 1.0).abs() * 100.0
    });
    let own_delay = own_delay.lock().expect("nobody panics with it").value_at_quantile(0.99);
    Round { off, late: [times.lateness.value_at_quantile(0.99), own_delay] }
}

fn main() {
    let rounds: Vec<Round> = (1..=ROUNDS).map(round).collect();
    let rows = [("p50", 0), ("p99", 1), ("p99.9", 2)].map(|(name, place)| {
        let off = Spread::of(rounds.iter().map(|round| round.off[place]).collect());
        let late = |whose: usize| figure(Spread::of(rounds.iter().map(|round| round.late[whose] as f64 / 1e3).collect()).median);
        let detail = format!("p99 of lateness: generator {} ms, server {} ms", late(0), late(1));
        let what = format!("generator: {name} under stalls, {RATE} requests a second");
        Row::measured(&what, "an exact open model", (off, "% off"), Some(Target::AtMost(2.0)), detail)
    });
    leave("stalls", &rows);
}
