//! What strikes one request or message.

use std::sync::Arc;
use std::time::Duration;

use super::gate::Permit;
use super::{Armed, Held};
use crate::decision::{After, Fault, Slot};

/// What happens to a request or message.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing.
    Pass,
    /// These faults strike it, or it counts as under way for one.
    Struck(Strike),
}

/// The faults that strike one request or message; it counts as held until this is dropped. Without any fault, it stands for a request
/// that passes and counts as one of so many at once.
#[derive(Debug)]
pub struct Strike {
    pub(super) hits: Vec<Hit>,
    pub(super) id: Box<str>,
    pub(super) attempt: u32,
    pub(super) _permits: Vec<Permit>,
    pub(super) _held: Option<Held>,
}

/// One fault that strikes.
#[derive(Debug, Clone)]
pub struct Hit {
    pub(crate) armed: Arc<Armed>,
    pub(super) wait: Duration,
}

impl Verdict {
    /// The strike, when there is one.
    #[must_use]
    pub fn strike(self) -> Option<Strike> {
        match self {
            Self::Pass => None,
            Self::Struck(strike) => Some(strike),
        }
    }
}

impl Strike {
    /// Every fault that strikes.
    #[must_use]
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// The id that decided.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How often that id had passed the point before.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The first fault of a slot.
    #[must_use]
    pub fn in_slot(&self, slot: Slot) -> Option<&Hit> {
        self.hits.iter().find(|hit| hit.fault().slot() == slot)
    }

    /// Waits for all the delays, one after the other.
    pub async fn wait(&self) {
        for hit in self.hits.iter().filter(|hit| hit.fault().slot() == Slot::Wait) {
            hit.wait().await;
        }
    }
}

impl Hit {
    /// What is done.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.armed.rule.fault
    }

    /// Name of the rule.
    #[must_use]
    pub fn rule(&self) -> &Arc<str> {
        &self.armed.rule.name
    }

    /// For how long, when the fault is about time.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.wait
    }

    /// Whether its time is part of the exchange's own.
    pub(crate) fn delays_the_exchange(&self) -> bool {
        matches!(self.fault(), Fault::Wait(_) | Fault::After(After::Delay(_)))
    }

    /// Waits for that long, or until the rule is healed.
    pub async fn wait(&self) {
        // Ok or not: either the time is over or the rule is.
        let _ = tokio::time::timeout(self.wait, self.healed()).await;
    }

    /// Waits until the rule is healed.
    pub async fn healed(&self) {
        self.armed.healed.cancelled().await;
    }
}
