//! The reference as a stranger: started by somebody else, known by the contract alone. What it shows must hold.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use loadgen::verify::judgement::{Judgement, Verdict};
use loadgen::verify::property::Property;
use serde_json::Value;
use testbed::MariaDb;

use super::{first_contact, property, run_against, run_told, target};
use crate::whole_command::{Desk, text};

/// The reference without its factory, which the harness plays. Ends when the value is dropped.
struct Foreign {
    process: Child,
    addresses: Value,
}

impl Foreign {
    fn start(desk: &Desk, edition: &str, factory: u16, database: Option<&str>) -> Self {
        let roles = ["broker", "sales", "relay", "replenish", "receiving", "advertising", "operations"];
        let mut process = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(["reference", "serve"])
            .args(roles)
            .args(["--ready", "json", "--exit-with-parent", "--log-level", "warn", "--edition", edition, "--stock", "90"])
            .args(["--factory-url", &format!("http://127.0.0.1:{factory}"), "--broker-storage", "memory", "--data"])
            .arg(desk.path("shop"))
            .env_remove("RUST_LOG")
            .envs(database.map(|url| ("DATABASE_URL", url)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { process, addresses: ready["addresses"].clone() }
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

/// A foreign reference, and the ready file of its edition with its addresses.
fn foreign(desk: &Desk, edition: &str, database: Option<&str>) -> (Foreign, String) {
    // Held until the harness takes it: nobody calls the factory before the run begins.
    let factory = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let foreign = Foreign::start(desk, edition, factory, database);
    let file = std::fs::read_to_string(target(&format!("{edition}.toml"))).unwrap();
    let file = file
        .replace("http://127.0.0.1:8080", foreign.address("sales"))
        .replace("127.0.0.1:8081", &format!("127.0.0.1:{factory}"))
        .replace("http://127.0.0.1:4566", foreign.address("broker"));
    (foreign, file)
}

fn judge(edition: &str) {
    let desk = Desk::new(&first_contact(""));
    let (_foreign, file) = foreign(&desk, edition, None);
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
read = "SELECT SUM(stock) FROM products WHERE product_id = '{product}'"
reset = "UPDATE products SET stock = {quantity} WHERE product_id = '{product}'"

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
    let (_foreign, file) = foreign(&desk, "donut", Some(url));
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
