//! Receiving: at once or by long poll, and burying what was received too often.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Inner, Queue,
    message::{Entry, Payload},
    receipt::Receipt,
};
use crate::broker::{clock::Moment, journal::Record, refusal::Refusal};

/// What a receive asks for, checked.
#[derive(Debug, Clone)]
pub(crate) struct Receive {
    pub(crate) max_messages: usize,
    /// `None`: the queue's own.
    pub(crate) visibility_timeout: Option<Duration>,
    /// `None`: the queue's own.
    pub(crate) wait: Option<Duration>,
}

/// A received message.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) payload: Arc<Payload>,
    pub(crate) receipt_handle: String,
    pub(crate) sent_at: Moment,
    pub(crate) first_received_at: Moment,
    pub(crate) receive_count: u32,
    /// Of FIFO queues.
    pub(crate) sequence: Option<u64>,
}

/// Finds the dead-letter queue by name.
pub(crate) type FindQueue<'a> = &'a (dyn Fn(&str) -> Option<Arc<Queue>> + Send + Sync);

/// What to do with a message that was received too often.
enum Burial<'a> {
    /// Nobody has looked up the dead-letter queue yet.
    Undecided,
    /// There is no dead-letter queue to take it: the message stays, so nothing is lost.
    StayHere,
    Into(&'a Queue, &'a mut Inner),
}

enum Collected {
    Enough,
    /// The next message was received too often; its dead-letter queue has this name.
    NeedsBurial(String),
}

/// The step that the next message of a queue asks for.
enum Step {
    Deliver(u64),
    Bury(u64),
    FindGrave(String),
    Stop,
}

impl Queue {
    /// Receives up to `max_messages`, waiting for the first one as long as asked. An ending broker answers waiters with nothing.
    pub(crate) async fn receive(
        self: &Arc<Self>,
        request: &Receive,
        find: FindQueue<'_>,
        shutdown: &CancellationToken,
    ) -> Result<Vec<Received>, Refusal> {
        let wait = self.wait_of(request);
        if wait.is_zero() {
            return Ok(self.receive_now(request, find, true)?.0);
        }
        self.start_timer();
        let deadline = Instant::now() + wait;
        loop {
            // Registered before looking, so nothing that arrives in between is missed. A waiter that was woken and is dropped, or finds
            // its message by looking, hands the wake-up on: that is `Notify`'s promise.
            let arrival = self.arrivals.notified();
            tokio::pin!(arrival);
            arrival.as_mut().enable();
            let (received, pretends_empty) = self.receive_now(request, find, false)?;
            if !received.is_empty() || pretends_empty {
                return Ok(received);
            }
            tokio::select! {
                () = &mut arrival => {}
                () = tokio::time::sleep_until(deadline) => return Ok(Vec::new()),
                () = self.closed.cancelled() => return Err(Refusal::QueueDoesNotExist),
                () = shutdown.cancelled() => return Ok(Vec::new()),
            }
        }
    }

    /// Whether the receive is a long poll.
    pub(crate) fn waits(&self, request: &Receive) -> bool {
        !self.wait_of(request).is_zero()
    }

    fn wait_of(&self, request: &Receive) -> Duration {
        request.wait.unwrap_or_else(|| self.lock().settings.receive_wait)
    }

