//! Drills: named crash points, places where a process may be made to die as if its power were cut; and a clock that may be made wrong.
//!
//! The places that matter are the ones between an effect and its record: whoever dies there must neither lose the work
//! nor do it twice. A harness names one in `REFERENCE_CRASH_AT`, and the process kills itself with SIGKILL when it
//! gets there: no destructor runs, no buffer is flushed, no connection is closed politely.
//!
//! The clock is wrong by what `REFERENCE_CLOCK_SKEW` says, in microseconds, from the start of the process to its end.
//!
//! Without the feature `drills` a point compiles to nothing and the skew is zero, so nothing deployed can be asked for either.

/// The environment variable that names the point to die at: `name`, or `name:nth` for the nth passage (from 1).
pub const CRASH_AT: &str = "REFERENCE_CRASH_AT";

/// Every point there is, in the order in which an order meets them.
pub const POINTS: &[&str] = &[
    "sales.committed-not-answered",
    "relay.claimed-not-published",
    "relay.published-not-marked",
    "replenish.received-not-called",
    "replenish.called-not-recorded",
    "replenish.recorded-not-deleted",
    "factory.accepted-not-produced",
    "factory.produced-not-called-back",
    "receiving.applied-not-answered",
    "receiving.applied-not-deleted",
    "advertising.recorded-not-mailed",
    "advertising.mailed-not-recorded",
    "advertising.recorded-not-deleted",
    "operations.recorded-not-deleted",
];

/// Where to die, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPlan {
    /// One of [`POINTS`].
    pub point: &'static str,
    /// At which passage, counted from 1.
    pub nth: u64,
}

/// A crash plan that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCrashPlan {
    /// The point does not exist.
    #[error("{text:?} names no crash point; there are: {}", POINTS.join(", "))]
    UnknownPoint {
        /// What was given.
        text: String,
    },
    /// The passage is no positive number.
    #[error("{text:?}: what follows the colon must be the number of the passage, from 1")]
    NoPassage {
        /// What was given.
        text: String,
    },
    /// This build cannot crash on request.
    #[error("is set, but this build has no crash points: build with the feature `drills`, or unset it")]
    NotCompiledIn,
}

impl CrashPlan {
    /// Reads `name` or `name:nth`.
    ///
    /// # Errors
    /// [`BadCrashPlan`] when the point is unknown or the passage is no positive number.
    pub fn parse(text: &str) -> Result<Self, BadCrashPlan> {
        let (name, nth) = match text.split_once(':') {
            None => (text, 1),
            Some((name, nth)) => {
                let nth = nth.parse().ok().filter(|n| *n >= 1).ok_or_else(|| BadCrashPlan::NoPassage { text: text.to_owned() })?;
                (name, nth)
            }
        };
        let point = POINTS.iter().copied().find(|p| *p == name).ok_or_else(|| BadCrashPlan::UnknownPoint { text: text.to_owned() })?;
        Ok(Self { point, nth })
    }
}

/// What [`CRASH_AT`] asks of this process. Checked at start, so that a mistyped point is an error and not a drill that never happens.
///
/// # Errors
/// [`BadCrashPlan`] when it is set to something that cannot be followed, which in a build without the feature `drills` is anything.
pub fn requested() -> Result<Option<CrashPlan>, BadCrashPlan> {
    match std::env::var_os(CRASH_AT) {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(_) if !cfg!(feature = "drills") => Err(BadCrashPlan::NotCompiledIn),
        Some(text) => CrashPlan::parse(&text.to_string_lossy()).map(Some),
    }
}

/// The environment variable that makes the clock wrong: microseconds ahead, or behind when negative.
pub const CLOCK_SKEW: &str = "REFERENCE_CLOCK_SKEW";

/// The most that a clock may be wrong: a day either way, so that no time leaves the calendar.
const MOST_SKEW_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// A skew that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSkew {
    /// It is no number, or too large a one.
    #[error("{text:?} is no number of microseconds up to a day ahead or behind; write for example -2000000 for two seconds behind")]
    NoSkew {
        /// What was given.
        text: String,
    },
    /// This build's clock is always right.
    #[error("is set, but this build has no drills: build with the feature `drills`, or unset it")]
    NotCompiledIn,
}

