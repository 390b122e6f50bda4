//! Carries committed messages from the outbox to their topics, and has productions requested again from which nothing was ever heard.
//!
//! A message leaves the outbox only after the topic has taken it. Dying in between publishes it twice, with the same business id; whoever
//! consumes it recognises that. Several relays may run at once: a claim belongs to one of them until its lease ends.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::defects::{self, instead};
use crate::drills;
use crate::messaging::message::OutgoingMessage;
use crate::messaging::publish::Publisher;
use crate::messaging::{CallError, FailureKind};
use crate::resilience::backoff::{Backoff, Growth};
use crate::store::{OutboxRow, Store, StoreError};
use crate::trace::leg::{Kind, Leg};

/// How the outbox is emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelaySettings {
    /// Most messages claimed at once.
    pub claim: u32,
    /// Steps under way at once, so that claiming and publishing overlap.
    pub lanes: usize,
    /// How long a claim holds. Must exceed what publishing a claim can take, or two relays publish the same messages.
    pub lease: Duration,
    /// How the pauses grow while there is nothing to do. A message committed by this process ends a pause at once.
    pub idle: Growth,
    /// How the pauses grow while topic or store fail.
    pub retry: Growth,
    /// A production from which nothing was heard for so long is requested again.
    pub confirm_after: Duration,
    /// How often is looked for such productions.
    pub confirm_every: Duration,
    /// Seed of all jitter.
    pub seed: u64,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            claim: 100,
            lanes: 2,
            lease: Duration::from_secs(30),
            idle: Growth { base: Duration::from_millis(10), cap: Duration::from_millis(200) },
            retry: Growth { base: Duration::from_millis(50), cap: Duration::from_secs(5) },
            confirm_after: Duration::from_secs(30),
            confirm_every: Duration::from_secs(1),
            seed: 0,
        }
    }
}

/// The relay.
#[derive(Debug)]
pub struct Relay {
    store: Store,
    publisher: Publisher,
    settings: RelaySettings,
    retry: Backoff,
}

/// What a step came to.
#[derive(Debug, Clone)]
pub enum RelayStep {
    /// The outbox holds nothing that may be claimed.
    Idle,
    /// Messages were claimed, and this became of them.
    Worked {
        /// Taken by their topics.
        published: usize,
        /// To be tried again at once.
        released: usize,
        /// To be tried again when their lease has ended, because trying at once would not help.
        held: usize,
    },
    /// The store failed. Messages that were published before it did will be published again.
    StoreFailed(StoreError),
}

/// A message that its topic did not take in this many claims waits for the end of its lease each time from then on: it must not keep
/// the relay busy while others wait.
const QUICK_CLAIMS: i64 = 5;
/// Attempts to mark messages as published. They *are* published, so it is worth more than one.
const MARK_ATTEMPTS: u32 = 4;
/// Productions requested again at once: a trickle, since whoever did not answer one may be overloaded.
const REREQUESTS_AT_ONCE: u32 = 20;

impl Relay {
    /// A relay from `store` to the topics of `publisher`.
    #[must_use]
    pub fn new(store: Store, publisher: Publisher, settings: RelaySettings) -> Self {
        let retry = Backoff::new(settings.retry, settings.seed);
        Self { store, publisher, settings, retry }
    }

    /// Claims, publishes and marks one batch.
    pub async fn step(&self) -> RelayStep {
        let rows = match self.store.claim_outbox(self.settings.claim, self.settings.lease).await {
            Ok(rows) if rows.is_empty() => return RelayStep::Idle,
            Ok(rows) => rows,
            Err(error) => return RelayStep::StoreFailed(error),
        };
        drills::point("relay.claimed-not-published");
        let claims: Vec<(i64, i64)> = rows.iter().map(|row| (row.id, row.claims)).collect();
        instead!(ForgetBeforePublish => drop(self.mark(&rows.iter().map(|row| row.id).collect::<Vec<_>>()).await));
        let (messages, legs): (Vec<_>, Vec<_>) = rows.into_iter().map(|OutboxRow { id, message, .. }| begin_leg(id, message)).unzip();
        // Beyond its lease a claim may be somebody else's, so there must be time left to mark what was published.
        let sorted = match tokio::time::timeout(self.settings.lease / 2, self.publisher.publish_batch(messages)).await {
            Ok(results) => sort(results, &claims),
            Err(_) => {
                tracing::warn!(messages = claims.len(), lease = ?self.settings.lease, "not published within half of the lease");
                Sorted { held: claims.len(), ..Sorted::default() }
            }
        };
        drop(legs);
        drills::point("relay.published-not-marked");
        self.settle(sorted).await
    }

    /// Steps until `shutdown`, in as many lanes as the settings say, and looks for unconfirmed productions in between.
    pub async fn run(&self, shutdown: CancellationToken) {
        let lanes = (0..self.settings.lanes.max(1)).map(|_| self.lane(&shutdown));
        tokio::join!(futures_util::future::join_all(lanes), self.request_again(&shutdown));
        tracing::debug!("relay stopped");
    }

