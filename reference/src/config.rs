//! Flags and environment variables, read once at the edge into checked types. All mistakes are reported together.
//!
//! * [`args`] — the raw texts, as clap finds them
//! * `check` — reads them group by group, and looks whether they fit together
//! * [`problems`] — what is wrong with them
//! * [`duration`], [`database`], [`role`], [`stock`] — how single texts are read

pub mod args;
mod check;
pub mod database;
pub mod duration;
pub mod problems;
pub mod role;
pub mod stock;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::args::{PipelineArgs, ServeArgs};
use crate::config::check::{
    address, admin_key, check_neighbours, check_shared_database, factory, listen, live, mail_address, pipeline, roles, within,
};
use crate::config::database::Env;
use crate::config::problems::{Collector, Problems};
use crate::config::role::Role;
use crate::config::stock::StockOverride;
use crate::edition::Edition;
use crate::edition::topology::{QueueSettings, Topology};
use crate::factory::FactoryOptions;
use crate::messaging::config::AwsConfig;
use crate::sales::AdminKey;
use crate::store::StoreOptions;

/// What every command that touches the pipeline needs to know.
#[derive(Debug, Clone)]
pub struct PipelineSettings {
    /// Which shop.
    pub edition: &'static Edition,
    /// Where files are kept.
    pub data: DataFolder,
    /// URL of the database.
    pub database_url: String,
    /// How queues are created.
    pub queues: QueueSettings,
    /// ARN of the stock topic, where the user named it.
    pub topic_arn: Option<String>,
}

/// The folder for databases and journals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder {
    /// Where.
    pub path: PathBuf,
    /// Whether the user named it; otherwise it is a fresh one under the system's folder for temporary files.
    pub named: bool,
}

/// How the process tells that it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyFormat {
    /// Lines for a person.
    Human,
    /// One line of JSON on standard output.
    Json,
}

/// Where the embedded broker keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerStorage {
    /// In a journal in the data folder: they survive a restart.
    Disk,
    /// Nowhere.
    Memory,
}

/// Where the listeners are bound; port 0 takes a free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `--listen-broker`.
    pub broker: SocketAddr,
    /// `--listen-factory`.
    pub factory: SocketAddr,
    /// `--listen-receiving`.
    pub receiving: SocketAddr,
    /// `--listen-sales`.
    pub sales: SocketAddr,
    /// `--listen-admin`.
    pub admin: SocketAddr,
}

/// Whom the ad stop goes to, and from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// Sender.
    pub from: String,
    /// The person in charge of advertising.
    pub to: String,
}

/// All that `reference serve` needs to know.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// The pipeline.
    pub pipeline: PipelineSettings,
    /// Which roles this process plays, in the order in which they are started.
    pub roles: Vec<Role>,
    /// Where it listens.
    pub listen: Listen,
    /// Where the shop's own page is served, when it is.
    pub live: Option<SocketAddr>,
    /// Stock of a fresh database.
    pub stock: Vec<StockOverride>,
    /// How the store groups and sheds.
    pub store: StoreOptions,
    /// The messaging endpoint; none when this process plays the broker itself, or speaks to none.
    pub aws: Option<AwsConfig>,
    /// Where the embedded broker keeps its messages.
    pub broker_storage: BrokerStorage,
    /// Where the factory is, when it is not in this process.
    pub factory_url: Option<String>,
    /// What the factory is told to call, when receiving is not in this process.
    pub callback_url: Option<String>,
    /// After how long an unconfirmed production is requested again.
    pub confirm_after: Duration,
    /// Receives that each consuming role has under way at once.
    pub consumers: usize,
    /// How long a relay's claim on messages holds.
    pub relay_lease: Duration,
    /// The factory's character.
    pub factory: FactoryOptions,
    /// What opens the administration call.
    pub admin_key: Option<AdminKey>,
    /// The ad stop's sender and addressee.
    pub mail: MailSettings,
    /// How readiness is told.
    pub ready: ReadyFormat,
    /// Whether to end when standard input closes.
    pub exit_with_parent: bool,
    /// How long a shutdown may take.
    pub grace: Duration,
    /// Seeds everything that is left to chance.
    pub seed: u64,
}

/// More receives at once than one process has use for.
const MOST_CONSUMERS: usize = 256;

impl PipelineSettings {
    /// The topics and queues.
    #[must_use]
    pub fn topology(&self) -> Topology {
        Topology::of(self.edition, self.queues)
    }

    /// ARNs of all topics, where the user named one: they differ only in their name.
    #[must_use]
    pub fn known_topic_arns(&self) -> BTreeMap<String, String> {
        let Some(prefix) = self.topic_arn.as_deref().and_then(|arn| arn.strip_suffix(self.edition.stock_topic)) else {
            return BTreeMap::new();
        };
        self.topology().topics.into_iter().map(|topic| (topic.name.clone(), format!("{prefix}{}", topic.name))).collect()
    }

    /// Checks the texts.
    ///
    /// # Errors
    /// All [`Problems`].
    pub fn check(args: &PipelineArgs, env: Env<'_>) -> Result<Self, Problems> {
        let mut problems = Collector::default();
        let settings = pipeline(args, env, &mut problems);
        problems.finish(settings)
    }
}

