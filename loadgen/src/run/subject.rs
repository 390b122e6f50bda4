//! What is under test: the reference pipeline, or a target that somebody else built.

use std::sync::Arc;

use tokio::sync::watch;

use crate::boot::crew::Crew;
use crate::boot::role::UnaskedEnd;
use crate::boot::{BootError, BootOrders, System};
use crate::faults::incidents::Reach;
use crate::faults::{Hops, Poison};
use crate::history::clock::RunClock;
use crate::history::writer::Recorder;
use crate::load::{self, LoadError};
use crate::observe::eye::{Eye, LookError};
use crate::observe::remains::{self, RemainsError};
use crate::observe::scales::Scales;
use crate::observe::topics::{TopicReaders, Understanding};
use crate::plan::Plan;
use crate::target::{Stranger, StrangerError, View};

/// A system under test, running.
#[derive(Debug)]
pub(crate) enum Subject {
    /// The reference.
    Reference(Box<System>),
    /// A target.
    Stranger(Box<Stranger>),
}

/// Why there is nothing to test.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// The reference did not come up.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The target did not.
    #[error(transparent)]
    Stranger(#[from] StrangerError),
}

impl Subject {
    /// Brings up what the plan is for.
    ///
    /// # Errors
    /// [`SubjectError`]; whatever was started is ended again.
    pub(crate) async fn boot(plan: &Plan, orders: &BootOrders<'_>, recorder: &Recorder, hops: &Hops) -> Result<Self, SubjectError> {
        Ok(match &plan.scenario().target {
            Some(target) => Self::Stranger(Box::new(Stranger::boot(target, plan.scenario(), orders.logs, recorder, hops).await?)),
            None => Self::Reference(Box::new(System::boot(orders, recorder, hops).await?)),
        })
    }

    /// The first process that ended without being asked, when one has.
    pub(crate) fn unasked(&self) -> watch::Receiver<Option<UnaskedEnd>> {
        match self {
            Self::Reference(system) => system.unasked(),
            Self::Stranger(stranger) => stranger.unasked(),
        }
    }

    /// An eye on it.
    ///
    /// # Errors
    /// [`LookError`].
    pub(crate) async fn eye(&self, clock: RunClock) -> Result<Eye, LookError> {
        match self {
            Self::Reference(system) => Eye::on(system, clock).await,
            Self::Stranger(stranger) => Ok(Eye::on_stranger(Arc::clone(&stranger.view), clock)),
        }
    }

    /// Readers of its topics.
    pub(crate) fn topic_readers(&self, eye: &Eye, poison: Poison, recorder: &Recorder) -> TopicReaders {
        let understanding = match self {
            Self::Reference(system) => Understanding::Edition(system.edition),
            Self::Stranger(stranger) => Understanding::Described(Arc::clone(&stranger.view)),
        };
        TopicReaders::start(&understanding, eye.queues().observers.clone(), &poison, recorder)
    }

    /// Where buyers go.
    ///
    /// # Errors
    /// [`LoadError::Target`].
    pub(crate) fn entrance(&self, plan: &Plan) -> Result<load::Target, LoadError> {
        match self {
            Self::Reference(system) => load::Target::new(plan.scenario().edition, &system.entrance),
            Self::Stranger(stranger) => load::Target::at(&stranger.entrance, stranger.speech()),
        }
    }

    /// What incidents can get at. The processes and the database of a target are its own.
    pub(crate) fn reach(&self, hops: &Hops, recorder: &Recorder) -> Reach {
        let doors = hops.doors();
        match self {
            Self::Reference(system) => Reach { crew: system.crew.clone(), doors, database_url: system.database_url.clone() },
            Self::Stranger(_) => Reach { crew: Crew::new(recorder), doors, database_url: String::new() },
        }
    }

    /// Process ids, as far as the harness started any.
    pub(crate) fn pids(&self) -> Vec<u32> {
        match self {
            Self::Reference(system) => system.pids(),
            Self::Stranger(stranger) => stranger.pids(),
        }
    }

    /// Scales for its processes.
    pub(crate) fn scales(&self) -> Scales {
        match self {
            Self::Reference(system) => Scales::of_crew(system.crew.clone(), &system.database_url),
            Self::Stranger(stranger) => Scales::of_target(stranger.pids()),
        }
    }

    /// The target's view; None for the reference, which begins as it was told.
    pub(crate) fn view(&self) -> Option<&View> {
        match self {
            Self::Reference(_) => None,
            Self::Stranger(stranger) => Some(&stranger.view),
        }
    }

    /// Writes the final state into the history.
    ///
    /// # Errors
    /// [`RemainsError`], naming what could not be read.
    pub(crate) async fn record_remains(&self, plan: &Plan, eye: &Eye, recorder: &Recorder) -> Result<(), RemainsError> {
        match self {
            Self::Reference(system) => remains::record(system, plan, eye, recorder).await,
            Self::Stranger(stranger) => remains::record_stranger(&stranger.view, plan, eye, recorder).await,
        }
    }

    /// Ends everything that was started for it; each part finishes what it took.
    pub(crate) async fn stop(self) {
        match self {
            Self::Reference(system) => system.stop().await,
            Self::Stranger(stranger) => stranger.stop().await,
        }
    }
}
