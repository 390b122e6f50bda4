//! What AWS does between a queue and a function (the "event source mapping"), for machines without AWS: receives, invokes, and deletes what the
//! function did not name as failed. And the schedule that wakes the relay.
//!
//! An invocation that fails deletes nothing: its messages come again when their visibility timeout ends, and the redrive policy counts.

use std::collections::HashSet;
use std::time::Duration;

use axum::body::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reference::messaging::error::CallError;
use reference::messaging::receive::{MESSAGES_PER_CALL, Queue};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::event::{BatchAnswer, SqsEvent};

/// How long a receive waits for messages.
const WAIT: Duration = Duration::from_secs(1);

/// Rest after something that failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// How long an invocation may take: longer than any function that consumes a queue, and than a relay that was told to stay for seconds.
const INVOKED_WITHIN: Duration = Duration::from_secs(30);

/// The longest answer that is read.
const ANSWER_BYTES: usize = 6 * 1024 * 1024;

/// Functions behind an endpoint that speaks Lambda's `Invoke`, such as `cargo lambda watch`.
#[derive(Debug, Clone)]
pub struct Functions {
    endpoint: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// Why an invocation came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// It could not be called.
    #[error("function {function} cannot be invoked: {reason}; does the emulator run, and does it have this function?")]
    NotInvoked {
        /// Which.
        function: String,
        /// Why not.
        reason: String,
    },
    /// It was, and said so.
    #[error("function {function} failed: {answer}")]
    Failed {
        /// Which.
        function: String,
        /// What it said.
        answer: String,
    },
    /// The queue.
    #[error(transparent)]
    Queue(#[from] CallError),
}

impl Functions {
    /// The functions of an endpoint ("http://127.0.0.1:9000").
    #[must_use]
    pub fn at(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    /// [`InvokeError`].
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, InvokeError> {
        let not_invoked = |reason: String| InvokeError::NotInvoked { function: function.to_owned(), reason };
        let request = Request::post(format!("{}/2015-03-31/functions/{function}/invocations", self.endpoint))
            .header("content-type", "application/json")
            .body(Full::from(event.to_string()))
            .map_err(|error| not_invoked(error.to_string()))?;
        let conversation = async {
            let answer = self.client.request(request).await.map_err(|error| error.to_string())?;
            let failed = answer.headers().contains_key("x-amz-function-error") || answer.status() != StatusCode::OK;
            let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?;
            Ok((failed, body.to_bytes()))
        };
        let answered = tokio::time::timeout(INVOKED_WITHIN, conversation).await;
        let (failed, body) = answered.unwrap_or_else(|_| Err(format!("no answer within {INVOKED_WITHIN:?}"))).map_err(not_invoked)?;
        if failed {
            return Err(InvokeError::Failed { function: function.to_owned(), answer: String::from_utf8_lossy(&body).into_owned() });
        }
        serde_json::from_slice(&body).map_err(|error| not_invoked(error.to_string()))
    }

    /// Hands one batch of a queue to a function, and deletes what it did not name as failed. Returns how many messages that were.
    ///
    /// # Errors
    /// [`InvokeError`]; then nothing was deleted.
    pub async fn hand_over(&self, queue: &Queue, visibility: Duration, function: &str) -> Result<usize, InvokeError> {
        let received = queue.receive(MESSAGES_PER_CALL, WAIT, visibility).await?;
        if received.is_empty() {
            return Ok(0);
        }
        let handles: Vec<(String, String)> =
            received.iter().map(|message| (message.message_id.clone(), message.receipt_handle.clone())).collect();
        let event = SqsEvent { records: received.into_iter().map(Into::into).collect() };
        let answer = self.invoke(function, &json!(event)).await?;
        // No answer at all counts as success, as it does at AWS.
        let answer: BatchAnswer = serde_json::from_value(answer).unwrap_or_default();
        let failed: HashSet<&str> = answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        let done: Vec<String> = handles.into_iter().filter(|(id, _)| !failed.contains(id.as_str())).map(|(_, handle)| handle).collect();
        for deleted in queue.delete_batch(&done).await {
            deleted?;
        }
        Ok(done.len())
    }

    /// Hands batches over until `stop`.
    pub async fn feed(&self, queue: Queue, visibility: Duration, function: &str, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.hand_over(&queue, visibility, function).await {
                tracing::warn!(%error, function, "a batch was not handed over");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }

    /// Wakes the relay again and again, until `stop`.
    pub async fn wake_relay(&self, stay: Duration, stop: CancellationToken) {
        let event = json!({ "stay_seconds": stay.as_secs() });
        while !stop.is_cancelled() {
            if let Err(error) = self.invoke("relay", &event).await {
                tracing::warn!(%error, "the relay was not woken");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}
