//! The plan of a run: everything that follows from a scenario and a seed, before anything happens.
//!
//! The same scenario and the same seed give the same plan: who arrives when, wanting what, and what each buyer will decide whatever
//! the answers are. They do not give the same interleaving: answers come when they come. The plan is printed first and saved as
//! `plan.json`; the arrivals themselves are derived again whenever they are needed, and the checksum in the file proves that they are the same.

mod arrivals;
mod decisions;
mod file;
mod part;
mod seeds;
mod summary;
mod trick;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chaos::incident::What;
use serde::{Deserialize, Serialize};

pub use arrivals::{Arrival, Arrivals, Visit, Visits};
pub use decisions::Decisions;
pub use file::PlanError;
pub use part::{OwnArrivals, Part, PartError};
pub use seeds::Seeds;
pub(crate) use seeds::draws;
pub use summary::Summary;
pub use trick::Trick;

use crate::ground::DatabaseKind;
use crate::history::event::Micros;
use crate::scenario::{Scenario, Traffic};

/// Everything derived from scenario and seed. Serialises to `plan.json`; reading one derives the plan again and compares checksums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "file::PlanFile", try_from = "file::PlanFile")]
pub struct Plan {
    scenario: Arc<Scenario>,
    database: DatabaseKind,
    faults: chaos::plan::Plan,
    seed: u64,
    seeds: Seeds,
    summary: Summary,
}

impl Plan {
    /// Derives the plan of a run on the embedded database.
    #[must_use]
    pub fn derive(scenario: &Scenario, seed: u64) -> Self {
        Self::derive_on(DatabaseKind::File, scenario, seed)
    }

    /// Derives the plan. What can go wrong with a database depends on its kind.
    #[must_use]
    pub fn derive_on(database: DatabaseKind, scenario: &Scenario, seed: u64) -> Self {
        let seeds = Seeds::split(seed);
        let scenario = Arc::new(scenario.drawn(seeds.swarm));
        let summary = Summary::of(&scenario, seeds);
        let faults = match database {
            DatabaseKind::File => without_server(&scenario.faults),
            DatabaseKind::Server => scenario.faults.clone(),
        };
        Self { scenario, database, faults, seed, seeds, summary }
    }

    /// The scenario it was derived from.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// What kind of database it is planned for.
    #[must_use]
    pub fn database(&self) -> DatabaseKind {
        self.database
    }

    /// The run's seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The seeds by purpose.
    #[must_use]
    pub fn seeds(&self) -> Seeds {
        self.seeds
    }

    /// What goes wrong in this run.
    #[must_use]
    pub fn faults(&self) -> &chaos::plan::Plan {
        &self.faults
    }

    /// What goes wrong, a line for each rule and each incident; and what the scenario names and this run does without, with the reason.
    #[must_use]
    pub fn trouble(&self) -> Vec<String> {
        let chaos::plan::Plan { rules, incidents } = &self.faults;
        let mut lines: Vec<String> = rules.iter().map(ToString::to_string).collect();
        lines.extend(incidents.iter().map(ToString::to_string));
        if self.database == DatabaseKind::Server {
            return lines;
        }
        let planned = &self.scenario.faults;
        let rules = planned.rules.iter().filter(|rule| needs_server(rule.select.hop.as_deref(), None)).map(ToString::to_string);
        let incidents = planned.incidents.iter().filter(|incident| needs_server(None, Some(&incident.what))).map(ToString::to_string);
        lines.extend(rules.chain(incidents).map(|fault| format!("skipped, because the database is a file: {fault}")));
        lines
    }

    /// Counts, curve and checksum.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Arrivals of an open scenario, in time order; none for a closed one.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals {
        Arrivals::new(&self.scenario, self.seeds)
    }

    /// Those arrivals of an open scenario that belong to a part, in time order.
    #[must_use]
    pub fn arrivals_of(&self, part: Part) -> OwnArrivals {
        OwnArrivals::new(self.arrivals(), part)
    }

    /// Those users of a closed scenario that belong to a part; none for an open one.
    pub fn users_of(&self, part: Part) -> impl Iterator<Item = u32> + use<> {
        let users = match self.scenario.traffic {
            Traffic::Open { .. } => 0,
            Traffic::Closed { users, .. } => users,
        };
        (0..users).filter(move |user| part.owns(u64::from(*user)))
    }

    /// What a user of a closed scenario does, one visit after the other, without end; users count from 0.
    #[must_use]
    pub fn visits(&self, user: u32) -> Visits {
        Visits::new(&self.scenario, self.seeds, user)
    }

    /// What the buyer of an arrival decides, whatever the answers are.
    #[must_use]
    pub fn decisions(&self, arrival: &Arrival) -> Decisions<'_> {
        Decisions::new(&self.scenario.buyers, self.seeds.behaviours, arrival.index)
    }

    /// Where each stage of an open scenario begins, µs after the first instant of the load, and its name.
    #[must_use]
    pub fn stage_begins(&self) -> Vec<(Micros, &str)> {
        let Traffic::Open { stages } = &self.scenario.traffic else { return vec![(0, "users")] };
        let mut begin = Duration::ZERO;
        let mut begins = Vec::new();
        for stage in stages {
            begins.push((crate::history::clock::micros(begin), stage.name.as_str()));
            begin += stage.duration;
        }
        begins
    }
}

