//! The words that several renderings share.

use crate::result::RunResult;
use crate::verify::judgement::{Judgement, PropertyResult, Verdict};

/// The verdict in capitals.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Unknown => "UNKNOWN",
    }
}

/// The verdict as a class of the pages' styles.
pub(crate) fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Unknown => "unknown",
    }
}

/// What the verdict means, in a sentence.
pub(super) fn verdict_means(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Every property that could be judged holds, and the run had the evidence to show it.",
        Verdict::Fail => "At least one property is violated; each violation is shown with its witness.",
        Verdict::Unknown => "Nothing is proved violated, but something that a pass needs is missing.",
    }
}

/// Whether the verdict is the one that the scenario expects, where it expects another one than PASS.
pub(super) fn expectation(result: &RunResult) -> Option<String> {
    let (expected, found) = (result.run.expected?, result.verdict());
    Some(match found == expected {
        true => {
            format!("{} is what this scenario expects: it breaks what nobody may break, to show that the proof sees it.", verdict(expected))
        }
        false => format!("This scenario expects {}: what it breaks, the proof should have seen.", verdict(expected)),
    })
}

/// A sign for the verdict that does not need colour.
pub(crate) fn verdict_sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Unknown => "?",
    }
}

/// The judgement as a class of the pages' styles.
pub(crate) fn judgement_class(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Holds => "holds",
        Judgement::Violated => "violated",
        Judgement::Undecided => "undecided",
        Judgement::NotJudged => "not-judged",
    }
}

/// A judgement in a word or two.
pub(crate) fn judgement(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Holds => "holds",
        Judgement::Violated => "violated",
        Judgement::Undecided => "undecided",
        Judgement::NotJudged => "not judged",
    }
}

/// A sign for a judgement that does not need colour.
pub(crate) fn judgement_sign(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Holds => "✓",
        Judgement::Violated => "✗",
        Judgement::Undecided => "?",
        Judgement::NotJudged => "–",
    }
}

/// "3 violations", "1 violation".
pub(super) fn violations(property: &PropertyResult) -> String {
    plural(property.violations_total, "violation")
}

/// "1 order", "2 orders".
pub(super) fn plural(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", super::number::thousands(count), if count == 1 { "" } else { "s" })
}

/// "11 of 12 properties hold, 1 not judged".
pub(super) fn properties_at_a_glance(result: &RunResult) -> String {
    let properties = &result.proof.properties;
    let count = |wanted: Judgement| properties.iter().filter(|property| property.judgement == wanted).count();
    let mut text = format!("{} of {} properties hold", count(Judgement::Holds), properties.len());
    for other in [Judgement::Violated, Judgement::Undecided, Judgement::NotJudged] {
        if count(other) > 0 {
            text += &format!(", {} {}", count(other), judgement(other));
        }
    }
    text
}

/// A time in the run, seconds with milliseconds ("12.345 s").
pub(super) fn at(us: u64) -> String {
    format!("{}.{:03} s", super::number::thousands(us / 1_000_000), us / 1_000 % 1_000)
}
