//! Boot: the reference pipeline as processes of its own, on free ports, ready to be bought from.
//!
//! Every role is this program again (`loadgen reference serve …`), so one binary suffices and a killed role is really killed. What they
//! share (database, broker journal) stands in a temporary folder that goes when the [`System`] is dropped, or the process is killed ([`janitor`]).

mod attach;
pub mod crew;
pub mod janitor;
mod layout;
pub mod role;
pub mod whereabouts;
pub(crate) mod workplace;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chaos::decision::TapKind;
use reference::defects::{self, Defect};
use reference::edition::topology::{QueueSettings, QueueSpec, Subscription, TopicSpec, Topology};
use reference::edition::{Edition, EditionName as Shop};
use reference::messaging::config::{AwsConfig, AwsConfigError, AwsCredentials};
use reference::messaging::provision::{ProvisionError, ProvisionOptions, Provisioned};
use reference::messaging::{Aws, receive::Queue};
use reference::store::{self, Scratch, StoreError};
use tokio::sync::watch;

pub use self::layout::ROLES;

use self::crew::Crew;
use self::janitor::Debt;
use self::layout::Layout;
use self::role::{RoleError, UnaskedEnd};
use self::whereabouts::Whereabouts;
use self::workplace::Workplace;
use crate::faults::{HopError, Hops};
use crate::ground::Ground;
use crate::history::writer::Recorder;
use crate::scenario::{EditionName, Scenario};

