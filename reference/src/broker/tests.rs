//! Brokers with a folder: what comes back after the process is gone, and how the journal stays small.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::Write,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{
    queue::{
        receive::{Receive, Received},
        send::Draft,
        settings::Settings,
    },
    *,
};

/// Bytes of a segment in these tests: small, so that there are many.
const SEGMENT_BYTES: u64 = 16 * 1024;

fn open(folder: &Path) -> Broker {
    open_with(folder, SEGMENT_BYTES)
}

fn open_with(folder: &Path, segment_bytes: u64) -> Broker {
    let limits = BrokerLimits { segment_bytes, ..BrokerLimits::default() };
    Broker::open(BrokerOptions { folder: Some(folder.to_owned()), limits, ..BrokerOptions::default() }).unwrap()
}

fn make_queue(broker: &Broker, name: &str, attributes: &[(&str, &str)]) -> Arc<Queue> {
    let given = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = Settings::of_new_queue(name, given).unwrap();
    let (queue, _) = broker.world.add_queue(name, settings, BTreeMap::new()).unwrap();
    broker.world.save_catalogue().unwrap();
    queue
}

fn send(queue: &Queue, body: &str) {
    queue.send(Draft { body: body.to_owned(), ..Draft::default() }).unwrap();
}

async fn take(broker: &Broker, queue: &Arc<Queue>, visibility_timeout: Duration) -> Vec<Received> {
    let request = Receive { max_messages: 10, visibility_timeout: Some(visibility_timeout), wait: Some(Duration::ZERO) };
    let find = |name: &str| broker.world.queue(name);
    queue.receive(&request, &find, &CancellationToken::new()).await.unwrap()
}

fn counts(queue: &Queue) -> (usize, usize, usize) {
    let counts = queue.overview().counts;
    (counts.visible, counts.in_flight, counts.delayed)
}

/// How long the journal is. A look that changes nothing, and that a segment which goes meanwhile does not disturb: the broker may be running.
fn journal_bytes(folder: &Path) -> u64 {
    let of_journal = |entry: &fs::DirEntry| entry.file_name().to_str().is_some_and(|name| name.starts_with("messages-"));
    let entries = fs::read_dir(folder).unwrap().filter_map(Result::ok).filter(of_journal);
    entries.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}

#[tokio::test]
async fn messages_come_back_as_they_stood() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let queue = make_queue(&broker, "orders", &[("VisibilityTimeout", "7")]);
    for body in ["deleted", "held", "waiting"] {
        send(&queue, body);
    }
    queue.send(Draft { body: "delayed".to_owned(), delay_seconds: Some(600), ..Draft::default() }).unwrap();
    let held = take(&broker, &queue, Duration::from_secs(600)).await;
    queue.delete(&held[0].receipt_handle).unwrap();
    queue.change_visibility(&held[2].receipt_handle, Duration::ZERO).unwrap();
    broker.world.flush().unwrap();
    drop((queue, broker));

    let broker = open(folder.path());
    let queue = broker.world.queue("orders").unwrap();
    assert_eq!(counts(&queue), (1, 1, 1));
    assert_eq!(queue.overview().settings.visibility_timeout, Duration::from_secs(7));
    let again = take(&broker, &queue, Duration::from_secs(600)).await;
    assert_eq!((&*again[0].payload.body, again[0].receive_count), ("waiting", 2), "receive counts are kept");
    queue.delete(&held[1].receipt_handle).unwrap();
    assert_eq!(counts(&queue), (0, 1, 1), "a handle from before the restart still deletes");
}

#[tokio::test]
async fn what_was_in_flight_is_visible_again_no_later_than_its_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let queue = make_queue(&broker, "orders", &[]);
    send(&queue, "a");
    take(&broker, &queue, Duration::from_secs(1)).await;
    let start = Instant::now();
    broker.world.flush().unwrap();
    drop((queue, broker));
    let broker = open(folder.path());
    let queue = broker.world.queue("orders").unwrap();
    let request = Receive { max_messages: 1, visibility_timeout: None, wait: Some(Duration::from_secs(20)) };
    let received = queue.receive(&request, &|_| None, &CancellationToken::new()).await.unwrap();
    assert_eq!(received[0].receive_count, 2);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(900) && waited < Duration::from_secs(10), "{waited:?}");
}

