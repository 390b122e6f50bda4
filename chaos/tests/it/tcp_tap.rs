//! Every fault of a connection: it fires, does what it says, and heals.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos::decision::{After, Before, Delay, Fault, Pace, Rule};
use chaos::faults::Faults;
use chaos::plan::Plan;
use chaos::tap::{Hop, Tap, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::bench::{listener, within};

const LATE: Duration = Duration::from_secs(20);

/// Sends back what it gets, and remembers it.
struct Echo {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

async fn echo() -> Echo {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let memory = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let memory = Arc::clone(&memory);
            tokio::spawn(async move {
                let mut piece = [0; 1_024];
                while let Ok(length @ 1..) = stream.read(&mut piece).await {
                    memory.lock().unwrap().extend_from_slice(&piece[..length]);
                    if stream.write_all(&piece[..length]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    Echo { address, heard }
}

struct Bench {
    echo: Echo,
    tap: Tap,
    faults: Faults,
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Echo(Vec<u8>),
    Closed(Vec<u8>),
    Reset,
}

impl Bench {
    async fn new() -> Self {
        let echo = echo().await;
        let faults = Faults::new(7);
        let tap = chaos::tap::tcp::start(listener().await, &Upstream::from(echo.address), Hop::new("database", faults.clone())).unwrap();
        Self { echo, tap, faults }
    }

    async fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.tap.address()).await.unwrap();
        assert_eq!(say(&mut stream, b"before").await, Heard::Echo(b"before".to_vec()), "before any rule");
        stream
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.echo.heard.lock().unwrap()).into_owned()
    }

    /// On a connection that was opened before the fault; then a new one after healing.
    async fn struck_then_healed(&self, fault: Fault) -> (Heard, Duration) {
        let mut stream = self.connect().await;
        let guard = self.faults.install([Rule::new("it", fault)]);
        let began = Instant::now();
        let heard = say(&mut stream, b"struck").await;
        let took = began.elapsed();
        assert_eq!(guard.records()[0].fired, 1);
        drop(guard);
        // The connection is still open: it must not hold anything.
        within("the tap to heal", self.faults.heal(LATE)).await.unwrap();
        assert_eq!((self.faults.active_rules(), self.faults.held()), (0, 0));
        drop(stream);
        self.connect().await;
        (heard, took)
    }
}

async fn say(stream: &mut TcpStream, text: &[u8]) -> Heard {
    if stream.write_all(text).await.is_err() {
        return Heard::Reset;
    }
    let mut heard = vec![0; text.len()];
    let mut read = 0;
    while read < text.len() {
        match within("an echo", stream.read(&mut heard[read..])).await {
            Ok(0) => return Heard::Closed(heard[..read].to_vec()),
            Ok(length) => read += length,
            Err(_) => return Heard::Reset,
        }
    }
    Heard::Echo(heard)
}

#[tokio::test]
async fn a_reset_connection_forwards_nothing_of_the_piece() {
    let bench = Bench::new().await;
    let (heard, _) = bench.struck_then_healed(Fault::Before(Before::Refuse)).await;
    assert_eq!((heard, bench.heard().as_str()), (Heard::Reset, "beforebefore"));
}

#[tokio::test]
async fn a_cut_connection_ends_in_order_after_the_effect() {
    let bench = Bench::new().await;
    let (heard, _) = bench.struck_then_healed(Fault::After(After::Cut { bytes: 3 })).await;
    assert_eq!((heard, bench.heard().as_str()), (Heard::Closed(b"str".to_vec()), "beforestruckbefore"));
}

#[tokio::test]
async fn a_lost_answer_had_its_effect() {
    let bench = Bench::new().await;
    let (heard, _) = bench.struck_then_healed(Fault::After(After::Lose)).await;
    assert_eq!((heard, bench.heard().as_str()), (Heard::Reset, "beforestruckbefore"));
}

#[tokio::test]
async fn a_stalled_connection_goes_on() {
    let bench = Bench::new().await;
    let (heard, took) = bench.struck_then_healed(Fault::Wait(Delay::Fixed(Duration::from_millis(300)))).await;
    assert_eq!(heard, Heard::Echo(b"struck".to_vec()));
    assert!(Duration::from_millis(300) <= took && took < LATE, "{took:?}");
}

#[tokio::test]
async fn bandwidth_slows_both_directions() {
    let bench = Bench::new().await;
    // 6 bytes each way at 40 a second.
    let (heard, took) = bench.struck_then_healed(Fault::Pace(Pace::Bandwidth { bytes_per_second: 40 })).await;
    assert_eq!(heard, Heard::Echo(b"struck".to_vec()));
    assert!(Duration::from_millis(290) <= took && took < LATE, "{took:?}");
}

#[tokio::test]
async fn a_blackhole_swallows_a_connection_until_it_is_healed() {
    let bench = Bench::new().await;
    let mut stream = bench.connect().await;
    let guard = bench.faults.install([Rule::new("hole", Fault::Before(Before::Blackhole))]);
    let mut waiting = Box::pin(say(&mut stream, b"struck"));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    drop(guard);
    assert_eq!(within("the connection to end", waiting).await, Heard::Reset);
    bench.faults.heal(LATE).await.unwrap();
    assert_eq!(bench.heard(), "before");
    bench.connect().await;
}

fn query(sql: &str) -> Vec<u8> {
    [&[u8::try_from(sql.len() + 1).unwrap(), 0, 0, 0, 3], sql.as_bytes()].concat()
}

#[tokio::test]
async fn a_commit_is_reset_before_or_after_the_database_hears_of_it() {
    for (fault, database_heard_it) in [("reset-before-commit", false), ("reset-after-commit", true)] {
        let bench = Bench::new().await;
        let plan = Plan::parse("plan", &format!("rule = [{{ name = \"it\", fault = \"{fault}\" }}]")).unwrap();
        // MySQL packets only: the scanner follows the connection from its first byte.
        let mut stream = TcpStream::connect(bench.tap.address()).await.unwrap();
        let guard = bench.faults.install(plan.rules);
        let update = query("UPDATE items SET stock = 1");
        assert_eq!(say(&mut stream, &update).await, Heard::Echo(update), "anything else passes");
        assert_eq!(say(&mut stream, &query("COMMIT")).await, Heard::Reset);
        assert_eq!(bench.heard().contains("COMMIT"), database_heard_it);
        assert_eq!(guard.records()[0].fired, 1);
        drop(guard);
        let mut stream = TcpStream::connect(bench.tap.address()).await.unwrap();
        assert_eq!(say(&mut stream, &query("COMMIT")).await, Heard::Echo(query("COMMIT")));
    }
}
