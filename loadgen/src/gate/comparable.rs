//! Whether two runs may be compared at all.

use super::{Check, Decision, LEAST_ACHIEVED_SHARE};
use crate::result::RunResult;

/// Everything that forbids a comparison of speed; empty when nothing does.
#[must_use]
pub fn obstacles(current: &RunResult, baseline: &RunResult) -> Vec<Check> {
    let (now, then) = (&current.run.machine, &baseline.run.machine);
    let cores = (now.cores.to_string(), then.cores.to_string());
    let pairs = [
        ("scenario", &current.run.scenario, &baseline.run.scenario),
        ("target", &current.run.target, &baseline.run.target),
        ("build profile", &now.profile, &then.profile),
        ("architecture", &now.arch, &then.arch),
        ("processor model", &now.cpu_model, &then.cpu_model),
        ("cores", &cores.0, &cores.1),
    ];
    let differing = pairs
        .into_iter()
        .filter(|(_, now, then)| now != then)
        .map(|(what, now, then)| obstacle(what, format!("`{now}` here, `{then}` in the baseline: make a baseline here to compare speed")));
    let defect = current.run.defect.as_ref().or(baseline.run.defect.as_ref());
    let defect = defect.map(|defect| obstacle("defect", format!("`{defect}` is switched on in one of the runs")));
    let behind = [("this run", current), ("the baseline", baseline)].into_iter().filter_map(|(whose, result)| {
        let share = result.totals.achieved_share();
        (share < LEAST_ACHIEVED_SHARE).then(|| {
            let least = LEAST_ACHIEVED_SHARE * 100.0;
            obstacle(
                "achieved rate",
                format!(
                    "{whose} achieved {:.1} % of its intended rate, less than {least:.0} %: lower the rate or free the machine",
                    share * 100.0
                ),
            )
        })
    });
    differing.chain(defect).chain(behind).collect()
}

fn obstacle(what: &str, sentence: String) -> Check {
    Check { what: what.to_owned(), decision: Decision::Inconclusive, sentence }
}
