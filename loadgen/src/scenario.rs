//! A scenario: what happens to the shop, in one TOML file, checked into types before anything runs.
//!
//! [`Scenario::load`] takes the name of a shipped scenario or the path of a file. All mistakes of a file are reported together, each with
//! file, line, column and the way out. Units stand in the values: `"250ms"`, `"60s"`, `"400/s"`, `"3%"`.

mod against;
pub mod draft;
mod faults;
mod mistake;
pub mod page;
mod parse;
mod shipped;
pub mod swarm;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use against::Unfit;
pub use mistake::{Mistake, ScenarioErrors};

use self::draft::{Draft, FAULT};
use self::swarm::Swarm;
use crate::plan::Trick;
use crate::target::Target;
use crate::verify::judgement::Verdict;

/// One run, described.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name, as in `--scenario NAME` and in the run folder.
    pub name: String,
    /// What it teaches, in one sentence.
    pub about: String,
    /// Which face the shop shows.
    pub edition: EditionName,
    /// Products on sale, with the stock they begin with.
    pub products: Vec<ProductOnSale>,
    /// Who comes when.
    pub traffic: Traffic,
    /// What buyers are like.
    pub buyers: Buyers,
    /// Who means no good.
    pub hostile: Hostile,
    /// How the pipeline is set up.
    pub pipeline: PipelineSettings,
    /// When the pipeline counts as drained.
    pub drain: Drain,
    /// What must have been seen for a pass to mean anything.
    pub expect: Expect,
    /// What must not be exceeded.
    pub limits: Limits,
    /// When the run is stopped for the sake of what is tested.
    pub abort: Abort,
    /// What goes wrong meanwhile; as long as a swarm is not drawn, everything on its menu.
    pub faults: chaos::plan::Plan,
    /// The faults are a menu, and this says how a seed draws from it.
    pub swarm: Option<Swarm>,
    /// The system that it is played against; None for the reference.
    pub target: Option<Arc<Target>>,
    /// The verdict that this scenario should end with.
    pub expect_verdict: Verdict,
    /// The file it was read from, word for word: a plan carries it along, so that a run folder suffices for a replay.
    pub text: String,
}

/// Editions of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditionName {
    /// One doughnut, a callback from the factory.
    Donut,
    /// Items by name, deliveries through a topic.
    Shop,
}

/// A product and what there is of it at first.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductOnSale {
    /// Its id ("CP-502101"; "1", "2", "3" in the shop).
    pub id: String,
    /// Pieces in stock when the first buyer comes.
    pub stock: u32,
    /// Its share of the purchases, 0 to 1; the shares of all products sum to 1.
    pub share: f64,
}

/// Who comes when.
#[derive(Debug, Clone, PartialEq)]
pub enum Traffic {
    /// Buyers arrive by a schedule and wait for nobody: what a rush is.
    Open {
        /// One after the other.
        stages: Vec<Stage>,
    },
    /// A fixed number of users, each of whom thinks, acts, waits for the answer, and thinks again.
    Closed {
        /// How many.
        users: u32,
        /// Mean of the pause before each act.
        think_time: Duration,
        /// For how long.
        duration: Duration,
    },
}

/// A piece of the arrival curve; the rate runs straight from one end to the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// What the report calls it.
    pub name: String,
    /// How long it takes.
    pub duration: Duration,
    /// Arrivals per second at its begin.
    pub rate_from: f64,
    /// Arrivals per second at its end.
    pub rate_to: f64,
}

/// What buyers are like. All shares are between 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Buyers {
    /// Share of arrivals who only look.
    pub browse: f64,
    /// How many pieces a purchase asks for, and the share of purchases that do; the shares sum to 1.
    pub quantities: BTreeMap<u32, f64>,
    /// Share of purchases that are sent twice at once, under the same key.
    pub double_click: f64,
    /// How long a buyer waits for an answer.
    pub patience: Duration,
    /// How often the same order is sent again when no answer came.
    pub retries: u32,
    /// Mean pause before the first repetition; it doubles with each further one.
    pub retry_after: Duration,
    /// Share of refused buyers who come back with a new order.
    pub come_back: f64,
    /// Mean time until they do.
    pub come_back_after: Duration,
    /// How often the same buyer comes back before giving up for good.
    pub come_backs: u32,
}

/// Who means no good.
#[derive(Debug, Clone, PartialEq)]
pub struct Hostile {
    /// Share of arrivals, 0 to 1.
    pub share: f64,
    /// What they try, each equally often.
    pub tricks: Vec<Trick>,
}

/// How the pipeline is set up for the run.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineSettings {
    /// How long the factory produces before it reports back.
    pub production_time: Duration,
    /// Requests that the factory bears at once.
    pub factory_capacity: u32,
    /// Requests at once from which on the factory falls over, if it does.
    pub factory_collapse: Option<u32>,
    /// How long a received message stays invisible.
    pub visibility_timeout: Duration,
    /// Receives after which a message goes to the dead-letter queue.
    pub max_receive_count: u32,
    /// Age from which on a production that nobody confirmed is requested again.
    pub confirm_after: Duration,
}

/// When the pipeline counts as drained.
#[derive(Debug, Clone, PartialEq)]
pub struct Drain {
    /// How long it may take.
    pub timeout: Duration,
    /// How long everything must have been quiet.
    pub quiet_for: Duration,
}

