//! Which processes the pipeline is, and how each is told where the others are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::role::RoleCommand;
use crate::scenario::Scenario;

/// Builds the commands of all roles; addresses become known while the roles come up.
#[derive(Debug)]
pub(super) struct Layout {
    logs: PathBuf,
    common: Vec<String>,
    env: Vec<(String, String)>,
    factory: Vec<String>,
    sales: Vec<String>,
    confirm_after: Duration,
    database_url: String,
    factory_url: Option<String>,
    callback_url: Option<String>,
}

impl Layout {
    pub(super) fn new(scenario: &Scenario, seed: u64, data: &Path, logs: &Path) -> Self {
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
        let stock: Vec<String> = scenario.products.iter().map(|product| format!("{}={}", product.id, product.stock)).collect();
        Self {
            logs: logs.to_owned(),
            common,
            env: vec![
                ("DATABASE_URL".to_owned(), database_url.clone()),
                ("AWS_REGION".to_owned(), "us-east-1".to_owned()),
                ("AWS_ACCESS_KEY_ID".to_owned(), "rushproof".to_owned()),
                ("AWS_SECRET_ACCESS_KEY".to_owned(), "rushproof".to_owned()),
            ],
            factory,
            sales: option("--stock", stock.join(",")).to_vec(),
            confirm_after: pipeline.confirm_after,
            database_url,
            factory_url: None,
            callback_url: None,
        }
    }

    pub(super) fn database_url(&self) -> &str {
        &self.database_url
    }

    /// From here on every role is told where SQS, SNS and SES are.
    pub(super) fn found_broker(&mut self, address: String) -> String {
        self.env.push(("AWS_ENDPOINT_URL".to_owned(), address.clone()));
        address
    }

    /// From here on every role is told where the factory is.
    pub(super) fn found_factory(&mut self, address: String) -> String {
        self.factory_url = Some(address.clone());
        address
    }

    /// From here on the factory is told where to report.
    pub(super) fn found_callback(&mut self, url: &str) {
        self.callback_url = Some(url.to_owned());
    }

    pub(super) fn broker(&self) -> RoleCommand {
        // In memory: what a restart of the broker loses or keeps is the business of scenarios that restart it.
        self.command("broker", &words(["--broker-storage", "memory"]))
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
            self.command("relay", &option("--confirm-after", time(self.confirm_after))),
            self.command("replenish", &called),
            self.command("advertising", &[]),
            self.command("operations", &[]),
        ]
    }

    fn command(&self, role: &str, more: &[String]) -> RoleCommand {
        let mut args = words(["reference", "serve", role]);
        args.extend(self.common.iter().cloned());
        args.extend(more.iter().cloned());
        RoleCommand { name: role.to_owned(), args, env: self.env.clone(), log: self.logs.join(format!("{role}.log")) }
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
