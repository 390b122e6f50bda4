//! The embedded message broker: SQS, SNS and SES on one plain-HTTP listener, wire-compatible with their SDKs.
//!
//! ```text
//! listener ─┬─ sqs  (AWS JSON 1.0, or Query) ────┬─> queue (shelf, groups, …) ─> journal
//!           ├─ sns  (Query) ─ filter ─ envelope ─┘
//!           └─ ses  (SendEmail) ─> mailbox
//! ```
//!
//! Any credentials are accepted, signatures are not looked at, and region and account are fixed: it is for one's own machine. What AWS does
//! and this does not: policies are stored and not enforced, nothing is encrypted, PurgeQueue may be called as often as one likes, a
//! deleted queue's name is free at once, move tasks end with the process, a ReceiveRequestAttemptId is not looked at, AddPermission and
//! RemovePermission do not exist, and protocols of subscriptions other than `sqs` are refused.
//!
//! With a folder, everything survives the death of the process (not of the machine; see [`BrokerOptions::folder`]).

mod activity;
mod arn;
mod attribute;
mod catalogue;
mod clock;
mod journal;
mod listener;
mod md5sum;
mod options;
mod queue;
mod refusal;
mod ses;
mod sns;
mod sqs;
mod tenure;
mod unruly;
mod world;

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock},
};

use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

pub use self::ses::Letter;
pub use self::{
    activity::Activity,
    options::{AbandonedPoll, BrokerLimits, BrokerOptions},
    unruly::Unruly,
};
use self::{
    activity::Gauge,
    catalogue::{Catalogue, CatalogueError, Contents},
    clock::Clock,
    journal::{
        Journal,
        record::Told,
        recover::{RecoverError, read_segment, segments},
    },
    queue::Queue,
    ses::{Mailbox, MailboxError},
    tenure::Tenure,
    world::{Queues, World},
};

/// A broker. Clones are the same broker.
#[derive(Debug, Clone)]
pub struct Broker {
    world: Arc<World>,
}

/// Why a broker cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The options contradict themselves.
    #[error("broker options: {0}; put that right where the broker is opened")]
    Options(String),
    /// The folder cannot be used.
    #[error("the broker's folder {} cannot be used (may you write there, and is there space?)", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// Another process has this folder open.
    #[error("broker folder {} is in use by another process; end it, or choose another folder", .0.display())]
    InUse(PathBuf),
    /// The folder holds something that this broker cannot read.
    #[error("broker folder {}: {reason}", .folder.display())]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with which file.
        reason: String,
    },
}

impl Broker {
    /// Opens a broker: an empty one in memory, or what the folder holds, which is created if need be.
    ///
    /// # Errors
    /// When the options contradict themselves, or the folder cannot be used, is in use, or holds what this broker cannot read.
    pub fn open(options: BrokerOptions) -> Result<Self, BrokerError> {
        check(&options)?;
        let folder = options.folder.clone();
        let world = match folder {
            None => World {
                clock: Clock::start(),
                journal: None,
                catalogue: None,
                tenure: None,
                queues: RwLock::new(Queues { by_name: BTreeMap::new(), next_id: 1 }),
                topics: RwLock::default(),
                mailbox: Mutex::new(Mailbox::in_memory(options.limits.mails)),
                moves: Mutex::default(),
                lifetime: CancellationToken::new(),
                connections: Gauge::default(),
                long_polls: Gauge::default(),
                options,
            },
            Some(folder) => open_folder(&folder, options)?,
        };
        Ok(Self { world: Arc::new(world) })
    }

    /// Answers one request as if it had come through a listener; a long poll ends at once.
    pub async fn ask(&self, head: &http::request::Parts, body: &[u8]) -> http::Response<http_body_util::Full<bytes::Bytes>> {
        listener::ask(&self.world, head, body).await
    }

    /// Serves until the shutdown. Long polls are then answered with nothing, and what else is under way is finished within
    /// [`BrokerLimits::shutdown_grace`]. May be called for several listeners.
    ///
    /// # Errors
    /// When the listener has no address, or the journal cannot be written at the end.
    pub async fn serve(&self, listener: TcpListener, shutdown: CancellationToken) -> io::Result<()> {
        let stop = shutdown.child_token();
        let collector = self.world.journal.clone().map(|journal| {
            // Aborted if this call is dropped before its end.
            AbortOnDropHandle::new(tokio::spawn(collect_garbage(journal, Arc::clone(&self.world), stop.clone())))
        });
        let result = listener::serve(&self.world, listener, shutdown).await;
        stop.cancel();
        if let Some(collector) = collector
            && let Err(error) = collector.await
        {
            tracing::error!(%error, "collecting the journal's garbage ended early");
        }
        result
    }

