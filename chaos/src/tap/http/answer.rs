//! What goes back to the client, and how.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tokio::time::{Instant, sleep_until};

use crate::decision::{Fault, Pace, Slot};
use crate::faults::Strike;
use crate::tap::Hop;

/// Most pieces that a slow body is cut into: enough to trickle, few enough to cost nothing.
const PIECES: usize = 64;

/// What the client gets.
pub(crate) enum Reply {
    Answer(Answer),
    HangUp(HangUp),
}

/// How a connection ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HangUp {
    /// TCP reset: what a dying process or a firewall does.
    Reset,
    /// Orderly: what a server that is told to stop does.
    Close,
}

/// An answer in full, with what its way back is like.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Bytes after which the connection breaks.
    pub(crate) cut: Option<usize>,
    /// Keeps the strike held, and paces the body, until the body has passed.
    pub(crate) strike: Option<Box<Strike>>,
}

impl Reply {
    pub(crate) fn reset() -> Self {
        Self::HangUp(HangUp::Reset)
    }
}

impl Answer {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self { status, headers, body, cut: None, strike: None }
    }

    /// An answer of the tap's own.
    pub(crate) fn made_up(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self::new(status, headers, body.into())
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        // What the tap makes up is visible ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Another body; headers that speak of the old one go.
    pub(crate) fn set_body(&mut self, body: Bytes) {
        for name in [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::ETAG] {
            self.headers.remove(name);
        }
        self.headers.remove("x-amz-crc32");
        self.body = body;
    }

    pub(crate) fn into_response(mut self, hop: &Hop) -> Response<BoxBody<Bytes, io::Error>> {
        let pace = self.strike.as_ref().and_then(|strike| strike.in_slot(Slot::Pace)).and_then(|hit| match hit.fault() {
            Fault::Pace(pace) => Some(pace.clone()),
            _ => None,
        });
        let whole = self.cut.is_none() && pace.is_none();
        if !whole && !self.headers.contains_key(header::CONTENT_LENGTH) {
            self.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        let body = if whole {
            drop(self.strike);
            Full::new(self.body).map_err(|never: Infallible| match never {}).boxed()
        } else {
            paced(self.body, self.cut, pace.as_ref(), self.strike, hop)
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

struct Rest {
    body: Bytes,
    sent: usize,
    piece: usize,
    /// Set when the body breaks off.
    cut: Option<usize>,
    began: Instant,
    per_byte: Duration,
    strike: Option<Box<Strike>>,
    hop: Hop,
}

/// A body in pieces, each due at its own time from the beginning (not from the piece before, which would add up the lateness).
fn paced(body: Bytes, cut: Option<usize>, pace: Option<&Pace>, strike: Option<Box<Strike>>, hop: &Hop) -> BoxBody<Bytes, io::Error> {
    let length = body.len().max(1);
    let per_byte = match pace {
        None => Duration::ZERO,
        Some(Pace::Slow { over }) => over.div_f64(length as f64),
        Some(Pace::Bandwidth { bytes_per_second }) => Duration::from_secs(1).div_f64(*bytes_per_second as f64),
    };
    let rest = Rest { piece: length.div_ceil(PIECES), body, sent: 0, cut, began: Instant::now(), per_byte, strike, hop: hop.clone() };
    StreamBody::new(stream::try_unfold(rest, next_piece)).boxed()
}

async fn next_piece(mut rest: Rest) -> Result<Option<(Frame<Bytes>, Rest)>, io::Error> {
    let end = rest.cut.unwrap_or(usize::MAX).min(rest.body.len());
    if rest.sent >= end {
        return match rest.cut {
            Some(_) => {
                // Lets what was sent reach the wire before the connection breaks.
                tokio::task::yield_now().await;
                Err(io::Error::other("cut by a fault"))
            }
            None => Ok(None),
        };
    }
    let upto = (rest.sent + rest.piece).min(end);
    let due = rest.began + rest.per_byte.mul_f64(upto as f64);
    let hit = rest.strike.as_ref().and_then(|strike| strike.in_slot(Slot::Pace)).cloned();
    if let Some(hit) = hit {
        tokio::select! {
            () = sleep_until(due) => if upto == rest.body.len() {
                rest.hop.saw(&hit, || format!("the last of {upto} bytes was passed on {} ms after the first", rest.began.elapsed().as_millis()));
            },
            () = hit.healed() => (),
        }
    }
    let piece = rest.body.slice(rest.sent..upto);
    rest.sent = upto;
    Ok(Some((Frame::data(piece), rest)))
}
