//! Taps: proxies that stand on a hop.
//!
//! A tap never listens by itself: it is given a listener, so the caller decides where (and tests use port 0). Where its upstream is
//! gone, it behaves as the upstream would: the connection is reset, nobody answers in its name.

pub mod aws;
pub mod http;
pub mod tcp;

mod door;
mod listener;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::http::uri::Authority;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::decision::{Fault, Point, Rule, SendFault};
use crate::faults::{Faults, Hit, Strike};
use crate::observe::{Exchange, Extractor, Fired, Ids, Observer, TookEffect, Unobserved};
use crate::shortage::{self, Shortage};

pub use self::door::{Closed, Door};

/// The hop that a tap stands on: its name, what may happen there, and who listens.
#[derive(Clone)]
pub struct Hop {
    /// Name, as rules select it.
    pub name: Arc<str>,
    /// The rules.
    pub faults: Faults,
    /// Who listens.
    pub observer: Arc<dyn Observer>,
    /// Where business ids are.
    pub extract: Extractor,
    /// Limits.
    pub limits: Limits,
}

/// A limit on everything that a tap waits for or keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
    /// Bytes of a body, either way. A longer request is answered 413; a longer answer is given up.
    pub body: usize,
    /// Bytes of a request's head.
    pub head: usize,
    /// Until a connection to the upstream stands.
    pub connect: Duration,
    /// Until a client has sent a head, or a body, in full.
    pub read: Duration,
    /// Until a client has taken something of an answer that is being sent.
    pub write: Duration,
    /// Until the upstream has answered in full; longer than the longest long poll.
    pub answer: Duration,
    /// Until a TCP connection on which nothing passes, in one of its directions that should, is given up, and a blackhole with it.
    pub idle: Duration,
    /// Messages held back at a time; more are sent on at once.
    pub held_messages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            body: 8 << 20,
            head: 64 << 10,
            connect: Duration::from_secs(5),
            read: Duration::from_secs(30),
            write: Duration::from_secs(30),
            answer: Duration::from_secs(90),
            idle: Duration::from_secs(600),
            held_messages: 10_000,
        }
    }
}

/// Where a tap forwards to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Host and port.
    authority: Authority,
}

/// Text that names no upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no upstream; write host:port or http://host:port, without a path")]
pub struct UpstreamError {
    text: String,
}

/// A tap that is up. Dropping it ends it at once; [`Tap::stop`] lets it finish.
#[derive(Debug)]
pub struct Tap {
    door: Door,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    accepting: JoinHandle<()>,
}

/// Why a tap could not start or end.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The listener has no address.
    #[error("the listener of the tap on {hop} has no address; give the tap a listener that is bound")]
    Listener {
        /// Name of the hop.
        hop: Arc<str>,
        /// Why.
        source: io::Error,
    },
    /// It did not close, or did not open again.
    #[error(
        "the tap on {address} is not {wanted} after {within:?}; another process took the port meanwhile, or the machine has too much to do"
    )]
    Door {
        /// Where it listens, or should.
        address: SocketAddr,
        /// "closed" or "open".
        wanted: &'static str,
        /// For how long was waited.
        within: Duration,
    },
    /// Connections or held messages were cut off.
    #[error(
        "the tap on {address} still had {open} connections or messages after {within:?}; they were cut off, so what became of them is unknown"
    )]
    Busy {
        /// Where it listened.
        address: SocketAddr,
        /// How many.
        open: usize,
        /// For how long was waited.
        within: Duration,
    },
}

impl Hop {
    /// A hop without observer and business ids, with the default limits.
    #[must_use]
    pub fn new(name: &str, faults: Faults) -> Self {
        let extract: Extractor = Arc::new(|_| Ids::default());
        Self { name: name.into(), faults, observer: Arc::new(Unobserved), extract, limits: Limits::default() }
    }

    /// Reports there.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Finds business ids so.
    #[must_use]
    pub fn identified_by(mut self, extract: Extractor) -> Self {
        self.extract = extract;
        self
    }

    /// Other limits.
    #[must_use]
    pub fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reports every fault of a strike.
    fn report(&self, point: Point, ids: &Ids, strike: &Strike) {
        // Poison is reported when it is sent, with its text.
        for hit in strike.hits().iter().filter(|hit| !matches!(hit.fault(), Fault::Send(SendFault::Poison { .. }))) {
            self.report_one(point, ids, strike, hit, None);
        }
    }