/// Why there is no pipeline to load.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// No folder for databases and journals.
    #[error("cannot make a temporary folder for the pipeline's data (TMPDIR names another place)")]
    Folder(#[source] std::io::Error),
    /// A role did not come up.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// A role came up without saying where it listens.
    #[error("{listener} did not say where it listens; is the program of another version than this one?")]
    NoAddress {
        /// The listener, which has the role's name.
        listener: &'static str,
    },
    /// The endpoint of the broker is of no use.
    #[error("the broker's address cannot be used; give another with --backend")]
    Aws(#[from] AwsConfigError),
    /// A hop could not be tapped.
    #[error(transparent)]
    Hop(#[from] HopError),
    /// The database cannot be used.
    #[error("the database cannot be used; give another with --database, or none for a file of the run's own")]
    Database(#[from] StoreError),
    /// Topics and queues could not be made.
    #[error("cannot provision topics and queues at the endpoint; give another with --backend")]
    Provision(#[from] ProvisionError),
}

/// What is to be booted.
#[derive(Debug, Clone, Copy)]
pub struct BootOrders<'o> {
    /// Says what the pipeline is like.
    pub scenario: &'o Scenario,
    /// Seed of what the pipeline's own parts decide by chance.
    pub seed: u64,
    /// Mistake that it shall make.
    pub defect: Option<Defect>,
    /// What it stands on.
    pub ground: &'o Ground,
    /// Folder that takes the roles' logs.
    pub logs: &'o Path,
}

/// A running pipeline. Dropping it ends every process at once; [`System::stop`] lets them finish.
#[derive(Debug)]
pub struct System {
    /// Its processes.
    pub crew: Crew,
    /// Which shop it is.
    pub edition: &'static Edition,
    /// Where buyers go: the tap before the shop.
    pub entrance: String,
    /// The shop itself.
    pub sales: String,
    /// The factory's API.
    pub factory: String,
    /// SQS, SNS and SES.
    pub broker: String,
    /// The pipeline's database.
    pub database_url: String,
    /// The messaging endpoint, for observers.
    pub queues: Queues,
    /// The database that was taken for this run, where it is a server's.
    scratch: Option<Scratch>,
    // Last, so that it goes when the processes are gone.
    data: Option<Arc<Workplace>>,
}

/// The pipeline's queues, as an observer sees them.
#[derive(Debug, Clone)]
pub struct Queues {
    /// Queues that consumers work on.
    pub work: Vec<Queue>,
    /// Their dead-letter queues.
    pub dead_letter: Vec<Queue>,
    /// One queue per topic that belongs to the harness: topic, queue.
    pub observers: Vec<(String, Queue)>,
}

impl System {
    /// Starts everything for a scenario, each part reaching the others through a tap of `hops`. The addresses in the system are the real ones: what the harness reads, it reads past the taps.
    ///
    /// # Errors
    /// [`BootError`]; whatever was started is ended again.
    pub async fn boot(orders: &BootOrders<'_>, recorder: &Recorder, hops: &Hops) -> Result<Self, BootError> {
        let data = Arc::new(Workplace::open().map_err(BootError::Folder)?);
        let scratch = match &orders.ground.database {
            Some(url) => Some(Scratch::take(url, |made| data.owes(&Debt::Database(made.clone()))).await?),
            None => None,
        };
        let booted = Self::boot_on(scratch.as_ref(), &data, orders, recorder, hops).await;
        match booted {
            Ok(mut system) => {
                (system.scratch, system.data) = (scratch, Some(data));
                Ok(system)
            }
            Err(error) => {
                discard(scratch, &data).await;
                Err(error)
            }
        }
    }

    async fn boot_on(
        scratch: Option<&Scratch>,
        data: &Workplace,
        orders: &BootOrders<'_>,
        recorder: &Recorder,
        hops: &Hops,
    ) -> Result<Self, BootError> {
        let BootOrders { scenario, seed, defect, logs, .. } = *orders;
        // Queues are made here, and some mistakes are made in making them.
        if let Some(defect) = defect {
            defects::ask_for(defect);
        }
        let edition = edition_of(scenario);
        let crew = Crew::new(recorder);
        let mut layout = Layout::new(scenario, seed, defect, data.path(), logs);
        if let Some(scratch) = scratch {
            layout.found_database(scratch.url());
            let server = store::server_of(scratch.url()).expect("a scratch database is one of a server");
            hops.may_reach("database", &server)?;
            // Only where something is to happen there: a purchase is a dozen statements, so taps that only look on would carry ten times what all
            // others carry together, in the process that must not be late (in a rush they made it so, by seconds).
            let tapped: &[&'static str] = if strikes_database(&scenario.faults) { &Layout::DATABASE_ROLES } else { &[] };
            for &role in tapped {
                let tap = hops.stand(&format!("database.{role}"), TapKind::Tcp, &server).await?;
                layout.found_way_to_database(role, store::at(scratch.url(), &tap));
            }
        }

        let broker = crew.hire(layout.broker()).await?;
        let broker_address = address(&broker, "broker")?;
        let backend = orders.ground.backend.as_ref().unwrap_or(&broker_address);
        for role in Layout::AWS_ROLES {
            layout.found_aws(role, hops.stand(&format!("aws.{role}"), TapKind::Aws, backend).await?);
        }
        if orders.ground.backend.is_some() {
            layout.found_mail(hops.stand("aws.advertising", TapKind::Aws, &broker_address).await?);
        }
        let credentials = AwsCredentials { access_key_id: layout.account().to_owned(), ..AwsConfig::local(backend).credentials };
        let aws = Aws::new(&AwsConfig { credentials, ..AwsConfig::local(backend) })?;
        let queues = provision(edition, scenario, &aws).await?;
        let factory = crew.hire(layout.factory()).await?;
        let factory_address = address(&factory, "factory")?;
        layout.found_factory(hops.stand("factory", TapKind::Http, &factory_address).await?);
        // Sales first: it is the role that seeds the database.
        let sales = crew.hire(layout.sales()).await?;
        let sales_address = address(&sales, "sales")?;
        let entrance = hops.stand("sales", TapKind::Http, &sales_address).await?;
        let receiving = crew.hire(layout.receiving()).await?;
        if let Some(path) = edition.callback_path {
            let callback = format!("{}{path}", address(&receiving, "receiving")?);
            layout.found_callback(&hops.stand("callback", TapKind::Http, &callback).await?);
        }
        for worker in layout.workers() {
            crew.hire(worker).await?;
        }
        Ok(Self {
            crew,
            edition,
            entrance,
            sales: sales_address,
            factory: factory_address,
            broker: broker_address,
            database_url: layout.database_url().to_owned(),
            queues,
            scratch: None,
            data: None,
        })
    }

    /// Where it is, for those who buy from it elsewhere: through the tap, as everybody does.
    #[must_use]
    pub fn whereabouts(&self, edition: EditionName) -> Whereabouts {
        let addresses = [("sales", &self.entrance), ("factory", &self.factory), ("broker", &self.broker)];
        Whereabouts { edition, addresses: addresses.map(|(name, address)| (name.to_owned(), address.clone())).into(), database_url: None }
    }

    /// Process ids of all roles.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.crew.pids()
    }

    /// The first role that ended without being asked, when one has. The receiver changes at that moment.
    #[must_use]
    pub fn unasked(&self) -> watch::Receiver<Option<UnaskedEnd>> {
        self.crew.unasked()
    }

    /// Ends the roles, those that take work first, those that others need last. Each finishes what it took.
    pub async fn stop(self) {
        self.crew.stop().await;
        if let Some(data) = &self.data {
            discard(self.scratch, data).await;
        }
    }
}

/// Whether something is planned for the way to the database.
fn strikes_database(planned: &chaos::plan::Plan) -> bool {
    let there = |hop: &str| hop == "database" || hop.starts_with("database.");
    let by_rule = planned.rules.iter().any(|rule| rule.select.hop.as_deref().is_none_or(there));
    by_rule || planned.incidents.iter().any(|incident| incident.what.hop().is_some_and(there))
}

/// Drops what was made for the run. Not to be able to is a pity, and no reason to doubt the run; the janitor tries again.
async fn discard(scratch: Option<Scratch>, data: &Workplace) {
    let Some(scratch) = scratch else { return };
    let (url, made) = (store::shown(scratch.url()), scratch.made().cloned());
    match (scratch.discard().await, made) {
        (Ok(()), Some(made)) => data.paid(&Debt::Database(made)),
        (Ok(()), None) => (),
        (Err(error), _) => tracing::warn!(%error, url, "the database that was made for this run is still there"),
    }
}

fn address(addresses: &BTreeMap<String, String>, listener: &'static str) -> Result<String, BootError> {
    addresses.get(listener).cloned().ok_or(BootError::NoAddress { listener })
}

fn edition_of(scenario: &Scenario) -> &'static Edition {
    match scenario.edition {
        EditionName::Donut => Shop::Donut.edition(),
        EditionName::Shop => Shop::Shop.edition(),
    }
}

/// Makes the pipeline's topics and queues, and an observer's queue on every topic.
async fn provision(edition: &'static Edition, scenario: &Scenario, aws: &Aws) -> Result<Queues, BootError> {
    let settings = QueueSettings {
        visibility_timeout: scenario.pipeline.visibility_timeout,
        max_receive_count: scenario.pipeline.max_receive_count,
        ..QueueSettings::default()
    };
    let pipeline = Topology::of(edition, settings);
    let theirs = aws.provision(&pipeline, &ProvisionOptions::default()).await?;
    let ours = aws.provision(&observers(&pipeline), &ProvisionOptions::default()).await?;
    Ok(Queues::named(aws, &pipeline, &theirs, &ours))
}

/// The harness's own queues: one on every topic of a pipeline.
fn observers(pipeline: &Topology) -> Topology {
    let settings = QueueSettings::default();
    let queue = |topic: &TopicSpec| {
        let name = observer_of(&topic.name);
        QueueSpec {
            dlq: format!("{name}-dlq"),
            name,
            visibility_timeout: settings.visibility_timeout,
            max_receive_count: settings.max_receive_count,
            retention: settings.retention,
            dlq_retention: settings.dlq_retention,
        }
    };
    let link = |topic: &TopicSpec| Subscription { topic: topic.name.clone(), queue: observer_of(&topic.name) };
    Topology {
        topics: pipeline.topics.clone(),
        queues: pipeline.topics.iter().map(queue).collect(),
        subscriptions: pipeline.topics.iter().map(link).collect(),
    }
}

fn observer_of(topic: &str) -> String {
    format!("observer-{topic}")
}

impl Queues {
    fn named(aws: &Aws, pipeline: &Topology, theirs: &Provisioned, ours: &Provisioned) -> Self {
        let queue = |urls: &BTreeMap<String, String>, name: &str| {
            aws.queue(name, urls.get(name).expect("every queue that was asked for is answered with its address"))
        };
        Self {
            work: pipeline.queues.iter().map(|spec| queue(&theirs.queue_urls, &spec.name)).collect(),
            dead_letter: pipeline.queues.iter().map(|spec| queue(&theirs.dlq_urls, &spec.dlq)).collect(),
            observers: pipeline
                .topics
                .iter()
                .map(|topic| (topic.name.clone(), queue(&ours.queue_urls, &observer_of(&topic.name))))
                .collect(),
        }
    }
}
