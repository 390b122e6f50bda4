//! The pipeline as functions, driven and judged by the harness as any pipeline that runs already.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadgen::ground::Ground;
use loadgen::plan::Part;
use loadgen::progress::Display;
use loadgen::run::interrupt::Interrupts;
use loadgen::scenario::Scenario;
use loadgen::shards::{Common, buy, merge, watch};
use loadgen::verify::judgement::{Judgement, Verdict};
use reference::edition::EditionName;
use testbed::MariaDb;

use crate::emulator::Cloud;

/// A few seconds of everything: sales, double clicks, a sell-out, restocks, mails. Buyers are patient, because an instance of a function answers one request
/// at a time.
const SCENARIO: &str = r#"
name = "functions"
about = "A few seconds of everything, against functions."
edition = "EDITION"

[stock]
# Out of it ten orders of two pieces at most can be sold, however late the first restock comes.
STOCK

[[stage]]
name = "arrive"
duration = "6s"
rate = "6/s"

[buyers]
browse = "10%"
quantities = { "1" = "80%", "2" = "20%" }
double_click = "5%"
patience = "10s"
retries = 2
retry_after = "500ms"
come_back = "50%"
come_back_after = "2s"
come_backs = 1

[pipeline]
production_time = "300ms"
factory_capacity = 4
visibility_timeout = "8s"
confirm_after = "10s"

[drain]
timeout = "90s"

[expect]
min_sold = 10
min_sold_out = 1
min_restocks = 1

[limits]
lateness_p99 = "10s"
recovery = "90s"
"#;

/// How long the functions may take to come up.
const COMES_UP: Duration = Duration::from_secs(20);

fn scenario(edition: EditionName, stock: &str) -> Scenario {
    Scenario::parse("functions.toml", &SCENARIO.replace("EDITION", &edition.to_string()).replace("STOCK", stock)).unwrap()
}

fn common(cloud: &Cloud, edition: EditionName, stock: &str, folder: &Path) -> Common {
    let system = folder.join("system.json");
    let addresses = serde_json::json!({
        "edition": edition.to_string(),
        "addresses": { "sales": format!("{}/sales", cloud.addresses), "factory": cloud.factory, "broker": cloud.broker },
        "database_url": cloud.database_url,
    });
    std::fs::write(&system, addresses.to_string()).unwrap();
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + COMES_UP;
    Common {
        scenario: scenario(edition, stock),
        seed: 5,
        run_id: "functions".to_owned(),
        start_at_unix_us: u64::try_from(start.as_micros()).unwrap(),
        clock_uncertainty: Duration::from_millis(5),
        system: Some(system),
        allow_remote: Vec::new(),
        out: folder.join("parts"),
        display: Display::Hidden,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_stages_as_functions_pass_every_property() {
    let cloud = Cloud::start(EditionName::Donut, "CP-502101=20", None).await;
    judge(&cloud, EditionName::Donut, "\"CP-502101\" = 20").await;
}

/// The edition whose goods come back through a queue, on the kind of database that it has on AWS.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_shop_edition_as_functions_on_a_database_server_passes_every_property() {
    let server = MariaDb::shared().await;
    let database = server.url(&server.fresh_database().await);
    let cloud = Cloud::start(EditionName::Shop, "1=14,2=6,3=3", Some(database)).await;
    judge(
        &cloud,
        EditionName::Shop,
        "\"1\" = { pieces = 14, share = \"60%\" }\n\"2\" = { pieces = 6, share = \"30%\" }\n\"3\" = { pieces = 3, share = \"10%\" }",
    )
    .await;
}

async fn judge(cloud: &Cloud, edition: EditionName, stock: &str) {
    let folder = tempfile::tempdir().unwrap();
    let common = common(cloud, edition, stock, folder.path());
    let whole = "1/1".parse::<Part>().unwrap();
    let (watched, bought) = (
        watch::Order { common: common.clone(), parts: whole.of(), ground: Ground::default() },
        buy::Order { common: common.clone(), part: whole },
    );
    let interrupts = Interrupts::default();
    let (watched, bought) = tokio::join!(watch::watch(&watched, &interrupts), buy::buy(&bought, &interrupts));
    assert!(watched.unwrap() && bought.unwrap());
    let order =
        merge::Order { folders: vec![common.run_folder()], out: folder.path().join("runs"), clock_uncertainty: None, baseline: None };
    let finished = merge::merge(&order).unwrap();
    let proof = &finished.result.proof;
    assert_eq!(proof.verdict, Verdict::Pass, "{:#?}", proof.reasons);
    assert!(proof.properties.iter().all(|result| result.judgement == Judgement::Holds), "{:#?}", proof.properties);
}
