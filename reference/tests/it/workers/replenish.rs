//! Ordering from a factory that is slow, away, or in a bad mood.

use std::time::Duration;

use reference::consumer::{Consumer, Step, Tally};
use reference::domain::{ProductId, ProductionId};
use reference::edition::{attribute, donut, shop};
use reference::messaging::message::OutgoingMessage;
use reference::relay::{Relay, RelaySettings};
use reference::replenish::{Replenish, ReplenishSettings};
use reference::resilience::breaker::BreakerSettings;
use reference::store::StoreOptions;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::stage::{DEADLINE, Stage, StandIn, brisk, eventually, message, step_until_empty};
use crate::store_support::{buy, donut_id, refused};

fn settings(factory: &StandIn) -> ReplenishSettings {
    let breaker = BreakerSettings { failures_to_open: 2, open_for: Duration::from_millis(300), ..BreakerSettings::default() };
    ReplenishSettings { breaker, ..ReplenishSettings::new(&factory.address, Some("http://127.0.0.1:9/product/donut".into())) }
}

/// Gives a message back as soon as the factory is in trouble.
fn impatient(factory: &StandIn) -> ReplenishSettings {
    ReplenishSettings { patience: Duration::ZERO, ..settings(factory) }
}

fn replenish(stage: &Stage, settings: &ReplenishSettings) -> Consumer<Replenish> {
    let queue = stage.store.edition().stock_queue;
    stage.consumer(queue, Replenish::new(stage.store.clone(), settings).unwrap())
}

/// Publishes the outbox.
async fn publish(stage: &Stage) {
    let relay = Relay::new(stage.store.clone(), stage.publisher(), RelaySettings::default());
    relay.step().await;
    assert_eq!(stage.store.status().await.unwrap().outbox, 0);
}

async fn accepted(stage: &Stage, production: ProductionId) -> bool {
    stage.store.production(production).await.unwrap().unwrap().accepted_at.is_some()
}

#[tokio::test]
async fn the_factory_is_asked_for_what_is_missing_and_told_where_to_call_back() {
    let stage = Stage::of(&donut::EDITION).await;
    let factory = StandIn::answering(&[(200, "ok")]).await;
    let production = refused(&stage.store, &donut_id(), 105).await;
    publish(&stage).await;
    step_until_empty(&replenish(&stage, &settings(&factory)), &stage.queue("stock_queue")).await;
    let calls = factory.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].path.as_str(), calls[0].body["MessageAttributeProductCnt"].as_str()), ("/api/manufactures", Some("5")));
    let token = stage.store.production(production).await.unwrap().unwrap().token;
    let expected = format!("http://127.0.0.1:9/product/donut?production={production}&token={token}");
    assert_eq!(calls[0].body["CallbackUrl"], expected);
    assert!(accepted(&stage, production).await);
}

#[tokio::test]
async fn two_replenish_consumers_share_the_work_and_the_factory_gets_each_order_once() {
    let stage = Stage::of(&shop::EDITION).await;
    let factory = StandIn::thinking(Duration::from_millis(100), &[(200, "ok")]).await;
    for item in ["1", "2", "3"] {
        refused(&stage.store, &ProductId(item.into()), 10).await;
    }
    publish(&stage).await;
    let limited = ReplenishSettings { concurrency: 1, ..settings(&factory) };
    let (one, other) = (replenish(&stage, &limited), replenish(&stage, &limited));
    let (end, queue) = (CancellationToken::new(), stage.queue("order-queue"));
    tokio::join!(one.run(end.clone()), other.run(end.clone()), async {
        eventually("the queue is empty", || async { queue.depth().await.unwrap().total() == 0 }).await;
        end.cancel();
    });
    let mut items: Vec<i64> = factory.calls().iter().map(|call| call.body["item_id"].as_i64().unwrap()).collect();
    items.sort_unstable();
    assert_eq!(items, [1, 2, 3]);
    assert!(factory.most_at_once() <= 2, "{} calls at once, with a limit of one each", factory.most_at_once());
}

#[tokio::test]
async fn a_request_that_is_delivered_again_orders_nothing_again() {
    let stage = Stage::of(&shop::EDITION).await;
    let factory = StandIn::answering(&[(200, "ok")]).await;
    refused(&stage.store, &ProductId("2".into()), 10).await;
    let rows = stage.store.claim_outbox(10, Duration::from_secs(60)).await.unwrap();
    let request: OutgoingMessage = rows.into_iter().map(|row| row.message).find(|m| m.topic == "order-topic").unwrap();
    let (consumer, queue) = (replenish(&stage, &settings(&factory)), stage.queue("order-queue"));
    for _ in 0..3 {
        stage.publisher().publish(request.clone()).await.unwrap();
        step_until_empty(&consumer, &queue).await;
    }
    assert_eq!(factory.calls().len(), 1);
}

