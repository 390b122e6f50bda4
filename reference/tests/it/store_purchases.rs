//! Purchases: never more sold than there is, never decided twice, never refused without a production.

use std::collections::HashSet;

use reference::domain::{FactoryId, Outcome, ProductId};
use reference::edition::donut;
use reference::store::{Audit, PurchaseAnswer, PurchaseError, Store, StoreOptions};
use tokio::task::JoinSet;

use crate::store_support::{
    Database, buy, donut_id, donuts, drain_outbox, on_every_database, open_with, requests, stock_of, told, wants, wants_with_key,
};

on_every_database!(
    sixty_four_buyers_of_twenty_pieces_buy_exactly_twenty,
    two_processes_on_one_database_sell_exactly_what_there_is,
    the_same_key_gets_the_same_answer_and_nothing_happens_twice,
    a_key_that_was_refused_stays_refused_although_the_stock_came_back,
    a_key_is_refused_for_another_body,
    one_key_tried_from_two_processes_at_once_is_decided_once,
    unknown_products_and_wrong_factories_change_nothing,
    a_hundred_refusals_make_one_requested_and_one_gathering_production_that_cover_them,
    every_decision_leaves_its_sales_event_in_the_outbox,
    a_store_with_too_much_to_do_sheds_and_has_done_nothing,
    what_was_answered_is_there_after_reopening;
    one thread: a_key_is_refused_while_it_is_being_decided, a_purchase_whose_client_hung_up_is_found_by_its_key,
);

async fn rush(stores: Vec<Store>, buyers: usize, count: i64) -> Vec<PurchaseAnswer> {
    let mut set = JoinSet::new();
    for buyer in 0..buyers {
        let store = stores[buyer % stores.len()].clone();
        set.spawn(async move { store.purchase(wants(&donut_id(), count)).await.expect("a decision") });
    }
    set.join_all().await
}

fn sold(answers: &[PurchaseAnswer]) -> usize {
    answers.iter().filter(|answer| answer.outcome == Outcome::Sold).count()
}

async fn sixty_four_buyers_of_twenty_pieces_buy_exactly_twenty(database: &impl Database) {
    let store = donuts(database, 20).await;
    let answers = rush(vec![store.clone()], 64, 1).await;
    assert_eq!(sold(&answers), 20);
    assert_eq!(stock_of(&store, &donut_id()).await, 0);
    let left: HashSet<i64> = answers.iter().filter(|a| a.outcome == Outcome::Sold).map(|a| a.stock_left).collect();
    assert_eq!(left, (0..20).collect(), "each sale saw its own stock");
}

async fn two_processes_on_one_database_sell_exactly_what_there_is(database: &impl Database) {
    let stores = vec![donuts(database, 50).await, donuts(database, 999).await];
    let answers = rush(stores.clone(), 200, 1).await;
    assert_eq!(sold(&answers), 50);
    let ledger = stores[1].audit().orders(0, 1_000).await.expect("the ledger");
    assert_eq!(ledger.len(), 200);
    assert_eq!(ledger.iter().filter(|order| order.outcome == Outcome::Sold).count(), 50);
    assert_eq!(stock_of(&stores[0], &donut_id()).await, 0);
}

async fn the_same_key_gets_the_same_answer_and_nothing_happens_twice(database: &impl Database) {
    let store = donuts(database, 10).await;
    let first = store.purchase(wants_with_key(&donut_id(), 3, "k-1")).await.expect("a decision");
    buy(&store, &donut_id(), 2).await;
    let again = store.purchase(wants_with_key(&donut_id(), 3, "k-1")).await.expect("the decision again");
    assert!(again.replayed && !first.replayed);
    assert_eq!(PurchaseAnswer { replayed: false, ..again }, first, "to the stock of that moment");
    assert_eq!(stock_of(&store, &donut_id()).await, 5);
    assert_eq!(store.audit().orders(0, 10).await.expect("the ledger").len(), 2);
    assert_eq!(told(&donut::EDITION, &drain_outbox(&store).await).len(), 2);
}

