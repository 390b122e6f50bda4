//! ReceiveMessage.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    messages::visibility_timeout,
    protocol::{Call, WireAttribute},
};
use crate::broker::{
    attribute::Attribute,
    md5sum,
    options::AbandonedPoll,
    queue::{
        message::sequence_number_text,
        receive::{Receive, Received},
    },
    refusal::Refusal,
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Asked {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    attribute_names: Vec<String>,
    message_system_attribute_names: Vec<String>,
    message_attribute_names: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Answer {
    /// Left out when there are none, as AWS does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Message>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<String, WireAttribute>,
}

/// System attributes that can be asked for.
const SYSTEM_ATTRIBUTES: &[&str] = &[
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

pub(crate) async fn receive(call: &Call<'_>, asked: Asked) -> Result<Answer, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    let request = asked.check()?;
    let waits = queue.waits(&request);
    let (world, shutdown) = (call.world.clone(), call.shutdown.clone());
    let under_way = waits.then(|| world.long_polls.enter());
    let poll = async move {
        let _under_way = under_way;
        let received = queue.receive(&request, &|name| world.queue(name), &shutdown).await?;
        world.flush()?;
        Ok(received)
    };
    let received = match call.world.options.abandoned_poll {
        // Dropped with its caller's connection.
        AbandonedPoll::Kind => poll.await?,
        AbandonedPoll::AwsLike if !waits => poll.await?,
        // A task of its own goes on when its caller has gone.
        AbandonedPoll::AwsLike => {
            call.tasks.spawn(poll).await.unwrap_or_else(|error| Err(Refusal::Internal(format!("the receive ended early: {error}"))))?
        }
    };
    Ok(Answer { messages: received.iter().map(|message| asked.show(message)).collect() })
}

impl Asked {
    fn check(&self) -> Result<Receive, Refusal> {
        let max_messages = match self.max_number_of_messages {
            None => 1,
            Some(number @ 1..=10) => number.unsigned_abs() as usize,
            Some(other) => {
                return Err(Refusal::invalid_value(&other.to_string(), "MaxNumberOfMessages", "Must be between 1 and 10, if provided."));
            }
        };
        let wait = match self.wait_time_seconds {
            None => None,
            Some(seconds @ 0..=20) => Some(Duration::from_secs(seconds.unsigned_abs())),
            Some(other) => {
                return Err(Refusal::invalid_value(&other.to_string(), "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided."));
            }
        };
        for name in self.attribute_names.iter().chain(&self.message_system_attribute_names) {
            if name != "All" && !SYSTEM_ATTRIBUTES.contains(&name.as_str()) {
                return Err(Refusal::InvalidAttributeName(name.clone()));
            }
        }
        Ok(Receive { max_messages, visibility_timeout: self.visibility_timeout.map(visibility_timeout).transpose()?, wait })
    }

    fn show(&self, received: &Received) -> Message {
        let payload = &received.payload;
        let attributes: Vec<&Attribute> = payload.attributes.iter().filter(|attribute| self.wants_attribute(&attribute.name)).collect();
        Message {
            message_id: payload.message_id.to_string(),
            receipt_handle: received.receipt_handle.clone(),
            body: payload.body.to_string(),
            md5_of_body: md5sum::hex(&payload.body_md5),
            md5_of_message_attributes: md5sum::of_attributes(attributes.iter().copied()),
            attributes: SYSTEM_ATTRIBUTES
                .iter()
                .filter(|name| self.wants_system_attribute(name))
                .filter_map(|name| Some((*name, system_attribute(received, name)?)))
                .collect(),
            message_attributes: attributes.iter().map(|attribute| (attribute.name.clone(), WireAttribute::show(attribute))).collect(),
        }
    }

    fn wants_system_attribute(&self, name: &str) -> bool {
        self.attribute_names.iter().chain(&self.message_system_attribute_names).any(|wanted| wanted == "All" || wanted == name)
    }

    fn wants_attribute(&self, name: &str) -> bool {
        self.message_attribute_names.iter().any(|wanted| match wanted.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => wanted == "All" || wanted == name,
        })
    }
}

fn system_attribute(received: &Received, name: &str) -> Option<String> {
    let payload = &received.payload;
    match name {
        "SenderId" => Some(crate::broker::arn::ACCOUNT.to_owned()),
        "SentTimestamp" => Some(received.sent_at.millis().to_string()),
        "ApproximateReceiveCount" => Some(received.receive_count.to_string()),
        "ApproximateFirstReceiveTimestamp" => Some(received.first_received_at.millis().to_string()),
        "SequenceNumber" => received.sequence.map(sequence_number_text),
        "MessageDeduplicationId" => payload.deduplication_id.as_deref().map(str::to_owned),
        "MessageGroupId" => payload.group.as_deref().map(str::to_owned),
        "AWSTraceHeader" => payload.trace_header.as_deref().map(str::to_owned),
        "DeadLetterQueueSourceArn" => payload.dead_letter_source.as_deref().map(str::to_owned),
        _ => None,
    }
}
