//! What the other consumers note, and what the administration and a fresh database bring.

use reference::domain::{EpisodeId, EventId, OrderId, Outcome, ProductId, ProductionId};
use reference::edition::{donut, shop};
use reference::store::{AdStop, Audit, OperationEvent, SetStockError, Store, StoreError, StoreOptions};

use crate::store_support::{DONUT, Database, buy, donut_id, donuts, items, on_every_database, pieces, refused, stock_of};

on_every_database!(
    an_ad_stop_is_sent_until_it_is_confirmed_and_never_again,
    a_sales_event_is_recorded_once,
    a_production_that_nobody_knows_cannot_be_accepted,
    a_stock_set_by_hand_leaves_its_difference_and_begins_a_new_episode,
    stocks_that_cannot_be_are_refused,
    a_database_is_seeded_once_by_many_who_open_it_together,
    a_database_of_another_edition_is_refused,
    pages_of_the_audit_join_without_gap_or_overlap,
    products_are_found_by_key_and_by_name,
);

async fn an_ad_stop_is_sent_until_it_is_confirmed_and_never_again(database: &impl Database) {
    let store = donuts(database, 0).await;
    refused(&store, &donut_id(), 1).await;
    let episode = EpisodeId { product: donut_id(), number: 1 };
    for _ in 0..2 {
        assert_eq!(store.begin_ad_stop(&episode).await.expect("noted"), AdStop::Send, "a crash before the confirmation repeats it");
    }
    let begun = store.audit().episodes(0, 10).await.expect("episodes").remove(0);
    assert!(begun.ad_stop_begun_at.is_some() && begun.ad_stop_mailed_at.is_none());
    for _ in 0..2 {
        store.ad_stop_mailed(&episode).await.expect("noted");
        assert_eq!(store.begin_ad_stop(&episode).await.expect("noted"), AdStop::AlreadyMailed);
    }
    let receipts = store.audit().receipts(0, 10).await.expect("receipts");
    assert_eq!(receipts.iter().map(|r| (r.consumer.as_str(), r.id.as_str())).collect::<Vec<_>>(), [("advertising", "CP-502101#1")]);
    let next = EpisodeId { number: 2, ..episode };
    assert_eq!(store.begin_ad_stop(&next).await.expect("noted"), AdStop::Send, "another episode is another mail");
}

async fn a_sales_event_is_recorded_once(database: &impl Database) {
    let store = donuts(database, 10).await;
    let event = OperationEvent {
        event_id: EventId::new(),
        order_id: OrderId::new(),
        product: donut_id(),
        quantity: pieces(3),
        outcome: Outcome::Sold,
        stock: 7,
        requester: "buyer".into(),
    };
    let all = futures_util::future::join_all((0..8).map(|_| store.record_operation(event.clone()))).await;
    assert_eq!(all.into_iter().filter(|new| *new.as_ref().expect("recorded")).count(), 1);
    let seen = store.audit().operations(0, 10).await.expect("operations");
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].event_id, seen[0].order_id, seen[0].outcome, seen[0].stock), (event.event_id, event.order_id, Outcome::Sold, 7));
}

async fn a_production_that_nobody_knows_cannot_be_accepted(database: &impl Database) {
    let store = donuts(database, 0).await;
    store.record_accepted(ProductionId::new()).await.expect("no error either");
    assert!(store.audit().receipts(0, 10).await.expect("receipts").is_empty());
    assert!(store.production(ProductionId::new()).await.expect("readable").is_none());
}

async fn a_stock_set_by_hand_leaves_its_difference_and_begins_a_new_episode(database: &impl Database) {
    let store = donuts(database, 5).await;
    refused(&store, &donut_id(), 6).await;
    assert_eq!(store.set_stock(&donut_id(), 3).await.expect("set"), 5);
    assert!(store.product(&donut_id()).await.expect("readable").expect("it").sold_out, "taking away ends no episode");
    assert_eq!(store.set_stock(&donut_id(), 8).await.expect("set"), 3);
    assert!(!store.product(&donut_id()).await.expect("readable").expect("it").sold_out);
    assert_eq!(store.set_stock(&donut_id(), 8).await.expect("set"), 8);
    let trace = store.audit().adjustments(0, 10).await.expect("adjustments");
    assert_eq!(trace.iter().map(|a| (a.delta, a.stock_after)).collect::<Vec<_>>(), [(-2, 3), (5, 8)], "no change, no trace");
    refused(&store, &donut_id(), 9).await;
    assert_eq!(store.product(&donut_id()).await.expect("readable").expect("it").episode, 2);
}

