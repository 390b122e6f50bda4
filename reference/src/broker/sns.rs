//! SNS, as its SDKs speak it: the Query protocol, a form in and XML out. Subscribers are queues of this broker.

pub(crate) mod delivery;
mod envelope;
pub(crate) mod filter;
mod message;
mod publish;
mod query;
mod subscriptions;
pub(crate) mod topic;
mod topics;

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

pub(crate) use self::query::{Params, escape};
use self::query::{Problem, answer};
use super::world::World;

/// What every action needs to know about the call.
#[derive(Clone, Copy)]
pub(crate) struct SnsCall<'a> {
    pub(crate) world: &'a Arc<World>,
    /// Host and port that the caller used: unsubscribe addresses lead back there.
    pub(crate) host: &'a str,
}

/// Answers a form with an `Action`.
pub(crate) fn handle(call: SnsCall<'_>, params: &Params) -> Response<Full<Bytes>> {
    let action = params.get("Action").unwrap_or_default();
    if let Err(refusal) = call.world.check_journal() {
        return answer(action, Err(refusal.into()));
    }
    let result = match action {
        "Publish" => publish::publish(&call, params),
        "PublishBatch" => publish::publish_batch(&call, params),
        "CreateTopic" => topics::create(&call, params),
        "DeleteTopic" => topics::delete(&call, params),
        "ListTopics" => topics::list(&call, params),
        "GetTopicAttributes" => topics::get_attributes(&call, params),
        "SetTopicAttributes" => topics::set_attribute(&call, params),
        "TagResource" => topics::tag(&call, params),
        "UntagResource" => topics::untag(&call, params),
        "ListTagsForResource" => topics::list_tags(&call, params),
        "Subscribe" => subscriptions::subscribe(&call, params),
        "Unsubscribe" => subscriptions::unsubscribe(&call, params),
        "ListSubscriptions" => subscriptions::list(&call, params),
        "ListSubscriptionsByTopic" => subscriptions::list_by_topic(&call, params),
        "GetSubscriptionAttributes" => subscriptions::get_attributes(&call, params),
        "SetSubscriptionAttributes" => subscriptions::set_attribute(&call, params),
        other => Err(Problem::invalid_action(other)),
    };
    answer(action, result)
}
