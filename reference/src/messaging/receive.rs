//! One queue: receiving, deleting, changing visibility, depth.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName,
};

use super::Aws;
use super::aws::LONGEST_POLL;
use super::envelope::{self, EnvelopeError, Incoming};
use super::error::{CallError, FailureKind, call_error};

/// SQS takes and gives no more messages in one call.
pub const MESSAGES_PER_CALL: usize = 10;

/// A queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    pub(super) aws: Aws,
    pub(super) name: String,
    pub(super) url: String,
}

/// A message in flight: hidden from others until its visibility timeout ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Acknowledges this receive.
    pub receipt_handle: String,
    /// SQS's id. Says nothing about identity: a moved or re-published message has another one.
    pub message_id: String,
    /// How often it was received, this time included; 1 where the endpoint does not say.
    pub receive_count: u32,
    /// When it was sent to the queue.
    pub sent_at: Option<SystemTime>,
    /// The body as it stands in the queue.
    pub body: String,
    /// SQS message attributes (raw delivery only).
    pub attributes: BTreeMap<String, String>,
}

/// How many messages a queue holds. Approximate, as the service has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    /// Not ready yet.
    pub delayed: u64,
}

impl Aws {
    /// The queue at an address; `name` is for logs, metrics and errors.
    #[must_use]
    pub fn queue(&self, name: impl Into<String>, url: impl Into<String>) -> Queue {
        Queue { aws: self.clone(), name: name.into(), url: url.into() }
    }
}

impl Received {
    /// Opens the envelope.
    ///
    /// # Errors
    /// [`EnvelopeError`] when there is none to open.
    pub fn open(&self) -> Result<Incoming, EnvelopeError> {
        envelope::open(&self.body, &self.attributes)
    }
}

impl Depth {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}

impl Queue {
    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Receives up to ten messages, waiting up to `wait` (at most 20 s) for the first. They stay hidden for `visibility`. Both in whole seconds.
    ///
    /// Do not drop the future before it ends: SQS may have handed messages over that then stay in flight until their timeout.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn receive(&self, most: usize, wait: Duration, visibility: Duration) -> Result<Vec<Received>, CallError> {
        let answer = self
            .aws
            .sqs_polling
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(most.clamp(1, MESSAGES_PER_CALL)).unwrap_or(1))
            .wait_time_seconds(seconds(wait.min(LONGEST_POLL)))
            .visibility_timeout(seconds(visibility))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|e| call_error("ReceiveMessage", &self.name, &e))?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(received).collect())
    }

    /// Deletes messages by their receipt handles, in as many calls as needed. The results are in the order of the handles.
    pub async fn delete_batch(&self, receipt_handles: &[String]) -> Vec<Result<(), CallError>> {
        let mut results = Vec::with_capacity(receipt_handles.len());
        for chunk in receipt_handles.chunks(MESSAGES_PER_CALL) {
            let entry = |(index, handle): (usize, &String)| {
                DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(handle).build().ok()
            };
            let entries = chunk.iter().enumerate().filter_map(entry).collect();
            let answer = self.aws.sqs.delete_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await;
            results.extend(match answer {
                Ok(output) => {
                    let done: Vec<&str> = output.successful().iter().map(|entry| entry.id()).collect();
                    self.entry_results("DeleteMessageBatch", chunk.len(), &done, output.failed())
                }
                Err(e) => vec![Err(call_error("DeleteMessageBatch", &self.name, &e)); chunk.len()],
            });
        }
        results
    }

    /// Sets how long messages stay hidden from now on (whole seconds, rounded up; 0 gives them back). The results are in the order of the handles.
    pub async fn change_visibility_batch(&self, changes: &[(String, Duration)]) -> Vec<Result<(), CallError>> {
        let mut results = Vec::with_capacity(changes.len());
        for chunk in changes.chunks(MESSAGES_PER_CALL) {
            let entry = |(index, (handle, hidden)): (usize, &(String, Duration))| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(handle)
                    .visibility_timeout(seconds(*hidden))
                    .build()
                    .ok()
            };
            let entries = chunk.iter().enumerate().filter_map(entry).collect();
            let answer = self.aws.sqs.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries)).send().await;
            results.extend(match answer {
                Ok(output) => {
                    let done: Vec<&str> = output.successful().iter().map(|entry| entry.id()).collect();
                    self.entry_results("ChangeMessageVisibilityBatch", chunk.len(), &done, output.failed())
                }
                Err(e) => vec![Err(call_error("ChangeMessageVisibilityBatch", &self.name, &e)); chunk.len()],
            });
        }
        results
    }

    /// Sends one message as it is. Attributes, which only raw delivery puts beside a body, go along as text.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn send(&self, body: &str, attributes: &BTreeMap<String, String>) -> Result<(), CallError> {
        let mut message = self.aws.sqs.send_message().queue_url(&self.url).message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let value = value.map_err(|e| CallError {
                action: "SendMessage",
                subject: self.name.clone(),
                kind: FailureKind::Refused,
                code: None,
                detail: e.to_string(),
            })?;
            message = message.message_attributes(name, value);
        }
        message.send().await.map(|_| ()).map_err(|e| call_error("SendMessage", &self.name, &e))
    }

    /// How many messages the queue holds.
    ///
    /// # Errors
    /// [`CallError`], [`FailureKind::Missing`] when there is no such queue.
    pub async fn depth(&self) -> Result<Depth, CallError> {
        let counters = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let attributes = self.attributes(&counters).await?;
        let count = |name: &QueueAttributeName| attributes.get(name.as_str()).and_then(|value| value.parse().ok()).unwrap_or(0);
        Ok(Depth { visible: count(&counters[0]), in_flight: count(&counters[1]), delayed: count(&counters[2]) })
    }

    /// Attributes of the queue by their wire names; those that it does not have are left out.
    pub(super) async fn attributes(&self, names: &[QueueAttributeName]) -> Result<BTreeMap<String, String>, CallError> {
        let answer = self
            .aws
            .sqs
            .get_queue_attributes()
            .queue_url(&self.url)
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await
            .map_err(|e| call_error("GetQueueAttributes", &self.name, &e))?;
        Ok(answer.attributes.unwrap_or_default().into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect())
    }

    fn entry_results(
        &self,
        action: &'static str,
        count: usize,
        done: &[&str],
        failed: &[BatchResultErrorEntry],
    ) -> Vec<Result<(), CallError>> {
        let error = |kind, code: Option<&str>, detail: &str| CallError {
            action,
            subject: self.name.clone(),
            kind,
            code: code.map(str::to_owned),
            detail: detail.to_owned(),
        };
        let result = |index: usize| {
            let id = index.to_string();
            if done.contains(&id.as_str()) {
                return Ok(());
            }
            match failed.iter().find(|entry| entry.id() == id) {
                Some(entry) => {
                    let kind = if entry.sender_fault() { FailureKind::Refused } else { FailureKind::Busy };
                    Err(error(kind, Some(entry.code()), entry.message().unwrap_or(entry.code())))
                }
                None => Err(error(FailureKind::NoAnswer, None, "the answer does not mention the entry")),
            }
        };
        (0..count).map(result).collect()
    }
}

