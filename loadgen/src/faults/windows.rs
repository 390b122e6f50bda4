//! Windows: a rule comes into force when its time, its progress or its phase has come, and is healed when that is over.
//!
//! What a rule selects is decided per request in any case; here is decided when the history says that it is wanted, and when it is proved to
//! be gone, so that what came after it can be told from what came under it.

use std::sync::Arc;
use std::time::Duration;

use chaos::decision::{Rule, Selector};
use chaos::faults::{Faults, Installed};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::mark;
use super::scribe::Scribe;
use crate::history::event::FaultState;
use crate::history::writer::Recorder;

/// How exactly a window opens and closes; the requests inside it are selected exactly in any case.
const TICK: Duration = Duration::from_millis(20);

/// Where the run is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Moment {
    elapsed: Duration,
    sales: u64,
    phase: Option<Arc<str>>,
}

impl Moment {
    fn of(faults: &Faults) -> Self {
        Self { elapsed: faults.elapsed(), sales: faults.sales(), phase: faults.phase() }
    }
}

/// Where a rule is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    /// Not yet.
    Before,
    /// Now.
    Open,
    /// Not any more, and never again.
    Over,
}

/// What became of one rule.
#[derive(Debug)]
pub(super) struct Outcome {
    rule: Arc<str>,
    /// Whether it ever came into force.
    requested: bool,
    /// Why it is not healed.
    left: Option<String>,
}

/// The windows of all rules. Dropping it heals everything at once.
#[derive(Debug)]
pub(super) struct Windows {
    stop: CancellationToken,
    task: Option<JoinHandle<Vec<Outcome>>>,
}

struct Watched {
    rule: Rule,
    installed: Option<Installed>,
    outcome: Outcome,
    over: bool,
}

impl Windows {
    pub(super) fn open(rules: Vec<Rule>, faults: Faults, recorder: Recorder, scribe: Scribe) -> Self {
        let stop = CancellationToken::new();
        let watch = |rule: Rule| {
            let outcome = Outcome { rule: Arc::clone(&rule.name), requested: false, left: None };
            Watched { rule, installed: None, outcome, over: false }
        };
        let mut watched: Vec<Watched> = rules.into_iter().map(watch).collect();
        // What is due from the beginning is in force before this returns: buyers come on a thread of their own, and wait for no task.
        let moment = Moment::of(&faults);
        for one in &mut watched {
            if window(&one.rule.select, &moment, false) == Window::Open {
                one.begin(&faults, &recorder);
            }
        }
        let task = tokio::spawn(keep(watched, faults, recorder, scribe, stop.clone()));
        Self { stop, task: Some(task) }
    }

    /// Closes what is open, and returns what became of every rule.
    pub(super) async fn close(mut self, within: Duration) -> Vec<Outcome> {
        self.stop.cancel();
        let Some(task) = self.task.take() else { return Vec::new() };
        let abort = task.abort_handle();
        match tokio::time::timeout(within * 2, task).await {
            Ok(Ok(outcomes)) => outcomes,
            _ => {
                abort.abort();
                Vec::new()
            }
        }
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        // Ends the task, and with it every guard.
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn keep(mut watched: Vec<Watched>, faults: Faults, recorder: Recorder, scribe: Scribe, stop: CancellationToken) -> Vec<Outcome> {
    // What a rule still holds is nothing for the others to wait for.
    let mut healing: JoinSet<(usize, Option<String>)> = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            _ = ticks.tick() => false,
            () = stop.cancelled() => true,
        };
        let moment = Moment::of(&faults);
        for (index, one) in watched.iter_mut().enumerate() {
            let window = if last { Window::Over } else { window(&one.rule.select, &moment, one.installed.is_some()) };
            match window {
                Window::Open if one.installed.is_none() && !one.over => one.begin(&faults, &recorder),
                Window::Over if !one.over => {
                    one.over = true;
                    if let Some(installed) = one.installed.take() {
                        let (rule, recorder, scribe) = (one.rule.clone(), recorder.clone(), scribe.clone());
                        healing.spawn(async move { (index, heal(installed, &rule, &recorder, &scribe).await) });
                    }
                }
                _ => {}
            }
        }
        if last {
            while let Some(healed) = healing.join_next().await {
                // A task that panicked has not said that its rule is healed, which is what the proof looks for.
                if let Ok((index, left)) = healed {
                    watched[index].outcome.left = left;
                }
            }
            return watched.into_iter().map(|one| one.outcome).collect();
        }
    }
}

