//! One run of the matrix: which defect, which scenario, and what it showed.

use std::time::Duration;

use reference::defects::Defect;
use serde::{Deserialize, Serialize};

use super::catalogue::Aim;
use crate::result::RunResult;
use crate::scenario::{Scenario, ScenarioErrors};
use crate::verify::judgement::{Judgement, Verdict};
use crate::verify::property::Property;

/// What a run takes beyond its load: boot, drain and verification, as a rule.
const AROUND_THE_LOAD: Duration = Duration::from_secs(12);

/// A run to be made.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Mistake to make; None for the sound pipeline.
    pub defect: Option<Defect>,
    /// The scenario.
    pub scenario: Scenario,
    /// What the run is told to load: the name, or the path that was given.
    pub named: String,
    /// Seed of the run.
    pub seed: u64,
}

/// What a run showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Name of the mistake; None for the sound pipeline.
    pub defect: Option<String>,
    /// Name of the scenario.
    pub scenario: String,
    /// Seed of the run.
    pub seed: u64,
    /// Its verdict; None when it came to none.
    pub verdict: Option<Verdict>,
    /// The verdict that the scenario expects of the sound pipeline.
    pub expected: Verdict,
    /// Properties found violated, in the order of the report.
    pub violated: Vec<Property>,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// Why the first try was UNKNOWN, when the run was made again, alone; empty otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_try: Vec<String>,
    /// How long it took, s.
    pub seconds: u64,
    /// When it ended, s since the Unix epoch.
    pub at_unix: u64,
}

/// How a run stands to what it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The sound pipeline ended as the scenario expects.
    Sound,
    /// The mistake was found by the property that it violates.
    Caught,
    /// That property was found violated, but the sound pipeline was not seen to end as it should with the same scenario and seed: what was
    /// found may be the scenario's own doing. Only [`super::record::Record::standing`] can tell.
    Unconfirmed,
    /// Something was found, but not by that property.
    Luck,
    /// The scenario did not expose the mistake.
    Unexposed,
    /// Evidence was missing.
    Unknown,
    /// The sound pipeline was accused, or a control fault was not found.
    Wrong,
    /// The run came to no verdict.
    NoVerdict,
}

impl Cell {
    /// A run of this defect in this scenario.
    ///
    /// # Errors
    /// [`ScenarioErrors`] when the scenario cannot be read.
    pub fn new(defect: Option<Defect>, named: &str, seed: u64) -> Result<Self, ScenarioErrors> {
        Ok(Self { defect, scenario: Scenario::load(named)?, named: named.to_owned(), seed })
    }

    /// How long it takes, as a rule.
    #[must_use]
    pub fn expected(&self) -> Duration {
        self.scenario.duration() + AROUND_THE_LOAD
    }

    /// What it is called in a line of progress.
    #[must_use]
    pub fn label(&self) -> String {
        let what = self.defect.map_or("sound", Defect::name);
        format!("{what} × {}, seed {}", self.scenario.name, self.seed)
    }

    /// What its result says, or what stands in the place of one.
    #[must_use]
    pub fn found(&self, result: Result<&RunResult, String>, took: Duration, at_unix: u64) -> Found {
        let (verdict, violated, reasons) = match result {
            Ok(result) => {
                let properties = result.proof.properties.iter();
                let violated = properties.filter(|result| result.judgement == Judgement::Violated).map(|result| result.property);
                (Some(result.verdict()), violated.collect(), result.proof.reasons.clone())
            }
            Err(why) => (None, Vec::new(), vec![why]),
        };
        Found {
            defect: self.defect.map(|defect| defect.to_string()),
            scenario: self.scenario.name.clone(),
            seed: self.seed,
            verdict,
            expected: self.scenario.expect_verdict,
            violated,
            reasons,
            first_try: Vec::new(),
            seconds: took.as_secs(),
            at_unix,
        }
    }
}

impl Found {
    /// The aim at its defect. None for the sound pipeline, and for a defect that this version does not have any more.
    #[must_use]
    pub fn aim(&self) -> Option<Aim> {
        self.defect.as_deref().and_then(|name| name.parse().ok()).map(Aim::at)
    }

    /// How it stands to what it was made for, looked at alone.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let Some(verdict) = self.verdict else { return Standing::NoVerdict };
        if self.defect.is_none() {
            return match verdict {
                verdict if verdict == self.expected => Standing::Sound,
                Verdict::Unknown => Standing::Unknown,
                Verdict::Pass | Verdict::Fail => Standing::Wrong,
            };
        }
        match verdict {
            Verdict::Fail if self.aim().is_some_and(|aim| self.violated.contains(&aim.property)) => Standing::Caught,
            Verdict::Fail => Standing::Luck,
            Verdict::Unknown => Standing::Unknown,
            Verdict::Pass => Standing::Unexposed,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A finding, for tests.
    pub(in crate::matrix) fn found(defect: Option<Defect>, scenario: &str, verdict: Verdict, violated: &[Property]) -> Found {
        Found {
            defect: defect.map(|defect| defect.to_string()),
            scenario: scenario.to_owned(),
            seed: 1,
            verdict: Some(verdict),
            expected: Verdict::Pass,
            violated: violated.to_vec(),
            reasons: vec!["because".to_owned()],
            first_try: Vec::new(),
            seconds: 30,
            at_unix: 1_795_254_120,
        }
    }

    #[test]
    fn being_found_by_another_property_is_luck() {
        let defect = Some(Defect::SilentSales);
        let own = found(defect, "smoke", Verdict::Fail, &[Property::DlqCapture, Property::OperationsInformed]);
        let other = found(defect, "smoke", Verdict::Fail, &[Property::DlqCapture]);
        assert_eq!((own.standing(), other.standing()), (Standing::Caught, Standing::Luck));
        assert_eq!(found(defect, "smoke", Verdict::Pass, &[]).standing(), Standing::Unexposed);
    }

    #[test]
    fn the_sound_pipeline_must_end_as_the_scenario_expects() {
        assert_eq!(found(None, "smoke", Verdict::Pass, &[]).standing(), Standing::Sound);
        assert_eq!(found(None, "smoke", Verdict::Fail, &[Property::OneEffect]).standing(), Standing::Wrong);
        let control = Found { expected: Verdict::Fail, ..found(None, "control", Verdict::Fail, &[Property::OneEffect]) };
        assert_eq!(control.standing(), Standing::Sound);
        assert_eq!(Found { verdict: Some(Verdict::Pass), ..control }.standing(), Standing::Wrong);
    }
}