/// Rounded up, so that a message is never visible earlier than asked for; within SQS's 12 hours.
fn seconds(duration: Duration) -> i32 {
    const TWELVE_HOURS: u64 = 12 * 60 * 60;
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(whole.min(TWELVE_HOURS)).unwrap_or(i32::MAX)
}

/// A message without a receipt handle cannot be acknowledged, so it is left to its visibility timeout.
fn received(message: Message) -> Option<Received> {
    let system = |name: MessageSystemAttributeName| message.attributes().and_then(|all| all.get(&name)).cloned();
    let sent_at = system(MessageSystemAttributeName::SentTimestamp).and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let receive_count = system(MessageSystemAttributeName::ApproximateReceiveCount).and_then(|text| text.parse().ok());
    let attributes = message.message_attributes().into_iter().flatten();
    let attributes = attributes.filter_map(|(name, value)| Some((name.clone(), value.string_value()?.to_owned()))).collect();
    Some(Received {
        receive_count: receive_count.unwrap_or(1),
        sent_at: sent_at.map(|since_epoch| SystemTime::UNIX_EPOCH + since_epoch),
        attributes,
        receipt_handle: message.receipt_handle?,
        message_id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up_to_seconds_within_twelve_hours() {
        assert_eq!(seconds(Duration::ZERO), 0);
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_millis(2500)), 3);
        assert_eq!(seconds(Duration::from_secs(1_000_000)), 43_200);
    }

    #[test]
    fn a_message_says_when_it_was_sent_and_how_often_received() {
        let message = Message::builder()
            .receipt_handle("h")
            .message_id("m")
            .body("b")
            .attributes(MessageSystemAttributeName::SentTimestamp, "1763719200123")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "3");
        let received = received(message.build()).unwrap();
        assert_eq!(received.receive_count, 3);
        assert_eq!(received.sent_at.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis(), 1_763_719_200_123);
        assert!(super::received(Message::builder().body("b").build()).is_none());
    }
}
