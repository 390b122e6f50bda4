//! From a table of a plan to a checked incident; the words for incidents stand here and nowhere else.

use std::time::Duration;

use super::fields::Fields;
use super::mistake::Mistakes;
use super::values;
use crate::incident::{Incident, Moment, Skew, What, When};

/// Most occurrences of one incident.
const MOST_TIMES: u64 = 1_000;

/// What to do about an incident without a moment.
const MOMENT: &str = "say when: from = \"5s\", after_sales = 500, or phase = \"peak\"";

/// A word for an incident in a plan.
#[derive(Debug, Clone, Copy)]
pub struct IncidentWord {
    /// The word.
    pub word: &'static str,
    /// Its parameters, as a plan would give them.
    pub parameters: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    build: Build,
}

type Build = fn(&mut Fields<'_, '_>, &mut Mistakes<'_>) -> Option<What>;

const fn word(word: &'static str, parameters: &'static str, about: &'static str, build: Build) -> IncidentWord {
    IncidentWord { word, parameters, about, build }
}

/// The word for restarts that come one after the other.
const STORM: &str = "restart-storm";

/// Every incident, in the order of the catalogue.
pub const INCIDENTS: &[IncidentWord] = &[
    word("kill", "role = \"sales\", down_for = \"1s\"", "The process is killed (SIGKILL), and started again after that time.", |f, m| {
        let (role, down_for) = (role(f, m), time(f, "down_for", m));
        Some(What::Kill { role: role?, down_for: down_for? })
    }),
    word(
        "pause",
        "role = \"relay\", for = \"2s\"",
        "The process stands still (SIGSTOP) for that time, then goes on where it was.",
        |f, m| {
            let (role, lasts) = (role(f, m), time(f, "for", m));
            Some(What::Pause { role: role?, lasts: lasts? })
        },
    ),
    word("restart", "role = \"sales\"", "The process is asked to end (SIGTERM), finishes what it took, and is started again.", |f, m| {
        Some(What::Restart { role: role(f, m)? })
    }),
    word(STORM, "role = \"relay\", times = 5, every = \"1s\"", "The same as `restart`, again and again.", |f, m| {
        Some(What::Restart { role: role(f, m)? })
    }),
    word(
        "crash-at",
        "role = \"relay\", point = \"relay.published-not-marked\", nth = 3",
        "The process is restarted so that it kills itself at its nth passage of a named point between an effect and its record, and then started again.",
        |f, m| {
            let (role, point) = (role(f, m), required_text(f, "point", "say where, point = \"relay.published-not-marked\"", m));
            let nth = f.count("nth", 1..=u64::MAX, m);
            Some(What::CrashAt { role: role?, point: point?, nth: nth.unwrap_or(1) })
        },
    ),
    word(
        "clock-skew",
        "role = \"relay\", by = \"+90s\", for = \"5s\"",
        "The process is restarted with a clock that is ahead (or behind, \"-90s\"), and with the right one after that time.",
        |f, m| {
            let role = role(f, m);
            if !f.has("by") {
                f.missing("by", values::SKEW, m);
            }
            let by = f.quoted("by", "a time ahead or behind", values::SKEW, values::skew, m);
            let lasts = time(f, "for", m);
            Some(What::ClockSkew { role: role?, by: Skew { micros: by? }, lasts: lasts? })
        },
    ),
    word(
        "lock-database",
        "for = \"2s\"",
        "Somebody else holds the database's write lock (the hot row, where rows are locked) for that time.",
        |f, m| Some(What::LockDatabase { lasts: time(f, "for", m)? }),
    ),
    word("exhaust-connections", "for = \"2s\"", "Somebody else holds every connection that the database grants, for that time.", |f, m| {
        Some(What::ExhaustConnections { lasts: time(f, "for", m)? })
    }),
    word(
        "unreachable",
        "hop = \"factory\", for = \"3s\"",
        "Nothing listens on the hop for that time: connecting is refused, as when a name does not resolve; connections that stand end with the request they are at.",
        |f, m| {
            let (hop, lasts) = (required_text(f, "hop", "say which, hop = \"factory\"", m), time(f, "for", m));
            Some(What::Unreachable { hop: hop?, lasts: lasts? })
        },
    ),
];

/// Parameters of incidents, for the answer to one in the wrong place.
pub(super) const PARAMETERS: &[&str] = &["role", "down_for", "for", "times", "every", "point", "nth", "by", "after_sales"];

/// Reads the rest of a table whose word is an incident's.
pub(super) fn incident(name: &str, word: &IncidentWord, fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Incident> {
    let what = (word.build)(fields, mistakes);
    let first = moment(fields, mistakes);
    let (times, every) = repetition(word, fields, mistakes);
    let (what, first) = (what?, first?);
    if times > 1 && every <= what.lasts() && !every.is_zero() {
        let message = "the next occurrence begins before the one before is over";
        mistakes.add(&fields.span_of("every"), message, "make `every` longer than one occurrence lasts");
    }
    Some(Incident { name: name.into(), what, when: When { first, times, every } })
}

fn moment(fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Moment> {
    let from = fields.duration("from", mistakes);
    let after_sales = fields.count("after_sales", 1..=u64::MAX, mistakes);
    let phase = fields.text("phase", mistakes);
    let said = ["from", "after_sales", "phase"].into_iter().filter(|key| fields.has(key)).count();
    if said != 1 {
        let message = if said == 0 { "nothing says when it happens" } else { "more than one key says when it happens" };
        mistakes.add(&fields.span(), message, MOMENT);
    }
    from.map(Moment::At).or(after_sales.map(Moment::AfterSales)).or(phase.map(Moment::Phase))
}

fn repetition(word: &IncidentWord, fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> (u32, Duration) {
    let times = fields.count("times", 1..=MOST_TIMES, mistakes);
    let every = fields.duration("every", mistakes);
    let both = fields.has("times") && fields.has("every");
    let neither = !fields.has("times") && !fields.has("every");
    if !both && (!neither || word.word == STORM) {
        let missing = if fields.has("times") { "every" } else { "times" };
        fields.missing(missing, "give both how often and how far apart, times = 5 and every = \"1s\"", mistakes);
    }
    (times.and_then(|times| u32::try_from(times).ok()).unwrap_or(1), every.unwrap_or_default())
}

fn role(fields: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    required_text(fields, "role", "say which process, role = \"sales\"", mistakes)
}

fn required_text(fields: &mut Fields<'_, '_>, key: &'static str, way_out: &str, mistakes: &mut Mistakes<'_>) -> Option<String> {
    if !fields.has(key) {
        fields.missing(key, way_out, mistakes);
    }
    fields.text(key, mistakes)
}

fn time(fields: &mut Fields<'_, '_>, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
    if !fields.has(key) {
        fields.missing(key, &format!("say for how long, {key} = \"2s\""), mistakes);
    }
    fields.duration(key, mistakes)
}
