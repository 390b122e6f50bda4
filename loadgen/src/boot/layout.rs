//! Which processes the pipeline is, and how each is told where the others are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reference::defects::{self, Defect};

use super::role::RoleCommand;
use crate::scenario::Scenario;

/// Names of all processes, as faults call them.
pub const ROLES: [&str; 8] = ["broker", "factory", "sales", "receiving", "relay", "replenish", "advertising", "operations"];

/// Builds the commands of all roles; addresses become known while the roles come up.
#[derive(Debug)]
pub(super) struct Layout {
    logs: PathBuf,
    common: Vec<String>,
    env: Vec<(String, String)>,
    /// The access key of everybody; to emulators that tell accounts apart, twelve digits are an account.
    account: String,
    /// Where mail is sent, when that is elsewhere.
    mail: Option<String>,
    /// Where each role finds SQS, SNS and SES.
    aws: BTreeMap<&'static str, String>,
    factory: Vec<String>,
    sales: Vec<String>,
    relay: Vec<String>,
    broker_storage: &'static str,
    database_url: String,
    /// Where each role finds the database, when that is elsewhere.
    databases: BTreeMap<&'static str, String>,
    factory_url: Option<String>,
    callback_url: Option<String>,
}

impl Layout {
    pub(super) fn new(scenario: &Scenario, seed: u64, defect: Option<Defect>, data: &Path, logs: &Path) -> Self {
        let pipeline = &scenario.pipeline;
        let database_url = format!("sqlite://{}", data.join("shop.db").display());
        let mut common = words(["--ready", "json", "--exit-with-parent", "--log", "json", "--log-level", "warn"]);
        common.extend(option("--edition", scenario.edition.as_str()));
        common.extend(option("--data", data.display()));
        common.extend(option("--seed", seed));
        common.extend(option("--visibility-timeout", time(pipeline.visibility_timeout)));
        common.extend(option("--max-receive-count", pipeline.max_receive_count));
        let mut factory = option("--factory-time", time(pipeline.production_time)).to_vec();
        factory.extend(option("--factory-capacity", pipeline.factory_capacity));
        factory.extend(option("--factory-collapse-at", pipeline.factory_collapse.unwrap_or(0)));
        // Not the seed's: two runs of one seed share nothing on an endpoint that outlives them.
        let account = rand::random_range(100_000_000_000..1_000_000_000_000_u64).to_string();
        let mut env = vec![
            ("AWS_REGION".to_owned(), "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID".to_owned(), account.clone()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), "rushproof".to_owned()),
        ];
        env.extend(defect.map(|defect| (defects::DEFECT.to_owned(), defect.to_string())));
        let mut relay = option("--confirm-after", time(pipeline.confirm_after)).to_vec();
        // What a relay that died had claimed comes back as late as what a consumer that died had received.
        relay.extend(option("--relay-lease", time(pipeline.visibility_timeout)));
        // Kept across restarts where the scenario restarts it; what was in memory only would be lost, and no contract allows that.
        let comes_back = scenario.faults.incidents.iter().any(|incident| incident.what.role() == Some("broker"));
        let broker_storage = if comes_back { "disk" } else { "memory" };
        let stock: Vec<String> = scenario.products.iter().map(|product| format!("{}={}", product.id, product.stock)).collect();
        Self {
            logs: logs.to_owned(),
            common,
            env,
            account,
            mail: None,
            aws: BTreeMap::new(),
            factory,
            sales: option("--stock", stock.join(",")).to_vec(),
            relay,
            broker_storage,
            database_url,
            databases: BTreeMap::new(),
            factory_url: None,
            callback_url: None,
        }
    }

    pub(super) fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Roles that use the database, each on a way of its own where there is a way.
    pub(super) const DATABASE_ROLES: [&'static str; 6] = ["sales", "receiving", "relay", "replenish", "advertising", "operations"];

    /// From here on this is the database.
    pub(super) fn found_database(&mut self, url: &str) {
        self.database_url = url.to_owned();
    }

    /// From here on a role goes this way to the database.
    pub(super) fn found_way_to_database(&mut self, role: &'static str, url: String) {
        self.databases.insert(role, url);
    }

    /// Roles that speak with SQS, SNS or SES, each on a way of its own.
    pub(super) const AWS_ROLES: [&'static str; 7] = ["factory", "sales", "receiving", "relay", "replenish", "advertising", "operations"];

    /// From here on a role is told where SQS, SNS and SES are.
    pub(super) fn found_aws(&mut self, role: &'static str, address: String) {
        self.aws.insert(role, address);
    }

    /// From here on mail is sent there.
    pub(super) fn found_mail(&mut self, address: String) {
        self.mail = Some(address);
    }

    /// The account on the endpoint.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// From here on every role is told where the factory is.
    pub(super) fn found_factory(&mut self, address: String) {
        self.factory_url = Some(address);
    }

    /// From here on the factory is told where to report.
    pub(super) fn found_callback(&mut self, url: &str) {
        self.callback_url = Some(url.to_owned());
    }

    pub(super) fn broker(&self) -> RoleCommand {
        self.command("broker", &option("--broker-storage", self.broker_storage))
    }

    pub(super) fn factory(&self) -> RoleCommand {
        self.command("factory", &self.factory)
    }

    pub(super) fn sales(&self) -> RoleCommand {
        self.command("sales", &self.sales)
    }

    pub(super) fn receiving(&self) -> RoleCommand {
        self.command("receiving", &[])
    }

    /// The roles that only work on queues, in no particular order.
    pub(super) fn workers(&self) -> Vec<RoleCommand> {
        let mut called = self.factory_url.iter().flat_map(|url| option("--factory-url", url)).collect::<Vec<_>>();
        called.extend(self.callback_url.iter().flat_map(|url| option("--callback-url", url)));
        vec![
            self.command("relay", &self.relay),
            self.command("replenish", &called),
            self.command("advertising", &[]),
            self.command("operations", &[]),
        ]
    }

    fn command(&self, role: &str, more: &[String]) -> RoleCommand {
        let mut args = words(["reference", "serve", role]);
        args.extend(self.common.iter().cloned());
        args.extend(more.iter().cloned());
        let mut env = self.env.clone();
        env.push(("DATABASE_URL".to_owned(), self.databases.get(role).unwrap_or(&self.database_url).clone()));
        env.extend(self.aws.get(role).map(|address| ("AWS_ENDPOINT_URL".to_owned(), address.clone())));
        env.extend(self.mail.as_ref().map(|address| ("AWS_ENDPOINT_URL_SESV2".to_owned(), address.clone())));
        RoleCommand { name: role.to_owned(), args, env, log: self.logs.join(format!("{role}.log")), ends: false }
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn option(name: &str, value: impl ToString) -> [String; 2] {
    [name.to_owned(), value.to_string()]
}

fn time(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}
