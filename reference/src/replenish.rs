//! Orders from the factory what is missing: stock queue → breaker and limit → factory.
//!
//! The message says which production is wanted; what it consists of is read from the store, so that a forged or outdated message orders nothing
//! wrong. A production that the factory has already taken is not ordered again.

mod client;
pub(crate) mod next;
pub(crate) mod order;
pub(crate) mod request;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::consumer::{Appetite, Handled, Handler};
use crate::defects::{self, Defect, instead};
use crate::domain::ProductionId;
use crate::drills;
use crate::messaging::envelope::Incoming;
use crate::resilience::backoff::{Backoff, Growth};
use crate::resilience::breaker::{BreakerSettings, Call, CallResult, Mood, SharedBreaker};
use crate::resilience::limiter::Limiter;
use crate::store::{Production, Store, StoreError};

pub use client::FactoryAddressError;
use client::FactoryClient;
use next::Next;
use order::Verdict;
use request::Request;

/// How the factory is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplenishSettings {
    /// Base address of the factory ("http://factory:8080"); the path is the edition's.
    pub factory_url: String,
    /// The address of the callback, for editions whose factory calls back: that of the receiving role with its path.
    pub callback_url: Option<String>,
    /// How long one call may take.
    pub timeout: Duration,
    /// Calls in flight at once.
    pub concurrency: usize,
    /// How long a message that was received waits for a free slot, for the breaker and for a factory in trouble, before it is given back.
    /// Must end, with one more call, within the consumer's limit for a handler.
    pub patience: Duration,
    /// How the pauses between the calls for one message grow.
    pub retry: Growth,
    /// Seed of all jitter.
    pub seed: u64,
    /// When to leave the factory alone.
    pub breaker: BreakerSettings,
}

impl ReplenishSettings {
    /// The defaults for a factory at this address.
    #[must_use]
    pub fn new(factory_url: impl Into<String>, callback_url: Option<String>) -> Self {
        Self {
            factory_url: factory_url.into(),
            callback_url,
            timeout: Duration::from_secs(5),
            concurrency: 4,
            patience: Duration::from_secs(20),
            retry: Growth { base: Duration::from_millis(200), cap: Duration::from_secs(5) },
            seed: 0,
            breaker: BreakerSettings::default(),
        }
    }
}

/// Orders productions.
#[derive(Debug, Clone)]
pub struct Replenish {
    store: Store,
    factory: FactoryClient,
    callback_url: Option<String>,
    limiter: Limiter,
    breaker: SharedBreaker,
    concurrency: usize,
    patience: Duration,
    backoff: Arc<Backoff>,
}

/// The breaker may close earlier than announced, because another call was the probe.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Attempts to record that the factory took an order.
const RECORD_ATTEMPTS: u32 = 3;
/// Pause between those attempts.
const RECORD_AGAIN_AFTER: Duration = Duration::from_millis(200);

impl Replenish {
    /// Orders from the factory of `settings`. Clones share breaker and limit.
    ///
    /// # Errors
    /// [`FactoryAddressError`] when the factory's or the callback's address cannot be used.
    pub fn new(store: Store, settings: &ReplenishSettings) -> Result<Self, FactoryAddressError> {
        let edition = store.edition();
        let factory = FactoryClient::new(&settings.factory_url, order::path(edition), settings.timeout)?;
        match (edition.callback_path, &settings.callback_url) {
            (Some(_), None) => return Err(FactoryAddressError::NoCallback { edition: edition.name }),
            (Some(_), Some(url)) => client::check("CALLBACK_URL", url).map(drop)?,
            (None, _) => {}
        }
        Ok(Self {
            store,
            factory,
            callback_url: settings.callback_url.clone(),
            limiter: Limiter::new(settings.concurrency),
            breaker: SharedBreaker::new(settings.breaker, "factory"),
            concurrency: settings.concurrency.max(1),
            patience: settings.patience,
            backoff: Arc::new(Backoff::new(settings.retry, settings.seed)),
        })
    }

    /// Orders until the factory has answered, or patience ends. A short outage is sat out with the message in hand: giving it back would
    /// cost it one of its receives.
    async fn order(&self, request: &Request) -> Result<Handled, StoreError> {
        instead!(UnboundedRetries => return defects::ordering::at_once_and_for_ever(self, request).await);
        let deadline = Instant::now() + self.patience;
        let mut failures = 0;
        loop {
            let reason = match self.attempt(request, deadline).await? {
                Attempt::Settled(handled) => return Ok(handled),
                Attempt::Failed(reason) => reason,
            };
            failures += 1;
            let again_at = Instant::now() + self.backoff.delay(failures);
            if again_at >= deadline {
                return Ok(Handled::Retry { reason });
            }
            tracing::info!(production_id = %request.production, reason, failures, "the factory will be asked again");
            tokio::time::sleep_until(again_at).await;
        }
    }

