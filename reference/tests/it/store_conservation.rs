//! Conservation, over random lives of a shop: `initial + arrivals + adjustments - sold = stock`, never below zero, and every refusal is
//! covered by a production that is made, or will be.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use reference::domain::{MAX_QUANTITY, Outcome, ProductId, ProductionId};
use reference::edition::shop;
use reference::store::audit::{AuditOrder, AuditProduction};
use reference::store::{ArrivalError, ProductionState, Store, StoreOptions};

use crate::store_support::{Database, Hands, MySql, Sqlite, arrival, drain_outbox, open_with, requests, wants, wants_with_key};

/// What may happen to a shop.
#[derive(Debug, Clone)]
enum Event {
    Buy { product: u8, count: i64 },
    BuyWithKey { product: u8, count: i64, key: u8 },
    BuyTogether { product: u8, count: i64, buyers: usize },
    Arrive { product: u8, percent: i64 },
    ArriveAgain { which: usize },
    SetStock { product: u8, stock: i64 },
    Wait,
    Relay,
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let product = 1..=3_u8;
    let count = prop_oneof![8 => 1..12_i64, 1 => 4_000..=i64::from(MAX_QUANTITY)];
    prop_oneof![
        6 => (product.clone(), count.clone()).prop_map(|(product, count)| Event::Buy { product, count }),
        3 => (product.clone(), 1..9_i64, 0..6_u8).prop_map(|(product, count, key)| Event::BuyWithKey { product, count, key }),
        3 => (product.clone(), 1..6_i64, 2..12_usize).prop_map(|(product, count, buyers)| Event::BuyTogether { product, count, buyers }),
        6 => (product.clone(), prop_oneof![Just(100), 1..200_i64, Just(300)]).prop_map(|(product, percent)| Event::Arrive { product, percent }),
        2 => any::<usize>().prop_map(|which| Event::ArriveAgain { which }),
        1 => (product, 0..30_i64).prop_map(|(product, stock)| Event::SetStock { product, stock }),
        1 => Just(Event::Wait),
        1 => Just(Event::Relay),
        1 => Just(Event::Restart),
    ]
}

fn id(product: u8) -> ProductId {
    ProductId(product.to_string())
}

/// A shop, and what its relay has published.
struct Life<'d, D> {
    database: &'d D,
    hands: Hands,
    store: Store,
    asked: HashSet<ProductionId>,
}

fn options(hands: &Hands) -> StoreOptions {
    StoreOptions { clock: hands.clock(), ..StoreOptions::new(&shop::EDITION) }
}

impl<D: Database> Life<'_, D> {
    async fn live(&mut self, event: &Event) {
        match event {
            Event::Buy { product, count } => {
                self.store.purchase(wants(&id(*product), *count)).await.expect("a decision");
            }
            Event::BuyWithKey { product, count, key } => {
                // A key that meant something else before is refused, and changes nothing.
                let _ = self.store.purchase(wants_with_key(&id(*product), *count, &format!("k-{key}-{product}"))).await;
            }
            Event::BuyTogether { product, count, buyers } => {
                let buyers = (0..*buyers).map(|_| self.store.purchase(wants(&id(*product), *count)));
                futures_util::future::join_all(buyers).await.into_iter().for_each(|answer| assert!(answer.is_ok()));
            }
            Event::Arrive { product, percent } => {
                let all = productions(&self.store).await;
                let requested = all.iter().find(|p| p.product == id(*product) && p.state == ProductionState::Requested);
                if let Some(production) = requested {
                    self.arrive(production, (production.quantity * percent / 100).clamp(1, i64::from(MAX_QUANTITY))).await;
                }
            }
            Event::ArriveAgain { which } => {
                let all = productions(&self.store).await;
                let applied: Vec<_> = all.iter().filter(|p| p.state == ProductionState::Applied).collect();
                if !applied.is_empty() {
                    let again = arrival(&self.store, applied[which % applied.len()].production_id, 1).await;
                    assert!(!self.store.apply_arrival(again).await.expect("answered").first_time);
                }
            }
            Event::SetStock { product, stock } => {
                self.store.set_stock(&id(*product), *stock).await.expect("set");
            }
            Event::Wait => {
                self.hands.advance_ms(500);
                self.store.rerequest_unconfirmed(Duration::from_millis(400), 10).await.expect("done");
            }
            Event::Relay => self.relay().await,
            Event::Restart => {
                self.store.close().await;
                self.store = open_with(self.database, options(&self.hands), &[]).await;
            }
        }
    }

    async fn arrive(&self, production: &AuditProduction, count: i64) {
        let asked = shop::EDITION.pieces_to_ask(production.quantity);
        match self.store.apply_arrival(arrival(&self.store, production.production_id, count).await).await {
            Ok(applied) => assert!(applied.first_time && count <= asked),
            Err(ArrivalError::TooMany { .. }) => assert!(count > asked),
            Err(error) => panic!("{error}"),
        }
    }

    async fn relay(&mut self) {
        let published = drain_outbox(&self.store).await;
        self.asked.extend(requests(&shop::EDITION, &published).into_iter().map(|(production, ..)| production));
    }
}

