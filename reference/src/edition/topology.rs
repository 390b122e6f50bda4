//! The topics, queues, dead-letter queues and subscriptions of an edition.

use std::time::Duration;

use super::Edition;

/// All that must exist on the messaging endpoint before the pipeline can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Topics.
    pub topics: Vec<TopicSpec>,
    /// Queues, each with its dead-letter queue.
    pub queues: Vec<QueueSpec>,
    /// Which queue hangs on which topic.
    pub subscriptions: Vec<Subscription>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Name (not the ARN).
    pub name: String,
}

/// A queue and its dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// Name (not the URL).
    pub name: String,
    /// Name of the dead-letter queue.
    pub dlq: String,
    /// How long a received message stays hidden.
    pub visibility_timeout: Duration,
    /// After this many receives the next one moves the message to the dead-letter queue.
    pub max_receive_count: u32,
    /// How long the queue keeps a message.
    pub retention: Duration,
    /// How long the dead-letter queue keeps one; longer than `retention`, because a moved message keeps its age.
    pub dlq_retention: Duration,
}

/// A queue that hangs on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Name of the topic.
    pub topic: String,
    /// Name of the queue.
    pub queue: String,
}

/// What an operator may choose for all queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSettings {
    /// See [`QueueSpec::visibility_timeout`].
    pub visibility_timeout: Duration,
    /// See [`QueueSpec::max_receive_count`].
    pub max_receive_count: u32,
    /// See [`QueueSpec::retention`].
    pub retention: Duration,
    /// See [`QueueSpec::dlq_retention`].
    pub dlq_retention: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for QueueSettings {
    fn default() -> Self {
        // Four days is SQS's own default, fourteen its maximum: whoever must look into a dead-letter queue gets ten days more.
        Self { visibility_timeout: Duration::from_secs(30), max_receive_count: 5, retention: 4 * DAY, dlq_retention: 14 * DAY }
    }
}

impl Topology {
    /// The topology of an edition.
    #[must_use]
    pub fn of(edition: &Edition, settings: QueueSettings) -> Self {
        let delivery = edition.delivery_topic.zip(edition.delivery_queue);
        let mut links = vec![
            (edition.stock_topic, edition.stock_queue),
            (edition.stock_topic, edition.ad_queue),
            (edition.sales_topic, edition.operations_queue),
        ];
        links.extend(delivery);
        let mut topics: Vec<TopicSpec> = links.iter().map(|(topic, _)| TopicSpec { name: (*topic).to_owned() }).collect();
        topics.dedup();
        Self {
            topics,
            queues: links.iter().map(|(_, queue)| queue_spec(queue, settings)).collect(),
            subscriptions: links
                .iter()
                .map(|(topic, queue)| Subscription { topic: (*topic).to_owned(), queue: (*queue).to_owned() })
                .collect(),
        }
    }

    /// The queue of that name.
    #[must_use]
    pub fn queue(&self, name: &str) -> Option<&QueueSpec> {
        self.queues.iter().find(|queue| queue.name == name)
    }
}

/// The name of a queue's dead-letter queue: `stock_queue` → `stock_dlq`, `order-queue` → `order-dlq`.
#[must_use]
pub fn dlq_of(queue: &str) -> String {
    match queue.strip_suffix("queue") {
        Some(stem) => format!("{stem}dlq"),
        None => format!("{queue}_dlq"),
    }
}

fn queue_spec(name: &str, settings: QueueSettings) -> QueueSpec {
    QueueSpec {
        name: name.to_owned(),
        dlq: dlq_of(name),
        visibility_timeout: settings.visibility_timeout,
        max_receive_count: settings.max_receive_count,
        retention: settings.retention,
        dlq_retention: settings.dlq_retention,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edition::{donut, shop};

    type Pairs = Vec<(String, String)>;

    fn names(edition: &Edition) -> (Vec<String>, Pairs, Pairs) {
        let topology = Topology::of(edition, QueueSettings::default());
        (
            topology.topics.into_iter().map(|t| t.name).collect(),
            topology.queues.into_iter().map(|q| (q.name, q.dlq)).collect(),
            topology.subscriptions.into_iter().map(|s| (s.topic, s.queue)).collect(),
        )
    }

    fn pairs(list: &[(&str, &str)]) -> Pairs {
        list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn the_donut_shop_has_the_topics_and_queues_of_its_contract() {
        let (topics, queues, subscriptions) = names(&donut::EDITION);
        assert_eq!(topics, ["stock_empty", "sales_events"]);
        assert_eq!(queues, pairs(&[("stock_queue", "stock_dlq"), ("ad_queue", "ad_dlq"), ("operations_queue", "operations_dlq")]));
        assert_eq!(
            subscriptions,
            pairs(&[("stock_empty", "stock_queue"), ("stock_empty", "ad_queue"), ("sales_events", "operations_queue")])
        );
    }

    #[test]
    fn the_item_shop_has_the_topics_and_queues_of_its_contract() {
        let (topics, queues, subscriptions) = names(&shop::EDITION);
        assert_eq!(topics, ["order-topic", "sales_events", "delivery-topic"]);
        assert_eq!(
            queues,
            pairs(&[
                ("order-queue", "order-dlq"),
                ("ad_queue", "ad_dlq"),
                ("operations_queue", "operations_dlq"),
                ("delivery-queue", "delivery-dlq")
            ])
        );
        assert_eq!(
            subscriptions,
            pairs(&[
                ("order-topic", "order-queue"),
                ("order-topic", "ad_queue"),
                ("sales_events", "operations_queue"),
                ("delivery-topic", "delivery-queue")
            ])
        );
    }

    #[test]
    fn a_dead_letter_queue_keeps_its_messages_longer_than_the_queue_they_came_from() {
        let topology = Topology::of(&donut::EDITION, QueueSettings::default());
        assert!(topology.queues.iter().all(|queue| queue.dlq_retention > queue.retention && queue.max_receive_count > 1));
    }
}
