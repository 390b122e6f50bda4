//! Topics and queues of a target: made on the harness's own endpoint, or found on the user's; and an observer's queue on every topic.

use std::collections::BTreeMap;
use std::time::Duration;

use reference::edition::topology::{QueueSettings, QueueSpec};
use reference::messaging::Aws;
use reference::messaging::config::{AwsConfig, AwsConfigError};
use reference::messaging::provision::ProvisionError;
use reference::messaging::receive::Queue;

use super::{AwsPart, QueuePart};
use crate::boot::Queues;
use crate::boot::janitor::{Debt, observer_of};
use crate::boot::workplace::Workplace;
use crate::scenario::PipelineSettings;

/// How long a message that an observer reads stays hidden.
const OBSERVED_FOR: Duration = Duration::from_secs(60);

/// Why there are no queues.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The endpoint is of no use.
    #[error("the AWS endpoint cannot be used; look at `endpoint` in [aws] of the target file")]
    Aws(#[from] AwsConfigError),
    /// Something is not there, or could not be made.
    #[error("cannot find or make the topics and queues that the target file names")]
    Provision(#[from] ProvisionError),
}

/// Everything that the file names, where it is.
#[derive(Debug)]
pub(super) struct Provisioned {
    pub(super) aws: Aws,
    pub(super) topic_arns: BTreeMap<String, String>,
    /// Dead-letter queues among them.
    pub(super) queue_urls: BTreeMap<String, String>,
    pub(super) queues: Queues,
    /// For each observer on the user's endpoint, that it must go again.
    debts: Vec<Debt>,
}

impl Provisioned {
    /// Makes what the file names on an endpoint of the harness's own; finds it on one of the user's, where only observers are made.
    ///
    /// # Errors
    /// [`QueueError`].
    pub(super) async fn on(endpoint: &str, part: &AwsPart, pipeline: &PipelineSettings, data: &Workplace) -> Result<Self, QueueError> {
        let aws = Aws::new(&AwsConfig::local(endpoint))?;
        let ours = part.endpoint.is_none();
        let mut topic_arns = BTreeMap::new();
        for topic in &part.topics {
            let arn = if ours { aws.ensure_topic(topic).await? } else { aws.find_topic(topic).await? };
            topic_arns.insert(topic.clone(), arn);
        }
        let (mut with_letters, mut without) = (Vec::new(), Vec::new());
        let mut dead_letter = Vec::new();
        for part in &part.queues {
            let topic_arn = part.topic.as_ref().and_then(|topic| topic_arns.get(topic)).map(String::as_str);
            let (queue, letters) = if ours { make(&aws, part, topic_arn, pipeline).await? } else { find(&aws, part).await? };
            match letters {
                Some(letters) => {
                    with_letters.push(queue);
                    dead_letter.push(letters);
                }
                None => without.push(queue),
            }
        }
        let (mut observers, mut debts) = (Vec::new(), Vec::new());
        for (topic, arn) in &topic_arns {
            let name = observer_of(topic);
            if !ours {
                let debt = Debt::Observer { endpoint: endpoint.to_owned(), queue: name.clone(), topic_arn: arn.clone() };
                data.owes(&debt);
                debts.push(debt);
            }
            observers.push((topic.clone(), aws.ensure_single(&name, OBSERVED_FOR, Some(arn)).await?));
        }
        let urls = with_letters.iter().chain(&without).chain(&dead_letter).map(|queue| (queue.name().to_owned(), queue.url().to_owned()));
        let queue_urls = urls.collect();
        // A queue and its dead letters stand at the same place.
        let work = with_letters.into_iter().chain(without).collect();
        Ok(Self { aws, topic_arns, queue_urls, queues: Queues { work, dead_letter, observers }, debts })
    }

    /// Takes the observers away again, from an endpoint that outlives the run.
    pub(super) async fn remove_observers(&self, data: &Workplace) {
        for ((topic, queue), debt) in self.queues.observers.iter().zip(&self.debts) {
            let Some(arn) = self.topic_arns.get(topic) else { continue };
            match self.aws.remove(queue, arn).await {
                Ok(()) => data.paid(debt),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, queue = queue.name(), "an observer's queue is left behind");
                }
            }
        }
    }
}

async fn find(aws: &Aws, part: &QueuePart) -> Result<(Queue, Option<Queue>), ProvisionError> {
    let queue = aws.find_queue(&part.name).await?;
    let letters = match &part.dlq {
        Some(name) => Some(aws.find_queue(name).await?),
        None => None,
    };
    Ok((queue, letters))
}

async fn make(
    aws: &Aws,
    part: &QueuePart,
    topic_arn: Option<&str>,
    pipeline: &PipelineSettings,
) -> Result<(Queue, Option<Queue>), ProvisionError> {
    let visibility_timeout = part.visibility_timeout.unwrap_or(pipeline.visibility_timeout);
    let Some(dlq) = part.dlq.clone() else {
        return Ok((aws.ensure_single(&part.name, visibility_timeout, topic_arn).await?, None));
    };
    let settings = QueueSettings::default();
    let spec = QueueSpec {
        name: part.name.clone(),
        dlq,
        visibility_timeout,
        max_receive_count: part.max_receive_count.unwrap_or(pipeline.max_receive_count),
        retention: settings.retention,
        dlq_retention: settings.dlq_retention,
    };
    let (queue, letters) = aws.ensure_with_dead_letters(&spec, topic_arn).await?;
    Ok((queue, Some(letters)))
}
