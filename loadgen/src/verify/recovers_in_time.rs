//! Recovers in time: after the last heal, throughput is back to 90 % of its own baseline and everything is drained, within the bound.
//!
//! What counts as throughput stands in [`super::baseline`]; the baseline is the run's own, from before the first fault. The last second may
//! be cut short and does not count; the bound on draining begins with the last arrival or the last heal, whichever is later.
//!
//! A run without faults has nothing to recover from but its own load: there the baseline are its first seconds, and what must not happen
//! is that throughput falls and stays down until the end.
//!
//! A harness that lacked file handles, ports or memory stood in the pipeline's way itself; such a run shows nothing of its recovery.

use super::baseline::{Baseline, RECOVERED_PERCENT, Second};
use super::finding::{Findings, Ref, seconds};
use super::model::{Model, NEVER};
use crate::history::event::Micros;

/// One second, in the history's unit.
const SECOND: Micros = 1_000_000;
/// Seconds of load that are the baseline of a run without faults.
const BEGINNING: usize = 5;

pub(super) fn judge(model: &Model, bound: Micros) -> Findings {
    let mut findings = Findings::default();
    if let Some(short) = model.harness_fell_short() {
        findings.missing(format!("the harness itself fell short, so what took too long may be its own doing: {short}"));
        return findings;
    }
    let struck = struck(model);
    if let Some((_, Some(healed))) = struck {
        findings.count("last heal, ms", healed / 1_000);
    }
    if let Some((first, None)) = struck {
        findings.missing(format!("a fault that struck at {} was never healed", seconds(first)));
        return findings;
    }
    let healed = struck.and_then(|(_, healed)| healed);
    drain(model, healed, bound, &mut findings);
    match struck.zip(healed) {
        Some(((first, _), healed)) => throughput(model, (first, healed), bound, &mut findings),
        None => decay(model, bound, &mut findings),
    }
    findings
}

/// When the first fault may have struck, and when the last was healed (None when one was not).
fn struck(model: &Model) -> Option<(Micros, Option<Micros>)> {
    let mut result: Option<(Micros, Option<Micros>)> = None;
    for (_, fault) in model.faults.iter().filter(|(_, fault)| fault.effective || fault.fired > 0) {
        let healed = fault.healed.filter(|_| fault.unhealed.is_none());
        result = Some(match result {
            None => (fault.first, healed),
            Some((first, before)) => (first.min(fault.first), before.zip(healed).map(|(a, b)| a.max(b))),
        });
    }
    result
}

fn drain(model: &Model, healed: Option<Micros>, bound: Micros, findings: &mut Findings) {
    let Some(load_ended) = model.phases.load_ended else {
        findings.missing("the load phase never ended".to_owned());
        return;
    };
    let from = load_ended.max(healed.unwrap_or(0));
    let Some((marked, reached, note)) = &model.phases.drained else {
        findings.missing("the drain phase never ended".to_owned());
        return;
    };
    // The mark also waits for quiet to last; the first quiet sample is when it really was quiet.
    let quiet = model.phases.quiet_since.map_or(*marked, |quiet| quiet.min(*marked));
    let note = note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
    let took = quiet.saturating_sub(from);
    if *reached {
        findings.count("drained after, ms", took / 1_000);
        if took > bound {
            findings.violated(vec![Ref::Run], || {
                format!(
                    "It took {} after the last arrival or heal until everything was drained{note}; the bound is {}.",
                    seconds(took),
                    seconds(bound)
                )
            });
        }
    } else if marked.saturating_sub(from) >= bound {
        findings.violated(vec![Ref::Run], || {
            format!(
                "Not everything was drained {} after the last arrival or heal{note}; the bound is {}.",
                seconds(marked - from),
                seconds(bound)
            )
        });
    } else {
        findings.missing(format!(
            "the drain was given up after {}, before its bound of {}{note}",
            seconds(marked.saturating_sub(from)),
            seconds(bound)
        ));
    }
}

/// Without a fault: throughput that fell below its own beginning and never came back for longer than a recovery may take.
fn decay(model: &Model, bound: Micros, findings: &mut Findings) {
    let load_ended = model.phases.load_ended.unwrap_or(model.last_at);
    let mut seconds_of_load = model.seconds.clone();
    // The last second may be cut short; those in which nobody came any more are seconds all the same, as far as they can matter.
    let complete = usize::try_from(load_ended / SECOND).unwrap_or(usize::MAX).min(model.seconds.len() + 1 + BEGINNING);
    seconds_of_load.resize(complete, Second::default());
    let begin = seconds_of_load.iter().position(|second| second.offered > 0).unwrap_or(0);
    // The first of them may be cut short, and does not count.
    let Some(beginning) = seconds_of_load.get(begin..begin + 1 + BEGINNING) else { return };
    let Some(baseline) = Baseline::of(beginning, SECOND, model.arrivals) else { return };
    let good = seconds_of_load.iter().rposition(|second| baseline.is_reached_by(*second));
    let fell = good.map_or(0, |second| (second as u64 + 1) * SECOND);
    // Seconds in which nobody came say nothing.
    let offered_since = seconds_of_load.iter().skip(good.map_or(0, |good| good + 1)).filter(|second| second.offered > 0).count() as u64;
    if offered_since * SECOND > bound {
        findings.violated(vec![Ref::Run], || {
            format!(
                "Throughput fell below {RECOVERED_PERCENT} % of its own beginning at {} and never came back until buyers stopped arriving at {}.",
                seconds(fell),
                seconds(load_ended)
            )
        });
    }
}

fn throughput(model: &Model, (first, healed): (Micros, Micros), bound: Micros, findings: &mut Findings) {
    let load_ended = model.phases.load_ended.unwrap_or(model.last_at);
    if healed >= load_ended {
        // Nobody arrived any more: the drain is all there is to judge.
        return;
    }
    let place = |at: Micros| usize::try_from(at / SECOND).unwrap_or(usize::MAX);
    let before = model.seconds.get(..place(first).min(model.seconds.len())).unwrap_or(&[]);
    let Some(baseline) = Baseline::of(before, SECOND, model.arrivals).filter(|_| first != NEVER) else {
        findings.missing("there is no full second of load before the first fault, so no baseline to come back to".to_owned());
        return;
    };
    findings.count("served before the first fault, percent of what was offered", baseline.served_percent());
    let after = place(healed) + 1;
    let complete = place(load_ended).min(model.seconds.len());
    let back = (after..complete).find(|second| baseline.is_reached_by(model.seconds[*second]));
    match back {
        Some(second) => {
            let took = (second as u64 * SECOND).saturating_sub(healed);
            findings.count("throughput back after, ms", took / 1_000);
            if took > bound {
                findings.violated(vec![Ref::Run], || {
                    format!(
                        "Throughput was back to {RECOVERED_PERCENT} % of its baseline only {} after the last heal; the bound is {}.",
                        seconds(took),
                        seconds(bound)
                    )
                });
            }
        }
        None if load_ended.saturating_sub(healed) > bound + 2 * SECOND => findings.violated(vec![Ref::Run], || {
            format!(
                "Throughput never came back to {RECOVERED_PERCENT} % of its baseline within {} after the last heal.",
                seconds(load_ended - healed)
            )
        }),
        None => findings.missing(format!(
            "buyers stopped arriving {} after the last heal, too soon to see throughput come back within {}",
            seconds(load_ended - healed),
            seconds(bound)
        )),
    }
}
