//! The endpoint under test: where it is, the clients that speak to it, and what has to be taken down afterwards.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Mutex;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use futures_util::FutureExt;
use reference::broker::{Activity, BrokerOptions};
use uuid::Uuid;

use super::embedded::Embedded;
use super::queue::Queue;
use super::topic::Topic;

/// Longest a behaviour may take before it counts as failed.
const BEHAVIOUR_LIMIT: Duration = Duration::from_secs(60);
/// Longest the taking down of one test's queues and topics may take; what is left then is left.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(15);
/// Above the longest poll that SQS allows (20 s), so that only a hanging endpoint meets it.
const CALL_LIMIT: Duration = Duration::from_secs(40);
/// How long a remote endpoint may take until a change is seen everywhere (AWS: counters and attributes "up to a minute").
const REMOTE_SETTLING: Duration = Duration::from_secs(20);

/// One endpoint, as one test sees it.
pub(super) struct Endpoint {
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) sns: aws_sdk_sns::Client,
    pub(super) sqs_url: String,
    pub(super) mail_url: String,
    pub(super) region: String,
    pub(super) credentials: Credentials,
    embedded: Option<Embedded>,
    queue_urls: Mutex<Vec<String>>,
    topic_arns: Mutex<Vec<String>>,
}

/// Runs one behaviour on the endpoint under test and takes down what it made, whether it passed or not.
pub(super) async fn on_the_endpoint(behaviour: impl for<'a> AsyncFnOnce(&'a Endpoint)) {
    within(BEHAVIOUR_LIMIT, behaviour).await;
}

/// The same for a behaviour that needs more time than usual.
pub(super) async fn within(limit: Duration, behaviour: impl for<'a> AsyncFnOnce(&'a Endpoint)) {
    let endpoint = Endpoint::open().await;
    let outcome = AssertUnwindSafe(tokio::time::timeout(limit, behaviour(&endpoint))).catch_unwind().await;
    endpoint.take_down().await;
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(_)) => panic!("the behaviour was not shown within {limit:?}"),
        Err(panic) => resume_unwind(panic),
    }
}

impl Endpoint {
    /// The endpoint that the environment names, or an embedded broker.
    async fn open() -> Self {
        let everything = variable("AWS_ENDPOINT_URL");
        let named = |service: &str| variable(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| everything.clone());
        let (sqs, sns, mail) = match (named("SQS"), named("SNS")) {
            (Some(sqs), Some(sns)) => (sqs.clone(), sns, named("SESV2").unwrap_or(sqs)),
            (None, None) => return Self::embedded(Embedded::start(BrokerOptions::default()).await),
            (None, Some(_)) => panic!("AWS_ENDPOINT_URL_SNS is set alone: set AWS_ENDPOINT_URL_SQS or AWS_ENDPOINT_URL too"),
            (Some(_), None) => panic!("AWS_ENDPOINT_URL_SQS is set alone: set AWS_ENDPOINT_URL_SNS or AWS_ENDPOINT_URL too"),
        };
        for url in [&sqs, &sns, &mail] {
            assert!(
                url.starts_with("http://"),
                "{url}: the suite speaks plain HTTP only; name an http:// address, such as a proxy's that ends TLS"
            );
        }
        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or_else(|| "us-east-1".into());
        Self::at(&sqs, &sns, mail, region, credentials())
    }

    /// An embedded broker, whatever the environment names.
    pub(super) fn embedded(broker: Embedded) -> Self {
        let credentials = Credentials::new("test", "test", None, None, "conformance");
        let url = &broker.url;
        let endpoint = Self::at(url, url, url.clone(), "us-east-1".into(), credentials);
        Self { embedded: Some(broker), ..endpoint }
    }

