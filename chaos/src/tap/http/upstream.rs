//! The other side of the tap: a pooled client.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::answer::{Answer, Reply};
use crate::tap::{Hop, Upstream};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Headers about one connection, not about the request.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

pub(crate) struct Forward {
    client: Client<HttpConnector, Full<Bytes>>,
    authority: Authority,
    hop: Hop,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreachable {
    #[error("{authority} cannot be asked: {reason}")]
    Request { authority: String, reason: String },
    #[error("{authority} did not answer within {within:?}")]
    Slow { authority: String, within: Duration },
    #[error("the answer of {authority} broke off or was longer than {limit} bytes: {reason}")]
    Body { authority: String, limit: usize, reason: String },
}

impl Forward {
    pub(crate) fn new(upstream: &Upstream, hop: &Hop) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(hop.limits.connect));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(connector);
        Self { client, authority: upstream.authority.clone(), hop: hop.clone() }
    }

    /// Where that is on the other side. The parts were read before, so nothing is read again.
    fn address(&self, uri: &Uri) -> Result<Uri, http::uri::InvalidUriParts> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
        Uri::from_parts(parts)
    }

    /// Sends it on; an answer of any status is an answer.
    pub(crate) async fn request(&self, parts: &Parts, body: &Bytes) -> Result<Reply, Unreachable> {
        let slow = |_| Unreachable::Slow { authority: self.authority.to_string(), within: self.hop.limits.answer };
        let answered = timeout(self.hop.limits.answer, self.answer(parts, body)).await.map_err(slow).and_then(|answered| answered);
        answered.inspect_err(|error| tracing::warn!(%error, "no answer for the tap")).map(Reply::Answer)
    }

    async fn answer(&self, parts: &Parts, body: &Bytes) -> Result<Answer, Unreachable> {
        let failed = |reason: String| Unreachable::Request { authority: self.authority.to_string(), reason };
        let mut headers = end_to_end(parts.headers.clone());
        // The body may be another one by now, and its length is set anew.
        headers.remove(header::CONTENT_LENGTH);
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = self.address(&parts.uri).map_err(|error| failed(error.to_string()))?;
        *request.headers_mut() = headers;
        let response = self.client.request(request).await.map_err(|error| {
            self.hop.tell_of_shortage("open a connection", &error);
            failed(chain(&error))
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.hop.limits.body).collect().await.map_err(|error| Unreachable::Body {
            authority: self.authority.to_string(),
            limit: self.hop.limits.body,
            reason: error.to_string(),
        })?;
        Ok(Answer::new(head.status, end_to_end(head.headers), body.to_bytes()))
    }
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    // Names of further headers about the connection; hardly ever there are any.
    let named: Vec<HeaderValue> = headers.get_all(header::CONNECTION).iter().cloned().collect();
    for name in named.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
        headers.remove(name.trim());
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    headers
}

/// An error with its causes: the client's own says no more than "client error (Connect)".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_about_the_connection_do_not_pass() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("connection", "close, x-own"), ("x-own", "1"), ("keep-alive", "timeout=5"), ("host", "shop"), ("te", "trailers")]
        {
            headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        let kept = end_to_end(headers);
        assert_eq!(kept.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["host"]);
    }
}
