//! What nobody else may know stands in no log line of the pipeline, however much it is told to log.

use std::process::Stdio;
use std::time::Duration;

use reference::domain::Outcome;
use reference::edition::EditionName;
use reference::serve::ready::Ready;
use sqlx::Connection as _;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::buyers::Shop;
use crate::fleet::Fleet;
use crate::http_client::Http;
use crate::store_support::{Database as _, MySql};
use crate::wait;

const SOON: Duration = Duration::from_secs(60);

/// What the surroundings of the process hold.
const PLANTED: [(&str, &str); 3] = [
    ("REFERENCE_ADMIN_KEY", "planted-admin-key-0123456789"),
    ("AWS_SECRET_ACCESS_KEY", "planted-aws-secret-0123456789"),
    ("AWS_SESSION_TOKEN", "planted-session-token-0123456789"),
];

/// A pipeline that logs all that it does sells out, is restocked, is asked by strangers, and ends. What it logged, and the tokens it gave out.
async fn logged(edition: EditionName) -> (String, Vec<String>, String) {
    let database = MySql::new().await;
    let fleet = Fleet::new(edition, &[]).on(&database);
    let log = fleet.data().join("log");
    let mut command = fleet.command(&["serve", "--stock", if edition == EditionName::Donut { "2" } else { "2=2" }]);
    command.args(["--ready", "json", "--exit-with-parent", "--log-level", "debug"]).envs(PLANTED).env_remove("AWS_ENDPOINT_URL");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(SOON, lines.next_line()).await.expect("ready in time").unwrap();
    let ready: Ready = serde_json::from_str(&line.expect("a ready line")).unwrap();

    let sales = &ready.addresses["sales"];
    let shop = Shop::new(edition, sales);
    assert_eq!(shop.buy("first", 2).await.outcome, Outcome::Sold);
    assert_eq!(shop.buy("second", 1).await.outcome, Outcome::SoldOut);
    wait::until("the restock", SOON, async || shop.stock().await, |stock| *stock > 0).await;
    let http = Http::new();
    if let Some(receiving) = ready.addresses.get("receiving") {
        let guess = format!("{receiving}/product/donut?production=0192f0c1-2345-7abc-8def-0123456789ab&token=guessed");
        assert_eq!(http.post(&guess, &serde_json::json!({"MessageAttributeProductCnt": 1})).await.unwrap().status, 403);
    }
    assert_ne!(http.get(&format!("{}/metrics", ready.addresses["admin"])).await.unwrap().status, 500);
    drop(child.stdin.take());
    tokio::time::timeout(SOON, child.wait()).await.expect("it ends when its parent does").unwrap();

    let mut connection = database.server.connect(&database.name).await.unwrap();
    let tokens: Vec<(String,)> = sqlx::query_as("SELECT token FROM productions").fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let password = database.url().split([':', '@']).nth(2).unwrap().to_owned();
    (std::fs::read_to_string(&log).unwrap(), tokens.into_iter().map(|(token,)| token).collect(), password)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_that_logs_everything_it_does_logs_no_key_password_or_token() {
    for edition in [EditionName::Donut, EditionName::Shop] {
        let (log, tokens, password) = logged(edition).await;
        assert!(log.lines().count() > 20 && !tokens.is_empty(), "{log}");
        let planted = PLANTED.map(|(name, value)| (name, value.to_owned()));
        let tokens = tokens.into_iter().map(|token| ("a production's token", token));
        for (name, secret) in planted.into_iter().chain(tokens).chain([("the database's password", password)]) {
            let line = log.lines().find(|line| line.contains(&secret));
            assert!(line.is_none(), "{name} is logged by the {edition:?} edition: {}", line.unwrap_or_default());
        }
    }
}
