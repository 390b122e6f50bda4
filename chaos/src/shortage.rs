//! What the machine would not give: file handles, ports, memory. Whoever stands between a system and its parts must not blame the system for that.

use std::error::Error;
use std::fs::File;
use std::io;
use std::sync::Arc;

use nix::errno::Errno;

/// A connection that did not come about because this process lacked something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Name of the hop.
    pub hop: Arc<str>,
    /// What could not be done ("accept a connection").
    pub wanted: &'static str,
    /// What the operating system said.
    pub error: String,
}

/// Whether the operating system refused because something of the caller's own had run out: files (EMFILE, ENFILE), ports (EADDRNOTAVAIL) or memory
/// (ENOBUFS, ENOMEM). See accept(2) and connect(2).
#[must_use]
pub fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::EMFILE | Errno::ENFILE | Errno::EADDRNOTAVAIL | Errno::ENOBUFS | Errno::ENOMEM)
    )
}

/// The shortage that stands somewhere among the causes of an error.
#[must_use]
pub fn among_causes<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let told = error.downcast_ref::<io::Error>().filter(|error| is_shortage(error));
        if told.is_some() {
            return told;
        }
        cause = error.source();
    }
    None
}

/// Whether a file handle can be had at this moment: for errors that do not tell their cause.
///
/// # Errors
/// The shortage, when there is one.
pub fn of_files() -> io::Result<()> {
    match File::open("/dev/null") {
        Err(error) if is_shortage(&error) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("it went wrong")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("further down")]
    struct Inner(#[source] io::Error);

    #[test]
    fn a_shortage_is_found_below_other_errors_and_other_errors_are_none() {
        let told = |errno: Errno| Outer(Inner(io::Error::from_raw_os_error(errno as i32)));
        assert_eq!(among_causes(&told(Errno::EMFILE)).and_then(io::Error::raw_os_error), Some(Errno::EMFILE as i32));
        assert!(among_causes(&told(Errno::ECONNREFUSED)).is_none());
        assert!(among_causes(&io::Error::other("no number")).is_none());
        assert!(among_causes(&io::Error::from_raw_os_error(Errno::EADDRNOTAVAIL as i32)).is_some());
    }
}