#[tokio::test]
async fn a_factory_in_trouble_is_asked_again_later_and_nothing_is_lost() {
    let stage = Stage::of(&donut::EDITION).await;
    let factory = StandIn::answering(&[(503, "busy"), (200, "ok")]).await;
    let production = refused(&stage.store, &donut_id(), 105).await;
    publish(&stage).await;
    let (consumer, queue) = (replenish(&stage, &impatient(&factory)), stage.queue("stock_queue"));
    let Step::Worked(tally) = consumer.step(&CancellationToken::new()).await else { panic!("nothing was received") };
    assert_eq!((tally.retried, tally.done), (1, 0));
    assert!(!accepted(&stage, production).await);
    step_until_empty(&consumer, &queue).await;
    assert!(accepted(&stage, production).await);
    assert_eq!(factory.calls().len(), 2);
}

#[tokio::test]
async fn a_short_outage_of_the_factory_costs_a_request_none_of_its_receives() {
    let stage = Stage::of(&donut::EDITION).await;
    let factory = StandIn::answering(&[(503, ""), (500, ""), (429, ""), (200, "ok")]).await;
    let production = refused(&stage.store, &donut_id(), 105).await;
    publish(&stage).await;
    let Step::Worked(tally) = replenish(&stage, &settings(&factory)).step(&CancellationToken::new()).await else { panic!("nothing came") };
    assert_eq!((tally.done, tally.retried), (1, 0));
    assert!(accepted(&stage, production).await);
    assert_eq!(factory.calls().len(), 4);
}

#[tokio::test]
async fn an_order_that_the_factory_will_never_take_ends_in_the_dead_letter_queue() {
    let stage = Stage::of(&donut::EDITION).await;
    let factory = StandIn::answering(&[(422, "no such thing")]).await;
    buy(&stage.store, &donut_id(), 105).await;
    publish(&stage).await;
    step_until_empty(&replenish(&stage, &settings(&factory)), &stage.queue("stock_queue")).await;
    assert_eq!(stage.queue("stock_dlq").depth().await.unwrap().total(), 1);
}

#[tokio::test]
async fn nothing_is_received_while_the_breaker_is_open_so_no_message_dies_of_an_outage() {
    const PROBES: usize = 2;
    const OPEN_FOR: Duration = Duration::from_millis(1500);
    // All probes may fall to the same message, which then needs one receive more. Were messages received while the breaker is open, each
    // would come up more often than that, about once a second.
    let stage = Stage::with(StoreOptions::new(&shop::EDITION), u32::try_from(PROBES).unwrap() + 1).await;
    let factory = StandIn::answering(&[(503, "")]).await;
    for item in ["1", "2", "3"] {
        refused(&stage.store, &ProductId(item.into()), 10).await;
    }
    publish(&stage).await;
    let breaker = BreakerSettings { failures_to_open: 1, open_for: OPEN_FOR, open_at_most: OPEN_FOR, ..BreakerSettings::default() };
    let handler = Replenish::new(stage.store.clone(), &ReplenishSettings { breaker, concurrency: 1, ..impatient(&factory) }).unwrap();
    let (dlq, queue) = (stage.queue("order-dlq"), stage.queue("order-queue"));
    let (consumer, never) = (Consumer::new(queue.clone(), handler, brisk()), CancellationToken::new());
    let deadline = Instant::now() + DEADLINE;
    while factory.calls().len() < PROBES {
        assert!(Instant::now() < deadline, "the factory was probed only {} times", factory.calls().len());
        let calls = factory.calls().len();
        match consumer.step(&never).await {
            Step::Paused { .. } => tokio::time::sleep(Duration::from_millis(20)).await,
            Step::Idle => {}
            step => {
                assert_eq!(step, Step::Worked(Tally { retried: 1, ..Tally::default() }));
                assert_eq!(factory.calls().len(), calls + 1, "a message was received and the factory not asked");
            }
        }
    }
    let calls = factory.calls();
    let apart = calls[1].at - calls[0].at;
    assert!((OPEN_FOR..DEADLINE).contains(&apart), "the factory was left alone for {apart:?}");
    factory.answer_now(&[(200, "ok")]);
    step_until_empty(&consumer, &queue).await;
    assert_eq!(dlq.depth().await.unwrap().total(), 0);
    assert_eq!(factory.calls().len() - PROBES, 3, "each item was ordered once after the outage");
}

#[tokio::test]
async fn requests_that_this_shop_never_made_end_in_the_dead_letter_queue() {
    let stage = Stage::of(&donut::EDITION).await;
    let factory = StandIn::answering(&[(200, "ok")]).await;
    let forged = ProductionId::new().to_string();
    let attributes = [
        (attribute::PRODUCTION_ID, forged.as_str()),
        ("MessageAttributeProductId", "CP-502101"),
        ("MessageAttributeProductCnt", "9"),
        ("MessageAttributeFactoryId", "FF-500293"),
        (attribute::REQUESTER, "nobody"),
    ];
    stage.publisher().publish(message("stock_empty", &attributes)).await.unwrap();
    stage.publisher().publish(message("stock_empty", &[("unrelated", "x")])).await.unwrap();
    step_until_empty(&replenish(&stage, &settings(&factory)), &stage.queue("stock_queue")).await;
    assert_eq!(stage.queue("stock_dlq").depth().await.unwrap().total(), 2);
    assert!(factory.calls().is_empty());
}
