//! Single topics and queues, for systems whose queues are not one of our topologies, and for observers.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;

use super::{ProvisionError, Queue};
use crate::messaging::Aws;
use crate::messaging::error::call_error;

impl Aws {
    /// The ARN of a topic, which is created when it is not there.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn ensure_topic(&self, name: &str) -> Result<String, ProvisionError> {
        self.create_topic(name).await
    }

    /// The ARN of a topic that is there.
    ///
    /// # Errors
    /// [`ProvisionError::Missing`] when it is not.
    pub async fn find_topic(&self, name: &str) -> Result<String, ProvisionError> {
        self.topics_by_name().await?.remove(name).ok_or_else(|| ProvisionError::Missing(vec![format!("topic {name}")]))
    }

    /// A queue that is there.
    ///
    /// # Errors
    /// [`ProvisionError::Missing`] when it is not.
    pub async fn find_queue(&self, name: &str) -> Result<Queue, ProvisionError> {
        let url = self.queue_url(name).await?.ok_or_else(|| ProvisionError::Missing(vec![format!("queue {name}")]))?;
        Ok(self.queue(name, url))
    }

    /// A queue without a dead-letter queue, which is created when it is not there, and hung on a topic when one is named by its ARN.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn ensure_single(&self, name: &str, visibility_timeout: Duration, topic_arn: Option<&str>) -> Result<Queue, ProvisionError> {
        let visibility = visibility_timeout.as_secs().max(1).to_string();
        let wanted = vec![(QueueAttributeName::VisibilityTimeout, visibility)];
        let queue = self.ensure_queue(name, wanted, &mut Vec::new()).await?;
        if let Some(topic_arn) = topic_arn {
            let arn = queue.arn().await?;
            queue.ensure_policy(&arn, &[topic_arn]).await?;
            self.ensure_subscription(topic_arn, &arn, None).await?;
        }
        Ok(queue)
    }

    /// A queue with a dead-letter queue, both created when they are not there, and hung on a topic when one is named by its ARN.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn ensure_with_dead_letters(
        &self,
        spec: &crate::edition::topology::QueueSpec,
        topic_arn: Option<&str>,
    ) -> Result<(Queue, Queue), ProvisionError> {
        let topics: Vec<&str> = topic_arn.into_iter().collect();
        let (pair, _) = self.ensure_pair(spec, &topics).await?;
        if let Some(topic_arn) = topic_arn {
            self.ensure_subscription(topic_arn, &pair.queue_arn, Some(&pair.dlq_arn)).await?;
        }
        Ok((pair.queue, pair.dlq))
    }

    /// Takes a queue off a topic and deletes it: what an observer leaves behind is nothing.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub async fn remove(&self, queue: &Queue, topic_arn: &str) -> Result<(), ProvisionError> {
        let arn = queue.arn().await?;
        if let Some(subscription) = self.subscription_of(topic_arn, &arn).await? {
            let gone = self.sns.unsubscribe().subscription_arn(&subscription).send().await;
            gone.map_err(|e| call_error("Unsubscribe", &subscription, &e))?;
        }
        let gone = self.sqs.delete_queue().queue_url(&queue.url).send().await;
        gone.map_err(|e| call_error("DeleteQueue", &queue.name, &e))?;
        Ok(())
    }
}

impl Queue {
    /// The address by which SQS knows it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}
