//! From judged properties and evidence to the verdict: FAIL over UNKNOWN over PASS.

use super::judgement::{Evidence, Judgement, Proof, PropertyResult, Verdict};

/// Draws the conclusion, and says why in sentences: violations first, then what is missing.
pub(super) fn conclude(properties: Vec<PropertyResult>, evidence: Vec<Evidence>) -> Proof {
    let mut verdict = Verdict::Pass;
    let mut violated = Vec::new();
    let mut missing = Vec::new();
    for result in &properties {
        let name = result.property.name();
        match result.judgement {
            Judgement::Violated => {
                verdict = verdict.max(Verdict::Fail);
                let first = result.violations.first().map_or("", |violation| violation.sentence.as_str());
                let more = if result.violations_total > 1 { format!(" ({} in all)", result.violations_total) } else { String::new() };
                violated.push(format!("{name}: {first}{more}"));
            }
            Judgement::Undecided => {
                verdict = verdict.max(Verdict::Unknown);
                missing.push(format!("{name} could not be decided: {}.", result.reason.as_deref().unwrap_or("no reason was given")));
            }
            Judgement::Holds | Judgement::NotJudged => {}
        }
    }
    for piece in evidence.iter().filter(|piece| !piece.enough) {
        verdict = verdict.max(Verdict::Unknown);
        missing.push(format!("Evidence is missing: {}: needed {}, seen {}.", piece.what, piece.needed, piece.seen));
    }
    if properties.iter().all(|result| result.judgement == Judgement::NotJudged) {
        verdict = verdict.max(Verdict::Unknown);
        missing.push("No property could be judged at all.".to_owned());
    }
    let mut reasons = violated;
    reasons.append(&mut missing);
    if verdict == Verdict::Pass {
        let judged = properties.iter().filter(|result| result.judgement == Judgement::Holds).count();
        let not_judged = properties.len() - judged;
        let rest = if not_judged == 0 {
            String::new()
        } else {
            format!(" {not_judged} could not be judged, because the system does not expose what they need.")
        };
        reasons.push(format!("{judged} properties hold, and all evidence is there.{rest}"));
    }
    Proof { verdict, reasons, properties, evidence }
}