async fn a_key_that_was_refused_stays_refused_although_the_stock_came_back(database: &impl Database) {
    let store = donuts(database, 0).await;
    let first = store.purchase(wants_with_key(&donut_id(), 3, "k-1")).await.expect("a decision");
    store.set_stock(&donut_id(), 10).await.expect("set");
    let again = store.purchase(wants_with_key(&donut_id(), 3, "k-1")).await.expect("the decision again");
    assert_eq!((again.outcome, again.production_id), (Outcome::SoldOut, first.production_id));
    assert_eq!(stock_of(&store, &donut_id()).await, 10);
}

async fn a_key_is_refused_for_another_body(database: &impl Database) {
    let store = donuts(database, 10).await;
    store.purchase(wants_with_key(&donut_id(), 3, "k-1")).await.expect("a decision");
    let other = store.purchase(wants_with_key(&donut_id(), 4, "k-1")).await;
    assert!(matches!(other, Err(PurchaseError::KeyReusedWithOtherBody)), "{other:?}");
    assert_eq!(stock_of(&store, &donut_id()).await, 7);
}

async fn a_key_is_refused_while_it_is_being_decided(database: &impl Database) {
    let store = donuts(database, 10).await;
    // Both are polled once before the writer, on the same thread, can take either.
    let (one, two) =
        tokio::join!(store.purchase(wants_with_key(&donut_id(), 1, "k-1")), store.purchase(wants_with_key(&donut_id(), 1, "k-1")));
    assert_eq!(one.expect("the first is decided").outcome, Outcome::Sold);
    assert!(matches!(two, Err(PurchaseError::KeyInFlight)), "{two:?}");
    let later = store.purchase(wants_with_key(&donut_id(), 1, "k-1")).await.expect("the decision again");
    assert!(later.replayed);
    assert_eq!(stock_of(&store, &donut_id()).await, 9);
}

async fn a_purchase_whose_client_hung_up_is_found_by_its_key(database: &impl Database) {
    let store = donuts(database, 10).await;
    let mut abandoned = Box::pin(store.purchase(wants_with_key(&donut_id(), 4, "k-1")));
    assert!(futures_util::poll!(&mut abandoned).is_pending());
    drop(abandoned);
    let early = store.purchase(wants_with_key(&donut_id(), 4, "k-1")).await;
    assert!(matches!(early, Err(PurchaseError::KeyInFlight)), "still being decided, although nobody listens: {early:?}");
    // Any command that is answered was committed behind the abandoned one.
    buy(&store, &donut_id(), 1).await;
    let again = store.purchase(wants_with_key(&donut_id(), 4, "k-1")).await.expect("the decision");
    assert!(again.replayed);
    assert_eq!(stock_of(&store, &donut_id()).await, 5);
}

async fn one_key_tried_from_two_processes_at_once_is_decided_once(database: &impl Database) {
    let stores = [donuts(database, 1_000).await, donuts(database, 1_000).await];
    for round in 0..20 {
        let key = format!("k-{round}");
        let [one, two] = &stores;
        let (one, two) =
            tokio::join!(one.purchase(wants_with_key(&donut_id(), 1, &key)), two.purchase(wants_with_key(&donut_id(), 1, &key)));
        let (one, two) = (one.expect("a decision"), two.expect("a decision"));
        assert_eq!(one.order_id, two.order_id);
        assert!(one.replayed != two.replayed, "one of them is the first");
    }
    assert_eq!(stock_of(&stores[0], &donut_id()).await, 980);
}

async fn unknown_products_and_wrong_factories_change_nothing(database: &impl Database) {
    let store = donuts(database, 10).await;
    let unknown = store.purchase(wants(&ProductId("CP-1".into()), 1)).await;
    assert!(matches!(unknown, Err(PurchaseError::UnknownProduct(_))), "{unknown:?}");
    let mut purchase = wants(&donut_id(), 1);
    purchase.factory = Some(FactoryId("FF-1".into()));
    let wrong = store.purchase(purchase).await;
    assert!(matches!(wrong, Err(PurchaseError::WrongFactory { .. })), "{wrong:?}");
    assert_eq!(stock_of(&store, &donut_id()).await, 10);
    assert!(store.audit().orders(0, 10).await.expect("the ledger").is_empty());
    assert!(drain_outbox(&store).await.is_empty());
}

