//! The writer: one task with one connection, which commits whatever has come together since its last commit as one transaction.
//!
//! A commit costs a flush to the disk however much is in it, so a rush makes larger groups instead of a longer queue. Purchases have a
//! bounded queue of their own, that sheds; everything else waits, and goes first: it is what empties the system.
//!
//! On a server, other processes' transactions may be in the way of a group (a deadlock, a lock that is not given up, a key just inserted), and
//! the connection may break before the commit. Both mean that nothing was done, so the same group is tried again, at growing distances with
//! jitter, until its patience is at an end.

mod command;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::defects::{self, instead};
use crate::trace;

use self::command::{Command, Pending};
use super::address::Address;
use super::database::Connection;
use super::work::desk::Wanted;
use super::work::{Tx, Work};
use super::{StoreError, StoreOptions};

/// Commands of consumers and relay that may wait. Each of them has few, so this is never reached unless the disk stands still.
const INTERNAL_QUEUE: usize = 1_024;

/// How long such a command may wait for its answer.
const INTERNAL_PATIENCE: Duration = Duration::from_secs(30);

/// How much longer than its patience in the queue a purchase may take: the transaction it is in, and one other process's before it.
const PURCHASE_GRACE: Duration = Duration::from_secs(10);

/// How often a group is tried although something is in its way, and how long it rests after the first try (each rest doubles, with jitter).
const MOST_TRIES: u32 = 12;
const FIRST_REST: Duration = Duration::from_millis(2);
const LONGEST_REST: Duration = Duration::from_millis(250);

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

