//! Everything that is said to SNS, SQS and SES. The only module that names the AWS SDK.
//!
//! [`config`] what the standard variables say · [`aws`] the clients · [`provision`] topics, queues and what ties them together ·
//! [`publish`] to topics · [`receive`] from queues · [`envelope`] what a queue's body holds · [`redrive`] out of the dead-letter queues ·
//! [`mail`] by SES.

pub mod aws;
pub mod config;
pub mod envelope;
pub mod error;
pub mod mail;
pub mod message;
pub mod provision;
pub mod publish;
pub mod receive;
pub mod redrive;

pub use aws::Aws;
pub use config::AwsConfig;
pub use error::{CallError, FailureKind};
