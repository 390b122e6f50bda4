//! The consumer's promises, with handlers that are wrong, slow, or stopped.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use reference::consumer::{Appetite, Consumer, ConsumerSettings, Handled, Handler, Step, Tally};
use reference::edition::donut;
use reference::messaging::envelope::Incoming;
use reference::messaging::{Aws, AwsConfig};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::stage::{DEADLINE, Stage, StandIn, StoppedClock, brisk, envelope, eventually, send, step_until_empty};

const QUEUE: &str = "operations_queue";
const DLQ: &str = "operations_dlq";

/// Does with each message what its attribute `do` says, and remembers when.
#[derive(Default)]
struct Obedient {
    calls: Mutex<Vec<(String, Instant)>>,
}

impl Obedient {
    fn calls_of(&self, name: &str) -> Vec<Instant> {
        self.calls.lock().unwrap().iter().filter(|(n, _)| n == name).map(|(_, at)| *at).collect()
    }
}

impl Handler for Obedient {
    async fn handle(&self, message: &Incoming) -> Handled {
        let name = message.text("name").unwrap().to_owned();
        self.calls.lock().unwrap().push((name.clone(), Instant::now()));
        let calls = self.calls_of(&name).len();
        match message.text("do").unwrap() {
            "fail once" if calls == 1 => Handled::Retry { reason: "asked to".into() },
            "poison" => Handled::Poison { reason: "asked to".into() },
            "panic" => panic!("asked to"),
            "take 5 s" => {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Handled::Done
            }
            _ => Handled::Done,
        }
    }
}

fn order(name: &str, what: &str) -> String {
    envelope(&[("name", name), ("do", what)])
}

#[tokio::test]
async fn a_poison_message_does_not_take_its_batch_along() {
    let stage = Stage::of(&donut::EDITION).await;
    let (queue, dlq) = (stage.queue(QUEUE), stage.queue(DLQ));
    let bad = [order("poison", "poison"), order("panic", "panic"), "this is no envelope".to_owned()];
    for name in ["a", "b", "c", "d"] {
        send(&queue, &order(name, "work")).await;
    }
    for body in &bad {
        send(&queue, body).await;
    }
    let handler = Arc::new(Obedient::default());
    step_until_empty(&stage.consumer(QUEUE, Arc::clone(&handler)), &queue).await;
    for name in ["a", "b", "c", "d"] {
        assert_eq!(handler.calls_of(name).len(), 1, "{name} was handled more than once");
    }
    assert_eq!(handler.calls_of("poison").len(), 3, "poison is received as often as the redrive policy says");
    let mut captured: Vec<String> =
        dlq.receive(10, Duration::from_secs(1), Duration::from_secs(1)).await.unwrap().into_iter().map(|m| m.body).collect();
    captured.sort();
    let mut expected = bad.to_vec();
    expected.sort();
    assert_eq!(captured, expected);
}

