//! Incidents: what is done at a moment to a process, to the database or to a hop's listener, where a [`Rule`](crate::decision::Rule) is
//! decided per request.
//!
//! This module says what there is and when; doing it needs somebody who owns the processes, the database and the taps. All incidents are
//! legal: machines die, stall and lose their network, and a system that loses an order by that has a bug.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::decision::Legality;

/// Something that is done at a moment, as often as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// By which the history knows it.
    pub name: Arc<str>,
    /// What is done.
    pub what: What,
    /// When, and how often.
    pub when: When,
}

/// What is done. A `role` is the name of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The process is killed (SIGKILL), as when its machine loses power; it is started again after that time.
    Kill {
        /// Whom.
        role: String,
        /// Until it is started again.
        down_for: Duration,
    },
    /// The process stands still (SIGSTOP): a long garbage collection, a frozen machine.
    Pause {
        /// Whom.
        role: String,
        /// Until it goes on.
        lasts: Duration,
    },
    /// The process is asked to end (SIGTERM), may finish what it took, and is started again: a deployment.
    Restart {
        /// Whom.
        role: String,
    },
    /// The process is restarted so that it dies when it passes a named point of its code; then it is started again without that.
    CrashAt {
        /// Whom.
        role: String,
        /// Name of the point.
        point: String,
        /// At which passage, from 1.
        nth: u64,
    },
    /// The process is restarted with a clock that is wrong, and restarted with the right one afterwards.
    ClockSkew {
        /// Whom.
        role: String,
        /// How far ahead its clock is; behind, when negative.
        by: Skew,
        /// Until it gets the right clock again.
        lasts: Duration,
    },
    /// Somebody else holds the database's write lock (where rows are locked one by one: the hot row).
    LockDatabase {
        /// For how long.
        lasts: Duration,
    },
    /// Somebody else holds every connection that the database grants.
    ExhaustConnections {
        /// For how long.
        lasts: Duration,
    },
    /// Nothing listens on a hop: connecting is refused, and connections that stand end with the request they are at.
    Unreachable {
        /// Name of the hop.
        hop: String,
        /// For how long.
        lasts: Duration,
    },
}

/// How far a clock is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// Microseconds ahead; behind, when negative.
    pub micros: i64,
}

/// When an incident happens, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// The first time.
    pub first: Moment,
    /// How often in all, from 1.
    pub times: u32,
    /// From one beginning to the next; zero when it happens once.
    pub every: Duration,
}

/// A moment of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// So long after the start.
    At(Duration),
    /// When so many sales are known to have been made.
    AfterSales(u64),
    /// When this phase begins.
    Phase(String),
}

impl Incident {
    /// The word for it in a plan.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.what.word()
    }

    /// Whether anybody may complain about it: never.
    #[must_use]
    pub fn legality(&self) -> Legality {
        Legality::Legal
    }
}

impl What {
    /// The word for it in a plan.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::Pause { .. } => "pause",
            Self::Restart { .. } => "restart",
            Self::CrashAt { .. } => "crash-at",
            Self::ClockSkew { .. } => "clock-skew",
            Self::LockDatabase { .. } => "lock-database",
            Self::ExhaustConnections { .. } => "exhaust-connections",
            Self::Unreachable { .. } => "unreachable",
        }
    }

    /// The process that it strikes, when it strikes one.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        match self {
            Self::Kill { role, .. }
            | Self::Pause { role, .. }
            | Self::Restart { role }
            | Self::CrashAt { role, .. }
            | Self::ClockSkew { role, .. } => Some(role),
            Self::LockDatabase { .. } | Self::ExhaustConnections { .. } | Self::Unreachable { .. } => None,
        }
    }

    /// The hop that it strikes, when it strikes one.
    #[must_use]
    pub fn hop(&self) -> Option<&str> {
        match self {
            Self::Unreachable { hop, .. } => Some(hop),
            _ => None,
        }
    }

    /// How long one occurrence is meant to last; zero when it is over as soon as it has happened.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        match self {
            Self::Kill { down_for, .. } => *down_for,
            Self::Pause { lasts, .. }
            | Self::ClockSkew { lasts, .. }
            | Self::LockDatabase { lasts }
            | Self::ExhaustConnections { lasts }
            | Self::Unreachable { lasts, .. } => *lasts,
            Self::Restart { .. } | Self::CrashAt { .. } => Duration::ZERO,
        }
    }
}

impl When {
    /// Once, at that moment.
    #[must_use]
    pub fn once(first: Moment) -> Self {
        Self { first, times: 1, every: Duration::ZERO }
    }

    /// From the first beginning to the last.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.every * self.times.saturating_sub(1)
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}), {}", self.name, self.what, self.legality().name(), self.when)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        let on = self.role().or(self.hop()).map(|on| format!(" {on}")).unwrap_or_default();
        match self {
            Self::Kill { down_for, .. } => write!(f, "{on}, down for {down_for:?}"),
            Self::CrashAt { point, nth, .. } => write!(f, "{on} at {point}, passage {nth}"),
            Self::ClockSkew { by, lasts, .. } => write!(f, "{on} by {} ms for {lasts:?}", by.micros / 1_000),
            Self::Restart { .. } => f.write_str(&on),
            Self::Pause { lasts, .. } | Self::Unreachable { lasts, .. } => write!(f, "{on} for {lasts:?}"),
            Self::LockDatabase { lasts } | Self::ExhaustConnections { lasts } => write!(f, " for {lasts:?}"),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.first {
            Moment::At(at) => write!(f, "at {at:?}")?,
            Moment::AfterSales(sales) => write!(f, "after {sales} sales")?,
            Moment::Phase(phase) => write!(f, "when {phase:?} begins")?,
        }
        if self.times > 1 { write!(f, ", {} times, one every {:?}", self.times, self.every) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_is_told_in_words() {
        let second = Duration::from_secs(1);
        let when = When { first: Moment::Phase("peak".to_owned()), times: 3, every: 2 * second };
        let incident = Incident { name: "dead".into(), what: What::Kill { role: "relay".to_owned(), down_for: second }, when };
        assert_eq!(incident.to_string(), "dead: kill relay, down for 1s (legal), when \"peak\" begins, 3 times, one every 2s");
        let what = What::ClockSkew { role: "sales".to_owned(), by: Skew { micros: -90_000_000 }, lasts: second };
        assert_eq!(what.to_string(), "clock-skew sales by -90000 ms for 1s");
    }
}
