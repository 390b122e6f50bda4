//! What can go wrong in a call to AWS, in the terms in which the callers decide.

use std::error::Error;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// A call that failed. Says what was tried, on what, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{action} on {subject:?} failed: {detail}")]
pub struct CallError {
    /// The action ("ReceiveMessage").
    pub action: &'static str,
    /// What it was tried on: a queue, a topic, an address.
    pub subject: String,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// The service's error code, where it gave one.
    pub code: Option<String>,
    /// The service's words, or the chain of causes.
    pub detail: String,
}

/// Kinds of failure, as far as they call for different behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No answer: refused, cut or too late. Whether the call took effect is unknown.
    NoAnswer,
    /// The service is overloaded or broken (429, 5xx). Trying again later helps.
    Busy,
    /// What was asked for does not exist.
    Missing,
    /// The service does not know the action.
    Unsupported,
    /// The service refused what was asked (other 4xx). Trying again the same way does not help.
    Refused,
}

impl FailureKind {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn may_pass(self) -> bool {
        matches!(self, FailureKind::NoAnswer | FailureKind::Busy)
    }
}

/// Translates the SDK's error.
pub(super) fn call_error<E>(action: &'static str, subject: &str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (code, message) = match error.as_service_error() {
        Some(service) => (service.code().map(str::to_owned), service.message().map(str::to_owned)),
        None => (None, None),
    };
    let detail = match (&code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => causes(error),
    };
    CallError { action, subject: subject.to_owned(), kind: kind_of(status, code.as_deref()), code, detail }
}

/// An error with its causes, in one line: what happened (refused, cut, too late) stands at the end of the chain only.
pub(super) fn causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Decides the kind from the status (none: no answer) and the code, which SQS, SNS and their look-alikes spell differently.
pub(super) fn kind_of(status: Option<u16>, code: Option<&str>) -> FailureKind {
    const MISSING: [&str; 6] = [
        "QueueDoesNotExist",
        "com.amazonaws.sqs#QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NotFound",
        "NotFoundException",
        "ResourceNotFoundException",
    ];
    const UNSUPPORTED: [&str; 7] = [
        "InvalidAction",
        "UnsupportedOperation",
        "AWS.SimpleQueueService.UnsupportedOperation",
        "UnknownOperationException",
        "UnknownOperation",
        "NotImplemented",
        "InternalFailure.NotImplemented",
    ];
    match (status, code) {
        (None, _) => FailureKind::NoAnswer,
        (_, Some(code)) if MISSING.contains(&code) => FailureKind::Missing,
        (_, Some(code)) if UNSUPPORTED.contains(&code) => FailureKind::Unsupported,
        (_, Some(code)) if code.contains("Throttl") => FailureKind::Busy,
        (Some(501), _) => FailureKind::Unsupported,
        (Some(408 | 429 | 500..), _) => FailureKind::Busy,
        // An answer that could not be read (a cut body under status 200) leaves the effect unknown.
        (Some(..=299), _) => FailureKind::NoAnswer,
        (Some(_), _) => FailureKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_from_status_and_code() {
        for (status, code, kind) in [
            (None, None, FailureKind::NoAnswer),
            (Some(200), None, FailureKind::NoAnswer),
            (Some(400), Some("AWS.SimpleQueueService.NonExistentQueue"), FailureKind::Missing),
            (Some(404), Some("NotFound"), FailureKind::Missing),
            (Some(400), Some("InvalidAction"), FailureKind::Unsupported),
            (Some(501), None, FailureKind::Unsupported),
            (Some(400), Some("RequestThrottled"), FailureKind::Busy),
            (Some(429), None, FailureKind::Busy),
            (Some(503), Some("ServiceUnavailable"), FailureKind::Busy),
            (Some(400), Some("InvalidParameter"), FailureKind::Refused),
            (Some(403), None, FailureKind::Refused),
        ] {
            assert_eq!(kind_of(status, code), kind, "{status:?} {code:?}");
        }
    }
}
