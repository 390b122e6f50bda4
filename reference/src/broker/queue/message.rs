//! A message at rest.

use std::sync::Arc;

use uuid::Uuid;

use crate::broker::{attribute::Attribute, clock::Moment, journal::Place};

/// What a message says; never changed, and shared by the copies of an unruly queue and by answers being written.
#[derive(Debug, PartialEq)]
pub(crate) struct Payload {
    pub(crate) message_id: Uuid,
    pub(crate) body: Box<str>,
    pub(crate) body_md5: [u8; 16],
    pub(crate) attributes: Box<[Attribute]>,
    pub(crate) trace_header: Option<Box<str>>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) deduplication_id: Option<Box<str>>,
    /// ARN of the queue that this message was moved away from.
    pub(crate) dead_letter_source: Option<Arc<str>>,
}

/// A message's life in one queue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) payload: Arc<Payload>,
    /// When it was sent: SentTimestamp, and what retention counts from.
    pub(crate) sent_at: Moment,
    pub(crate) first_received_at: Option<Moment>,
    /// Receives in all queues, as answered in ApproximateReceiveCount.
    pub(crate) receive_count: u32,
    /// Receives in the queues before this one; they do not count towards this queue's maxReceiveCount.
    pub(crate) carried_count: u32,
    pub(crate) state: State,
    /// Where the journal holds it.
    pub(crate) place: Place,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Sent with a delay that has not passed.
    Delayed { until: Moment },
    /// Ready to be received.
    Visible,
    /// Received, neither deleted nor expired.
    InFlight { until: Moment },
}

/// A sequence number as FIFO queues and topics show it: text that sorts like the number.
pub(crate) fn sequence_number_text(sequence: u64) -> String {
    format!("{sequence:020}")
}

impl Entry {
    /// Receives in this queue.
    pub(crate) fn own_count(&self) -> u32 {
        self.receive_count.saturating_sub(self.carried_count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queued_message_costs_far_less_than_a_kibibyte_besides_its_text() {
        // Twice its size in the table (which may be half empty), its payload, and three indices of at most 48 bytes an entry.
        let cost = 2 * size_of::<(u64, Entry)>() + size_of::<Payload>() + 3 * 48;
        assert!(cost < 640, "{cost} bytes");
    }
}
