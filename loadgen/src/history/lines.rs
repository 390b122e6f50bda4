//! Lines into a file: one JSON object a line, compressed in frames of their own, so that what was written before a crash can be read.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use zstd::bulk::Compressor;

use super::event::Line;

/// A line is in the file at most this long after it was recorded (plus what the disk takes).
pub const FLUSH_EVERY: Duration = Duration::from_millis(150);

/// A frame also ends when it holds this much text, so that memory stays bounded whatever the rate.
const FRAME_BYTES: usize = 1024 * 1024;

/// The fastest, and already a tenth of the size: the generator shares its cores with the system under test.
const COMPRESSION_LEVEL: i32 = 1;

/// Size of a history that was closed in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySize {
    /// Lines written.
    pub lines: u64,
    /// Bytes of the compressed file.
    pub bytes: u64,
}

/// A file that takes lines.
pub(crate) struct LineFile {
    file: File,
    /// Lines that will be one compressed frame.
    text: Vec<u8>,
    compressor: Compressor<'static>,
    size: HistorySize,
}

impl LineFile {
    /// # Errors
    /// When there is no memory for compressing.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let mut compressor = Compressor::new(COMPRESSION_LEVEL)?;
        compressor.include_checksum(true)?;
        Ok(Self { file, text: Vec::new(), compressor, size: HistorySize { lines: 0, bytes: 0 } })
    }

    /// Takes a line; it is in the file after the next flush.
    pub(crate) fn write(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.text, line)?;
        self.text.push(b'\n');
        self.size.lines += 1;
        if self.text.len() >= FRAME_BYTES { self.flush() } else { Ok(()) }
    }

    /// Compresses the lines at hand, writes them, and starts anew.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let compressed = self.compressor.compress(&self.text)?;
        self.text.clear();
        self.file.write_all(&compressed)?;
        self.size.bytes += compressed.len() as u64;
        Ok(())
    }

    /// Flushes, and waits until all of it is on the disk.
    pub(crate) fn close(mut self) -> io::Result<HistorySize> {
        self.flush()?;
        self.file.sync_all()?;
        Ok(self.size)
    }
}
