//! A target, running: started (or found), its stock set, with everything around it that the harness plays.

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaos::decision::TapKind;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::access::Access;
use super::ask::Asker;
use super::database::{Database, DatabaseError};
use super::factory::{FactoryError, FactoryRole, Reporter, Temper};
use super::process::{Program, StartError, TargetProcess};
use super::queues::{Provisioned, QueueError};
use super::speech::Speech;
use super::template::{Setting, Template};
use super::view::View;
use super::{Start, Target};
use crate::boot::Queues;
use crate::boot::role::{Role, RoleCommand, RoleError, UnaskedEnd};
use crate::boot::workplace::Workplace;
use crate::faults::{HopError, Hops};
use crate::history::writer::Recorder;
use crate::observe::http::ReadError;
use crate::scenario::Scenario;

/// Why a target cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum StrangerError {
    /// Its file names variables of the environment that are not there.
    #[error("the target file needs {} in the environment: set what {{env:…}} names and start again", .0.join(" and "))]
    Environment(Vec<String>),
    /// No folder for its data, or no port.
    #[error("cannot get a temporary folder or a free port for the target (TMPDIR names another place)")]
    Place(#[source] std::io::Error),
    /// The harness's own SQS, SNS and SES did not come up.
    #[error(transparent)]
    Broker(#[from] RoleError),
    /// Its queues.
    #[error(transparent)]
    Queues(#[from] QueueError),
    /// A hop could not be tapped.
    #[error(transparent)]
    Hop(#[from] HopError),
    /// The factory that the harness plays.
    #[error(transparent)]
    Factory(#[from] FactoryError),
    /// Its process.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Its stock.
    #[error("the target's stock cannot be read or set as [stock] of its file says")]
    Stock(#[from] ReadError),
}

/// A running target. Dropping it ends everything that was started for it; [`Stranger::stop`] lets it finish.
#[derive(Debug)]
pub struct Stranger {
    process: Option<TargetProcess>,
    broker: Option<Role>,
    factory: Option<FactoryRole>,
    unasked: watch::Receiver<Option<UnaskedEnd>>,
    provisioned: Option<Arc<Provisioned>>,
    /// Where buyers go: the tap before it.
    pub entrance: String,
    /// What can be seen of it.
    pub view: Arc<View>,
    // Last, so that it goes when the processes are gone.
    data: Workplace,
}

/// What is told to a target at its start.
struct Places<'a> {
    target: &'a Target,
    scenario: &'a Scenario,
    port: u16,
    /// Where it is reached from outside.
    outer: String,
    data: PathBuf,
    aws_endpoint: Option<String>,
    factory_url: Option<String>,
    provisioned: Option<Arc<Provisioned>>,
}

impl Stranger {
    /// Brings a target into the state in which the load can begin, each part reaching the others through a tap of `hops`.
    ///
    /// # Errors
    /// [`StrangerError`]; whatever was started is ended again.
    pub async fn boot(target: &Target, scenario: &Scenario, logs: &Path, recorder: &Recorder, hops: &Hops) -> Result<Self, StrangerError> {
        target.check_environment().map_err(StrangerError::Environment)?;
        let data = Workplace::open().map_err(StrangerError::Place)?;
        let (tell, unasked) = watch::channel(None);
        let port = free_port().await.map_err(StrangerError::Place)?;
        let own = filled(&target.url, |place| (place == "port").then(|| port.to_string()));
        let entrance = hops.stand("sales", TapKind::Http, &own).await?;
        let database = |address: &Template| found(address, data.path(), hops);
        let access = Access::new(&own, target.stock.as_ref(), target.ledger.as_ref(), database)?;

        let (broker, provisioned, aws_endpoint) = messaging(target, scenario, &data, logs, recorder, &tell, hops).await?;
        let outer = if target.factory.is_some() { hops.stand("callback", TapKind::Http, &own).await? } else { own.clone() };
        let speech = Arc::new(target.speech.clone());
        let factory = match &target.factory {
            Some(description) => {
                let temper = Temper { production_time: scenario.pipeline.production_time, capacity: scenario.pipeline.factory_capacity };
                let publisher = provisioned.as_ref().map(|made| made.aws.publisher(made.topic_arns.clone()));
                let reporter = Reporter { own_and_outer: (own.clone(), outer.clone()), publisher, asker: Asker::default() };
                Some(FactoryRole::start(description, Arc::clone(&speech), temper, reporter).await?)
            }
            None => None,
        };
        let factory_url = match &factory {
            // Whoever was told a fixed address calls that, and not a tap before it.
            Some(factory) if target.start.is_none() => Some(factory.url()),
            Some(factory) => Some(hops.stand("factory", TapKind::Http, &factory.url()).await?),
            None => None,
        };

        let places = Places {
            target,
            scenario,
            port,
            outer,
            data: data.path().to_owned(),
            aws_endpoint,
            factory_url,
            provisioned: provisioned.clone(),
        };
        let process = match &target.start {
            Some(start) => Some(places.start(start, &own, logs, recorder, &tell).await?),
            None => None,
        };
        for product in &scenario.products {
            if let Some(words) = target.speech.products.iter().find(|words| words.id == product.id) {
                access.set_stock(words, i64::from(product.stock)).await?;
            }
        }
        let queues = provisioned.as_ref().map(|made| made.queues.clone());
        let queues = queues.unwrap_or_else(|| Queues { work: Vec::new(), dead_letter: Vec::new(), observers: Vec::new() });
        let knowledge = factory.as_ref().map(FactoryRole::line);
        let broker_url = broker.as_ref().and_then(|broker| broker.addresses().get("broker")).cloned();
        let view = Arc::new(View::new(target, scenario, access, queues, knowledge, broker_url));
        Ok(Self { process, broker, factory, unasked, provisioned, entrance, view, data })
    }

    /// How buyers talk to it.
    #[must_use]
    pub fn speech(&self) -> Arc<Speech> {
        Arc::clone(&self.view.speech)
    }

    /// Process ids of everything that belongs to it, as far as the harness started it.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.process.as_ref().map(TargetProcess::pids).unwrap_or_default()
    }

    /// The first process that ended without being asked, when one has.
    #[must_use]
    pub fn unasked(&self) -> watch::Receiver<Option<UnaskedEnd>> {
        self.unasked.clone()
    }

    /// Ends what was started for it, the target first.
    pub async fn stop(self) {
        if let Some(process) = self.process {
            process.stop().await;
        }
        if let Some(factory) = self.factory {
            factory.stop().await;
        }
        if let Some(provisioned) = self.provisioned {
            provisioned.remove_observers(&self.data).await;
        }
        if let Some(broker) = self.broker {
            drop(broker.stop().await);
        }
    }
}

type Messaging = (Option<Role>, Option<Arc<Provisioned>>, Option<String>);

/// SQS, SNS and SES for a target: the broker (when it is ours), what is on it, and the address to tell the target.
async fn messaging(
    target: &Target,
    scenario: &Scenario,
    data: &Workplace,
    logs: &Path,
    recorder: &Recorder,
    tell: &watch::Sender<Option<UnaskedEnd>>,
    hops: &Hops,
) -> Result<Messaging, StrangerError> {
    let Some(part) = &target.aws else { return Ok((None, None, None)) };
    let (broker, endpoint) = match &part.endpoint {
        Some(endpoint) => (None, endpoint.clone()),
        None => {
            let broker = Role::start(&broker_command(data.path(), logs), recorder, tell.clone()).await?;
            let address = broker.addresses().get("broker").cloned().unwrap_or_default();
            (Some(broker), address)
        }
    };
    // The tap first: it refuses to go where nobody allowed it.
    let told = hops.stand("aws.target", TapKind::Aws, &endpoint).await?;
    let provisioned = Provisioned::on(&endpoint, part, &scenario.pipeline, data).await?;
    Ok((broker, Some(Arc::new(provisioned)), Some(told)))
}

/// The embedded broker, in a process of its own, as every run has it.
fn broker_command(data: &Path, logs: &Path) -> RoleCommand {
    let mut args: Vec<String> = [
        "reference",
        "serve",
        "broker",
        "--ready",
        "json",
        "--exit-with-parent",
        "--log",
        "json",
        "--log-level",
        "warn",
        "--broker-storage",
        "memory",
    ]
    .map(str::to_owned)
    .to_vec();
    args.extend(["--data".to_owned(), data.join("broker").display().to_string()]);
    RoleCommand { name: "broker".to_owned(), args, env: Vec::new(), log: logs.join("broker.log"), ends: false }
}

impl Places<'_> {
    async fn start(
        &self,
        start: &Start,
        own: &str,
        logs: &Path,
        recorder: &Recorder,
        tell: &watch::Sender<Option<UnaskedEnd>>,
    ) -> Result<TargetProcess, StrangerError> {
        let fill = |template: &Template| filled(template, |place| self.value(place));
        let mut env: Vec<(String, String)> = Vec::new();
        if self.aws_endpoint.is_some() {
            // Every SDK wants a region and a key, and our endpoint looks at neither.
            env.extend(
                [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "rushproof"), ("AWS_SECRET_ACCESS_KEY", "rushproof")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned())),
            );
        }
        env.extend(start.env.iter().map(|(name, value)| (name.clone(), fill(value))));
        let program = Program {
            command: start.command.iter().map(fill).collect(),
            folder: std::path::absolute(self.target.folder.join(&start.folder)).map_err(StrangerError::Place)?,
            env,
            log: std::path::absolute(logs.join("target.log")).map_err(StrangerError::Place)?,
            stop_within: start.stop_within,
        };
        let mut process = TargetProcess::start(&program, recorder, tell.clone())?;
        process.ready(own, start.ready.as_deref(), start.ready_within, recorder).await?;
        Ok(process)
    }

    fn value(&self, place: &str) -> Option<String> {
        let stock = |id: &str| self.scenario.products.iter().find(|product| product.id == id).map(|product| product.stock.to_string());
        match place.split_once(':') {
            None => match place {
                "port" => Some(self.port.to_string()),
                "url" => Some(self.outer.clone()),
                "data" => Some(self.data.display().to_string()),
                "stock" => self.scenario.products.first().map(|product| product.stock.to_string()),
                "aws_endpoint" => self.aws_endpoint.clone(),
                "factory_url" => self.factory_url.clone(),
                _ => None,
            },
            Some(("stock", id)) => stock(id),
            Some(("topic_arn", topic)) => self.provisioned.as_ref()?.topic_arns.get(topic).cloned(),
            Some(("queue_url", queue)) => {
                let url = self.provisioned.as_ref()?.queue_urls.get(queue)?;
                Some(self.through_the_tap(url).into_owned())
            }
            Some(_) => None,
        }
    }

    /// A queue's address names the endpoint itself; a target reaches it through the tap.
    fn through_the_tap<'u>(&self, url: &'u str) -> Cow<'u, str> {
        let path = url.strip_prefix("http://").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
        match (&self.aws_endpoint, path) {
            (Some(endpoint), Some(path)) => Cow::Owned(format!("{}{path}", endpoint.trim_end_matches('/'))),
            _ => Cow::Borrowed(url),
        }
    }
}