    async fn lane(&self, shutdown: &CancellationToken) {
        let mut hint = self.store.outbox_changed();
        let (mut idle, mut failures) = (0, 0);
        while !shutdown.is_cancelled() {
            let pause = match self.step().await {
                RelayStep::Worked { published: 1.., .. } => {
                    (idle, failures) = (0, 0);
                    continue;
                }
                RelayStep::Idle => {
                    (idle, failures) = (idle + 1, 0);
                    self.settings.idle.ceiling(idle)
                }
                // Nothing that was claimed could be published.
                RelayStep::Worked { .. } => {
                    failures += 1;
                    self.retry.delay(failures)
                }
                RelayStep::StoreFailed(error) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "the outbox cannot be worked off");
                    self.retry.delay(failures)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // New messages are no reason to hurry towards something that fails.
                () = hint.changed(), if failures == 0 => idle = 0,
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn request_again(&self, shutdown: &CancellationToken) {
        if defects::never_asks_again() {
            return;
        }
        let mut ticks = interval(self.settings.confirm_every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.cancelled() => return,
            }
            match self.store.rerequest_unconfirmed(self.settings.confirm_after, REREQUESTS_AT_ONCE).await {
                Ok(0) => {}
                Ok(again) => {
                    tracing::warn!(productions = again, "requested again: nothing was heard of them");
                    metrics::counter!("rushproof_productions_rerequested_total").increment(again);
                }
                Err(error) => tracing::warn!(%error, "could not look for unconfirmed productions"),
            }
        }
    }

    async fn settle(&self, sorted: Sorted) -> RelayStep {
        let Sorted { published, released, held } = sorted;
        count("published", published.len());
        count("released", released.len());
        count("held", held);
        if !released.is_empty()
            && let Err(error) = self.store.release_outbox(&released).await
        {
            // Their lease ends anyway; only time is lost.
            tracing::warn!(%error, "claims could not be given back");
        }
        if !published.is_empty()
            && let Err(error) = self.mark(&published).await
        {
            return RelayStep::StoreFailed(error);
        }
        RelayStep::Worked { published: published.len(), released: released.len(), held }
    }

    async fn mark(&self, published: &[i64]) -> Result<(), StoreError> {
        let started = Instant::now();
        let mut attempts = 1;
        loop {
            match self.store.mark_published(published).await {
                Ok(()) => return Ok(()),
                // Once the lease has ended the messages may belong to another relay.
                Err(error) if !error.may_pass() || attempts == MARK_ATTEMPTS || started.elapsed() >= self.settings.lease / 2 => {
                    return Err(error);
                }
                Err(error) => tracing::warn!(%error, attempts, "published messages could not be marked"),
            }
            tokio::time::sleep(self.retry.delay(attempts)).await;
            attempts += 1;
        }
    }
}

/// A message on its leg to its topic; one whose order brought no trace begins none.
fn begin_leg(id: i64, message: OutgoingMessage) -> ((i64, OutgoingMessage), Option<Leg>) {
    let Some(parent) = message.trace() else { return ((id, message), None) };
    let leg = Leg::begin(Kind::Producer, Some(parent), || message.topic.clone());
    let message = match leg.onward() {
        Some(onward) if onward != parent => message.within(onward),
        _ => message,
    };
    ((id, message), Some(leg))
}

#[derive(Debug, PartialEq, Eq, Default)]
struct Sorted {
    published: Vec<i64>,
    released: Vec<i64>,
    held: usize,
}

/// What becomes of a claimed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// Its topic took it: it may be forgotten.
    Published,
    /// Given back, to be claimed again at once.
    Released,
    /// Kept until its lease ends.
    Held,
}

/// Decides by how publishing failed, if it did, and how often the message was claimed.
#[must_use]
pub fn fate(failure: Option<FailureKind>, claims: i64) -> Fate {
    match failure {
        None => Fate::Published,
        Some(kind) if kind.may_pass() && claims < QUICK_CLAIMS => Fate::Released,
        Some(_) => Fate::Held,
    }
}

/// Decides what becomes of each claimed message; `claims` says how often each was claimed.
fn sort(results: Vec<(i64, Result<(), CallError>)>, claims: &[(i64, i64)]) -> Sorted {
    let mut sorted = Sorted::default();
    let (mut passing, mut lasting) = (None, None);
    for (id, result) in results {
        let claimed = claims.iter().find(|(row, _)| *row == id).map_or(1, |(_, claims)| *claims);
        match (fate(result.as_ref().err().map(|error| error.kind), claimed), result) {
            (Fate::Published, _) => sorted.published.push(id),
            (Fate::Released, result) => {
                sorted.released.push(id);
                passing = passing.or(result.err());
            }
            (Fate::Held, result) => {
                sorted.held += 1;
                lasting = lasting.or(result.err());
            }
        }
    }
    // One line for all of a kind: a topic that is away fails a hundred messages at once.
    if let Some(error) = passing {
        tracing::warn!(messages = sorted.released.len(), %error, "not published");
    }
    if let Some(error) = lasting {
        tracing::error!(messages = sorted.held, %error, "not published; kept in the outbox and tried again when their lease ends");
    }
    sorted
}

fn count(result: &'static str, messages: usize) {
    if messages > 0 {
        metrics::counter!("rushproof_outbox_total", "result" => result).increment(u64::try_from(messages).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: FailureKind) -> Result<(), CallError> {
        Err(CallError { action: "PublishBatch", subject: "t".into(), kind, code: None, detail: String::new() })
    }

    #[test]
    fn only_what_its_topic_took_counts_as_published() {
        let results = vec![
            (1, Ok(())),
            (2, error(FailureKind::Busy)),
            (3, error(FailureKind::NoAnswer)),
            (4, error(FailureKind::Refused)),
            (5, error(FailureKind::Missing)),
            (6, error(FailureKind::Busy)),
        ];
        let claims = [(1, 1), (2, 1), (3, QUICK_CLAIMS - 1), (4, 1), (5, 1), (6, QUICK_CLAIMS)];
        assert_eq!(sort(results, &claims), Sorted { published: vec![1], released: vec![2, 3], held: 3 });
    }
}
