//! The whole story over real sockets: a rush, a sell-out, one production, one restock, buying again; the ads stopped, operations informed.

use std::time::Duration;

use clap::Parser;
use reference::config::ServeSettings;
use reference::config::args::ServeArgs;
use reference::domain::Outcome;
use reference::edition::EditionName;
use reference::serve::{self, Running};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::books::Books;
use crate::buyers::Shop;
use crate::control_room::ControlRoom;
use crate::fleet::{Fleet, ROLES};
use crate::http_client::Http;
use crate::store_support::{Database, MySql, Sqlite};
use crate::wait;

const SOON: Duration = Duration::from_secs(60);

#[derive(Debug, Parser)]
struct Words {
    #[command(flatten)]
    args: ServeArgs,
}

/// A pipeline in this process, in a folder of its own.
async fn in_one_process(folder: &TempDir, edition: EditionName, words: &[&str]) -> Running {
    let data = folder.path().to_str().unwrap();
    let all = ["serve", "--edition", edition.as_str(), "--data", data].into_iter().chain(words.iter().copied());
    let settings = ServeSettings::check(&Words::parse_from(all).args, &|_| None).unwrap();
    serve::start(settings).await.unwrap()
}

fn database_url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("shop.db").display())
}

async fn story(edition: EditionName, sales: &str, broker: &str, database_url: &str) {
    let shop = Shop::new(edition, sales);
    let room = ControlRoom::open(edition, broker, database_url).await;
    assert_eq!(shop.stock().await, 4);
    for n in 0..4 {
        let bought = shop.buy(&format!("early-{n}"), 1).await;
        assert_eq!((bought.outcome, bought.message, bought.stock), (Outcome::Sold, format!("구매 완료! 남은 재고: {}", 3 - n), 3 - n));
    }
    let refused = shop.buy("too-late", 3).await;
    assert_eq!((refused.outcome, refused.message.as_str()), (Outcome::SoldOut, "구매 실패! 남은 재고: 0, 생산요청 진행중"));
    // The donut factory is asked for what is missing, the shop factory for twice as much.
    let restocked = 3 * edition.edition().pieces_per_shortage;
    let stock = wait::until("the restock", SOON, async || shop.stock().await, |stock| *stock > 0).await;
    assert_eq!(stock, restocked);
    assert_eq!(shop.buy("again", 3).await.outcome, Outcome::Sold);
    room.rest_without_dead_letters().await;

    let books = Books::read(database_url).await;
    books.assert_sound();
    assert_eq!((books.productions.len(), books.restocks.len(), books.restocks[0].quantity), (1, 1, restocked));
    assert_eq!((books.orders.len(), books.operations.len(), books.episodes.len()), (6, 6, 1));
    assert_eq!(shop.stock().await, restocked - 3);
    assert_the_ads_were_stopped(broker, edition).await;
    // Asking again with a key that was answered changes nothing.
    assert_eq!(shop.buy("early-0", 1).await.stock, 3);
    assert_eq!(Books::read(database_url).await.orders.len(), 6);
}

/// One e-mail to the person in charge, naming the product.
async fn assert_the_ads_were_stopped(broker: &str, edition: EditionName) {
    let sent = Http::new().get(&format!("{broker}/_aws/ses")).await.unwrap();
    let mails = sent.json()["messages"].as_array().cloned().unwrap_or_default();
    assert_eq!(mails.len(), 1, "{}", sent.text);
    let product = match edition {
        EditionName::Donut => "CP-502101",
        EditionName::Shop => "Item2",
    };
    assert!(sent.text.contains("ads@example.com") && sent.text.contains(product), "{}", sent.text);
}

async fn story_in_one_process(edition: EditionName) {
    let folder = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let running = in_one_process(&folder, edition, &["--stock", "4", "--factory-time", "300ms", "--factory-jitter", "0"]).await;
    let addresses = running.ready().addresses.clone();
    let served = tokio::spawn(running.until(stop.clone()));
    story(edition, &addresses["sales"], &addresses["broker"], &database_url(&folder)).await;
    stop.cancel();
    served.await.unwrap().unwrap();
}

async fn story_with_a_process_per_role(database: &impl Database, edition: EditionName) {
    let mut fleet = Fleet::new(edition, &["--stock", "4", "--factory-time", "300ms", "--factory-jitter", "0"]).on(database);
    let mut nodes = Vec::new();
    for role in ROLES {
        nodes.push(fleet.start(&[role], None).await);
    }
    let address = |role: &str| nodes.iter().find_map(|node| node.ready.addresses.get(role)).unwrap().clone();
    story(edition, &address("sales"), &address("broker"), &fleet.database_url()).await;
    for node in nodes.into_iter().rev() {
        assert!(node.end().await.success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_donut_edition_tells_the_whole_story_in_one_process() {
    story_in_one_process(EditionName::Donut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shop_edition_tells_the_whole_story_in_one_process() {
    story_in_one_process(EditionName::Shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_donut_edition_tells_the_whole_story_with_a_process_per_role() {
    story_with_a_process_per_role(&Sqlite::new(), EditionName::Donut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shop_edition_tells_the_whole_story_with_a_process_per_role() {
    story_with_a_process_per_role(&Sqlite::new(), EditionName::Shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_donut_edition_tells_the_whole_story_with_a_process_per_role_on_a_database_server() {
    story_with_a_process_per_role(&MySql::new().await, EditionName::Donut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_buyers_that_want_one_of_20_pieces_exactly_20_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    // The factory is still producing when the last buyer is answered.
    let words = ["--stock", "20", "--factory-time", "1h", "--grace", "1s"];
    let running = in_one_process(&folder, EditionName::Donut, &words).await;
    let shop = Shop::new(EditionName::Donut, &running.ready().addresses["sales"]);
    let served = tokio::spawn(running.until(stop.clone()));
    let mut buyers = tokio::task::JoinSet::new();
    for n in 0..64 {
        let shop = shop.clone();
        buyers.spawn(async move { shop.buy(&format!("buyer-{n}"), 1).await });
    }
    let answers = buyers.join_all().await;
    let sold: Vec<_> = answers.iter().filter(|bought| bought.outcome == Outcome::Sold).collect();
    assert_eq!(sold.len(), 20);
    let mut left: Vec<_> = sold.iter().map(|bought| bought.stock).collect();
    left.sort_unstable();
    assert_eq!(left, (0..20).collect::<Vec<_>>(), "each sale left one piece less than another");
    stop.cancel();
    served.await.unwrap().unwrap();
    let books = Books::read(&database_url(&folder)).await;
    assert_eq!((books.orders.len(), books.sold_pieces()), (64, 20));
    // One production is requested of the factory; what is refused meanwhile gathers in one more.
    assert!(books.productions.len() <= 2, "{:?}", books.productions);
}
