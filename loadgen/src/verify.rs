//! What is proved from a history.
//!
//! [`judge`] reads a history once into a compact model, judges each [property](property::Property) by a pure function of that model
//! (one file each, named after it), gathers the [evidence](judgement::Evidence) that a pass needs, and reads the history a second time
//! only when there is a violation to show: then every violation gets its path across all hops. The history may come from a run that just
//! ended, from an old one, or from a file that was cut off; nothing else is looked at.
//!
//! Every judgement is made so that it cannot accuse falsely, whatever the interleaving: where the history does not say when something
//! happened, the property's file says which of the possible times it takes, and why that is the innocent one. A pass, on the other hand,
//! has to be earned: what is missing to show it makes the run UNKNOWN.

pub mod expectations;
pub mod judgement;
pub mod property;

mod ads_stopped;
pub(crate) mod baseline;
mod conservation;
mod dlq_capture;
mod every_promise_kept;
mod evidence;
mod factory_not_overrun;
mod finding;
mod fingerprint;
mod interner;
mod model;
mod no_lost_order;
mod no_overselling;
mod no_phantom_sale;
mod no_wrong_refusal;
mod one_effect;
mod operations_informed;
mod recovers_in_time;
mod state;
mod steadiness;
mod verdict;
mod witness;

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::expectations::Expectations;
use self::finding::Findings;
use self::judgement::{Judgement, Proof, PropertyResult, Violation};
use self::model::Model;
use self::property::Property;
use self::state::Gap;
use crate::history::Lines;

/// Judges a history.
///
/// `open` opens it from its beginning, and is called once, or twice when a violation wants its witness. A history that cannot be opened or
/// read to its end is judged as far as it goes, and the verdict is UNKNOWN at best. Memory grows with the number of orders
/// (about 140 bytes each, with their ids, messages and operations), not with the length of the history.
pub fn judge<S, L, E>(open: S, expectations: &Expectations) -> Proof
where
    S: Fn() -> Result<L, E>,
    L: Lines,
    E: Display,
{
    let mut model = Model::new(expectations);
    match open() {
        Ok(lines) => model.fold(lines),
        Err(error) => model.read_error = Some(error.to_string()),
    }
    let judge = |property| match model.merged.missing.as_slice() {
        [] => guarded(|| judge_one(property, &model, expectations)),
        // An order that a lost part placed stands in the ledger like one that nobody placed: nobody may be accused of that.
        _ => Err("parts of the run are missing".to_owned()),
    };
    let judged: Vec<(Property, Result<Findings, String>)> = Property::ALL.into_iter().map(|property| (property, judge(property))).collect();
    let listed: Vec<_> = judged.iter().filter_map(|(_, findings)| findings.as_ref().ok()).flat_map(|findings| &findings.listed).collect();
    let lines = if listed.is_empty() { None } else { open().ok() };
    let mut violations = witness::gather(&model, &listed, lines).into_iter();
    let mut properties = Vec::with_capacity(judged.len());
    for (property, findings) in judged {
        let own = findings.as_ref().map_or(0, |findings| findings.listed.len());
        properties.push(result(property, findings, violations.by_ref().take(own).collect()));
    }
    let evidence = evidence::gather(&model, expectations);
    verdict::conclude(properties, evidence)
}

/// The judge of each property.
fn judge_one(property: Property, model: &Model, expectations: &Expectations) -> Findings {
    match property {
        Property::NoLostOrder => no_lost_order::judge(model),
        Property::NoPhantomSale => no_phantom_sale::judge(model),
        Property::Conservation => conservation::judge(model),
        Property::NoOverselling => no_overselling::judge(model),
        Property::NoWrongRefusal => no_wrong_refusal::judge(model),
        Property::EveryPromiseKept => every_promise_kept::judge(model, expectations.recovery_bound),
        Property::DlqCapture => dlq_capture::judge(model, expectations),
        Property::OneEffect => one_effect::judge(model),
        Property::FactoryNotOverrun => factory_not_overrun::judge(model),
        Property::AdsStopped => ads_stopped::judge(model, expectations.max_mails_per_episode),
        Property::OperationsInformed => operations_informed::judge(model),
        Property::RecoversInTime => recovers_in_time::judge(model, expectations.recovery_bound),
    }
}

/// A checker that panics has decided nothing, and must not take the others along.
fn guarded(judge: impl FnOnce() -> Findings) -> Result<Findings, String> {
    catch_unwind(AssertUnwindSafe(judge)).map_err(|panic| {
        let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
        format!("its checker panicked: {}", said.unwrap_or_else(|| "without a word".to_owned()))
    })
}

fn result(property: Property, findings: Result<Findings, String>, violations: Vec<Violation>) -> PropertyResult {
    let (findings, panicked) = match findings {
        Ok(findings) => (findings, None),
        Err(panicked) => (Findings::default(), Some(panicked)),
    };
    let (judgement, reason) = match (panicked, findings.total, findings.gap) {
        (Some(reason), ..) => (Judgement::Undecided, Some(reason)),
        (None, 1.., _) => (Judgement::Violated, None),
        (None, 0, None) => (Judgement::Holds, None),
        (None, 0, Some(Gap::Missing(reason))) => (Judgement::Undecided, Some(reason)),
        (None, 0, Some(Gap::NotExposed(reason))) => (Judgement::NotJudged, Some(reason)),
    };
    PropertyResult { property, judgement, reason, counted: findings.counted, violations_total: findings.total, violations }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::judgement::Verdict;

    #[test]
    fn a_checker_that_panics_leaves_its_property_undecided_and_the_run_unknown() {
        let findings = guarded(|| panic!("a bug in the checker"));
        let judged = result(Property::Conservation, findings, Vec::new());
        assert_eq!(judged.judgement, Judgement::Undecided);
        assert_eq!(judged.reason.as_deref(), Some("its checker panicked: a bug in the checker"));
        assert_eq!(verdict::conclude(vec![judged], Vec::new()).verdict, Verdict::Unknown);
    }
}
