//! What the queues refuse, and how SQS says so on the wire.

use http::StatusCode;

/// A refused SQS request. The text is what the caller reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    QueueNameExists(String),
    #[error("Unknown Attribute {0}.")]
    InvalidAttributeName(String),
    #[error("Invalid value for the parameter {name}. Reason: {reason}")]
    InvalidAttributeValue { name: String, reason: String },
    #[error("{0}")]
    InvalidParameterValue(String),
    #[error("The request must contain the parameter {0}.")]
    MissingParameter(&'static str),
    #[error(
        "Invalid characters found: #x{0:X}. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )]
    InvalidMessageContents(u32),
    #[error("The message referred to is not in flight.")]
    MessageNotInflight,
    #[error("The input receipt handle is invalid: {0}")]
    ReceiptHandleIsInvalid(&'static str),
    #[error("{0}")]
    OverLimit(String),
    #[error("Maximum number of entries per request are 10. You have sent {0}.")]
    TooManyEntries(usize),
    #[error("There should be at least one entry in the request.")]
    EmptyBatch,
    #[error("Id {0} repeated.")]
    BatchIdsNotDistinct(String),
    #[error("Batch requests cannot be longer than {limit} bytes. You have sent {sent} bytes.")]
    BatchTooLong { limit: usize, sent: usize },
    #[error("A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")]
    InvalidBatchEntryId,
    #[error("{0}")]
    UnsupportedOperation(String),
    #[error("{0}")]
    ResourceNotFound(String),
    #[error("{0}")]
    InvalidAction(String),
    #[error("The request body is not what the action expects: {0}")]
    Malformed(String),
    #[error("The broker itself has failed: {0}")]
    Internal(String),
}

/// How a refusal looks on the wire.
pub(crate) struct Wire {
    pub(crate) status: StatusCode,
    /// Shape name, for `__type`.
    pub(crate) shape: &'static str,
    /// Code of the older Query protocol, for the header `x-amzn-query-error` and for failed batch entries: it is what SDKs match.
    pub(crate) code: &'static str,
}

impl Refusal {
    pub(crate) fn invalid_value(value: &str, parameter: &str, reason: &str) -> Self {
        Self::InvalidParameterValue(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
    }

    pub(crate) fn invalid_attribute(name: &str, reason: impl Into<String>) -> Self {
        Self::InvalidAttributeValue { name: name.to_owned(), reason: reason.into() }
    }

    pub(crate) fn wire(&self) -> Wire {
        let bad = |shape, code| Wire { status: StatusCode::BAD_REQUEST, shape, code };
        match self {
            Self::QueueDoesNotExist => bad("com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
            Self::QueueNameExists(_) => bad("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists"),
            Self::InvalidAttributeName(_) => bad("com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName"),
            Self::InvalidAttributeValue { .. } => bad("com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue"),
            Self::InvalidParameterValue(_) => bad("com.amazonaws.sqs#InvalidParameterValue", "InvalidParameterValue"),
            Self::MissingParameter(_) => bad("com.amazonaws.sqs#MissingParameter", "MissingParameter"),
            Self::InvalidMessageContents(_) => bad("com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents"),
            Self::MessageNotInflight => bad("com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
            Self::ReceiptHandleIsInvalid(_) => bad("com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
            // Wire code of the smithy model, which says 403 for this one.
            Self::OverLimit(_) => Wire { status: StatusCode::FORBIDDEN, shape: "com.amazonaws.sqs#OverLimit", code: "OverLimit" },
            Self::TooManyEntries(_) => {
                bad("com.amazonaws.sqs#TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
            }
            Self::EmptyBatch => bad("com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
            Self::BatchIdsNotDistinct(_) => {
                bad("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
            }
            Self::BatchTooLong { .. } => bad("com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong"),
            Self::InvalidBatchEntryId => bad("com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId"),
            Self::UnsupportedOperation(_) => bad("com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"),
            Self::ResourceNotFound(_) => Wire {
                status: StatusCode::NOT_FOUND,
                shape: "com.amazonaws.sqs#ResourceNotFoundException",
                code: "ResourceNotFoundException",
            },
            Self::InvalidAction(_) => bad("com.amazonaws.sqs#InvalidAction", "InvalidAction"),
            Self::Malformed(_) => bad("com.amazon.coral.service#SerializationException", "SerializationException"),
            Self::Internal(_) => Wire {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                shape: "com.amazon.coral.service#InternalFailure",
                code: "InternalFailure",
            },
        }
    }
}
