//! Our own keep-alive connections to the shop: as many as are needed at once, up to a limit, each used again when it is free.
//!
//! HTTP/1 carries one request at a time per connection, so an open schedule needs as many connections as there are requests under way. When the
//! limit is reached, buyers queue for one, and the wait counts as lateness of the generator.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chaos::shortage::is_shortage;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::wire::{Failed, Wire};
use super::{LoadError, Target};
use crate::history::event::Complete;

/// Most connections at once, files permitting.
const MOST_CONNECTIONS: u64 = 8_192;

/// Open files that the rest of the harness keeps for itself.
const FILES_FOR_OTHERS: u64 = 256;

/// A free connection may have been closed by the server a moment ago. A request that was certainly not sent is tried on another one, this often.
const TRIES: u32 = 3;

/// The name of the shop is looked up once; this long at most.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// The connections.
#[derive(Debug)]
pub(super) struct Pool {
    address: SocketAddr,
    slots: Semaphore,
    free: Mutex<Vec<Wire>>,
    opened: AtomicU64,
}

/// The right to use one connection.
#[derive(Debug)]
pub(super) struct Slot<'p> {
    pool: &'p Pool,
    _permit: SemaphorePermit<'p>,
}

/// How sending a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exchange {
    /// The complete answer came.
    Answered {
        /// HTTP status.
        status: u16,
        /// The whole body.
        body: Bytes,
    },
    /// More came than an answer can be.
    TooLong {
        /// HTTP status.
        status: u16,
    },
    /// It did not come in time; the request may have been served.
    TimedOut {
        /// HTTP status, when at least that came.
        status: Option<u16>,
    },
    /// The connection ended first; the request may have been served.
    Cut {
        /// HTTP status, when at least that came.
        status: Option<u16>,
        /// Why.
        why: String,
    },
    /// Certainly nothing was sent.
    Unreachable {
        /// Why.
        why: String,
    },
}

impl Pool {
    /// Looks the shop's address up. Opens nothing yet.
    pub(super) async fn to(target: &Target) -> Result<Self, LoadError> {
        let wrong = |why: String| LoadError::Target { address: format!("http://{}", target.authority), why };
        let lookup = timeout(LOOKUP_LIMIT, tokio::net::lookup_host(target.host_and_port())).await;
        let mut addresses = lookup
            .map_err(|_| wrong(format!("its name was not found within {LOOKUP_LIMIT:?}")))?
            .map_err(|error| wrong(error.to_string()))?;
        let address = addresses.next().ok_or_else(|| wrong("its name has no address".to_owned()))?;
        let slots = usize::try_from(connection_limit()).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Self { address, slots: Semaphore::new(slots), free: Mutex::default(), opened: AtomicU64::new(0) })
    }

    /// Waits for the right to use a connection; None when the deadline comes first.
    pub(super) async fn slot(&self, deadline: Instant) -> Option<Slot<'_>> {
        let permit = timeout_at(deadline, self.slots.acquire()).await.ok()?;
        let permit = permit.expect("the semaphore is never closed");
        Some(Slot { pool: self, _permit: permit })
    }

    /// Connections opened so far.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    fn take_free(&self) -> Option<Wire> {
        let mut free = self.free();
        // The one used last is the least likely to have been closed for idleness.
        std::iter::from_fn(|| free.pop()).find(Wire::is_idle)
    }

    /// Keeps a connection for the next request.
    fn give_back(&self, connection: Wire) {
        self.free().push(connection);
    }

    fn free(&self) -> MutexGuard<'_, Vec<Wire>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self) -> Result<Wire, String> {
        let wire = Wire::open(self.address).await.map_err(|error| unreachable(&error))?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(wire)
    }
}

impl Slot<'_> {
    /// Sends the request and reads the complete answer, until the deadline.
    pub(super) async fn exchange(self, request: &[u8], deadline: Instant) -> Exchange {
        let mut why = String::new();
        for _ in 0..TRIES {
            let mut connection = match self.connection(deadline).await {
                Ok(connection) => connection,
                Err(why) => return Exchange::Unreachable { why },
            };
            match timeout_at(deadline, connection.exchange(request)).await {
                Err(_) => return Exchange::TimedOut { status: connection.status() },
                Ok(Err(Failed::Unsent(error))) => why = error.to_string(),
                Ok(Err(Failed::Cut(why))) => return Exchange::Cut { status: connection.status(), why },
                Ok(Err(Failed::TooLong)) => return Exchange::TooLong { status: connection.status().unwrap_or_default() },
                Ok(Ok(reply)) => {
                    if reply.keeps {
                        self.pool.give_back(connection);
                    }
                    return Exchange::Answered { status: reply.status, body: reply.body };
                }
            }
        }
        Exchange::Unreachable { why: format!("{TRIES} connections were closed before the request was sent: {why}") }
    }

    async fn connection(&self, deadline: Instant) -> Result<Wire, String> {
        match self.pool.take_free() {
            Some(connection) => Ok(connection),
            None => timeout_at(deadline, self.pool.open()).await.unwrap_or_else(|_| Err("no connection in time".to_owned())),
        }
    }
}

/// Why no connection could be opened. Whoever has no file or port left for one must not say that the shop was not there.
fn unreachable(error: &std::io::Error) -> String {
    if is_shortage(error) { format!("{}{error}", Complete::OURS) } else { error.to_string() }
}

/// As many as the process may have open files, after asking for all it can get.
fn connection_limit() -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let files = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, hard)| {
        let wanted = hard.min(MOST_CONNECTIONS + FILES_FOR_OTHERS);
        let raised = soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
        if raised { wanted } else { soft }
    });
    files.unwrap_or(1024).saturating_sub(FILES_FOR_OTHERS).clamp(16, MOST_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn a_generator_without_files_does_not_blame_the_shop() {
        let why = |errno: Errno| unreachable(&std::io::Error::from_raw_os_error(errno as i32));
        assert!(why(Errno::EMFILE).starts_with(Complete::OURS), "{}", why(Errno::EMFILE));
        assert!(!why(Errno::ECONNREFUSED).starts_with(Complete::OURS));
    }
}
