//! What a scenario promises a run will show, and the bounds by which it is judged.

use serde::{Deserialize, Serialize};

use crate::history::event::Micros;

/// Everything that [`judge`](super::judge) needs to know beside the history. Built from the scenario that `plan.json` keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectations {
    /// Orders that must have been answered as sold. Zero counts as one: a run in which nothing was sold proves nothing.
    pub min_sold: u64,
    /// Orders that must have been answered as sold out.
    pub min_sold_out: u64,
    /// Product pages that must have come.
    pub min_browsed: u64,
    /// Hostile requests that must have been refused.
    pub min_hostile_refused: u64,
    /// Productions whose goods must have been applied.
    pub min_restocks: u64,
    /// Attempts whose outcome must have stayed unknown to the buyer.
    pub min_info: u64,
    /// Deliveries, publications and callbacks that must have been repetitions.
    pub min_redeliveries: u64,
    /// The most that the generator's lateness may be at its 99th percentile.
    pub lateness_p99_limit: Micros,
    /// By how many percent the processes may have grown heavier; None where nobody asks.
    pub growth_percent: Option<u64>,
    /// Within this, after the last heal (or the last arrival, whichever is later), everything must be drained; and within this after
    /// the last heal throughput must be back.
    pub recovery_bound: Micros,
    /// Whether buyers wait for answers.
    pub arrivals: Arrivals,
    /// Faults that the plan contains.
    pub faults: Vec<PlannedFault>,
    /// Who consumes what, and under which id it records what it has done.
    pub consumers: Vec<Consumer>,
    /// The harness moved dead letters back to where they came from after the last heal, so that only poison may remain.
    /// Where it did not, being captured is good enough.
    pub dead_letters_redriven: bool,
    /// Messages that are no poison and may be in dead-letter queues at any time. None where the faults last longer than receives do.
    pub most_dead_letters: Option<u64>,
    /// More mails than this for one sold-out episode are a storm. More than one is legal, because a mail whose answer was lost is sent again.
    pub max_mails_per_episode: u64,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            min_sold: 1,
            min_sold_out: 0,
            min_browsed: 0,
            min_hostile_refused: 0,
            min_restocks: 0,
            min_info: 0,
            min_redeliveries: 0,
            lateness_p99_limit: 100_000,
            growth_percent: None,
            recovery_bound: 30_000_000,
            arrivals: Arrivals::Open,
            faults: Vec::new(),
            consumers: Consumer::of_donut(),
            dead_letters_redriven: true,
            most_dead_letters: None,
            max_mails_per_episode: 3,
        }
    }
}

/// Whether buyers wait for answers before the next one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// They arrive by the clock.
    Open,
    /// A fixed number of them, each waiting for its answer.
    Closed {
        /// How many.
        users: u64,
    },
}

/// A fault that the plan contains, and that must show up in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// Name of its rule.
    pub rule: String,
    /// It injects poison: each message it names must end in a dead-letter queue.
    #[serde(default)]
    pub poison: bool,
}

/// The id under which a consumer records a message as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedBy {
    /// The message's own business id.
    Message,
    /// The order it concerns.
    Order,
    /// The production it concerns.
    Production,
    /// The sold-out episode it concerns.
    Episode,
}

/// One consumer of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    /// Its name in `receipt` rows.
    pub name: String,
    /// The topic its queue hangs on.
    pub topic: String,
    /// Its queue.
    pub queue: String,
    /// Where messages go that it cannot handle.
    pub dead_letter_queue: String,
    /// What its receipts carry.
    pub recorded_by: RecordedBy,
}

impl Consumer {
    fn new(name: &str, topic: &str, queue: &str, dead_letter_queue: &str, recorded_by: RecordedBy) -> Self {
        let [name, topic, queue, dead_letter_queue] = [name, topic, queue, dead_letter_queue].map(str::to_owned);
        Self { name, topic, queue, dead_letter_queue, recorded_by }
    }

    /// The consumers of the edition `donut`.
    #[must_use]
    pub fn of_donut() -> Vec<Self> {
        vec![
            Self::new("replenish", "stock_empty", "stock_queue", "stock_dlq", RecordedBy::Production),
            Self::new("advertising", "stock_empty", "ad_queue", "ad_dlq", RecordedBy::Episode),
            Self::new("operations", "sales_events", "operations_queue", "operations_dlq", RecordedBy::Message),
        ]
    }

    /// The consumers of the edition `shop`.
    #[must_use]
    pub fn of_shop() -> Vec<Self> {
        vec![
            Self::new("replenish", "order-topic", "order-queue", "order-dlq", RecordedBy::Production),
            Self::new("advertising", "order-topic", "ad_queue", "ad_dlq", RecordedBy::Episode),
            Self::new("operations", "sales_events", "operations_queue", "operations_dlq", RecordedBy::Message),
            Self::new("receiving", "delivery-topic", "delivery-queue", "delivery-dlq", RecordedBy::Production),
        ]
    }
}
