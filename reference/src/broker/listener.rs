//! The listener: connections, requests, and which of the three services each is for.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    ses, sns,
    sns::{Params, SnsCall},
    sqs,
    sqs::SqsCall,
    world::World,
};
use crate::http::impatient;

/// How long accepting pauses when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a connection needs to know about where it is.
#[derive(Clone)]
struct Site {
    world: Arc<World>,
    /// The listener's own address, for callers that name no host.
    local: Arc<str>,
    shutdown: CancellationToken,
    /// Connections, and what outlives them: all that a shutdown waits for.
    tasks: TaskTracker,
}

/// Serves until the shutdown; then answers what is under way, for a bounded time.
pub(crate) async fn serve(world: &Arc<World>, listener: TcpListener, shutdown: CancellationToken) -> io::Result<()> {
    let local: Arc<str> = listener.local_addr()?.to_string().into();
    let permits = Arc::new(Semaphore::new(world.options.limits.connections));
    let tasks = TaskTracker::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&permits).acquire_owned() => permit.map_err(io::Error::other)?,
            () = shutdown.cancelled() => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match stream {
            Ok((stream, _)) => {
                let site = Site { world: Arc::clone(world), local: local.clone(), shutdown: shutdown.clone(), tasks: tasks.clone() };
                let open = world.connections.enter();
                tasks.spawn(async move {
                    serve_connection(site, stream).await;
                    drop((open, permit));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    if timeout(world.options.limits.shutdown_grace, tasks.wait()).await.is_err() {
        tracing::warn!(tasks = tasks.len(), "the broker ends with answers under way");
    }
    world.flush().map_err(io::Error::other)
}

async fn serve_connection(site: Site, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection stays with Nagle's algorithm");
    }
    let service = service_fn(|request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(answer(&site, request).await) }
    });
    let limits = &site.world.options.limits;
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .serve_connection(TokioIo::new(impatient(stream, limits.write_stall)), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = site.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Answers a request as if a client had sent it that does not wait: a long poll ends at once.
pub(crate) async fn ask(world: &Arc<World>, head: &Parts, body: &[u8]) -> Response<Full<Bytes>> {
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let site = Site { world: Arc::clone(world), local: "broker".into(), shutdown, tasks: TaskTracker::new() };
    dispatch(&site, head, body).await
}

async fn answer(site: &Site, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let world = &site.world;
    let (head, body) = request.into_parts();
    let limits = &world.options.limits;
    let body = match timeout(limits.body_timeout, Limited::new(body, limits.body_bytes).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {} bytes\n", limits.body_bytes));
        }
        Ok(Err(error)) => return plain(StatusCode::BAD_REQUEST, format!("the body could not be read: {error}\n")),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, format!("the body did not arrive within {:?}\n", limits.body_timeout)),
    };
    dispatch(site, &head, &body).await
}

/// Answers a request that came in full.
async fn dispatch(site: &Site, head: &Parts, body: &[u8]) -> Response<Full<Bytes>> {
    let Site { world, local, shutdown, tasks } = site;
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or(local);
    if let Some(target) = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        return match target.strip_prefix("AmazonSQS.") {
            Some(action) => sqs::handle(SqsCall { world, host, shutdown, tasks }, action, body).await,
            None => {
                plain(StatusCode::BAD_REQUEST, format!("x-amz-target {target}: this broker speaks SQS (AmazonSQS.*), SNS and SES only\n"))
            }
        };
    }
    let query = head.uri.query().unwrap_or_default();
    match (&head.method, head.uri.path()) {
        (&Method::POST, "/v2/email/outbound-emails") => ses::send(world, body),
        (&Method::GET, "/_aws/ses") => ses::list(world, query),
        (&Method::DELETE, "/_aws/ses") => ses::forget(world, query),
        (&Method::GET, "/mails") => ses::show(world),
        (&Method::POST, path) if is_form(&head.headers) => {
            let params = Params::parse(body);
            match params.get("Action") {
                Some(action) if sqs::query::is_action(action) => {
                    sqs::query::handle(SqsCall { world, host, shutdown, tasks }, action, &params, path).await
                }
                _ => sns::handle(SnsCall { world, host }, &params),
            }
        }
        // Addresses in envelopes can be followed.
        (&Method::GET, "/") if query.contains("Action=") => sns::handle(SnsCall { world, host }, &Params::parse(query.as_bytes())),
        (&Method::GET, "/") => plain(StatusCode::OK, "a local broker: SQS, SNS and SES; the e-mails are at /mails\n".to_owned()),
        (method, path) => {
            plain(StatusCode::NOT_FOUND, format!("{method} {path}: this broker speaks SQS, SNS and SES (POST /v2/email/outbound-emails)\n"))
        }
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.starts_with("application/x-www-form-urlencoded")
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