/// The database of an address, on this machine or on one that may be reached.
fn found(address: &Template, data: &Path, hops: &Hops) -> Result<Database, StrangerError> {
    let database = Database::at(address, data)?;
    if let Some(server) = database.server() {
        hops.may_reach("database", &server)?;
    }
    Ok(database)
}

/// A template whose places were checked when the file was read.
fn filled(template: &Template, value: impl Fn(&str) -> Option<String>) -> String {
    template.fill(Setting::Plain, |place| value(place).map(serde_json::Value::from)).unwrap_or_default()
}

/// Ports below those that systems hand out by themselves to whoever connects (32768 and up on Linux, 49152 and up elsewhere): between our look
/// and the target's listening, only somebody else who chooses a port could take one of these.
const CHOSEN_PORTS: std::ops::Range<u16> = 15_000..32_000;

/// How many of them are tried.
const PORTS_TRIED: usize = 64;

/// A port that nobody used a moment ago. Should it be taken before the target listens, the target says so and the run ends.
async fn free_port() -> std::io::Result<u16> {
    let mut taken = std::io::Error::from(std::io::ErrorKind::AddrInUse);
    for _ in 0..PORTS_TRIED {
        let width = u32::from(CHOSEN_PORTS.end - CHOSEN_PORTS.start);
        // Which port it is decides nothing in the run, so it need not come from the seed; two runs with one seed must not get the same.
        let port = CHOSEN_PORTS.start + u16::try_from(rand::random::<u32>() % width).unwrap_or_default();
        match TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
            Ok(_) => return Ok(port),
            Err(error) => taken = error,
        }
    }
    Err(taken)
}
