//! Sending, deleting and changing the visibility of messages, one at a time and in batches.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    batch::{self, BatchAnswer},
    protocol::{Call, Nothing, WireAttribute},
};
use crate::broker::{
    attribute::Attribute,
    md5sum,
    queue::{
        message::sequence_number_text,
        send::{Draft, Sent},
        settings::MAX_MESSAGE_BYTES,
    },
    refusal::Refusal,
};

/// SendMessage, and an entry of its batch.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Send {
    queue_url: String,
    id: String,
    message_body: String,
    delay_seconds: Option<i64>,
    message_attributes: BTreeMap<String, WireAttribute>,
    message_system_attributes: BTreeMap<String, WireAttribute>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

/// An accepted message; in a batch, with the entry's id.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SendAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_message_body: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<String>,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_message_system_attributes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Batch<T> {
    queue_url: String,
    entries: Vec<T>,
}

/// DeleteMessage, ChangeMessageVisibility, and entries of their batches.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Handled {
    queue_url: String,
    id: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EntryDone {
    id: String,
}

pub(crate) fn send(call: &Call<'_>, asked: Send) -> Result<SendAnswer, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    let sent = queue.send(asked.draft()?)?;
    call.world.flush()?;
    Ok(SendAnswer::new(None, sent))
}

pub(crate) fn send_batch(call: &Call<'_>, asked: Batch<Send>) -> Result<BatchAnswer<SendAnswer>, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    batch::check_ids(asked.entries.iter().map(|entry| entry.id.as_str()))?;
    let drafts: Vec<(String, Result<Draft, Refusal>)> =
        asked.entries.into_iter().map(|mut entry| (std::mem::take(&mut entry.id), entry.draft())).collect();
    let sent = drafts.iter().filter_map(|(_, draft)| draft.as_ref().ok()).map(Draft::size).sum();
    let limit = MAX_MESSAGE_BYTES as usize;
    if sent > limit {
        return Err(Refusal::BatchTooLong { limit, sent });
    }
    let answer = batch::collect(drafts.into_iter().map(|(id, draft)| {
        let result = draft.and_then(|draft| queue.send(draft)).map(|sent| SendAnswer::new(Some(id.clone()), sent));
        (id, result)
    }));
    call.world.flush()?;
    Ok(answer)
}

pub(crate) fn delete(call: &Call<'_>, asked: Handled) -> Result<Nothing, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    queue.delete(asked.handle()?)?;
    call.world.flush()?;
    Ok(Nothing {})
}

pub(crate) fn delete_batch(call: &Call<'_>, asked: Batch<Handled>) -> Result<BatchAnswer<EntryDone>, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    handle_batch(call, asked.entries, |entry| queue.delete(entry.handle()?))
}

pub(crate) fn change_visibility(call: &Call<'_>, asked: Handled) -> Result<Nothing, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    queue.change_visibility(asked.handle()?, asked.timeout()?)?;
    call.world.flush()?;
    Ok(Nothing {})
}

pub(crate) fn change_visibility_batch(call: &Call<'_>, asked: Batch<Handled>) -> Result<BatchAnswer<EntryDone>, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    handle_batch(call, asked.entries, |entry| queue.change_visibility(entry.handle()?, entry.timeout()?))
}

/// Checks a visibility timeout, in seconds.
pub(crate) fn visibility_timeout(seconds: i64) -> Result<Duration, Refusal> {
    match u64::try_from(seconds) {
        Ok(seconds @ 0..=43_200) => Ok(Duration::from_secs(seconds)),
        _ => Err(Refusal::invalid_value(&seconds.to_string(), "VisibilityTimeout", "Must be between 0 and 43200.")),
    }
}

fn handle_batch(
    call: &Call<'_>,
    entries: Vec<Handled>,
    handle: impl Fn(&Handled) -> Result<(), Refusal>,
) -> Result<BatchAnswer<EntryDone>, Refusal> {
    batch::check_ids(entries.iter().map(|entry| entry.id.as_str()))?;
    let answer = batch::collect(entries.into_iter().map(|entry| {
        let result = handle(&entry).map(|()| EntryDone { id: entry.id.clone() });
        (entry.id, result)
    }));
    call.world.flush()?;
    Ok(answer)
}

impl Send {
    fn draft(self) -> Result<Draft, Refusal> {
        let attributes =
            self.message_attributes.into_iter().map(|(name, value)| value.read(name)).collect::<Result<Vec<Attribute>, Refusal>>()?;
        let mut trace_header = None;
        for (name, value) in self.message_system_attributes {
            if name != "AWSTraceHeader" {
                return Err(Refusal::InvalidParameterValue(format!("Message system attribute name '{name}' is invalid.")));
            }
            trace_header = Some(trace_attribute(name, value)?);
        }
        Ok(Draft {
            body: self.message_body,
            attributes,
            trace_header,
            delay_seconds: self.delay_seconds,
            group: self.message_group_id,
            deduplication_id: self.message_deduplication_id,
        })
    }
}

fn trace_attribute(name: String, value: WireAttribute) -> Result<Attribute, Refusal> {
    let attribute = value.read(name)?;
    if attribute.data_type == "String" {
        Ok(attribute)
    } else {
        Err(Refusal::InvalidParameterValue("The message system attribute 'AWSTraceHeader' must be of type String.".into()))
    }
}

impl SendAnswer {
    fn new(id: Option<String>, sent: Sent) -> Self {
        Self {
            id,
            message_id: sent.message_id.to_string(),
            md5_of_message_body: md5sum::hex(&sent.body_md5),
            md5_of_message_attributes: sent.attributes_md5,
            md5_of_message_system_attributes: sent.trace_header_md5,
            sequence_number: sent.sequence.map(sequence_number_text),
        }
    }
}

impl Handled {
    fn handle(&self) -> Result<&str, Refusal> {
        if self.receipt_handle.is_empty() { Err(Refusal::MissingParameter("ReceiptHandle")) } else { Ok(&self.receipt_handle) }
    }

    fn timeout(&self) -> Result<Duration, Refusal> {
        visibility_timeout(self.visibility_timeout.ok_or(Refusal::MissingParameter("VisibilityTimeout"))?)
    }
}
