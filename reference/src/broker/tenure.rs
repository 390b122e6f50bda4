//! A folder belongs to one broker at a time.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

/// The right to a folder, from [`Tenure::begin`] until it is dropped or the process dies, however it dies.
///
/// The lock belongs to the open file, and not to the descriptor (`flock(2)`): a child that any thread of this process is starting holds
/// a copy of the descriptor until it executes its program. Closing ours would then leave the folder locked a little longer, so the lock
/// is given up by name.
#[derive(Debug)]
pub(super) struct Tenure {
    lock: File,
}

impl Tenure {
    /// Takes the folder, or says with `None` that another broker has it.
    ///
    /// # Errors
    /// When the lock file cannot be created or locked.
    pub(super) fn begin(folder: &Path) -> io::Result<Option<Self>> {
        let lock = File::create(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the broker's folder could not be unlocked; it is free when this process ends");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_descriptor_in_a_child_that_is_being_started_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let tenure = Tenure::begin(folder.path()).unwrap().unwrap();
        let copy = tenure.lock.try_clone().unwrap();
        assert!(Tenure::begin(folder.path()).unwrap().is_none());
        drop(tenure);
        assert!(Tenure::begin(folder.path()).unwrap().is_some());
        drop(copy);
    }
}
