//! What happens to the messages of one receive.

use std::ops::AddAssign;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::heartbeat::Heartbeat;
use super::{Consumer, Handled, Handler};
use crate::clock;
use crate::defects::{self, Defect, instead};
use crate::messaging::CallError;
use crate::messaging::receive::{MESSAGES_PER_CALL, Queue, Received};
use crate::trace::leg::{Kind, Leg};
use crate::trace::{self, TRACEPARENT};

/// What became of the messages of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Worked off and deleted.
    pub done: usize,
    /// Put back for later.
    pub retried: usize,
    /// Left to the redrive policy.
    pub poisoned: usize,
    /// Given back because of a shutdown, not begun or not finished.
    pub given_back: usize,
    /// The queue did not take the answer; the message will come again when its visibility timeout ends.
    pub unanswered: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.done += other.done;
        self.retried += other.retried;
        self.poisoned += other.poisoned;
        self.given_back += other.given_back;
        self.unanswered += other.unanswered;
    }
}

/// Finished messages wait this long for companions before they are deleted together.
const GATHER_FOR: Duration = Duration::from_millis(10);
/// A poison message is given back at once this often, so that it reaches the dead-letter queue quickly; after that (a queue
/// without redrive policy) with back-off.
const QUICK_POISON_RECEIVES: u32 = 10;
/// Full jitter may pick nothing at all; a message that failed gets at least this long to fail less.
const SHORTEST_RETRY: Duration = Duration::from_secs(1);

/// What is to be told to the queue about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Delete,
    Hide { delay: Duration, why: Why },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Retried,
    Poisoned,
    GivenBack,
}

/// Handles all messages, each on its own, and answers the queue for each as soon as it is decided.
pub(super) async fn work<H: Handler>(consumer: &Consumer<H>, received: Vec<Received>, shutdown: &CancellationToken) -> Tally {
    instead!(FailWholeBatch => return defects::consuming::all_or_nothing(consumer, received, shutdown).await);
    #[cfg(feature = "defects")]
    let received = defects::consuming::delete_early(&consumer.queue, received).await;
    let handles = received.iter().map(|message| message.receipt_handle.clone());
    let heartbeat = Heartbeat::start(consumer.queue.clone(), consumer.settings.visibility, handles);
    let decide = |message: Received| async move {
        let answer = decide(consumer, &message, shutdown).await;
        (message.receipt_handle, answer)
    };
    let mut decided = std::pin::pin!(stream::iter(received).map(decide).buffer_unordered(consumer.settings.concurrency.max(1)));
    let mut gathered: Vec<(String, Answer)> = Vec::with_capacity(MESSAGES_PER_CALL);
    let mut answers = FuturesUnordered::new();
    let (mut tally, mut send_at, mut all_decided) = (Tally::default(), Instant::now(), false);
    loop {
        tokio::select! {
            next = decided.next(), if !all_decided => match next {
                Some(answer) => {
                    if gathered.is_empty() {
                        send_at = Instant::now() + GATHER_FOR;
                    }
                    gathered.push(answer);
                }
                None => all_decided = true,
            },
            Some(answered) = answers.next(), if !answers.is_empty() => tally += answered,
            () = tokio::time::sleep_until(send_at), if !gathered.is_empty() && !all_decided => {}
            else => return tally,
        }
        let due = all_decided || gathered.len() >= MESSAGES_PER_CALL || Instant::now() >= send_at;
        if due && !gathered.is_empty() {
            let batch = std::mem::take(&mut gathered);
            batch.iter().for_each(|(handle, _)| heartbeat.let_go(handle));
            answers.push(answer(&consumer.queue, batch));
        }
    }
}

pub(crate) async fn decide<H: Handler>(consumer: &Consumer<H>, message: &Received, shutdown: &CancellationToken) -> Answer {
    observe(&consumer.queue, message);
    instead!(RedriveRepeatsEffects => if defects::consuming::was_handled(&message.message_id) { return Answer::Delete });
    let outcome = if shutdown.is_cancelled() { Outcome::NotBegun } else { handle(consumer, message, shutdown).await };
    let (queue, message_id, receives) = (consumer.queue.name(), &message.message_id, message.receive_count);
    let handled = if let Outcome::Handled(handled) = &outcome { Some(handled) } else { None };
    let delay = match reply(handled, receives) {
        Reply::Delete | Reply::AtOnce => Duration::ZERO,
        Reply::Later => consumer.retry.delay(receives).max(SHORTEST_RETRY),
    };
    match outcome {
        Outcome::Handled(Handled::Done) => {
            instead!(RedriveRepeatsEffects => defects::consuming::handled(message_id));
            Answer::Delete
        }
        Outcome::Handled(Handled::Retry { reason }) => {
            tracing::warn!(queue, message_id, receives, ?delay, reason, "will be tried again");
            Answer::Hide { delay, why: Why::Retried }
        }
        Outcome::Handled(Handled::Poison { reason }) => {
            tracing::error!(queue, message_id, receives, reason, "cannot be handled; left to the dead-letter queue");
            instead!(SwallowPoison => return Answer::Delete);
            Answer::Hide { delay, why: Why::Poisoned }
        }
        Outcome::NotBegun | Outcome::Interrupted if defects::is(Defect::DropOnShutdown) => Answer::Delete,
        Outcome::NotBegun | Outcome::Interrupted => Answer::Hide { delay, why: Why::GivenBack },
    }
}