#[tokio::test]
async fn topics_subscriptions_and_queue_ids_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let first = make_queue(&broker, "first", &[]).id;
    let call = sns::SnsCall { world: &broker.world, host: "localhost" };
    for form in [
        "Action=CreateTopic&Name=stock_empty&Attributes.entry.1.key=DisplayName&Attributes.entry.1.value=Stock",
        "Action=Subscribe&TopicArn=arn:aws:sns:us-east-1:000000000000:stock_empty&Protocol=sqs\
         &Endpoint=arn:aws:sqs:us-east-1:000000000000:first&Attributes.entry.1.key=RawMessageDelivery&Attributes.entry.1.value=true",
    ] {
        assert!(sns::handle(call, &sns::Params::parse(form.as_bytes())).status().is_success());
    }
    drop(broker);
    let broker = open(folder.path());
    let call = sns::SnsCall { world: &broker.world, host: "localhost" };
    let publish = "Action=Publish&TopicArn=arn:aws:sns:us-east-1:000000000000:stock_empty&Message=raw";
    assert!(sns::handle(call, &sns::Params::parse(publish.as_bytes())).status().is_success());
    let queue = broker.world.queue("first").unwrap();
    assert_eq!(&*take(&broker, &queue, Duration::ZERO).await[0].payload.body, "raw");
    assert!(make_queue(&broker, "second", &[]).id > first, "an id is never given twice");
}

#[tokio::test]
async fn a_torn_end_is_left_out_and_everything_before_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let queue = make_queue(&broker, "orders", &[]);
    for body in ["a", "b", "c"] {
        send(&queue, body);
    }
    broker.world.flush().unwrap();
    drop((queue, broker));
    let (last, length) = segments(folder.path()).unwrap().into_iter().next_back().unwrap();
    let file = OpenOptions::new().write(true).open(journal::segment_path(folder.path(), last)).unwrap();
    file.set_len(length - 3).unwrap();
    let broker = open(folder.path());
    assert_eq!(counts(&broker.world.queue("orders").unwrap()), (2, 0, 0));
    send(&broker.world.queue("orders").unwrap(), "d");
    broker.world.flush().unwrap();
    drop(broker);
    let broker = open(folder.path());
    assert_eq!(counts(&broker.world.queue("orders").unwrap()), (3, 0, 0), "what was written after the torn end is kept, too");
}

#[tokio::test]
async fn a_move_that_was_cut_in_the_middle_leaves_the_message_in_one_queue() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    make_queue(&broker, "dead", &[]);
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let queue = make_queue(&broker, "orders", &[("RedrivePolicy", policy)]);
    send(&queue, "poison");
    assert_eq!(take(&broker, &queue, Duration::ZERO).await.len(), 1);
    assert!(take(&broker, &queue, Duration::ZERO).await.is_empty());
    broker.world.flush().unwrap();
    drop((queue, broker));
    // The last record says that the message is gone from its old queue; the one before, that it is in the new one.
    let (last, length) = segments(folder.path()).unwrap().into_iter().next_back().unwrap();
    let file = OpenOptions::new().write(true).open(journal::segment_path(folder.path(), last)).unwrap();
    file.set_len(length - 1).unwrap();
    let broker = open(folder.path());
    assert_eq!(counts(&broker.world.queue("orders").unwrap()), (0, 0, 0));
    assert_eq!(counts(&broker.world.queue("dead").unwrap()), (1, 0, 0));
}

