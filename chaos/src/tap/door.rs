//! The door of a tap: closed, nobody can connect, as when nothing listens or a name does not resolve.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;

use super::TapError;

/// The door of a tap, for whoever may close it; a clone is the same door.
#[derive(Debug, Clone)]
pub struct Door {
    address: SocketAddr,
    ways: Doorway,
}

/// A tap that refuses connections; dropping this opens it again.
#[derive(Debug)]
#[must_use = "dropping the guard opens the tap at once"]
pub struct Closed {
    door: Door,
}

/// Whether connections are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Closed,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Both sides of the door: what is wanted, and what is.
#[derive(Debug, Clone)]
pub(super) struct Doorway {
    pub(super) wanted: watch::Sender<State>,
    pub(super) is: watch::Sender<State>,
}

impl Door {
    pub(super) fn new(address: SocketAddr, ways: Doorway) -> Self {
        Self { address, ways }
    }

    /// Where the tap listens, when it is open.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes it: from the return of this on, connecting is refused, and each connection that stands ends with the request it is at.
    /// Of guards on one door, the first that is dropped opens it.
    ///
    /// # Errors
    /// [`TapError::Door`] when it is not closed after `within`; it stays, or becomes again, open.
    pub async fn close(&self, within: Duration) -> Result<Closed, TapError> {
        let closed = Closed { door: self.clone() };
        self.ways.wanted.send_replace(State::Closed);
        self.reached(State::Closed, within).await?;
        Ok(closed)
    }

    async fn reached(&self, wanted: State, within: Duration) -> Result<(), TapError> {
        let mut is = self.ways.is.subscribe();
        // The channel stands as long as the door does.
        match tokio::time::timeout(within, is.wait_for(|is| *is == wanted)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(TapError::Door { address: self.address, wanted: wanted.name(), within }),
        }
    }
}

impl Closed {
    /// Opens the tap, and returns when it accepts connections.
    ///
    /// # Errors
    /// [`TapError::Door`] when it does not within that time.
    pub async fn reopen(self, within: Duration) -> Result<(), TapError> {
        let door = self.door.clone();
        drop(self);
        door.reached(State::Open, within).await
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.door.ways.wanted.send_replace(State::Open);
    }
}