impl ServeSettings {
    /// Checks the texts, and that the roles get all that they need.
    ///
    /// # Errors
    /// All [`Problems`].
    pub fn check(args: &ServeArgs, env: Env<'_>) -> Result<Self, Problems> {
        let mut problems = Collector::default();
        let pipeline = pipeline(&args.pipeline, env, &mut problems);
        let roles = roles(&args.roles, &mut problems);
        check_shared_database(args, &pipeline, &roles, &mut problems);
        let aws = if roles.contains(&Role::Broker) || !roles.iter().any(|role| needs_messaging(*role, pipeline.edition)) {
            None
        } else {
            match AwsConfig::from_variables(env) {
                Ok(aws) => Some(aws),
                Err(error) => {
                    problems.add("AWS_*", format!("{error}; or let this process play the role `broker` too"));
                    None
                }
            }
        };
        let mut store = StoreOptions::new(pipeline.edition);
        store.group_limit = problems.check("--commit-group (REFERENCE_COMMIT_GROUP)", within(&args.commit_group, 1, 10_000));
        store.purchase_queue = problems.check("--purchase-queue (REFERENCE_PURCHASE_QUEUE)", within(&args.purchase_queue, 1, 1_000_000));
        let settings = Self {
            live: live(args, &roles, &mut problems),
            listen: listen(&args.listen, &mut problems),
            stock: problems.check("--stock (REFERENCE_STOCK)", stock::parse(args.stock.as_deref(), pipeline.edition)),
            store,
            aws,
            broker_storage: match args.broker_storage.as_str() {
                "memory" => BrokerStorage::Memory,
                _ => BrokerStorage::Disk,
            },
            factory_url: address("--factory-url (FACTORY_URL)", &args.factory_url, &mut problems),
            callback_url: address("--callback-url (CALLBACK_URL)", &args.callback_url, &mut problems),
            confirm_after: problems.check("--confirm-after (REFERENCE_CONFIRM_AFTER)", duration::parse(&args.confirm_after)),
            consumers: problems.check("--consumers (REFERENCE_CONSUMERS)", within(&args.consumers, 1, MOST_CONSUMERS)),
            relay_lease: problems.check("--relay-lease (REFERENCE_RELAY_LEASE)", duration::parse(&args.relay_lease)),
            factory: factory(&args.factory, &mut problems),
            admin_key: admin_key(args.admin_key.as_deref(), &mut problems),
            mail: MailSettings {
                from: mail_address("--mail-from (REFERENCE_MAIL_FROM)", &args.mail_from, &mut problems),
                to: mail_address("--ad-manager (REFERENCE_AD_MANAGER)", &args.ad_manager, &mut problems),
            },
            ready: if args.ready == "json" { ReadyFormat::Json } else { ReadyFormat::Human },
            exit_with_parent: args.exit_with_parent,
            grace: problems.check("--grace (REFERENCE_GRACE)", duration::parse(&args.grace)),
            seed: problems.check("--seed (REFERENCE_SEED)", within(&args.seed, 0, u64::MAX)),
            pipeline,
            roles,
        };
        check_neighbours(&settings, &mut problems);
        if let Err(error) = crate::drills::requested() {
            problems.add(crate::drills::CRASH_AT, error);
        }
        if let Err(error) = crate::defects::requested() {
            problems.add(crate::defects::DEFECT, error);
        }
        if let Err(error) = crate::drills::requested_skew() {
            problems.add(crate::drills::CLOCK_SKEW, error);
        }
        problems.finish(settings.with_seeded_factory())
    }

    /// Whether this process plays a role.
    #[must_use]
    pub fn plays(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    fn with_seeded_factory(mut self) -> Self {
        self.factory.seed = self.seed;
        self
    }
}

/// Whether a role speaks to SQS or SNS.
#[must_use]
pub fn needs_messaging(role: Role, edition: &Edition) -> bool {
    match role {
        Role::Broker => false,
        Role::Sales | Role::Receiving if crate::defects::publishes_directly() => true,
        Role::Sales => false,
        Role::Factory | Role::Receiving => edition.delivery_topic.is_some(),
        Role::Relay | Role::Replenish | Role::Advertising | Role::Operations => true,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Serve {
        #[command(flatten)]
        args: ServeArgs,
    }

    fn check(words: &[&str]) -> Result<ServeSettings, Problems> {
        let args = Serve::try_parse_from(["serve"].iter().chain(words)).expect("flags exist").args;
        ServeSettings::check(&args, &|_| None)
    }

    #[test]
    fn without_a_word_all_roles_run_in_a_fresh_folder() {
        let settings = check(&[]).unwrap();
        assert_eq!(settings.roles, Role::ALL);
        assert!(!settings.pipeline.data.named && settings.pipeline.database_url.starts_with("sqlite://"));
        assert!(settings.aws.is_none(), "the broker is its own endpoint");
    }

    #[test]
    fn every_mistake_is_reported_at_once_and_names_its_flag() {
        let words = ["--grace", "10", "--visibility-timeout", "1500ms", "--listen-sales", "here", "--stock", "-1", "--edition", "cake"];
        let problems = check(&words).unwrap_err();
        let named: Vec<_> = problems.0.iter().map(|p| p.setting.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(named, ["--edition", "--visibility-timeout", "--listen-sales", "--stock", "--grace"], "{problems}");
    }

    #[test]
    fn a_process_of_its_own_must_be_told_where_the_others_are() {
        let problems = check(&["replenish"]).unwrap_err();
        let named: Vec<_> = problems.0.iter().map(|p| p.setting.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(named, ["--data", "AWS_*", "--factory-url", "--callback-url"], "{problems}");
    }

    #[test]
    fn a_short_admin_key_is_refused() {
        assert!(check(&["--admin-key", "secret"]).unwrap_err().to_string().contains("16 visible"));
        assert!(check(&["--admin-key", "0123456789abcdef"]).is_ok());
    }

    #[test]
    fn the_topic_that_is_named_must_be_the_editions() {
        assert!(check(&["--topic-arn", "arn:aws:sns:eu-west-1:1:stock_empty"]).is_ok());
        assert!(check(&["--topic-arn", "arn:aws:sns:eu-west-1:1:other"]).is_err());
    }
}
