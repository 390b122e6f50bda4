//! AWS on a machine of one's own: the embedded broker in the place of SQS, SNS and SES, `cargo lambda watch` in the place of Lambda, and the
//! event sources and the schedule between them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use functions::event_source::Functions;
use loadgen::observe::http::Reader;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use reference::broker::{Broker, BrokerOptions};
use reference::edition::EditionName;
use reference::edition::topology::{QueueSettings, Topology};
use reference::factory::{DeliveryTopic, Factory, FactoryOptions, ReturnPath};
use reference::messaging::config::AwsConfig;
use reference::messaging::provision::ProvisionOptions;
use reference::messaging::{Aws, provision::Provisioned};
use serde_json::json;
use testbed::KeptPort;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long anything may take to come up on a crowded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a message stays hidden; above the time in which a function must answer.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(8);

/// Everything that runs. Ends with the value.
pub(crate) struct Cloud {
    pub(crate) broker: String,
    pub(crate) factory: String,
    /// Where the functions with an address of their own are.
    pub(crate) addresses: String,
    pub(crate) database_url: String,
    stop: CancellationToken,
    _runtime: Runtime,
    _port: KeptPort,
    _data: tempfile::TempDir,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Cloud {
    /// The shop of an edition with such a stock ("CP-502101=12"), as functions; on a database of its own, or on one that is there.
    pub(crate) async fn start(name: EditionName, stock: &str, database: Option<String>) -> Self {
        let (edition, data) = (name.edition(), testbed::folder::in_memory("functions-", 1 << 30).unwrap());
        let stop = CancellationToken::new();
        let broker = broker(&stop).await;
        let aws = Aws::new(&AwsConfig::local(&broker)).unwrap();
        let settings = QueueSettings { visibility_timeout: VISIBILITY, ..QueueSettings::default() };
        let topology = Topology::of(edition, settings);
        let there = aws.provision(&topology, &ProvisionOptions::default()).await.unwrap();
        let return_path = match edition.delivery_topic {
            None => ReturnPath::Callback,
            Some(topic) => ReturnPath::Delivery(DeliveryTopic { publisher: aws.publisher(there.topic_arns.clone()), topic, edition }),
        };
        let factory = factory(data.path(), return_path, &stop).await;

        // The runtime must be told a port, and cannot tell which it took.
        let kept = KeptPort::any().unwrap();
        let port = kept.address().unwrap().port();
        let lambda = format!("http://127.0.0.1:{port}");
        let database_url = database.unwrap_or_else(|| format!("sqlite://{}", data.path().join("shop.db").display()));
        let variables = [
            ("AWS_ENDPOINT_URL", broker.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("DATABASE_URL", database_url.clone()),
            ("FACTORY_URL", factory.clone()),
            ("CALLBACK_URL", format!("{lambda}/lambda-url/receiving/product/donut")),
            ("REFERENCE_EDITION", name.to_string()),
            ("REFERENCE_STOCK", stock.to_owned()),
            ("REFERENCE_CONFIRM_AFTER", "10s".to_owned()),
            ("TOPIC_ARN", there.topic_arns[edition.stock_topic].clone()),
            ("RUST_LOG", "warn".to_owned()),
        ];
        let runtime = Runtime::start(port, &variables);
        until_it_listens(port).await;
        until_it_sells(&format!("{lambda}/lambda-url/sales{}", if edition.callback_path.is_some() { "/product/donut" } else { "/item" }))
            .await;
        let functions = Functions::at(&lambda);
        let mut consumers =
            vec![("replenish", edition.stock_queue), ("advertising", edition.ad_queue), ("operations", edition.operations_queue)];
        consumers.extend(edition.delivery_queue.map(|queue| ("receiving", queue)));
        for (role, _) in &consumers {
            let nothing = functions.invoke(role, &json!({ "Records": [] })).await.unwrap();
            assert_eq!(nothing, json!({ "batchItemFailures": [] }));
        }
        tokio::spawn({
            let (functions, stop) = (functions.clone(), stop.clone());
            async move { functions.wake_relay(Duration::from_secs(2), stop).await }
        });
        for (role, queue) in consumers {
            feed(&functions, &aws, &there, queue, role, &stop);
        }
        Self { broker, factory, addresses: format!("{lambda}/lambda-url"), database_url, stop, _runtime: runtime, _port: kept, _data: data }
    }
}

async fn broker(stop: &CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let broker = Broker::open(BrokerOptions { folder: None, ..BrokerOptions::default() }).unwrap();
    let stop = stop.clone();
    tokio::spawn(async move { broker.serve(listener, stop).await });
    address
}

async fn factory(data: &Path, return_path: ReturnPath, stop: &CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let options = FactoryOptions {
        production_time: Duration::from_millis(300),
        production_jitter: Duration::ZERO,
        capacity: 4,
        ..FactoryOptions::default()
    };
    let factory = Factory::open(options, &data.join("factory.db"), return_path).await.unwrap();
    tokio::spawn(factory.run(listener, stop.clone()));
    address
}

fn feed(functions: &Functions, aws: &Aws, there: &Provisioned, queue: &str, role: &'static str, stop: &CancellationToken) {
    let (functions, queue, stop) = (functions.clone(), there.queue(aws, queue).unwrap(), stop.clone());
    tokio::spawn(async move { functions.feed(queue, VISIBILITY, role, stop).await });
}

/// `cargo lambda`, from the path or where the test command puts it.
fn cargo_lambda() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin");
    let found = std::env::split_paths(&path).chain([tools]).map(|folder| folder.join("cargo-lambda")).find(|file| file.is_file());
    found.expect("cargo-lambda is missing: `pip install cargo-lambda`, or run scripts/test.sh, which puts it into target/tools")
}

/// `cargo lambda watch`, which starts a function when it is first invoked. It ends with the value, and all functions with it: by their group, and
/// because there is nobody left to ask for work.
struct Runtime(Child);

impl Runtime {
    fn start(port: u16, variables: &[(&str, String)]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        // It ends with this process, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(cargo_lambda()).args(["lambda", "watch", "--ignore-changes"]);
        command.args(["--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()]);
        command.current_dir(folder.join("local")).env("CARGO_TARGET_DIR", folder.join("../target/local"));
        command.env("FUNCTIONS_PROGRAM", env!("CARGO_BIN_EXE_functions")).envs(variables.iter().map(|(name, value)| (*name, value)));
        Self(command.stdin(Stdio::null()).process_group(0).kill_on_drop(true).spawn().unwrap())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let group = self.0.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        // Gone already is what is wanted.
        let _ = group.map(|group| killpg(group, Signal::SIGKILL));
    }
}

async fn until_it_listens(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < deadline, "cargo lambda watch did not listen within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The first visitor of its page starts the shop, which makes its tables.
async fn until_it_sells(page: &str) {
    let reader = Reader::default();
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = reader.get::<serde_json::Value>(page).await {
        assert!(Instant::now() < deadline, "the shop did not open within {PATIENCE:?}: {error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
