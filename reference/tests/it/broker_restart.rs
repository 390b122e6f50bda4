//! The broker as a process that is killed: what was answered is there again.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::{collections::BTreeSet, path::Path, process::Stdio, time::Duration};

use aws_sdk_sqs::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    types::{QueueAttributeName, SendMessageBatchRequestEntry},
};
use nix::sys::signal::Signal;
use reference::broker::{Broker, BrokerLimits, BrokerOptions};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Names the folder to the child process.
const FOLDER: &str = "REFERENCE_TEST_BROKER_FOLDER";
/// What the child says before its address.
const READY: &str = "broker listens on ";
const START_LIMIT: Duration = Duration::from_secs(60);

/// The child: a broker in a process of its own. It is a test so that no binary besides this one is needed.
#[tokio::test]
#[ignore = "is started by the other tests, as their child process"]
async fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    // Small segments: the journal is collected while it is written to.
    let limits = BrokerLimits { segment_bytes: 64 * 1024, ..BrokerLimits::default() };
    let broker = Broker::open(BrokerOptions { folder: Some(folder.into()), limits, ..BrokerOptions::default() }).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{READY}http://{}", listener.local_addr().unwrap());
    broker.serve(listener, CancellationToken::new()).await.unwrap();
}

struct Process {
    child: Child,
    client: Client,
}

impl Process {
    async fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "broker_restart::child", "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = timeout(START_LIMIT, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, address)) = line.split_once(READY) {
                    return address.to_owned();
                }
            }
            panic!("the child ended without saying where it listens");
        });
        let address = address.await.expect("the child says where it listens within a minute");
        // Whatever else it says is read, so that it never waits for a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, client: client(&address) }
    }

    /// `kill -9`.
    async fn kill(mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id().expect("it runs")).unwrap());
        nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
        self.child.wait().await.unwrap();
    }

    async fn url(&self, name: &str) -> String {
        self.client.get_queue_url().queue_name(name).send().await.unwrap().queue_url.unwrap()
    }
}

fn client(address: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(address)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

/// Sends numbered batches until the broker dies; answers with the numbers that were acknowledged.
async fn send_until_killed(client: Client, url: String, sender: usize, acknowledged: tokio::sync::mpsc::UnboundedSender<String>) {
    for batch in 0.. {
        let entry = |number: usize| {
            let body = format!("{sender}-{batch}-{number}");
            SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body).build().unwrap()
        };
        let answer = client.send_message_batch().queue_url(&url).set_entries(Some((0..10).map(entry).collect())).send().await;
        let Ok(answer) = answer else { return };
        for done in answer.successful() {
            let _ = acknowledged.send(format!("{sender}-{batch}-{}", done.id()));
        }
    }
}

/// Receives and deletes until nothing comes any more.
async fn drain(client: &Client, url: &str, wait_seconds: i32) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let answer =
            client.receive_message().queue_url(url).max_number_of_messages(10).wait_time_seconds(wait_seconds).send().await.unwrap();
        if answer.messages().is_empty() {
            return bodies;
        }
        for message in answer.messages() {
            bodies.push(message.body().unwrap().to_owned());
            client.delete_message().queue_url(url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_acknowledged_message_survives_a_kill_in_the_middle_of_traffic() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path()).await;
    process.client.create_queue().queue_name("orders").send().await.unwrap();
    let url = process.url("orders").await;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..4 {
        tokio::spawn(send_until_killed(process.client.clone(), url.clone(), number, sender.clone()));
    }
    drop(sender);
    let mut acknowledged = BTreeSet::new();
    while acknowledged.len() < 1_000 {
        acknowledged.insert(timeout(START_LIMIT, receiver.recv()).await.expect("a thousand messages are sent within a minute").unwrap());
    }
    process.kill().await;
    while let Some(body) = receiver.recv().await {
        acknowledged.insert(body);
    }

    let process = Process::start(folder.path()).await;
    let bodies = drain(&process.client, &process.url("orders").await, 0).await;
    let found: BTreeSet<String> = bodies.iter().cloned().collect();
    assert_eq!(found.len(), bodies.len(), "no message is doubled");
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged messages are lost, among them {:?}", lost.len(), acknowledged.len(), lost[0]);
    process.kill().await;

    let process = Process::start(folder.path()).await;
    assert!(drain(&process.client, &process.url("orders").await, 0).await.is_empty(), "deleted messages stay deleted");
}

#[tokio::test]
async fn a_consumer_goes_on_with_its_handles_after_a_kill_and_others_wait_for_the_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path()).await;
    let timeout_attribute = (QueueAttributeName::VisibilityTimeout, "3");
    process.client.create_queue().queue_name("orders").attributes(timeout_attribute.0, timeout_attribute.1).send().await.unwrap();
    let url = process.url("orders").await;
    for body in ["finished after the kill", "abandoned"] {
        process.client.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let held = process.client.receive_message().queue_url(&url).max_number_of_messages(2).send().await.unwrap();
    assert_eq!(held.messages().len(), 2);
    process.kill().await;

    let process = Process::start(folder.path()).await;
    let url = process.url("orders").await;
    let handle = held.messages()[0].receipt_handle().unwrap();
    process.client.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
    assert_eq!(drain(&process.client, &url, 10).await, [held.messages()[1].body().unwrap()]);
    process.kill().await;
}
