//! The load: buyers come as the plan says, and everything they do and see goes into the history.
//!
//! goose drives the users (only [`engine`](self) names it). In an open scenario one goose user fires the arrivals, slice by slice, at their
//! intended times; each arrival is a task of its own and nobody waits for anybody. In a closed one each goose user is one buyer with
//! pauses. Requests go over a growing pool of our own keep-alive connections. Latency counts from the intended start; how far the
//! generator ran behind its schedule is measured beside it, and neither subtracted nor hidden.

mod attempt;
mod buyer;
mod crowd;
mod engine;
mod framing;
mod interrupt;
mod ledger;
mod own_thread;
mod pool;
mod request;
mod schedule;
mod target;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use chaos::faults::Faults;
use tokio_util::sync::CancellationToken;

pub use engine::EngineError;
pub use interrupt::keep_interrupts;
pub use own_thread::run_on_own_thread;
pub use target::Target;

use self::crowd::Crowd;
use self::pool::Pool;
use self::schedule::Schedule;
use crate::history::event::Micros;
use crate::history::{Recorder, RunClock};
use crate::plan::{Part, Plan};
use crate::progress::state::ProgressState;
use crate::scenario::Scenario;

/// What a load needs.
#[derive(Debug)]
pub struct LoadInput<'a> {
    /// Who comes when.
    pub plan: &'a Plan,
    /// The part of it that is this process's own.
    pub part: Part,
    /// When the plan's time begins, µs since the run's start; None for as soon as all is ready.
    pub begin: Option<Micros>,
    /// Where they go.
    pub target: Target,
    /// Where it is written down.
    pub recorder: Recorder,
    /// The run's clock.
    pub clock: RunClock,
    /// What the display shows.
    pub progress: Arc<ProgressState>,
    /// Ends the load early: nobody arrives any more, what is under way is awaited (at most a buyer's patience).
    pub stop: CancellationToken,
    /// Told when the load's time begins, which stage it is in, and of every sale.
    pub faults: Faults,
}

/// What a load came to.
#[derive(Debug)]
pub struct LoadReport {
    /// When the first arrival could have come, µs since the run's start: the plan's times count from here.
    pub began: Micros,
    /// When the last buyer was done, µs since the run's start.
    pub ended: Micros,
    /// Arrivals that came.
    pub arrived: u64,
    /// Attempts made; each is invoked and completed once in the history, from which all times are taken.
    pub attempted: u64,
    /// Connections opened.
    pub connections: u64,
    /// Times that goose counted; fewer than `attempted` when it lost some.
    pub counted_by_engine: u64,
    /// Whether it was stopped early.
    pub interrupted: bool,
}

/// Why there is no load, or none that proves anything.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The target's address is not one.
    #[error("cannot send buyers to {address:?}: {why}; give the shop's address as http://HOST:PORT")]
    Target {
        /// As given.
        address: String,
        /// Why not.
        why: String,
    },
    /// goose did not run.
    #[error("the load engine failed")]
    Engine(#[from] EngineError),
    /// What happens can no longer be written down.
    #[error("the load was ended because the history cannot be written: {0}; make space, or choose another place with --out")]
    History(String),
    /// The load's thread could not be had.
    #[error("cannot start the thread of the load: {0}; is the limit of processes (ulimit -u) too low?")]
    Thread(String),
    /// A bug of the harness: a buyer's task panicked.
    #[error("{0} buyers ended with a panic, so the run proves nothing; that is a bug of this program, and the lines above say where")]
    Panicked(u64),
}

/// Takes an answer apart as buyers do, and says how many bytes of it were its body: for tests that feed it anything.
#[doc(hidden)]
#[must_use]
pub fn rehearse(answer: &[u8]) -> Option<usize> {
    let head = framing::head(answer).ok()??;
    let rest = &answer[head.length..];
    match head.framing {
        framing::Framing::Length(length) => Some(length.min(rest.len())),
        framing::Framing::Chunked => framing::chunks(rest).ok()?.map(|(body, end)| body.len().min(end)),
        framing::Framing::UntilClosed => Some(rest.len()),
    }
}

/// The longest that a load can take from its begin until its last buyer is done, whatever is answered.
#[must_use]
pub fn longest(scenario: &Scenario) -> Duration {
    schedule::longest(scenario)
}

/// Runs the load until the last buyer is done, and says what it came to.
///
/// Call [`keep_interrupts`] at the very begin of `main`: the engine would otherwise take Ctrl-C for itself.
///
/// # Errors
/// [`LoadError`].
pub async fn run(input: LoadInput<'_>) -> Result<LoadReport, LoadError> {
    let _interrupts = interrupt::ends(&input.stop);
    let pool = Pool::to(&input.target).await?;
    let host = format!("http://{}", input.target.authority);
    let crowd = Arc::new(Crowd::new(input, pool));
    let counted_by_engine = engine::drive(Schedule::of(&crowd), &host).await?;
    let ended = crowd.clock.now();
    if let Some(reason) = crowd.recorder.failure() {
        return Err(LoadError::History(reason));
    }
    match crowd.panicked() {
        0 => Ok(crowd.report(ended, counted_by_engine)),
        buyers => Err(LoadError::Panicked(buyers)),
    }
}
