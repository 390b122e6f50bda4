//! The messages of one queue and where each stands: a pure state machine. Every operation is O(log n), however many messages there are.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    groups::Groups,
    message::{Entry, State},
};
use crate::broker::{clock::Moment, journal::Place};

/// The messages of one queue, by sequence number.
#[derive(Debug)]
pub(crate) struct Shelf {
    entries: HashMap<u64, Entry>,
    order: Order,
    /// Ends of delays and of visibility timeouts.
    deadlines: BTreeSet<(Moment, u64)>,
    /// By age, for retention.
    ages: BTreeSet<(Moment, u64)>,
    delayed: usize,
    in_flight: usize,
    next_sequence: u64,
    wakes: usize,
}

/// Which of the visible messages is next.
#[derive(Debug)]
enum Order {
    /// The oldest.
    Standard(BTreeSet<u64>),
    /// The oldest of a group that is not locked.
    Fifo(Groups),
}

/// How many messages stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) in_flight: usize,
    pub(crate) delayed: usize,
}

impl Shelf {
    pub(crate) fn new(fifo: bool) -> Self {
        let order = if fifo { Order::Fifo(Groups::default()) } else { Order::Standard(BTreeSet::new()) };
        Self {
            entries: HashMap::new(),
            order,
            deadlines: BTreeSet::new(),
            ages: BTreeSet::new(),
            delayed: 0,
            in_flight: 0,
            next_sequence: 1,
            wakes: 0,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { visible: self.entries.len() - self.in_flight - self.delayed, in_flight: self.in_flight, delayed: self.delayed }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number that the next message gets; each is given once.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    /// Makes sure that numbers up to this one are not given again (after a restart).
    pub(crate) fn skip_sequences_to(&mut self, used: u64) {
        self.next_sequence = self.next_sequence.max(used + 1);
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<&Entry> {
        self.entries.get(&sequence)
    }

    /// Notes that the journal holds the message elsewhere by now.
    pub(crate) fn set_place(&mut self, sequence: u64, place: Place) {
        if let Some(entry) = self.entries.get_mut(&sequence) {
            entry.place = place;
        }
    }

    /// All sequence numbers, in no particular order.
    pub(crate) fn sequences(&self) -> Vec<u64> {
        self.entries.keys().copied().collect()
    }

    /// Empties the shelf at once; the old one is returned so that taking it apart needs no lock. Numbers go on.
    pub(crate) fn clear(&mut self) -> Self {
        let fifo = matches!(self.order, Order::Fifo(_));
        let fresh = Self { next_sequence: self.next_sequence, wakes: self.wakes, ..Self::new(fifo) };
        std::mem::replace(self, fresh)
    }

    /// The highest number given so far.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }

    /// All messages, in no particular order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many waiters there is something for since this was last asked.
    pub(crate) fn take_wakes(&mut self) -> usize {
        std::mem::take(&mut self.wakes)
    }

    /// When the next delay or visibility timeout ends.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(moment, _)| *moment)
    }

    /// Puts a message on the shelf, in whatever state it is.
    pub(crate) fn insert(&mut self, sequence: u64, entry: Entry) {
        self.skip_sequences_to(sequence);
        self.ages.insert((entry.sent_at, sequence));
        match entry.state {
            State::Delayed { until } => {
                self.delayed += 1;
                self.deadlines.insert((until, sequence));
                if let (Order::Fifo(groups), Some(group)) = (&mut self.order, &entry.payload.group) {
                    groups.add_waiting(group, sequence, false);
                }
            }
            State::InFlight { until } => {
                self.in_flight += 1;
                self.deadlines.insert((until, sequence));
                if let (Order::Fifo(groups), Some(group)) = (&mut self.order, &entry.payload.group) {
                    groups.add_in_flight(group);
                }
            }
            State::Visible => self.wakes += usize::from(self.order.add_visible(sequence, entry.payload.group.as_ref())),
        }
        self.entries.insert(sequence, entry);
    }

    /// Applies what time has brought: ended delays and timeouts make visible, ended retention removes. Returns what was removed.
    pub(crate) fn settle(&mut self, now: Moment, retention: Duration) -> Vec<(u64, Entry)> {
        while let Some((moment, sequence)) = self.deadlines.first().copied() {
            if moment > now {
                break;
            }
            self.make_visible(sequence);
        }
        let horizon = now.minus(retention);
        let mut expired = Vec::new();
        while let Some((sent_at, sequence)) = self.ages.first().copied() {
            if sent_at > horizon {
                break;
            }
            match self.remove(sequence) {
                Some(entry) => expired.push((sequence, entry)),
                None => {
                    self.ages.remove(&(sent_at, sequence));
                }
            }
        }
        expired
    }

    /// The message to receive next. `skip` passes over some of the oldest (standard queues; each costs a step); `continuing` is the group that this receive
    /// has locked already (FIFO queues).
    pub(crate) fn candidate(&self, skip: usize, continuing: Option<&Arc<str>>) -> Option<u64> {
        match &self.order {
            Order::Standard(visible) => visible.iter().nth(skip).copied(),
            Order::Fifo(groups) => groups.candidate(continuing),
        }
    }

    /// Receives a visible message: in flight until the given moment, counted once more.
    pub(crate) fn take(&mut self, sequence: u64, now: Moment, until: Moment) -> Option<&Entry> {
        let entry = self.entries.get_mut(&sequence)?;
        debug_assert_eq!(entry.state, State::Visible, "only what is visible is received");
        match &mut self.order {
            Order::Standard(visible) => {
                visible.remove(&sequence);
            }
            Order::Fifo(groups) => {
                if let Some(group) = &entry.payload.group {
                    groups.take(group, sequence);
                }
            }
        }
        entry.state = State::InFlight { until };
        entry.receive_count += 1;
        entry.first_received_at.get_or_insert(now);
        self.in_flight += 1;
        self.deadlines.insert((until, sequence));
        Some(entry)
    }

    /// Moves the end of a visibility timeout; an end that has come makes the message visible. Nothing happens to one not in flight.
    pub(crate) fn extend(&mut self, sequence: u64, now: Moment, until: Moment) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        let State::InFlight { until: before } = entry.state else { return };
        self.deadlines.remove(&(before, sequence));
        entry.state = State::InFlight { until };
        self.deadlines.insert((until, sequence));
        if until <= now {
            self.make_visible(sequence);
        }
    }

    /// Takes a message off the shelf, whatever its state.
    pub(crate) fn remove(&mut self, sequence: u64) -> Option<Entry> {
        let entry = self.entries.remove(&sequence)?;
        self.ages.remove(&(entry.sent_at, sequence));
        let group = entry.payload.group.as_ref();
        match entry.state {
            State::Delayed { until } => {
                self.delayed -= 1;
                self.deadlines.remove(&(until, sequence));
                self.wakes += usize::from(self.order.drop_waiting(sequence, group));
            }
            State::Visible => self.wakes += usize::from(self.order.drop_waiting(sequence, group)),
            State::InFlight { until } => {
                self.in_flight -= 1;
                self.deadlines.remove(&(until, sequence));
                if let (Order::Fifo(groups), Some(group)) = (&mut self.order, group) {
                    self.wakes += usize::from(groups.drop_in_flight(group));
                }
            }
        }
        Some(entry)
    }

    fn make_visible(&mut self, sequence: u64) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        let group = entry.payload.group.as_ref();
        let woken = match std::mem::replace(&mut entry.state, State::Visible) {
            State::Visible => false,
            State::Delayed { until } => {
                self.delayed -= 1;
                self.deadlines.remove(&(until, sequence));
                self.order.add_visible(sequence, group)
            }
            State::InFlight { until } => {
                self.in_flight -= 1;
                self.deadlines.remove(&(until, sequence));
                self.order.give_back(sequence, group)
            }
        };
        self.wakes += usize::from(woken);
    }
}

impl Order {
    /// Whether a waiter can be served by it; likewise below.
    fn add_visible(&mut self, sequence: u64, group: Option<&Arc<str>>) -> bool {
        match (self, group) {
            (Self::Standard(visible), _) => visible.insert(sequence),
            (Self::Fifo(groups), Some(group)) => groups.add_waiting(group, sequence, true),
            (Self::Fifo(_), None) => false,
        }
    }

    fn give_back(&mut self, sequence: u64, group: Option<&Arc<str>>) -> bool {
        match (self, group) {
            (Self::Standard(visible), _) => visible.insert(sequence),
            (Self::Fifo(groups), Some(group)) => groups.give_back(group, sequence),
            (Self::Fifo(_), None) => false,
        }
    }

    fn drop_waiting(&mut self, sequence: u64, group: Option<&Arc<str>>) -> bool {
        match (self, group) {
            (Self::Standard(visible), _) => {
                visible.remove(&sequence);
                false
            }
            (Self::Fifo(groups), Some(group)) => groups.drop_waiting(group, sequence),
            (Self::Fifo(_), None) => false,
        }
    }
}
