//! Ctrl-C: once to stop in order, twice to stop at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What the person at the terminal (or the CI system) wants.
#[derive(Debug, Clone, Default)]
pub struct Interrupts {
    /// Stop the load, drain within a bound, verify what there is, report.
    pub soft: CancellationToken,
    /// Stop at once.
    pub hard: CancellationToken,
}

impl Interrupts {
    /// Listens for SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// When the operating system does not let us.
    pub fn listen() -> std::io::Result<Self> {
        let interrupts = Self::default();
        let signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::spawn(hear(signals, interrupts.clone()));
        Ok(interrupts)
    }
}

async fn hear((mut interrupt, mut terminate): (Signal, Signal), interrupts: Interrupts) {
    for token in [&interrupts.soft, &interrupts.hard] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        token.cancel();
    }
}
