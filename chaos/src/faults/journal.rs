//! What a rule really did.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::decision::{Legality, Rule};

/// What became of a rule; times count from the start of its set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// Name of the rule.
    #[serde(serialize_with = "text")]
    pub rule: Arc<str>,
    /// Word for its fault.
    pub fault: &'static str,
    /// Whether anybody may complain about it.
    #[serde(serialize_with = "legality")]
    pub legality: Legality,
    /// When it was installed.
    #[serde(rename = "requested_us", serialize_with = "micros")]
    pub requested: Duration,
    /// When it first struck.
    #[serde(rename = "first_fired_us", serialize_with = "some_micros")]
    pub first_fired: Option<Duration>,
    /// When it last struck.
    #[serde(rename = "last_fired_us", serialize_with = "some_micros")]
    pub last_fired: Option<Duration>,
    /// How often it struck.
    pub fired: u64,
    /// When it was first seen to take effect.
    #[serde(rename = "effective_us", serialize_with = "some_micros")]
    pub effective: Option<Duration>,
    /// When it was taken out of force.
    #[serde(rename = "healed_us", serialize_with = "some_micros")]
    pub healed: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    requested: Duration,
    fired: u64,
    first: Option<Duration>,
    last: Option<Duration>,
    effective: Option<Duration>,
    healed: Option<Duration>,
}

impl Tally {
    pub(super) fn new(requested: Duration) -> Self {
        Self(Mutex::new(Counts { requested, ..Counts::default() }))
    }

    /// Counts one strike, unless there were `most` already.
    pub(super) fn claim(&self, most: Option<u64>, now: Duration) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if most.is_some_and(|most| counts.fired >= most) {
            return false;
        }
        counts.fired += 1;
        counts.first.get_or_insert(now);
        counts.last = Some(now);
        true
    }

    /// False when it had been seen to take effect before.
    pub(super) fn effective(&self, now: Duration) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = counts.effective.is_none();
        counts.effective.get_or_insert(now);
        first
    }

    pub(super) fn healed(&self, now: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).healed.get_or_insert(now);
    }

    pub(super) fn record(&self, rule: &Rule) -> Record {
        let counts = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Record {
            rule: Arc::clone(&rule.name),
            fault: rule.fault.name(),
            legality: rule.fault.legality(),
            requested: counts.requested,
            first_fired: counts.first,
            last_fired: counts.last,
            fired: counts.fired,
            effective: counts.effective,
            healed: counts.healed,
        }
    }
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn legality<S: Serializer>(legality: &Legality, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(legality.name())
}

fn micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

fn some_micros<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => micros(duration, serializer),
        None => serializer.serialize_none(),
    }
}
