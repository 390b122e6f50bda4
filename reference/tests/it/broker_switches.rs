//! What the broker's options change, as seen through the SDK.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::time::Duration;

use aws_sdk_sqs::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use reference::broker::{AbandonedPoll, Broker, BrokerLimits, BrokerOptions, Unruly};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::wait::until;

/// What is waited for here is a matter of milliseconds.
const DEADLINE: Duration = Duration::from_secs(20);

struct Running {
    address: String,
    broker: Broker,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    async fn start(options: BrokerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (broker, shutdown) = (Broker::open(options).unwrap(), CancellationToken::new());
        let token = shutdown.clone();
        let serving = tokio::spawn({
            let broker = broker.clone();
            async move { broker.serve(listener, token).await }
        });
        Self { address, broker, shutdown, serving }
    }

    /// Waits until so many long polls have reached the broker and are not answered yet.
    async fn long_polls_are(&self, number: usize) {
        until("the long polls under way", DEADLINE, async || self.broker.activity().long_polls, |polls| *polls == number).await;
    }

    fn client(&self) -> Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(format!("http://{}", self.address))
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Client::from_conf(config.build())
    }

    async fn queue(&self) -> (Client, String) {
        let client = self.client();
        let url = client.create_queue().queue_name("orders").send().await.unwrap().queue_url.unwrap();
        (client, url)
    }
}

/// Says one request on a connection of its own, which the caller may then drop.
async fn open_poll(address: &str) -> TcpStream {
    let body = r#"{"QueueUrl":"orders","WaitTimeSeconds":20}"#;
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: AmazonSQS.ReceiveMessage\r\ncontent-type: application/x-amz-json-1.0\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Whether a message that is sent after the caller of a long poll has gone is in flight nevertheless.
async fn abandoned_poll_swallows(abandoned_poll: AbandonedPoll) -> bool {
    let running = Running::start(BrokerOptions { abandoned_poll, ..BrokerOptions::default() }).await;
    let (client, url) = running.queue().await;
    let stream = open_poll(&running.address).await;
    running.long_polls_are(1).await;
    let connections = || running.broker.activity().connections;
    let with_the_poll = connections();
    drop(stream);
    until("the end of the poll's connection", DEADLINE, async || connections(), |open| *open == with_the_poll - 1).await;
    client.send_message().queue_url(&url).message_body("a").send().await.unwrap();
    // A poll that went on ends with the message it catches; of one that did not, nothing is left.
    running.long_polls_are(0).await;
    let answer = client.receive_message().queue_url(&url).send().await.unwrap();
    answer.messages().is_empty()
}

#[tokio::test]
async fn an_abandoned_poll_swallows_a_message_as_on_aws_and_none_when_kind() {
    let (aws_like, kind) = tokio::join!(abandoned_poll_swallows(AbandonedPoll::AwsLike), abandoned_poll_swallows(AbandonedPoll::Kind));
    assert_eq!((aws_like, kind), (true, false));
}

#[tokio::test]
async fn an_unruly_broker_delivers_twice_with_the_same_message_id() {
    let unruly = Unruly { duplicate_share: 1.0, ..Unruly::default() };
    let running = Running::start(BrokerOptions { unruly, ..BrokerOptions::default() }).await;
    let (client, url) = running.queue().await;
    let sent = client.send_message().queue_url(&url).message_body("a").send().await.unwrap();
    for _ in 0..2 {
        let answer = client.receive_message().queue_url(&url).send().await.unwrap();
        let message = &answer.messages()[0];
        assert_eq!(message.message_id(), sent.message_id());
        client.delete_message().queue_url(&url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    }
    assert!(client.receive_message().queue_url(&url).send().await.unwrap().messages().is_empty());
}

#[tokio::test]
async fn a_shutdown_answers_long_polls_and_ends_soon() {
    let running = Running::start(BrokerOptions::default()).await;
    let (client, url) = running.queue().await;
    let poll = tokio::spawn(client.receive_message().queue_url(&url).wait_time_seconds(20).send());
    running.long_polls_are(1).await;
    let start = Instant::now();
    running.shutdown.cancel();
    assert!(poll.await.unwrap().unwrap().messages().is_empty(), "answered, not cut");
    running.serving.await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn bodies_heads_and_connections_are_limited() {
    let limits = BrokerLimits {
        body_bytes: 1_000,
        head_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        ..BrokerLimits::default()
    };
    let running = Running::start(BrokerOptions { limits, ..BrokerOptions::default() }).await;
    for (request, answer) in [
        (
            format!(
                "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: AmazonSQS.ListQueues\r\ncontent-length: 2000\r\n\r\n{}",
                "x".repeat(2_000)
            ),
            "413",
        ),
        ("POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: AmazonSQS.ListQueues\r\ncontent-length: 10\r\n\r\n{".to_owned(), "408"),
        ("POST / HTTP/1.1\r\nhost: x\r\nx-am".to_owned(), ""),
        ("GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "404"),
    ] {
        let mut stream = TcpStream::connect(&running.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = vec![0; 200];
        let read = timeout(Duration::from_secs(10), stream.read(&mut bytes)).await.expect("an answer or an end within ten seconds");
        let text = String::from_utf8_lossy(&bytes[..read.unwrap_or(0)]).into_owned();
        assert!(text.contains(answer), "{request:.60} was answered with {text}");
    }
}
