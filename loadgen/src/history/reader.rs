//! Reads a history, line by line, without ever holding it whole. A tail that was torn off by a crash is tolerated and reported.

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::event::{Event, FORMAT, Line};
use super::handful::{Handful, Lent};

/// Longest line that is believed: a thousand times what a real one takes.
const LINE_LIMIT: usize = 1024 * 1024;

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryReadError {
    /// The file could not be opened.
    #[error("cannot open the history {} ({reason}); give a run folder that holds one, and that you may read", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// A complete line says nothing that this version understands.
    #[error("{}: line {line} is not a line of a history ({reason}); it was damaged or changed after the run", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Counts from 1.
        line: u64,
        /// Why.
        reason: serde_json::Error,
    },
    /// A line is too long to be one.
    #[error("{}: line {line} is longer than {LINE_LIMIT} bytes; this is no history, give a run folder", path.display())]
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

/// How much text is asked for at a time.
const PIECE: usize = 256 * 1024;

/// Iterates the lines of a history. Whoever only looks at them has them lent by [`HistoryReader::lend`], which costs far less.
pub struct HistoryReader {
    path: PathBuf,
    decoder: zstd::Decoder<'static, BufReader<File>>,
    /// Text that was decompressed: from `at` to `end` it is still to be read.
    text: Vec<u8>,
    at: usize,
    end: usize,
    handful: Handful,
    lines: u64,
    closed_in_order: bool,
    torn: Option<TornTail>,
    /// Why there are no lines after those in hand; told once.
    failed: Option<HistoryReadError>,
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
        let open = |reason| HistoryReadError::Open { path: path.to_owned(), reason };
        let file = File::open(path).map_err(open)?;
        let decoder = zstd::Decoder::new(file).map_err(open)?;
        Ok(Self {
            path: path.to_owned(),
            decoder,
            text: vec![0; PIECE],
            at: 0,
            end: 0,
            handful: Handful::default(),
            lines: 0,
            closed_in_order: false,
            torn: None,
            failed: None,
            over: false,
        })
    }

    /// Opens a history whose lines are only looked at.
    ///
    /// # Errors
    /// [`HistoryReadError::Open`].
    pub fn lend(path: &Path) -> Result<Lent, HistoryReadError> {
        Self::open(path).map(Lent::new)
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

    /// Takes the next lines in hand, up to so many, instead of those before. After an error there are none, for nothing that follows can be trusted
    /// to start where it seems to.
    pub(super) fn take_in_hand(&mut self, most: usize) -> Option<Result<&Handful, HistoryReadError>> {
        self.handful.clear();
        while !self.over && self.handful.len() < most {
            self.over = match self.read_line() {
                Some(Ok(())) => false,
                Some(Err(error)) => {
                    self.failed = Some(error);
                    true
                }
                None => true,
            };
        }
        if self.handful.is_empty() { self.failed.take().map(Err) } else { Some(Ok(&self.handful)) }
    }

    fn read_line(&mut self) -> Option<Result<(), HistoryReadError>> {
        let raw = match self.find_line()? {
            Ok(raw) => raw,
            Err(error) => return Some(Err(error)),
        };
        self.lines += 1;
        self.closed_in_order = false;
        if self.handful.read_quickly(&self.text[raw.clone()]) {
            return Some(Ok(()));
        }
        Some(self.read_carefully(raw).map(|line| self.handful.add(line)))
    }

    fn read_carefully(&mut self, raw: Range<usize>) -> Result<Line, HistoryReadError> {
        let line = serde_json::from_slice::<Line>(&self.text[raw]);
        let line = line.map_err(|reason| HistoryReadError::Malformed { path: self.path.clone(), line: self.lines, reason })?;
        match &line.event {
            Event::Header(header) if header.format > FORMAT => {
                Err(HistoryReadError::Newer { path: self.path.clone(), found: header.format })
            }
            event => {
                self.closed_in_order = matches!(event, Event::Ended { .. });
                Ok(line)
            }
        }
    }

    /// Where the next complete line stands in the text, with its end; None at the end of the history.
    fn find_line(&mut self) -> Option<Result<Range<usize>, HistoryReadError>> {
        let mut searched = self.at;
        loop {
            let end = memchr::memchr(b'\n', &self.text[searched..self.end]).map(|found| searched + found + 1);
            let too_long = match end {
                Some(end) => end - self.at > LINE_LIMIT,
                None => self.end - self.at >= LINE_LIMIT,
            };
            if too_long {
                return Some(Err(HistoryReadError::TooLong { path: self.path.clone(), line: self.lines + 1 }));
            }
            if let Some(end) = end {
                let line = self.at..end;
                self.at = end;
                return Some(Ok(line));
            }
            searched = self.end - self.at;
            match self.read_on() {
                Ok(0) => {
                    if self.end > self.at {
                        self.tear(None);
                    }
                    return None;
                }
                Ok(_) => (),
                Err(error) => {
                    self.tear(Some(error.to_string()));
                    return None;
                }
            }
        }
    }

    /// Decompresses some more; what was not read yet moves to the front.
    fn read_on(&mut self) -> std::io::Result<usize> {
        self.text.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        if self.end == self.text.len() {
            self.text.resize(self.end + PIECE, 0);
        }
        let read = loop {
            match self.decoder.read(&mut self.text[self.end..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => (),
                read => break read?,
            }
        };
        self.end += read;
        Ok(read)
    }

    fn tear(&mut self, reason: Option<String>) {
        let dropped_bytes = (self.end - self.at) as u64;
        self.torn = Some(TornTail { after_lines: self.lines, dropped_bytes, reason });
    }
}

impl Iterator for HistoryReader {
    type Item = Result<Line, HistoryReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Only one is in hand.
        self.take_in_hand(1).map(|handful| Ok(handful?.lines().next().cloned().expect("a handful is not empty")))
    }
}