async fn stocks_that_cannot_be_are_refused(database: &impl Database) {
    let store = donuts(database, 5).await;
    for stock in [-1, 1_000_000_001, i64::MAX, i64::MIN] {
        assert!(matches!(store.set_stock(&donut_id(), stock).await, Err(SetStockError::OutOfRange(_))), "{stock}");
    }
    assert!(matches!(store.set_stock(&ProductId("CP-1".into()), 1).await, Err(SetStockError::UnknownProduct(_))));
    assert!(matches!(store.seed(&[(ProductId("CP-1".into()), 1)]).await, Err(SetStockError::UnknownProduct(_))));
    assert!(matches!(store.seed(&[(donut_id(), -1)]).await, Err(SetStockError::OutOfRange(_))));
    assert_eq!(stock_of(&store, &donut_id()).await, 5);
}

async fn a_database_is_seeded_once_by_many_who_open_it_together(database: &impl Database) {
    let stores = futures_util::future::join_all((0..6).map(|n| donuts(database, 10 + n))).await;
    let stock = stock_of(&stores[0], &donut_id()).await;
    assert!((10..16).contains(&stock));
    for store in &stores {
        assert_eq!(stock_of(store, &donut_id()).await, stock);
    }
    let stocks = Audit::open(&database.url()).await.expect("opens").stocks().await.expect("stocks");
    assert_eq!(stocks.len(), 1);
    assert_eq!((stocks[0].product.0.as_str(), stocks[0].initial, stocks[0].now), (DONUT, stock, stock));
    buy(&stores[5], &donut_id(), 1).await;
    assert_eq!(stock_of(&donuts(database, 99).await, &donut_id()).await, stock - 1, "seeding again changes nothing");
}

async fn a_database_of_another_edition_is_refused(database: &impl Database) {
    donuts(database, 1).await;
    let other = Store::open(&database.url(), StoreOptions::new(&shop::EDITION)).await;
    let error = other.map(|_| ()).expect_err("refused");
    assert!(matches!(error, StoreError::Schema { .. }) && error.to_string().contains("donut"), "{error}");
    assert_eq!(donut::EDITION.default_product(), donut_id());
}

async fn pages_of_the_audit_join_without_gap_or_overlap(database: &impl Database) {
    let store = donuts(database, 100).await;
    let mut bought = Vec::new();
    for _ in 0..25 {
        bought.push(buy(&store, &donut_id(), 1).await.order_id);
    }
    let (mut read, mut after) = (Vec::new(), 0);
    loop {
        let page = store.audit().orders(after, 7).await.expect("a page");
        let Some(last) = page.last() else { break };
        after = last.position;
        read.extend(page.iter().map(|order| order.order_id));
    }
    assert_eq!(read, bought);
    let first = store.status().await.expect("status");
    buy(&store, &donut_id(), 1).await;
    refused(&store, &donut_id(), 100).await;
    let second = store.status().await.expect("status");
    assert_eq!((first.sold, first.sold_out, second.sold, second.sold_out), (25, 0, 26, 1));
}

async fn products_are_found_by_key_and_by_name(database: &impl Database) {
    let store = items(database).await;
    let named = store.product_by_name("Item2").await.expect("readable").expect("it");
    assert_eq!(store.product(&ProductId("2".into())).await.expect("readable"), Some(named.clone()));
    assert_eq!((named.price, named.factory_name.as_str(), named.factory_locate.as_str()), (20_000, "Factory2", "usa"));
    assert!(store.product_by_name("item2").await.expect("readable").is_none());
    assert_eq!(store.products().await.expect("readable").len(), 3);
}
