//! Which function this process is, and its run: one invocation after the other, until Lambda ends the process.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Error, service_fn};
use reference::advertising::{Advertising, AdvertisingSettings};
use reference::config::role::Role;
use reference::config::{MailSettings, ServeSettings};
use reference::consumer::Handler;
use reference::edition::topology::Topology;
use reference::http::{ServerLimits, guarded};
use reference::messaging::Aws;
use reference::messaging::config::AwsConfigError;
use reference::messaging::provision::ProvisionError;
use reference::operations::Operations;
use reference::receiving;
use reference::receiving::delivery::Deliveries;
use reference::relay::{Relay, RelaySettings};
use reference::replenish::{FactoryAddressError, Replenish, ReplenishSettings};
use reference::sales::{self, SalesState};
use reference::store::{SetStockError, Store, StoreError};
use reference::telemetry::logs::{self, LogFormat, LogOptions};
use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::consume::consume;
use crate::event::SqsEvent;
use crate::settings::{Env, SettingsError, settings};

/// The variable in which Lambda says which handler was configured: here, which function this is.
pub const HANDLER: &str = "_HANDLER";

/// How long a request may take, well below the time after which the function would be ended without an answer.
const REQUEST_WITHIN: Duration = Duration::from_secs(8);

/// How long an order for the factory is patient, below the function's own end (see `deploy/terraform/functions.tf`).
const FACTORY_PATIENCE: Duration = Duration::from_secs(10);

/// What an invocation may take where nobody says: the shortest of the limits in `deploy/terraform` for a function that consumes.
const GIVEN_TIME: Duration = Duration::from_secs(20);

/// Time that a relay keeps back to finish what it has begun.
const RELAY_FINISHES_WITHIN: Duration = Duration::from_secs(5);

/// How long a relay stays when its event does not say.
const RELAY_STAYS: Duration = Duration::from_secs(50);

/// Why a function ended, or never began.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum FunctionError {
    #[error("{HANDLER} is {0:?}, which is no function; there are sales, receiving, relay, replenish, advertising and operations")]
    Unknown(String),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stock(#[from] SetStockError),
    #[error(transparent)]
    Endpoint(#[from] AwsConfigError),
    #[error("cannot find the topics")]
    Topics(#[from] ProvisionError),
    #[error(transparent)]
    Factory(#[from] FactoryAddressError),
    #[error("the runtime: {0}")]
    Runtime(Error),
}

/// Runs the function that the environment names; ends only when it cannot go on.
pub async fn main() -> ExitCode {
    let env = |name: &str| std::env::var(name).ok();
    let level = env("RUST_LOG").unwrap_or_else(|| logs::DEFAULT_FILTER.to_owned());
    let filter = match logs::parse_filter(&level) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("RUST_LOG: {error}");
            return ExitCode::FAILURE;
        }
    };
    logs::init(LogOptions { format: LogFormat::Json, filter });
    let ended = run(&env(HANDLER).unwrap_or_default(), &env).await;
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            tracing::error!("{}", causes.map(ToString::to_string).collect::<Vec<_>>().join(": "));
            ExitCode::FAILURE
        }
    }
}

/// Runs a function.
///
/// # Errors
/// [`FunctionError`].
pub async fn run(name: &str, env: Env<'_>) -> Result<(), FunctionError> {
    let unknown = || FunctionError::Unknown(name.to_owned());
    let role: Role = name.parse().map_err(|_| unknown())?;
    if matches!(role, Role::Broker | Role::Factory) {
        // They stand for systems that are not ours.
        return Err(unknown());
    }
    let settings = settings(name, env).await?;
    let store = Store::open(&settings.pipeline.database_url, settings.store.clone()).await?;
    store.seed(&settings.stock).await?;
    match role {
        Role::Sales => {
            let concurrent_purchases = settings.store.purchase_queue;
            answer(sales::router(SalesState { store, admin_key: settings.admin_key, concurrent_purchases })).await
        }
        Role::Receiving if settings.pipeline.edition.delivery_queue.is_none() => answer(receiving::callback::router(store)).await,
        Role::Receiving => work_off(Deliveries::new(store)).await,
        Role::Replenish => {
            let factory_url = settings.factory_url.ok_or_else(unknown)?;
            let patience = ReplenishSettings { patience: FACTORY_PATIENCE, ..ReplenishSettings::new(factory_url, settings.callback_url) };
            work_off(Replenish::new(store, &patience)?).await
        }
        Role::Advertising => {
            let MailSettings { from, to } = settings.mail.clone();
            work_off(Advertising::new(store, aws(&settings)?, AdvertisingSettings { from, to })).await
        }
        Role::Operations => work_off(Operations::new(store)).await,
        Role::Relay => publish(&settings, store).await,
        Role::Broker | Role::Factory => Err(unknown()),
    }
}

