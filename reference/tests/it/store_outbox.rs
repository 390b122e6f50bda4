//! The outbox: nothing is lost, nobody shares a claim, and a claim that is forgotten lapses.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use reference::edition::{attribute, donut};
use reference::store::{OutboxRow, Store, StoreOptions};

use crate::store_support::{Database, Hands, buy, donut_id, donuts, drain_outbox, of, on_every_database, open_with, refused};

on_every_database!(
    messages_are_claimed_in_the_order_of_their_commits,
    two_relays_never_share_a_message,
    a_claim_that_is_forgotten_lapses_and_the_message_keeps_its_id,
    a_claim_by_a_clock_that_was_ahead_lapses_when_it_is_right_again,
    messages_given_back_can_be_claimed_at_once_but_only_by_their_holder,
    every_message_carries_its_business_id,
    a_relay_in_the_same_process_is_told_of_new_messages,
);

const LEASE: Duration = Duration::from_secs(30);

fn ids(rows: &[OutboxRow]) -> Vec<i64> {
    rows.iter().map(|row| row.id).collect()
}

async fn claim(store: &Store, limit: u32) -> Vec<OutboxRow> {
    store.claim_outbox(limit, LEASE).await.expect("a claim")
}

async fn messages_are_claimed_in_the_order_of_their_commits(database: &impl Database) {
    let store = donuts(database, 10).await;
    let mut bought = Vec::new();
    for _ in 0..5 {
        bought.push(buy(&store, &donut_id(), 1).await.order_id.to_string());
    }
    let mut rows = claim(&store, 3).await;
    assert_eq!(rows.len(), 3, "the limit holds");
    rows.extend(claim(&store, 3).await);
    let told: Vec<&str> = rows.iter().map(|row| of(&row.message, attribute::ORDER_ID).expect("an order")).collect();
    assert_eq!(told, bought);
    assert!(claim(&store, 3).await.is_empty());
    store.mark_published(&ids(&rows)).await.expect("marked");
    assert_eq!(store.status().await.expect("status").outbox, 0);
}

async fn two_relays_never_share_a_message(database: &impl Database) {
    let stores = [donuts(database, 1_000).await, donuts(database, 1_000).await];
    for _ in 0..60 {
        buy(&stores[0], &donut_id(), 1).await;
    }
    let claims = (0..30).map(|n| claim(&stores[n % 2], 5));
    let mut rows: Vec<OutboxRow> = futures_util::future::join_all(claims).await.into_iter().flatten().collect();
    // A server's claim leaves out what another one is just looking at; the next claim finds it.
    loop {
        let left = claim(&stores[0], 5).await;
        if left.is_empty() {
            break;
        }
        rows.extend(left);
    }
    assert_eq!(rows.len(), 60);
    assert_eq!(rows.iter().map(|row| row.id).collect::<BTreeSet<_>>().len(), 60, "each message was claimed once");
}

async fn a_claim_that_is_forgotten_lapses_and_the_message_keeps_its_id(database: &impl Database) {
    let hands = Hands::default();
    let options = StoreOptions { clock: hands.clock(), ..StoreOptions::new(&donut::EDITION) };
    let store = open_with(database, options, &[(donut_id(), 10)]).await;
    buy(&store, &donut_id(), 1).await;
    let first = claim(&store, 10).await;
    assert_eq!((first.len(), first[0].claims), (1, 1));
    hands.advance_ms(29_999);
    assert!(claim(&store, 10).await.is_empty(), "still claimed");
    hands.advance_ms(1);
    let second = claim(&store, 10).await;
    assert_eq!(second.len(), 1);
    assert_eq!((second[0].id, second[0].event_id, second[0].claims), (first[0].id, first[0].event_id, 2));
    assert_eq!(second[0].message, first[0].message);
}

async fn a_claim_by_a_clock_that_was_ahead_lapses_when_it_is_right_again(database: &impl Database) {
    let hands = Hands::default();
    let options = StoreOptions { clock: hands.clock(), ..StoreOptions::new(&donut::EDITION) };
    let store = open_with(database, options, &[(donut_id(), 10)]).await;
    buy(&store, &donut_id(), 1).await;
    hands.advance_ms(90_000);
    assert_eq!(claim(&store, 10).await.len(), 1, "claimed by a process that is a minute and a half ahead");
    assert!(claim(&store, 10).await.is_empty());
    hands.advance_ms(-90_000);
    assert_eq!(claim(&store, 10).await.len(), 1, "nobody waits for a lease that can never have been granted");
}

async fn messages_given_back_can_be_claimed_at_once_but_only_by_their_holder(database: &impl Database) {
    let hands = Hands::default();
    let options = StoreOptions { clock: hands.clock(), ..StoreOptions::new(&donut::EDITION) };
    let slow = open_with(database, options.clone(), &[(donut_id(), 10)]).await;
    let quick = open_with(database, options, &[]).await;
    buy(&slow, &donut_id(), 1).await;
    let rows = claim(&slow, 10).await;
    slow.release_outbox(&ids(&rows)).await.expect("given back");
    let rows = claim(&slow, 10).await;
    assert_eq!(rows.len(), 1, "claimed again at once");
    hands.advance_ms(30_000);
    assert_eq!(claim(&quick, 10).await.len(), 1, "the claim lapsed and is another's now");
    slow.release_outbox(&ids(&rows)).await.expect("too late");
    assert!(claim(&slow, 10).await.is_empty(), "it stays the other's");
}

async fn every_message_carries_its_business_id(database: &impl Database) {
    let store = donuts(database, 0).await;
    let production = refused(&store, &donut_id(), 2).await;
    let rows = claim(&store, 10).await;
    assert_eq!(rows.len(), 2, "a stock request and a sales event");
    let mut events = HashSet::new();
    for row in &rows {
        assert_eq!(of(&row.message, attribute::EVENT_ID), Some(row.event_id.to_string().as_str()));
        assert_eq!(of(&row.message, attribute::PRODUCTION_ID), Some(production.to_string().as_str()));
        assert!(events.insert(row.event_id));
        // SNS takes no subject over 100 characters and no empty attribute: such a message would never leave.
        assert!((1..=100).contains(&row.message.subject.chars().count()));
        assert!(row.message.attributes.iter().all(|attribute| !attribute.value.is_empty()));
    }
}

async fn a_relay_in_the_same_process_is_told_of_new_messages(database: &impl Database) {
    let store = donuts(database, 10).await;
    let mut hint = store.outbox_changed();
    assert!(futures_util::poll!(std::pin::pin!(hint.changed())).is_pending(), "nothing new yet");
    buy(&store, &donut_id(), 1).await;
    tokio::time::timeout(Duration::from_secs(10), hint.changed()).await.expect("told within ten seconds");
    assert_eq!(drain_outbox(&store).await.len(), 1);
    assert!(futures_util::poll!(std::pin::pin!(hint.changed())).is_pending(), "publishing is no news");
}
