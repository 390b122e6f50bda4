//! A queue's side of the journal: taking back what it tells, and writing again what still lives.

use super::{Queue, message::State};
use crate::broker::journal::{Place, Record, record::Told};

impl Queue {
    /// Takes back one event of this queue, in the journal's order.
    pub(crate) fn restore(&self, told: Told, place: Place) {
        let mut inner = self.lock();
        match told {
            Told::Stored { sequence, mut entry, .. } => {
                entry.place = place;
                // A message that was written again by the garbage collection stands twice; the later one counts.
                inner.shelf.remove(sequence);
                inner.shelf.insert(sequence, entry);
            }
            Told::Received { sequence, receive_count, at, until, .. } => {
                if let Some(mut entry) = inner.shelf.remove(sequence) {
                    entry.receive_count = receive_count;
                    entry.first_received_at.get_or_insert(at);
                    entry.state = State::InFlight { until };
                    inner.shelf.insert(sequence, entry);
                }
            }
            Told::Extended { sequence, until, .. } => {
                if let Some(mut entry) = inner.shelf.remove(sequence) {
                    entry.state = State::InFlight { until };
                    inner.shelf.insert(sequence, entry);
                }
            }
            Told::Gone { sequence, .. } => {
                inner.shelf.remove(sequence);
            }
            Told::Purged { up_to, .. } => {
                for sequence in inner.shelf.sequences().into_iter().filter(|sequence| *sequence <= up_to) {
                    inner.shelf.remove(sequence);
                }
            }
            Told::Remembered { key, original, .. } => inner.deduplication.remember(&key, original),
        }
    }

    /// Removes a message of which the journal holds a copy in another queue.
    pub(crate) fn forget_moved(&self, sequence: u64) {
        self.lock().shelf.remove(sequence);
    }

    /// Counts what was restored as live.
    pub(crate) fn finish_restoring(&self) {
        let inner = self.lock();
        if let Some(journal) = &self.surroundings.journal {
            inner.shelf.entries().for_each(|entry| journal.adopt(entry.place));
        }
    }

    /// Writes again what this event of an old segment tells, if it still holds.
    pub(crate) fn keep(&self, segment: u32, told: &Told) {
        self.change(|inner, now| match told {
            Told::Stored { sequence, .. } => {
                let Some(entry) = inner.shelf.get(*sequence).filter(|entry| entry.place.segment == segment) else { return };
                let (old, new) = (entry.place, self.record(&Record::Stored { queue: self.id, sequence: *sequence, entry, origin: None }));
                inner.shelf.set_place(*sequence, new);
                if let Some(journal) = &self.surroundings.journal {
                    journal.release(old);
                }
            }
            Told::Remembered { key, original, .. } => {
                if inner.deduplication.original(key, now).as_ref() == Some(original) {
                    self.record(&Record::Remembered { queue: self.id, key, original: *original });
                }
            }
            Told::Received { .. } | Told::Extended { .. } | Told::Gone { .. } | Told::Purged { .. } => {}
        });
    }
}

impl Told {
    /// The queue that the event belongs to.
    pub(crate) fn queue(&self) -> u32 {
        match self {
            Self::Stored { queue, .. }
            | Self::Received { queue, .. }
            | Self::Extended { queue, .. }
            | Self::Gone { queue, .. }
            | Self::Purged { queue, .. }
            | Self::Remembered { queue, .. } => *queue,
        }
    }
}
