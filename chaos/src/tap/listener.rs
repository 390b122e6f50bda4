//! Accepting connections, with a limit, until the shutdown; and the door that can be closed meanwhile.
//!
//! A closed door refuses connections as a machine does on which nothing listens, and keeps its port for when it opens.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::door::{Door, Doorway, State};
use super::{Hop, Tap, TapError};
use crate::port::KeptPort;

/// How long accepting pauses when the system has no more file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts a tap that gives each connection to `serve`, with a token that says when to end.
pub(super) fn start<F, S>(listener: TcpListener, hop: &Hop, tasks: TaskTracker, serve: S) -> Result<Tap, TapError>
where
    S: Fn(TcpStream, CancellationToken) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let address = listener.local_addr().map_err(|source| TapError::Listener { hop: Arc::clone(&hop.name), source })?;
    let shutdown = CancellationToken::new();
    let permits = Arc::new(Semaphore::new(hop.limits.connections.min(Semaphore::MAX_PERMITS)));
    let ways = Doorway { wanted: watch::Sender::new(State::Open), is: watch::Sender::new(State::Open) };
    let accepting =
        Accepting { address, hop: hop.clone(), permits, shutdown: shutdown.clone(), tasks: tasks.clone(), door: ways.clone(), serve };
    let accepting = tokio::spawn(accepting.run(listener));
    Ok(Tap { door: Door::new(address, ways), shutdown, tasks, accepting })
}

struct Accepting<S> {
    address: SocketAddr,
    hop: Hop,
    permits: Arc<Semaphore>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    door: Doorway,
    serve: S,
}

impl<F, S> Accepting<S>
where
    S: Fn(TcpStream, CancellationToken) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    async fn run(self, mut listener: TcpListener) {
        loop {
            let connections = self.shutdown.child_token();
            if !self.accept(&listener, &connections).await {
                return;
            }
            // Connections that stand end with the request they are at: who comes back finds nobody.
            connections.cancel();
            drop(listener);
            listener = match self.closed().await {
                Ok(Some(reopened)) => reopened,
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, address = %self.address, "a tap cannot listen any more");
                    return;
                }
            };
            self.door.is.send_replace(State::Open);
        }
    }

    /// Accepts until the door is to be closed (true) or the tap to end (false).
    async fn accept(&self, listener: &TcpListener, connections: &CancellationToken) -> bool {
        let mut wanted = self.door.wanted.subscribe();
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.cancelled() => return false,
                // Ok or not: this task holds a sender, so the channel stands.
                _ = wanted.wait_for(|wanted| *wanted == State::Closed) => return true,
                accepted = async {
                    let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
                    listener.accept().await.map(|(stream, _)| (stream, permit))
                } => accepted,
            };
            match accepted {
                Ok((stream, permit)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection stays with Nagle's algorithm");
                    }
                    let served = (self.serve)(stream, connections.clone());
                    self.tasks.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.hop.tell_of_shortage("accept a connection", &error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Keeps the port until the door is to be opened; None when the tap is to end.
    async fn closed(&self) -> io::Result<Option<TcpListener>> {
        let keeper = KeptPort::keep(self.address).await?;
        self.door.is.send_replace(State::Closed);
        let mut wanted = self.door.wanted.subscribe();
        tokio::select! {
            () = self.shutdown.cancelled() => return Ok(None),
            _ = wanted.wait_for(|wanted| *wanted == State::Open) => (),
        }
        keeper.listen().map(Some)
    }
}
