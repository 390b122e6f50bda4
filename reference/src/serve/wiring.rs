//! What each role is given: its listener, the store, the queues, and the addresses of the others.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ServeError;
use super::crew::Crew;
use super::listeners::Listeners;
use super::patience;
use super::ready::Ready;
use crate::advertising::{Advertising, AdvertisingSettings};
use crate::broker::{Broker, BrokerError, BrokerOptions};
use crate::config::role::Role;
use crate::config::{BrokerStorage, MailSettings, PipelineSettings, ServeSettings};
use crate::consumer::{Consumer, ConsumerSettings, Handler};
use crate::factory::{DeliveryTopic, Factory, FactoryLogError, ReturnPath};
use crate::http::{self, ServerLimits};
use crate::messaging::config::AwsConfigError;
use crate::messaging::provision::{ProvisionError, ProvisionOptions, Provisioned};
use crate::messaging::{Aws, AwsConfig};
use crate::operations::Operations;
use crate::receiving;
use crate::receiving::delivery::Deliveries;
use crate::relay::{Relay, RelaySettings};
use crate::replenish::{FactoryAddressError, Replenish, ReplenishSettings};
use crate::sales::{self, SalesState};
use crate::site::Site;
use crate::status::{Probes, WatchedQueue};
use crate::store::{SetStockError, Store, StoreError};
use crate::telemetry::admin::Admin;
use crate::telemetry::metrics;

/// How long a process waits for a messaging endpoint that is still starting.
const ENDPOINT_PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two looks.
const ENDPOINT_PAUSE: Duration = Duration::from_millis(250);

/// Why a role cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stock that a fresh database was to get.
    #[error(transparent)]
    Stock(#[from] SetStockError),
    /// The factory's address, or that of the callback.
    #[error(transparent)]
    Address(#[from] FactoryAddressError),
    /// The factory's log.
    #[error(transparent)]
    FactoryLog(#[from] FactoryLogError),
    /// The messaging endpoint's address.
    #[error(transparent)]
    Endpoint(#[from] AwsConfigError),
    /// The broker's folder.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The user means a topic of another endpoint.
    #[error("the embedded broker has no topic {named}; unset TOPIC_ARN, or leave the role `broker` to the endpoint that has it")]
    OtherTopic {
        /// The ARN that was given.
        named: String,
    },
    /// The messaging endpoint, or what should be on it, did not appear.
    #[error(
        "the messaging endpoint {endpoint} cannot be used after {ENDPOINT_PATIENCE:?} ({why}); look at AWS_ENDPOINT_URL, and whether it runs"
    )]
    NotThere {
        /// Its address.
        endpoint: String,
        /// The last answer.
        why: ProvisionError,
    },
    /// Topics and queues.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
}

/// All roles, started.
#[derive(Debug)]
pub(super) struct Wired {
    pub(super) crew: Crew,
    pub(super) admin: Admin,
    pub(super) admin_stop: CancellationToken,
    pub(super) site: Option<JoinHandle<()>>,
    pub(super) store: Option<Store>,
}

/// Topics and queues, and the clients to use them.
#[derive(Debug, Clone)]
struct Messaging {
    aws: Aws,
    there: Arc<Provisioned>,
}

/// What roles share while they are started.
struct Wiring<'a> {
    settings: &'a ServeSettings,
    ready: &'a Ready,
    crew: Crew,
    store: Option<Store>,
    messaging: Option<Messaging>,
    broker: Option<Broker>,
    sales: Option<Router>,
}

