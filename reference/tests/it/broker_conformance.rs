//! What the pipeline expects of SQS, SNS and SES, each behaviour a test whose name is the sentence.
//!
//! The suite speaks the wire protocol alone, so it judges any endpoint: the one that `AWS_ENDPOINT_URL` (or
//! `AWS_ENDPOINT_URL_SQS`, `AWS_ENDPOINT_URL_SNS`, `AWS_ENDPOINT_URL_SESV2`) names, or the embedded broker when none is
//! set. `scripts/second-opinion.sh` runs it against independent implementations and `docs/brokers.md` explains where they
//! differ. What AWS leaves open (whether a stale handle deletes, receive counts after a move) is not asserted here.
//!
//! Every test makes its own queues and topics, takes them down again, and ends within a limit. Times are asserted with
//! both bounds: lower ones strictly, upper ones with room for a busy machine.

mod attributes;
mod counters;
mod delays;
mod embedded;
mod embedded_only;
mod endpoint;
mod envelope;
mod expectation;
mod fifo;
mod fifo_deduplication;
mod fifo_topics;
mod filter_policies;
mod limits;
mod long_polling;
mod mail;
mod move_tasks;
mod plain_http;
mod publish_batch;
mod queue;
mod queues;
mod receiving;
mod redrive;
mod retention;
mod sending;
mod sending_batches;
mod sqs_query;
mod subscription_dlq;
mod throughput;
mod topic;
mod topics;
mod visibility;
