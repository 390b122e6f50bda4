//! The search for a smaller plan that still fails: greedy, deterministic, and apart from the running of plans.
//!
//! [`Search::next`] says what to try, [`Search::learn`] takes in what came of it. Every accepted candidate starts its stage again from
//! there; when no stage makes the plan any smaller, the search is over. No candidate is tried twice.

use std::collections::{HashSet, VecDeque};

use super::candidate::{Candidate, Stage};

/// A search.
#[derive(Debug)]
pub struct Search {
    smallest: Candidate,
    stage: Stage,
    waiting: VecDeque<Candidate>,
    tried: HashSet<Candidate>,
    /// Something became smaller since the first stage began the last time.
    progress: bool,
}

impl Search {
    /// Begins at a plan that is known to fail.
    #[must_use]
    pub fn from(whole: Candidate) -> Self {
        let waiting = whole.reductions(Stage::Faults).into();
        Self { tried: HashSet::from([whole.clone()]), smallest: whole, stage: Stage::Faults, waiting, progress: false }
    }

    /// The smallest plan so far that is known to fail.
    #[must_use]
    pub fn smallest(&self) -> &Candidate {
        &self.smallest
    }

    /// What is being made smaller.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// What to try next; None when nothing is left to try.
    #[expect(clippy::should_implement_trait, reason = "each answer has to be learned before the next question, so it is no iterator")]
    pub fn next(&mut self) -> Option<Candidate> {
        loop {
            while let Some(candidate) = self.waiting.pop_front() {
                if self.tried.insert(candidate.clone()) {
                    return Some(candidate);
                }
            }
            self.stage = match self.stage.next() {
                Some(stage) => stage,
                // With less load, or shorter windows, another fault may turn out not to be needed.
                None if std::mem::take(&mut self.progress) => Stage::Faults,
                None => return None,
            };
            self.waiting = self.smallest.reductions(self.stage).into();
        }
    }

    /// What came of trying: whether it still failed in the same way.
    pub fn learn(&mut self, candidate: Candidate, failed: bool) {
        if failed {
            self.waiting = candidate.reductions(self.stage).into();
            self.smallest = candidate;
            self.progress = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::candidate::{Cut, Load, Time};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn plan(rules: usize) -> Candidate {
        let faults = (0..rules).map(|n| Cut { name: format!("f{n}"), time: Time::Window { from: SECOND, until: 17 * SECOND } });
        Candidate { faults: faults.collect(), load: Load { lasts: 20 * SECOND, percent: 100 } }
    }

    fn has(candidate: &Candidate, name: &str) -> bool {
        candidate.faults.iter().any(|fault| fault.name == name)
    }

    /// Searches with a runner that only looks; how many candidates it looked at is the second.
    fn search(whole: Candidate, fails: impl Fn(&Candidate) -> bool) -> (Candidate, usize) {
        let mut search = Search::from(whole);
        let mut runs = 0;
        while let Some(candidate) = search.next() {
            runs += 1;
            let failed = fails(&candidate);
            search.learn(candidate, failed);
        }
        (search.smallest().clone(), runs)
    }

    fn strikes_at(candidate: &Candidate, name: &str, at: Duration) -> bool {
        candidate.faults.iter().any(|fault| match fault.time {
            Time::Window { from, until } => fault.name == name && from <= at && at < until,
            Time::Occurrences { .. } => false,
        })
    }

    #[test]
    fn one_guilty_fault_among_sixteen_is_found_in_a_handful_of_runs() {
        let (smallest, runs) = search(plan(16), |candidate| strikes_at(candidate, "f11", 9 * SECOND));
        assert_eq!(smallest.faults.len(), 1);
        let Time::Window { from, until } = smallest.faults[0].time else { panic!("{smallest:?}") };
        assert!(from <= 9 * SECOND && 9 * SECOND < until && until - from <= 2 * SECOND, "{smallest:?}");
        assert!(smallest.load.percent < 10 && smallest.load.lasts < 20 * SECOND, "{smallest:?}");
        assert!(runs < 60, "{runs} runs");
    }

    #[test]
    fn two_faults_that_only_fail_together_are_both_kept() {
        let (smallest, _) = search(plan(9), |candidate| has(candidate, "f2") && has(candidate, "f7"));
        assert_eq!(smallest.faults.iter().map(|fault| fault.name.as_str()).collect::<Vec<_>>(), ["f2", "f7"]);
    }

    #[test]
    fn a_plan_that_fails_without_any_fault_keeps_none() {
        let (smallest, _) = search(plan(5), |candidate| candidate.load.percent >= 40);
        assert_eq!((smallest.faults.len(), smallest.load.percent), (0, 50));
    }

    #[test]
    fn a_fault_that_a_smaller_load_makes_needless_goes_as_well() {
        let needs_both = |candidate: &Candidate| candidate.load.percent > 60;
        let (smallest, _) = search(plan(4), |candidate| has(candidate, "f0") && (has(candidate, "f3") || !needs_both(candidate)));
        assert_eq!(smallest.faults.len(), 1);
    }

    #[test]
    fn occurrences_become_fewer_and_shorter() {
        let kill = Cut { name: "kill".into(), time: Time::Occurrences { from: SECOND, times: 8, lasts: 4 * SECOND } };
        let whole = Candidate { faults: vec![kill], load: Load { lasts: 10 * SECOND, percent: 100 } };
        let (smallest, _) = search(
            whole,
            |candidate| matches!(candidate.faults.first(), Some(Cut { time: Time::Occurrences { lasts, .. }, .. }) if *lasts >= SECOND),
        );
        assert_eq!(smallest.faults[0].time, Time::Occurrences { from: SECOND, times: 1, lasts: SECOND });
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever set of faults is needed, exactly that set is left, and the search ends.
        #[test]
        fn exactly_the_needed_faults_are_left(count in 1usize..24, needed in proptest::collection::btree_set(0usize..24, 0..4)) {
            let needed: Vec<String> = needed.into_iter().filter(|n| *n < count).map(|n| format!("f{n}")).collect();
            let (smallest, runs) = search(plan(count), |candidate| needed.iter().all(|name| has(candidate, name)));
            let mut left: Vec<String> = smallest.faults.iter().map(|fault| fault.name.clone()).collect();
            left.sort();
            let mut needed = needed;
            needed.sort();
            prop_assert_eq!(left, needed);
            prop_assert!(runs < 600, "{} runs", runs);
        }
    }
}
