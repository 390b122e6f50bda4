//! Looks at a running pipeline from outside, as an operator would, and waits until it is at rest.

use std::time::Duration;

use reference::edition::EditionName;
use reference::edition::topology::{QueueSettings, Topology};
use reference::messaging::{Aws, AwsConfig};
use reference::status::{PipelineStatus, Probes, WatchedQueue};
use reference::store::{Store, StoreOptions};

use crate::wait;

/// How long a pipeline may take to come to rest, redeliveries and a busy machine included.
const REST: Duration = Duration::from_secs(90);
/// How long one look may take.
const LOOK: Duration = Duration::from_secs(10);

/// Eyes on store and queues.
#[derive(Debug)]
pub(crate) struct ControlRoom {
    probes: Probes,
}

impl ControlRoom {
    pub(crate) async fn open(edition: EditionName, broker: &str, database_url: &str) -> Self {
        let aws = Aws::new(&AwsConfig::local(broker)).unwrap();
        let topology = Topology::of(edition.edition(), QueueSettings::default());
        let there = aws.resolve(&topology).await.unwrap();
        let watch = |spec: &reference::edition::topology::QueueSpec| WatchedQueue {
            queue: there.queue(&aws, &spec.name).unwrap(),
            dlq: there.queue(&aws, &spec.dlq).unwrap(),
        };
        let queues = topology.queues.iter().map(watch).collect();
        let store = Store::open(database_url, StoreOptions::new(edition.edition())).await.unwrap();
        Self { probes: Probes { store: Some(store), queues } }
    }

    pub(crate) async fn look(&self) -> Result<PipelineStatus, String> {
        self.probes.look(LOOK).await.map_err(|error| format!("{error:?}"))
    }

    /// Waits until nothing is under way any more: no message to publish, none in a queue or in flight, no production open.
    pub(crate) async fn rest(&self) -> PipelineStatus {
        let at_rest = |look: &Result<PipelineStatus, String>| {
            look.as_ref().is_ok_and(|status| {
                status.outbox == 0 && status.open_productions == 0 && status.queues.iter().all(|q| q.waiting == 0 && q.in_flight == 0)
            })
        };
        wait::until("the pipeline to come to rest", REST, async || self.look().await, at_rest).await.unwrap()
    }

    /// Waits for rest and asserts that nothing was given up on the way.
    pub(crate) async fn rest_without_dead_letters(&self) {
        let status = self.rest().await;
        assert!(status.queues.iter().all(|queue| queue.dlq_depth == 0), "dead letters: {status}");
    }
}
