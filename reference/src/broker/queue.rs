//! One queue: its settings, its messages behind one lock, and those who wait for messages.
//!
//! Nothing polls. Whoever makes messages receivable wakes as many waiters as there are messages; what becomes receivable by the passing
//! of time is woken by one timer task per queue, which starts with the first long poll. Events are journaled inside the lock, so the
//! journal tells them in the order in which they happened.

pub(crate) mod acknowledge;
pub(crate) mod deduplication;
mod groups;
pub(crate) mod message;
pub(crate) mod moving;
mod receipt;
pub(crate) mod receive;
pub(crate) mod restore;
pub(crate) mod send;
pub(crate) mod settings;
mod shelf;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::{
    deduplication::Deduplication,
    settings::{RedriveAllow, Settings},
    shelf::{Counts, Shelf},
};
use super::{
    arn,
    clock::{Clock, Moment},
    journal::{Journal, Record},
    refusal::Refusal,
    unruly::Coin,
};

/// What all queues of a broker share.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) clock: Clock,
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) max_messages: usize,
    pub(crate) max_in_flight: usize,
    /// Cancelled when the broker is dropped.
    pub(crate) lifetime: CancellationToken,
}

/// A queue.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) arn: Arc<str>,
    pub(crate) created_at: Moment,
    surroundings: Surroundings,
    coin: Coin,
    inner: Mutex<Inner>,
    arrivals: Notify,
    timer_started: AtomicBool,
    timer_moved: Notify,
    /// Cancelled when the queue is deleted.
    closed: CancellationToken,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    tags: BTreeMap<String, String>,
    modified_at: Moment,
    shelf: Shelf,
    deduplication: Deduplication,
    /// How many receives and deliveries there were: what an unruly queue's decisions count.
    receives: u64,
    deliveries: u64,
    deleted: bool,
    /// What the timer task sleeps towards.
    armed: Option<Moment>,
}

/// What a queue's attributes are answered from.
#[derive(Debug, Clone)]
pub(crate) struct Overview {
    pub(crate) settings: Settings,
    pub(crate) counts: Counts,
    pub(crate) created_at: Moment,
    pub(crate) modified_at: Moment,
}

/// More wake-ups than connections there can be are pointless.
const MAX_WAKES: usize = 16_384;

impl Queue {
    pub(crate) fn new(
        id: u32,
        name: String,
        settings: Settings,
        tags: BTreeMap<String, String>,
        coin: Coin,
        surroundings: Surroundings,
    ) -> Self {
        let now = surroundings.clock.now();
        Self::restored(id, name, settings, tags, (now, now), coin, surroundings)
    }

    /// A queue as the catalogue has it; its messages follow from the journal.
    pub(crate) fn restored(
        id: u32,
        name: String,
        settings: Settings,
        tags: BTreeMap<String, String>,
        (created_at, modified_at): (Moment, Moment),
        coin: Coin,
        surroundings: Surroundings,
    ) -> Self {
        let mut shelf = Shelf::new(settings.fifo);
        // Counting from the time keeps sequence numbers rising across restarts, though the journal forgets: nothing sends a million a second.
        shelf.skip_sequences_to(surroundings.clock.now().micros());
        let inner = Inner {
            settings,
            tags,
            modified_at,
            shelf,
            deduplication: Deduplication::default(),
            receives: 0,
            deliveries: 0,
            deleted: false,
            armed: None,
        };
        Self {
            id,
            arn: arn::queue_arn(&name).into(),
            name,
            created_at,
            coin,
            closed: surroundings.lifetime.child_token(),
            inner: Mutex::new(inner),
            arrivals: Notify::new(),
            timer_started: AtomicBool::new(false),
            timer_moved: Notify::new(),
            surroundings,
        }
    }

    pub(crate) fn overview(&self) -> Overview {
        self.change(|inner, _| Overview {
            settings: inner.settings.clone(),
            counts: inner.shelf.counts(),
            created_at: self.created_at,
            modified_at: inner.modified_at,
        })
    }

    pub(crate) fn fifo(&self) -> bool {
        self.lock().settings.fifo
    }

    pub(crate) fn set_settings(&self, settings: Settings) {
        self.change(|inner, now| {
            inner.settings = settings;
            inner.modified_at = now;
        });
        // The retention may have become shorter.
        self.change(|_, _| {});
    }

    pub(crate) fn tags(&self) -> BTreeMap<String, String> {
        self.lock().tags.clone()
    }

