//! Writes a history: one JSON object a line, compressed in frames that end often, so that a crash leaves the evidence.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::time::Instant;

use super::clock::RunClock;
use super::event::Event;
use super::lines::LineFile;
pub use super::lines::{FLUSH_EVERY, HistorySize};
use super::queue::{Queue, Taken};
use super::tally::Tally;

/// Why a history could not be written.
#[derive(Debug, thiserror::Error)]
pub enum HistoryWriteError {
    /// The file could not be made.
    #[error("cannot create the history {} (is the folder there, and may you write there?)", path.display())]
    Create {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that writes could not be started.
    #[error("cannot start the thread that writes {} (is the limit of processes, ulimit -u, too low?)", path.display())]
    Thread {
        /// Which history.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Writing failed on the way: the history is incomplete and proves nothing.
    #[error("the history {} is incomplete: {reason}; what it holds can still be judged, but never passes", path.display())]
    Incomplete {
        /// Which history.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
}

/// Owns the file and the thread that writes it. Dropped without [`HistoryWriter::finish`], what was recorded is still written, but
/// the history lacks its last line and so counts as cut off.
#[derive(Debug)]
pub struct HistoryWriter {
    path: PathBuf,
    queue: Arc<Queue>,
    thread: Option<JoinHandle<Result<HistorySize, std::io::Error>>>,
}

/// Records events into a history. Cheap to clone; usable from any thread.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: Arc<Queue>,
    tally: Option<Arc<Tally>>,
}

impl HistoryWriter {
    /// Creates the file (which must not exist) and starts the thread that writes it.
    ///
    /// # Errors
    /// [`HistoryWriteError::Create`] and [`HistoryWriteError::Thread`].
    pub fn create(path: &Path, clock: RunClock) -> Result<Self, HistoryWriteError> {
        let file = File::create_new(path).map_err(|source| HistoryWriteError::Create { path: path.to_owned(), source })?;
        let queue = Arc::new(Queue::new(clock));
        let theirs = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || {
                let written = write_all(file, &theirs);
                if let Err(error) = &written {
                    theirs.fail(error.to_string());
                }
                written
            })
            .map_err(|source| HistoryWriteError::Thread { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), queue, thread: Some(thread) })
    }

    /// A handle to record with.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        Recorder { queue: Arc::clone(&self.queue), tally: None }
    }

    /// Writes [`Event::Ended`] as the last line and closes the file. Blocks until it is on disk.
    ///
    /// # Errors
    /// [`HistoryWriteError::Incomplete`] when anything recorded did not reach the file.
    pub fn finish(mut self, interrupted: bool) -> Result<HistorySize, HistoryWriteError> {
        self.queue.push(Event::Ended { interrupted });
        self.queue.close();
        let incomplete = |reason: String| HistoryWriteError::Incomplete { path: self.path.clone(), reason };
        let thread = self.thread.take().expect("only finish and drop take the thread, and both end the writer");
        let size = thread.join().map_err(|_| incomplete("the thread that writes it panicked".to_owned()))?;
        let size = size.map_err(|error| incomplete(error.to_string()))?;
        match self.queue.failure() {
            Some(reason) => Err(incomplete(reason)),
            None => Ok(size),
        }
    }
}

impl Drop for HistoryWriter {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the writer cannot be reported from here; a history without its last line says enough.
            drop(thread.join());
        }
    }
}

impl Recorder {
    /// The same recorder, counting what it records.
    #[must_use]
    pub fn counted_by(self, tally: Arc<Tally>) -> Self {
        Self { tally: Some(tally), ..self }
    }

    /// Dates the event and hands it to the writer. Waits while the queue is full (up to ten seconds, then the history has failed).
    pub fn record(&self, event: Event) {
        if let Some(tally) = &self.tally {
            tally.count(&event);
        }
        self.queue.push(event);
    }

    /// Why the history can no longer be written, once that is so: then there is no point in going on.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.queue.failure()
    }
}

/// Writes what is recorded, [`FLUSH_EVERY`] after it was recorded at the latest: lines are taken until that time is over, then they are in the file.
fn write_all(file: File, queue: &Queue) -> Result<HistorySize, std::io::Error> {
    let mut out = LineFile::new(file)?;
    let mut flush_at = Instant::now() + FLUSH_EVERY;
    loop {
        let taken = queue.take(flush_at.saturating_duration_since(Instant::now()));
        let closed = matches!(taken, Taken::Closed);
        if let Taken::Lines(lines) = taken {
            for line in lines {
                out.write(&line)?;
            }
        }
        if closed {
            return out.close();
        }
        if Instant::now() >= flush_at {
            out.flush()?;
            flush_at = Instant::now() + FLUSH_EVERY;
        }
    }
}