/// Takes a rule out of force; returns what is left of it, if anything is.
async fn heal(installed: Installed, rule: &Rule, recorder: &Recorder, scribe: &Scribe) -> Option<String> {
    if let Err(error) = installed.heal(super::HEALED_WITHIN).await {
        return Some(error.to_string());
    }
    // Whatever it struck stands in the history before it says that it is gone.
    scribe.flush().await;
    recorder.record(mark(&rule.name, FaultState::Healed, rule.select.hop.as_deref(), None));
    None
}

impl Watched {
    fn begin(&mut self, faults: &Faults, recorder: &Recorder) {
        recorder.record(mark(&self.rule.name, FaultState::Requested, self.rule.select.hop.as_deref(), Some(self.rule.to_string())));
        self.outcome.requested = true;
        self.installed = Some(faults.install([self.rule.clone()]));
    }
}

/// Where a rule is. Windows by the number of requests are nobody's business here: they are counted where the requests pass.
fn window(select: &Selector, moment: &Moment, was_open: bool) -> Window {
    let too_late =
        select.until.is_some_and(|until| until <= moment.elapsed) || select.until_sales.is_some_and(|until| until <= moment.sales);
    if too_late {
        return Window::Over;
    }
    let in_phase = select.phase.is_none() || select.phase.as_deref() == moment.phase.as_deref();
    let due = select.from <= moment.elapsed && select.after_sales <= moment.sales;
    match (in_phase && due, was_open) {
        (true, _) => Window::Open,
        // Its phase has passed.
        (false, true) => Window::Over,
        (false, false) => Window::Before,
    }
}

/// Says of every rule that could not be proved to be gone what is left.
pub(super) fn conclude(outcomes: &[Outcome], left: &[String], recorder: &Recorder) {
    for outcome in outcomes.iter().filter(|outcome| outcome.requested) {
        let reasons: Vec<&str> = outcome.left.iter().chain(left).map(String::as_str).collect();
        if !reasons.is_empty() {
            recorder.record(mark(&outcome.rule, FaultState::Unhealed, None, Some(reasons.join("; "))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: u64, sales: u64, phase: &str) -> Moment {
        Moment { elapsed: Duration::from_secs(seconds), sales, phase: Some(phase.into()) }
    }

    #[test]
    fn a_window_in_time_opens_and_closes_once() {
        let select = Selector { from: Duration::from_secs(5), until: Some(Duration::from_secs(8)), ..Selector::default() };
        assert_eq!(window(&select, &moment(4, 0, "any"), false), Window::Before);
        assert_eq!(window(&select, &moment(5, 0, "any"), false), Window::Open);
        assert_eq!(window(&select, &moment(7, 0, "any"), true), Window::Open);
        assert_eq!(window(&select, &moment(8, 0, "any"), true), Window::Over);
    }

    #[test]
    fn progress_opens_a_window_and_progress_closes_it() {
        let select = Selector { after_sales: 500, until_sales: Some(600), ..Selector::default() };
        assert_eq!(window(&select, &moment(0, 499, "any"), false), Window::Before);
        assert_eq!(window(&select, &moment(0, 500, "any"), false), Window::Open);
        assert_eq!(window(&select, &moment(0, 600, "any"), true), Window::Over);
    }

    #[test]
    fn a_phase_that_has_passed_closes_what_it_opened() {
        let select = Selector { phase: Some("peak".to_owned()), ..Selector::default() };
        assert_eq!(window(&select, &moment(0, 0, "baseline"), false), Window::Before);
        assert_eq!(window(&select, &moment(0, 0, "peak"), false), Window::Open);
        assert_eq!(window(&select, &moment(0, 0, "ebb"), true), Window::Over);
    }
}
