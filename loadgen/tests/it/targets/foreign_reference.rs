//! The reference as a stranger: started by somebody else, known by the contract alone. What it shows must hold.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use chaos::port::KeptPort;
use loadgen::verify::judgement::{Judgement, Verdict};
use loadgen::verify::property::Property;
use serde_json::Value;
use testbed::MariaDb;

use super::{first_contact, property, run_against, run_told, target};
use crate::whole_command::{Desk, text, under_load, until};

/// The reference without its factory, which the harness plays. Ends when the value is dropped.
pub(crate) struct Foreign {
    process: Child,
    addresses: Value,
    /// Where the harness is to play the factory.
    factory: KeptPort,
}

impl Foreign {
    fn start(desk: &Desk, edition: &str, variables: &[(&str, &str)]) -> Self {
        let factory = KeptPort::any().unwrap();
        let roles = ["broker", "sales", "relay", "replenish", "receiving", "advertising", "operations"];
        let mut process = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(["reference", "serve"])
            .args(roles)
            .args(["--ready", "json", "--exit-with-parent", "--log-level", "warn", "--edition", edition, "--stock", "90"])
            .args(["--factory-url", &format!("http://{}", factory.address().unwrap()), "--broker-storage", "memory", "--data"])
            .arg(desk.path("shop"))
            .env_remove("RUST_LOG")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { process, addresses: ready["addresses"].clone(), factory }
    }

    /// Lets it end by itself, as it does when nobody holds its input any more.
    pub(crate) fn stop(mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }

    fn address(&self, listener: &str) -> &str {
        self.addresses[listener].as_str().unwrap_or_else(|| panic!("no {listener} in {}", self.addresses))
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A foreign reference with these variables in its environment, and the ready file of its edition with its addresses.
pub(crate) fn foreign(desk: &Desk, edition: &str, variables: &[(&str, &str)]) -> (Foreign, String) {
    let foreign = Foreign::start(desk, edition, variables);
    let file = std::fs::read_to_string(target(&format!("{edition}.toml"))).unwrap();
    let file = file
        .replace("http://127.0.0.1:8080", foreign.address("sales"))
        .replace("127.0.0.1:8081", &foreign.factory.address().unwrap().to_string())
        .replace("http://127.0.0.1:4566", foreign.address("broker"));
    (foreign, file)
}

fn judge(edition: &str) {
    let desk = Desk::new(&first_contact(""));
    let (_foreign, file) = foreign(&desk, edition, &[]);
    std::fs::write(desk.path("target.toml"), file).unwrap();
    let (code, result) = run_against(&desk, desk.path("target.toml").to_str().unwrap());
    assert_eq!((code, result.verdict()), (Some(0), Verdict::Pass), "{:#?}", result.proof.reasons);
    for shown in [Property::Conservation, Property::NoOverselling, Property::NoWrongRefusal, Property::EveryPromiseKept] {
        assert_eq!(property(&result, shown).judgement, Judgement::Holds, "{}", shown.name());
    }
    assert_eq!(property(&result, Property::NoLostOrder).judgement, Judgement::NotJudged, "no Node.js system of the course shows a ledger");
}

#[test]
fn the_donut_edition_passes_through_the_foreign_door() {
    judge("donut");
}

#[test]
fn the_shop_edition_passes_through_the_foreign_door() {
    judge("shop");
}

const PASSWORD: &str = "FOREIGN_SHOP_PASSWORD";

/// Stock and ledger in SQL. A sum is a decimal number to the server.
const IN_SQL: &str = r#"
[stock]
database = "ADDRESS"
read = "SELECT SUM(stock) FROM products WHERE product_id = {product}"
reset = "UPDATE products SET stock = {quantity} WHERE product_id = {product}"

[ledger]
database = "ADDRESS"
read = "SELECT idempotency_key, product_id, SUM(quantity) AS pieces FROM orders WHERE outcome = 'sold' GROUP BY idempotency_key, product_id"
key = "idempotency_key"
product = "product_id"
quantity = "pieces"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_on_a_database_server_shows_its_stock_and_ledger_in_sql() {
    let server = MariaDb::shared().await;
    let url = server.url(&server.fresh_database().await);
    let judged = tokio::task::spawn_blocking(move || judge_in_sql(&url)).await;
    judged.unwrap();
}

fn judge_in_sql(url: &str) {
    let desk = Desk::new(&first_contact(""));
    let (_foreign, file) = foreign(&desk, "donut", &[("DATABASE_URL", url)]);
    let account = url.strip_prefix("mysql://").unwrap();
    let (user, rest) = account.split_once(':').unwrap();
    let (password, place) = rest.split_once('@').unwrap();
    let over_http = "[stock]\nread = \"GET /product/donut\"\nat = \"/stock\"\n";
    assert!(file.contains(over_http), "{file}");
    let in_sql = IN_SQL.replace("ADDRESS", &format!("mysql://{user}:{{env:{PASSWORD}}}@{place}"));
    std::fs::write(desk.path("target.toml"), file.replace(over_http, &in_sql)).unwrap();

    let told = desk.loadgen(&["target", "check", "target.toml"]).env_remove(PASSWORD).output().unwrap();
    assert!(text(&told.stderr).contains(&format!("needs {PASSWORD} in the environment")), "{}", text(&told.stderr));

    let (code, result) = run_told(&desk, desk.path("target.toml").to_str().unwrap(), &[(PASSWORD, password)]);
    assert_eq!((code, result.verdict()), (Some(0), Verdict::Pass), "{:#?}", result.proof.reasons);
    for shown in [Property::Conservation, Property::NoOverselling, Property::NoLostOrder, Property::NoPhantomSale] {
        assert_eq!(property(&result, shown).judgement, Judgement::Holds, "{}", shown.name());
    }
    let plan = std::fs::read_to_string(desk.run_folder().join("plan.json")).unwrap();
    assert!(plan.contains(PASSWORD) && !plan.contains(password), "a run folder may be given to anybody");
}

/// The queues of an endpoint that are called as observers are.
fn observers(endpoint: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://")).unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-amz-target: AmazonSQS.ListQueues\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let listed: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let urls = listed["QueueUrls"].as_array().cloned().unwrap_or_default();
    urls.iter().filter_map(|url| url.as_str()).filter(|url| url.contains("rushproof-observer-")).map(str::to_owned).collect()
}

#[test]
fn a_harness_that_is_killed_leaves_no_observer_on_somebody_elses_endpoint() {
    let desk = Desk::new(&first_contact("").replace("duration = \"5s\"", "duration = \"10m\""));
    let (foreign, file) = foreign(&desk, "donut", &[]);
    std::fs::write(desk.path("target.toml"), file).unwrap();
    let mut child = desk.loadgen(&["--target", "target.toml", "--scenario", "scenario.toml", "--out", "runs"]).spawn().unwrap();
    under_load(&desk);
    let endpoint = foreign.address("broker");
    assert!(!observers(endpoint).is_empty(), "somebody observes");
    child.kill().unwrap();
    child.wait().unwrap();
    until("the observers to be gone", || observers(endpoint).is_empty().then_some(()));
    until("the temporary files to be gone", || desk.temporary_files().is_empty().then_some(()));
}
