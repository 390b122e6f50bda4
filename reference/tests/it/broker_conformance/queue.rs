//! One queue, with the calls that tests make of it most.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::operation::send_message::SendMessageOutput;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use tokio::time::Instant;

use super::endpoint::Endpoint;

/// Longest a message may take to appear that should be there already.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(20);

/// A queue's address.
#[derive(Clone)]
pub(super) struct Queue {
    pub(super) sqs: Client,
    pub(super) url: String,
    pub(super) arn: String,
}

/// What the three `ApproximateNumberOfMessages…` attributes say.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) struct Counters {
    pub(super) visible: u32,
    pub(super) in_flight: u32,
    pub(super) delayed: u32,
}

impl Queue {
    /// The queue at this URL; asks for its ARN.
    pub(super) async fn at(sqs: Client, url: String) -> Self {
        let mut queue = Self { sqs, url, arn: String::new() };
        queue.arn = queue.attribute(QueueAttributeName::QueueArn).await.expect("every queue has an ARN");
        queue
    }

    /// The queue's name: the last part of its URL.
    pub(super) fn name(&self) -> &str {
        self.url.rsplit('/').next().expect("splitting gives at least one part")
    }

    pub(super) async fn attribute(&self, name: QueueAttributeName) -> Option<String> {
        let answer = self.sqs.get_queue_attributes().queue_url(&self.url).attribute_names(name.clone()).send().await;
        answer.expect("GetQueueAttributes").attributes.and_then(|mut attributes| attributes.remove(&name))
    }

    pub(super) async fn set(&self, name: QueueAttributeName, value: &str) {
        self.sqs.set_queue_attributes().queue_url(&self.url).attributes(name, value).send().await.expect("SetQueueAttributes");
    }

    pub(super) async fn send(&self, body: &str) -> SendMessageOutput {
        self.sqs.send_message().queue_url(&self.url).message_body(body).send().await.expect("SendMessage")
    }

    /// Sends to a FIFO queue, with the body as the deduplication id (which may have no spaces).
    pub(super) async fn send_in_group(&self, group: &str, body: &str) -> SendMessageOutput {
        let request = self.sqs.send_message().queue_url(&self.url).message_body(body);
        request.message_group_id(group).message_deduplication_id(body.replace(' ', "-")).send().await.expect("SendMessage to a FIFO queue")
    }

    /// A `ReceiveMessage` for up to ten messages with everything there is to know about them.
    pub(super) fn receiving(&self) -> ReceiveMessageFluentBuilder {
        let request = self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(10);
        request.message_system_attribute_names(MessageSystemAttributeName::All).message_attribute_names("All")
    }

    /// What one receive brings that waits up to `wait_seconds`.
    pub(super) async fn receive(&self, wait_seconds: i32) -> Vec<Message> {
        self.receiving().wait_time_seconds(wait_seconds).send().await.expect("ReceiveMessage").messages.unwrap_or_default()
    }

    /// The one message that is there, or comes soon.
    pub(super) async fn receive_one(&self) -> Message {
        let mut messages = self.receive_until(1).await;
        assert_eq!(messages.len(), 1, "more than one message in {}: {messages:?}", self.name());
        messages.remove(0)
    }

    /// Receives until `count` messages are there (standard queues may bring fewer at a time than they have).
    pub(super) async fn receive_until(&self, count: usize) -> Vec<Message> {
        let deadline = Instant::now() + ARRIVAL_LIMIT;
        let mut messages = Vec::new();
        while messages.len() < count {
            assert!(Instant::now() < deadline, "{} brought {} of {count} messages within {ARRIVAL_LIMIT:?}", self.name(), messages.len());
            messages.extend(self.receive(2).await);
        }
        messages
    }

    /// Receives and deletes until `count` messages are there; their bodies in the order of arrival.
    pub(super) async fn drain(&self, count: usize) -> Vec<String> {
        let deadline = Instant::now() + ARRIVAL_LIMIT;
        let mut bodies = Vec::new();
        while bodies.len() < count {
            assert!(Instant::now() < deadline, "{} brought {bodies:?}, not {count} messages, within {ARRIVAL_LIMIT:?}", self.name());
            for message in self.receive(2).await {
                self.delete(&message).await;
                bodies.push(body(&message).to_owned());
            }
        }
        bodies
    }

    /// Asserts that a receive, which waits up to `wait_seconds`, brings nothing.
    pub(super) async fn assert_nothing_comes(&self, wait_seconds: i32) {
        let messages = self.receive(wait_seconds).await;
        assert!(messages.is_empty(), "{} should bring nothing, and brought {messages:?}", self.name());
    }

    pub(super) async fn delete(&self, message: &Message) {
        self.sqs.delete_message().queue_url(&self.url).receipt_handle(handle(message)).send().await.expect("DeleteMessage");
    }

    /// Makes the visibility timeout of a received message end so many seconds from now.
    pub(super) async fn hide_for(&self, message: &Message, seconds: i32) {
        let request = self.sqs.change_message_visibility().queue_url(&self.url).receipt_handle(handle(message));
        request.visibility_timeout(seconds).send().await.expect("ChangeMessageVisibility");
    }

    pub(super) async fn counters(&self) -> Counters {
        let request = self.sqs.get_queue_attributes().queue_url(&self.url);
        let answer = request.attribute_names(QueueAttributeName::All).send().await.expect("GetQueueAttributes");
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name: QueueAttributeName| {
            let text = attributes.get(&name).unwrap_or_else(|| panic!("no attribute {name} in {attributes:?}"));
            text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
        };
        Counters {
            visible: count(QueueAttributeName::ApproximateNumberOfMessages),
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            delayed: count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        }
    }

    /// Waits until the counters are these: at once in the embedded broker, within its settling time elsewhere.
    pub(super) async fn assert_counters(&self, endpoint: &Endpoint, visible: u32, in_flight: u32, delayed: u32) {
        let expected = Counters { visible, in_flight, delayed };
        let deadline = Instant::now() + endpoint.settling();
        loop {
            let found = self.counters().await;
            if found == expected {
                return;
            }
            assert!(Instant::now() < deadline, "counters of {}: {found:?} instead of {expected:?}", self.name());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A received message's body.
pub(super) fn body(message: &Message) -> &str {
    message.body().expect("every message has a body")
}

/// A received message's receipt handle.
pub(super) fn handle(message: &Message) -> &str {
    message.receipt_handle().expect("every received message has a receipt handle")
}

/// A received message's system attribute.
pub(super) fn system_attribute(message: &Message, name: MessageSystemAttributeName) -> &str {
    let found = message.attributes().and_then(|attributes| attributes.get(&name));
    found.unwrap_or_else(|| panic!("no system attribute {name} in {message:?}"))
}

/// The bodies of received messages.
pub(super) fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(body).collect()
}
