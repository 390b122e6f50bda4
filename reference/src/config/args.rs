//! The raw texts of flags and environment variables, as clap finds them. They are checked in [`super`], where all mistakes are collected.

use std::path::PathBuf;

use clap::Args;

/// What every command that touches the pipeline takes.
#[derive(Debug, Clone, Args)]
pub struct PipelineArgs {
    /// Which shop: `donut` (one product, the factory calls back) or `shop` (items, the factory delivers through a topic)
    /// [default: the running shop's; donut for a new one]
    #[arg(long, env = "REFERENCE_EDITION", value_name = "NAME")]
    pub edition: Option<String>,
    /// Folder for databases and journals [default: `serve` takes a fresh one under the system's folder for temporary files,
    /// the other commands that of the shop that was started last]
    #[arg(long, env = "REFERENCE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The database, `sqlite:///path/to/shop.db` or `mysql://user:password@host:port/shop` (where it is built in)
    /// [default: what HOSTNAME, USERNAME, PASSWORD and DATABASE say together, or shop.db in the data folder]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// ARN of the stock topic; must then be the one that the endpoint knows
    #[arg(long, env = "TOPIC_ARN", value_name = "ARN")]
    pub topic_arn: Option<String>,
    /// How long a received message stays hidden from other consumers, in whole seconds
    #[arg(long, env = "REFERENCE_VISIBILITY_TIMEOUT", default_value = "30s", value_name = "TIME", help_heading = "Queues")]
    pub visibility_timeout: String,
    /// Receives after which the next one moves a message to its dead-letter queue
    #[arg(long, env = "REFERENCE_MAX_RECEIVE_COUNT", default_value = "5", value_name = "N", help_heading = "Queues")]
    pub max_receive_count: String,
}

/// What `serve` takes.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Roles of this process: broker, factory, receiving, sales, relay, replenish, advertising, operations [default: all of them]
    #[arg(value_name = "ROLE")]
    pub roles: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take the comment for the whole command's description")]
    pub pipeline: PipelineArgs,
    /// Stock of a fresh database: pieces of every product, or `ID=PIECES,…`
    #[arg(long, env = "REFERENCE_STOCK", value_name = "N", allow_hyphen_values = true)]
    pub stock: Option<String>,
    /// Key that opens the administration call `PUT /item/:id`; without one it is closed
    #[arg(long, env = "REFERENCE_ADMIN_KEY", hide_env_values = true, value_name = "KEY")]
    pub admin_key: Option<String>,
    /// Most purchases that share one transaction; 1 turns group commit off
    #[arg(long, env = "REFERENCE_COMMIT_GROUP", default_value = "256", value_name = "N")]
    pub commit_group: String,
    /// Purchases that may wait for the database; one more is shed with 503
    #[arg(long, env = "REFERENCE_PURCHASE_QUEUE", default_value = "1024", value_name = "N")]
    pub purchase_queue: String,
    /// Receives that each consuming role has under way at once: more work a queue off faster, until the database is busy
    #[arg(long, env = "REFERENCE_CONSUMERS", default_value = "2", value_name = "N")]
    pub consumers: String,
    /// After how long a production that nobody confirmed is requested again
    #[arg(long, env = "REFERENCE_CONFIRM_AFTER", default_value = "30s", value_name = "TIME")]
    pub confirm_after: String,
    /// How long a relay that died keeps others from publishing what it had claimed
    #[arg(long, env = "REFERENCE_RELAY_LEASE", default_value = "30s", value_name = "TIME")]
    pub relay_lease: String,
    /// Sender of the ad stop
    #[arg(long, env = "REFERENCE_MAIL_FROM", default_value = "shop@example.com", value_name = "ADDRESS")]
    pub mail_from: String,
    /// The person in charge of advertising
    #[arg(long, env = "REFERENCE_AD_MANAGER", default_value = "ads@example.com", value_name = "ADDRESS")]
    pub ad_manager: String,
    /// Also serve the shop's own page, to look at and to click: on this address of loopback, or with no address on a free port
    #[arg(long, env = "REFERENCE_LIVE", value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:0")]
    pub live: Option<String>,
    /// Seeds what is left to chance: production times, and the order of standard queues
    #[arg(long, env = "REFERENCE_SEED", default_value = "0", value_name = "N")]
    pub seed: String,
    /// How readiness is told on standard output
    #[arg(long, env = "REFERENCE_READY", default_value = "human", value_name = "FORMAT", value_parser = ["human", "json"])]
    pub ready: String,
    /// End when standard input closes, or the parent process dies
    #[arg(long)]
    pub exit_with_parent: bool,
    /// How long a shutdown may take to finish what was taken
    #[arg(long, env = "REFERENCE_GRACE", default_value = "10s", value_name = "TIME")]
    pub grace: String,
    /// Where the embedded broker keeps messages: `disk` (in the data folder) or `memory`
    #[arg(long, env = "REFERENCE_BROKER_STORAGE", default_value = "disk", value_name = "WHERE", value_parser = ["disk", "memory"])]
    pub broker_storage: String,
    /// Where the factory is, when it is another process
    #[arg(long, env = "FACTORY_URL", value_name = "URL", help_heading = "Addresses")]
    pub factory_url: Option<String>,
    /// What the factory shall call, when receiving is another process
    #[arg(long, env = "CALLBACK_URL", value_name = "URL", help_heading = "Addresses")]
    pub callback_url: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take the comment for the whole command's description")]
    pub listen: ListenArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would take the comment for the whole command's description")]
    pub factory: FactoryArgs,
}

