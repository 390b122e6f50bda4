//! What a FIFO queue or topic remembers, so that a message sent again within five minutes is accepted but not delivered again.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use uuid::Uuid;

use crate::broker::clock::Moment;

/// How long a deduplication id is remembered.
pub(crate) const WINDOW: Duration = Duration::from_secs(300);

/// The message that was accepted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Original {
    pub(crate) message_id: Uuid,
    pub(crate) sequence: u64,
    pub(crate) accepted_at: Moment,
}

/// Remembered ids. Looking up and remembering are O(1); forgetting is paid by those who remembered.
#[derive(Debug, Default)]
pub(crate) struct Deduplication {
    originals: HashMap<Box<str>, Original>,
    by_age: VecDeque<(Moment, Box<str>)>,
}

impl Deduplication {
    /// The message that was accepted under this key within the window.
    pub(crate) fn original(&mut self, key: &str, now: Moment) -> Option<Original> {
        self.forget_before(now.minus(WINDOW));
        self.originals.get(key).copied()
    }

    pub(crate) fn remember(&mut self, key: &str, original: Original) {
        self.by_age.push_back((original.accepted_at, key.into()));
        self.originals.insert(key.into(), original);
    }

    fn forget_before(&mut self, horizon: Moment) {
        while self.by_age.front().is_some_and(|(accepted_at, _)| *accepted_at <= horizon) {
            let Some((accepted_at, key)) = self.by_age.pop_front() else { break };
            // A key may have been remembered anew since.
            if self.originals.get(&key).is_some_and(|original| original.accepted_at <= accepted_at) {
                self.originals.remove(&key);
            }
        }
    }
}

/// The key under which an id is remembered: per queue, or per message group.
pub(crate) fn key(id: &str, group: Option<&str>) -> String {
    match group {
        // Neither may contain a control character, so the pair is unambiguous.
        Some(group) => format!("{group}\u{0}{id}"),
        None => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_remembered_for_five_minutes() {
        let mut memory = Deduplication::default();
        let start = Moment::from_micros(1_000_000_000);
        let original = Original { message_id: Uuid::nil(), sequence: 1, accepted_at: start };
        memory.remember("a", original);
        assert_eq!(memory.original("a", start.plus(WINDOW - Duration::from_micros(1))), Some(original));
        assert_eq!(memory.original("a", start.plus(WINDOW)), None);
        assert!(memory.originals.is_empty() && memory.by_age.is_empty());
    }
}