/// What the queue is told of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Delete it.
    Delete,
    /// Deliver it again, after a pause.
    Later,
    /// Deliver it again.
    AtOnce,
}

/// Decides, by how a message was handled (`None`: not, or not to the end) and how often it was received. Only work that is done is deleted.
#[must_use]
pub fn reply(handled: Option<&Handled>, receives: u32) -> Reply {
    match handled {
        Some(Handled::Done) => Reply::Delete,
        Some(Handled::Retry { .. }) => Reply::Later,
        Some(Handled::Poison { .. }) if receives > QUICK_POISON_RECEIVES => Reply::Later,
        Some(Handled::Poison { .. }) | None => Reply::AtOnce,
    }
}

enum Outcome {
    Handled(Handled),
    NotBegun,
    Interrupted,
}

async fn handle<H: Handler>(consumer: &Consumer<H>, message: &Received, shutdown: &CancellationToken) -> Outcome {
    let incoming = match message.open() {
        Ok(incoming) => incoming,
        Err(error) => return Outcome::Handled(Handled::Poison { reason: error.to_string() }),
    };
    // A panic is a bug, and one message's bug is no reason to lose the others of its batch.
    let parent = incoming.attributes.get(TRACEPARENT).and_then(|text| text.parse().ok());
    let mut leg = Leg::begin(Kind::Consumer, parent, || consumer.queue.name().to_owned());
    let work = AssertUnwindSafe(trace::within(leg.onward(), consumer.handler.handle(&incoming))).catch_unwind();
    let drained = async {
        shutdown.cancelled().await;
        tokio::time::sleep(consumer.settings.drain).await;
    };
    let outcome = tokio::select! {
        biased;
        result = tokio::time::timeout(consumer.settings.handler_timeout, work) => Outcome::Handled(match result {
            Ok(Ok(handled)) => handled,
            Ok(Err(_)) => Handled::Retry { reason: "the handler panicked".to_owned() },
            Err(_) => Handled::Retry { reason: format!("not handled within {:?}", consumer.settings.handler_timeout) },
        }),
        () = drained => Outcome::Interrupted,
    };
    if let Outcome::Handled(Handled::Retry { reason } | Handled::Poison { reason }) = &outcome {
        leg.failed(|| reason.clone());
    }
    outcome
}

fn observe(queue: &Queue, message: &Received) {
    let name = || queue.name().to_owned();
    if message.receive_count > 1 {
        metrics::counter!("rushproof_redeliveries_total", "queue" => name()).increment(1);
    }
    // Clocks of two machines may disagree a little; a message from the future is a young one.
    if let Some(age) = message.sent_at.map(|sent| clock::now().duration_since(sent).unwrap_or_default()) {
        metrics::histogram!("rushproof_queue_age_seconds", "queue" => name()).record(age.as_secs_f64());
    }
}

/// Tells the queue, and counts what it took.
pub(crate) async fn answer(queue: &Queue, batch: Vec<(String, Answer)>) -> Tally {
    let (mut deletions, mut changes, mut whys) = (Vec::new(), Vec::new(), Vec::new());
    for (handle, answer) in batch {
        match answer {
            Answer::Delete => deletions.push(handle),
            Answer::Hide { delay, why } => {
                changes.push((handle, delay));
                whys.push(why);
            }
        }
    }
    let (deleted, changed) = tokio::join!(queue.delete_batch(&deletions), queue.change_visibility_batch(&changes));
    let (mut tally, mut not_taken) = (Tally::default(), None::<CallError>);
    for result in deleted {
        match result {
            Ok(()) => tally.done += 1,
            Err(error) => {
                tally.unanswered += 1;
                not_taken.get_or_insert(error);
            }
        }
    }
    for (result, why) in changed.into_iter().zip(whys) {
        match (result, why) {
            (Ok(()), Why::Retried) => tally.retried += 1,
            (Ok(()), Why::Poisoned) => tally.poisoned += 1,
            (Ok(()), Why::GivenBack) => tally.given_back += 1,
            (Err(error), _) => {
                tally.unanswered += 1;
                not_taken.get_or_insert(error);
            }
        }
    }
    if let Some(error) = not_taken {
        let (queue, messages) = (queue.name(), tally.unanswered);
        tracing::warn!(queue, messages, %error, "the queue did not take the answer; the messages will come again");
    }
    count(queue, tally);
    tally
}

fn count(queue: &Queue, tally: Tally) {
    let results = [
        ("done", tally.done),
        ("retried", tally.retried),
        ("poisoned", tally.poisoned),
        ("given_back", tally.given_back),
        ("unanswered", tally.unanswered),
    ];
    for (result, messages) in results.into_iter().filter(|(_, messages)| *messages > 0) {
        let messages = u64::try_from(messages).unwrap_or(u64::MAX);
        metrics::counter!("rushproof_messages_total", "queue" => queue.name().to_owned(), "result" => result).increment(messages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_work_that_is_done_is_deleted() {
        let reason = || "because".to_owned();
        assert_eq!(reply(Some(&Handled::Done), 1), Reply::Delete);
        assert_eq!(reply(Some(&Handled::Retry { reason: reason() }), 1), Reply::Later);
        assert_eq!(reply(None, 99), Reply::AtOnce, "a shutdown is not the message's fault");
        let poison = Handled::Poison { reason: reason() };
        assert_eq!(reply(Some(&poison), QUICK_POISON_RECEIVES), Reply::AtOnce);
        assert_eq!(reply(Some(&poison), QUICK_POISON_RECEIVES + 1), Reply::Later);
    }
}
