//! The run's one history: everything that was done and seen, written once, read by verification and report.
//!
//! [`event`] is the format (with [`attempt`], what buyers do, and [`final_state`], what is read at the end), [`writer`] and [`reader`] are its two ends, [`clock`] is the time that stands in it,
//! [`weights`] is what everything weighed meanwhile, [`tally`] counts it for those who look on.

pub mod attempt;
pub mod clock;
pub mod event;
pub mod final_state;
mod handful;
mod lines;
mod queue;
mod quick;
pub mod reader;
pub mod tally;
pub mod weights;
pub mod writer;

pub use clock::RunClock;
pub use handful::{Lent, Lines, Listener};
pub(crate) use lines::LineFile;
pub use reader::{HistoryReadError, HistoryReader, TornTail};
pub use writer::{HistorySize, HistoryWriteError, HistoryWriter, Recorder};