async fn productions(store: &Store) -> Vec<AuditProduction> {
    store.audit().productions(0, 10_000).await.expect("productions")
}

/// What must be true of a shop at every moment.
async fn check(store: &Store) {
    let audit = store.audit();
    let orders = audit.orders(0, 10_000).await.expect("orders");
    let restocks = audit.restocks(0, 10_000).await.expect("restocks");
    let adjustments = audit.adjustments(0, 10_000).await.expect("adjustments");
    for stock in audit.stocks().await.expect("stocks") {
        let sold: i64 = orders.iter().filter(|o| o.product == stock.product && o.outcome == Outcome::Sold).map(|o| o.quantity).sum();
        let arrived: i64 = restocks.iter().filter(|r| r.product == stock.product).map(|r| r.quantity).sum();
        let adjusted: i64 = adjustments.iter().filter(|a| a.product == stock.product).map(|a| a.delta).sum();
        assert!(stock.now >= 0);
        assert_eq!(stock.initial + arrived + adjusted - sold, stock.now, "conservation of {}", stock.product);
    }
    check_promises(&orders, &productions(store).await, &restocks.iter().map(|r| (r.production_id, r.quantity)).collect());
}

/// Every refusal is covered, and what covers it is under way.
fn check_promises(orders: &[AuditOrder], productions: &[AuditProduction], arrived: &HashMap<ProductionId, i64>) {
    let mut owed: HashMap<ProductionId, i64> = HashMap::new();
    for order in orders.iter().filter(|order| order.outcome == Outcome::SoldOut) {
        let production = order.production_id.expect("a refusal has a production");
        *owed.entry(production).or_default() += order.shortage;
    }
    for production in productions {
        if let Some(next) = production.continued_in {
            *owed.entry(next).or_default() += production.quantity - arrived[&production.production_id];
        }
    }
    for production in productions {
        let id = production.production_id;
        assert_eq!(owed.remove(&id), Some(production.quantity), "a production is as large as what it covers");
        assert!(production.quantity <= i64::from(MAX_QUANTITY));
        if production.state == ProductionState::Applied {
            assert!(arrived[&id] >= production.quantity || production.continued_in.is_some(), "nothing is forgotten");
        }
    }
    assert!(owed.is_empty(), "no refusal hangs in the air");
    for product in 1..=3 {
        let of = |state| productions.iter().filter(|p| p.product == id(product) && p.state == state).count();
        let (requested, gathering) = (of(ProductionState::Requested), of(ProductionState::Gathering));
        assert!(requested <= 1 && gathering <= 1);
        assert!(requested == 1 || gathering + of(ProductionState::Waiting) == 0, "nothing waits for what is not under way");
    }
}

async fn live_through(database: &impl Database, events: Vec<Event>) {
    let hands = Hands::default();
    let store = open_with(database, options(&hands), &[]).await;
    let mut life = Life { database, hands, store, asked: HashSet::new() };
    for event in &events {
        life.live(event).await;
        check(&life.store).await;
    }
    // In the end the factory delivers all it was asked for, and nobody is owed anything.
    loop {
        life.relay().await;
        let all = productions(&life.store).await;
        let Some(next) = all.iter().find(|p| p.state == ProductionState::Requested) else { break };
        assert!(life.asked.contains(&next.production_id), "the factory was asked for it");
        life.arrive(next, shop::EDITION.pieces_to_ask(next.quantity)).await;
    }
    check(&life.store).await;
    assert_eq!(life.store.status().await.expect("status").open_productions, 0);
    life.store.close().await;
}

macro_rules! lives {
    ($($kind:ident: $database:expr, $share:literal;)*) => {
        $(
            mod $kind {
                use super::*;

                proptest! {
                    // A life takes as long as many cases of a pure property, so PROPTEST_CASES counts parts of this share here.
                    #![proptest_config(ProptestConfig {
                        cases: ProptestConfig::default().cases.div_ceil($share), failure_persistence: None, ..ProptestConfig::default()
                    })]

                    #[test]
                    fn nothing_is_made_from_nothing_and_no_promise_is_forgotten(events in prop::collection::vec(event(), 1..50)) {
                        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                        runtime.block_on(async { live_through(&$database, events).await });
                    }
                }
            }
        )*
    };
}

lives! {
    sqlite: Sqlite::new(), 32;
    mysql: MySql::new().await, 64;
}
