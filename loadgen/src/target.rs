//! A system that the harness has never seen, described in one TOML file: how to start it, how to talk to it, and what it shows.
//!
//! [`Target::load`] checks a file into types; all its mistakes are reported together, each with file, line, column and the way out. What the
//! file leaves out the harness does not guess: the properties that would need it are named in the report as not judged.
//! `docs/targets.md` explains every key.
//!
//! | module | what it does |
//! |---|---|
//! | [`template`], [`answer`], [`speech`] | requests with places, rules for answers, and how buyers talk with both |
//! | `stranger` | the target, running, with everything around it that the harness plays |
//! | `process`, [`leash`] | its processes: none of them outlives the run |
//! | `factory`, `queues` | the legacy factory, SQS, SNS and SES, as its file describes them |
//! | `view`, `access`, `ask`, `database`, `statement` | what can be seen of it, now and in the end |

mod access;
pub mod answer;
mod ask;
pub mod check;
mod database;
mod factory;
pub mod leash;
mod parse;
mod process;
mod queues;
mod shipped;
pub mod speech;
mod statement;
mod stranger;
pub mod template;
mod view;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos::plan::{Mistake, listed};

pub use self::database::DatabaseError;
pub use self::factory::FactoryError;
pub use self::process::StartError;
pub use self::queues::QueueError;
pub use self::stranger::{Stranger, StrangerError};
pub use self::view::View;

use self::answer::{Extract, Rule};
use self::parse::Purpose;
use self::speech::{RequestTemplate, Speech};
use self::statement::Statement;
use self::template::Template;
use crate::verify::expectations::{Consumer, RecordedBy};

/// A target file, checked.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name, for reports.
    pub name: String,
    /// What it is, in one sentence.
    pub about: String,
    /// How it is started; None when it runs already.
    pub start: Option<Start>,
    /// Where its HTTP API is.
    pub url: Template,
    /// How buyers talk to it.
    pub speech: Speech,
    /// Whether a refusal for lack of stock promises that goods will be made.
    pub promises_goods: bool,
    /// How its stock is read and set.
    pub stock: Option<Stock>,
    /// How its orders are read.
    pub ledger: Option<Ledger>,
    /// The factory that the harness plays for it.
    pub factory: Option<Factory>,
    /// The AWS endpoint that it uses.
    pub aws: Option<AwsPart>,
    /// How to tell that it is at rest, beyond empty queues and an idle factory.
    pub drained: Drained,
    /// Folder in which its file stands.
    pub folder: PathBuf,
    /// The file, word for word.
    pub text: String,
}

/// How a target is started.
#[derive(Debug, Clone)]
pub struct Start {
    /// Program and arguments.
    pub command: Vec<Template>,
    /// Working folder, relative to the target file's.
    pub folder: PathBuf,
    /// Environment, beside PATH and what every program needs.
    pub env: Vec<(String, Template)>,
    /// Path that answers with a status below 500 when it is ready; None to wait for its port alone.
    pub ready: Option<String>,
    /// How long that may take.
    pub ready_within: Duration,
    /// How long it may take to end when it is asked to.
    pub stop_within: Duration,
}

/// A question to the target, over HTTP or in SQL.
#[derive(Debug, Clone)]
pub enum Ask {
    /// A request.
    Http(RequestTemplate),
    /// A statement, in the database of [`Stock::database`] or [`Ledger::database`].
    Sql(Statement),
}

/// How the stock is read and set.
#[derive(Debug, Clone)]
pub struct Stock {
    /// Address of the database, when SQL is spoken.
    pub database: Option<Template>,
    /// Asks for the stock of `{product}`.
    pub read: Ask,
    /// Where it stands when the answer is a list of rows.
    pub find: Option<Find>,
    /// Where an HTTP answer (or the row that was found in it) says it.
    pub at: Extract,
    /// Sets the stock of `{product}` to `{quantity}` before the run.
    pub reset: Option<Ask>,
}

/// Which row of a list is about a product.
#[derive(Debug, Clone)]
pub struct Find {
    /// JSON pointer to the list; None when the answer is the list.
    pub rows: Option<String>,
    /// JSON pointer within a row to what must be the product's id.
    pub by: String,
}

/// How the orders are read when all is over.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Address of the database, when SQL is spoken.
    pub database: Option<Template>,
    /// Asks for all orders.
    pub read: Ask,
    /// JSON pointer to the list of orders in an HTTP answer; None when the answer is the list.
    pub rows: Option<String>,
    /// Pointer (or column) of what the buyer sent at `{key}`.
    pub key: String,
    /// Pointer (or column) of the product.
    pub product: Option<String>,
    /// Pointer (or column) of the number of pieces.
    pub quantity: String,
    /// Which rows are sales, in an HTTP answer; empty when all are.
    pub sold: Vec<Rule>,
}

