//! Drain: nobody arrives any more; the pipeline works off what it took, until it is quiet.

use std::time::Duration;

use reference::messaging::redrive::RedriveError;
use tokio::time::Instant;

use crate::history::event::{QueueDepth, Sample};
use crate::observe::eye::{Eye, LookError};
use crate::run::error_chain;

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(100);

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drained {
    /// Whether quiescence was reached.
    pub reached: bool,
    /// What there is to say about it.
    pub note: String,
}

/// Waits until the pipeline is quiet: nothing in the outbox, no production open, no message visible, in flight or delayed in a queue that
/// somebody works on, nothing unread by the harness, and all that for `quiet_for`. Dead-letter queues may hold what they hold.
///
/// # Errors
/// Never: a look that fails counts as "not quiet yet", and the note says so when it was the last.
pub async fn drain(eye: &Eye, timeout: Duration, quiet_for: Duration, mut each: impl FnMut(&str)) -> Drained {
    let began = Instant::now();
    let deadline = began + timeout;
    let mut quiet_since: Option<Instant> = None;
    loop {
        let busy = match look(eye).await {
            Ok(busy) => busy,
            Err(error) => Some(error_chain(&error)),
        };
        let now = Instant::now();
        match &busy {
            None => {
                let since = *quiet_since.get_or_insert(now);
                each("quiet");
                if now.duration_since(since) >= quiet_for {
                    return Drained { reached: true, note: format!("quiet after {:.1} s", since.duration_since(began).as_secs_f64()) };
                }
            }
            Some(what) => {
                quiet_since = None;
                each(what);
            }
        }
        if now >= deadline {
            let what = busy.unwrap_or_else(|| "not quiet for long enough".to_owned());
            return Drained { reached: false, note: format!("gave up after {:.0} s: {what}", timeout.as_secs_f64()) };
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// How long moving one dead-letter queue back may take.
const REDRIVE_WITHIN: Duration = Duration::from_secs(60);

/// Moves every dead letter back to the queue that it came from, once: what was captured because of a trouble that is over gets done now,
/// and only what nobody can handle comes back. Returns how many were moved.
///
/// # Errors
/// When a dead-letter queue cannot be read or moved.
pub async fn redrive(eye: &Eye) -> Result<u64, RedriveError> {
    let mut moved = 0;
    for (work, dead) in eye.queues().work.iter().zip(&eye.queues().dead_letter) {
        if dead.depth().await?.total() > 0 {
            moved += dead.redrive_to(work, REDRIVE_WITHIN).await?.moved;
        }
    }
    Ok(moved)
}

async fn look(eye: &Eye) -> Result<Option<String>, LookError> {
    let sample = eye.look().await?;
    if let Some(busy) = busy(&sample) {
        return Ok(Some(busy));
    }
    if let Some(restless) = eye.restless().await? {
        return Ok(Some(restless));
    }
    let unread = eye.unread().await?;
    Ok((unread > 0).then(|| format!("{unread} published messages are unread by the harness")))
}

/// What still moves, in words; None when nothing does.
#[must_use]
pub fn busy(sample: &Sample) -> Option<String> {
    let mut moving = Vec::new();
    if let Some(outbox @ 1..) = sample.outbox {
        moving.push(format!("the outbox holds {outbox}"));
    }
    if let Some(open @ 1..) = sample.open_productions {
        moving.push(format!("{open} productions are open"));
    }
    for queue in sample.queues.iter().filter(|queue| !queue.dead_letter) {
        let total = waiting(queue);
        if total > 0 {
            moving.push(format!("{} holds {total} ({} in flight)", queue.queue, queue.in_flight));
        }
    }
    (!moving.is_empty()).then(|| moving.join(", "))
}

/// Messages of a queue that are there in whatever state.
#[must_use]
pub fn waiting(queue: &QueueDepth) -> u64 {
    queue.visible + queue.in_flight + queue.delayed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str, dead_letter: bool, visible: u64, in_flight: u64, delayed: u64) -> QueueDepth {
        QueueDepth { queue: name.to_owned(), dead_letter, visible, in_flight, delayed }
    }

    #[test]
    fn an_empty_pipeline_with_dead_letters_is_quiet() {
        let sample = Sample { queues: vec![queue("stock_queue", false, 0, 0, 0), queue("stock_dlq", true, 3, 0, 0)], ..Sample::default() };
        assert_eq!(busy(&sample), None);
    }

    #[test]
    fn whatever_still_moves_is_named() {
        let sample =
            Sample { queues: vec![queue("stock_queue", false, 0, 1, 2)], outbox: Some(4), open_productions: Some(1), ..Sample::default() };
        assert_eq!(busy(&sample).as_deref(), Some("the outbox holds 4, 1 productions are open, stock_queue holds 3 (1 in flight)"));
    }
}