    /// Reports what became of a request, and every rule that shows in it for the first time.
    fn passed(&self, exchange: Exchange) {
        if !exchange.rules.is_empty() {
            for armed in self.faults.shown_by(&exchange) {
                self.report_effect(&armed.rule, exchange.in_words());
            }
        }
        self.observer.exchange(exchange);
    }

    /// A rule was seen to take effect where no exchange shows it.
    fn saw(&self, hit: &Hit, seen: impl FnOnce() -> String) {
        if self.faults.confirm_effective(hit.rule()) {
            self.report_effect(&hit.armed.rule, seen());
        }
    }

    /// Reports what the tap itself lacked, when that is why something went wrong.
    fn tell_of_shortage(&self, wanted: &'static str, error: &(dyn std::error::Error + 'static)) {
        if let Some(error) = shortage::among_causes(error) {
            self.observer.fell_short(Shortage { hop: Arc::clone(&self.name), wanted, error: error.to_string() });
        }
    }

    fn report_effect(&self, rule: &Rule, seen: String) {
        let (name, hop) = (Arc::clone(&rule.name), Arc::clone(&self.name));
        self.observer.took_effect(TookEffect { rule: name, fault: rule.fault.name(), hop, at: Instant::now(), seen });
    }

    fn report_one(&self, point: Point, ids: &Ids, strike: &Strike, hit: &Hit, note: Option<String>) {
        let (rule, fault) = (hit.rule(), hit.fault().name());
        tracing::debug!(hop = %self.name, rule = %rule, fault, id = ids.deciding(), "a fault struck");
        self.observer.fired(Fired {
            rule: Arc::clone(rule),
            fault,
            hop: Arc::clone(&self.name),
            point,
            ids: ids.clone(),
            id: strike.id().into(),
            attempt: strike.attempt(),
            at: Instant::now(),
            note,
        });
    }
}

impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hop").field("name", &self.name).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Numbers what passes a hop.
#[derive(Debug, Default)]
struct Sequence(AtomicU64);

impl Sequence {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Upstream {
    /// Reads "host:port" or "http://host:port".
    ///
    /// # Errors
    /// [`UpstreamError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, UpstreamError> {
        let failed = || UpstreamError { text: text.to_owned() };
        let rest = match text.split_once("://") {
            Some(("http" | "tcp" | "mysql", rest)) => rest,
            Some(_) => return Err(failed()),
            None => text,
        };
        let authority: Authority = rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_| failed())?;
        match (authority.port_u16(), authority.as_str().contains('@')) {
            (Some(1..), false) => Ok(Self { authority }),
            // Port 80 is HTTP's own.
            (None, false) if text.starts_with("http://") => {
                let authority = format!("{authority}:80").parse().map_err(|_| failed())?;
                Ok(Self { authority })
            }
            _ => Err(failed()),
        }
    }

    /// "host:port".
    #[must_use]
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The host alone.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.authority();
        authority.rsplit_once(':').map_or(authority, |(host, _)| host)
    }

    /// Whether it is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.host())
    }
}

/// Whether a host is this machine; a name other than "localhost" is not looked up, and is not.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl From<SocketAddr> for Upstream {
    fn from(address: SocketAddr) -> Self {
        Self { authority: address.to_string().parse().expect("an address and a port are an authority") }
    }
}

impl Tap {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Its door.
    #[must_use]
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// Accepts no more, and lets every connection finish the request it is at; cuts off what is left after `within`.
    /// Heal the hop's faults first, so that nothing is held.
    ///
    /// # Errors
    /// [`TapError::Busy`] when something was cut off.
    pub async fn stop(mut self, within: Duration) -> Result<(), TapError> {
        self.shutdown.cancel();
        let (address, tasks) = (self.address(), self.tasks.clone());
        // Ok or not: a task that accepts connections ends when it is told to.
        let _ = (&mut self.accepting).await;
        tasks.close();
        match tokio::time::timeout(within, tasks.wait()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(TapError::Busy { address, open: tasks.len(), within }),
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.accepting.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_host_and_a_port() {
        for (text, authority) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("http://localhost:9324/", "localhost:9324"),
            ("http://shop", "shop:80"),
            ("[::1]:3306", "[::1]:3306"),
        ] {
            assert_eq!(Upstream::parse(text).unwrap().authority(), authority);
        }
        for text in ["", "localhost", "https://localhost:1", "http://a:1/path", "http://user@a:1", "a:0", "a:99999"] {
            assert!(Upstream::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Upstream::parse("[::1]:3306").unwrap().host(), "[::1]");
    }
}
