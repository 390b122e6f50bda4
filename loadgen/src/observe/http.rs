//! Reading JSON over HTTP from the parts of the pipeline that show their state that way.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest answer that is read: a page of ten thousand rows takes well under a tenth of it.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {url}: {reason}; does it still answer there?")]
pub struct ReadError {
    /// Where.
    pub url: String,
    /// Why.
    pub reason: String,
}

/// Reads JSON.
#[derive(Debug, Clone)]
pub struct Reader {
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http() }
    }
}

impl Reader {
    /// The JSON at an address.
    ///
    /// # Errors
    /// [`ReadError`] when it cannot be had within 20 s, is answered with anything but 200, is larger than 64 MiB, or is something else.
    pub async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, ReadError> {
        let failed = |reason: String| ReadError { url: url.to_owned(), reason };
        let body = tokio::time::timeout(PATIENCE, self.body(url))
            .await
            .map_err(|_| failed(format!("no answer within {} s", PATIENCE.as_secs())))?
            .map_err(&failed)?;
        serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
    }

    async fn body(&self, url: &str) -> Result<Bytes, String> {
        let uri = url.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
        let answer = self.client.get(uri).await.map_err(|error| error.to_string())?;
        if answer.status() != http::StatusCode::OK {
            return Err(format!("answered {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await.map_err(|error| error.to_string())?;
        Ok(body.to_bytes())
    }
}