    pub(crate) fn set_tags(&self, tags: BTreeMap<String, String>) {
        self.lock().tags = tags;
    }

    /// Whether this queue lets the other one use it as its dead-letter queue.
    pub(crate) fn allows_redrive_from(&self, source_arn: &str) -> bool {
        match &self.lock().settings.redrive_allow {
            RedriveAllow::All => true,
            RedriveAllow::None => false,
            RedriveAllow::By(arns) => arns.iter().any(|arn| arn::queue_name_of_arn(arn) == arn::queue_name_of_arn(source_arn)),
        }
    }

    /// Ends the queue: whoever waits is told, and what it held is forgotten.
    pub(crate) fn close(&self) {
        // Marked first: nothing is accepted any more that the purge would not see.
        self.lock().deleted = true;
        self.purge();
        self.closed.cancel();
    }

    /// Deletes all messages, those in flight and delayed included. Takes no longer for many than for one, as far as others must wait.
    pub(crate) fn purge(&self) {
        let old = self.change(|inner, _| {
            self.record(&Record::Purged { queue: self.id, up_to: inner.shelf.last_sequence() });
            inner.shelf.clear()
        });
        old.entries().for_each(|entry| self.unplace(entry));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic inside the lock is a bug, and it is reported where it happened; the state machine itself has no half-done states to fear.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the queue as it stands now, then wakes whom the change concerns.
    fn change<R>(&self, change: impl FnOnce(&mut Inner, Moment) -> R) -> R {
        let mut inner = self.lock();
        let now = self.settle(&mut inner);
        let result = change(&mut inner, now);
        self.wake(&mut inner);
        result
    }

    /// Changes this queue and another together. Locks are taken in the order of the ids, so two such changes cannot block each other.
    fn change_with<R>(&self, other: &Self, change: impl FnOnce(&mut Inner, &mut Inner, Moment) -> R) -> R {
        debug_assert_ne!(self.id, other.id, "a queue is not moved into itself");
        let (mut mine, mut theirs) = if self.id < other.id {
            let mine = self.lock();
            (mine, other.lock())
        } else {
            let theirs = other.lock();
            (self.lock(), theirs)
        };
        let now = self.settle(&mut mine);
        other.settle(&mut theirs);
        let result = change(&mut mine, &mut theirs, now);
        self.wake(&mut mine);
        other.wake(&mut theirs);
        result
    }

    fn settle(&self, inner: &mut Inner) -> Moment {
        let now = self.surroundings.clock.now();
        for (sequence, entry) in inner.shelf.settle(now, inner.settings.retention) {
            self.record(&Record::Gone { queue: self.id, sequence });
            self.unplace(&entry);
        }
        now
    }

    fn wake(&self, inner: &mut Inner) {
        for _ in 0..inner.shelf.take_wakes().min(MAX_WAKES) {
            self.arrivals.notify_one();
        }
        let next = inner.shelf.next_deadline();
        if next.is_some_and(|next| inner.armed.is_none_or(|armed| next < armed)) {
            inner.armed = next;
            self.timer_moved.notify_one();
        }
    }

    /// Starts the task that wakes waiters when delays and visibility timeouts end; without waiters nobody needs it.
    fn start_timer(self: &Arc<Self>) {
        if self.timer_started.swap(true, Ordering::Relaxed) {
            return;
        }
        let (queue, clock, closed) = (Arc::clone(self), self.surroundings.clock, self.closed.clone());
        tokio::spawn(async move {
            loop {
                let moved = queue.timer_moved.notified();
                let next = {
                    let mut inner = queue.lock();
                    queue.settle(&mut inner);
                    inner.armed = inner.shelf.next_deadline();
                    queue.wake(&mut inner);
                    inner.armed
                };
                match next {
                    Some(next) => tokio::select! {
                        () = tokio::time::sleep_until(clock.instant_of(next)) => {}
                        () = moved => {}
                        () = closed.cancelled() => return,
                    },
                    None => tokio::select! {
                        () = moved => {}
                        () = closed.cancelled() => return,
                    },
                }
            }
        });
    }

    fn record(&self, record: &Record<'_>) -> super::journal::Place {
        self.surroundings.journal.as_ref().map(|journal| journal.append(record)).unwrap_or_default()
    }

    fn unplace(&self, entry: &message::Entry) {
        if let Some(journal) = &self.surroundings.journal {
            journal.release(entry.place);
        }
    }
}

impl Inner {
    fn check_exists(&self) -> Result<(), Refusal> {
        if self.deleted { Err(Refusal::QueueDoesNotExist) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
