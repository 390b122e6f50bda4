//! Questions that the harness itself puts to a target over HTTP: always directly, never through anything faulty.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::speech::Spoken;
use crate::observe::http::ReadError;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest answer that is read.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A complete answer.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Asks over HTTP. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Default for Asker {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(PATIENCE));
        Self { client: Client::builder(TokioExecutor::new()).build(connector) }
    }
}

impl Asker {
    /// Sends a request below an address and reads the complete answer.
    ///
    /// # Errors
    /// [`ReadError`] when there is none within 10 s, or it is larger than 64 MiB.
    pub(super) async fn send(&self, base: &str, spoken: &Spoken) -> Result<Said, ReadError> {
        let url = format!("{}{}", base.trim_end_matches('/'), spoken.path);
        let failed = |reason: String| ReadError { url: url.clone(), reason };
        let mut request = Request::builder().method(spoken.method.clone()).uri(&url);
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&spoken.headers);
        }
        let request = request.body(Full::new(spoken.body.clone())).map_err(|error| failed(error.to_string()))?;
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|error| causes(&error))?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await.map_err(|error| error.to_string())?;
            Ok::<_, String>(Said { status, body: body.to_bytes() })
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| failed(format!("no answer within {} s", PATIENCE.as_secs())))?
            .map_err(failed)
    }
}

impl Spoken {
    /// A plain GET.
    #[must_use]
    pub(super) fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), headers: HeaderMap::new(), body: Bytes::new() }
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    crate::run::error_chain(error)
}
