//! Whether what a scenario plans to go wrong can go wrong in it: hops that are there, stages that come, and the verdict that follows.

mod incidents;

use std::ops::Range;
use std::time::Duration;

use chaos::decision::{Legality, Rule, TapKind};
use chaos::plan::{Fields, Mistakes, Plan, nearest};

use super::{EditionName, Traffic};
use crate::verify::judgement::Verdict;

/// Hops on which a tap understands HTTP.
const HTTP_HOPS: [&str; 3] = ["sales", "factory", "callback"];

/// Hops on which a tap understands SQS, SNS and SES: each role's own way there, or "aws" for all of them.
const AWS_HOPS: [&str; 8] =
    ["aws", "aws.factory", "aws.sales", "aws.receiving", "aws.relay", "aws.replenish", "aws.advertising", "aws.operations"];

/// Hops to the database; only a database that is reached over TCP has any.
const DATABASE: &str = "database";

/// What the rest of the scenario says.
pub(super) struct Around<'a> {
    pub(super) edition: EditionName,
    pub(super) traffic: &'a Traffic,
    pub(super) expect_verdict: Verdict,
}

/// Checks every rule against the scenario around it.
pub(super) fn check(top: &mut Fields<'_, '_>, plan: &Plan, around: &Around<'_>, mistakes: &mut Mistakes<'_>) {
    for mut fields in top.tables("fault", mistakes) {
        let name = fields.text("name", &mut Mistakes::new("", ""));
        if let Some(incident) = plan.incidents.iter().find(|incident| Some(&*incident.name) == name.as_deref()) {
            incidents::check(incident, &fields, around, mistakes);
            continue;
        }
        // What could not be read has been reported already.
        let Some(rule) = plan.rules.iter().find(|rule| Some(&*rule.name) == name.as_deref()) else { continue };
        hop(rule, &fields.span_of("hop"), &fields.span_of("fault"), around.edition, mistakes);
        window(rule, &fields, around.traffic, mistakes);
    }
    verdict(top, plan, around.expect_verdict, mistakes);
}

fn hop(rule: &Rule, place: &Range<usize>, fault: &Range<usize>, edition: EditionName, mistakes: &mut Mistakes<'_>) {
    let Some(name) = rule.select.hop.as_deref() else { return };
    let Some(kind) = known_hop(name, place, edition, mistakes) else { return };
    if !rule.fault.is_done_by(kind) {
        let message = format!("the fault {:?} cannot happen on the hop {name:?}", rule.fault.name());
        mistakes.add(fault, message, "docs/faults.md says on which taps each fault can");
    }
}

/// Which kind of tap stands on the hop of that name; None, and a mistake, when there is none.
fn known_hop(name: &str, place: &Range<usize>, edition: EditionName, mistakes: &mut Mistakes<'_>) -> Option<TapKind> {
    let Some(kind) = kind(name) else {
        let known: Vec<&str> = HTTP_HOPS.into_iter().chain(AWS_HOPS).chain([DATABASE]).collect();
        mistakes.add(place, format!("there is no hop {name:?}"), instead(name, &known));
        return None;
    };
    if name == "callback" && edition == EditionName::Shop {
        mistakes.add(
            place,
            "edition `shop` has no hop \"callback\"",
            "its factory delivers through a topic: \"aws.factory\", \"aws.receiving\"",
        );
    }
    Some(kind)
}

/// What was meant by a word that names nothing, or what there is.
fn instead(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => format!("there are {}", known.join(", ")),
    }
}

fn kind(hop: &str) -> Option<TapKind> {
    if HTTP_HOPS.contains(&hop) {
        Some(TapKind::Http)
    } else if AWS_HOPS.contains(&hop) {
        Some(TapKind::Aws)
    } else if hop == DATABASE || hop.starts_with("database.") {
        Some(TapKind::Tcp)
    } else {
        None
    }
}

/// A rule whose window never opens would leave every run of the scenario UNKNOWN.
fn window(rule: &Rule, fields: &Fields<'_, '_>, traffic: &Traffic, mistakes: &mut Mistakes<'_>) {
    if let Some(phase) = rule.select.phase.as_deref() {
        stage(phase, fields, traffic, mistakes);
    }
    begin(rule.select.from, fields, traffic, mistakes);
}

fn stage(phase: &str, fields: &Fields<'_, '_>, traffic: &Traffic, mistakes: &mut Mistakes<'_>) {
    let stages: Vec<&str> = match traffic {
        Traffic::Open { stages } => stages.iter().map(|stage| stage.name.as_str()).collect(),
        Traffic::Closed { .. } => vec!["users"],
    };
    if !stages.contains(&phase) {
        mistakes.add(&fields.span_of("phase"), format!("there is no stage {phase:?}"), instead(phase, &stages));
    }
}

fn begin(from: Duration, fields: &Fields<'_, '_>, traffic: &Traffic, mistakes: &mut Mistakes<'_>) {
    let duration: Duration = match traffic {
        Traffic::Open { stages } => stages.iter().map(|stage| stage.duration).sum(),
        Traffic::Closed { duration, .. } => *duration,
    };
    if from >= duration && !duration.is_zero() {
        mistakes.add(&fields.span_of("from"), "the fault begins when nobody comes any more", format!("let it begin before {duration:?}"));
    }
}

/// A control must be caught, and what is legal must be survived.
fn verdict(top: &Fields<'_, '_>, plan: &Plan, expected: Verdict, mistakes: &mut Mistakes<'_>) {
    let control = plan.rules.iter().find(|rule| rule.fault.legality() == Legality::Control);
    match (control, expected) {
        (Some(rule), Verdict::Pass | Verdict::Unknown) => {
            let message = format!("the fault {:?} breaks the contract, so no run with it may pass", &*rule.name);
            mistakes.add(&top.span_of("expect_verdict"), message, "write expect_verdict = \"fail\"");
        }
        (None, Verdict::Fail) if !plan.rules.is_empty() || !plan.incidents.is_empty() => {
            let message = "every fault is legal, so the pipeline has to survive them";
            mistakes.add(&top.span_of("expect_verdict"), message, "write expect_verdict = \"pass\", or add a control");
        }
        _ => {}
    }
}
