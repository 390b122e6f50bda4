//! A batch from a queue. Each message is handled on its own; the answer names those that failed, so that one takes no other along.
//!
//! Everything is awaited before the answer: after it Lambda freezes the process, and what still ran would be lost. A message that is not
//! done in time counts as failed and comes again; dropping its handling half-way is harmless, as a crash is.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use reference::consumer::{Handled, Handler};
use reference::messaging::receive::Received;
use tokio::time::{Instant, timeout_at};

use crate::event::{BatchAnswer, BatchItemFailure, SqsEvent, SqsRecord};

/// Time kept back for the answer itself.
pub const FOR_THE_ANSWER: Duration = Duration::from_secs(1);

/// Handles a batch, until `deadline` at most.
pub async fn consume<H: Handler>(handler: &H, event: SqsEvent, deadline: Instant) -> BatchAnswer {
    let stop = deadline.checked_sub(FOR_THE_ANSWER).unwrap_or(deadline);
    let handled = event.records.into_iter().map(|record| one(handler, record, stop));
    BatchAnswer { batch_item_failures: join_all(handled).await.into_iter().flatten().collect() }
}

/// Handles one message; None when it is done with.
async fn one<H: Handler>(handler: &H, record: SqsRecord, stop: Instant) -> Option<BatchItemFailure> {
    let message = Received::from(record);
    let (message_id, receives) = (message.message_id.clone(), message.receive_count);
    let outcome = match message.open() {
        Ok(incoming) => match timeout_at(stop, AssertUnwindSafe(handler.handle(&incoming)).catch_unwind()).await {
            Ok(Ok(handled)) => handled,
            Ok(Err(_)) => Handled::Retry { reason: "the handler panicked".to_owned() },
            Err(_) => Handled::Retry { reason: "not handled before the function had to answer".to_owned() },
        },
        Err(error) => Handled::Poison { reason: error.to_string() },
    };
    match outcome {
        Handled::Done => return None,
        Handled::Retry { reason } => tracing::warn!(message_id, receives, reason, "will come again"),
        // The redrive policy counts receives, and moves it where a person can find it.
        Handled::Poison { reason } => tracing::error!(message_id, receives, reason, "cannot be handled; left to the dead-letter queue"),
    }
    Some(BatchItemFailure { item_identifier: message_id })
}

#[cfg(test)]
mod tests {
    use reference::messaging::envelope::Incoming;

    use super::*;

    /// Does what the body says.
    struct Obedient;

    impl Handler for Obedient {
        async fn handle(&self, message: &Incoming) -> Handled {
            let told = message.attributes.get("do").map(String::as_str);
            match told {
                Some("retry") => Handled::Retry { reason: "told to".to_owned() },
                Some("poison") => Handled::Poison { reason: "told to".to_owned() },
                Some("panic") => panic!("told to"),
                Some("hang") => std::future::pending().await,
                _ => Handled::Done,
            }
        }
    }

    fn record(id: &str, body: String) -> SqsRecord {
        let message = Received {
            receipt_handle: format!("handle of {id}"),
            message_id: id.to_owned(),
            receive_count: 1,
            sent_at: None,
            body,
            attributes: Default::default(),
        };
        message.into()
    }

    fn told(what: &str) -> SqsRecord {
        let attribute = serde_json::json!({ "do": { "Type": "String", "Value": what } });
        let envelope = serde_json::json!({ "Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Message": "m", "MessageId": "1", "MessageAttributes": attribute });
        record(what, envelope.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_named_and_takes_nothing_else_along() {
        let records = ["done", "retry", "poison", "panic", "hang", "done too"].map(told);
        let event = SqsEvent { records: records.into_iter().chain([record("nonsense", "{".to_owned())]).collect() };
        let began = Instant::now();
        let answer = consume(&Obedient, event, began + Duration::from_secs(20)).await;
        let failed: Vec<&str> = answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        assert_eq!(failed, ["retry", "poison", "panic", "hang", "nonsense"]);
        assert_eq!(began.elapsed(), Duration::from_secs(19), "it answers before it would be cut off");
    }
}
