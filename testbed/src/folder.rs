//! A folder for what a test's programs write.
//!
//! A shop answers a purchase when it is on the disk. A shared disk that has just taken a build can keep a flush waiting for longer than buyers
//! wait, and a run that sells nothing proves nothing: what a test demands of a whole run shall not hang on that.

use std::io;
use std::process::Command;

use tempfile::TempDir;

const IN_MEMORY: &str = "/dev/shm";

/// Makes a folder that goes with its owner: in memory where that has room for so many bytes, on the disk elsewhere. What is in it outlives a
/// process that is killed, wherever it lies.
///
/// # Errors
/// When it cannot be made.
pub fn in_memory(prefix: &str, bytes: u64) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    if has_room(bytes) { builder.tempdir_in(IN_MEMORY) } else { builder.tempdir() }
}

fn has_room(bytes: u64) -> bool {
    let listed = Command::new("df").args(["--output=avail", "--block-size=1", IN_MEMORY]).output();
    let free = listed.ok().and_then(|listed| String::from_utf8(listed.stdout).ok()?.lines().nth(1)?.trim().parse::<u64>().ok());
    free.is_some_and(|free| free >= bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_memory_can_hold_lies_on_the_disk() {
        let folder = in_memory("testbed-", u64::MAX).unwrap();
        assert!(!folder.path().starts_with(IN_MEMORY) && folder.path().is_dir());
        let small = in_memory("testbed-", 1).unwrap();
        assert_eq!(small.path().starts_with(IN_MEMORY), has_room(1));
    }
}
