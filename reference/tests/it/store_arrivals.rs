//! Arrivals and productions: each applied once, each promise kept, each episode told.

use std::time::Duration;

use reference::domain::{MAX_QUANTITY, ProductId, ProductionId};
use reference::edition::{donut, shop};
use reference::store::{Applied, Arrival, ArrivalError, ProductionState, StoreOptions};

use crate::store_support::{
    Database, Hands, arrival, buy, donut_id, donuts, drain_outbox, items, on_every_database, open_with, refused, requests, stock_of,
};

on_every_database!(
    an_arrival_raises_the_stock_once_however_often_it_comes,
    an_arrival_without_the_token_or_for_a_production_nobody_asked_for_is_refused,
    an_arrival_of_another_product_is_refused,
    an_arrival_of_more_than_was_asked_for_is_refused,
    what_gathered_is_requested_when_the_requested_one_arrives,
    a_short_delivery_is_applied_and_the_rest_is_requested,
    a_short_delivery_adds_its_rest_to_what_gathers,
    the_item_shop_is_content_with_what_covers_the_shortage,
    a_production_that_is_full_waits_its_turn_and_everyone_stays_covered,
    the_first_refusal_after_a_restock_begins_an_episode_and_says_so_again,
    an_unconfirmed_production_is_requested_again_with_growing_distance,
    an_accepted_production_gets_its_time_before_it_is_requested_again,
    an_arrived_production_is_never_requested_again,
    goods_prove_that_the_factory_took_the_order_even_if_its_answer_was_lost,
);

const ONE: &str = "CP-502101#1";
const TWO: &str = "CP-502101#2";

async fn an_arrival_raises_the_stock_once_however_often_it_comes(database: &impl Database) {
    let store = donuts(database, 2).await;
    let production = refused(&store, &donut_id(), 5).await;
    let first = store.apply_arrival(arrival(&store, production, 3).await).await.expect("applied");
    assert_eq!(first, Applied { stock: 5, first_time: true });
    let mut again = Vec::new();
    for _ in 0..8 {
        again.push(store.apply_arrival(arrival(&store, production, 3).await));
    }
    for answer in futures_util::future::join_all(again).await {
        assert_eq!(answer.expect("answered like the first"), Applied { stock: 5, first_time: false });
    }
    assert_eq!(stock_of(&store, &donut_id()).await, 5);
    assert_eq!(store.audit().restocks(0, 10).await.expect("restocks").len(), 1);
    let receipts = store.audit().receipts(0, 10).await.expect("receipts");
    let receipts: Vec<(&str, &str)> = receipts.iter().map(|receipt| (receipt.consumer.as_str(), receipt.id.as_str())).collect();
    let id = production.to_string();
    assert_eq!(receipts, [("receiving", id.as_str()), ("replenish", id.as_str())]);
    assert_eq!(store.production(production).await.expect("readable").expect("it").state, ProductionState::Applied);
}

async fn an_arrival_without_the_token_or_for_a_production_nobody_asked_for_is_refused(database: &impl Database) {
    let store = donuts(database, 0).await;
    let requested = refused(&store, &donut_id(), 5).await;
    let gathering = refused(&store, &donut_id(), 5).await;
    let forged = Arrival { token: "0".repeat(64), ..arrival(&store, requested, 5).await };
    assert!(matches!(store.apply_arrival(forged).await, Err(ArrivalError::WrongToken(_))));
    let others = Arrival { token: arrival(&store, gathering, 5).await.token, ..arrival(&store, requested, 5).await };
    assert!(matches!(store.apply_arrival(others).await, Err(ArrivalError::WrongToken(_))), "a token serves one production only");
    let early = arrival(&store, gathering, 5).await;
    assert!(matches!(store.apply_arrival(early).await, Err(ArrivalError::UnknownProduction(_))));
    let unknown = Arrival { production: ProductionId::new(), ..arrival(&store, requested, 5).await };
    assert!(matches!(store.apply_arrival(unknown).await, Err(ArrivalError::UnknownProduction(_))));
    assert_eq!(stock_of(&store, &donut_id()).await, 0);
}

async fn an_arrival_of_another_product_is_refused(database: &impl Database) {
    let store = items(database).await;
    let item = ProductId("2".into());
    let production = refused(&store, &item, 5).await;
    let wrong = Arrival { product: Some(ProductId("1".into())), ..arrival(&store, production, 3).await };
    assert!(matches!(store.apply_arrival(wrong).await, Err(ArrivalError::WrongProduct { .. })));
    let right = Arrival { product: Some(item.clone()), ..arrival(&store, production, 3).await };
    assert_eq!(store.apply_arrival(right).await.expect("applied").stock, 5);
}

