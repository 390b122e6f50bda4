//! Progress of a run, on stderr only: a live panel on a terminal, a plain line every few seconds elsewhere.
//!
//! `NO_COLOR` is honoured. Whoever knows something writes it to the shared [`state::ProgressState`]; the display only reads.

mod line;
pub mod state;

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::line::{Rates, panel, plain};
use self::state::ProgressState;
use crate::history::event::Phase;

/// How often the panel is redrawn. Latency shown is that of the time between two redraws.
const PANEL_EVERY: Duration = Duration::from_millis(500);

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// A live panel, redrawn in place.
    Panel {
        /// Whether it may use colour.
        colour: bool,
    },
    /// A plain line every few seconds.
    Lines,
    /// Nothing.
    Hidden,
}

impl Display {
    /// What suits stderr as it is: a panel on a terminal (coloured unless `NO_COLOR` is set), lines elsewhere.
    #[must_use]
    pub fn detect(quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match (quiet, std::io::stderr().is_terminal() && !dumb) {
            (true, _) => Display::Hidden,
            (false, true) => Display::Panel { colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) },
            (false, false) => Display::Lines,
        }
    }
}

/// A running display. Dropping it leaves no half-drawn panel behind; [`Progress::finish`] also waits until stderr is quiet.
#[derive(Debug)]
pub struct Progress {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts to show `state`; must be called within a Tokio runtime.
    #[must_use]
    pub fn start(state: Arc<ProgressState>, display: Display) -> Self {
        let stop = CancellationToken::new();
        let task = match display {
            Display::Hidden => None,
            Display::Lines => Some(tokio::spawn(show_lines(state, stop.clone()))),
            Display::Panel { colour } => Some(tokio::spawn(show_panel(state, colour, stop.clone()))),
        };
        Progress { stop, task }
    }

    /// Clears the panel and ends the display.
    pub async fn finish(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the progress display ended early");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn show_lines(state: Arc<ProgressState>, stop: CancellationToken) {
    let mut ticks = interval(LINE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut rates = Rates::new(Instant::now());
    let mut reader = state.reader();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let snapshot = reader.snapshot();
        let rate = rates.next(Instant::now(), snapshot.sent);
        // Nobody is left to tell when stderr is closed; the run goes on.
        let _ = writeln!(std::io::stderr(), "{}", plain(&snapshot, rate));
    }
}

async fn show_panel(state: Arc<ProgressState>, colour: bool, stop: CancellationToken) {
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
    let template = if colour { "{prefix:.bold} {wide_bar:.cyan/dim}\n{msg}" } else { "{prefix} {wide_bar}\n{msg}" };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is a constant that indicatif accepts"));
    let _clear = ClearOnDrop(bar.clone());
    let mut ticks = interval(PANEL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut rates = Rates::new(Instant::now());
    let mut reader = state.reader();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let snapshot = reader.snapshot();
        let rate = rates.next(Instant::now(), snapshot.sent);
        let total = snapshot.load_duration.as_millis().max(1) as u64;
        let done = match snapshot.phase {
            Phase::Plan | Phase::Boot => 0,
            Phase::Load => (snapshot.in_phase.as_millis() as u64).min(total),
            Phase::Drain | Phase::Verify => total,
        };
        bar.set_length(total);
        bar.set_position(done);
        bar.set_prefix(line::heading(&snapshot));
        bar.set_message(panel(&snapshot, rate, colour));
    }
}

/// Clears the panel however its task ends.
struct ClearOnDrop(ProgressBar);

impl Drop for ClearOnDrop {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
