//! Writes a history: one JSON object a line, compressed in frames that end often, so that a crash leaves the evidence.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

use super::clock::RunClock;
use super::event::{Event, Line};
use super::queue::{Queue, Taken};

/// A line is in the file at most this long after it was recorded (plus what the disk takes).
pub const FLUSH_EVERY: Duration = Duration::from_millis(150);

/// A frame also ends when it holds this much text, so that memory stays bounded whatever the rate.
const FRAME_BYTES: usize = 1024 * 1024;

/// Fast, and already a tenth of the size: the generator shares its cores with the system under test.
const COMPRESSION_LEVEL: i32 = 3;

/// Why a history could not be written.
#[derive(Debug, thiserror::Error)]
pub enum HistoryWriteError {
    /// The file could not be made.
    #[error("cannot create the history {}: {source}; is the folder there, and writable?", path.display())]
    Create {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that writes could not be started.
    #[error("cannot start the thread that writes {}: {source}", path.display())]
    Thread {
        /// Which history.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Writing failed on the way: the history is incomplete and proves nothing.
    #[error("the history {} is incomplete: {reason}", path.display())]
    Incomplete {
        /// Which history.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
}

/// Size of a history that was closed in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySize {
    /// Lines written.
    pub lines: u64,
    /// Bytes of the compressed file.
    pub bytes: u64,
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
        Recorder { queue: Arc::clone(&self.queue) }
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
    /// Dates the event and hands it to the writer. Waits while the queue is full (up to ten seconds, then the history has failed).
    pub fn record(&self, event: Event) {
        self.queue.push(event);
    }

    /// Why the history can no longer be written, once that is so: then there is no point in going on.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.queue.failure()
    }
}

fn write_all(mut file: File, queue: &Queue) -> Result<HistorySize, std::io::Error> {
    let mut frame = Frame::default();
    let mut size = HistorySize { lines: 0, bytes: 0 };
    loop {
        let taken = queue.take(frame.time_left());
        let closed = matches!(taken, Taken::Closed);
        if let Taken::Lines(lines) = taken {
            for line in lines {
                frame.add(&line)?;
                size.lines += 1;
                if frame.text.len() >= FRAME_BYTES {
                    size.bytes += frame.write(&mut file)?;
                }
            }
        }
        if closed || frame.time_left().is_zero() {
            size.bytes += frame.write(&mut file)?;
        }
        if closed {
            file.sync_all()?;
            return Ok(size);
        }
    }
}

/// Lines that will be one compressed frame.
#[derive(Debug, Default)]
struct Frame {
    text: Vec<u8>,
    began: Option<Instant>,
}

impl Frame {
    fn add(&mut self, line: &Line) -> Result<(), std::io::Error> {
        self.began.get_or_insert_with(Instant::now);
        serde_json::to_writer(&mut self.text, line)?;
        self.text.push(b'\n');
        Ok(())
    }

    /// How long it may stay open.
    fn time_left(&self) -> Duration {
        self.began.map_or(FLUSH_EVERY, |began| FLUSH_EVERY.saturating_sub(began.elapsed()))
    }

    /// Compresses it, writes it, and starts anew; returns the bytes written.
    fn write(&mut self, file: &mut File) -> Result<u64, std::io::Error> {
        self.began = None;
        if self.text.is_empty() {
            return Ok(0);
        }
        let mut encoder = zstd::Encoder::new(Vec::new(), COMPRESSION_LEVEL)?;
        encoder.include_checksum(true)?;
        encoder.write_all(&self.text)?;
        let compressed = encoder.finish()?;
        self.text.clear();
        file.write_all(&compressed)?;
        Ok(compressed.len() as u64)
    }
}