async fn an_arrival_of_more_than_was_asked_for_is_refused(database: &impl Database) {
    let store = donuts(database, 0).await;
    let production = refused(&store, &donut_id(), 5).await;
    let most = store.apply_arrival(arrival(&store, production, 6).await).await;
    assert!(matches!(most, Err(ArrivalError::TooMany { asked: 5 })), "{most:?}");
    assert_eq!(stock_of(&store, &donut_id()).await, 0);
    assert_eq!(store.apply_arrival(arrival(&store, production, 5).await).await.expect("applied").stock, 5);
}

async fn what_gathered_is_requested_when_the_requested_one_arrives(database: &impl Database) {
    let store = donuts(database, 0).await;
    let first = refused(&store, &donut_id(), 5).await;
    let second = refused(&store, &donut_id(), 4).await;
    assert_eq!(refused(&store, &donut_id(), 3).await, second);
    assert_eq!(requests(&donut::EDITION, &drain_outbox(&store).await), [(first, 5, ONE.to_owned())]);
    store.apply_arrival(arrival(&store, first, 5).await).await.expect("applied");
    assert_eq!(requests(&donut::EDITION, &drain_outbox(&store).await), [(second, 7, ONE.to_owned())]);
    store.apply_arrival(arrival(&store, first, 5).await).await.expect("again");
    assert!(drain_outbox(&store).await.is_empty(), "the second time promotes nothing");
    assert_eq!(store.apply_arrival(arrival(&store, second, 7).await).await.expect("applied").stock, 12);
    assert_eq!(store.status().await.expect("status").open_productions, 0);
}

async fn a_short_delivery_is_applied_and_the_rest_is_requested(database: &impl Database) {
    let store = donuts(database, 0).await;
    let first = refused(&store, &donut_id(), 5).await;
    drain_outbox(&store).await;
    assert_eq!(store.apply_arrival(arrival(&store, first, 2).await).await.expect("applied").stock, 2);
    let sent = requests(&donut::EDITION, &drain_outbox(&store).await);
    assert_eq!(sent.len(), 1);
    let (rest, count, _) = sent[0].clone();
    assert_eq!(count, 3);
    let productions = store.audit().productions(0, 10).await.expect("productions");
    assert_eq!(productions[0].continued_in, Some(rest));
    assert_eq!(store.apply_arrival(arrival(&store, rest, 3).await).await.expect("applied").stock, 5);
}

async fn a_short_delivery_adds_its_rest_to_what_gathers(database: &impl Database) {
    let store = donuts(database, 0).await;
    let first = refused(&store, &donut_id(), 5).await;
    let second = refused(&store, &donut_id(), 4).await;
    drain_outbox(&store).await;
    store.apply_arrival(arrival(&store, first, 2).await).await.expect("applied");
    assert_eq!(requests(&donut::EDITION, &drain_outbox(&store).await), [(second, 7, ONE.to_owned())]);
}

async fn the_item_shop_is_content_with_what_covers_the_shortage(database: &impl Database) {
    let store = items(database).await;
    let item = ProductId("2".into());
    let production = refused(&store, &item, 5).await;
    assert_eq!(requests(&shop::EDITION, &drain_outbox(&store).await), [(production, 3, "2#1".to_owned())], "the consumer doubles it");
    let most = store.apply_arrival(arrival(&store, production, 7).await).await;
    assert!(matches!(most, Err(ArrivalError::TooMany { asked: 6 })), "{most:?}");
    assert_eq!(store.apply_arrival(arrival(&store, production, 4).await).await.expect("applied").stock, 6);
    assert_eq!(store.status().await.expect("status").open_productions, 0, "nothing is owed");
}

async fn a_production_that_is_full_waits_its_turn_and_everyone_stays_covered(database: &impl Database) {
    let store = donuts(database, 0).await;
    let most = i64::from(MAX_QUANTITY);
    let ids = [
        refused(&store, &donut_id(), 1).await,
        refused(&store, &donut_id(), most).await,
        refused(&store, &donut_id(), most - 1).await,
        refused(&store, &donut_id(), 1).await,
        refused(&store, &donut_id(), 2).await,
    ];
    assert_eq!(ids[2], ids[3]);
    let productions = store.audit().productions(0, 10).await.expect("productions");
    assert_eq!(productions.iter().map(|p| p.quantity).collect::<Vec<_>>(), [1, most, most, 2]);
    let mut order = Vec::new();
    loop {
        let requested = store.audit().productions(0, 10).await.expect("productions");
        let Some(next) = requested.into_iter().find(|p| p.state == ProductionState::Requested) else { break };
        order.push(next.production_id);
        store.apply_arrival(arrival(&store, next.production_id, next.quantity).await).await.expect("applied");
    }
    assert_eq!(order, [ids[0], ids[1], ids[2], ids[4]], "first come, first made");
    assert_eq!(stock_of(&store, &donut_id()).await, 2 * most + 3);
}

