//! SQS, as its SDKs speak it since 2023, AWS JSON 1.0, and as they spoke it before, see `query`.

mod batch;
mod messages;
pub(crate) mod moves;
mod protocol;
pub(crate) mod query;
mod queues;
mod receiving;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use self::protocol::{Call, answer, input};
use super::refusal::Refusal;

/// Answers a request with the target `AmazonSQS.<action>`.
pub(crate) async fn handle(call: Call<'_>, action: &str, body: &[u8]) -> Response<Full<Bytes>> {
    answer(act(call, action, body).await)
}

/// Does what an action asks for; parameters and result are JSON.
async fn act(call: Call<'_>, action: &str, body: &[u8]) -> Result<Bytes, Refusal> {
    call.world.check_journal()?;
    match action {
        "SendMessage" => input(body).and_then(|asked| messages::send(&call, asked)).map(protocol::json),
        "SendMessageBatch" => input(body).and_then(|asked| messages::send_batch(&call, asked)).map(protocol::json),
        "ReceiveMessage" => match input(body) {
            Ok(asked) => receiving::receive(&call, asked).await.map(protocol::json),
            Err(refusal) => Err(refusal),
        },
        "DeleteMessage" => input(body).and_then(|asked| messages::delete(&call, asked)).map(protocol::json),
        "DeleteMessageBatch" => input(body).and_then(|asked| messages::delete_batch(&call, asked)).map(protocol::json),
        "ChangeMessageVisibility" => input(body).and_then(|asked| messages::change_visibility(&call, asked)).map(protocol::json),
        "ChangeMessageVisibilityBatch" => input(body).and_then(|asked| messages::change_visibility_batch(&call, asked)).map(protocol::json),
        "CreateQueue" => input(body).and_then(|asked| queues::create(&call, asked)).map(protocol::json),
        "DeleteQueue" => input(body).and_then(|asked| queues::delete(&call, asked)).map(protocol::json),
        "GetQueueUrl" => input(body).and_then(|asked| queues::get_url(&call, asked)).map(protocol::json),
        "ListQueues" => input(body).and_then(|asked| queues::list(&call, asked)).map(protocol::json),
        "GetQueueAttributes" => input(body).and_then(|asked| queues::get_attributes(&call, asked)).map(protocol::json),
        "SetQueueAttributes" => input(body).and_then(|asked| queues::set_attributes(&call, asked)).map(protocol::json),
        "PurgeQueue" => input(body).and_then(|asked| queues::purge(&call, asked)).map(protocol::json),
        "TagQueue" => input(body).and_then(|asked| queues::tag(&call, asked)).map(protocol::json),
        "UntagQueue" => input(body).and_then(|asked| queues::untag(&call, asked)).map(protocol::json),
        "ListQueueTags" => input(body).and_then(|asked| queues::list_tags(&call, asked)).map(protocol::json),
        "ListDeadLetterSourceQueues" => input(body).and_then(|asked| queues::list_sources(&call, asked)).map(protocol::json),
        "StartMessageMoveTask" => input(body).and_then(|asked| moves::start(&call, asked)).map(protocol::json),
        "ListMessageMoveTasks" => input(body).and_then(|asked| moves::list(&call, asked)).map(protocol::json),
        "CancelMessageMoveTask" => input(body).and_then(|asked| moves::cancel(&call, asked)).map(protocol::json),
        other => Err(Refusal::InvalidAction(format!("The action {other} is not valid for this endpoint."))),
    }
}

pub(crate) use self::protocol::Call as SqsCall;
