//! The bounded queue between those who record and the thread that writes.
//!
//! A line gets its time under the queue's lock, so the order of the file is the order of its times. A full queue makes the recorder wait:
//! that shows as lateness of the generator, and nothing is ever dropped. Each wait is bounded: a writer that makes no room for
//! [`FULL_LIMIT`] has failed, and the failure sticks.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::clock::RunClock;
use super::event::{Event, Line};

/// Lines that may wait for the writer: about two seconds of 20,000 attempts a second.
const CAPACITY: usize = 65_536;

/// Lines for which the writer is woken before its time. Waking it for each line would cost the recorder more than the line.
const WORTH_WAKING: usize = 4_096;

/// How long a recorder waits for room before it gives the history up: far longer than any healthy disk stalls.
const FULL_LIMIT: Duration = Duration::from_secs(10);

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    clock: RunClock,
    inner: Mutex<Inner>,
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    lines: VecDeque<Line>,
    closed: bool,
    failure: Option<String>,
}

/// What the writer got.
#[derive(Debug)]
pub(super) enum Taken {
    /// These lines, at least one.
    Lines(VecDeque<Line>),
    /// Nothing within the time it was ready to wait.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

impl Queue {
    pub(super) fn new(clock: RunClock) -> Self {
        Self { clock, inner: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new() }
    }

    /// Dates the event and puts it at the end. After a failure or the close it is ignored: the failure is reported once, at the end.
    pub(super) fn push(&self, event: Event) {
        let mut inner = self.lock();
        while inner.lines.len() >= CAPACITY && inner.failure.is_none() {
            let (next, waited) = self.emptied.wait_timeout(inner, FULL_LIMIT).unwrap_or_else(PoisonError::into_inner);
            inner = next;
            if waited.timed_out() && inner.lines.len() >= CAPACITY {
                inner.failure = Some(format!("the writer made no room among {CAPACITY} lines for {FULL_LIMIT:?}"));
            }
        }
        if inner.failure.is_some() || inner.closed {
            return;
        }
        let line = Line { at: self.clock.now(), event };
        inner.lines.push_back(line);
        let worth_waking = inner.lines.len() == WORTH_WAKING;
        drop(inner);
        if worth_waking {
            self.filled.notify_one();
        }
    }

    /// Takes everything that comes within `patience`, and sooner when it is much, or all.
    pub(super) fn take(&self, patience: Duration) -> Taken {
        let waiting = self.filled.wait_timeout_while(self.lock(), patience, |inner| inner.lines.len() < WORTH_WAKING && !inner.closed);
        let mut inner = waiting.unwrap_or_else(PoisonError::into_inner).0;
        if inner.lines.is_empty() {
            return if inner.closed { Taken::Closed } else { Taken::Nothing };
        }
        let room = inner.lines.capacity().min(2 * WORTH_WAKING);
        let lines = std::mem::replace(&mut inner.lines, VecDeque::with_capacity(room));
        drop(inner);
        self.emptied.notify_all();
        Taken::Lines(lines)
    }

    /// No line comes after this.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// The writer cannot go on; the first reason stays.
    pub(super) fn fail(&self, reason: String) {
        self.lock().failure.get_or_insert(reason);
        self.emptied.notify_all();
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
