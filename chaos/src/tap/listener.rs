//! Accepting connections, with a limit, until the shutdown.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Hop, Tap, TapError};

/// How long accepting pauses when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Starts a tap that gives each connection to `serve`, with a token that says when to end.
pub(super) fn start<F, S>(listener: TcpListener, hop: &Hop, tasks: TaskTracker, serve: S) -> Result<Tap, TapError>
where
    S: Fn(TcpStream, CancellationToken) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let address = listener.local_addr().map_err(|source| TapError::Listener { hop: Arc::clone(&hop.name), source })?;
    let shutdown = CancellationToken::new();
    let permits = Arc::new(Semaphore::new(hop.limits.connections.min(Semaphore::MAX_PERMITS)));
    let accepting = tokio::spawn(accept(listener, permits, shutdown.clone(), tasks.clone(), serve));
    Ok(Tap { address, shutdown, tasks, accepting })
}

async fn accept<F, S>(listener: TcpListener, permits: Arc<Semaphore>, shutdown: CancellationToken, tasks: TaskTracker, serve: S)
where
    S: Fn(TcpStream, CancellationToken) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = async {
                let permit = Arc::clone(&permits).acquire_owned().await.expect("the semaphore is never closed");
                listener.accept().await.map(|(stream, _)| (stream, permit))
            } => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection stays with Nagle's algorithm");
                }
                let served = serve(stream, shutdown.clone());
                tasks.spawn(async move {
                    served.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
