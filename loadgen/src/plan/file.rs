//! `plan.json`: a plan as it is saved.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Plan, Seeds, Summary};
use crate::ground::DatabaseKind;
use crate::scenario::{Scenario, ScenarioErrors, Unfit};
use crate::target::{Target, TargetErrors};

/// Rises with every change that makes an older file mean something else.
const FORMAT: u32 = 1;

/// Why a saved plan is not one.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Written by another version.
    #[error("plan format {0}, but this version knows {FORMAT}; use the version that wrote it")]
    Format(u32),
    /// The scenario inside is not one.
    #[error("the scenario inside the plan is not valid; use the version that wrote it:\n{0}")]
    Scenario(ScenarioErrors),
    /// The target inside is not one.
    #[error("the target inside the plan is not valid; use the version that wrote it:\n{0}")]
    Target(TargetErrors),
    /// Scenario and target do not fit each other.
    #[error(transparent)]
    Unfit(#[from] Unfit),
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
    /// What kind of database it is planned for; a file where nothing is said.
    #[serde(default, skip_serializing_if = "DatabaseKind::is_file")]
    database: DatabaseKind,
    seeds: Seeds,
    summary: Summary,
    /// What goes wrong, a line for each rule and incident; for people, and covered by the checksum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
    /// The scenario file, word for word.
    scenario_text: String,
    /// The system that it is played against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<TargetFile>,
}

/// A target as it is saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetFile {
    name: String,
    /// Folder in which the file stood: what it starts is found from there.
    folder: PathBuf,
    /// The target file, word for word.
    text: String,
}

impl From<Plan> for PlanFile {
    fn from(plan: Plan) -> Self {
        let target = plan.scenario.target.as_ref().map(|target| TargetFile {
            name: target.name.clone(),
            folder: std::path::absolute(&target.folder).unwrap_or_else(|_| target.folder.clone()),
            text: target.text.clone(),
        });
        let faults = plan.trouble();
        Self {
            format: FORMAT,
            scenario: plan.scenario.name.clone(),
            seed: plan.seed,
            database: plan.database,
            seeds: plan.seeds,
            summary: plan.summary,
            faults,
            scenario_text: plan.scenario.text.clone(),
            target,
        }
    }
}

impl TryFrom<PlanFile> for Plan {
    type Error = PlanError;

    fn try_from(file: PlanFile) -> Result<Self, PlanError> {
        if file.format != FORMAT {
            return Err(PlanError::Format(file.format));
        }
        let scenario = Scenario::parse(&format!("scenario `{}`", file.scenario), &file.scenario_text).map_err(PlanError::Scenario)?;
        let scenario = match file.target {
            Some(saved) => {
                let mut target = Target::recall(&format!("target `{}`", saved.name), &saved.text).map_err(PlanError::Target)?;
                target.folder = saved.folder;
                scenario.against(Arc::new(target))?
            }
            None => scenario,
        };
        let plan = Plan::derive_on(file.database, &scenario, file.seed);
        if plan.summary == file.summary && plan.seeds.are(&file.seeds) {
            Ok(plan)
        } else {
            Err(PlanError::Checksum { saved: file.summary.checksum, derived: plan.summary.checksum })
        }
    }
}