async fn the_first_refusal_after_a_restock_begins_an_episode_and_says_so_again(database: &impl Database) {
    let store = donuts(database, 0).await;
    let first = refused(&store, &donut_id(), 2).await;
    let second = refused(&store, &donut_id(), 3).await;
    store.apply_arrival(arrival(&store, first, 2).await).await.expect("applied");
    drain_outbox(&store).await;
    assert!(!store.product(&donut_id()).await.expect("readable").expect("it").sold_out);
    buy(&store, &donut_id(), 1).await;
    let third = refused(&store, &donut_id(), 4).await;
    let sent = requests(&donut::EDITION, &drain_outbox(&store).await);
    assert_eq!(sent, [(second, 3, TWO.to_owned())], "the production under way is named again, so that the ads are stopped again");
    let product = store.product(&donut_id()).await.expect("readable").expect("it");
    assert!(product.sold_out && product.episode == 2);
    assert_eq!(store.production(third).await.expect("readable").expect("it").state, ProductionState::Gathering);
    let episodes = store.audit().episodes(0, 10).await.expect("episodes");
    assert_eq!(episodes.iter().map(|e| (e.number, e.ended_at.is_some())).collect::<Vec<_>>(), [(1, true), (2, false)]);
    assert_eq!(store.production(second).await.expect("readable").expect("it").requests, 1, "that was no second try");
}

async fn an_unconfirmed_production_is_requested_again_with_growing_distance(database: &impl Database) {
    let hands = Hands::default();
    let options = StoreOptions { clock: hands.clock(), ..StoreOptions::new(&donut::EDITION) };
    let store = open_with(database, options, &[(donut_id(), 0)]).await;
    let production = refused(&store, &donut_id(), 2).await;
    drain_outbox(&store).await;
    let wait = Duration::from_millis(100);
    for (step, expected) in [(99, 0), (1, 1), (199, 0), (1, 1), (399, 0), (1, 1), (799, 0), (1, 1), (799, 0), (1, 1)] {
        hands.advance_ms(step);
        assert_eq!(store.rerequest_unconfirmed(wait, 10).await.expect("done"), expected);
        let sent = requests(&donut::EDITION, &drain_outbox(&store).await);
        assert_eq!(sent.len() as u64, expected);
        assert!(sent.iter().all(|(id, count, _)| (*id, *count) == (production, 2)));
    }
    hands.advance_ms(10_000);
    assert_eq!(store.rerequest_unconfirmed(wait, 0).await.expect("done"), 0, "the limit holds");
}

async fn an_accepted_production_gets_its_time_before_it_is_requested_again(database: &impl Database) {
    let hands = Hands::default();
    let options = StoreOptions { clock: hands.clock(), ..StoreOptions::new(&donut::EDITION) };
    let store = open_with(database, options, &[(donut_id(), 0)]).await;
    let production = refused(&store, &donut_id(), 2).await;
    let wait = Duration::from_millis(100);
    hands.advance_ms(90);
    store.record_accepted(production).await.expect("noted");
    store.record_accepted(production).await.expect("noted again");
    assert_eq!(store.audit().receipts(0, 10).await.expect("receipts").len(), 1);
    hands.advance_ms(99);
    assert_eq!(store.rerequest_unconfirmed(wait, 10).await.expect("done"), 0);
    hands.advance_ms(1);
    assert_eq!(store.rerequest_unconfirmed(wait, 10).await.expect("done"), 1);
    let production = store.production(production).await.expect("readable").expect("it");
    assert_eq!((production.accepted_at, production.requests), (None, 2), "so that the factory is asked once more");
}

async fn an_arrived_production_is_never_requested_again(database: &impl Database) {
    let hands = Hands::default();
    let options = StoreOptions { clock: hands.clock(), ..StoreOptions::new(&donut::EDITION) };
    let store = open_with(database, options, &[(donut_id(), 0)]).await;
    let production = refused(&store, &donut_id(), 2).await;
    store.apply_arrival(arrival(&store, production, 2).await).await.expect("applied");
    hands.advance_ms(1_000_000);
    assert_eq!(store.rerequest_unconfirmed(Duration::from_millis(1), 10).await.expect("done"), 0);
}

async fn goods_prove_that_the_factory_took_the_order_even_if_its_answer_was_lost(database: &impl Database) {
    let store = donuts(database, 0).await;
    let production = refused(&store, &donut_id(), 2).await;
    store.apply_arrival(arrival(&store, production, 2).await).await.expect("applied");
    assert!(store.production(production).await.expect("readable").expect("it").accepted_at.is_some());
    let receipts = store.audit().receipts(0, 10).await.expect("receipts");
    assert!(receipts.iter().any(|receipt| receipt.consumer == "replenish" && receipt.id == production.to_string()));
    // Whoever learns of it afterwards changes nothing.
    store.record_accepted(production).await.expect("noted already");
    assert_eq!(store.audit().receipts(0, 10).await.expect("receipts").len(), receipts.len());
}
