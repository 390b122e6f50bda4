//! Sending: what a queue admits, and putting it on the shelf.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Inner, Queue,
    deduplication::{self, Original},
    message::{Entry, Payload, State},
    settings::Settings,
};
use crate::broker::{
    attribute::{self, Attribute},
    clock::Moment,
    journal::{Place, Record},
    md5sum,
    refusal::Refusal,
};

/// A message that somebody wants to send.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub(crate) body: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) trace_header: Option<Attribute>,
    pub(crate) delay_seconds: Option<i64>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication_id: Option<String>,
}

/// A message that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) message_id: Uuid,
    /// Of FIFO queues.
    pub(crate) sequence: Option<u64>,
    pub(crate) body_md5: [u8; 16],
    pub(crate) attributes_md5: Option<String>,
    pub(crate) trace_header_md5: Option<String>,
}

impl Draft {
    /// Bytes that count towards the limits of message and batch.
    pub(crate) fn size(&self) -> usize {
        self.body.len() + self.attributes.iter().map(Attribute::size).sum::<usize>()
    }

    /// Checks the message against the queue's rules.
    fn admit(&self, settings: &Settings) -> Result<(), Refusal> {
        if self.body.is_empty() {
            return Err(Refusal::MissingParameter("MessageBody"));
        }
        if let Some(character) = attribute::first_invalid_character(&self.body) {
            return Err(Refusal::InvalidMessageContents(u32::from(character)));
        }
        attribute::check_all(&self.attributes).map_err(Refusal::InvalidParameterValue)?;
        if let Some(trace_header) = &self.trace_header {
            trace_header.check().map_err(Refusal::InvalidParameterValue)?;
        }
        let limit = settings.maximum_message_bytes as usize;
        if self.size() > limit {
            let reason = format!("One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.");
            return Err(Refusal::InvalidParameterValue(reason));
        }
        self.admit_delay(settings)?;
        self.admit_group(settings)
    }

    fn admit_delay(&self, settings: &Settings) -> Result<(), Refusal> {
        let Some(delay) = self.delay_seconds else { return Ok(()) };
        if !(0..=900).contains(&delay) {
            return Err(Refusal::invalid_value(&delay.to_string(), "DelaySeconds", "DelaySeconds must be >= 0 and <= 900."));
        }
        if settings.fifo && delay != 0 {
            let reason = "The request include parameter that is not valid for this queue type.";
            return Err(Refusal::invalid_value(&delay.to_string(), "DelaySeconds", reason));
        }
        Ok(())
    }

    fn admit_group(&self, settings: &Settings) -> Result<(), Refusal> {
        for (parameter, value) in [("MessageGroupId", &self.group), ("MessageDeduplicationId", &self.deduplication_id)] {
            let Some(value) = value else { continue };
            if value.is_empty() || value.len() > 128 || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                let reason = format!("{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.");
                return Err(Refusal::invalid_value(value, parameter, &reason));
            }
        }
        match (settings.fifo, &self.group, &self.deduplication_id) {
            (true, None, _) => Err(Refusal::MissingParameter("MessageGroupId")),
            (true, Some(_), None) if !settings.content_based_deduplication => Err(Refusal::InvalidParameterValue(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly".into(),
            )),
            (false, _, Some(id)) => Err(Refusal::invalid_value(
                id,
                "MessageDeduplicationId",
                "The request include parameter that is not valid for this queue type.",
            )),
            _ => Ok(()),
        }
    }
}

impl Queue {
    /// Accepts a message, or says why not. Accepted means: journaled as soon as the journal is flushed.
    pub(crate) fn send(&self, draft: Draft) -> Result<Sent, Refusal> {
        self.change(|inner, now| {
            inner.check_exists()?;
            draft.admit(&inner.settings)?;
            if inner.shelf.len() >= self.surroundings.max_messages {
                return Err(Refusal::OverLimit(format!("The queue {} holds as many messages as this broker allows.", self.name)));
            }
            Ok(self.accept(inner, draft, now))
        })
    }

    fn accept(&self, inner: &mut Inner, draft: Draft, now: Moment) -> Sent {
        let (fifo, delay) = (inner.settings.fifo, delay_of(&draft, &inner.settings));
        let deduplication_id = draft
            .deduplication_id
            .or_else(|| (fifo && inner.settings.content_based_deduplication).then(|| md5sum::hex(&Sha256::digest(draft.body.as_bytes()))));
        let key = deduplication_id.as_deref().filter(|_| fifo).map(|id| {
            let group = draft.group.as_deref().filter(|_| inner.settings.deduplicates_per_group);
            deduplication::key(id, group)
        });
        let mut sent = Sent {
            message_id: uuid::Builder::from_random_bytes(rand::random()).into_uuid(),
            sequence: None,
            body_md5: md5sum::of_body(&draft.body),
            attributes_md5: md5sum::of_attributes(&draft.attributes),
            trace_header_md5: draft.trace_header.as_ref().and_then(|header| md5sum::of_attributes([header])),
        };
        if let Some(original) = key.as_deref().and_then(|key| inner.deduplication.original(key, now)) {
            sent.message_id = original.message_id;
            sent.sequence = Some(original.sequence);
            return sent;
        }
        let payload = Arc::new(Payload {
            message_id: sent.message_id,
            body: draft.body.into(),
            body_md5: sent.body_md5,
            attributes: draft.attributes.into(),
            trace_header: draft.trace_header.and_then(|header| header.into_text()).map(Into::into),
            group: draft.group.map(Into::into),
            deduplication_id: deduplication_id.map(Into::into),
            dead_letter_source: None,
        });
        let sequence = self.put(inner, entry_of(Arc::clone(&payload), now, delay), None);
        if fifo {
            sent.sequence = Some(sequence);
        } else if self.coin.duplicates(sequence) {
            self.put(inner, entry_of(payload, now, delay), None);
        }
        if let Some(key) = key {
            let original = Original { message_id: sent.message_id, sequence, accepted_at: now };
            self.record(&Record::Remembered { queue: self.id, key: &key, original });
            inner.deduplication.remember(&key, original);
        }
        sent
    }

    /// Journals a message and puts it on the shelf. `origin` is the queue and number that it is moved from.
    pub(super) fn put(&self, inner: &mut Inner, mut entry: Entry, origin: Option<(u32, u64)>) -> u64 {
        let sequence = inner.shelf.next_sequence();
        entry.place = self.record(&Record::Stored { queue: self.id, sequence, entry: &entry, origin });
        inner.shelf.insert(sequence, entry);
        sequence
    }
}

fn delay_of(draft: &Draft, settings: &Settings) -> Duration {
    match draft.delay_seconds {
        Some(seconds) if !settings.fifo => Duration::from_secs(seconds.unsigned_abs()),
        _ => settings.delay,
    }
}

fn entry_of(payload: Arc<Payload>, now: Moment, delay: Duration) -> Entry {
    let state = if delay.is_zero() { State::Visible } else { State::Delayed { until: now.plus(delay) } };
    Entry { payload, sent_at: now, first_received_at: None, receive_count: 0, carried_count: 0, state, place: Place::default() }
}
