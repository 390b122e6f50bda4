//! One look at the pipeline.

use futures_util::future::try_join_all;
use reference::messaging::receive::Queue;
use reference::store::{Audit, StoreError};

use crate::boot::{Queues, System};
use crate::history::clock::RunClock;
use crate::history::event::{QueueDepth, Sample};

/// Why the pipeline could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The database.
    #[error("cannot read the pipeline's database")]
    Store(#[from] StoreError),
    /// A queue.
    #[error("cannot read the depth of a queue")]
    Queue(#[from] reference::messaging::error::CallError),
}

/// Looks at the database and the queues.
#[derive(Debug, Clone)]
pub struct Eye {
    audit: Audit,
    queues: Queues,
    clock: RunClock,
}

impl Eye {
    /// An eye on a running system.
    ///
    /// # Errors
    /// [`LookError`] when its database cannot be read.
    pub async fn on(system: &System, clock: RunClock) -> Result<Self, LookError> {
        Ok(Self { audit: Audit::open(&system.database_url).await?, queues: system.queues.clone(), clock })
    }

    /// The database, for reading.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The queues.
    #[must_use]
    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Everything at about this moment.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn look(&self) -> Result<Sample, LookError> {
        let began = self.clock.now();
        let stocks = self.audit.stocks().await?;
        let (outbox, open_productions) = self.audit.open_counts().await?;
        let work = try_join_all(self.queues.work.iter().map(|queue| depth(queue, false)));
        let dead = try_join_all(self.queues.dead_letter.iter().map(|queue| depth(queue, true)));
        let (work, dead) = tokio::try_join!(work, dead)?;
        Ok(Sample {
            began,
            stock: stocks.into_iter().map(|row| (row.product.0, row.now)).collect(),
            queues: work.into_iter().chain(dead).collect(),
            outbox: u64::try_from(outbox).ok(),
            open_productions: u64::try_from(open_productions).ok(),
        })
    }

    /// Messages on topics that the harness has not read yet.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn unread(&self) -> Result<u64, LookError> {
        let depths = try_join_all(self.queues.observers.iter().map(|(_, queue)| queue.depth())).await?;
        Ok(depths.into_iter().map(reference::messaging::receive::Depth::total).sum())
    }
}

async fn depth(queue: &Queue, dead_letter: bool) -> Result<QueueDepth, reference::messaging::error::CallError> {
    let depth = queue.depth().await?;
    Ok(QueueDepth {
        queue: queue.name().to_owned(),
        dead_letter,
        visible: depth.visible,
        in_flight: depth.in_flight,
        delayed: depth.delayed,
    })
}
