//! Deliveries of the item shop's factory, by topic and queue.

use reference::domain::ProductId;
use reference::edition::{attribute, shop};
use reference::receiving::delivery::Deliveries;

use super::stage::{Stage, message, step_until_empty};
use crate::store_support::{refused, stock_of};

#[tokio::test]
async fn a_delivery_raises_the_stock_once_and_forged_ones_end_in_the_dead_letter_queue() {
    let stage = Stage::of(&shop::EDITION).await;
    let item = ProductId("2".into());
    let production = refused(&stage.store, &item, 5).await;
    let token = stage.store.production(production).await.unwrap().unwrap().token;
    let id = production.to_string();
    let delivery = |token: &str, pieces: &str| {
        let attributes = [
            (attribute::PRODUCTION_ID, id.as_str()),
            (attribute::DELIVERY_TOKEN, token),
            ("MessageAttributeItemId", "2"),
            ("MessageAttributeItemCnt", pieces),
        ];
        message("delivery-topic", &attributes)
    };
    let publisher = stage.publisher();
    for forged in [delivery("guessed", "6"), delivery(&token, "7"), delivery(&token, "-6"), message("delivery-topic", &[("x", "y")])] {
        publisher.publish(forged).await.unwrap();
    }
    for _ in 0..3 {
        publisher.publish(delivery(&token, "6")).await.unwrap();
    }
    let queue = stage.queue("delivery-queue");
    step_until_empty(&stage.consumer("delivery-queue", Deliveries::new(stage.store.clone())), &queue).await;
    assert_eq!(stock_of(&stage.store, &item).await, 2 + 6);
    assert_eq!(stage.queue("delivery-dlq").depth().await.unwrap().total(), 4);
}