    async fn attempt(&self, request: &Request, deadline: Instant) -> Result<Attempt, StoreError> {
        // What needs no call need not wait for one.
        if let Planned::Settled(handled) = self.plan(request).await? {
            return Ok(Attempt::Settled(handled));
        }
        let _slot = match self.limiter.slot(deadline.saturating_duration_since(Instant::now())).await {
            Ok(slot) => slot,
            Err(saturated) => return Ok(Attempt::Failed(format!("factory: {saturated}"))),
        };
        let Some(call) = self.admission(deadline).await else {
            return Ok(Attempt::Failed(format!("the factory is left alone after failures; nothing was asked within {:?}", self.patience)));
        };
        // While this one waited, the same production may have been ordered by somebody else.
        let production = match self.plan(request).await? {
            Planned::Order(production) => production,
            Planned::Settled(handled) => return Ok(Attempt::Settled(handled)),
        };
        drills::point("replenish.received-not-called");
        let verdict = self.ask(&production).await;
        call.report(match verdict {
            Verdict::Accepted | Verdict::Refused(_) => CallResult::Success,
            Verdict::Unwell(_) => CallResult::Failure,
        });
        match verdict {
            Verdict::Accepted => {
                drills::point("replenish.called-not-recorded");
                self.record(production.id).await?;
                tracing::info!(production_id = %production.id, product = %production.product, "the factory took the order");
                drills::point("replenish.recorded-not-deleted");
                Ok(Attempt::Settled(Handled::Done))
            }
            Verdict::Refused(reason) => Ok(Attempt::Settled(poison(reason))),
            Verdict::Unwell(reason) if defects::is(Defect::SwallowFactoryError) => {
                tracing::error!(reason, "the factory failed");
                Ok(Attempt::Settled(Handled::Done))
            }
            Verdict::Unwell(reason) => Ok(Attempt::Failed(reason)),
        }
    }

    pub(crate) async fn ask(&self, production: &Production) -> Verdict {
        let body = order::body(self.store.edition(), production, self.callback_url.as_deref().unwrap_or_default());
        let verdict = self.factory.post(body).await;
        metrics::counter!("rushproof_factory_calls_total", "result" => verdict.label()).increment(1);
        verdict
    }

    pub(crate) async fn plan(&self, request: &Request) -> Result<Planned, StoreError> {
        let Some(production) = self.store.production(request.production).await? else {
            return Ok(Planned::Settled(poison(format!("nobody asked for production {}", request.production))));
        };
        Ok(match decide(&production, request) {
            Ok(Next::Order) => Planned::Order(Box::new(production)),
            Ok(Next::NothingToDo) => Planned::Settled(Handled::Done),
            Ok(Next::Wait) => {
                let reason = format!("production {} is {}, not requested yet", production.id, production.state.as_str());
                Planned::Settled(Handled::Retry { reason })
            }
            Err(reason) => Planned::Settled(poison(reason)),
        })
    }

    /// Without the record the factory would be asked again, so a store that hiccups gets another chance or two.
    pub(crate) async fn record(&self, production: ProductionId) -> Result<(), StoreError> {
        let mut attempts = 1;
        loop {
            match self.store.record_accepted(production).await {
                Err(error) if error.may_pass() && attempts < RECORD_ATTEMPTS => {
                    tracing::warn!(production_id = %production, %error, attempts, "an accepted order could not be recorded");
                    tokio::time::sleep(RECORD_AGAIN_AFTER).await;
                    attempts += 1;
                }
                result => return result,
            }
        }
    }

    /// Waits until the breaker lets a call pass, but not beyond `deadline`.
    async fn admission(&self, deadline: Instant) -> Option<Call> {
        loop {
            let now = Instant::now();
            match self.breaker.admit() {
                Ok(call) => return Some(call),
                Err(_) if now >= deadline => return None,
                Err(until) => tokio::time::sleep_until(until.min(now + LOOK_AGAIN_AFTER).min(deadline)).await,
            }
        }
    }
}

impl Handler for Replenish {
    async fn handle(&self, message: &Incoming) -> Handled {
        match Request::parse(message, self.store.edition().attributes) {
            Ok(request) => self.order(&request).await.unwrap_or_else(|error| Handled::Retry { reason: error.to_string() }),
            Err(error) => poison(error.to_string()),
        }
    }

    /// Nothing while the breaker is open, so that an outage of the factory does not wear out the receive counts of what waits.
    fn appetite(&self) -> Appetite {
        match self.breaker.mood() {
            Mood::Closed => Appetite::AtMost(self.concurrency.saturating_sub(self.limiter.in_flight()).max(1)),
            Mood::Probing => Appetite::AtMost(1),
            Mood::Open { until } => Appetite::NothingBefore(until),
        }
    }
}

/// What came of trying once.
enum Attempt {
    Settled(Handled),
    Failed(String),
}

/// What the store says of a request.
pub(crate) enum Planned {
    Order(Box<Production>),
    Settled(Handled),
}

/// Decides what a request for this production calls for; `Err` says why it can never be met.
fn decide(production: &Production, request: &Request) -> Result<Next, String> {
    if production.product == request.product {
        Ok(next::next(production.state, production.accepted_at.is_some()))
    } else {
        Err(format!("production {} is of product {}, not {}", production.id, production.product, request.product))
    }
}

fn poison(reason: String) -> Handled {
    Handled::Poison { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FactoryId, ProductId};
    use crate::store::ProductionState;

    #[test]
    fn a_request_that_names_another_product_is_never_met() {
        let request = Request { production: ProductionId::new(), product: ProductId("2".into()) };
        let production = Production {
            id: request.production,
            product: ProductId("2".into()),
            product_name: "Item2".into(),
            factory: FactoryId("2".into()),
            factory_name: "Factory2".into(),
            quantity: 3,
            token: "t".into(),
            requester: "buyer".into(),
            state: ProductionState::Requested,
            accepted_at: None,
            requests: 1,
        };
        assert_eq!(decide(&production, &request), Ok(Next::Order));
        let accepted = Production { accepted_at: Some(1), ..production.clone() };
        assert_eq!(decide(&accepted, &request), Ok(Next::NothingToDo));
        let misdirected = Request { product: ProductId("1".into()), ..request };
        assert!(decide(&production, &misdirected).is_err());
    }
}