/// Starts the roles in their order, and the admin listener last: whoever gets an answer from it may rely on the rest.
pub(super) async fn wire(settings: &ServeSettings, mut listeners: Listeners, ready: &Ready) -> Result<Wired, ServeError> {
    let recorder = metrics::install();
    let mut wiring = Wiring { settings, ready, crew: Crew::default(), store: None, messaging: None, broker: None, sales: None };
    for role in settings.roles.iter().copied() {
        let listener = match role {
            Role::Broker => listeners.broker.take(),
            Role::Factory => listeners.factory.take(),
            Role::Receiving => listeners.receiving.take(),
            Role::Sales => listeners.sales.take(),
            Role::Relay | Role::Replenish | Role::Advertising | Role::Operations => None,
        };
        wiring.start(role, listener).await.map_err(|source| ServeError::Start { role, source })?;
    }
    let admin_stop = CancellationToken::new();
    let site = if let Some(listener) = listeners.live.take() {
        let site = wiring.site(recorder.clone()).await.map_err(|source| ServeError::Start { role: Role::Sales, source })?;
        Some(tokio::spawn(site.serve(listener, admin_stop.clone())))
    } else {
        None
    };
    let admin = Admin::new(wiring.probes(), recorder);
    tokio::spawn(admin.clone().keep_metrics_small(admin_stop.clone()));
    tokio::spawn(http::serve(listeners.admin, admin.router(), ServerLimits::default(), admin_stop.clone()));
    Ok(Wired { crew: wiring.crew, admin, admin_stop, site, store: wiring.store })
}

