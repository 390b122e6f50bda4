//! The relay: what was committed is published, whoever dies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reference::edition::{attribute, donut};
use reference::messaging::{Aws, AwsConfig};
use reference::operations::Operations;
use reference::relay::{Relay, RelaySettings, RelayStep};
use reference::store::{StoreOptions, WallClock};
use tokio_util::sync::CancellationToken;

use super::stage::{Stage, StandIn, eventually, step_until_empty};
use crate::store_support::{buy, donut_id};

const LEASE: Duration = Duration::from_secs(30);

async fn operations_recorded(stage: &Stage) -> usize {
    stage.store.audit().operations(0, 10_000).await.unwrap().len()
}

#[tokio::test]
async fn a_relay_that_died_before_marking_publishes_again_and_the_effect_is_one() {
    let now = Arc::new(AtomicI64::new(1_763_719_200_000_000));
    let clock = {
        let now = Arc::clone(&now);
        WallClock::from_fn(move || now.load(Ordering::SeqCst))
    };
    let stage = Stage::with(StoreOptions { clock, ..StoreOptions::new(&donut::EDITION) }, 3).await;
    buy(&stage.store, &donut_id(), 2).await;
    // What a relay does that dies between publishing and marking.
    let claimed = stage.store.claim_outbox(10, LEASE).await.unwrap();
    let messages = claimed.into_iter().map(|row| (row.id, row.message)).collect();
    assert!(stage.publisher().publish_batch(messages).await.iter().all(|(_, result)| result.is_ok()));
    let relay = Relay::new(stage.store.clone(), stage.publisher(), RelaySettings::default());
    assert!(matches!(relay.step().await, RelayStep::Idle), "the claim of the dead relay still holds");
    now.fetch_add(i64::try_from(LEASE.as_micros()).unwrap() + 1, Ordering::SeqCst);
    assert!(matches!(relay.step().await, RelayStep::Worked { published: 1, released: 0, held: 0 }));
    assert!(matches!(relay.step().await, RelayStep::Idle));

    let queue = stage.queue("operations_queue");
    assert_eq!(queue.depth().await.unwrap().visible, 2, "it was published twice");
    step_until_empty(&stage.consumer("operations_queue", Operations::new(stage.store.clone())), &queue).await;
    assert_eq!(operations_recorded(&stage).await, 1);
    assert_eq!(stage.queue("operations_dlq").depth().await.unwrap().total(), 0);
}

#[tokio::test]
async fn several_relays_empty_one_outbox_and_nothing_is_lost_or_doubled() {
    let stage = Stage::of(&donut::EDITION).await;
    let relays = [0, 1, 2]
        .map(|seed| Relay::new(stage.store.clone(), stage.publisher(), RelaySettings { claim: 7, seed, ..RelaySettings::default() }));
    let end = CancellationToken::new();
    let buyers = async {
        let product = donut_id();
        futures_util::future::join_all((0..90).map(|_| buy(&stage.store, &product, 1))).await;
        eventually("the outbox is empty", || async { stage.store.status().await.unwrap().outbox == 0 }).await;
        end.cancel();
    };
    tokio::join!(relays[0].run(end.clone()), relays[1].run(end.clone()), relays[2].run(end.clone()), buyers);
    let queue = stage.queue("operations_queue");
    assert_eq!(queue.depth().await.unwrap().total(), 90);
    step_until_empty(&stage.consumer("operations_queue", Operations::new(stage.store.clone())), &queue).await;
    assert_eq!(operations_recorded(&stage).await, 90);
}

#[tokio::test]
async fn a_topic_that_is_missing_holds_up_only_its_own_messages() {
    let stage = Stage::of(&donut::EDITION).await;
    let mut arns = stage.there.topic_arns.clone();
    arns.remove("stock_empty");
    buy(&stage.store, &donut_id(), 101).await;
    let relay = Relay::new(stage.store.clone(), stage.aws.publisher(arns), RelaySettings::default());
    assert!(matches!(relay.step().await, RelayStep::Worked { published: 1, released: 0, held: 1 }));
    assert_eq!(stage.store.status().await.unwrap().outbox, 1, "an unpublished message left the outbox");
}

#[tokio::test]
async fn nothing_leaves_the_outbox_while_the_topic_does_not_answer() {
    let stage = Stage::of(&donut::EDITION).await;
    let broken = StandIn::answering(&[(503, "")]).await;
    let away = Aws::new(&AwsConfig::local(&broken.address)).unwrap().publisher(stage.there.topic_arns.clone());
    buy(&stage.store, &donut_id(), 1).await;
    let failing = Relay::new(stage.store.clone(), away, RelaySettings::default());
    assert!(matches!(failing.step().await, RelayStep::Worked { published: 0, released: 1, held: 0 }));
    assert_eq!(stage.store.status().await.unwrap().outbox, 1);
    let healed = Relay::new(stage.store.clone(), stage.publisher(), RelaySettings::default());
    assert!(matches!(healed.step().await, RelayStep::Worked { published: 1, .. }), "a released claim can be had at once");
    assert_eq!(stage.store.status().await.unwrap().outbox, 0);
}

#[tokio::test]
async fn a_production_of_which_nothing_is_heard_is_requested_again() {
    let stage = Stage::of(&donut::EDITION).await;
    let production = buy(&stage.store, &donut_id(), 101).await.production_id.unwrap().to_string();
    let settings =
        RelaySettings { confirm_after: Duration::from_millis(50), confirm_every: Duration::from_millis(20), ..RelaySettings::default() };
    let relay = Relay::new(stage.store.clone(), stage.publisher(), settings);
    let (end, queue) = (CancellationToken::new(), stage.queue("stock_queue"));
    tokio::join!(relay.run(end.clone()), async {
        eventually("three requests are in the queue", || async { queue.depth().await.unwrap().total() >= 3 }).await;
        end.cancel();
    });
    let received = queue.receive(10, Duration::from_secs(1), Duration::from_secs(5)).await.unwrap();
    let mut events = BTreeMap::new();
    for message in received.iter().map(|message| message.open().unwrap()) {
        assert_eq!(message.text(attribute::PRODUCTION_ID).unwrap(), production);
        *events.entry(message.text(attribute::EVENT_ID).unwrap().to_owned()).or_insert(0) += 1;
    }
    assert!(events.len() >= 3 && events.values().all(|count| *count == 1), "each request is an event of its own: {events:?}");
}
