//! The shop's own page, in a browser, with clicks; and what it answers to those who are not its page.

use std::net::SocketAddr;

use clap::Parser;
use reference::config::ServeSettings;
use reference::config::args::ServeArgs;
use reference::serve::{self, ServeError};
use tempfile::TempDir;
use testbed::Browser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Parser)]
struct Words {
    #[command(flatten)]
    args: ServeArgs,
}

/// A shop with a page, in this process.
struct OpenShop {
    page: String,
    stop: CancellationToken,
    served: JoinHandle<Result<(), ServeError>>,
    _folder: TempDir,
}

impl OpenShop {
    async fn open(edition: &str, stock: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        let words =
            ["serve", "--live", "--edition", edition, "--data", data, "--stock", stock, "--factory-time", "300ms", "--factory-jitter", "0"];
        let settings = ServeSettings::check(&Words::parse_from(words).args, &|_| None).unwrap();
        let running = serve::start(settings).await.unwrap();
        let page = running.ready().addresses["live"].clone();
        let stop = CancellationToken::new();
        let served = tokio::spawn(running.until(stop.clone()));
        Self { page, stop, served, _folder: folder }
    }

    async fn close(self) {
        self.stop.cancel();
        self.served.await.unwrap().unwrap();
    }

    /// The status of a request that is written by hand.
    async fn asked(&self, head: &str, body: &str) -> u16 {
        let address: SocketAddr = self.page.strip_prefix("http://").unwrap().parse().unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("{head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).replace("OWN", &address.to_string());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_buys_the_last_doughnut_watches_the_factory_refill_and_stops_the_ads() {
    let shop = OpenShop::open("donut", "1").await;
    let mut browser = Browser::start().await.unwrap();
    browser.open(&shop.page).await.unwrap();
    browser
        .until("document.documentElement.dataset.ready && document.querySelector('.product .left')?.textContent === '1 left'")
        .await
        .unwrap();

    // The first stop on the keyboard's way is past everything to the shop.
    browser.press("Tab").await.unwrap();
    assert_eq!(browser.value("document.activeElement.className").await.unwrap(), "skip");

    browser.click("[data-buy]").await.unwrap();
    browser.until("document.querySelector('#said.sold')?.textContent === 'Bought 1. 0 left.'").await.unwrap();
    browser.click("[data-buy]").await.unwrap();
    browser.until("document.querySelector('#said.refused')").await.unwrap();
    assert_eq!(browser.value("document.querySelector('#ad').className").await.unwrap(), "ad", "the ads run until somebody stops them");
    browser.click("#inbox [data-mail]").await.unwrap();
    browser.until("document.querySelector('#ad.stopped')?.textContent.includes('The ads are stopped.')").await.unwrap();
    browser.until("document.querySelector('.product .left')?.textContent === '1 left'").await.unwrap();
    assert_eq!(browser.value("document.querySelector('#refused').textContent").await.unwrap(), "1");

    assert_eq!(browser.barriers().await.unwrap(), Vec::<String>::new());
    browser.click("#theme").await.unwrap();
    browser.click("#language").await.unwrap();
    browser.until("document.documentElement.lang === 'ko' && document.querySelector('h1').textContent === '도너츠 가게'").await.unwrap();
    assert!(browser.value("document.querySelector('.picture svg').textContent").await.unwrap().to_string().contains("재고 보충"));
    assert_eq!(browser.barriers().await.unwrap(), Vec::<String>::new(), "in the other colours and the other language");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    assert_eq!(browser.value("document.documentElement.dataset.errors ?? null").await.unwrap(), serde_json::Value::Null);

    shop.close().await;
    browser.until("document.querySelector('#connection').textContent.includes('문을 닫았습니다')").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_the_other_edition_sells_its_items() {
    let shop = OpenShop::open("shop", "2").await;
    let mut browser = Browser::start().await.unwrap();
    browser.open(&format!("{}/?lang=ko", shop.page)).await.unwrap();
    browser.until("document.querySelectorAll('.product').length === 3").await.unwrap();
    browser.click("[data-buy='2']").await.unwrap();
    browser.until("document.querySelector('#said.sold')?.textContent === '1개 구매 완료. 남은 재고 1개.'").await.unwrap();
    browser.until("document.querySelector('[data-node=\"queue:delivery-queue\"]')").await.unwrap();
    assert_eq!(browser.complaints(), Vec::<String>::new());
    shop.close().await;
}

#[tokio::test]
async fn the_page_answers_to_nobody_but_itself() {
    let shop = OpenShop::open("donut", "5").await;
    let buy = r#"{"MessageAttributeProductCnt":1,"MessageAttributeFactoryId":"FF-500293","requester":"me"}"#;
    let post = "POST /checkout HTTP/1.1\r\nhost: OWN\r\ncontent-type: application/json";
    assert_eq!(shop.asked("GET / HTTP/1.1\r\nhost: OWN", "").await, 200);
    assert_eq!(shop.asked("GET /product/donut HTTP/1.1\r\nhost: OWN", "").await, 200);
    assert_eq!(shop.asked(post, buy).await, 200, "curl may");
    assert_eq!(shop.asked(&format!("{post}\r\norigin: http://OWN\r\nsec-fetch-site: same-origin"), buy).await, 200, "the page may");
    assert_eq!(shop.asked(&format!("{post}\r\norigin: http://evil.example"), buy).await, 403);
    assert_eq!(shop.asked(&format!("{post}\r\nsec-fetch-site: cross-site"), buy).await, 403);
    assert_eq!(shop.asked("GET /product/donut HTTP/1.1\r\nhost: evil.example", "").await, 421);
    assert_eq!(shop.asked("GET /events HTTP/1.1\r\nhost: evil.example:80", "").await, 421);
    assert_eq!(shop.asked("GET /elsewhere HTTP/1.1\r\nhost: OWN", "").await, 404);
    shop.close().await;
}
