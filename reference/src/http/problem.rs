//! Answers that are no success, and what they say about the effect: `"outcome":"rejected"` means that nothing was done.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use crate::edition::texts;

/// Seconds after which a shed or undecided request may be tried again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    message: String,
    field: Option<&'static str>,
    /// Whether it is certain that nothing was done.
    rejected: bool,
    retry: bool,
}

impl Problem {
    /// Refused for what it says; nothing was done.
    pub fn rejected(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), field: None, rejected: true, retry: false }
    }

    /// Refused for what one field says (400); nothing was done. The message is `<field> 항목<reason>`.
    pub fn field(field: &'static str, reason: &str) -> Self {
        Self { field: Some(field), ..Self::rejected(StatusCode::BAD_REQUEST, format!("{field} 항목{reason}")) }
    }

    /// Refused because there is too much to do (503, `Retry-After`); nothing was done.
    #[must_use]
    pub fn busy() -> Self {
        Self { retry: true, ..Self::rejected(StatusCode::SERVICE_UNAVAILABLE, texts::BUSY) }
    }

    /// It is not known whether anything was done.
    pub fn unknown(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), field: None, rejected: false, retry: true }
    }

    /// The same with the field that is to blame.
    #[must_use]
    pub fn at(self, field: &'static str) -> Self {
        Self { field: Some(field), ..self }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether it is certain that nothing was done.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.rejected
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("message".to_owned(), Value::String(self.message));
        if self.rejected {
            body.insert("outcome".to_owned(), Value::from("rejected"));
        }
        body.extend(self.field.map(|field| ("field".to_owned(), Value::from(field))));
        let mut response = (self.status, Json(body)).into_response();
        if self.retry {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        response
    }
}
