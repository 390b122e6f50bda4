//! Reading the journal back.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    HEADER, Place,
    record::{Next, Told, decode},
    segment_path,
};

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    #[error("{}: not a message journal of this version; move it away, or use the broker that wrote it", .0.display())]
    Format(PathBuf),
    #[error("cannot read {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

/// The segments in a folder, and their lengths in bytes. Each start leaves a segment behind; those in which nothing was written are
/// removed on the way.
pub(crate) fn segments(folder: &Path) -> Result<BTreeMap<u32, u64>, RecoverError> {
    let failed = |error| RecoverError::Io(folder.to_owned(), error);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("messages-")?.strip_suffix(".journal")?.parse().ok());
        let Some(number) = number else { continue };
        let length = entry.metadata().map_err(failed)?.len();
        if length <= HEADER.len() as u64 && is_empty_segment(&entry.path()) {
            fs::remove_file(entry.path()).map_err(failed)?;
        } else {
            found.insert(number, length);
        }
    }
    Ok(found)
}

/// Reads one segment in order. A torn end is what a kill in the middle of a write leaves behind: nobody was told that it was kept.
pub(crate) fn read_segment(folder: &Path, segment: u32, mut tell: impl FnMut(Told, Place)) -> Result<(), RecoverError> {
    let path = segment_path(folder, segment);
    let bytes = fs::read(&path).map_err(|error| RecoverError::Io(path.clone(), error))?;
    let Some(mut rest) = bytes.strip_prefix(HEADER.as_slice()) else {
        // Killed while creating it.
        return if HEADER.starts_with(&bytes) { Ok(()) } else { Err(RecoverError::Format(path)) };
    };
    loop {
        match decode(rest) {
            Next::End => return Ok(()),
            Next::Torn => {
                tracing::warn!(path = %path.display(), bytes = rest.len(), "the journal segment has a torn end, which is left out");
                return Ok(());
            }
            Next::Record(told, length) => {
                tell(told, Place { segment, bytes: u32::try_from(length).unwrap_or(u32::MAX) });
                rest = &rest[length..];
            }
        }
    }
}

fn is_empty_segment(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| HEADER.starts_with(&bytes))
}