    /// Receives what can be received now; and whether an unruly queue only pretended that there is nothing.
    fn receive_now(&self, request: &Receive, find: FindQueue<'_>, short_poll: bool) -> Result<(Vec<Received>, bool), Refusal> {
        let mut received = Vec::new();
        let mut pretends_empty = false;
        let collected = self.change(|inner, now| {
            inner.check_exists()?;
            inner.receives += 1;
            if !inner.settings.fifo {
                pretends_empty = inner.shelf.counts().visible > 0 && self.coin.answers_empty(inner.receives);
                if short_poll && inner.shelf.counts().in_flight >= self.surroundings.max_in_flight {
                    let limit = self.surroundings.max_in_flight;
                    return Err(Refusal::OverLimit(format!("The queue {} has {limit} messages in flight, the maximum.", self.name)));
                }
            }
            if pretends_empty {
                return Ok(Collected::Enough);
            }
            Ok(self.collect(inner, request, now, Burial::Undecided, &mut received))
        })?;
        if let Collected::NeedsBurial(name) = collected {
            match find(&name).filter(|grave| grave.id != self.id) {
                Some(grave) => self.change_with(&grave, |inner, theirs, now| {
                    let fits = !theirs.deleted && theirs.settings.fifo == inner.settings.fifo;
                    let burial = if fits { Burial::Into(&grave, theirs) } else { Burial::StayHere };
                    self.collect(inner, request, now, burial, &mut received)
                }),
                None => self.change(|inner, now| self.collect(inner, request, now, Burial::StayHere, &mut received)),
            };
        }
        Ok((received, pretends_empty))
    }

    /// Receives until there are enough or none is left.
    fn collect(
        &self,
        inner: &mut Inner,
        request: &Receive,
        now: Moment,
        mut burial: Burial<'_>,
        received: &mut Vec<Received>,
    ) -> Collected {
        let until = now.plus(request.visibility_timeout.unwrap_or(inner.settings.visibility_timeout));
        let mut group = None;
        loop {
            let skip = self.skip(inner);
            match next_step(inner, received.len(), request.max_messages, skip, group.as_ref(), &burial, self.surroundings.max_in_flight) {
                Step::Stop => return Collected::Enough,
                Step::FindGrave(name) => return Collected::NeedsBurial(name),
                Step::Bury(sequence) => {
                    if let Burial::Into(grave, theirs) = &mut burial {
                        self.bury(inner, sequence, grave, theirs, now);
                    }
                }
                Step::Deliver(sequence) => {
                    let fifo = inner.settings.fifo;
                    let Some(entry) = inner.shelf.take(sequence, now, until) else { return Collected::Enough };
                    self.record(&Record::Received { queue: self.id, sequence, receive_count: entry.receive_count, at: now, until });
                    group.clone_from(&entry.payload.group);
                    received.push(self.handed_out(sequence, entry, fifo, now));
                }
            }
        }
    }

    fn skip(&self, inner: &mut Inner) -> usize {
        inner.deliveries += 1;
        if inner.settings.fifo { 0 } else { self.coin.skips(inner.deliveries, inner.shelf.counts().visible) }
    }

    fn handed_out(&self, sequence: u64, entry: &Entry, fifo: bool, now: Moment) -> Received {
        let receipt = Receipt { queue: self.id, sequence, receive_count: entry.receive_count };
        Received {
            payload: Arc::clone(&entry.payload),
            receipt_handle: receipt.encode(),
            sent_at: entry.sent_at,
            first_received_at: entry.first_received_at.unwrap_or(now),
            receive_count: entry.receive_count,
            sequence: fifo.then_some(sequence),
        }
    }
}

/// Decides what the next message asks for.
fn next_step(
    inner: &Inner,
    have: usize,
    want: usize,
    skip: usize,
    group: Option<&Arc<str>>,
    burial: &Burial<'_>,
    max_in_flight: usize,
) -> Step {
    if have >= want || inner.shelf.counts().in_flight >= max_in_flight {
        return Step::Stop;
    }
    let Some((sequence, entry)) = inner.shelf.candidate(skip, group).and_then(|sequence| Some((sequence, inner.shelf.get(sequence)?)))
    else {
        return Step::Stop;
    };
    match (&inner.settings.redrive, burial) {
        (Some(redrive), Burial::Undecided) if entry.own_count() >= redrive.max_receive_count => {
            Step::FindGrave(redrive.target_name.clone())
        }
        (Some(redrive), Burial::Into(..)) if entry.own_count() >= redrive.max_receive_count => Step::Bury(sequence),
        _ => Step::Deliver(sequence),
    }
}