impl WriterHandle {
    /// Hands a purchase over, unless too many are waiting.
    pub(crate) async fn purchase<W: Work>(&self, work: W) -> Result<W::Answer, StoreError>
    where
        W::Answer: Sync,
    {
        let (reply, answer) = oneshot::channel();
        let deadline = Some(Instant::now() + self.purchase_patience);
        self.purchases.try_send(Box::new(Pending { work, result: None, reply, deadline, trace: trace::current() })).map_err(|refused| {
            match refused {
                mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
            }
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
        room.send(Box::new(Pending { work, result: None, reply, deadline, trace: trace::current() }));
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
    /// What messages show.
    url: String,
    address: Address,
    /// `None` after a failure that may have left the connection in an unknown state; then the next group opens another.
    conn: Option<Connection>,
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
    /// Nothing was done; what was in the way may be gone when it is tried again.
    InTheWay(StoreError),
    /// Nothing was done, and nothing can be done now.
    Impossible(StoreError),
    /// It may have been done.
    Unknown(StoreError),
}

/// Starts the writer's task on an open, migrated connection.
pub(crate) fn start(
    url: String,
    address: Address,
    conn: Connection,
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
    let writer = Writer { url, address, conn: Some(conn), options, purchases, internal, outbox_changed, closing, ended: ended_in };
    tokio::spawn(writer.run());
    handle
}

impl Writer {
    async fn run(mut self) {
        while let Some(group) = self.next_group().await {
            self.settle(group).await;
        }
        if let Some(conn) = self.conn.take() {
            let limit = conn.limit();
            match within(limit, conn.close()).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(url = %self.url, %error, "the database was not closed in order; its next user will recover it");
                }
                None => tracing::warn!(url = %self.url, ?limit, "the database did not answer while it was being closed"),
            }
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
            GroupEnd::Impossible(error) | GroupEnd::InTheWay(error) | GroupEnd::Unknown(error) => {
                tracing::error!(url = %self.url, %error, commands = group.len(), "a transaction failed");
                group.into_iter().for_each(|command| command.refuse(error.clone()));
            }
        }
    }

    /// One transaction around a group, tried again while something is in its way.
    async fn transact(&mut self, group: &mut [Box<dyn Command>]) -> GroupEnd {
        let since = Instant::now();
        for tried in 1.. {
            let end = self.attempt(group).await;
            let GroupEnd::InTheWay(error) = &end else { return end };
            if tried >= MOST_TRIES || since.elapsed() >= self.options.lock_patience {
                return end;
            }
            metrics::counter!("rushproof_store_retries_total").increment(1);
            tracing::debug!(url = %self.url, %error, tried, commands = group.len(), "something was in the way of a transaction; it is tried again");
            tokio::time::sleep(rest(tried)).await;
        }
        unreachable!("the loop ends by returning")
    }

    /// One transaction around a group, once.
    async fn attempt(&mut self, group: &mut [Box<dyn Command>]) -> GroupEnd {
        let patience = self.options.lock_patience;
        let mut conn = match self.connection().await {
            Ok(conn) => conn,
            Err(error) => return GroupEnd::Impossible(error),
        };
        let limit = conn.limit();
        match within(limit, conn.begin(patience)).await.unwrap_or_else(|| Err(no_answer(limit))) {
            Ok(()) => {}
            Err(error @ StoreError::Disconnected { .. }) => return GroupEnd::InTheWay(error),
            Err(error) => {
                if matches!(error, StoreError::Locked { .. }) {
                    self.conn = Some(conn);
                }
                return GroupEnd::Impossible(error);
            }
        }
        let mut tx = Tx::new(&mut conn, self.options.edition, self.options.clock.micros());
        let done = within(limit, run(group, &mut tx)).await.unwrap_or_else(|| Err(no_answer(limit)));
        let outbox_grew = tx.outbox_grew;
        if let Err(error) = done {
            instead!(PublishWithoutOutbox => defects::publishing::rolled_back());
            return self.undo(conn, limit, error).await;
        }
        match within(limit, conn.commit()).await {
            Some(Ok(())) => {}
            Some(Err(error)) => return GroupEnd::Unknown(StoreError::CommitUnknown { reason: error.to_string() }),
            None => return GroupEnd::Unknown(StoreError::CommitUnknown { reason: no_answer(limit).to_string() }),
        }
        self.conn = Some(conn);
        instead!(PublishWithoutOutbox => defects::publishing::committed());
        if outbox_grew {
            self.outbox_changed.send_modify(|count| *count = count.wrapping_add(1));
        }
        GroupEnd::Committed
    }

    /// Undoes a transaction that failed before its commit.
    async fn undo(&mut self, mut conn: Connection, limit: Option<Duration>, error: StoreError) -> GroupEnd {
        if matches!(error, StoreError::Disconnected { .. }) {
            // The connection is given up, and with it, on the server's side, the transaction.
            return GroupEnd::InTheWay(error);
        }
        // When even the rollback fails, dropping the connection rolls back.
        if let Some(Ok(())) = within(limit, conn.rollback()).await {
            self.conn = Some(conn);
        }
        if matches!(error, StoreError::Conflict { .. }) { GroupEnd::InTheWay(error) } else { GroupEnd::RolledBack(error) }
    }

    async fn connection(&mut self) -> Result<Connection, StoreError> {
        match self.conn.take() {
            Some(conn) => Ok(conn),
            None => self.address.connect(&self.url, self.options.lock_patience).await,
        }
    }
}

/// Runs all commands of a group; the first error undoes them all.
async fn run(group: &mut [Box<dyn Command>], tx: &mut Tx<'_>) -> Result<(), StoreError> {
    // What works with what is in hand comes last (it does so anyhow: it is taken from the queues last).
    let (others, purchases): (Vec<_>, Vec<_>) = group.iter_mut().partition(|command| command.wants().is_none());
    for command in others {
        command.run(tx).await?;
        tx.clear().await?;
    }
    let wanted: Vec<Wanted<'_>> = purchases.iter().filter_map(|command| command.wants()).collect();
    tx.prepare(&wanted).await?;
    for command in purchases {
        command.run(tx).await?;
        if defects::any() {
            // A mistake writes past what is in hand.
            tx.clear().await?;
        }
    }
    tx.flush().await
}

/// What comes of it, unless it takes longer than it may.
async fn within<T>(limit: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
        None => Some(work.await),
    }
}

/// Nothing that was sent before the commit can have an effect, so a connection that is silent is as good as lost.
fn no_answer(limit: Option<Duration>) -> StoreError {
    StoreError::Disconnected { reason: format!("no answer within {:?}", limit.unwrap_or_default()) }
}

/// How long to rest after so many tries: between half and the whole of a time that doubles.
fn rest(tried: u32) -> Duration {
    let most = FIRST_REST.saturating_mul(2_u32.saturating_pow(tried.saturating_sub(1))).min(LONGEST_REST);
    most.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_up_to_a_limit_and_are_never_all_the_same() {
        for tried in 1..100 {
            assert!(rest(tried) >= FIRST_REST / 2 && rest(tried) <= LONGEST_REST, "{tried}");
        }
        assert!(rest(1) <= FIRST_REST && rest(50) >= LONGEST_REST / 2);
        let many: std::collections::HashSet<Duration> = (0..50).map(|_| rest(8)).collect();
        assert!(many.len() > 10, "two processes in each other's way do not meet again at the same moment");
    }
}