/// The factory that the harness plays.
#[derive(Debug, Clone)]
pub struct Factory {
    /// Address to listen on; None for a free port on loopback, which only a target that the harness starts can be told.
    pub listen: Option<SocketAddr>,
    /// Path that takes orders (POST).
    pub path: String,
    /// Where an order names the product; None when there is only one.
    pub product: Option<Extract>,
    /// Where it says how many.
    pub units: Extract,
    /// Where it says which production it is: what makes two calls the same order.
    pub production: Option<Extract>,
    /// Body of the answer to an order that is taken.
    pub accepted: Template,
    /// How the goods are reported back.
    pub back: Back,
    /// Orders that it may have open at once for one product, if there is a bound.
    pub open_per_product: Option<u64>,
    /// Pieces that it makes per piece that was missing, if that is known.
    pub pieces_per_shortage: Option<u64>,
}

/// How a factory reports that goods are ready.
#[derive(Debug, Clone)]
pub enum Back {
    /// It does not.
    Nothing,
    /// It calls an address.
    Call {
        /// The whole address, `http://…`.
        url: Template,
        /// The body.
        body: Template,
    },
    /// It publishes on a topic.
    Publish {
        /// Name of the topic.
        topic: String,
        /// Subject.
        subject: Template,
        /// Message.
        message: Template,
        /// Message attributes; one whose place is not in the order is left out.
        attributes: Vec<(String, Template)>,
    },
}

/// The AWS endpoint that a target uses.
#[derive(Debug, Clone)]
pub struct AwsPart {
    /// Address of an endpoint of the user's; None for one of the harness's own.
    pub endpoint: Option<String>,
    /// Topics.
    pub topics: Vec<String>,
    /// Queues.
    pub queues: Vec<QueuePart>,
    /// Whether the target mails somebody when a product is sold out.
    pub mail: bool,
}

/// One queue of a target.
#[derive(Debug, Clone)]
pub struct QueuePart {
    /// Its name.
    pub name: String,
    /// The topic it hangs on.
    pub topic: Option<String>,
    /// Its dead-letter queue.
    pub dlq: Option<String>,
    /// How long a received message stays hidden; None for the scenario's.
    pub visibility_timeout: Option<Duration>,
    /// Receives after which a message goes to the dead-letter queue; None for the scenario's.
    pub max_receive_count: Option<u32>,
    /// Where a message names the production: an attribute, or a pointer into its JSON.
    pub production: Option<String>,
    /// Where it names the product.
    pub product: Option<String>,
    /// Where it says how many.
    pub units: Option<String>,
}

/// How to tell that a target is at rest.
#[derive(Debug, Clone, Default)]
pub struct Drained {
    /// Path that says it, and what the answer then looks like.
    pub when: Option<(String, Vec<Rule>)>,
    /// How long everything must have been quiet, when that is longer than the scenario's time.
    pub quiet_for: Option<Duration>,
}

/// Why there is no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetErrors {
    /// The file could not be read.
    #[error("cannot read the target {} (give the path of a TOML file that you may read)", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has mistakes; these are all of them.
    #[error("{}", listed(.0))]
    Mistakes(Vec<Mistake>),
}

/// Targets are the same when their files are.
impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.folder) == (&other.text, &other.folder)
    }
}

impl Target {
    /// Reads a target file.
    ///
    /// # Errors
    /// [`TargetErrors`].
    pub fn load(path: &Path) -> Result<Self, TargetErrors> {
        let text = std::fs::read_to_string(path).map_err(|source| TargetErrors::Unreadable { path: path.to_owned(), source })?;
        let mut target = Self::parse(&path.display().to_string(), &text)?;
        target.folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        Ok(target)
    }

    /// Whether every variable of the environment that the file names is set.
    ///
    /// # Errors
    /// The names of those that are not.
    pub fn check_environment(&self) -> Result<(), Vec<String>> {
        let lines = self.text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let templates: Vec<Template> = lines.map(Template::parse).collect();
        let mut missing: Vec<String> =
            templates.iter().flat_map(Template::variables).filter(|name| std::env::var(name).is_err()).map(str::to_owned).collect();
        missing.sort();
        missing.dedup();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    /// Who consumes what, as far as the file says. A stranger's receipts cannot be seen, so none of them is ever known as done.
    #[must_use]
    pub fn consumers(&self) -> Vec<Consumer> {
        let queues = self.aws.iter().flat_map(|aws| &aws.queues);
        let consumer = |queue: &QueuePart| Consumer {
            name: queue.name.clone(),
            topic: queue.topic.clone().unwrap_or_default(),
            queue: queue.name.clone(),
            dead_letter_queue: queue.dlq.clone().unwrap_or_default(),
            recorded_by: if queue.production.is_some() { RecordedBy::Production } else { RecordedBy::Message },
        };
        queues.map(consumer).collect()
    }

    /// Checks the text of a target file; `origin` is what messages call it. Its folder is the current one.
    ///
    /// # Errors
    /// [`TargetErrors::Mistakes`].
    pub fn parse(origin: &str, text: &str) -> Result<Self, TargetErrors> {
        parse::target(origin, text, Purpose::Asking).map_err(TargetErrors::Mistakes)
    }

    /// Checks the text of a target file as a run has saved it, to judge what the target answered then: what only matters to asking it is not held against it.
    ///
    /// # Errors
    /// [`TargetErrors::Mistakes`].
    pub fn recall(origin: &str, text: &str) -> Result<Self, TargetErrors> {
        parse::target(origin, text, Purpose::Judging).map_err(TargetErrors::Mistakes)
    }
}
