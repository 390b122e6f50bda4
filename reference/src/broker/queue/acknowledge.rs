//! What a consumer says about a message it received: done, or not yet.

use std::time::Duration;

use super::{Inner, Queue, message::State, receipt::Receipt};
use crate::broker::{clock::Moment, journal::Record, refusal::Refusal};

/// What a receipt handle refers to by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The message is in flight, and this receive holds it.
    Held,
    /// The receive's visibility timeout has ended; the message is visible again.
    Expired,
    /// The message has been received again since.
    Superseded,
    /// The message was deleted, moved, or its retention has ended.
    Gone,
}

impl Queue {
    /// Deletes the message if its latest receive asks for it. As on AWS an old handle is answered as if it had been done; a FIFO queue
    /// refuses a handle whose time has ended, because another consumer may be at work by then.
    pub(crate) fn delete(&self, handle: &str) -> Result<(), Refusal> {
        let receipt = Receipt::decode(handle, self.id)?;
        self.change(|inner, _| {
            inner.check_exists()?;
            match standing(inner, receipt) {
                Standing::Held => {}
                Standing::Expired | Standing::Superseded if inner.settings.fifo => {
                    return Err(Refusal::invalid_value(handle, "ReceiptHandle", "The receipt handle has expired."));
                }
                Standing::Expired => {}
                Standing::Superseded | Standing::Gone => return Ok(()),
            }
            if let Some(entry) = inner.shelf.remove(receipt.sequence) {
                self.record(&Record::Gone { queue: self.id, sequence: receipt.sequence });
                self.unplace(&entry);
            }
            Ok(())
        })
    }

    /// Lets the message be invisible for so long from now; zero makes it visible at once.
    pub(crate) fn change_visibility(&self, handle: &str, timeout: Duration) -> Result<(), Refusal> {
        let receipt = Receipt::decode(handle, self.id)?;
        self.change(|inner, now| {
            inner.check_exists()?;
            match standing(inner, receipt) {
                Standing::Held => self.extend(inner, receipt.sequence, now, now.plus(timeout)),
                Standing::Expired | Standing::Superseded if inner.settings.fifo => {
                    return Err(Refusal::invalid_value(handle, "ReceiptHandle", "The receipt handle has expired."));
                }
                Standing::Expired | Standing::Superseded => return Err(Refusal::MessageNotInflight),
                Standing::Gone => {
                    let reason = "Message does not exist or is not available for visibility timeout change.";
                    return Err(Refusal::invalid_value(handle, "ReceiptHandle", reason));
                }
            }
            Ok(())
        })
    }

    fn extend(&self, inner: &mut Inner, sequence: u64, now: Moment, until: Moment) {
        self.record(&Record::Extended { queue: self.id, sequence, until });
        inner.shelf.extend(sequence, now, until);
    }
}

fn standing(inner: &Inner, receipt: Receipt) -> Standing {
    match inner.shelf.get(receipt.sequence) {
        None => Standing::Gone,
        Some(entry) if entry.receive_count != receipt.receive_count => Standing::Superseded,
        Some(entry) => match entry.state {
            State::InFlight { .. } => Standing::Held,
            State::Visible | State::Delayed { .. } => Standing::Expired,
        },
    }
}