/// Where to listen; port 0 takes a free one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Addresses")]
pub struct ListenArgs {
    /// Address of the embedded SQS, SNS and SES
    #[arg(long, env = "REFERENCE_LISTEN_BROKER", default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub listen_broker: String,
    /// Address of the factory's API
    #[arg(long, env = "REFERENCE_LISTEN_FACTORY", default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub listen_factory: String,
    /// Address of the factory's callback
    #[arg(long, env = "REFERENCE_LISTEN_RECEIVING", default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub listen_receiving: String,
    /// Address of the Sales API
    #[arg(long, env = "REFERENCE_LISTEN_SALES", default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub listen_sales: String,
    /// Address of this process's /livez, /readyz and /metrics
    #[arg(long, env = "REFERENCE_LISTEN_ADMIN", default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub listen_admin: String,
}

/// The factory's character.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Factory")]
pub struct FactoryArgs {
    /// From the acceptance of an order to the report of its completion
    #[arg(long, env = "REFERENCE_FACTORY_TIME", default_value = "500ms", value_name = "TIME")]
    pub factory_time: String,
    /// At most this much longer, seeded
    #[arg(long, env = "REFERENCE_FACTORY_JITTER", default_value = "250ms", value_name = "TIME")]
    pub factory_jitter: String,
    /// How long it thinks before it answers
    #[arg(long, env = "REFERENCE_FACTORY_ANSWER_TIME", default_value = "10ms", value_name = "TIME")]
    pub factory_answer_time: String,
    /// Calls that it can think about at once
    #[arg(long, env = "REFERENCE_FACTORY_CAPACITY", default_value = "8", value_name = "N")]
    pub factory_capacity: String,
    /// What callers beyond its capacity get
    #[arg(long, env = "REFERENCE_FACTORY_BUSY_STATUS", default_value = "503", value_name = "STATUS", value_parser = ["429", "503"])]
    pub factory_busy_status: String,
    /// Unprocessed calls at which it falls over; 0 for never
    #[arg(long, env = "REFERENCE_FACTORY_COLLAPSE_AT", default_value = "50", value_name = "N")]
    pub factory_collapse_at: String,
    /// Calls per second that it works off
    #[arg(long, env = "REFERENCE_FACTORY_WORKS_OFF", default_value = "10", value_name = "N")]
    pub factory_works_off: String,
    /// What callers see while it is down: `error` (500) or `hang`
    #[arg(long, env = "REFERENCE_FACTORY_COLLAPSE", default_value = "error", value_name = "HOW", value_parser = ["error", "hang"])]
    pub factory_collapse: String,
    /// How long it stays down
    #[arg(long, env = "REFERENCE_FACTORY_RECOVERY", default_value = "5s", value_name = "TIME")]
    pub factory_recovery: String,
    /// How often a completion is reported until somebody answers 2xx
    #[arg(long, env = "REFERENCE_FACTORY_REPORT_ATTEMPTS", default_value = "1", value_name = "N")]
    pub factory_report_attempts: String,
    /// Pause between those attempts
    #[arg(long, env = "REFERENCE_FACTORY_REPORT_PAUSE", default_value = "1s", value_name = "TIME")]
    pub factory_report_pause: String,
    /// Productions that may be under way at once
    #[arg(long, env = "REFERENCE_FACTORY_MAX_UNDER_WAY", default_value = "1000", value_name = "N")]
    pub factory_max_under_way: String,
    /// Remember accepted orders across a crash, which legacy systems do not
    #[arg(long, env = "REFERENCE_FACTORY_DURABLE")]
    pub factory_durable: bool,
}
