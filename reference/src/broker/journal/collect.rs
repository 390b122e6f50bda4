//! Collecting the journal's garbage, one segment at a time.

use std::{fs, io};

use tokio_util::sync::CancellationToken;

use super::{
    Journal,
    record::Told,
    recover::{RecoverError, read_segment},
    segment_path,
};
use crate::broker::refusal::Refusal;

/// Why garbage could not be collected; nothing is lost by it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    #[error(transparent)]
    Read(#[from] RecoverError),
    #[error(transparent)]
    Write(#[from] Refusal),
    #[error("cannot remove an empty segment")]
    Remove(#[source] io::Error),
}

/// How many records are copied between two flushes.
const COPIES_PER_FLUSH: usize = 256;

impl Journal {
    /// Collects segments as long as there is more garbage than life and nobody stops it; `keep` writes a message of this segment again if it still lives there.
    pub(crate) fn collect(&self, stop: &CancellationToken, mut keep: impl FnMut(u32, &Told)) -> Result<(), CollectError> {
        while let Some(segment) = self.oldest_with_garbage().filter(|_| !stop.is_cancelled()) {
            let mut seen = 0;
            let mut flushed = Ok(());
            read_segment(&self.folder, segment, |told, _| {
                keep(segment, &told);
                seen += 1;
                if seen % COPIES_PER_FLUSH == 0 && flushed.is_ok() {
                    flushed = self.flush();
                }
            })?;
            flushed?;
            // What lived here is written elsewhere before it is removed here.
            self.flush()?;
            fs::remove_file(segment_path(&self.folder, segment)).map_err(CollectError::Remove)?;
            self.lock().closed.remove(&segment);
        }
        Ok(())
    }

    fn oldest_with_garbage(&self) -> Option<u32> {
        let writer = self.lock();
        if self.has_garbage(&writer) { writer.closed.first_key_value().map(|(segment, _)| *segment) } else { None }
    }
}
