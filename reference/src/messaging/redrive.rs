//! Out of a dead-letter queue, back to where the messages came from.

use std::time::Duration;

use tokio::time::Instant;

use super::error::{CallError, FailureKind, call_error};
use super::provision::ProvisionError;
use super::receive::{MESSAGES_PER_CALL, Queue};

/// How often a move task is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long a message is hidden while it is copied by hand.
const COPY_VISIBILITY: Duration = Duration::from_secs(30);

/// What a redrive did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redriven {
    /// Messages that were moved, as the service counts them.
    pub moved: u64,
    /// How.
    pub means: Means,
}

/// How messages were moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// By the service's own task.
    MoveTask,
    /// By receiving, sending and deleting, because the endpoint has no such task. A crash in between may duplicate a message, and loses none.
    Copying,
}

/// Why a redrive did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedriveError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The queues could not be looked up.
    #[error(transparent)]
    Lookup(#[from] ProvisionError),
    /// The service gave up.
    #[error("the move task from {queue:?} ended as {status}: {reason}; what it did not move is still there, so run it again")]
    Failed {
        /// The dead-letter queue.
        queue: String,
        /// The task's status.
        status: String,
        /// The service's reason.
        reason: String,
    },
    /// It takes too long. A move task goes on by itself.
    #[error(
        "redriving {queue:?} did not end within {waited:?}; last seen: {last}; nothing is lost, and `reference status` shows what is left"
    )]
    TooSlow {
        /// The dead-letter queue.
        queue: String,
        /// How long was waited.
        waited: Duration,
        /// The last state that was seen.
        last: String,
    },
}

impl Queue {
    /// Moves all messages of this dead-letter queue to `destination` and waits up to `patience` for the end.
    ///
    /// # Errors
    /// [`RedriveError`].
    pub async fn redrive_to(&self, destination: &Queue, patience: Duration) -> Result<Redriven, RedriveError> {
        let deadline = Instant::now() + patience;
        let (source_arn, destination_arn) = (self.arn().await?, destination.arn().await?);
        // The destination is always named: what SNS put here itself has no queue that it came from.
        let started = self.aws.sqs.start_message_move_task().source_arn(&source_arn).destination_arn(destination_arn).send().await;
        match started.map_err(|e| call_error("StartMessageMoveTask", &self.name, &e)) {
            Ok(_) => self.wait_for_move(&source_arn, deadline, patience).await,
            // Some look-alikes answer an action that they lack with a 500 that is no error of SQS.
            Err(error) if error.kind == FailureKind::Unsupported || (error.kind == FailureKind::Busy && error.code.is_none()) => {
                tracing::info!(queue = %self.name, %error, "the endpoint has no move task; copying");
                self.copy_to(destination, deadline, patience).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn wait_for_move(&self, source_arn: &str, deadline: Instant, patience: Duration) -> Result<Redriven, RedriveError> {
        loop {
            let listed = self.aws.sqs.list_message_move_tasks().source_arn(source_arn).max_results(1).send().await;
            let listed = listed.map_err(|e| call_error("ListMessageMoveTasks", &self.name, &e))?;
            let task = listed.results().first();
            let status = task.and_then(|task| task.status()).unwrap_or("unknown").to_owned();
            let moved = task.map_or(0, |task| task.approximate_number_of_messages_moved().max(0).unsigned_abs());
            match status.as_str() {
                "COMPLETED" => return Ok(Redriven { moved, means: Means::MoveTask }),
                "FAILED" | "CANCELLED" => {
                    let reason = task.and_then(|task| task.failure_reason()).unwrap_or("no reason given").to_owned();
                    return Err(RedriveError::Failed { queue: self.name.clone(), status, reason });
                }
                _ if Instant::now() >= deadline => {
                    let last = format!("{status}, {moved} moved");
                    return Err(RedriveError::TooSlow { queue: self.name.clone(), waited: patience, last });
                }
                _ => tokio::time::sleep(ASK_EVERY).await,
            }
        }
    }

    async fn copy_to(&self, destination: &Queue, deadline: Instant, patience: Duration) -> Result<Redriven, RedriveError> {
        let mut moved = 0;
        loop {
            let batch = self.receive(MESSAGES_PER_CALL, Duration::from_secs(1), COPY_VISIBILITY).await?;
            if batch.is_empty() {
                return Ok(Redriven { moved, means: Means::Copying });
            }
            let mut copied = Vec::with_capacity(batch.len());
            for message in batch {
                destination.send(&message.body, &message.attributes).await?;
                copied.push(message.receipt_handle);
            }
            for deleted in self.delete_batch(&copied).await {
                deleted?;
                moved += 1;
            }
            if Instant::now() >= deadline {
                let last = format!("{moved} copied");
                return Err(RedriveError::TooSlow { queue: self.name.clone(), waited: patience, last });
            }
        }
    }
}