    /// The latest e-mails, newest first, at most `most` of them.
    #[must_use]
    pub fn latest_mails(&self, most: usize) -> Vec<Letter> {
        self.world.mailbox().mails().rev().take(most).map(Letter::from).collect()
    }

    /// What goes on at this moment, over all listeners.
    #[must_use]
    pub fn activity(&self) -> Activity {
        Activity { connections: self.world.connections.value(), long_polls: self.world.long_polls.value() }
    }
}

fn check(options: &BrokerOptions) -> Result<(), BrokerError> {
    let Unruly { duplicate_share, reorder_share, empty_receive_share } = options.unruly;
    for (name, share) in
        [("duplicate_share", duplicate_share), ("reorder_share", reorder_share), ("empty_receive_share", empty_receive_share)]
    {
        if !(0.0..=1.0).contains(&share) {
            return Err(BrokerError::Options(format!("unruly.{name} is a share from 0 to 1, not {share}")));
        }
    }
    if options.limits.connections == 0 {
        return Err(BrokerError::Options("limits.connections must allow at least one connection".to_owned()));
    }
    Ok(())
}

fn open_folder(folder: &Path, options: BrokerOptions) -> Result<World, BrokerError> {
    let io = |error| BrokerError::Folder(folder.to_owned(), error);
    let unreadable = |reason: String| BrokerError::Unreadable { folder: folder.to_owned(), reason };
    fs::create_dir_all(folder).map_err(io)?;
    let tenure = Tenure::begin(folder).map_err(io)?.ok_or_else(|| BrokerError::InUse(folder.to_owned()))?;
    let catalogue = Catalogue::in_folder(folder);
    let contents: Contents = catalogue.load().map_err(|error: CatalogueError| unreadable(describe(&error)))?;
    let closed = segments(folder).map_err(|error: RecoverError| unreadable(describe(&error)))?;
    let mailbox = Mailbox::in_folder(folder, options.limits.mails).map_err(|error: MailboxError| unreadable(describe(&error)))?;
    let journal = Journal::continue_after(folder, closed.clone(), options.limits.segment_bytes).map_err(io)?;
    let mut world = World {
        clock: Clock::start(),
        journal: Some(Arc::new(journal)),
        catalogue: None,
        tenure: Some(tenure),
        queues: RwLock::new(Queues { by_name: BTreeMap::new(), next_id: 1 }),
        topics: RwLock::default(),
        mailbox: Mutex::new(mailbox),
        moves: Mutex::default(),
        lifetime: CancellationToken::new(),
        connections: Gauge::default(),
        long_polls: Gauge::default(),
        options,
    };
    catalogue.restore(contents, &world).map_err(|error| unreadable(describe(&error)))?;
    restore_messages(folder, closed.keys().copied(), &world).map_err(|error| unreadable(describe(&error)))?;
    world.catalogue = Some(catalogue);
    Ok(world)
}

/// Takes back what the journal tells about the queues that exist.
fn restore_messages(folder: &Path, segments: impl Iterator<Item = u32>, world: &World) -> Result<(), RecoverError> {
    let queues = queues_by_id(world);
    let mut moved_away = Vec::new();
    for segment in segments {
        read_segment(folder, segment, |told, place| {
            if let Told::Stored { origin: Some(origin), .. } = &told {
                moved_away.push(*origin);
            }
            if let Some(queue) = queues.get(&told.queue()) {
                queue.restore(told, place);
            }
        })?;
    }
    for (queue, sequence) in moved_away {
        if let Some(queue) = queues.get(&queue) {
            queue.forget_moved(sequence);
        }
    }
    queues.values().for_each(|queue| queue.finish_restoring());
    Ok(())
}

/// Collects the journal's garbage whenever there is enough of it, beside the requests.
async fn collect_garbage(journal: Arc<Journal>, world: Arc<World>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = journal.garbage.notified() => {}
            () = stop.cancelled() => return,
        }
        let (journal, world, stop) = (Arc::clone(&journal), Arc::clone(&world), stop.clone());
        let collected = tokio::task::spawn_blocking(move || {
            let queues = queues_by_id(&world);
            journal.collect(&stop, |segment, told| {
                if let Some(queue) = queues.get(&told.queue()) {
                    queue.keep(segment, told);
                }
            })
        })
        .await;
        match collected {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %describe(&error), "the journal's garbage could not be collected"),
            Err(error) => tracing::error!(%error, "collecting the journal's garbage ended early"),
        }
    }
}

fn queues_by_id(world: &World) -> HashMap<u32, Arc<Queue>> {
    world.queues().by_name.values().map(|queue| (queue.id, Arc::clone(queue))).collect()
}

/// An error with its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests;
