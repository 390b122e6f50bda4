//! The verdict in the making: what stands against a pass so far, and how much of its evidence there is.
//!
//! Said as keys and values, because the page speaks two languages.

use serde::Serialize;

use crate::history::tally::Counts;
use crate::progress::state::Snapshot;
use crate::result::answer::AnswerClass;
use crate::verify::expectations::Expectations;
use crate::verify::judgement::Verdict;

/// A sentence of the page: a key of its dictionary, and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// Key.
    pub key: &'static str,
    /// Values, in order.
    pub values: Vec<String>,
}

/// A piece of evidence so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// What.
    pub what: Sentence,
    /// What was seen so far.
    pub seen: Sentence,
    /// Whether that would do.
    pub enough: bool,
}

/// How it looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// The best verdict that the run can still end with, as far as can be seen from here.
    pub best: Verdict,
    /// Why that is not PASS.
    pub against: Vec<Sentence>,
    /// What a pass needs and can be counted on the way.
    pub evidence: Vec<Piece>,
}

fn sentence(key: &'static str, values: impl IntoIterator<Item = String>) -> Sentence {
    Sentence { key, values: values.into_iter().collect() }
}

/// How it looks so far.
#[must_use]
pub fn outlook(expectations: &Expectations, snapshot: &Snapshot, counts: &Counts) -> Outlook {
    let (mut best, mut against) = (Verdict::Pass, Vec::new());
    let mut object = |verdict: Verdict, why: Sentence| {
        best = best.max(verdict);
        against.push(why);
    };
    for (product, least) in counts.least_stock.iter().filter(|(_, least)| **least < 0) {
        object(Verdict::Fail, sentence("stock_below_zero", [product.clone(), least.to_string()]));
    }
    for role in &counts.unasked {
        object(Verdict::Unknown, sentence("ended_unasked", [role.clone()]));
    }
    if let Some(short) = &counts.short {
        object(Verdict::Unknown, sentence("fell_short", [short.place.clone(), short.error.clone()]));
    }
    for (rule, _) in counts.rules.iter().filter(|(_, rule)| rule.healed == Some(false)) {
        object(Verdict::Unknown, sentence("not_healed", [rule.clone()]));
    }
    Outlook { best, against, evidence: evidence(expectations, snapshot, counts) }
}

fn evidence(expectations: &Expectations, snapshot: &Snapshot, counts: &Counts) -> Vec<Piece> {
    let answered = |class: AnswerClass| snapshot.answers[class.index()];
    let counted = [
        ("need_sold", expectations.min_sold.max(1), answered(AnswerClass::Sold)),
        ("need_sold_out", expectations.min_sold_out, answered(AnswerClass::SoldOut)),
        ("need_browsed", expectations.min_browsed, answered(AnswerClass::Browsed)),
        ("need_restocks", expectations.min_restocks, counts.restocks),
        ("need_unknown", expectations.min_info, answered(AnswerClass::Unknown)),
    ];
    let mut pieces: Vec<Piece> = counted
        .into_iter()
        .filter(|(_, needed, _)| *needed > 0)
        .map(|(key, needed, seen)| Piece {
            what: sentence(key, [needed.to_string()]),
            seen: sentence("count", [seen.to_string()]),
            enough: seen >= needed,
        })
        .collect();
    let limit = expectations.lateness_p99_limit;
    let late = snapshot.lateness_p99_us;
    pieces.push(Piece {
        what: sentence("need_on_time", [milliseconds(limit)]),
        seen: sentence("late_now", [milliseconds(late)]),
        enough: late <= limit,
    });
    pieces.extend(expectations.faults.iter().map(|planned| {
        let seen = counts.rules.get(&planned.rule).cloned().unwrap_or_default();
        let key = match (&seen.healed, seen.effective, seen.requested) {
            (Some(true), ..) => "fault_healed",
            (Some(false), ..) => "fault_unhealed",
            (None, true, _) => "fault_effective",
            (None, false, true) => "fault_requested",
            (None, false, false) => "fault_waits",
        };
        let enough = seen.effective && seen.strikes > 0 && seen.healed != Some(false);
        Piece { what: sentence("need_fault", [planned.rule.clone()]), seen: sentence(key, [seen.strikes.to_string()]), enough }
    }));
    pieces
}

/// To a tenth of a millisecond.
fn milliseconds(us: u64) -> String {
    format!("{}.{}", us / 1_000, us % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::event::Shortage;
    use crate::history::tally::Rule;
    use crate::progress::state::ProgressState;
    use crate::verify::expectations::PlannedFault;

    fn seen(counts: &Counts, sold: u64) -> Outlook {
        let state = ProgressState::new();
        (0..sold).for_each(|_| state.answered(AnswerClass::Sold, 1_000));
        let planned = PlannedFault { rule: "cut".to_owned(), poison: false };
        let expectations = Expectations { min_sold: 2, min_restocks: 0, faults: vec![planned], ..Expectations::default() };
        outlook(&expectations, &state.reader().snapshot(), counts)
    }

    #[tokio::test]
    async fn a_stock_below_zero_can_only_end_in_fail_and_a_dead_process_in_unknown() {
        let mut counts = Counts::default();
        assert_eq!(seen(&counts, 2).best, Verdict::Pass);
        counts.unasked.push("relay".to_owned());
        assert_eq!(seen(&counts, 2).best, Verdict::Unknown);
        counts.least_stock.insert("CP-502101".to_owned(), -1);
        let outlook = seen(&counts, 2);
        assert_eq!((outlook.best, outlook.against.len()), (Verdict::Fail, 2));
    }

    #[tokio::test]
    async fn a_harness_that_ran_short_can_only_end_in_unknown() {
        let error = "Too many open files (os error 24)".to_owned();
        let short = Some(Shortage { place: "the tap of sales".to_owned(), wanted: "accept a connection".to_owned(), error: error.clone() });
        let outlook = seen(&Counts { short, ..Counts::default() }, 2);
        assert_eq!((outlook.best, &outlook.against[0].values), (Verdict::Unknown, &vec!["the tap of sales".to_owned(), error]));
    }

    #[tokio::test]
    async fn evidence_is_missing_until_it_was_seen() {
        let mut counts = Counts::default();
        let enough = |outlook: Outlook| outlook.evidence.iter().map(|piece| piece.enough).collect::<Vec<_>>();
        assert_eq!(enough(seen(&counts, 1)), [false, true, false], "sold, on time, fault");
        counts.rules.insert("cut".to_owned(), Rule { requested: true, effective: true, strikes: 3, healed: None });
        assert_eq!(enough(seen(&counts, 2)), [true, true, true]);
        counts.rules.insert("cut".to_owned(), Rule { requested: true, effective: true, strikes: 3, healed: Some(false) });
        assert_eq!(enough(seen(&counts, 2)), [true, true, false]);
    }
}