#[tokio::test]
async fn garbage_is_collected_while_what_lives_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let (kept, busy) = (make_queue(&broker, "kept", &[]), make_queue(&broker, "busy", &[]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn({
        let (broker, shutdown) = (broker.clone(), shutdown.clone());
        async move { broker.serve(listener, shutdown).await }
    });
    for number in 0..20 {
        send(&kept, &number.to_string());
    }
    let held = take(&broker, &kept, Duration::from_secs(600)).await;
    let mut written = 0;
    let deadline = Instant::now() + Duration::from_secs(60);
    // Each round writes more than 5,000 bytes. Garbage grows until the collector, which has a thread of its own, has removed the segment in which
    // the kept messages were written first, and has caught up.
    let caught_up = |written: u64| !journal::segment_path(folder.path(), 1).exists() && journal_bytes(folder.path()) < written * 5_000;
    while written < 100 || !caught_up(written) {
        assert!(
            Instant::now() < deadline,
            "the collector has not caught up after {written} rounds: {} bytes",
            journal_bytes(folder.path())
        );
        for _ in 0..10 {
            send(&busy, &"x".repeat(500));
        }
        broker.world.flush().unwrap();
        for received in take(&broker, &busy, Duration::from_secs(60)).await {
            busy.delete(&received.receipt_handle).unwrap();
        }
        broker.world.flush().unwrap();
        written += 1;
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    serving.await.unwrap().unwrap();
    drop((kept, busy, broker));
    let broker = open(folder.path());
    let kept = broker.world.queue("kept").unwrap();
    assert_eq!(counts(&kept), (10, 10, 0));
    kept.delete(&held[0].receipt_handle).unwrap();
    assert_eq!(counts(&kept), (10, 9, 0));
    assert_eq!(counts(&broker.world.queue("busy").unwrap()), (0, 0, 0));
}

/// What happens to a queue between two restarts.
#[derive(Debug, Clone)]
enum Step {
    Send,
    /// Receive up to so many; they stay in flight.
    Take(usize),
    /// Delete one of those in flight.
    Delete(usize),
    /// Give one of those in flight back.
    GiveBack(usize),
    Purge,
    Collect,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => Just(Step::Send),
        8 => (1..=10usize).prop_map(Step::Take),
        4 => any::<usize>().prop_map(Step::Delete),
        5 => any::<usize>().prop_map(Step::GiveBack),
        1 => Just(Step::Purge),
        6 => Just(Step::Collect),
        2 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..400)
}

/// Plays the steps beside a plain set of the messages that must exist.
async fn play(folder: &Path, steps: Vec<Step>) {
    let mut broker = open_with(folder, 400);
    let mut queue = make_queue(&broker, "orders", &[]);
    let (mut alive, mut held, mut next) = (BTreeSet::new(), Vec::new(), 0);
    for step in steps.into_iter().chain([Step::Restart]) {
        match step {
            Step::Send => {
                let body = format!("{next}-{}", "x".repeat(next % 90));
                send(&queue, &body);
                alive.insert(body);
                next += 1;
            }
            Step::Take(count) => {
                let request = Receive { max_messages: count, visibility_timeout: None, wait: Some(Duration::ZERO) };
                held.extend(queue.receive(&request, &|_| None, &CancellationToken::new()).await.unwrap());
            }
            Step::Delete(at) if !held.is_empty() => {
                let received = held.swap_remove(at % held.len());
                queue.delete(&received.receipt_handle).unwrap();
                alive.remove(&*received.payload.body);
            }
            Step::GiveBack(at) if !held.is_empty() => {
                let received = held.swap_remove(at % held.len());
                queue.change_visibility(&received.receipt_handle, Duration::ZERO).unwrap();
            }
            Step::Delete(_) | Step::GiveBack(_) => {}
            Step::Purge => {
                queue.purge();
                alive.clear();
                held.clear();
            }
            Step::Collect => {
                let journal = broker.world.journal.clone().unwrap();
                let stop = CancellationToken::new();
                journal.collect(&stop, |segment, told| queue.keep(segment, told)).unwrap();
            }
            Step::Restart => {
                broker.world.flush().unwrap();
                drop((queue, broker));
                broker = open_with(folder, 400);
                queue = broker.world.queue("orders").unwrap();
                assert_eq!(counts(&queue), (alive.len() - held.len(), held.len(), 0));
            }
        }
        broker.world.flush().unwrap();
    }
    for received in held {
        queue.change_visibility(&received.receipt_handle, Duration::ZERO).unwrap();
    }
    let mut found = BTreeSet::new();
    while counts(&queue).0 > 0 {
        found.extend(take(&broker, &queue, Duration::from_secs(600)).await.iter().map(|received| received.payload.body.to_string()));
    }
    assert_eq!(found, alive);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_between_restarts_the_same_messages_exist(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(folder.path(), steps));
    }
}

#[tokio::test]
async fn deduplication_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let message =
        || Draft { body: "x".to_owned(), group: Some("g".to_owned()), deduplication_id: Some("once".to_owned()), ..Draft::default() };
    let broker = open(folder.path());
    let first = make_queue(&broker, "orders.fifo", &[("FifoQueue", "true")]).send(message()).unwrap();
    broker.world.flush().unwrap();
    drop(broker);
    let broker = open(folder.path());
    let queue = broker.world.queue("orders.fifo").unwrap();
    assert_eq!(queue.send(message()).unwrap().message_id, first.message_id);
    let later = queue.send(Draft { deduplication_id: Some("other".to_owned()), ..message() }).unwrap();
    assert!(later.sequence > first.sequence);
    assert_eq!(counts(&queue), (2, 0, 0));
}

#[test]
fn a_folder_belongs_to_one_broker_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let broker = open(folder.path());
    let options = BrokerOptions { folder: Some(folder.path().to_owned()), ..BrokerOptions::default() };
    assert!(matches!(Broker::open(options), Err(BrokerError::InUse(_))));
    drop(broker);
    open(folder.path());
}

#[test]
fn foreign_files_and_wrong_options_are_refused_with_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let options = BrokerOptions { folder: Some(folder.path().to_owned()), ..BrokerOptions::default() };
    fs::write(folder.path().join("catalogue.json"), "{}").unwrap();
    assert!(Broker::open(options.clone()).unwrap_err().to_string().contains("catalogue.json"));
    fs::remove_file(folder.path().join("catalogue.json")).unwrap();
    fs::File::create(journal::segment_path(folder.path(), 1)).unwrap().write_all(b"something else").unwrap();
    assert!(Broker::open(options).unwrap_err().to_string().contains("messages-00000001.journal"));
    let unruly = Unruly { reorder_share: 1.5, ..Unruly::default() };
    let refusal = Broker::open(BrokerOptions { unruly, ..BrokerOptions::default() }).unwrap_err();
    assert!(refusal.to_string().contains("reorder_share"), "{refusal}");
}