impl Wiring<'_> {
    async fn start(&mut self, role: Role, listener: Option<TcpListener>) -> Result<(), WiringError> {
        match (role, listener) {
            (Role::Broker, Some(listener)) => self.broker(listener).await,
            (Role::Factory, Some(listener)) => self.factory(listener).await,
            (Role::Sales, Some(listener)) => self.sales(listener).await,
            (Role::Receiving, Some(listener)) => self.callback(listener).await,
            (Role::Receiving, None) => self.delivery().await,
            (Role::Relay, _) => self.relay().await,
            (Role::Replenish, _) => self.replenish().await,
            (Role::Advertising, _) => self.advertising().await,
            (Role::Operations, _) => self.operations().await,
            (Role::Broker | Role::Factory | Role::Sales, None) => unreachable!("listeners were bound for every role that serves"),
        }
    }

    /// The broker comes with the edition's topics and queues in it.
    async fn broker(&mut self, listener: TcpListener) -> Result<(), WiringError> {
        let folder = match self.settings.broker_storage {
            BrokerStorage::Disk => Some(self.settings.pipeline.data.path.join("broker")),
            BrokerStorage::Memory => None,
        };
        let broker = Broker::open(BrokerOptions { folder, seed: self.settings.seed, ..BrokerOptions::default() })?;
        self.broker = Some(broker.clone());
        let stop = self.crew.stop_of(Role::Broker);
        self.crew.start(Role::Broker, async move { broker.serve(listener, stop).await.map_err(|error| error.to_string()) }.boxed());
        let address = self.ready.addresses.get("broker").expect("the listener was bound");
        let aws = Aws::new(&AwsConfig::local(address))?;
        let pipeline = &self.settings.pipeline;
        let there = aws.provision(&pipeline.topology(), &ProvisionOptions::default()).await?;
        if let Some(named) = &pipeline.topic_arn
            && there.topic_arns.get(pipeline.edition.stock_topic) != Some(named)
        {
            return Err(WiringError::OtherTopic { named: named.clone() });
        }
        self.messaging = Some(Messaging { aws, there: Arc::new(there) });
        Ok(())
    }

    async fn factory(&mut self, listener: TcpListener) -> Result<(), WiringError> {
        let edition = self.settings.pipeline.edition;
        let return_path = match edition.delivery_topic {
            None => ReturnPath::Callback,
            Some(topic) => {
                let Messaging { aws, there } = self.messaging().await?;
                ReturnPath::Delivery(DeliveryTopic { publisher: aws.publisher(there.topic_arns.clone()), topic, edition })
            }
        };
        let log_file = self.settings.pipeline.data.path.join("factory.db");
        let factory = Factory::open(self.settings.factory.clone(), &log_file, return_path).await?;
        self.role(Role::Factory, |stop| factory.run(listener, stop));
        Ok(())
    }

    async fn sales(&mut self, listener: TcpListener) -> Result<(), WiringError> {
        let state = SalesState {
            store: self.store().await?,
            admin_key: self.settings.admin_key.clone(),
            concurrent_purchases: self.settings.store.purchase_queue,
        };
        let router = sales::router(state);
        self.sales = Some(router.clone());
        self.role(Role::Sales, |stop| http::serve(listener, router, ServerLimits::default(), stop).map(drop));
        Ok(())
    }

    async fn callback(&mut self, listener: TcpListener) -> Result<(), WiringError> {
        let router = receiving::callback::router(self.store().await?);
        self.role(Role::Receiving, |stop| http::serve(listener, router, ServerLimits::default(), stop).map(drop));
        Ok(())
    }

    async fn delivery(&mut self) -> Result<(), WiringError> {
        let queue = self.settings.pipeline.edition.delivery_queue.expect("an edition without a callback has a delivery queue");
        let handler = Deliveries::new(self.store().await?);
        self.consume(Role::Receiving, queue, handler).await
    }

    async fn relay(&mut self) -> Result<(), WiringError> {
        let Messaging { aws, there } = self.messaging().await?;
        let settings = RelaySettings {
            confirm_after: self.settings.confirm_after,
            // Looking four times as often as the time itself makes a repeated request at most a quarter late.
            confirm_every: (self.settings.confirm_after / 4).clamp(Duration::from_millis(50), Duration::from_secs(1)),
            lease: self.settings.relay_lease,
            seed: self.settings.seed,
            ..RelaySettings::default()
        };
        let relay = Relay::new(self.store().await?, aws.publisher(there.topic_arns.clone()), settings);
        self.role(Role::Relay, |stop| async move { relay.run(stop).await });
        Ok(())
    }

    async fn replenish(&mut self) -> Result<(), WiringError> {
        let edition = self.settings.pipeline.edition;
        let factory_url = self.settings.factory_url.clone().or_else(|| self.ready.addresses.get("factory").cloned());
        let factory_url = factory_url.expect("the configuration was checked: the factory is known, or is in this process");
        let callback_url = edition.callback_path.and_then(|path| {
            let base = self.settings.callback_url.clone().or_else(|| self.ready.addresses.get("receiving").cloned());
            base.map(|base| with_path(base, path))
        });
        let handler = Replenish::new(self.store().await?, &ReplenishSettings::new(factory_url, callback_url))?;
        self.consume(Role::Replenish, edition.stock_queue, handler).await
    }

    async fn advertising(&mut self) -> Result<(), WiringError> {
        let MailSettings { from, to } = self.settings.mail.clone();
        let aws = self.messaging().await?.aws;
        let handler = Advertising::new(self.store().await?, aws, AdvertisingSettings { from, to });
        self.consume(Role::Advertising, self.settings.pipeline.edition.ad_queue, handler).await
    }

    async fn operations(&mut self) -> Result<(), WiringError> {
        let handler = Operations::new(self.store().await?);
        self.consume(Role::Operations, self.settings.pipeline.edition.operations_queue, handler).await
    }

    /// Starts a role that consumes a queue.
    async fn consume<H: Handler + 'static>(&mut self, role: Role, queue: &str, handler: H) -> Result<(), WiringError> {
        let Messaging { aws, there } = self.messaging().await?;
        let settings = ConsumerSettings {
            pollers: self.settings.consumers,
            visibility: self.settings.pipeline.queues.visibility_timeout,
            seed: self.settings.seed,
            ..ConsumerSettings::default()
        };
        let consumer = Consumer::new(there.queue(&aws, queue)?, handler, settings);
        self.role(role, |stop| async move { consumer.run(stop).await });
        Ok(())
    }

    /// Starts a role that ends only when it is told to.
    fn role<F: Future<Output = ()> + Send + 'static>(&mut self, role: Role, run: impl FnOnce(CancellationToken) -> F) {
        let stop = self.crew.stop_of(role);
        self.crew.start(role, run(stop).map(Ok).boxed());
    }

    /// The store; opened, and filled where it is empty, by the first role that needs it.
    async fn store(&mut self) -> Result<Store, WiringError> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        let (settings, url) = (self.settings, &self.settings.pipeline.database_url);
        let store = patience::with_the_database(async || {
            let store = Store::open(url, settings.store.clone()).await?;
            if let Err(error) = store.seed(&settings.stock).await {
                store.close().await;
                return Err(error);
            }
            Ok(store)
        })
        .await?;
        #[cfg(feature = "defects")]
        if crate::defects::publishes_directly() {
            let Messaging { aws, there } = self.messaging().await?;
            crate::defects::publishing::through(aws.publisher(there.topic_arns.clone()));
        }
        self.store = Some(store.clone());
        Ok(store)
    }

    /// Topics and queues of an endpoint that another process serves; looked up by the first role that needs them.
    async fn messaging(&mut self) -> Result<Messaging, WiringError> {
        if let Some(messaging) = &self.messaging {
            return Ok(messaging.clone());
        }
        let config = self.settings.aws.as_ref().expect("the configuration was checked: a role that needs an endpoint has one");
        let aws = Aws::new(config)?;
        let pipeline = &self.settings.pipeline;
        let there = match resolve_patiently(&aws, pipeline).await {
            Ok(there) => Arc::new(there),
            Err(why) => {
                let endpoint =
                    config.endpoint.clone().or_else(|| config.endpoint_sns.clone()).unwrap_or_else(|| format!("of {}", config.region));
                return Err(WiringError::NotThere { endpoint, why });
            }
        };
        let messaging = Messaging { aws, there };
        self.messaging = Some(messaging.clone());
        Ok(messaging)
    }

    /// The shop's own page, once everything that it shows is there.
    async fn site(&mut self, metrics: PrometheusHandle) -> Result<Site, WiringError> {
        // A process that only sells shows no queues.
        if self.messaging.is_none() && self.settings.aws.is_some() {
            self.messaging().await?;
        }
        let pipeline = &self.settings.pipeline;
        Ok(Site {
            sales: self.sales.clone().expect("the configuration was checked: who serves the page sells"),
            probes: self.probes(),
            metrics,
            broker: self.broker.clone(),
            edition: pipeline.edition,
            topology: pipeline.topology(),
        })
    }

    /// What the admin listener can look at.
    fn probes(&self) -> Probes {
        let watch = |Messaging { aws, there }: &Messaging| -> Result<Vec<WatchedQueue>, ProvisionError> {
            let topology = self.settings.pipeline.topology();
            let pair = |name: &str, dlq: &str| Ok(WatchedQueue { queue: there.queue(aws, name)?, dlq: there.queue(aws, dlq)? });
            topology.queues.iter().map(|spec| pair(&spec.name, &spec.dlq)).collect()
        };
        // Whoever provisioned or resolved the topology has every queue of it.
        let queues = self.messaging.as_ref().map(|messaging| watch(messaging).unwrap_or_default()).unwrap_or_default();
        Probes { store: self.store.clone(), queues }
    }
}

