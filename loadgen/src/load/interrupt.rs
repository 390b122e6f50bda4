//! Ctrl-C stays with the harness.
//!
//! goose installs a handler for the whole process: the first Ctrl-C would stop its users, the second would call `exit(1)`, past every drain
//! and every proof. The library it uses for that accepts one handler per process, so ours is there first and its one is refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use tokio_util::sync::CancellationToken;

/// Loads under way, each of which an interrupt ends.
static RUNNING: Mutex<Vec<(u64, CancellationToken)>> = Mutex::new(Vec::new());

/// Number of the next load in this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

static INSTALL: Once = Once::new();

/// Takes SIGINT before the load engine can. Call it first in `main`, and listen with `tokio::signal` afterwards as usual: both are told.
/// Without a listener, an interrupt ends the load under way, and is ignored while there is none.
pub fn keep_interrupts() {
    INSTALL.call_once(|| {
        let installed = ctrlc::set_handler(|| {
            for (_, stop) in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                stop.cancel();
            }
        });
        if let Err(error) = installed {
            tracing::warn!(%error, "interrupts cannot be kept from the load engine; a second Ctrl-C may end the process at once");
        }
    });
}

/// While this lives, an interrupt ends the load.
#[derive(Debug)]
pub(super) struct Interrupts {
    number: u64,
}

pub(super) fn ends(stop: &CancellationToken) -> Interrupts {
    keep_interrupts();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push((number, stop.clone()));
    Interrupts { number }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|(number, _)| *number != self.number);
    }
}
