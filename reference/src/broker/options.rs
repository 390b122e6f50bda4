//! How a broker is set up.

use std::{path::PathBuf, time::Duration};

use super::unruly::Unruly;

/// What becomes of a long poll whose caller has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AbandonedPoll {
    /// As on AWS: the poll goes on, and a message it catches is in flight until its visibility timeout.
    #[default]
    AwsLike,
    /// The poll ends with its caller, and no message is caught.
    Kind,
}

/// How to set up a [`Broker`](super::Broker).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BrokerOptions {
    /// Where everything is kept across restarts; `None` keeps it in memory only. What was answered survives the death of the process,
    /// `kill -9` included, but not that of the machine: nothing is synced to the disk.
    pub folder: Option<PathBuf>,
    /// Seed of everything that is decided by chance ([`Unruly`]).
    pub seed: u64,
    /// What becomes of abandoned long polls.
    pub abandoned_poll: AbandonedPoll,
    /// What standard queues may do to show that they promise little.
    pub unruly: Unruly,
    /// Bounds on what callers can make the broker hold.
    pub limits: BrokerLimits,
}

/// Bounds on what callers can make the broker hold.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerLimits {
    /// Connections at a time; further ones wait to be accepted.
    pub connections: usize,
    /// Bytes of a request's body; larger ones are refused with 413.
    pub body_bytes: usize,
    /// How long a caller may take to send the head of a request; also how long a connection may idle.
    pub head_timeout: Duration,
    /// How long a caller may take to send the body of a request.
    pub body_timeout: Duration,
    /// How long a caller may take none of an answer that is being sent before its connection is cut.
    pub write_stall: Duration,
    /// How long a shutdown waits for answers under way.
    pub shutdown_grace: Duration,
    /// Queues that may exist.
    pub queues: usize,
    /// Topics that may exist.
    pub topics: usize,
    /// Subscriptions that may exist, over all topics.
    pub subscriptions: usize,
    /// Messages that one queue may hold; sends beyond are refused with `OverLimit`.
    pub messages_per_queue: usize,
    /// Messages of one standard queue that may be in flight (SQS: 120,000).
    pub in_flight: usize,
    /// E-mails kept; beyond, and beyond 64 MiB of text, the oldest are forgotten.
    pub mails: usize,
    /// Bytes of one journal segment, the unit of compaction.
    pub segment_bytes: u64,
}

impl Default for BrokerLimits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            // A batch of 1 MiB may be escaped (\u0000 is six bytes for one) or base64 coded.
            body_bytes: 8 * 1024 * 1024,
            head_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(5),
            queues: 2_000,
            topics: 2_000,
            subscriptions: 20_000,
            messages_per_queue: 10_000_000,
            in_flight: 120_000,
            mails: 10_000,
            segment_bytes: 16 * 1024 * 1024,
        }
    }
}
