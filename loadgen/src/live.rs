//! A run, live: a page on loopback that shows the pipeline as a picture, with what flows, what waits, what strikes, and the verdict in the making.
//!
//! * [`frame`] — one state of the run, as the page is told it; a pure function of what was counted
//! * [`flow`] — what flows on each edge between two states
//! * [`course`] — the last minutes, for the curves
//! * [`outlook`] — what stands between the run and a pass, so far
//! * [`metrics`] — the same for Prometheus, at `/metrics`
//! * `page` — what is served
//!
//! It looks at counters that the run keeps anyway ([`crate::progress`]) and at counts of what is recorded ([`crate::history::tally`]), so the run
//! neither waits for it nor does anything differently; without `--live` nothing of it is there. What it shows proves nothing: the verdict is
//! made from the history when the run is over, and is the last thing that the page is told.

pub mod course;
pub mod flow;
pub mod frame;
pub mod metrics;
pub mod outlook;
mod page;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reference::http::{self, ServerLimits};
use reference::pages::wire::{self, Seats, Wire};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::course::{Course, EVERY as COURSE_EVERY};
use self::flow::Flows;
use self::frame::{Frame, Sources};
use crate::history::tally::Tally;
use crate::plan::Plan;
use crate::progress::state::{ProgressState, Reader};
use crate::report::{self, words};
use crate::result::RunResult;

/// Time between two states. What the picture shows is sampled four times a second; more often would show nothing new.
const EVERY: Duration = Duration::from_millis(500);

/// Connections at once: some browsers and a Prometheus.
const CONNECTIONS: usize = 64;

/// How long the page's last state may take on its way when the run is over.
const LEAVE: Duration = Duration::from_secs(2);

/// That a live page is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveSettings {
    /// Where, on loopback; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether it stays when the run is over, until Ctrl-C.
    pub linger: bool,
}

/// Why there is no live page.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the live page on {address}; choose another address with --live=ADDRESS, or none for a free port")]
pub struct LiveError {
    /// Where it was to be.
    pub address: SocketAddr,
    /// Why it cannot.
    pub source: io::Error,
}

/// The live page of a run. Dropping it ends it.
#[derive(Debug)]
pub struct Live {
    address: SocketAddr,
    linger: bool,
    shown: Arc<Shown>,
    server: JoinHandle<bool>,
    // Taken by the run that is watched.
    wire: Mutex<Option<Wire>>,
    ending: Mutex<Option<Pushing>>,
    stop: CancellationToken,
    _end: DropGuard,
}

/// The task that pushes states: what it is told when the run is over, and the wire that it gives back then.
type Pushing = (oneshot::Sender<Box<RunResult>>, JoinHandle<Option<Wire>>);

/// What the page's routes can reach.
#[derive(Debug)]
struct Shown {
    seats: Seats,
    course: Mutex<Course>,
    watched: OnceLock<Watched>,
    report: OnceLock<PathBuf>,
}

/// The run that is watched.
#[derive(Debug)]
struct Watched {
    state: Arc<ProgressState>,
    sources: Sources,
}

impl Live {
    /// Serves the page from now on; it shows a run as soon as there is one.
    ///
    /// # Errors
    /// [`LiveError`] when the address cannot be had.
    pub async fn open(settings: LiveSettings) -> Result<Self, LiveError> {
        let failed = |source| LiveError { address: settings.address, source };
        let listener = TcpListener::bind(settings.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (wire, seats) = wire::stretch();
        let shown = Arc::new(Shown { seats, course: Mutex::default(), watched: OnceLock::new(), report: OnceLock::new() });
        let stop = CancellationToken::new();
        let limits = ServerLimits { connections: CONNECTIONS, drain_timeout: LEAVE, ..ServerLimits::default() };
        let server = tokio::spawn(http::serve(listener, page::router(Arc::clone(&shown)), limits, stop.clone()));
        let _end = stop.clone().drop_guard();
        Ok(Self { address, linger: settings.linger, shown, server, wire: Mutex::new(Some(wire)), ending: Mutex::default(), stop, _end })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Shows a run: what it does, and what it records. Only the first one that is offered.
    pub(crate) fn watch(&self, plan: &Plan, run: &str, state: &Arc<ProgressState>, tally: &Arc<Tally>) {
        let Some(wire) = self.wire.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let sources = Sources::of(plan, run, Arc::clone(tally));
        let watched = Watched { state: Arc::clone(state), sources };
        self.shown.watched.set(watched).expect("the wire was taken once");
        let (ending, ended) = oneshot::channel();
        let pushing = tokio::spawn(push(wire, Arc::clone(&self.shown), state.reader(), self.stop.clone(), ended));
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = Some((ending, pushing));
    }

    /// The run is over: the page is told the verdict. It goes then, or stays until `leave` (or at once when that happened already).
    pub async fn conclude(self, result: &RunResult, folder: &std::path::Path, leave: &CancellationToken) {
        // Set once, here.
        let _ = self.shown.report.set(folder.join(report::HTML_FILE));
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut wire = None;
        if let Some((ending, pushing)) = ending {
            // A page that is gone needs no verdict.
            let _ = ending.send(Box::new(result.clone()));
            wire = pushing.await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the live page ended early");
                None
            });
        }
        if self.linger && !leave.is_cancelled() {
            eprintln!("  {}: the live page stays on {} until Ctrl-C", words::verdict(result.verdict()), self.url());
            leave.cancelled().await;
        }
        // Ends the streams, each after the last state.
        drop(wire);
        self.stop.cancel();
        // Ends within the drain timeout; whether viewers were cut off is nobody's concern.
        let _ = self.server.await;
    }
}

/// Pushes states until the run is over, then its verdict, which stays for whoever comes later as long as the wire does.
async fn push(
    wire: Wire,
    shown: Arc<Shown>,
    mut reader: Reader,
    stop: CancellationToken,
    mut ended: oneshot::Receiver<Box<RunResult>>,
) -> Option<Wire> {
    let watched = shown.watched.get().expect("set before this was started");
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut flows = Flows::default();
    let mut last_point = None;
    let concluded = loop {
        let result = tokio::select! {
            () = stop.cancelled() => return None,
            result = &mut ended => Some(result),
            _ = ticks.tick() => None,
        };
        let now = watched.sources.now();
        let due = last_point.is_none_or(|last| now.saturating_sub(last) >= COURSE_EVERY);
        if result.is_none() && !due && !shown.seats.taken() {
            continue;
        }
        let snapshot = reader.snapshot();
        let frame = Frame::of(&watched.sources, &snapshot, &mut flows);
        if due {
            last_point = Some(now);
            shown.course.lock().unwrap_or_else(PoisonError::into_inner).add(frame.point());
        }
        match result {
            None => wire.say(frame.to_json()),
            // Without a result the run failed; viewers see the stream end.
            Some(result) => break result.ok().map(|result| frame.concluded(&result)),
        }
    };
    concluded.map(|frame| {
        wire.say(frame.to_json());
        wire
    })
}
