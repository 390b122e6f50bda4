//! Reads a history, line by line, without ever holding it whole. A tail that was torn off by a crash is tolerated and reported.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::event::{Event, FORMAT, Line};

/// Longest line that is believed: a thousand times what a real one takes.
const LINE_LIMIT: u64 = 1024 * 1024;

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryReadError {
    /// The file could not be opened.
    #[error("cannot open the history {}: {source}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A complete line says nothing that this version understands.
    #[error("{}: line {line} is not a line of a history: {source}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Counts from 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// A line is too long to be one.
    #[error("{}: line {line} is longer than {LINE_LIMIT} bytes; this is no history", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// Counts from 1.
        line: u64,
    },
    /// Written by a newer version.
    #[error("{}: history format {found}, but this version reads up to {FORMAT}; use the version that wrote it", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// What the header says.
        found: u32,
    },
}

/// What is missing at the end of a history that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// Complete lines before it.
    pub after_lines: u64,
    /// Bytes of an incomplete last line, dropped.
    pub dropped_bytes: u64,
    /// What the decompressor said, when it was the one to stop.
    pub reason: Option<String>,
}

impl std::fmt::Display for TornTail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the history breaks off after {} lines", self.after_lines)?;
        if self.dropped_bytes > 0 {
            write!(f, " and {} bytes of an incomplete one", self.dropped_bytes)?;
        }
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// Iterates the lines of a history.
pub struct HistoryReader {
    path: PathBuf,
    text: BufReader<zstd::Decoder<'static, BufReader<File>>>,
    lines: u64,
    closed_in_order: bool,
    torn: Option<TornTail>,
    over: bool,
}

impl std::fmt::Debug for HistoryReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryReader")
            .field("path", &self.path)
            .field("lines", &self.lines)
            .field("torn", &self.torn)
            .finish_non_exhaustive()
    }
}

impl HistoryReader {
    /// Opens a history.
    ///
    /// # Errors
    /// [`HistoryReadError::Open`].
    pub fn open(path: &Path) -> Result<Self, HistoryReadError> {
        let open = |source| HistoryReadError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(open)?;
        let decoder = zstd::Decoder::new(file).map_err(open)?;
        let text = BufReader::new(decoder);
        Ok(Self { path: path.to_owned(), text, lines: 0, closed_in_order: false, torn: None, over: false })
    }

    /// Lines read so far.
    #[must_use]
    pub fn lines_read(&self) -> u64 {
        self.lines
    }

    /// After the last line: whether it was [`Event::Ended`].
    #[must_use]
    pub fn closed_in_order(&self) -> bool {
        self.closed_in_order && self.torn.is_none()
    }

    /// After the last line: what was torn off, if anything was.
    #[must_use]
    pub fn torn(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    fn step(&mut self) -> Option<Result<Line, HistoryReadError>> {
        let mut raw = Vec::new();
        let read = (&mut self.text).take(LINE_LIMIT).read_until(b'\n', &mut raw);
        let complete = raw.last() == Some(&b'\n');
        if let Err(error) = &read {
            self.tear(raw.len(), Some(error.to_string()));
            return None;
        }
        if !complete && raw.len() as u64 == LINE_LIMIT {
            return Some(Err(HistoryReadError::TooLong { path: self.path.clone(), line: self.lines + 1 }));
        }
        if !complete {
            if !raw.is_empty() {
                self.tear(raw.len(), None);
            }
            return None;
        }
        self.lines += 1;
        let parsed = serde_json::from_slice::<Line>(&raw);
        Some(match parsed {
            Err(source) => Err(HistoryReadError::Malformed { path: self.path.clone(), line: self.lines, source }),
            Ok(Line { event: Event::Header(header), .. }) if header.format > FORMAT => {
                Err(HistoryReadError::Newer { path: self.path.clone(), found: header.format })
            }
            Ok(line) => {
                self.closed_in_order = matches!(line.event, Event::Ended { .. });
                Ok(line)
            }
        })
    }

    fn tear(&mut self, dropped: usize, reason: Option<String>) {
        self.torn = Some(TornTail { after_lines: self.lines, dropped_bytes: dropped as u64, reason });
    }
}

impl Iterator for HistoryReader {
    type Item = Result<Line, HistoryReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let item = self.step();
        // After an error nothing that follows can be trusted to start where it seems to.
        self.over = !matches!(item, Some(Ok(_)));
        item
    }
}
