//! What every HTTP listener of the pipeline does alike: limits, error bodies, 404s, an orderly end.

pub mod body;
pub mod fields;
pub mod problem;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::{Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;

use crate::edition::texts;
use crate::trace::leg::{Kind, Leg};
use crate::trace::{self, TraceParent};
use problem::Problem;

/// The longest body of the pipeline's own APIs, in bytes: more than ten times the longest sensible purchase.
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// How long to rest when the system has no socket left for a new connection.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Limits of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections that may be open at once; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// How long a connection may take to its next request's complete head; an idle one is closed after it too.
    pub head_timeout: Duration,
    /// How long a request may take from its head to its answer.
    pub request_timeout: Duration,
    /// How long a client may take none of an answer that is being sent before its connection is cut.
    pub write_stall: Duration,
    /// Longest request body, in bytes.
    pub body_bytes: usize,
    /// How long requests under way may take to finish once shutdown was asked for.
    pub drain_timeout: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(20),
            write_stall: Duration::from_secs(30),
            body_bytes: MAX_BODY_BYTES,
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Serves `app` (with the shared fallback, limits and panic guard around it) until `shutdown`, then finishes what was taken.
/// Answers whether everything under way was finished within the drain timeout.
pub async fn serve(listener: TcpListener, app: Router, limits: ServerLimits, shutdown: CancellationToken) -> bool {
    let app = guarded(app, limits);
    let room = Arc::new(Semaphore::new(limits.connections.max(1)));
    let connections = TaskTracker::new();
    let abandon = CancellationToken::new();
    while let Some((stream, place)) = next_connection(&listener, &room, &shutdown).await {
        connections.spawn(converse(stream, app.clone(), limits, shutdown.clone(), abandon.clone(), place));
    }
    drop(listener);
    connections.close();
    let finished = tokio::time::timeout(limits.drain_timeout, connections.wait()).await.is_ok();
    if !finished {
        tracing::warn!(connections = connections.len(), "requests were still under way after {:?} and are abandoned", limits.drain_timeout);
        abandon.cancel();
        connections.wait().await;
    }
    finished
}

/// The router with everything around it that [`serve`] puts there; for those who serve it in another way.
pub fn guarded(app: Router, limits: ServerLimits) -> Router {
    let patience = limits.request_timeout;
    app.fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(axum::Extension(body::BodyLimit(limits.body_bytes)))
        .layer(middleware::from_fn(move |request, next| within(patience, request, next)))
        .layer(middleware::from_fn(traced))
        .layer(CatchPanicLayer::custom(|_| {
            // The panic hook has told the rest; the client learns that nothing is certain.
            tracing::error!("a request handler panicked");
            Problem::unknown(StatusCode::INTERNAL_SERVER_ERROR, texts::UNKNOWN_RESULT).into_response()
        }))
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "Not Found" }))).into_response()
}

async fn within(patience: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unknown(StatusCode::GATEWAY_TIMEOUT, texts::UNKNOWN_RESULT).into_response(),
    }
}

/// The request as a leg of the trace that its caller is in.
async fn traced(request: Request, next: Next) -> Response {
    let name = || format!("{} {}", request.method(), request.uri().path());
    let mut leg = match TraceParent::of(request.headers()) {
        // Whoever wants something done begins a trace; looks (probes, pages, metrics) are too many, and lead nowhere.
        None if *request.method() == Method::POST => Leg::first(Kind::Server, name),
        parent => Leg::begin(Kind::Server, parent, name),
    };
    let response = trace::within(leg.onward(), next.run(request)).await;
    leg.note("http.response.status_code", || response.status().as_u16().to_string());
    if response.status().is_server_error() {
        leg.failed(|| response.status().to_string());
    }
    response
}

/// Waits for room, then for a connection; `None` on shutdown.
async fn next_connection(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = tokio::select! {
        () = shutdown.cancelled() => return None,
        place = Arc::clone(room).acquire_owned() => place.ok()?,
    };
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => return Some((stream, place)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// A stream that ends when its client takes nothing of what it is sent for so long.
pub(crate) fn impatient(stream: TcpStream, write_stall: Duration) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(write_stall));
    Box::pin(stream)
}

/// One connection, until its client leaves, shutdown has let it finish, or it is abandoned.
async fn converse(
    stream: TcpStream,
    app: Router,
    limits: ServerLimits,
    shutdown: CancellationToken,
    abandon: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's algorithm");
    }
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .serve_connection(TokioIo::new(impatient(stream, limits.write_stall)), TowerToHyperService::new(app));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = abandon.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