/// What [`CLOCK_SKEW`] asks of this process. Checked at start, so that a mistyped skew is an error and not a drill that never happens.
///
/// # Errors
/// [`BadSkew`] when it is set to something that cannot be followed, which in a build without the feature `drills` is anything.
pub fn requested_skew() -> Result<i64, BadSkew> {
    match std::env::var_os(CLOCK_SKEW) {
        None => Ok(0),
        Some(text) if text.is_empty() => Ok(0),
        Some(_) if !cfg!(feature = "drills") => Err(BadSkew::NotCompiledIn),
        Some(text) => parse_skew(&text.to_string_lossy()),
    }
}

fn parse_skew(text: &str) -> Result<i64, BadSkew> {
    let skew = text.parse().ok().filter(|skew: &i64| skew.unsigned_abs() <= MOST_SKEW_MICROS.unsigned_abs());
    skew.ok_or_else(|| BadSkew::NoSkew { text: text.to_owned() })
}

/// Microseconds by which the clock of this process is ahead; behind, when negative.
#[cfg(feature = "drills")]
pub(crate) fn clock_skew() -> i64 {
    use std::sync::OnceLock;

    static SKEW: OnceLock<i64> = OnceLock::new();
    // A bad skew was refused at start; code that runs without that check (a unit test) simply has the right time.
    *SKEW.get_or_init(|| requested_skew().unwrap_or(0))
}

/// Zero: this build's clock is right.
#[cfg(not(feature = "drills"))]
#[inline(always)]
pub(crate) fn clock_skew() -> i64 {
    0
}

/// Dies here when this passage of this point was asked for; otherwise does nothing.
#[cfg(feature = "drills")]
pub fn point(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PLAN: OnceLock<Option<CrashPlan>> = OnceLock::new();
    static PASSAGES: AtomicU64 = AtomicU64::new(0);

    debug_assert!(POINTS.contains(&name), "{name} is missing from drills::POINTS");
    // A bad plan was refused at start; code that runs without that check (a unit test) simply has no drill.
    let Some(plan) = *PLAN.get_or_init(|| requested().ok().flatten()) else { return };
    if plan.point == name && PASSAGES.fetch_add(1, Ordering::SeqCst) + 1 == plan.nth {
        die();
    }
}

/// Does nothing: this build has no crash points.
#[cfg(not(feature = "drills"))]
#[inline(always)]
pub fn point(_name: &'static str) {}

#[cfg(feature = "drills")]
fn die() -> ! {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::getpid;

    // SIGKILL cannot be caught or blocked, so the only way on is a kernel that refuses to let us signal ourselves.
    let refused = kill(getpid(), Signal::SIGKILL);
    loop {
        std::thread::park_timeout(std::time::Duration::from_secs(1));
        if let Err(errno) = refused {
            panic!("could not kill this process for a drill: {errno}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_with_and_without_its_passage() {
        assert_eq!(CrashPlan::parse("relay.published-not-marked"), Ok(CrashPlan { point: "relay.published-not-marked", nth: 1 }));
        assert_eq!(CrashPlan::parse("relay.published-not-marked:3").map(|p| p.nth), Ok(3));
    }

    #[test]
    fn what_cannot_be_followed_is_refused_by_name() {
        assert!(matches!(CrashPlan::parse("relay.nowhere"), Err(BadCrashPlan::UnknownPoint { .. })));
        assert!(matches!(CrashPlan::parse("relay.published-not-marked:0"), Err(BadCrashPlan::NoPassage { .. })));
        assert!(matches!(CrashPlan::parse("relay.published-not-marked:x"), Err(BadCrashPlan::NoPassage { .. })));
    }

    #[test]
    fn a_skew_is_microseconds_up_to_a_day() {
        assert_eq!(parse_skew("-90000000"), Ok(-90_000_000));
        for text in ["90s", "86400000001", ""] {
            assert!(matches!(parse_skew(text), Err(BadSkew::NoSkew { .. })), "{text:?}");
        }
    }

    #[test]
    fn no_point_is_named_twice() {
        let mut names = POINTS.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), POINTS.len());
    }
}
