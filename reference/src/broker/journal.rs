//! The journal: every event of every queue, appended to segment files, so that a killed broker comes back with its messages.
//!
//! An event is appended to a buffer inside its queue's lock, and the buffer is handed to the operating system with one `write` before the
//! answer is sent. That survives the death of the process. It does not survive a power cut: there is no `fsync`, because a local broker
//! that syncs every message would be the slowest part of every rehearsal.
//!
//! Garbage is collected segment by segment, oldest first: what still lives in the oldest segment is written again at the end, and the file
//! is removed. So the journal never takes much more than twice what lives, and nobody waits for more than one message to be copied.

pub(crate) mod collect;
pub(crate) mod record;
pub(crate) mod recover;

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use tokio::sync::Notify;

pub(crate) use self::record::Record;
use super::refusal::Refusal;

/// Where the journal holds a message; the default is nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) bytes: u32,
}

/// The journal of a broker.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    segment_bytes: u64,
    /// Bytes of the records that hold messages that still exist. Signed, because a release may overtake its append by a moment.
    live_bytes: AtomicI64,
    writer: Mutex<Writer>,
    /// Whether the last flush failed.
    failing: AtomicBool,
    /// Rung when there may be garbage to collect.
    pub(crate) garbage: Notify,
}

#[derive(Debug)]
struct Writer {
    file: File,
    segment: u32,
    /// Bytes of the active segment, those in the buffer included.
    segment_length: u64,
    /// Bytes of the closed segments.
    closed: BTreeMap<u32, u64>,
    buffer: Vec<u8>,
}

/// First bytes of every segment: what it is, and the version of its format.
pub(crate) const HEADER: &[u8; 8] = b"RPBRKJ\x00\x01";

/// The buffer is written out by appends, too, once it is this long: it stays bounded whoever forgets to flush.
const MAX_BUFFERED: usize = 4 * 1024 * 1024;

impl Journal {
    /// Continues in a new segment after those that exist; `closed` are their lengths.
    pub(crate) fn continue_after(folder: &Path, closed: BTreeMap<u32, u64>, segment_bytes: u64) -> io::Result<Self> {
        let segment = closed.last_key_value().map_or(1, |(last, _)| last + 1);
        let file = new_segment(folder, segment)?;
        let writer = Writer { file, segment, segment_length: HEADER.len() as u64, closed, buffer: Vec::new() };
        Ok(Self {
            folder: folder.to_owned(),
            segment_bytes,
            live_bytes: AtomicI64::new(0),
            failing: AtomicBool::new(false),
            writer: Mutex::new(writer),
            garbage: Notify::new(),
        })
    }

    /// Appends an event; it is kept for certain once [`Journal::flush`] has returned.
    pub(crate) fn append(&self, record: &Record<'_>) -> Place {
        let mut writer = self.lock();
        let length = record.encode(&mut writer.buffer);
        writer.segment_length += length as u64;
        let place = Place { segment: writer.segment, bytes: u32::try_from(length).unwrap_or(u32::MAX) };
        if matches!(record, Record::Stored { .. }) {
            self.live_bytes.fetch_add(length as i64, Ordering::Relaxed);
        }
        if writer.buffer.len() >= MAX_BUFFERED {
            // A failure is reported by the flush that follows every append: the buffer keeps what could not be written.
            let _ = writer.write_out();
        }
        place
    }

    /// Counts a message that `append` has not seen: one that was read back.
    pub(crate) fn adopt(&self, place: Place) {
        self.live_bytes.fetch_add(i64::from(place.bytes), Ordering::Relaxed);
    }

    /// The message at this place is gone, or lives elsewhere by now.
    pub(crate) fn release(&self, place: Place) {
        self.live_bytes.fetch_sub(i64::from(place.bytes), Ordering::Relaxed);
    }

    /// Hands everything appended so far to the operating system. What fails stays in the buffer, and the next flush tries again.
    pub(crate) fn flush(&self) -> Result<(), Refusal> {
        let mut writer = self.lock();
        if writer.buffer.is_empty() {
            return Ok(());
        }
        let mut written = writer.write_out();
        if written.is_ok() && writer.segment_length >= self.segment_bytes {
            written = self.rotate(&mut writer);
        }
        self.failing.store(written.is_err(), Ordering::Relaxed);
        written.map_err(|error| Refusal::Internal(format!("the journal in {} cannot be written: {error}", self.folder.display())))?;
        if self.has_garbage(&writer) {
            self.garbage.notify_one();
        }
        Ok(())
    }

    /// Refuses new work while the journal cannot be written: what waits in the buffer stays bounded.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.failing.load(Ordering::Relaxed) { self.flush() } else { Ok(()) }
    }

    fn rotate(&self, writer: &mut Writer) -> io::Result<()> {
        let next = writer.segment + 1;
        let file = new_segment(&self.folder, next)?;
        let (length, segment) = (writer.segment_length, writer.segment);
        writer.closed.insert(segment, length);
        writer.file = file;
        writer.segment = next;
        writer.segment_length = HEADER.len() as u64;
        Ok(())
    }

    /// Whether the closed segments hold more garbage than life, and enough for it to matter.
    fn has_garbage(&self, writer: &Writer) -> bool {
        let closed: u64 = writer.closed.values().sum();
        let live = u64::try_from(self.live_bytes.load(Ordering::Relaxed)).unwrap_or(0);
        closed > self.segment_bytes && closed > 2 * live
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn write_out(&mut self) -> io::Result<()> {
        let mut written = 0;
        let result = loop {
            if written == self.buffer.len() {
                break Ok(());
            }
            match self.file.write(&self.buffer[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => written += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.buffer.drain(..written);
        result
    }
}

/// The file of a segment.
pub(crate) fn segment_path(folder: &Path, segment: u32) -> PathBuf {
    folder.join(format!("messages-{segment:08}.journal"))
}

fn new_segment(folder: &Path, segment: u32) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create_new(true).open(segment_path(folder, segment))?;
    file.write_all(HEADER)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::{
        recover::{read_segment, segments},
        *,
    };

    #[test]
    fn what_could_not_be_written_is_written_later_and_new_work_is_refused_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::continue_after(folder.path(), BTreeMap::new(), 1_000_000).unwrap();
        let gone = |sequence| Record::Gone { queue: 1, sequence };
        journal.append(&gone(1));
        journal.flush().unwrap();
        // A file that is open for reading cannot be written to, as little as one on a full disk.
        let read_only = File::open(segment_path(folder.path(), 1)).unwrap();
        let writable = std::mem::replace(&mut journal.lock().file, read_only);
        journal.append(&gone(2));
        assert!(journal.flush().is_err());
        assert!(journal.check().is_err());
        journal.lock().file = writable;
        journal.check().unwrap();
        let mut told = 0;
        read_segment(folder.path(), 1, |_, _| told += 1).unwrap();
        assert_eq!(told, 2);
    }

    #[test]
    fn segments_without_records_do_not_pile_up() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..5 {
            Journal::continue_after(folder.path(), segments(folder.path()).unwrap(), 1_000_000).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