/// Least counts that a pass needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// Orders answered as sold.
    pub min_sold: u64,
    /// Orders refused for lack of stock.
    pub min_sold_out: u64,
    /// Productions applied to the stock.
    pub min_restocks: u64,
    /// Attempts without a certain answer.
    pub min_info: u64,
    /// Messages delivered more than once.
    pub min_redeliveries: u64,
    /// Hostile requests answered.
    pub min_hostile: u64,
}

/// What must not be exceeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// 99th percentile of the generator's own lateness; above it the run proves nothing (UNKNOWN).
    pub lateness_p99: Duration,
    /// 99th percentile of the latency of purchases, if one is promised.
    pub latency_p99: Option<Duration>,
    /// Time from the last heal until all is as before.
    pub recovery: Duration,
    /// Messages that are no poison and may ever be dead letters, where the faults are such that all can be handled within their receives.
    pub dead_letters: Option<u64>,
    /// Mails for one sold-out episode, where no mail's answer is lost; otherwise a few may be repetitions.
    pub mails_per_episode: Option<u64>,
    /// By how many percent memory, file handles, threads and tasks of a process may grow from the second quarter of the load to its last; without
    /// it nobody asks.
    pub growth_percent: Option<u64>,
}

/// Bounds beyond which a run is stopped, healed and reported.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Abort {
    /// Most messages in all dead-letter queues together.
    pub dead_letters: Option<u64>,
    /// Most messages that wait anywhere: outbox and queues together.
    pub backlog: Option<u64>,
    /// Most answers that leave it open whether anything was done, as a share from 0 to 1.
    pub unknown_share: Option<f64>,
    /// Least stock of any product.
    pub stock_below: Option<i64>,
}

/// A shipped scenario, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// Its name.
    pub name: String,
    /// What it teaches, in one sentence.
    pub about: String,
    /// How long buyers arrive.
    pub duration: Duration,
}

impl Scenario {
    /// Reads a shipped scenario by name, or a file by path (anything with a `/` or ending in `.toml`).
    ///
    /// # Errors
    /// [`ScenarioErrors::Unknown`] for a name that no shipped scenario has, [`ScenarioErrors::Unreadable`] for a file that cannot be
    /// read, [`ScenarioErrors::Mistakes`] with everything that is wrong in it.
    pub fn load(name_or_path: &str) -> Result<Self, ScenarioErrors> {
        if let Some(text) = shipped::text(name_or_path) {
            return Self::parse(&format!("scenarios/{name_or_path}.toml"), text);
        }
        let looks_like_a_path = name_or_path.contains(std::path::MAIN_SEPARATOR) || name_or_path.ends_with(".toml");
        if !looks_like_a_path {
            return Err(ScenarioErrors::Unknown { name: name_or_path.to_owned(), known: shipped::names() });
        }
        let text = std::fs::read_to_string(Path::new(name_or_path))
            .map_err(|source| ScenarioErrors::Unreadable { path: name_or_path.into(), source })?;
        Self::parse(name_or_path, &text)
    }

    /// Checks the text of a scenario; `origin` is what messages call the file.
    ///
    /// # Errors
    /// [`ScenarioErrors::Mistakes`].
    pub fn parse(origin: &str, text: &str) -> Result<Self, ScenarioErrors> {
        parse::scenario(origin, text)
    }

    /// The shipped scenarios, in the order in which to try them.
    #[must_use]
    pub fn catalogue() -> Vec<CatalogueEntry> {
        shipped::names()
            .into_iter()
            .map(|name| {
                let scenario = Self::load(name).expect("a test loads every shipped scenario");
                CatalogueEntry { name: scenario.name.clone(), duration: scenario.duration(), about: scenario.about }
            })
            .collect()
    }

    /// The same scenario with the faults that a seed draws; without a swarm there is nothing to draw.
    #[must_use]
    pub fn drawn(&self, seed: u64) -> Self {
        let text = self.explicit(seed);
        match &self.swarm {
            Some(_) => {
                let faults = chaos::plan::Plan::parse_within(&self.name, &text, FAULT);
                Self {
                    faults: faults.expect("drawing changes times and shares within what was checked; a test draws a thousand"),
                    ..self.clone()
                }
            }
            None => self.clone(),
        }
    }

    /// The text of the scenario with the faults that a seed draws, and without a swarm: what it comes to, to be read or changed.
    #[must_use]
    pub fn explicit(&self, seed: u64) -> String {
        let Some(swarm) = &self.swarm else { return self.text.clone() };
        let mut draft = Draft::of(&self.text).expect("a checked scenario is TOML");
        let menu = chaos::plan::Plan::parse_within(&self.name, &self.text, FAULT).expect("a checked scenario has a checked menu");
        draft.set_faults(swarm.draw(&menu, draft.faults(), self.duration(), seed));
        draft.remove("swarm");
        draft.to_text()
    }

    /// How long buyers arrive (those who come back may do so a little later).
    #[must_use]
    pub fn duration(&self) -> Duration {
        match &self.traffic {
            Traffic::Open { stages } => stages.iter().map(|stage| stage.duration).sum(),
            Traffic::Closed { duration, .. } => *duration,
        }
    }
}

impl EditionName {
    /// The word used in files and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EditionName::Donut => "donut",
            EditionName::Shop => "shop",
        }
    }
}

impl fmt::Display for EditionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