async fn a_hundred_refusals_make_one_requested_and_one_gathering_production_that_cover_them(database: &impl Database) {
    let store = donuts(database, 2).await;
    let answers = rush(vec![store.clone()], 100, 3).await;
    assert_eq!(sold(&answers), 0);
    let productions = store.audit().productions(0, 10).await.expect("productions");
    assert_eq!(productions.len(), 2, "{productions:?}");
    let ledger = store.audit().orders(0, 1_000).await.expect("the ledger");
    for production in &productions {
        let owed: i64 = ledger.iter().filter(|o| o.production_id == Some(production.production_id)).map(|o| o.shortage).sum();
        assert_eq!(production.quantity, owed, "a production is as large as what it covers");
    }
    // The first lacked what the stock did not cover, the others all they wanted.
    assert_eq!(productions.iter().map(|p| p.quantity).sum::<i64>(), (3 - 2) + 99 * 3);
    let sent = requests(&donut::EDITION, &drain_outbox(&store).await);
    assert_eq!(sent, [(productions[0].production_id, 1, "CP-502101#1".to_owned())], "the factory is asked once");
}

async fn every_decision_leaves_its_sales_event_in_the_outbox(database: &impl Database) {
    let store = donuts(database, 5).await;
    let answers = rush(vec![store.clone()], 12, 1).await;
    let decided: HashSet<_> = answers.iter().map(|a| (a.order_id, a.outcome.as_str().to_owned())).collect();
    let events = told(&donut::EDITION, &drain_outbox(&store).await);
    assert_eq!(events.len(), 12);
    assert_eq!(events.into_iter().collect::<HashSet<_>>(), decided);
}

async fn a_store_with_too_much_to_do_sheds_and_has_done_nothing(database: &impl Database) {
    let options = StoreOptions { purchase_queue: 4, ..StoreOptions::new(&donut::EDITION) };
    let store = open_with(database, options, &[(donut_id(), 1_000)]).await;
    let mut futures = Vec::new();
    for _ in 0..400 {
        futures.push(store.purchase(wants(&donut_id(), 1)));
    }
    let results = futures_util::future::join_all(futures).await;
    let done = results.iter().filter(|r| r.is_ok()).count();
    for error in results.iter().filter_map(|r| r.as_ref().err()) {
        assert!(matches!(error, PurchaseError::Store(error) if error.nothing_was_done()), "{error:?}");
    }
    assert!((1..400).contains(&done), "{done} were decided");
    let ledger = store.audit().orders(0, 1_000).await.expect("the ledger");
    assert_eq!(ledger.len(), done, "what was shed is not in the ledger");
    assert_eq!(stock_of(&store, &donut_id()).await, 1_000 - i64::try_from(done).expect("few"));
}

async fn what_was_answered_is_there_after_reopening(database: &impl Database) {
    let store = donuts(database, 5).await;
    let answer = store.purchase(wants_with_key(&donut_id(), 2, "k-1")).await.expect("a decision");
    store.close().await;
    assert!(store.purchase(wants(&donut_id(), 1)).await.is_err(), "a closed store takes nothing");
    let audit = Audit::open(&database.url()).await.expect("an auditor needs no store");
    assert_eq!(audit.orders(0, 10).await.expect("the ledger")[0].order_id, answer.order_id);
    let store = donuts(database, 5).await;
    let again = store.purchase(wants_with_key(&donut_id(), 2, "k-1")).await.expect("the decision again");
    assert!(again.replayed && again.order_id == answer.order_id);
    assert_eq!(stock_of(&store, &donut_id()).await, 3);
}
