//! What goes wrong meanwhile: taps on every hop of the pipeline, rules that are put into force when their window opens and taken out when
//! it closes, and the proof of both.
//!
//! - [`Hops::stand`] puts a tap before an address; whoever is told that address goes through the tap. The harness itself never does.
//! - `windows` opens and closes rules by time, progress and phase, and writes what became of them into the history.
//! - `scribe` writes what passed and what struck.
//! - `ids` finds the business ids by which decisions are made.
//! - [`incidents`] are done to processes, the database and listeners.
//! - [`FiredFile`] keeps what really fired, beside the plan.
//! - `canary` proves at the end that every tap passes on what it is given, promptly and unchanged.
//!
//! Everything heals when [`Hops`] is dropped: at the end, on an interrupt, on a panic.

mod canary;
mod fired;
mod ids;
pub mod incidents;
mod poison;
mod scribe;
mod windows;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos::decision::TapKind;
use chaos::faults::Faults;
use chaos::tap::{self, Door, Hop, Limits, Tap, TapError, Upstream, UpstreamError};
use http::Uri;
use tokio::net::TcpListener;

pub use self::fired::{FiredError, FiredFile, StrikeRow, UnknownPoint};
pub use self::poison::Poison;

use self::canary::Canary;
use self::scribe::Scribe;
use self::windows::Windows;
use crate::history::clock::RunClock;
use crate::history::event::{Event, FaultMark, FaultState};
use crate::history::writer::Recorder;

/// How long a rule may hold on to what it struck once it is healed: longer than the longest poll of SQS (20 s), which it may have struck.
const HEALED_WITHIN: Duration = Duration::from_secs(30);

/// How long a tap may take to let go of its connections. Whoever used them is gone by then.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// The longest that a tap waits for an answer: longer than any caller does, so that the tap is never the one who gives up.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);

/// Why a hop has no tap.
#[derive(Debug, thiserror::Error)]
pub enum HopError {
    /// The address cannot be forwarded to.
    #[error("hop {hop}: {address:?} cannot be tapped")]
    Address {
        /// The hop.
        hop: String,
        /// What stands behind it.
        address: String,
        /// Why not.
        source: UpstreamError,
    },
    /// It stands on another machine, which nobody has allowed.
    #[error("hop {hop}: {host} is not this machine; if you mean it, add --allow-remote {host}")]
    Remote {
        /// The hop.
        hop: String,
        /// The host behind it.
        host: String,
    },
    /// No port for the tap.
    #[error("hop {hop}: cannot listen on a free port of loopback; is the limit of open files (ulimit -n) too low?")]
    Listen {
        /// The hop.
        hop: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The tap did not start.
    #[error("hop {hop}: the tap did not start")]
    Tap {
        /// The hop.
        hop: String,
        /// Why not.
        source: TapError,
    },
}

/// Every hop of a run, and what may happen there.
#[derive(Debug)]
pub struct Hops {
    faults: Faults,
    recorder: Recorder,
    scribe: Scribe,
    windows: Option<Windows>,
    planned: chaos::plan::Plan,
    allow_remote: Vec<String>,
    standing: Mutex<Vec<Standing>>,
}

/// A tap where it stands.
#[derive(Debug)]
struct Standing {
    hop: String,
    kind: TapKind,
    upstream: Upstream,
    tap: Tap,
}

impl Hops {
    /// No hop yet; `seed` is that of all decisions, `allow_remote` names the hosts beyond this machine that may be tapped.
    #[must_use]
    pub fn new(planned: &chaos::plan::Plan, seed: u64, clock: RunClock, recorder: &Recorder, allow_remote: &[String]) -> Self {
        let faults = Faults::new(seed);
        let scribe = Scribe::start(recorder.clone(), clock, Poison::of(planned), seed);
        Self {
            faults,
            recorder: recorder.clone(),
            scribe,
            windows: None,
            planned: planned.clone(),
            allow_remote: allow_remote.to_vec(),
            standing: Mutex::default(),
        }
    }

    /// The rules in force; who drives the load tells it the phase and the sales.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Puts a tap before `address` ("http://127.0.0.1:41001/path", or "127.0.0.1:3306") and returns the address to go to instead.
    ///
    /// # Errors
    /// [`HopError`], naming the hop.
    pub async fn stand(&self, hop: &str, kind: TapKind, address: &str) -> Result<String, HopError> {
        let (authority, path) = split(address);
        let upstream = self.may_reach(hop, &authority)?;
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(loopback).await.map_err(|source| HopError::Listen { hop: hop.to_owned(), source })?;
        let point = Hop::new(hop, self.faults.clone())
            .observed_by(self.scribe.observer())
            .identified_by(ids::extractor())
            .within(Limits { answer: ANSWER_WITHIN, ..Limits::default() });
        let started = match kind {
            TapKind::Http => tap::http::start(listener, &upstream, point),
            TapKind::Aws => tap::aws::start(listener, &upstream, point),
            TapKind::Tcp => tap::tcp::start(listener, &upstream, point),
        };
        let tap = started.map_err(|source| HopError::Tap { hop: hop.to_owned(), source })?;
        let entrance = match kind {
            TapKind::Tcp => tap.address().to_string(),
            TapKind::Http | TapKind::Aws => format!("http://{}{path}", tap.address()),
        };
        let standing = Standing { hop: hop.to_owned(), kind, upstream, tap };
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).push(standing);
        Ok(entrance)
    }

