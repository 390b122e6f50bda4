//! The search, bounded in runs and in time, over whatever runs a candidate.

use std::time::Duration;

use tokio::time::Instant;

use super::candidate::Candidate;
use super::search::Search;

/// How much may be spent.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Runs in all.
    pub runs: u32,
    /// Runs of one candidate before it counts as not failing.
    pub tries: u32,
    /// Runs of the smallest plan at the end, to say how often it fails.
    pub confirm: u32,
    /// Time in all; a run under way is brought to its end.
    pub within: Duration,
}

/// What came of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    /// It failed in the same way.
    Failed,
    /// It did not, or not in the same way.
    Passed,
    /// Somebody wanted an end of it all.
    Interrupted,
}

/// Why the search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing that was tried made the plan any smaller.
    Smallest,
    /// The runs were used up.
    OutOfRuns,
    /// The time was.
    OutOfTime,
    /// Somebody wanted an end.
    Interrupted,
    /// The whole plan did not fail again, so there was nothing to search.
    NotReproduced,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hunted {
    /// The smallest plan that failed.
    pub smallest: Candidate,
    /// How often it failed …
    pub failed: u32,
    /// … of so many runs at the end.
    pub of: u32,
    /// Runs made in all.
    pub runs: u32,
    /// Why the search ended.
    pub end: End,
}

/// Where the hunt is, for whoever follows it.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Number of the run, from 1.
    pub run: u32,
    /// What is being tried, in a word.
    pub doing: &'static str,
    /// What is run.
    pub candidate: &'a Candidate,
}

/// Looks for the smallest plan that fails. `run` runs one candidate once.
///
/// # Errors
/// Whatever `run` fails with.
pub async fn hunt<E>(whole: Candidate, bounds: Bounds, mut run: impl AsyncFnMut(Step<'_>) -> Result<Try, E>) -> Result<Hunted, E> {
    let deadline = Instant::now() + bounds.within;
    let mut runs = 0;
    let mut again = async |doing, candidate: &Candidate, runs: &mut u32| {
        *runs += 1;
        run(Step { run: *runs, doing, candidate }).await
    };
    let mut first = Try::Passed;
    while first == Try::Passed && runs < bounds.tries.min(bounds.runs) {
        first = again("the whole plan", &whole, &mut runs).await?;
    }
    if first != Try::Failed {
        let end = if first == Try::Interrupted { End::Interrupted } else { End::NotReproduced };
        return Ok(Hunted { smallest: whole, failed: 0, of: runs, runs, end });
    }
    let mut search = Search::from(whole);
    let mut end = End::Smallest;
    'search: while let Some(candidate) = search.next() {
        let doing = search.stage().name();
        let mut failed = false;
        for _ in 0..bounds.tries {
            if runs + bounds.confirm >= bounds.runs {
                end = End::OutOfRuns;
                break 'search;
            }
            if Instant::now() >= deadline {
                end = End::OutOfTime;
                break 'search;
            }
            match again(doing, &candidate, &mut runs).await? {
                Try::Failed => failed = true,
                Try::Passed => continue,
                Try::Interrupted => {
                    end = End::Interrupted;
                    break 'search;
                }
            }
            break;
        }
        search.learn(candidate, failed);
    }
    let (mut failed, mut of) = (0, 0);
    // Whoever wants an end does not want to wait for a number.
    while end != End::Interrupted && of < bounds.confirm {
        match again("how often it fails", search.smallest(), &mut runs).await? {
            Try::Failed => failed += 1,
            Try::Passed => {}
            Try::Interrupted => break,
        }
        of += 1;
    }
    Ok(Hunted { smallest: search.smallest().clone(), failed, of, runs, end })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::candidate::{Cut, Load, Time};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const BOUNDS: Bounds = Bounds { runs: 1_000, tries: 1, confirm: 3, within: Duration::from_secs(3_600) };

    fn plan(rules: usize) -> Candidate {
        let faults = (0..rules).map(|n| Cut { name: format!("f{n}"), time: Time::Window { from: SECOND, until: 9 * SECOND } });
        Candidate { faults: faults.collect(), load: Load { lasts: 20 * SECOND, percent: 100 } }
    }

    fn has(candidate: &Candidate, name: &str) -> bool {
        candidate.faults.iter().any(|fault| fault.name == name)
    }

    async fn hunted(bounds: Bounds, mut outcome: impl FnMut(Step<'_>) -> Try) -> Hunted {
        hunt(plan(8), bounds, async |step: Step<'_>| Ok::<_, Infallible>(outcome(step))).await.unwrap()
    }

    fn failed(yes: bool) -> Try {
        if yes { Try::Failed } else { Try::Passed }
    }

    #[tokio::test(start_paused = true)]
    async fn the_smallest_plan_is_found_and_its_failures_are_counted() {
        let found = hunted(BOUNDS, |step| failed(has(step.candidate, "f5"))).await;
        assert_eq!((found.smallest.faults.len(), found.end, found.failed, found.of), (1, End::Smallest, 3, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_that_fails_every_other_time_needs_more_tries() {
        let bounds = Bounds { tries: 2, confirm: 4, ..BOUNDS };
        let found = hunted(bounds, |step| failed(has(step.candidate, "f5") && step.run % 2 == 0)).await;
        assert_eq!(found.smallest.faults.len(), 1);
        assert_eq!((found.failed, found.of), (2, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_plan_that_does_not_fail_again_is_not_searched() {
        let found = hunted(Bounds { tries: 3, ..BOUNDS }, |_| Try::Passed).await;
        assert_eq!((found.end, found.failed, found.of, found.runs), (End::NotReproduced, 0, 3, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn runs_are_bounded_and_some_are_kept_for_the_end() {
        let found = hunted(Bounds { runs: 9, ..BOUNDS }, |step| failed(has(step.candidate, "f5"))).await;
        assert_eq!((found.end, found.runs, found.of), (End::OutOfRuns, 9, 3));
        assert!(found.smallest.faults.len() < 8, "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_bounded() {
        let found = hunt(plan(8), Bounds { within: 10 * SECOND, ..BOUNDS }, async |step: Step<'_>| {
            tokio::time::sleep(3 * SECOND).await;
            Ok::<_, Infallible>(failed(has(step.candidate, "f5")))
        });
        let found = found.await.unwrap();
        assert_eq!((found.end, found.runs), (End::OutOfTime, 4 + 3));
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_keeps_what_was_found() {
        let found = hunted(BOUNDS, |step| if step.run == 6 { Try::Interrupted } else { failed(has(step.candidate, "f5")) }).await;
        assert_eq!((found.end, found.runs, found.of), (End::Interrupted, 6, 0));
        assert!(found.smallest.faults.len() < 8, "{found:?}");
    }
}