#[tokio::test]
async fn a_handler_slower_than_the_visibility_timeout_gets_its_message_once() {
    let stage = Stage::of(&donut::EDITION).await;
    let queue = stage.queue(QUEUE);
    send(&queue, &order("slow", "take 5 s")).await;
    let handler = Arc::new(Obedient::default());
    // Three pollers: whatever became visible in between would be taken at once.
    let settings = ConsumerSettings { pollers: 3, visibility: Duration::from_secs(2), ..brisk() };
    let consumer = Consumer::new(queue.clone(), Arc::clone(&handler), settings);
    let (end, clock) = (CancellationToken::new(), StoppedClock::stop());
    let stopped_at = Instant::now();
    let time_passes = async {
        loop {
            // Between two looks at the queue a beat gets as far as a look does, and there are many looks to a beat.
            if queue.depth().await.unwrap().total() == 0 {
                end.cancel();
            }
            assert!(stopped_at.elapsed() < DEADLINE, "the queue is not empty, or the consumer did not stop");
            clock.pass(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = consumer.run(end.clone()) => {}
        () = time_passes => {}
    }
    assert_eq!(handler.calls_of("slow").len(), 1);
    assert_eq!(stage.queue(DLQ).depth().await.unwrap().total(), 0);
}

#[tokio::test]
async fn work_that_failed_comes_back_later_and_is_not_acknowledged() {
    let stage = Stage::of(&donut::EDITION).await;
    let queue = stage.queue(QUEUE);
    send(&queue, &order("flaky", "fail once")).await;
    let handler = Arc::new(Obedient::default());
    let consumer = stage.consumer(QUEUE, Arc::clone(&handler));
    let first = consumer.step(&CancellationToken::new()).await;
    assert_eq!(first, Step::Worked(Tally { retried: 1, ..Tally::default() }));
    assert_eq!(queue.depth().await.unwrap().total(), 1, "failed work was acknowledged");
    step_until_empty(&consumer, &queue).await;
    let calls = handler.calls_of("flaky");
    assert_eq!(calls.len(), 2);
    let apart = calls[1] - calls[0];
    assert!((Duration::from_millis(900)..Duration::from_millis(2500)).contains(&apart), "came back after {apart:?}");
}

/// Says when it has begun, and ends when it is told to.
#[derive(Default)]
struct Held {
    begun: AtomicUsize,
    go: Notify,
}

impl Handler for Held {
    async fn handle(&self, _: &Incoming) -> Handled {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.go.notified().await;
        Handled::Done
    }
}

#[tokio::test]
async fn a_shutdown_finishes_what_was_begun_and_gives_back_the_rest() {
    let stage = Stage::of(&donut::EDITION).await;
    let queue = stage.queue(QUEUE);
    for _ in 0..5 {
        send(&queue, &envelope(&[])).await;
    }
    let handler = Arc::new(Held::default());
    // Were they not given back, nobody would see them again within this test.
    let settings = ConsumerSettings { concurrency: 1, visibility: Duration::from_secs(300), ..brisk() };
    let consumer = Consumer::new(queue.clone(), Arc::clone(&handler), settings);
    let shutdown = CancellationToken::new();
    let (step, ()) = tokio::join!(consumer.step(&shutdown), async {
        eventually("the first message is being handled", || async { handler.begun.load(Ordering::SeqCst) == 1 }).await;
        shutdown.cancel();
        handler.go.notify_one();
    });
    assert_eq!(step, Step::Worked(Tally { done: 1, given_back: 4, ..Tally::default() }));
    assert_eq!(handler.begun.load(Ordering::SeqCst), 1, "something was begun after the shutdown");
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.visible, depth.in_flight), (4, 0), "{depth:?}");
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever_and_gives_back_what_it_interrupts() {
    let stage = Stage::of(&donut::EDITION).await;
    let queue = stage.queue(QUEUE);
    send(&queue, &envelope(&[])).await;
    let handler = Arc::new(Held::default());
    let settings = ConsumerSettings { drain: Duration::from_millis(200), visibility: Duration::from_secs(300), ..brisk() };
    let consumer = Consumer::new(queue.clone(), Arc::clone(&handler), settings);
    let shutdown = CancellationToken::new();
    let (stopped, cancelled_at) = tokio::join!(
        async {
            consumer.run(shutdown.clone()).await;
            Instant::now()
        },
        async {
            eventually("the message is being handled", || async { handler.begun.load(Ordering::SeqCst) == 1 }).await;
            shutdown.cancel();
            Instant::now()
        }
    );
    let took = stopped - cancelled_at;
    assert!((Duration::from_millis(200)..Duration::from_secs(3)).contains(&took), "stopping took {took:?}");
    assert_eq!(queue.depth().await.unwrap().visible, 1);
}

/// A queue with one message in it that never answers a heartbeat. Returns its address, and when heartbeats came.
async fn deaf_queue() -> (String, Arc<Mutex<Vec<Instant>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let beats = Arc::<Mutex<Vec<Instant>>>::default();
    let seen = Arc::clone(&beats);
    let answer = move |headers: HeaderMap| async move {
        match headers["x-amz-target"].to_str().unwrap() {
            "AmazonSQS.ReceiveMessage" => {
                serde_json::json!({ "Messages": [{ "MessageId": "m", "ReceiptHandle": "r", "Body": envelope(&[]) }] }).to_string()
            }
            "AmazonSQS.ChangeMessageVisibilityBatch" => {
                seen.lock().unwrap().push(Instant::now());
                std::future::pending().await
            }
            _ => serde_json::json!({ "Attributes": {} }).to_string(),
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (address, beats)
}

#[tokio::test]
async fn a_heartbeat_without_an_answer_does_not_hold_up_the_next_one() {
    let (address, beats) = deaf_queue().await;
    let queue = Aws::new(&AwsConfig::local(&address)).unwrap().queue("deaf", format!("{address}/000000000000/deaf"));
    let visibility = Duration::from_secs(2);
    let consumer = Consumer::new(queue.clone(), Held::default(), ConsumerSettings { visibility, ..brisk() });
    let clock = StoppedClock::stop();
    let stopped_at = Instant::now();
    let two_beats = async {
        while beats.lock().unwrap().len() < 2 {
            assert!(stopped_at.elapsed() < DEADLINE, "only {} heartbeats came", beats.lock().unwrap().len());
            queue.depth().await.unwrap();
            clock.pass(Duration::from_millis(50)).await;
        }
    };
    let never = CancellationToken::new();
    tokio::select! {
        step = consumer.step(&never) => panic!("nobody let the handler go, and yet: {step:?}"),
        () = two_beats => {}
    }
    let beats = beats.lock().unwrap();
    let apart = beats[1] - beats[0];
    assert!((visibility / 4..visibility / 2).contains(&apart), "the second heartbeat came {apart:?} after the first one");
}

/// Wants nothing.
struct Full;

impl Handler for Full {
    async fn handle(&self, _: &Incoming) -> Handled {
        unreachable!("it wants nothing")
    }

    fn appetite(&self) -> Appetite {
        Appetite::NothingBefore(Instant::now() + Duration::from_secs(3600))
    }
}

#[tokio::test]
async fn a_handler_that_wants_nothing_wears_out_no_receive_count() {
    let stage = Stage::of(&donut::EDITION).await;
    let queue = stage.queue(QUEUE);
    send(&queue, &envelope(&[])).await;
    let consumer = stage.consumer(QUEUE, Full);
    for _ in 0..5 {
        assert!(matches!(consumer.step(&CancellationToken::new()).await, Step::Paused { .. }));
    }
    let received = queue.receive(1, Duration::from_secs(1), Duration::from_secs(1)).await.unwrap();
    assert_eq!(received[0].receive_count, 1);
}

#[tokio::test]
async fn a_queue_that_fails_is_not_asked_in_a_hot_loop() {
    let broken = StandIn::answering(&[(500, "out of order")]).await;
    let aws = Aws::new(&AwsConfig::local(&broken.address)).unwrap();
    let queue = aws.queue("broken", format!("{}/000000000000/broken", broken.address));
    let consumer = Consumer::new(queue, Held::default(), ConsumerSettings { seed: 1, ..brisk() });
    let end = CancellationToken::new();
    tokio::join!(consumer.run(end.clone()), async {
        eventually("it was asked four times", || async { broken.calls().len() >= 4 }).await;
        end.cancel();
    });
    let calls = broken.calls();
    // Ceilings of 200, 400 and 800 ms: with this seed the first three pauses come to more than a tenth of their sum.
    let spread = calls[3].at - calls[0].at;
    assert!((Duration::from_millis(140)..DEADLINE).contains(&spread), "four receives within {spread:?}");
}

/// Depends on something that is away until it is back.
#[derive(Default)]
struct Dependent {
    back: AtomicBool,
    calls: AtomicUsize,
}

impl Handler for Dependent {
    async fn handle(&self, _: &Incoming) -> Handled {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.back.load(Ordering::SeqCst) {
            true => Handled::Done,
            false => Handled::Retry { reason: "it is away".into() },
        }
    }
}

#[tokio::test]
async fn an_outage_behind_the_handler_does_not_wear_out_a_whole_queue() {
    let stage = Stage::of(&donut::EDITION).await;
    let (queue, dlq) = (stage.queue(QUEUE), stage.queue(DLQ));
    for _ in 0..40 {
        send(&queue, &envelope(&[])).await;
    }
    let handler = Arc::new(Dependent::default());
    let (consumer, never) = (stage.consumer(QUEUE, Arc::clone(&handler)), CancellationToken::new());
    let failed = |retried| Step::Worked(Tally { retried, ..Tally::default() });
    assert_eq!(consumer.step(&never).await, failed(10));
    for _ in 0..5 {
        assert_eq!(consumer.step(&never).await, failed(1), "after a step in which all failed, one message is enough to see");
    }
    handler.back.store(true, Ordering::SeqCst);
    assert_eq!(consumer.step(&never).await, Step::Worked(Tally { done: 1, ..Tally::default() }));
    assert_eq!(consumer.step(&never).await, Step::Worked(Tally { done: 10, ..Tally::default() }));
    step_until_empty(&consumer, &queue).await;
    assert_eq!(dlq.depth().await.unwrap().total(), 0, "innocent messages died of the outage");
}

#[tokio::test]
async fn consumers_share_a_queue_without_doing_anything_twice() {
    let stage = Stage::of(&donut::EDITION).await;
    let queue = stage.queue(QUEUE);
    for n in 0..40 {
        send(&queue, &order(&n.to_string(), "work")).await;
    }
    let handler = Arc::new(Obedient::default());
    let (one, other) = (stage.consumer(QUEUE, Arc::clone(&handler)), stage.consumer(QUEUE, Arc::clone(&handler)));
    let end = CancellationToken::new();
    tokio::join!(one.run(end.clone()), other.run(end.clone()), async {
        eventually("the queue is empty", || async { queue.depth().await.unwrap().total() == 0 }).await;
        end.cancel();
    });
    assert!((0..40).all(|n| handler.calls_of(&n.to_string()).len() == 1));
}
