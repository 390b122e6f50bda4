//! Topics and queues: made once, found again, corrected, and emptied of what was dead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reference::edition::topology::{QueueSettings, Topology};
use reference::edition::{donut, shop};
use reference::messaging::provision::{ProvisionError, ProvisionOptions};
use reference::messaging::redrive::Means;
use reference::messaging::{Aws, AwsConfig};
use tokio::net::TcpListener;

use super::stage::{DEADLINE, Stage, broker, envelope, message, send};

#[tokio::test]
async fn provisioning_twice_changes_nothing() {
    let (endpoint, _end) = broker().await;
    let aws = Aws::new(&AwsConfig::local(endpoint)).unwrap();
    for edition in [&donut::EDITION, &shop::EDITION] {
        let topology = Topology::of(edition, QueueSettings::default());
        let first = aws.provision(&topology, &ProvisionOptions::default()).await.unwrap();
        assert!(first.changes.iter().any(|change| change.starts_with("created queue")), "{:?}", first.changes);
        assert_eq!(first.left_out, Vec::<String>::new());
        let second = aws.provision(&topology, &ProvisionOptions::default()).await.unwrap();
        assert_eq!(second.changes, Vec::<String>::new());
        let found = aws.resolve(&topology).await.unwrap();
        assert_eq!((&found.topic_arns, &found.queue_urls, &found.dlq_urls), (&first.topic_arns, &first.queue_urls, &first.dlq_urls));
        assert_eq!(first.dlq_urls.len(), topology.queues.len());
    }
}

#[tokio::test]
async fn what_differs_is_corrected_and_said() {
    let (endpoint, _end) = broker().await;
    let aws = Aws::new(&AwsConfig::local(endpoint)).unwrap();
    let options = ProvisionOptions::default();
    aws.provision(&Topology::of(&donut::EDITION, QueueSettings::default()), &options).await.unwrap();
    let settings = QueueSettings { visibility_timeout: Duration::from_secs(7), max_receive_count: 9, ..QueueSettings::default() };
    let corrected = aws.provision(&Topology::of(&donut::EDITION, settings), &options).await.unwrap();
    let expected: Vec<String> = ["stock_queue", "ad_queue", "operations_queue"]
        .into_iter()
        .flat_map(|queue| ["RedrivePolicy", "VisibilityTimeout"].map(|name| format!("set {name} of queue {queue}")))
        .collect();
    assert_eq!(corrected.changes, expected);
}

#[tokio::test]
async fn what_is_missing_is_named_before_anything_is_tried() {
    let (endpoint, _end) = broker().await;
    let aws = Aws::new(&AwsConfig::local(endpoint)).unwrap();
    let error = aws.resolve(&Topology::of(&donut::EDITION, QueueSettings::default())).await.unwrap_err();
    let ProvisionError::Missing(missing) = &error else { panic!("{error}") };
    assert_eq!(missing.len(), 8, "{missing:?}");
    assert!(error.to_string().contains("reference provision") && error.to_string().contains("queue stock_dlq"), "{error}");
}

#[tokio::test]
async fn a_published_message_reaches_every_queue_of_its_topic_and_no_other() {
    let stage = Stage::of(&donut::EDITION).await;
    stage.publisher().publish(message("stock_empty", &[("MessageAttributeProductId", "CP-502101")])).await.unwrap();
    for name in ["stock_queue", "ad_queue"] {
        let received = stage.queue(name).receive(10, Duration::from_secs(2), Duration::from_secs(1)).await.unwrap();
        let opened: Vec<_> = received.iter().map(|message| message.open().unwrap()).collect();
        assert_eq!(opened.len(), 1, "{name}");
        assert_eq!(opened[0].subject, "subject");
        assert_eq!(opened[0].text("MessageAttributeProductId").unwrap(), "CP-502101");
    }
    assert_eq!(stage.queue("operations_queue").depth().await.unwrap().total(), 0);
}

