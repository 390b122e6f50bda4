//! One connection of a client: its requests, and the ways it can end.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, HangUp, Reply};
use crate::tap::Hop;

/// What a tap does with a request.
pub(crate) trait Handler: Send + Sync + 'static {
    fn hop(&self) -> &Hop;
    fn handle(&self, parts: Parts, body: Bytes) -> impl Future<Output = Reply> + Send;
}

/// Serves a connection until it ends, or until the shutdown and the end of the request it is at.
pub(crate) async fn serve<H: Handler>(stream: TcpStream, handler: Arc<H>, shutdown: CancellationToken) {
    let limits = handler.hop().limits;
    let reset = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request: Request<Incoming>| {
        let (handler, reset) = (Arc::clone(&handler), Arc::clone(&reset));
        // Boxed, because taking the connection apart at its end asks for a future that can be moved.
        Box::pin(async move {
            match reply(&*handler, request).await {
                Reply::Answer(answer) => Ok(answer.into_response(handler.hop())),
                Reply::HangUp(way) => {
                    reset.store(way == HangUp::Reset, Ordering::Relaxed);
                    // An error of the service ends the connection without an answer.
                    Err(io::Error::other("hung up by the tap"))
                }
            }
        })
    });
    let mut stream = TimeoutStream::new(stream);
    // Hyper waits for ever for a client that takes nothing of its answer.
    stream.set_write_timeout(Some(limits.write));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.read)
        .max_buf_size(limits.head.max(8_192))
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut told = false;
    let mut stop = pin!(shutdown.cancelled_owned());
    let ended = loop {
        tokio::select! {
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => break ended,
            () = stop.as_mut(), if !told => {
                told = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended");
    }
    let stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::Relaxed) {
        // Ok or not: a socket that is gone needs no reset.
        let _ = stream.get_ref().set_zero_linger();
    }
}

async fn reply<H: Handler>(handler: &H, request: Request<Incoming>) -> Reply {
    let limits = handler.hop().limits;
    let (parts, body) = request.into_parts();
    match timeout(limits.read, Limited::new(body, limits.body).collect()).await {
        Ok(Ok(body)) => handler.handle(parts, body.to_bytes()).await,
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("{{\"message\":\"the tap passes bodies of up to {} bytes\"}}", limits.body);
            Reply::Answer(Answer::made_up(StatusCode::PAYLOAD_TOO_LARGE, "application/json", message))
        }
        Ok(Err(_)) => Reply::HangUp(HangUp::Close),
        Err(_) => {
            let message = format!("{{\"message\":\"the body did not arrive within {:?}\"}}", limits.read);
            Reply::Answer(Answer::made_up(StatusCode::REQUEST_TIMEOUT, "application/json", message))
        }
    }
}
