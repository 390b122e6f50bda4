//! Everything that a broker holds.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use tokio_util::sync::CancellationToken;

use super::{
    activity::Gauge,
    catalogue::Catalogue,
    clock::Clock,
    journal::Journal,
    options::BrokerOptions,
    queue::{Queue, Surroundings, settings::Settings},
    refusal::Refusal,
    ses::Mailbox,
    sns::topic::Topics,
    sqs::moves::MoveTasks,
    tenure::Tenure,
    unruly::Coin,
};

/// Everything that a broker holds. Queues lock themselves; what is here is locked for the time of a look or of a rare change.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: BrokerOptions,
    pub(crate) clock: Clock,
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) catalogue: Option<Catalogue>,
    /// Keeps other processes out of the folder.
    #[expect(dead_code, reason = "it is held, not used")]
    pub(super) tenure: Option<Tenure>,
    pub(crate) queues: RwLock<Queues>,
    pub(crate) topics: RwLock<Topics>,
    pub(crate) mailbox: Mutex<Mailbox>,
    pub(crate) moves: Mutex<MoveTasks>,
    /// Cancelled when the broker is dropped, so that no task outlives it.
    pub(crate) lifetime: CancellationToken,
    pub(crate) connections: Gauge,
    pub(crate) long_polls: Gauge,
}

/// The queues, by name.
#[derive(Debug)]
pub(crate) struct Queues {
    pub(crate) by_name: BTreeMap<String, Arc<Queue>>,
    /// Ids are given once, so a receipt handle of a deleted queue never fits a new one of the same name.
    pub(crate) next_id: u32,
}

impl World {
    pub(crate) fn queues(&self) -> RwLockReadGuard<'_, Queues> {
        self.queues.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn queues_mut(&self) -> RwLockWriteGuard<'_, Queues> {
        self.queues.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn topics(&self) -> RwLockReadGuard<'_, Topics> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn topics_mut(&self) -> RwLockWriteGuard<'_, Topics> {
        self.topics.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn moves(&self) -> MutexGuard<'_, MoveTasks> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn queue(&self, name: &str) -> Option<Arc<Queue>> {
        self.queues().by_name.get(name).map(Arc::clone)
    }

    /// Makes a queue and lists it, unless one of that name exists: then that one, and `false`.
    pub(crate) fn add_queue(&self, name: &str, settings: Settings, tags: BTreeMap<String, String>) -> Result<(Arc<Queue>, bool), Refusal> {
        let mut queues = self.queues_mut();
        if let Some(existing) = queues.by_name.get(name) {
            return Ok((Arc::clone(existing), false));
        }
        if queues.by_name.len() >= self.options.limits.queues {
            return Err(Refusal::OverLimit(format!(
                "This broker allows {} queues; delete one, or raise the limit.",
                self.options.limits.queues
            )));
        }
        let id = queues.next_id;
        queues.next_id += 1;
        let coin = Coin::new(self.options.seed, name, self.options.unruly);
        let queue = Arc::new(Queue::new(id, name.to_owned(), settings, tags, coin, self.surroundings()));
        queues.by_name.insert(name.to_owned(), Arc::clone(&queue));
        Ok((queue, true))
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings {
            clock: self.clock,
            journal: self.journal.clone(),
            max_messages: self.options.limits.messages_per_queue,
            max_in_flight: self.options.limits.in_flight,
            lifetime: self.lifetime.clone(),
        }
    }

    /// Refuses work that could not be made to last.
    pub(crate) fn check_journal(&self) -> Result<(), Refusal> {
        self.journal.as_ref().map_or(Ok(()), |journal| journal.check())
    }

    /// Makes what happened to messages outlive this process; called before an answer that says so.
    pub(crate) fn flush(&self) -> Result<(), Refusal> {
        self.journal.as_ref().map_or(Ok(()), |journal| journal.flush())
    }

    /// Makes what happened to queues, topics and subscriptions outlive this process.
    pub(crate) fn save_catalogue(&self) -> Result<(), Refusal> {
        self.catalogue.as_ref().map_or(Ok(()), |catalogue| catalogue.save(self))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.lifetime.cancel();
    }
}
