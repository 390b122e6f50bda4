//! Everything that is said to SNS, SQS and SES.

pub mod message;
