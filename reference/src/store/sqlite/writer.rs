//! The writer: one task with one connection, which commits whatever has come together since its last commit as one transaction.
//!
//! A commit costs a flush to the disk however much is in it, so a rush makes larger groups instead of a longer queue. Purchases have a
//! bounded queue of their own, that sheds; everything else waits, and goes first: it is what empties the system.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::store::{StoreError, StoreOptions};

use super::{Tx, Work, open};

/// Commands of consumers and relay that may wait. Each of them has few, so this is never reached unless the disk stands still.
const INTERNAL_QUEUE: usize = 1_024;

/// How long such a command may wait for its answer.
const INTERNAL_PATIENCE: Duration = Duration::from_secs(30);

/// How much longer than its patience in the queue a purchase may take: the transaction it is in, and one other process's before it.
const PURCHASE_GRACE: Duration = Duration::from_secs(10);

/// The way to the writer. Dropping it lets the writer finish what it was handed, and end.
#[derive(Debug)]
pub(crate) struct WriterHandle {
    purchases: mpsc::Sender<Box<dyn Command>>,
    internal: mpsc::Sender<Box<dyn Command>>,
    purchase_patience: Duration,
    closing: CancellationToken,
    ended: watch::Receiver<bool>,
    _close_with_handle: DropGuard,
}

/// A piece of work with the way back to who asked for it.
trait Command: Send + Sync {
    fn expired(&self, now: Instant) -> bool;
    fn run<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> BoxFuture<'a, Result<(), StoreError>>;
    fn answer(self: Box<Self>);
    fn refuse(self: Box<Self>, error: StoreError);
}

impl std::fmt::Debug for dyn Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}

struct Pending<W: Work> {
    work: W,
    result: Option<W::Answer>,
    reply: oneshot::Sender<Result<W::Answer, StoreError>>,
    deadline: Option<Instant>,
}

