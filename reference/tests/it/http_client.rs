//! A small HTTP client for the tests: one call, one parsed answer, a deadline on everything.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// No call of a test may take longer.
const DEADLINE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build(HttpConnector::new()))
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Answer, String> {
        self.send(http::Request::get(url), Bytes::new()).await
    }

    pub(crate) async fn post(&self, url: &str, body: &Value) -> Result<Answer, String> {
        self.send(http::Request::post(url).header("content-type", "application/json"), body.to_string().into()).await
    }

    /// A purchase that can be repeated.
    pub(crate) async fn post_with_key(&self, url: &str, key: &str, body: &Value) -> Result<Answer, String> {
        let request = http::Request::post(url).header("content-type", "application/json").header("idempotency-key", key);
        self.send(request, body.to_string().into()).await
    }

    async fn send(&self, request: http::request::Builder, body: Bytes) -> Result<Answer, String> {
        let request = request.body(Full::from(body)).map_err(|error| error.to_string())?;
        let exchange = async {
            let answer = self.0.request(request).await.map_err(|error| format!("{error:?}"))?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok(Answer { status, text: String::from_utf8_lossy(&body).into_owned() })
        };
        tokio::time::timeout(DEADLINE, exchange).await.unwrap_or_else(|_| Err(format!("no answer within {DEADLINE:?}")))
    }
}
