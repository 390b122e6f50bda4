//! How fast a queue of sales events is worked off by so many consumers at once: received, recorded in the database, deleted.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use reference::consumer::{Consumer, ConsumerSettings};
use reference::edition::EditionName;
use reference::messaging::{Aws, AwsConfig};
use reference::operations::Operations;
use reference::store::{Store, StoreOptions};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::courier::Route;

/// A queue that is not empty by then is not going to be.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pause between two looks at the queue.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Events a second that `pollers` consumers work off, with a database of their own in `folder`.
///
/// # Errors
/// When the broker or the database fails, or the queue does not become empty.
pub async fn events_per_second(broker: &str, folder: &Path, pollers: usize, events: usize) -> Result<f64, Box<dyn Error>> {
    let route = Route::lay(broker, &format!("operations-{pollers}"))?;
    let bodies: Vec<String> = (0..events).map(|_| event().to_string()).collect();
    route.courier().pile(bodies.iter().map(String::as_str))?;
    let url = format!("sqlite://{}", folder.join(format!("operations-{pollers}.db")).display());
    let store = Store::open(&url, StoreOptions::new(EditionName::Donut.edition())).await?;
    let queue = Aws::new(&AwsConfig::local(broker))?.queue("operations", route.queue());
    let settings = ConsumerSettings { pollers, ..ConsumerSettings::default() };
    let consumer = Consumer::new(queue.clone(), Operations::new(store), settings);
    let shutdown = CancellationToken::new();
    let began = Instant::now();
    let working = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { consumer.run(shutdown).await }
    });
    while queue.depth().await?.total() > 0 {
        if began.elapsed() > PATIENCE {
            return Err(format!("{pollers} consumers did not empty the queue within {PATIENCE:?}").into());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let took = began.elapsed();
    shutdown.cancel();
    working.await?;
    Ok(events as f64 / took.as_secs_f64())
}

/// A sale as the outbox tells it, in the envelope of SNS.
fn event() -> Value {
    let text = |value: String| json!({ "Type": "String", "Value": value });
    let id = || uuid::Uuid::now_v7().to_string();
    json!({
        "Type": "Notification", "MessageId": id(), "TopicArn": "arn:aws:sns:us-east-1:000000000000:sales_events", "Message": "sold",
        "MessageAttributes": {
            "MessageAttributeEventId": text(id()),
            "MessageAttributeOrderId": text(id()),
            "MessageAttributeProductId": text("CP-502101".to_owned()),
            "MessageAttributeProductCnt": { "Type": "Number", "Value": "1" },
            "MessageAttributeOutcome": text("sold".to_owned()),
            "MessageAttributeStock": { "Type": "Number", "Value": "99" },
            "MessageAttributeRequester": text("buyer".to_owned()),
        }
    })
}