/// What a run on a database that is a file can do of a plan.
fn without_server(planned: &chaos::plan::Plan) -> chaos::plan::Plan {
    let mut planned = planned.clone();
    planned.rules.retain(|rule| !needs_server(rule.select.hop.as_deref(), None));
    planned.incidents.retain(|incident| !needs_server(None, Some(&incident.what)));
    planned
}

/// Whether a fault needs a database that is reached over the network.
fn needs_server(hop: Option<&str>, what: Option<&What>) -> bool {
    let over_tcp = hop.is_some_and(|hop| hop == "database" || hop.starts_with("database."));
    over_tcp || matches!(what, Some(What::ExhaustConnections { .. }))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scenario = &self.scenario;
        match &scenario.target {
            Some(target) => writeln!(f, "{} against {}, seed {}", scenario.name, target.name, self.seed)?,
            None => writeln!(f, "{} ({} edition), seed {}", scenario.name, scenario.edition, self.seed)?,
        }
        writeln!(f, "  {}", scenario.about)?;
        match &scenario.traffic {
            Traffic::Open { stages } => {
                for stage in stages {
                    let even = stage.rate_from.total_cmp(&stage.rate_to).is_eq();
                    let to = if even { String::new() } else { format!(" to {}/s", stage.rate_to) };
                    writeln!(f, "  {:<14} {:>8.1?}  {}/s{to}", stage.name, stage.duration, stage.rate_from)?;
                }
            }
            Traffic::Closed { users, think_time, duration } => {
                writeln!(f, "  {users} users for {duration:?}, each thinking about {think_time:?} before each act")?;
            }
        }
        for product in &scenario.products {
            writeln!(f, "  stock of {}: {} pieces, {:.0}% of the purchases", product.id, product.stock, product.share * 100.0)?;
        }
        let buyers = &scenario.buyers;
        write!(f, "  buyers wait {:?}, repeat up to {} times after about {:?}", buyers.patience, buyers.retries, buyers.retry_after)?;
        writeln!(f, "; {:.0}% of the refused come back after about {:?}", buyers.come_back * 100.0, buyers.come_back_after)?;
        for trouble in self.trouble() {
            writeln!(f, "  goes wrong     {trouble}")?;
        }
        write!(f, "{}", self.summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rush() -> Scenario {
        Scenario::load("rush").unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_plan() {
        let (one, two) = (Plan::derive(&rush(), 42), Plan::derive(&rush(), 42));
        assert_eq!(one, two);
        assert!(one.arrivals().eq(two.arrivals()));
        assert_ne!(one.summary().checksum, Plan::derive(&rush(), 43).summary().checksum);
    }

    #[test]
    fn changing_one_purpose_leaves_the_others_alone() {
        let mut looking = rush();
        looking.buyers.browse = 0.9;
        looking.hostile.share = 0.5;
        let (before, after) = (Plan::derive(&rush(), 42), Plan::derive(&looking, 42));
        let times = |plan: &Plan| plan.arrivals().map(|arrival| arrival.at).collect::<Vec<_>>();
        assert_eq!(times(&before), times(&after));
        let both_buy = before.arrivals().zip(after.arrivals()).filter(|(a, b)| a.quantity > 0 && b.quantity > 0);
        let mut compared = 0;
        for (a, b) in both_buy {
            assert_eq!((a.quantity, a.product), (b.quantity, b.product), "arrival {}", a.index);
            compared += 1;
        }
        assert!(compared > 100, "only {compared} arrivals buy in both");
    }

    #[test]
    fn a_saved_plan_is_the_plan() {
        let plan = Plan::derive(&rush(), 42);
        let saved = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&saved).unwrap(), plan);
    }

    #[test]
    fn a_plan_that_this_version_would_derive_otherwise_is_refused() {
        let plan = Plan::derive(&rush(), 42);
        let saved = serde_json::to_string(&plan).unwrap().replace(&plan.summary().checksum, "0123456789abcdef");
        let refused = serde_json::from_str::<Plan>(&saved).unwrap_err().to_string();
        assert!(refused.contains("0123456789abcdef"), "{refused}");
    }

    #[test]
    fn decisions_do_not_depend_on_what_was_asked_before() {
        let plan = Plan::derive(&rush(), 42);
        let arrival = plan.arrivals().find(|arrival| arrival.quantity > 0).unwrap();
        let first = plan.decisions(&arrival).key(1);
        drop(plan.decisions(&arrival).key(0));
        assert_eq!(plan.decisions(&arrival).key(1), first);
        assert_ne!(plan.decisions(&arrival).key(0), first);
    }
}
