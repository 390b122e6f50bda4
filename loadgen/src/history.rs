//! The run's one history: everything that was done and seen, written once, read by verification and report.
//!
//! [`event`] is the format (with [`final_state`], what is read at the end), [`writer`] and [`reader`] are its two ends, [`clock`] is the time that stands in it.

pub mod clock;
pub mod event;
pub mod final_state;
mod lines;
mod queue;
pub mod reader;
pub mod writer;

pub use clock::RunClock;
pub(crate) use lines::LineFile;
pub use reader::{HistoryReadError, HistoryReader, TornTail};
pub use writer::{HistorySize, HistoryWriteError, HistoryWriter, Recorder};