/// Lets a queue's only message die: receives it without acknowledging until it has moved.
async fn let_die(stage: &Stage, queue: &str, dlq: &str, bodies: &[String]) {
    let (queue, dlq) = (stage.queue(queue), stage.queue(dlq));
    for body in bodies {
        send(&queue, body).await;
    }
    let count = u64::try_from(bodies.len()).unwrap();
    super::stage::eventually("everything is in the dead-letter queue", || async {
        queue.receive(10, Duration::ZERO, Duration::ZERO).await.unwrap();
        dlq.depth().await.unwrap().visible == count
    })
    .await;
}

async fn bodies_in(stage: &Stage, queue: &str) -> Vec<String> {
    let queue = stage.queue(queue);
    let mut bodies = Vec::new();
    loop {
        let batch = queue.receive(10, Duration::ZERO, Duration::from_secs(60)).await.unwrap();
        if batch.is_empty() {
            bodies.sort();
            return bodies;
        }
        bodies.extend(batch.into_iter().map(|message| message.body));
    }
}

#[tokio::test]
async fn redrive_moves_everything_back() {
    let stage = Stage::of(&donut::EDITION).await;
    let bodies: Vec<String> = (0..12).map(|n| envelope(&[("n", &format!("{n:02}"))])).collect();
    let_die(&stage, "ad_queue", "ad_dlq", &bodies).await;
    let done = stage.queue("ad_dlq").redrive_to(&stage.queue("ad_queue"), DEADLINE).await.unwrap();
    assert_eq!(done.means, Means::MoveTask);
    assert_eq!(stage.queue("ad_dlq").depth().await.unwrap().total(), 0);
    let mut expected = bodies;
    expected.sort();
    assert_eq!(bodies_in(&stage, "ad_queue").await, expected);
}

#[tokio::test]
async fn redrive_copies_where_the_endpoint_has_no_move_task() {
    let stage = Stage::of(&donut::EDITION).await;
    let bodies: Vec<String> = (0..12).map(|n| envelope(&[("n", &format!("{n:02}"))])).collect();
    let_die(&stage, "ad_queue", "ad_dlq", &bodies).await;
    let without = Aws::new(&AwsConfig::local(without_move_tasks(&stage.endpoint).await)).unwrap();
    let [ad_dlq, ad_queue] = ["ad_dlq", "ad_queue"].map(|name| stage.there.queue(&without, name).unwrap());
    let done = ad_dlq.redrive_to(&ad_queue, DEADLINE).await.unwrap();
    assert_eq!((done.means, done.moved), (Means::Copying, 12));
    assert_eq!(stage.queue("ad_dlq").depth().await.unwrap().total(), 0);
    let mut expected = bodies;
    expected.sort();
    assert_eq!(bodies_in(&stage, "ad_queue").await, expected);
}

#[tokio::test]
async fn raw_attributes_survive_a_copy() {
    let stage = Stage::of(&donut::EDITION).await;
    let queue = stage.queue("ad_queue");
    let attributes = BTreeMap::from([("MessageAttributeEpisode".to_owned(), "CP-502101#1".to_owned())]);
    queue.send("text", &attributes).await.unwrap();
    let received = queue.receive(1, Duration::from_secs(1), Duration::from_secs(1)).await.unwrap();
    assert_eq!(received[0].open().unwrap().attributes, attributes);
}

type Forward = (Client<HttpConnector, Full<Bytes>>, Arc<str>);

/// The same endpoint for somebody whose service knows no move tasks.
async fn without_move_tasks(endpoint: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let router = Router::new().fallback(forward).with_state((client, Arc::from(endpoint)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn forward(State((client, endpoint)): State<Forward>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    if headers.get("x-amz-target").is_some_and(|target| target == "AmazonSQS.StartMessageMoveTask") {
        let refusal = r#"{"__type":"com.amazonaws.sqs#UnsupportedOperation","message":"not here"}"#;
        return Response::builder().status(StatusCode::BAD_REQUEST).body(Body::from(refusal)).unwrap();
    }
    let mut request = axum::http::Request::builder().method(method).uri(format!("{endpoint}{uri}"));
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    let (parts, body) = client.request(request.body(Full::from(body)).unwrap()).await.unwrap().into_parts();
    Response::from_parts(parts, Body::from(body.collect().await.unwrap().to_bytes()))
}
