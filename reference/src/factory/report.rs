//! How the factory says that a production is complete: a callback, or a message on the delivery topic.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use super::orders::Order;
use crate::domain::EventId;
use crate::edition::texts::DELIVERY_SUBJECT;
use crate::edition::{Edition, attribute};
use crate::messaging::message::{Attribute, AttributeKind, OutgoingMessage};
use crate::messaging::publish::Publisher;
use crate::trace::{self, TRACEPARENT};

/// The largest answer to a callback that is read, in bytes; the rest is nobody's business.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Where reports of completion go; decides which edition's orders the factory takes.
#[derive(Debug)]
pub enum ReturnPath {
    /// To the `CallbackUrl` of each order (donut).
    Callback,
    /// To the delivery topic (shop).
    Delivery(DeliveryTopic),
}

/// The topic that deliveries are published to.
#[derive(Debug)]
pub struct DeliveryTopic {
    /// Publishes.
    pub publisher: Publisher,
    /// Name of the topic.
    pub topic: &'static str,
    /// How its attributes are called.
    pub edition: &'static Edition,
}

/// Makes callbacks, each on a connection of its own, as a system does that has never heard of keep-alive.
#[derive(Debug)]
pub(super) struct CallbackClient {
    http: Client<HttpConnector, Full<Bytes>>,
    timeout: Duration,
}

impl ReturnPath {
    /// Reports once. The HTTP status of the answer; 200 for a message that was taken; none when nobody answered in time.
    pub(super) async fn report(&self, client: &CallbackClient, order: &Order) -> Option<u16> {
        match self {
            ReturnPath::Callback => client.call(order).await,
            ReturnPath::Delivery(delivery) => delivery.publish(order).await,
        }
    }
}

impl DeliveryTopic {
    async fn publish(&self, order: &Order) -> Option<u16> {
        match self.publisher.publish(self.message(order)).await {
            Ok(()) => Some(200),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a delivery could not be published");
                None
            }
        }
    }

    fn message(&self, order: &Order) -> OutgoingMessage {
        let text = |name: &str, value: &str| Attribute { name: name.to_owned(), kind: AttributeKind::String, value: value.to_owned() };
        let names = self.edition.attributes;
        let mut attributes = vec![
            Attribute { name: names.product_id.to_owned(), kind: names.product_id_kind, value: order.product.clone() },
            Attribute { name: names.count.to_owned(), kind: AttributeKind::Number, value: order.quantity.to_string() },
            text(attribute::EVENT_ID, &EventId::new().to_string()),
        ];
        attributes.extend(order.production.as_deref().map(|id| text(attribute::PRODUCTION_ID, id)));
        attributes.extend(order.delivery_token.as_deref().map(|token| text(attribute::DELIVERY_TOKEN, token)));
        attributes.extend(trace::current().map(|trace| text(TRACEPARENT, &trace.to_string())));
        let name = order.product_name.as_deref().unwrap_or(&order.product);
        OutgoingMessage {
            topic: self.topic.to_owned(),
            subject: DELIVERY_SUBJECT.to_owned(),
            body: format!("{name} {}개가 생산되었습니다. 수량을 늘려주세요!", order.quantity),
            attributes,
        }
    }
}

impl CallbackClient {
    pub(super) fn new(timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(timeout));
        let http = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { http, timeout }
    }

    async fn call(&self, order: &Order) -> Option<u16> {
        let url = order.callback_url.as_deref()?;
        let body = json!({
            "MessageAttributeProductId": order.product,
            "MessageAttributeProductCnt": order.quantity.to_string(),
            "MessageAttributeFactoryId": order.factory,
            "MessageAttributeRequester": order.requester,
        });
        let mut request = http::Request::post(url).header("content-type", "application/json").body(Full::from(body.to_string())).ok()?;
        trace::hand_on(request.headers_mut());
        let exchange = async {
            let answer = self.http.request(request).await?;
            let status = answer.status().as_u16();
            // An answer counts when it is complete.
            Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await?;
            Ok::<u16, Box<dyn std::error::Error + Send + Sync>>(status)
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Ok(status)) => Some(status),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a callback failed");
                None
            }
            Err(_) => {
                tracing::warn!(timeout = ?self.timeout, "a callback was not answered in time");
                None
            }
        }
    }
}
