//! Every word of the catalogue, read from its own example: it fires on a tap that can do it, and nothing is left when it is healed.
//! What each does in detail is told by the tests of the taps.

use std::time::Duration;

use bytes::Bytes;
use chaos::decision::TapKind;
use chaos::faults::Faults;
use chaos::plan::{FAULTS, FaultWord, Plan};
use chaos::tap::{self, Hop, Limits, Tap, Upstream};
use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{Seen, Service, listener, post, within};

const LATE: Duration = Duration::from_secs(20);

/// Long enough that a fault which waits is met waiting, short enough to give up on a blackhole.
const PATIENCE: Duration = Duration::from_millis(200);

#[tokio::test]
async fn every_fault_fires_on_each_tap_that_can_do_it_and_heals() {
    for word in FAULTS {
        let comma = if word.parameters.is_empty() { "" } else { ", " };
        let text = format!("rule = [{{ name = \"it\", fault = \"{}\"{comma}{} }}]", word.word, word.parameters);
        for kind in [TapKind::Http, TapKind::Aws, TapKind::Tcp] {
            let mut plan = Plan::parse(word.word, &text).unwrap();
            // More than none at once is what two faults about crowds wait for.
            plan.rules[0].fault = nobody_borne(plan.rules[0].fault.clone());
            if plan.beyond(kind).next().is_none() && !(word.word.ends_with("-commit") && kind != TapKind::Tcp) {
                fires_and_heals(word, kind, plan).await;
            }
        }
    }
}

fn nobody_borne(fault: chaos::decision::Fault) -> chaos::decision::Fault {
    use chaos::decision::{Before, Fault};
    match fault {
        Fault::Before(Before::Limit { status, retry_after, .. }) => Fault::Before(Before::Limit { at_most: 0, status, retry_after }),
        Fault::Before(Before::Collapse { lasts, status, .. }) => Fault::Before(Before::Collapse { above: 0, lasts, status }),
        other => other,
    }
}

async fn fires_and_heals(word: &FaultWord, kind: TapKind, plan: Plan) {
    let service = Service::start(answer).await;
    let faults = Faults::new(7);
    let tap = start(kind, &service, faults.clone()).await;
    let guard = faults.install(plan.rules);
    // A fault that holds what it strikes is left alone with it; that healing ends it is what is to be shown.
    let traffic = tokio::spawn(traffic(kind, tap.address()));
    let mut records = guard.records();
    let began = tokio::time::Instant::now();
    while records[0].fired == 0 {
        assert!(began.elapsed() < LATE, "{} did not fire on {}", word.word, kind.name());
        tokio::time::sleep(Duration::from_millis(1)).await;
        records = guard.records();
    }
    drop(guard);
    within("the tap to heal", faults.heal(LATE)).await.unwrap_or_else(|error| panic!("{} on {}: {error}", word.word, kind.name()));
    within("the traffic to end", traffic).await.unwrap();
    within("the tap to stop", tap.stop(LATE)).await.unwrap_or_else(|error| panic!("{} on {}: {error}", word.word, kind.name()));
}

async fn start(kind: TapKind, service: &Service, faults: Faults) -> Tap {
    let (listener, upstream) = (listener().await, Upstream::from(service.address));
    let hop = Hop::new("hop", faults).within(Limits { idle: LATE, ..Limits::default() });
    let started = match kind {
        TapKind::Http => tap::http::start(listener, &upstream, hop),
        TapKind::Aws => tap::aws::start(listener, &upstream, hop),
        TapKind::Tcp => tap::tcp::start(listener, &upstream, hop),
    };
    started.unwrap()
}

fn answer(seen: &Seen) -> Response<Bytes> {
    let target = seen.headers.get("x-amz-target").map(|target| target.to_str().unwrap().to_owned()).unwrap_or_default();
    Response::new(Bytes::from_static(match target.as_str() {
        "AmazonSQS.ReceiveMessage" => b"{\"Messages\":[{\"Body\":\"b\",\"MessageId\":\"m\",\"ReceiptHandle\":\"r\"}]}",
        _ => b"{\"count\":5}",
    }))
}

/// Something of everything that faults of a tap can strike.
async fn traffic(kind: TapKind, address: std::net::SocketAddr) {
    let ask = async |headers: &str, body: &str| {
        let _ = tokio::time::timeout(PATIENCE, post(address, "/", headers, body)).await;
    };
    match kind {
        TapKind::Http => ask("", "{\"count\":5}").await,
        TapKind::Aws => {
            for (action, body) in
                [("SendMessage", "{\"MessageBody\":\"b\"}"), ("ReceiveMessage", "{}"), ("DeleteMessage", "{\"ReceiptHandle\":\"r\"}")]
            {
                ask(&format!("x-amz-target: AmazonSQS.{action}\r\n"), body).await;
            }
        }
        TapKind::Tcp => {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"\x07\0\0\0\x03COMMIT").await.unwrap();
            let _ = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 64])).await;
        }
    }
}
