//! Boot: the reference pipeline as processes of its own, on free ports, ready to be bought from.
//!
//! Every role is this program again (`loadgen reference serve …`), so one binary suffices and a killed role is really killed. What they
//! share (database, broker journal) stands in a temporary folder that goes when the [`System`] is dropped.

mod layout;
pub mod role;

use std::path::Path;
use std::sync::Arc;

use reference::edition::topology::{QueueSettings, Subscription, Topology};
use reference::edition::{Edition, EditionName as Shop};
use reference::messaging::config::{AwsConfig, AwsConfigError};
use reference::messaging::provision::{ProvisionError, ProvisionOptions, Provisioned};
use reference::messaging::{Aws, receive::Queue};
use tempfile::TempDir;
use tokio::sync::watch;

use self::layout::Layout;
use self::role::{Role, RoleError, UnaskedEnd};
use crate::history::writer::Recorder;
use crate::scenario::{EditionName, Scenario};

/// Why there is no pipeline to load.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// No folder for databases and journals.
    #[error("cannot make a temporary folder for the pipeline's data")]
    Folder(#[source] std::io::Error),
    /// A role did not come up.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// A role came up without saying where it listens.
    #[error("{role} did not say where its {listener} listener is")]
    NoAddress {
        /// The role.
        role: String,
        /// The listener.
        listener: &'static str,
    },
    /// The endpoint of the broker is of no use.
    #[error("the broker's address cannot be used")]
    Aws(#[from] AwsConfigError),
    /// Topics and queues could not be made.
    #[error("cannot provision topics and queues")]
    Provision(#[from] ProvisionError),
}

/// A running pipeline. Dropping it ends every process at once; [`System::stop`] lets them finish.
#[derive(Debug)]
pub struct System {
    roles: Vec<Role>,
    unasked: watch::Receiver<Option<UnaskedEnd>>,
    /// Which shop it is.
    pub edition: &'static Edition,
    /// Where buyers go.
    pub sales: String,
    /// The factory's API.
    pub factory: String,
    /// SQS, SNS and SES.
    pub broker: String,
    /// The pipeline's database.
    pub database_url: String,
    /// The messaging endpoint, for observers.
    pub queues: Queues,
    // Last, so that it goes when the processes are gone.
    _data: Arc<TempDir>,
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
    /// Starts everything for a scenario. `logs` is the folder that takes the roles' logs.
    ///
    /// # Errors
    /// [`BootError`]; whatever was started is ended again.
    pub async fn boot(scenario: &Scenario, seed: u64, logs: &Path, recorder: &Recorder) -> Result<Self, BootError> {
        let edition = match scenario.edition {
            EditionName::Donut => Shop::Donut.edition(),
            EditionName::Shop => Shop::Shop.edition(),
        };
        let data = Arc::new(tempfile::Builder::new().prefix("rushproof-").tempdir().map_err(BootError::Folder)?);
        let (tell, unasked) = watch::channel(None);
        let mut layout = Layout::new(scenario, seed, data.path(), logs);

        let broker = Role::start(&layout.broker(), recorder, tell.clone()).await?;
        let broker_address = layout.found_broker(address(&broker, "broker")?);
        let queues = provision(edition, scenario, &broker_address).await?;
        let factory = Role::start(&layout.factory(), recorder, tell.clone()).await?;
        let factory_address = layout.found_factory(address(&factory, "factory")?);
        // Sales first: it is the role that seeds the database.
        let sales = Role::start(&layout.sales(), recorder, tell.clone()).await?;
        let sales_address = address(&sales, "sales")?;
        let receiving = Role::start(&layout.receiving(), recorder, tell.clone()).await?;
        if let Some(path) = edition.callback_path {
            layout.found_callback(&format!("{}{path}", address(&receiving, "receiving")?));
        }
        let mut roles = vec![broker, factory, sales, receiving];
        for worker in layout.workers() {
            roles.push(Role::start(&worker, recorder, tell.clone()).await?);
        }
        Ok(Self {
            roles,
            unasked,
            edition,
            sales: sales_address,
            factory: factory_address,
            broker: broker_address,
            database_url: layout.database_url().to_owned(),
            queues,
            _data: data,
        })
    }

    /// Process ids of all roles.
    pub fn pids(&self) -> impl Iterator<Item = u32> + '_ {
        self.roles.iter().map(Role::pid)
    }

    /// The first role that ended without being asked, when one has. The receiver changes at that moment.
    #[must_use]
    pub fn unasked(&self) -> watch::Receiver<Option<UnaskedEnd>> {
        self.unasked.clone()
    }

    /// Ends the roles, those that take work first, those that others need last. Each finishes what it took.
    pub async fn stop(self) {
        for role in self.roles.into_iter().rev() {
            role.stop().await;
        }
    }
}

fn address(role: &Role, listener: &'static str) -> Result<String, BootError> {
    role.address(listener).map(str::to_owned).ok_or_else(|| BootError::NoAddress { role: role.name().to_owned(), listener })
}

/// Makes the pipeline's topics and queues, and an observer's queue on every topic.
async fn provision(edition: &'static Edition, scenario: &Scenario, broker: &str) -> Result<Queues, BootError> {
    let settings = QueueSettings {
        visibility_timeout: scenario.pipeline.visibility_timeout,
        max_receive_count: scenario.pipeline.max_receive_count,
        ..QueueSettings::default()
    };
    let pipeline = Topology::of(edition, settings);
    let mut all = pipeline.clone();
    for topic in &pipeline.topics {
        let spec = Topology::of(edition, QueueSettings::default()).queues.swap_remove(0);
        let name = observer_of(&topic.name);
        all.queues.push(reference::edition::topology::QueueSpec { dlq: format!("{name}-dlq"), name: name.clone(), ..spec });
        all.subscriptions.push(Subscription { topic: topic.name.clone(), queue: name });
    }
    let aws = Aws::new(&AwsConfig::local(broker))?;
    let made = aws.provision(&all, &ProvisionOptions::default()).await?;
    Ok(Queues {
        work: named(&aws, &made, pipeline.queues.iter().map(|queue| &queue.name), false),
        dead_letter: named(&aws, &made, pipeline.queues.iter().map(|queue| &queue.dlq), true),
        observers: pipeline
            .topics
            .iter()
            .zip(named(&aws, &made, pipeline.topics.iter().map(|topic| observer_of(&topic.name)).collect::<Vec<_>>().iter(), false))
            .map(|(topic, queue)| (topic.name.clone(), queue))
            .collect(),
    })
}

fn observer_of(topic: &str) -> String {
    format!("observer-{topic}")
}

fn named<'a>(aws: &Aws, made: &Provisioned, names: impl Iterator<Item = &'a String>, dead_letter: bool) -> Vec<Queue> {
    let urls = if dead_letter { &made.dlq_urls } else { &made.queue_urls };
    names.map(|name| aws.queue(name, urls.get(name).expect("provision answers every queue that it was asked for"))).collect()
}
