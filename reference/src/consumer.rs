//! Takes messages from one queue and hands each to a [`Handler`].
//!
//! [`Consumer::step`] is one receive and all that follows from it; [`Consumer::run`] is the loop around it. Nothing is deleted whose work
//! did not succeed, and no message's fate depends on those that were received with it.

pub(crate) mod batch;
mod heartbeat;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::messaging::CallError;
use crate::messaging::envelope::Incoming;
use crate::messaging::receive::{MESSAGES_PER_CALL, Queue};
use crate::resilience::backoff::{Backoff, Growth};

pub use batch::Tally;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// Its effect is durable, now or since before: delete it.
    Done,
    /// Not now: give it back, to be delivered again a little later.
    Retry {
        /// What stood in the way.
        reason: String,
    },
    /// Never: leave it to the redrive policy, which puts it where a person can find it.
    Poison {
        /// What is wrong with it.
        reason: String,
    },
}

/// How much work a handler can take now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appetite {
    /// As much as there is.
    Any,
    /// This many messages at once.
    AtMost(usize),
    /// None before this instant. Receiving anything earlier would only wear out its receive count.
    NothingBefore(Instant),
}

/// Does the work that a message asks for. May be called many times with the same message, also at once.
pub trait Handler: Send + Sync {
    /// Does it. Dropping the future half-way must be harmless, as a crash is.
    fn handle(&self, message: &Incoming) -> impl Future<Output = Handled> + Send;

    /// Asked before each receive.
    fn appetite(&self) -> Appetite {
        Appetite::Any
    }
}

impl<H: Handler> Handler for Arc<H> {
    fn handle(&self, message: &Incoming) -> impl Future<Output = Handled> + Send {
        (**self).handle(message)
    }

    fn appetite(&self) -> Appetite {
        (**self).appetite()
    }
}

/// How a queue is consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// Receives under way at once. One slow message holds up only the poller that received it.
    pub pollers: usize,
    /// Messages of one receive that are handled at once.
    pub concurrency: usize,
    /// How long a receive waits for messages. A shutdown waits for it too, because SQS may hand messages to a poll that was abandoned.
    pub wait: Duration,
    /// How long a message stays hidden between two heartbeats; whole seconds.
    pub visibility: Duration,
    /// How long one message may be handled.
    pub handler_timeout: Duration,
    /// How long a shutdown waits for messages whose handling has begun.
    pub drain: Duration,
    /// How much later a message that failed is delivered again.
    pub retry: Growth,
    /// How much later is received again after a receive that failed, or one whose messages all failed.
    pub receive_retry: Growth,
    /// Seed of all jitter.
    pub seed: u64,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self {
            pollers: 2,
            concurrency: MESSAGES_PER_CALL,
            wait: Duration::from_secs(2),
            visibility: Duration::from_secs(30),
            handler_timeout: Duration::from_secs(60),
            drain: Duration::from_secs(5),
            // With five receives: a handler whose callee is away for a quarter of a minute on average loses no message to the dead-letter queue.
            retry: Growth { base: Duration::from_secs(2), cap: Duration::from_secs(60) },
            receive_retry: Growth { base: Duration::from_millis(200), cap: Duration::from_secs(5) },
            seed: 0,
        }
    }
}

/// A queue, a handler, and how the two meet.
#[derive(Debug)]
pub struct Consumer<H> {
    queue: Queue,
    handler: H,
    settings: ConsumerSettings,
    retry: Backoff,
    receive_retry: Backoff,
    /// Steps in a row, of whichever poller, that were for nothing.
    fruitless: AtomicU32,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The handler wants nothing before this instant.
    Paused {
        /// See [`Appetite::NothingBefore`].
        until: Instant,
    },
    /// There was nothing.
    Idle,
    /// Messages were received, and this became of them.
    Worked(Tally),
    /// The queue did not answer as it should.
    ReceiveFailed(CallError),
}

/// A pause is cut into pieces of this length, since what made the handler pause may end earlier than announced.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(200);