fn aws(settings: &ServeSettings) -> Result<Aws, FunctionError> {
    let config = settings.aws.as_ref().expect("the configuration was checked: a role that needs an endpoint has one");
    Ok(Aws::new(config)?)
}

/// Answers HTTP requests.
async fn answer(router: Router) -> Result<(), FunctionError> {
    let limits = ServerLimits { request_timeout: REQUEST_WITHIN, ..ServerLimits::default() };
    lambda_http::run(guarded(router, limits)).await.map_err(FunctionError::Runtime)
}

/// Works off batches of a queue.
async fn work_off<H: Handler + 'static>(handler: H) -> Result<(), FunctionError> {
    let handler = Arc::new(handler);
    let work = service_fn(move |event: LambdaEvent<SqsEvent>| {
        let handler = Arc::clone(&handler);
        async move {
            let deadline = instant_of(event.context.deadline);
            Ok::<_, Error>(consume(&handler, event.payload, deadline).await)
        }
    });
    lambda_runtime::run(work).await.map_err(FunctionError::Runtime)
}

/// What wakes the relay: a schedule.
#[derive(Debug, Default, Deserialize)]
struct Wake {
    /// How long it shall stay, in seconds.
    stay_seconds: Option<u64>,
}

/// Publishes what is in the outbox, and what comes while it stays.
async fn publish(settings: &ServeSettings, store: Store) -> Result<(), FunctionError> {
    let aws = aws(settings)?;
    // Only the topics: a relay needs to know of no queue, and so needs no permission to look for one.
    let topics = Topology { queues: Vec::new(), subscriptions: Vec::new(), ..settings.pipeline.topology() };
    let there = aws.resolve_with(&topics, &settings.pipeline.known_topic_arns()).await?;
    let relaying = RelaySettings {
        confirm_after: settings.confirm_after,
        confirm_every: (settings.confirm_after / 4).clamp(Duration::from_millis(50), Duration::from_secs(1)),
        lease: settings.relay_lease,
        ..RelaySettings::default()
    };
    let relay = Arc::new(Relay::new(store, aws.publisher(there.topic_arns), relaying));
    let wake = service_fn(move |event: LambdaEvent<Wake>| {
        let relay = Arc::clone(&relay);
        async move {
            let ends = instant_of(event.context.deadline);
            let stay = event.payload.stay_seconds.map_or(RELAY_STAYS, Duration::from_secs);
            let leave = ends.checked_sub(RELAY_FINISHES_WITHIN).unwrap_or(ends).min(Instant::now() + stay);
            let stop = CancellationToken::new();
            let stopped = async {
                tokio::time::sleep_until(leave).await;
                stop.cancel();
            };
            // Both end: the relay finishes what it has claimed, and nothing of it runs on when the process is frozen.
            tokio::join!(relay.run(stop.clone()), stopped);
            Ok::<_, Error>(())
        }
    });
    lambda_runtime::run(wake).await.map_err(FunctionError::Runtime)
}

/// The instant of a moment in milliseconds since the Unix epoch. Lambda never names one that is over; emulators do (cargo lambda 1.9 counts from
/// the invocation), and then the time that a function is given where nothing better is known.
fn instant_of(unix_ms: u64) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::now() + Duration::from_millis(unix_ms).checked_sub(now).unwrap_or(GIVEN_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_is_over_is_none() {
        assert_eq!(instant_of(600_000), Instant::now() + GIVEN_TIME);
        let in_a_minute = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(60);
        let left = instant_of(u64::try_from(in_a_minute.as_millis()).unwrap()) - Instant::now();
        assert!((50..=60).contains(&left.as_secs()), "{left:?}");
    }
}
