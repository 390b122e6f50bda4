//! A piece of work on its way to the writer, with the way back to who asked for it.

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::store::StoreError;
use crate::store::work::desk::Wanted;
use crate::store::work::{Tx, Work};
use crate::trace::TraceParent;

/// A piece of work with the way back to who asked for it.
pub(super) trait Command: Send + Sync {
    fn expired(&self, now: Instant) -> bool;
    fn wants(&self) -> Option<Wanted<'_>>;
    fn run<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> BoxFuture<'a, Result<(), StoreError>>;
    fn answer(self: Box<Self>);
    fn refuse(self: Box<Self>, error: StoreError);
}

impl std::fmt::Debug for dyn Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}

/// Work of one kind, and who waits for its answer.
pub(super) struct Pending<W: Work> {
    pub(super) work: W,
    pub(super) result: Option<W::Answer>,
    pub(super) reply: oneshot::Sender<Result<W::Answer, StoreError>>,
    pub(super) deadline: Option<Instant>,
    /// The trace of who asked.
    pub(super) trace: Option<TraceParent>,
}

impl<W: Work> Command for Pending<W>
where
    W::Answer: Sync,
{
    fn expired(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    fn wants(&self) -> Option<Wanted<'_>> {
        self.work.wants()
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            tx.trace = self.trace;
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
