//! A pipeline that runs already: nothing of it is started or changed; only an observer's queue is hung on each of its topics.

use reference::edition::topology::{QueueSettings, Topology};
use reference::messaging::Aws;
use reference::messaging::config::AwsConfig;
use reference::messaging::provision::ProvisionOptions;

use super::crew::Crew;
use super::whereabouts::Observable;
use super::{BootError, Queues, System, edition_of, observers};
use crate::history::writer::Recorder;
use crate::scenario::Scenario;

impl System {
    /// Finds the topics and queues of a pipeline that runs already. Region and credentials come from the SDK's standard variables; an endpoint that
    /// looks at nobody's may do without.
    ///
    /// # Errors
    /// [`BootError`], also when a topic or queue of the edition does not exist.
    pub async fn attach(scenario: &Scenario, found: Observable, recorder: &Recorder) -> Result<Self, BootError> {
        let edition = edition_of(scenario);
        let aws = Aws::new(&AwsConfig::from_variables(|name| match name {
            "AWS_ENDPOINT_URL" => Some(found.broker.clone()),
            other => std::env::var(other).ok(),
        })?)?;
        // The names are the edition's; the settings are whatever its owner gave it.
        let pipeline = Topology::of(edition, QueueSettings::default());
        let theirs = aws.resolve(&pipeline).await?;
        let ours = aws.provision(&observers(&pipeline), &ProvisionOptions::default()).await?;
        Ok(Self {
            // Processes of others are others' to watch.
            crew: Crew::new(recorder),
            edition,
            entrance: found.sales.clone(),
            sales: found.sales,
            factory: found.factory,
            broker: found.broker,
            database_url: found.database_url,
            queues: Queues::named(&aws, &pipeline, &theirs, &ours),
            scratch: None,
            data: None,
        })
    }
}