    /// Refuses what is no address ("127.0.0.1:3306"), and what stands on another machine, unless its host was named.
    ///
    /// # Errors
    /// [`HopError`], naming the hop.
    pub fn may_reach(&self, hop: &str, address: &str) -> Result<Upstream, HopError> {
        let unusable = |source| HopError::Address { hop: hop.to_owned(), address: address.to_owned(), source };
        let upstream = Upstream::parse(address).map_err(unusable)?;
        if upstream.is_loopback() || self.allow_remote.iter().any(|host| host == upstream.host()) {
            return Ok(upstream);
        }
        Err(HopError::Remote { hop: hop.to_owned(), host: upstream.host().to_owned() })
    }

    /// Names of all hops.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|standing| standing.hop.clone()).collect()
    }

    /// The door of each hop, by its name.
    #[must_use]
    pub fn doors(&self) -> Vec<(String, Door)> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.iter().map(|at| (at.hop.clone(), at.tap.door())).collect()
    }

    /// From here on rules come into force as their windows open. Their times count from now, until the load says better.
    pub fn begin(&mut self) {
        self.faults.start_at(tokio::time::Instant::now());
        let windows = Windows::open(self.planned.rules.clone(), self.faults.clone(), self.recorder.clone(), self.scribe.clone());
        self.windows = Some(windows);
    }

    /// Takes every rule out of force and proves it: no rule active, nothing held, and a canary through each tap is answered as promptly and
    /// in the same way as one that goes past it. What was struck is in the history before this returns.
    ///
    /// What cannot be proved is written into the history, and leaves the verdict UNKNOWN.
    pub async fn heal(&mut self) {
        let Some(windows) = self.windows.take() else { return };
        let rules = windows.close(HEALED_WITHIN).await;
        let mut left: Vec<String> = self.faults.heal(HEALED_WITHIN).await.err().map(|error| error.to_string()).into_iter().collect();
        self.scribe.flush().await;
        if rules.is_empty() {
            return;
        }
        for canary in self.canaries() {
            left.extend(canary.fly().await.err().map(|error| error.to_string()));
        }
        self.scribe.flush().await;
        let missed = self.scribe.missed_firings();
        left.extend((missed > 0).then(|| format!("{missed} firings were not written down")));
        windows::conclude(&rules, &left, &self.recorder);
    }

    /// Ends every tap, whoever used them being gone. Returns what fired, and how many exchanges were not written down because nobody could
    /// have kept up.
    pub async fn stop(self) -> (FiredFile, u64) {
        let standing = std::mem::take(&mut *self.standing.lock().unwrap_or_else(PoisonError::into_inner));
        for Standing { hop, tap, .. } in standing {
            if let Err(error) = tap.stop(STOPPED_WITHIN).await {
                tracing::debug!(%error, hop, "a tap was cut off");
            }
        }
        self.scribe.flush().await;
        (self.scribe.fired(), self.scribe.missed_exchanges())
    }

    fn canaries(&self) -> Vec<Canary> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.iter().map(|at| Canary::new(&at.hop, at.kind, at.tap.address(), at.upstream.authority())).collect()
    }
}

/// What can be said of a fault in the history.
fn mark(rule: &Arc<str>, state: FaultState, hop: Option<&str>, note: Option<String>) -> Event {
    Event::Fault(FaultMark { rule: rule.to_string(), state, hop: hop.map(str::to_owned), ids: Default::default(), note })
}

/// Host with port, and the path behind it ("" or "/product/donut").
fn split(address: &str) -> (String, String) {
    match address.parse::<Uri>() {
        Ok(uri) if uri.scheme_str() == Some("http") => {
            let path = uri.path_and_query().map_or("", |path| path.as_str());
            let path = if path == "/" { "" } else { path };
            (uri.authority().map_or_else(String::new, |authority| format!("http://{authority}")), path.to_owned())
        }
        _ => (address.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_path() {
        let split = |address| split(address);
        assert_eq!(split("http://127.0.0.1:1/product/donut"), ("http://127.0.0.1:1".to_owned(), "/product/donut".to_owned()));
        assert_eq!(split("http://127.0.0.1:1"), ("http://127.0.0.1:1".to_owned(), String::new()));
        assert_eq!(split("127.0.0.1:3306"), ("127.0.0.1:3306".to_owned(), String::new()));
    }
}
