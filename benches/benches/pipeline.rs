//! How long an idle pipeline needs from a purchase that finds the stock empty until the goods are in stock: outbox, topic, queue, factory, callback,
//! stock. The factory's own time is taken off.

use std::process::Command;
use std::time::{Duration, Instant};

use benches::paired::Spread;
use benches::rows::{Row, Target, figure, leave};
use benches::stand::{Serving, workspace_folder};
use benches::wire::Wire;
use serde_json::Value;

/// What the factory takes for a production.
const FACTORY: Duration = Duration::from_millis(5);

/// Sell-outs that are measured, one after the other.
const SELL_OUTS: usize = 30;

/// No restock takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is in stock.
fn stock(wire: &mut Wire) -> i64 {
    let page: Value = serde_json::from_str(&wire.get("/product/donut").expect("the page is shown").body).expect("a page is JSON");
    page["stock"].as_i64().expect("a page shows the stock")
}

/// From asking for one piece more than there is until the stock rises, ms.
fn sell_out_ms(wire: &mut Wire) -> f64 {
    let before = stock(wire);
    let body = format!(r#"{{"MessageAttributeProductCnt":{},"MessageAttributeFactoryId":"FF-500293","requester":"bench"}}"#, before + 1);
    let began = Instant::now();
    let reply = wire.post("/checkout", "Content-Type: application/json\r\n", &body).expect("an answer");
    assert!(reply.body.contains("sold_out"), "{}", reply.body);
    while stock(wire) == before {
        assert!(began.elapsed() < PATIENCE, "no goods came within {PATIENCE:?}");
    }
    (began.elapsed() - FACTORY).as_secs_f64() * 1e3
}

fn main() {
    let folder = workspace_folder();
    let path = folder.path().to_str().expect("a workspace's path is text");
    let pipeline =
        Serving::start(Command::new(env!("CARGO_BIN_EXE_stand")).args(["pipeline", path, "5ms", "0", "2"])).expect("the pipeline starts");
    let ready: Value = serde_json::from_str(&pipeline.address).expect("it says where it listens");
    let mut wire = Wire::to(ready["addresses"]["sales"].as_str().expect("sales listens"));
    // Whatever is done for the first time is done once.
    sell_out_ms(&mut wire);
    let times = Spread::of((0..SELL_OUTS).map(|_| sell_out_ms(&mut wire)).collect());
    let detail = format!("{SELL_OUTS} sell-outs, one after the other, worst {} ms", figure(times.high));
    leave(
        "pipeline",
        &[Row::measured(
            "pipeline: purchase to restock, idle",
            "the factory's time taken off",
            (times, "ms"),
            Some(Target::AtMost(50.0)),
            detail,
        )],
    );
}
