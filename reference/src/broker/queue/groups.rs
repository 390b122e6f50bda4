//! The order of a FIFO queue: message groups, each strictly in order, each locked while one of its messages is in flight.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// All groups of a queue that hold messages. Every operation is O(log n) in the messages of the queue.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_name: HashMap<Arc<str>, Group>,
    /// Groups of which the next message can be received now, by that message's sequence number.
    ready: BTreeMap<u64, Arc<str>>,
}

#[derive(Debug, Default)]
struct Group {
    /// Messages not in flight, by sequence number, and whether each is visible (or still delayed).
    waiting: BTreeMap<u64, bool>,
    in_flight: usize,
    /// Under which number this group stands in `ready`.
    listed: Option<u64>,
}

impl Groups {
    /// The message to receive next; within a group that this very receive has locked, or else of the group that waits longest.
    pub(crate) fn candidate(&self, continuing: Option<&Arc<str>>) -> Option<u64> {
        let within = continuing.and_then(|name| self.by_name.get(name)).and_then(Group::visible_head);
        within.or_else(|| self.ready.keys().next().copied())
    }

    /// Adds a message that waits. Whether a locked or empty group became ready by it.
    pub(crate) fn add_waiting(&mut self, name: &Arc<str>, sequence: u64, visible: bool) -> bool {
        self.change(name, |group| {
            group.waiting.insert(sequence, visible);
        })
    }

    /// A waiting message was received.
    pub(crate) fn take(&mut self, name: &Arc<str>, sequence: u64) {
        self.change(name, |group| {
            group.waiting.remove(&sequence);
            group.in_flight += 1;
        });
    }

    /// A message in flight is visible again. Whether its group became ready by it.
    pub(crate) fn give_back(&mut self, name: &Arc<str>, sequence: u64) -> bool {
        self.change(name, |group| {
            group.in_flight = group.in_flight.saturating_sub(1);
            group.waiting.insert(sequence, true);
        })
    }

    /// A message that waited is gone. Whether its group became ready by it.
    pub(crate) fn drop_waiting(&mut self, name: &Arc<str>, sequence: u64) -> bool {
        self.change(name, |group| {
            group.waiting.remove(&sequence);
        })
    }

    /// A message in flight is gone. Whether its group became ready by it.
    pub(crate) fn drop_in_flight(&mut self, name: &Arc<str>) -> bool {
        self.change(name, |group| group.in_flight = group.in_flight.saturating_sub(1))
    }

    pub(crate) fn add_in_flight(&mut self, name: &Arc<str>) {
        self.change(name, |group| group.in_flight += 1);
    }

    fn change(&mut self, name: &Arc<str>, change: impl FnOnce(&mut Group)) -> bool {
        let group = self.by_name.entry(Arc::clone(name)).or_default();
        change(group);
        let listed_before = group.listed;
        let listed_now = if group.in_flight == 0 { group.visible_head() } else { None };
        group.listed = listed_now;
        let empty = group.waiting.is_empty() && group.in_flight == 0;
        if listed_before != listed_now {
            if let Some(sequence) = listed_before {
                self.ready.remove(&sequence);
            }
            if let Some(sequence) = listed_now {
                self.ready.insert(sequence, Arc::clone(name));
            }
        }
        if empty {
            self.by_name.remove(name);
        }
        listed_before.is_none() && listed_now.is_some()
    }
}

impl Group {
    fn visible_head(&self) -> Option<u64> {
        self.waiting.first_key_value().and_then(|(sequence, visible)| visible.then_some(*sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_locked_while_one_of_its_messages_is_in_flight() {
        let (mut groups, a, b): (_, Arc<str>, Arc<str>) = (Groups::default(), "a".into(), "b".into());
        assert!(groups.add_waiting(&a, 1, true));
        assert!(!groups.add_waiting(&a, 2, true), "the group was ready before");
        assert!(groups.add_waiting(&b, 3, true));
        groups.take(&a, 1);
        assert_eq!(groups.candidate(None), Some(3));
        assert_eq!(groups.candidate(Some(&a)), Some(2), "the same receive may go on in the group");
        groups.take(&b, 3);
        assert_eq!(groups.candidate(None), None);
        assert!(groups.drop_in_flight(&a), "deleting unlocks");
        assert_eq!(groups.candidate(None), Some(2));
        assert!(groups.give_back(&b, 3), "the end of the visibility timeout unlocks");
        groups.take(&a, 2);
        assert_eq!(groups.candidate(None), Some(3));
    }

    #[test]
    fn a_delayed_head_holds_its_group_back() {
        let (mut groups, a): (_, Arc<str>) = (Groups::default(), "a".into());
        assert!(!groups.add_waiting(&a, 1, false));
        assert!(!groups.add_waiting(&a, 2, true));
        assert_eq!(groups.candidate(None), None);
        assert!(groups.add_waiting(&a, 1, true), "the delay has passed");
        assert_eq!(groups.candidate(None), Some(1));
    }
}
