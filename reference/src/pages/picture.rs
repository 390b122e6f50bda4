//! The pipeline as a picture shows it: what each part holds, how much flows on each edge, and where something strikes.

use serde::Serialize;

use crate::edition::topology::Topology;
use crate::edition::{Edition, EditionName};

/// Everything on the picture. What is not known is absent, and not drawn.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Picture {
    /// Pieces in stock: product, pieces.
    pub stock: Vec<(String, i64)>,
    /// Messages that wait to be published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbox: Option<u64>,
    /// Productions that have not arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_productions: Option<u64>,
    /// The queues, each with who works on it.
    pub lanes: Vec<Lane>,
    /// Purchases and looks.
    pub buyers: Flow,
    /// Publications.
    pub published: Flow,
    /// Orders to the factory.
    pub factory: Flow,
    /// The factory's reports, where they come back as calls.
    pub reports: Flow,
    /// E-mails.
    pub mails: Flow,
    /// Processes that something is done to.
    pub down: Vec<String>,
    /// Whether the factory calls back; otherwise it delivers through a queue.
    pub calls_back: bool,
}

/// A queue.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Lane {
    /// Its topic.
    pub topic: String,
    /// Its name.
    pub queue: String,
    /// Its dead-letter queue.
    pub dead_letter_queue: String,
    /// The stage that works on it.
    pub stage: String,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that were taken and not deleted.
    pub in_flight: u64,
    /// Messages in the dead-letter queue.
    pub dead: u64,
    /// Messages taken from it.
    pub taken: Flow,
}

/// What moves on an edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Flow {
    /// Per second.
    pub rate: f64,
    /// Strikes of faults since the last picture.
    pub struck: u64,
    /// A fault is in force here.
    pub troubled: bool,
}

impl Picture {
    /// The picture of an edition, with nothing in it yet.
    #[must_use]
    pub fn of(edition: &Edition, topology: &Topology) -> Self {
        let topic_of = |queue: &str| topology.subscriptions.iter().find(|it| it.queue == queue).map(|it| it.topic.clone());
        let lane = |spec: &crate::edition::topology::QueueSpec| Lane {
            topic: topic_of(&spec.name).unwrap_or_default(),
            queue: spec.name.clone(),
            dead_letter_queue: spec.dlq.clone(),
            stage: edition.stage_of(&spec.name).to_owned(),
            ..Lane::default()
        };
        Self { lanes: topology.queues.iter().map(lane).collect(), calls_back: edition.name == EditionName::Donut, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edition::topology::QueueSettings;

    #[test]
    fn every_queue_of_an_edition_is_worked_on_by_a_stage() {
        for (name, stages) in [
            (EditionName::Donut, vec!["replenish", "advertising", "operations"]),
            (EditionName::Shop, vec!["replenish", "advertising", "operations", "receiving"]),
        ] {
            let picture = Picture::of(name.edition(), &Topology::of(name.edition(), QueueSettings::default()));
            let mut seen: Vec<_> = picture.lanes.iter().map(|lane| lane.stage.as_str()).collect();
            seen.sort_by_key(|stage| stages.iter().position(|it| it == stage));
            assert_eq!(seen, stages);
            assert!(picture.lanes.iter().all(|lane| !lane.topic.is_empty()));
        }
    }
}
