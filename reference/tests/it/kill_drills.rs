//! Each crash point, each time the same story: the role dies there by SIGKILL in the middle of traffic, comes back, and in the end
//! nothing is lost and nothing has happened twice.

use std::time::Duration;

use reference::drills::POINTS;
use reference::edition::EditionName;
use tokio::task::JoinSet;

use crate::books::Books;
use crate::buyers::{Bought, Shop};
use crate::control_room::ControlRoom;
use crate::fleet::{Fleet, Node, ROLES, was_killed};
use crate::store_support::Database;

/// Orders before and while the role is dead, and after it is back.
const ORDERS: usize = 12;
const LATER_ORDERS: usize = 4;

/// Short times, so that redelivery and repeated requests happen within a test.
const HURRIED: [&str; 14] = [
    "--stock",
    "5",
    "--visibility-timeout",
    "2s",
    "--max-receive-count",
    "20",
    "--confirm-after",
    "2s",
    "--relay-lease",
    "2s",
    "--factory-time",
    "50ms",
    "--factory-jitter",
    "50ms",
];

macro_rules! drills {
    ($($name:ident: $point:literal in $edition:ident;)*) => {
        mod sqlite {
            use super::*;
            use crate::store_support::Sqlite;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    drill(&Sqlite::new(), EditionName::$edition, $point).await;
                }
            )*
        }

        mod mysql {
            use super::*;
            use crate::store_support::MySql;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    drill(&MySql::new().await, EditionName::$edition, $point).await;
                }
            )*
        }

        /// The points that are drilled.
        const DRILLED: &[&str] = &[$($point),*];
    };
}

drills! {
    sales_dies_between_commit_and_answer: "sales.committed-not-answered" in Donut;
    relay_dies_between_claim_and_publication: "relay.claimed-not-published" in Donut;
    relay_dies_between_publication_and_its_mark: "relay.published-not-marked" in Donut;
    replenish_dies_before_it_calls_the_factory: "replenish.received-not-called" in Donut;
    replenish_dies_between_the_call_and_its_record: "replenish.called-not-recorded" in Shop;
    replenish_dies_between_the_record_and_the_acknowledgement: "replenish.recorded-not-deleted" in Donut;
    factory_dies_with_an_accepted_order: "factory.accepted-not-produced" in Donut;
    factory_dies_with_a_finished_production: "factory.produced-not-called-back" in Donut;
    receiving_dies_between_the_stock_and_its_answer: "receiving.applied-not-answered" in Donut;
    receiving_dies_between_the_stock_and_the_acknowledgement: "receiving.applied-not-deleted" in Shop;
    advertising_dies_before_the_mail: "advertising.recorded-not-mailed" in Donut;
    advertising_dies_between_the_mail_and_its_record: "advertising.mailed-not-recorded" in Donut;
    advertising_dies_between_the_record_and_the_acknowledgement: "advertising.recorded-not-deleted" in Shop;
    operations_dies_between_the_record_and_the_acknowledgement: "operations.recorded-not-deleted" in Donut;
}

#[test]
fn every_crash_point_is_drilled() {
    let mut points = POINTS.to_vec();
    let mut drilled = DRILLED.to_vec();
    points.sort_unstable();
    drilled.sort_unstable();
    assert_eq!(drilled, points);
}

async fn drill(database: &impl Database, edition: EditionName, point: &str) {
    let (role, _) = point.split_once('.').unwrap();
    let mut fleet = Fleet::new(edition, &HURRIED).on(database);
    let (rest, mut victim) = start(&mut fleet, role, point).await;
    let sales = if role == "sales" { &victim } else { &rest }.address("sales").to_owned();
    let shop = Shop::new(edition, &sales);

    let buyers = buy(&shop, 0..ORDERS);
    let status = victim.ended().await;
    assert!(was_killed(status), "{role} was to be killed at {point}, and ended with {status}");
    let revived = fleet.restart(&victim).await;
    let mut answered = buyers.join_all().await;
    answered.extend(buy(&shop, ORDERS..ORDERS + LATER_ORDERS).join_all().await);

    finish(&fleet, rest.address("broker"), &answered, ORDERS + LATER_ORDERS).await;
    for node in [revived, rest] {
        assert!(node.end().await.success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_dies_in_the_middle_of_traffic() {
    let mut fleet = Fleet::new(EditionName::Donut, &HURRIED);
    let mut broker = fleet.start(&["broker"], None).await;
    let rest = fleet.start(&ROLES[1..], None).await;
    let shop = Shop::new(EditionName::Donut, rest.address("sales"));
    let mut answered = buy(&shop, 0..ORDERS / 2).join_all().await;
    let buyers = buy(&shop, ORDERS / 2..ORDERS);
    broker.signal(nix::sys::signal::Signal::SIGKILL);
    assert!(was_killed(broker.ended().await));
    // Nobody has to wait for the broker to sell, or to be refused.
    answered.extend(buyers.join_all().await);
    let revived = fleet.restart(&broker).await;
    finish(&fleet, revived.address("broker"), &answered, ORDERS).await;
    for node in [rest, revived] {
        assert!(node.end().await.success());
    }
}

/// Waits for rest, and asserts that the books balance and hold what was answered.
async fn finish(fleet: &Fleet, broker: &str, answered: &[Bought], orders: usize) {
    let room = ControlRoom::open(fleet.edition, broker, &fleet.database_url()).await;
    room.rest_without_dead_letters().await;
    let books = Books::read(&fleet.database_url()).await;
    books.assert_sound();
    books.assert_holds(&answered.iter().map(|bought| (bought.order, bought.outcome, bought.quantity)).collect::<Vec<_>>());
    assert_eq!(books.orders.len(), orders, "each key is one order, however often it was sent");
}

/// Starts the victim and a process with everybody else, in the order in which they need each other's addresses.
async fn start(fleet: &mut Fleet, role: &str, point: &str) -> (Node, Node) {
    let others: Vec<_> = ROLES.into_iter().filter(|other| *other != role).collect();
    let is_called_by_others = matches!(role, "factory" | "receiving") && fleet.edition == EditionName::Donut;
    if is_called_by_others {
        let victim = fleet.start(&[role], Some(point)).await;
        (fleet.start(&others, None).await, victim)
    } else {
        let rest = fleet.start(&others, None).await;
        let victim = fleet.start(&[role], Some(point)).await;
        (rest, victim)
    }
}

fn buy(shop: &Shop, orders: std::ops::Range<usize>) -> JoinSet<Bought> {
    let mut buyers = JoinSet::new();
    for n in orders {
        let shop = shop.clone();
        buyers.spawn(async move {
            // One after the other, so that sales and refusals alternate with restocks.
            tokio::time::sleep(Duration::from_millis(40) * u32::try_from(n % ORDERS).unwrap()).await;
            shop.buy(&format!("order-{n}"), 1 + i64::try_from(n % 3).unwrap()).await
        });
    }
    buyers
}
