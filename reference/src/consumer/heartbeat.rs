//! Keeps the messages of a batch hidden for as long as they are worked on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::defects::instead;
use crate::messaging::receive::Queue;

/// A beat is due this many times per visibility timeout, and over when the next one is due, so that one beat may fail without harm, be it
/// by getting no answer.
const BEATS_PER_VISIBILITY: u32 = 3;

/// Extends the visibility of the messages that were not let go yet. Stops when dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    held: Arc<Mutex<BTreeSet<String>>>,
    task: JoinHandle<()>,
}

impl Heartbeat {
    /// Starts beating for the messages of these receipt handles.
    pub(super) fn start(queue: Queue, visibility: Duration, receipt_handles: impl IntoIterator<Item = String>) -> Self {
        let held = Arc::new(Mutex::new(receipt_handles.into_iter().collect()));
        let task = tokio::spawn(beat(queue, visibility, Arc::clone(&held)));
        Self { held, task }
    }

    /// Stops extending a message, because its fate is decided. Call before deleting it or changing its visibility.
    pub(super) fn let_go(&self, receipt_handle: &str) {
        lock(&self.held).remove(receipt_handle);
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn beat(queue: Queue, visibility: Duration, held: Arc<Mutex<BTreeSet<String>>>) {
    instead!(ShortVisibility => return);
    let period = visibility / BEATS_PER_VISIBILITY;
    let mut beats = interval(period);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is immediate, and the receive has just hidden the messages.
    beats.tick().await;
    loop {
        beats.tick().await;
        let changes: Vec<_> = lock(&held).iter().map(|handle| (handle.clone(), visibility)).collect();
        if changes.is_empty() {
            return;
        }
        let (failed, reason) = match timeout(period, queue.change_visibility_batch(&changes)).await {
            Ok(results) => {
                let failed: Vec<_> = results.into_iter().filter_map(Result::err).collect();
                (failed.len(), failed.first().map(ToString::to_string))
            }
            Err(_) => (changes.len(), Some(format!("no answer within {period:?}"))),
        };
        if let Some(reason) = reason {
            // The messages may be delivered twice now, which their handler can stand.
            tracing::warn!(queue = queue.name(), messages = failed, reason, "a heartbeat failed");
            metrics::counter!("rushproof_heartbeat_errors_total", "queue" => queue.name().to_owned()).increment(1);
        }
    }
}

fn lock(held: &Mutex<BTreeSet<String>>) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
    // Insertions and removals leave the set whole even if a panic happened elsewhere.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
