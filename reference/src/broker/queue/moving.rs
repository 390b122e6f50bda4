//! Moving messages between queues: to the dead-letter queue, and back.
//!
//! A move holds both locks, so a message is always in exactly one of the two queues. In the journal it is stored in its new queue first,
//! with its origin; recovery removes it from the old one, so a crash in between neither loses nor doubles it.

use std::sync::Arc;

use super::{
    Inner, Queue,
    message::{Entry, Payload, State},
};
use crate::broker::{
    clock::Moment,
    journal::{Place, Record},
};

/// What became of one step of a move task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moved {
    /// So many messages were moved.
    Some(usize),
    /// No message is visible any more.
    Drained,
}

impl Queue {
    /// Where the oldest visible message was moved away from, as an ARN; `None` if no message is visible.
    pub(crate) fn origin_of_next(&self) -> Option<Option<Arc<str>>> {
        self.change(|inner, _| {
            let sequence = inner.shelf.candidate(0, None)?;
            inner.shelf.get(sequence).map(|entry| entry.payload.dead_letter_source.clone())
        })
    }

    /// Moves up to `limit` of the oldest visible messages; with `origin`, only those that came from there, up to the first that did not.
    /// They are new messages in their new queue: with new ids, and never received.
    pub(crate) fn move_to(&self, target: &Self, limit: usize, origin: Option<&str>) -> Moved {
        self.change_with(target, |mine, theirs, now| {
            let mut moved = 0;
            while moved < limit {
                let next = mine.shelf.candidate(0, None).and_then(|sequence| Some((sequence, mine.shelf.get(sequence)?)));
                let Some((sequence, entry)) = next else {
                    return if moved == 0 { Moved::Drained } else { Moved::Some(moved) };
                };
                if origin.is_some() && entry.payload.dead_letter_source.as_deref() != origin {
                    break;
                }
                let old = &entry.payload;
                let payload = Payload {
                    message_id: uuid::Builder::from_random_bytes(rand::random()).into_uuid(),
                    body: old.body.clone(),
                    body_md5: old.body_md5,
                    attributes: old.attributes.clone(),
                    trace_header: old.trace_header.clone(),
                    group: old.group.clone(),
                    deduplication_id: old.deduplication_id.clone(),
                    dead_letter_source: None,
                };
                let entry = Entry {
                    payload: Arc::new(payload),
                    sent_at: now,
                    first_received_at: None,
                    receive_count: 0,
                    carried_count: 0,
                    state: State::Visible,
                    place: Place::default(),
                };
                self.transfer(mine, sequence, target, theirs, entry);
                moved += 1;
            }
            Moved::Some(moved)
        })
    }

    /// Moves a message that was received too often to the dead-letter queue: the same message, and from where it came stays known.
    pub(super) fn bury(&self, inner: &mut Inner, sequence: u64, grave: &Self, theirs: &mut Inner, now: Moment) {
        let Some(entry) = inner.shelf.get(sequence) else { return };
        let old = &entry.payload;
        let payload = Payload {
            message_id: old.message_id,
            body: old.body.clone(),
            body_md5: old.body_md5,
            attributes: old.attributes.clone(),
            trace_header: old.trace_header.clone(),
            group: old.group.clone(),
            deduplication_id: old.deduplication_id.clone(),
            dead_letter_source: Some(Arc::clone(&self.arn)),
        };
        let buried = Entry {
            payload: Arc::new(payload),
            // Retention goes on in a standard queue and starts anew in a FIFO queue.
            sent_at: if theirs.settings.fifo { now } else { entry.sent_at },
            first_received_at: entry.first_received_at,
            receive_count: entry.receive_count,
            carried_count: entry.receive_count,
            state: State::Visible,
            place: Place::default(),
        };
        self.transfer(inner, sequence, grave, theirs, buried);
    }

    fn transfer(&self, mine: &mut Inner, sequence: u64, target: &Self, theirs: &mut Inner, entry: Entry) {
        target.put(theirs, entry, Some((self.id, sequence)));
        self.record(&Record::Gone { queue: self.id, sequence });
        if let Some(old) = mine.shelf.remove(sequence) {
            self.unplace(&old);
        }
    }
}
