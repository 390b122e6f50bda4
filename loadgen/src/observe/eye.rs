//! One look at the pipeline.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use reference::messaging::receive::Queue;
use reference::store::{Audit, StoreError};

use crate::boot::{Queues, System};
use crate::history::clock::RunClock;
use crate::history::event::{QueueDepth, Sample};
use crate::observe::http::ReadError;
use crate::target::View;

/// Why the pipeline could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The database.
    #[error("cannot read the pipeline's database, past all faults")]
    Store(#[from] StoreError),
    /// A target.
    #[error("cannot read the target's state as its file says")]
    Target(#[from] ReadError),
    /// A queue.
    #[error("cannot read the depth of a queue, past all faults")]
    Queue(#[from] reference::messaging::error::CallError),
}

/// Looks at the database and the queues.
#[derive(Debug, Clone)]
pub struct Eye {
    sight: Sight,
    queues: Queues,
    clock: RunClock,
}

/// How it sees what stands behind the queues.
#[derive(Debug, Clone)]
enum Sight {
    /// In the reference's database.
    Audit(Audit),
    /// As a target's file says.
    View(Arc<View>),
}

impl Eye {
    /// An eye on a running system.
    ///
    /// # Errors
    /// [`LookError`] when its database cannot be read.
    pub async fn on(system: &System, clock: RunClock) -> Result<Self, LookError> {
        let sight = Sight::Audit(Audit::open(&system.database_url).await?);
        Ok(Self { sight, queues: system.queues.clone(), clock })
    }

    /// An eye on a target.
    #[must_use]
    pub fn on_stranger(view: Arc<View>, clock: RunClock) -> Self {
        Self { queues: view.queues.clone(), sight: Sight::View(view), clock }
    }

    /// The reference's database, for reading; None for a target.
    #[must_use]
    pub fn audit(&self) -> Option<&Audit> {
        match &self.sight {
            Sight::Audit(audit) => Some(audit),
            Sight::View(_) => None,
        }
    }

    /// How long everything must have been quiet, when that depends on what is looked at.
    #[must_use]
    pub fn quiet_for(&self) -> Option<Duration> {
        match &self.sight {
            Sight::Audit(_) => None,
            Sight::View(view) => view.quiet_for,
        }
    }

    /// What still moves where no queue shows it, in words.
    ///
    /// # Errors
    /// [`LookError`].
    pub async fn restless(&self) -> Result<Option<String>, LookError> {
        match &self.sight {
            Sight::Audit(_) => Ok(None),
            Sight::View(view) => Ok(view.restless().await?),
        }
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
        let (stock, outbox, open_productions) = match &self.sight {
            Sight::Audit(audit) => {
                let stock = audit.stocks().await?.into_iter().map(|row| (row.product.0, row.now)).collect();
                let (outbox, open) = audit.open_counts().await?;
                (stock, u64::try_from(outbox).ok(), u64::try_from(open).ok())
            }
            Sight::View(view) => (view.stock().await?, None, view.open_orders()),
        };
        let work = try_join_all(self.queues.work.iter().map(|queue| depth(queue, false)));
        let dead = try_join_all(self.queues.dead_letter.iter().map(|queue| depth(queue, true)));
        let (work, dead) = tokio::try_join!(work, dead)?;
        Ok(Sample { began, stock, queues: work.into_iter().chain(dead).collect(), outbox, open_productions, weights: None })
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