    fn at(sqs: &str, sns: &str, mail_url: String, region: String, credentials: Credentials) -> Self {
        Self {
            sqs: sqs_client(sqs, &region, &credentials),
            sns: sns_client(sns, &region, &credentials),
            sqs_url: sqs.to_owned(),
            mail_url,
            region,
            credentials,
            embedded: None,
            queue_urls: Mutex::default(),
            topic_arns: Mutex::default(),
        }
    }

    /// Whether the embedded broker is under test, of which more can be asked than AWS promises (exact counters, no duplicates).
    pub(super) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// What goes on in the broker behind the endpoint.
    pub(super) fn activity(&self) -> Activity {
        self.embedded.as_ref().expect("only tests of the embedded broker ask for it").activity()
    }

    /// The broker behind the endpoint.
    pub(super) fn into_embedded(self) -> Embedded {
        self.embedded.expect("only tests of the embedded broker ask for it")
    }

    /// How long a change may take until it is seen: no time at all in the embedded broker.
    pub(super) fn settling(&self) -> Duration {
        if self.is_embedded() { Duration::ZERO } else { REMOTE_SETTLING }
    }

    /// Lets time pass. The embedded broker lives by the clock of the test's own runtime, which can be moved on; elsewhere this waits.
    pub(super) async fn let_pass(&self, time: Duration) {
        if !self.is_embedded() {
            tokio::time::sleep(time).await;
            return;
        }
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
        // Connections that idled all that time end now; the next call should not meet one that is about to.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    /// A client that calls another path of the endpoint, such as a queue's own.
    pub(super) fn sqs_client_at(&self, path: &str) -> aws_sdk_sqs::Client {
        sqs_client(&format!("{}{path}", self.sqs_url.trim_end_matches('/')), &self.region, &self.credentials)
    }

    /// A name that no other test has.
    pub(super) fn name(&self, purpose: &str) -> String {
        format!("conformance-{purpose}-{}", Uuid::new_v4().simple())
    }

    /// A standard queue as `CreateQueue` makes it without attributes.
    pub(super) async fn queue(&self) -> Queue {
        self.queue_with(&[]).await
    }

    /// A standard queue with these attributes.
    pub(super) async fn queue_with(&self, attributes: &[(QueueAttributeName, &str)]) -> Queue {
        self.named_queue(&self.name("queue"), attributes).await
    }

    /// A FIFO queue that wants a deduplication id with each message.
    pub(super) async fn fifo_queue(&self) -> Queue {
        self.fifo_queue_with(&[]).await
    }

    /// A FIFO queue with these attributes.
    pub(super) async fn fifo_queue_with(&self, attributes: &[(QueueAttributeName, &str)]) -> Queue {
        let mut all = vec![(QueueAttributeName::FifoQueue, "true")];
        all.extend_from_slice(attributes);
        self.named_queue(&format!("{}.fifo", self.name("queue")), &all).await
    }

    /// A queue of this name, which is deleted after the test.
    pub(super) async fn named_queue(&self, name: &str, attributes: &[(QueueAttributeName, &str)]) -> Queue {
        let mut request = self.sqs.create_queue().queue_name(name);
        for (attribute, value) in attributes {
            request = request.attributes(attribute.clone(), *value);
        }
        let url = request.send().await.expect("CreateQueue").queue_url.expect("CreateQueue answers with the queue's URL");
        self.queue_urls.lock().expect("no test panics while it holds this lock").push(url.clone());
        Queue::at(self.sqs.clone(), url).await
    }

    /// A standard queue whose messages go to `dead_letters` after `max_receive_count` receives.
    pub(super) async fn queue_redriving_to(&self, dead_letters: &Queue, max_receive_count: u32) -> Queue {
        self.queue_with(&[(QueueAttributeName::RedrivePolicy, &redrive_policy(&dead_letters.arn, max_receive_count))]).await
    }

    /// A standard topic.
    pub(super) async fn topic(&self) -> Topic {
        let request = self.sns.create_topic().name(self.name("topic"));
        let arn = request.send().await.expect("CreateTopic").topic_arn.expect("CreateTopic answers with the topic's ARN");
        self.take_down_topic(&arn);
        Topic { sns: self.sns.clone(), arn }
    }

    /// A FIFO topic with these attributes.
    pub(super) async fn fifo_topic(&self, attributes: &[(&str, &str)]) -> Topic {
        let mut request = self.sns.create_topic().name(format!("{}.fifo", self.name("topic"))).attributes("FifoTopic", "true");
        for (attribute, value) in attributes {
            request = request.attributes(*attribute, *value);
        }
        let arn = request.send().await.expect("CreateTopic").topic_arn.expect("CreateTopic answers with the topic's ARN");
        self.take_down_topic(&arn);
        Topic { sns: self.sns.clone(), arn }
    }

    /// Has a topic that the test made itself deleted in the end.
    pub(super) fn take_down_topic(&self, arn: &str) {
        self.topic_arns.lock().expect("no test panics while it holds this lock").push(arn.to_owned());
    }

    /// The URL that a queue of this name would have.
    pub(super) async fn url_of_no_queue(&self) -> String {
        let queue = self.queue().await;
        let (account, _) = queue.url.rsplit_once('/').expect("a queue's URL ends with its name");
        format!("{account}/{}", self.name("nowhere"))
    }

    /// Clients of their own connections, for the senders and receivers of one test.
    pub(super) fn another_sqs_client(&self) -> aws_sdk_sqs::Client {
        let settings = self.sqs.config().to_builder().http_client(plain_http());
        aws_sdk_sqs::Client::from_conf(settings.build())
    }

    async fn take_down(&self) {
        let topics = std::mem::take(&mut *self.topic_arns.lock().expect("no test panics while it holds this lock"));
        let queues = std::mem::take(&mut *self.queue_urls.lock().expect("no test panics while it holds this lock"));
        let deletions = async {
            for arn in topics {
                // A test may have deleted it itself; nothing else can be done about a refusal here.
                let _ = self.sns.delete_topic().topic_arn(arn).send().await;
            }
            for url in queues {
                let _ = self.sqs.delete_queue().queue_url(url).send().await;
            }
        };
        let _ = tokio::time::timeout(CLEAN_UP_LIMIT, deletions).await;
    }
}

/// The JSON of a queue's `RedrivePolicy`.
pub(super) fn redrive_policy(dead_letter_arn: &str, max_receive_count: u32) -> String {
    serde_json::json!({ "deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": max_receive_count.to_string() }).to_string()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn credentials() -> Credentials {
    let part = |name: &str| variable(name).unwrap_or_else(|| "test".into());
    Credentials::new(part("AWS_ACCESS_KEY_ID"), part("AWS_SECRET_ACCESS_KEY"), variable("AWS_SESSION_TOKEN"), None, "conformance")
}

fn plain_http() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

fn call_limit() -> TimeoutConfig {
    TimeoutConfig::builder().operation_timeout(CALL_LIMIT).build()
}

// Neither client retries: a retried send would hide a lost answer and make duplicates of its own.
fn sqs_client(url: &str, region: &str, credentials: &Credentials) -> aws_sdk_sqs::Client {
    use aws_sdk_sqs::config::{BehaviorVersion, Region, StalledStreamProtectionConfig, retry::RetryConfig};
    let settings = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(url)
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials.clone())
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(call_limit())
        .http_client(plain_http());
    aws_sdk_sqs::Client::from_conf(settings.build())
}

fn sns_client(url: &str, region: &str, credentials: &Credentials) -> aws_sdk_sns::Client {
    use aws_sdk_sns::config::{BehaviorVersion, Region, StalledStreamProtectionConfig, retry::RetryConfig};
    let settings = aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(url)
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials.clone())
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(call_limit())
        .http_client(plain_http());
    aws_sdk_sns::Client::from_conf(settings.build())
}
