//! What asks a process to end: a signal, or the death of the process that started it.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels `stop` on SIGINT and SIGTERM, from now on and for as long as the runtime lives.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn on_signals(stop: CancellationToken) -> io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        let which = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        tracing::info!(signal = which, "shutting down");
        stop.cancel();
    });
    Ok(())
}

/// Cancels `stop` when standard input closes, which it does when the parent that holds its other end dies, however it dies.
/// On Linux the kernel also sends SIGTERM, in case somebody else holds that end open; by "parent" it means the thread that started this
/// process, so start it from one that lives long enough.
///
/// # Errors
/// When the watcher cannot be started.
pub fn with_parent(stop: CancellationToken) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM)?;
    // A thread of its own: tokio's standard input would hold up the end of the runtime until somebody types.
    std::thread::Builder::new().name("parent-watch".to_owned()).spawn(move || {
        // Whether the end is orderly or an error, nobody is there any more.
        drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
        tracing::info!("standard input closed; shutting down");
        stop.cancel();
    })?;
    Ok(())
}
