//! `plan.json`: a plan as it is saved.

use serde::{Deserialize, Serialize};

use super::{Plan, Seeds, Summary};
use crate::scenario::{Scenario, ScenarioErrors};

/// Rises with every change that makes an older file mean something else.
const FORMAT: u32 = 1;

/// Why a saved plan is not one.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Written by another version.
    #[error("plan format {0}, but this version knows {FORMAT}; use the version that wrote it")]
    Format(u32),
    /// The scenario inside is not one.
    #[error("the scenario inside the plan is not valid:\n{0}")]
    Scenario(#[from] ScenarioErrors),
    /// Derived again, the plan is another one.
    #[error(
        "the plan was saved with checksum {saved}, but this version derives {derived} from the same seed; use the version that wrote it"
    )]
    Checksum {
        /// In the file.
        saved: String,
        /// Here and now.
        derived: String,
    },
}

/// A plan as it is saved: what it was derived from, and what came out in numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanFile {
    format: u32,
    scenario: String,
    seed: u64,
    seeds: Seeds,
    summary: Summary,
    /// The scenario file, word for word.
    scenario_text: String,
}

impl From<Plan> for PlanFile {
    fn from(plan: Plan) -> Self {
        Self {
            format: FORMAT,
            scenario: plan.scenario.name.clone(),
            seed: plan.seed,
            seeds: plan.seeds,
            summary: plan.summary,
            scenario_text: plan.scenario.text.clone(),
        }
    }
}

impl TryFrom<PlanFile> for Plan {
    type Error = PlanError;

    fn try_from(file: PlanFile) -> Result<Self, PlanError> {
        if file.format != FORMAT {
            return Err(PlanError::Format(file.format));
        }
        let scenario = Scenario::parse(&format!("scenario `{}`", file.scenario), &file.scenario_text)?;
        let plan = Plan::derive(&scenario, file.seed);
        if plan.summary == file.summary && plan.seeds == file.seeds {
            Ok(plan)
        } else {
            Err(PlanError::Checksum { saved: file.summary.checksum, derived: plan.summary.checksum })
        }
    }
}