impl<W: Work> Command for Pending<W>
where
    W::Answer: Sync,
{
    fn expired(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.result = Some(self.work.run(tx).await?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>) {
        let Pending { work, result, reply, .. } = *self;
        // What the work holds (a key in flight) is let go before the answer is seen.
        drop(work);
        // Nobody listens any more when the client has hung up; the effect stands, and its key finds it again.
        let _ = reply.send(result.ok_or(StoreError::Closed));
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let Pending { work, reply, .. } = *self;
        drop(work);
        let _ = reply.send(Err(error));
    }
}

impl WriterHandle {
    /// Hands a purchase over, unless too many are waiting.
    pub(crate) async fn purchase<W: Work>(&self, work: W) -> Result<W::Answer, StoreError>
    where
        W::Answer: Sync,
    {
        let (reply, answer) = oneshot::channel();
        let deadline = Some(Instant::now() + self.purchase_patience);
        self.purchases.try_send(Box::new(Pending { work, result: None, reply, deadline })).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        wait(answer, "a purchase", self.purchase_patience + PURCHASE_GRACE).await
    }

    /// Hands anything else over, waiting for room.
    pub(crate) async fn submit<W: Work>(&self, what: &'static str, work: W) -> Result<W::Answer, StoreError>
    where
        W::Answer: Sync,
    {
        let (reply, answer) = oneshot::channel();
        // Not run any more once its asker has given up, so that work nobody knows of does not pile up behind a stalled disk.
        let deadline = Some(Instant::now() + INTERNAL_PATIENCE);
        let room = tokio::time::timeout(INTERNAL_PATIENCE, self.internal.reserve()).await;
        let room = room.map_err(|_| StoreError::Overloaded)?.map_err(|_| StoreError::Closed)?;
        room.send(Box::new(Pending { work, result: None, reply, deadline }));
        wait(answer, what, INTERNAL_PATIENCE + PURCHASE_GRACE).await
    }

    /// Lets the writer finish what it was handed, and waits until it has closed its connection.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        let mut ended = self.ended.clone();
        // An error means that the task is gone, which is what is waited for.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

async fn wait<T>(answer: oneshot::Receiver<Result<T, StoreError>>, what: &'static str, patience: Duration) -> Result<T, StoreError> {
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(StoreError::CommitUnknown { reason: "the writer stopped before it answered".to_owned() }),
        Err(_) => Err(StoreError::Timeout { what, waited: patience }),
    }
}

/// The task's side.
pub(crate) struct Writer {
    url: String,
    path: PathBuf,
    /// `None` after a failure that may have left the connection in an unknown state; then the next group opens another.
    conn: Option<SqliteConnection>,
    options: StoreOptions,
    purchases: mpsc::Receiver<Box<dyn Command>>,
    internal: mpsc::Receiver<Box<dyn Command>>,
    outbox_changed: watch::Sender<u64>,
    closing: CancellationToken,
    ended: watch::Sender<bool>,
}

/// What became of a transaction.
enum GroupEnd {
    /// Its answers hold.
    Committed,
    /// Nothing was done; the error is that of one of its commands.
    RolledBack(StoreError),
    /// Nothing was done, and nothing can be done now.
    Impossible(StoreError),
    /// It may have been done.
    Unknown(StoreError),
}

/// Starts the writer's task on an open, migrated connection.
pub(crate) fn start(
    url: String,
    path: PathBuf,
    conn: SqliteConnection,
    options: StoreOptions,
    outbox_changed: watch::Sender<u64>,
) -> WriterHandle {
    let (purchases_in, purchases) = mpsc::channel(options.purchase_queue.max(1));
    let (internal_in, internal) = mpsc::channel(INTERNAL_QUEUE);
    let (ended_in, ended) = watch::channel(false);
    let closing = CancellationToken::new();
    let handle = WriterHandle {
        purchases: purchases_in,
        internal: internal_in,
        purchase_patience: options.purchase_patience,
        closing: closing.clone(),
        ended,
        _close_with_handle: closing.clone().drop_guard(),
    };
    let writer = Writer { url, path, conn: Some(conn), options, purchases, internal, outbox_changed, closing, ended: ended_in };
    tokio::spawn(writer.run());
    handle
}

impl Writer {
    async fn run(mut self) {
        while let Some(group) = self.next_group().await {
            self.settle(group).await;
        }
        if let Some(conn) = self.conn.take()
            && let Err(error) = conn.close().await
        {
            tracing::warn!(url = %self.url, %error, "the database was not closed in order; its next user will recover it");
        }
        // Nobody waits for the end when all handles are gone.
        let _ = self.ended.send(true);
    }

    /// Waits for a command and takes along all that came meanwhile, up to the limit. `None` once closed and empty.
    async fn next_group(&mut self) -> Option<Vec<Box<dyn Command>>> {
        let first = loop {
            tokio::select! {
                biased;
                Some(command) = self.internal.recv() => break command,
                Some(command) = self.purchases.recv() => break command,
                () = self.closing.cancelled(), if !self.internal.is_closed() || !self.purchases.is_closed() => {
                    self.internal.close();
                    self.purchases.close();
                }
                else => return None,
            }
        };
        let mut group = vec![first];
        while group.len() < self.options.group_limit {
            match self.internal.try_recv().or_else(|_| self.purchases.try_recv()) {
                Ok(command) => group.push(command),
                Err(_) => break,
            }
        }
        Some(group)
    }

    /// Runs a group to its answers.
    async fn settle(&mut self, group: Vec<Box<dyn Command>>) {
        let now = Instant::now();
        let (expired, mut group): (Vec<_>, Vec<_>) = group.into_iter().partition(|command| command.expired(now));
        expired.into_iter().for_each(|command| command.refuse(StoreError::Overloaded));
        if group.is_empty() {
            return;
        }
        metrics::histogram!("rushproof_store_group_size").record(u32::try_from(group.len()).unwrap_or(u32::MAX));
        match self.transact(&mut group).await {
            GroupEnd::Committed => group.into_iter().for_each(|command| command.answer()),
            GroupEnd::RolledBack(error) if group.len() == 1 => {
                tracing::warn!(url = %self.url, %error, "a transaction was rolled back");
                group.into_iter().for_each(|command| command.refuse(error.clone()));
            }
            GroupEnd::RolledBack(error) => {
                // One command spoiled it for all: alone, only the culprit fails.
                tracing::warn!(url = %self.url, %error, commands = group.len(), "a group was rolled back and is tried one by one");
                for command in group {
                    Box::pin(self.settle(vec![command])).await;
                }
            }
            GroupEnd::Impossible(error) | GroupEnd::Unknown(error) => {
                tracing::error!(url = %self.url, %error, commands = group.len(), "a transaction failed");
                group.into_iter().for_each(|command| command.refuse(error.clone()));
            }
        }
    }

    /// One transaction around a group.
    async fn transact(&mut self, group: &mut [Box<dyn Command>]) -> GroupEnd {
        let mut conn = match self.connection().await {
            Ok(conn) => conn,
            Err(error) => return GroupEnd::Impossible(error),
        };
        if let Err(error) = open::begin(&mut conn, self.options.lock_patience).await {
            if matches!(error, StoreError::Locked { .. }) {
                self.conn = Some(conn);
            }
            return GroupEnd::Impossible(error);
        }
        let mut tx = Tx { conn: &mut conn, edition: self.options.edition, now: self.options.clock.micros(), outbox_grew: false };
        let mut failure = None;
        for command in group.iter_mut() {
            if let Err(error) = command.run(&mut tx).await {
                failure = Some(error);
                break;
            }
        }
        let outbox_grew = tx.outbox_grew;
        if let Some(error) = failure {
            // When even the rollback fails, dropping the connection rolls back.
            if sqlx::query("ROLLBACK").execute(&mut conn).await.is_ok() {
                self.conn = Some(conn);
            }
            return GroupEnd::RolledBack(error);
        }
        if let Err(error) = sqlx::query("COMMIT").execute(&mut conn).await {
            return GroupEnd::Unknown(StoreError::CommitUnknown { reason: error.to_string() });
        }
        self.conn = Some(conn);
        if outbox_grew {
            self.outbox_changed.send_modify(|count| *count = count.wrapping_add(1));
        }
        GroupEnd::Committed
    }

    async fn connection(&mut self) -> Result<SqliteConnection, StoreError> {
        match self.conn.take() {
            Some(conn) => Ok(conn),
            None => open::writer(&self.url, &self.path, self.options.lock_patience).await,
        }
    }
}
