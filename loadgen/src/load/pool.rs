//! Our own keep-alive connections to the shop: as many as are needed at once, up to a limit, each used again when it is free.
//!
//! HTTP/1 carries one request at a time per connection, so an open schedule needs as many connections as there are requests under way. When the
//! limit is reached, buyers queue for one, and the wait counts as lateness of the generator.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::{LoadError, Target};

/// What a request carries.
pub(super) type Body = Full<Bytes>;

/// Most connections at once, files permitting.
const MOST_CONNECTIONS: u64 = 8_192;

/// Open files that the rest of the harness keeps for itself.
const FILES_FOR_OTHERS: u64 = 256;

/// Largest answer that is read: a page of rows takes a hundredth of it.
const ANSWER_LIMIT: usize = 1024 * 1024;

/// A free connection may have been closed by the server a moment ago. A request that was certainly not sent is tried on another one, this often.
const TRIES: u32 = 3;

/// The name of the shop is looked up once; this long at most.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// After a complete answer a connection is ready at once, unless the server is about to close it.
const READY_LIMIT: Duration = Duration::from_secs(1);

/// The connections.
#[derive(Debug)]
pub(super) struct Pool {
    address: SocketAddr,
    slots: Semaphore,
    free: Arc<Mutex<Vec<SendRequest<Body>>>>,
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
        Ok(Self { address, slots: Semaphore::new(slots), free: Arc::default(), opened: AtomicU64::new(0) })
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

    fn take_free(&self) -> Option<SendRequest<Body>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        // The one used last is the least likely to have been closed for idleness.
        std::iter::from_fn(|| free.pop()).find(SendRequest::is_ready)
    }

    /// Keeps a connection for the next request, as soon as it is ready for one (or never, when the server closes it).
    fn give_back(&self, mut connection: SendRequest<Body>) {
        let free = Arc::clone(&self.free);
        let keep = move |connection| free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        if connection.is_ready() {
            keep(connection);
        } else {
            tokio::spawn(async move {
                if let Ok(Ok(())) = timeout(READY_LIMIT, connection.ready()).await {
                    keep(connection);
                }
            });
        }
    }

    async fn open(&self) -> Result<SendRequest<Body>, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        // Ends when the sender is dropped or the server closes; how it ended shows in the exchange.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

impl Slot<'_> {
    /// Sends the request and reads the complete answer, until the deadline.
    pub(super) async fn exchange(self, request: Request<Body>, deadline: Instant) -> Exchange {
        let mut request = request;
        let mut why = String::new();
        for _ in 0..TRIES {
            let mut connection = match self.connection(deadline).await {
                Ok(connection) => connection,
                Err(why) => return Exchange::Unreachable { why },
            };
            match timeout_at(deadline, connection.try_send_request(request)).await {
                Err(_) => return Exchange::TimedOut { status: None },
                Ok(Ok(response)) => return self.answer(response, connection, deadline).await,
                Ok(Err(mut refused)) => match refused.take_message() {
                    // hyper hands the request back only when it did not begin to write it.
                    Some(unsent) => {
                        why = refused.into_error().to_string();
                        request = unsent;
                    }
                    None => return Exchange::Cut { status: None, why: refused.into_error().to_string() },
                },
            }
        }
        Exchange::Unreachable { why: format!("{TRIES} connections were closed before the request was sent: {why}") }
    }

    async fn connection(&self, deadline: Instant) -> Result<SendRequest<Body>, String> {
        match self.pool.take_free() {
            Some(connection) => Ok(connection),
            None => timeout_at(deadline, self.pool.open()).await.unwrap_or_else(|_| Err("no connection in time".to_owned())),
        }
    }

    async fn answer(&self, response: http::Response<Incoming>, connection: SendRequest<Body>, deadline: Instant) -> Exchange {
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect();
        match timeout_at(deadline, body).await {
            Err(_) => Exchange::TimedOut { status: Some(status) },
            Ok(Err(error)) if error.is::<LengthLimitError>() => Exchange::TooLong { status },
            Ok(Err(error)) => Exchange::Cut { status: Some(status), why: error.to_string() },
            Ok(Ok(body)) => {
                self.pool.give_back(connection);
                Exchange::Answered { status, body: body.to_bytes() }
            }
        }
    }
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