/// Looks everything up. Processes are started in any order, so an endpoint that does not answer yet, or has nothing yet, gets some time.
async fn resolve_patiently(aws: &Aws, pipeline: &PipelineSettings) -> Result<Provisioned, ProvisionError> {
    let (topology, known) = (pipeline.topology(), pipeline.known_topic_arns());
    let deadline = Instant::now() + ENDPOINT_PATIENCE;
    let mut told = false;
    loop {
        let error = match aws.resolve_with(&topology, &known).await {
            Ok(there) => return Ok(there),
            Err(error) => error,
        };
        let may_pass = match &error {
            ProvisionError::Call(call) => call.kind.may_pass(),
            ProvisionError::Missing(_) => true,
            ProvisionError::Incomplete { .. } => false,
        };
        if !may_pass || Instant::now() + ENDPOINT_PAUSE > deadline {
            return Err(error);
        }
        if !told {
            tracing::warn!(%error, patience = ?ENDPOINT_PATIENCE, "waiting for the messaging endpoint");
            told = true;
        }
        tokio::time::sleep(ENDPOINT_PAUSE).await;
    }
}

/// The callback's whole address: users give that, or only where the receiving role listens.
fn with_path(base: String, path: &str) -> String {
    let names_a_path = base.parse::<::http::Uri>().is_ok_and(|uri| uri.path() != "/");
    if names_a_path { base } else { format!("{}{path}", base.trim_end_matches('/')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_address_gets_its_path_where_it_has_none() {
        let path = "/product/donut";
        assert_eq!(with_path("http://127.0.0.1:3".into(), path), "http://127.0.0.1:3/product/donut");
        assert_eq!(with_path("http://shop.example/".into(), path), "http://shop.example/product/donut");
        assert_eq!(with_path("http://shop.example/stage/product/donut".into(), path), "http://shop.example/stage/product/donut");
    }
}