impl<H: Handler> Consumer<H> {
    /// A consumer of `queue`.
    #[must_use]
    pub fn new(queue: Queue, handler: H, settings: ConsumerSettings) -> Self {
        #[cfg(feature = "defects")]
        let settings = crate::defects::consuming::hasty(settings);
        let retry = Backoff::new(settings.retry, settings.seed);
        // Another stream than the first one, derived from the same seed.
        let receive_retry = Backoff::new(settings.receive_retry, settings.seed.rotate_left(32) ^ 0x5eed);
        Self { queue, handler, settings, retry, receive_retry, fruitless: AtomicU32::new(0) }
    }

    /// One receive, and all that follows from it. After `shutdown` nothing new is begun: what was begun is finished within
    /// [`ConsumerSettings::drain`], the rest is given back.
    pub async fn step(&self, shutdown: &CancellationToken) -> Step {
        let most = match self.handler.appetite() {
            Appetite::NothingBefore(until) => return Step::Paused { until },
            // Whatever all messages failed of (a database that is away) would fail the next ten as well, and wear out their receive counts.
            Appetite::Any | Appetite::AtMost(_) if self.fruitless.load(Ordering::Relaxed) > 0 => 1,
            Appetite::AtMost(most) => most.clamp(1, MESSAGES_PER_CALL),
            Appetite::Any => MESSAGES_PER_CALL,
        };
        let step = match self.queue.receive(most, self.settings.wait, self.settings.visibility).await {
            Err(error) => {
                tracing::warn!(queue = self.queue.name(), %error, "receive failed");
                metrics::counter!("rushproof_receive_errors_total", "queue" => self.queue.name().to_owned()).increment(1);
                Step::ReceiveFailed(error)
            }
            Ok(received) if received.is_empty() => Step::Idle,
            Ok(received) => Step::Worked(batch::work(self, received, shutdown).await),
        };
        match fruit(&step) {
            Fruit::Some => self.fruitless.store(0, Ordering::Relaxed),
            Fruit::None => drop(self.fruitless.fetch_add(1, Ordering::Relaxed)),
            Fruit::Unknown => {}
        }
        step
    }

    #[cfg(feature = "defects")]
    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Steps until `shutdown`, with as many pollers as the settings say.
    pub async fn run(&self, shutdown: CancellationToken) {
        let pollers = (0..self.settings.pollers.max(1)).map(|_| self.poll(&shutdown));
        join_all(pollers).await;
        tracing::debug!(queue = self.queue.name(), "consumer stopped");
    }

    async fn poll(&self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            let pause = match self.step(shutdown).await {
                Step::Paused { until } => until.saturating_duration_since(Instant::now()).min(LOOK_AGAIN_AFTER),
                _ => match self.fruitless.load(Ordering::Relaxed) {
                    0 => continue,
                    failures => self.receive_retry.delay(failures),
                },
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }
}

/// Whether a step says anything about the handler's luck.
#[derive(Debug, PartialEq, Eq)]
enum Fruit {
    Some,
    None,
    Unknown,
}

fn fruit(step: &Step) -> Fruit {
    match step {
        Step::ReceiveFailed(_) => Fruit::None,
        Step::Worked(Tally { done: 0, poisoned: 0, retried: 1.., .. }) => Fruit::None,
        Step::Worked(Tally { done: 0, poisoned: 0, .. }) => Fruit::Unknown,
        Step::Worked(_) => Fruit::Some,
        Step::Paused { .. } | Step::Idle => Fruit::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_fruitless_only_when_everything_in_it_failed() {
        let worked = |done, retried, poisoned| Step::Worked(Tally { done, retried, poisoned, ..Tally::default() });
        assert_eq!(fruit(&worked(0, 3, 0)), Fruit::None);
        assert_eq!(fruit(&worked(1, 9, 0)), Fruit::Some);
        assert_eq!(fruit(&worked(0, 9, 1)), Fruit::Some, "a poison message was looked at, so the handler works");
        assert_eq!(fruit(&Step::Worked(Tally { given_back: 2, ..Tally::default() })), Fruit::Unknown);
        assert_eq!(fruit(&Step::Idle), Fruit::Unknown);
    }
}
