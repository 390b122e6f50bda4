//! The clients of SQS, SNS and SES: one connection pool, explicit time-outs, bounded retries.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sqs::config::BehaviorVersion;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use super::config::{AwsConfig, AwsConfigError, Service};

/// How long to wait for a connection. A local or regional endpoint answers in milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one attempt of an ordinary call may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an ordinary call may take with its retries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);
/// Attempts of an ordinary call. Workers have a longer breath of their own, so three quick ones are enough.
const ATTEMPTS: u32 = 3;
/// The longest that SQS lets a receive wait.
pub const LONGEST_POLL: Duration = Duration::from_secs(20);
/// Idle connections kept for each endpoint.
const IDLE_CONNECTIONS: usize = 64;

/// The services, ready to be called. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Aws {
    pub(super) sqs: aws_sdk_sqs::Client,
    /// The same queues with the patience that a long poll needs, and without retries: the consumer's loop is one.
    pub(super) sqs_polling: aws_sdk_sqs::Client,
    pub(super) sns: aws_sdk_sns::Client,
    pub(super) ses: SesAccess,
}

/// What a signed call to SES needs.
#[derive(Debug, Clone)]
pub(super) struct SesAccess {
    pub(super) endpoint: String,
    pub(super) region: String,
    pub(super) credentials: Credentials,
    pub(super) connector: SharedHttpConnector,
    pub(super) timeout: Duration,
}

impl Aws {
    /// Builds the clients. Nothing is called yet.
    ///
    /// # Errors
    /// [`AwsConfigError`] when an endpoint cannot be used, naming the variable that it comes from.
    pub fn new(config: &AwsConfig) -> Result<Self, AwsConfigError> {
        let (sqs_address, sns_address) = (config.address_of(Service::Sqs)?, config.address_of(Service::Sns)?);
        let ses_address = match config.address_of(Service::Ses)? {
            Some(address) => address,
            None => format!("https://email.{}.amazonaws.com", config.region),
        };
        let given = &config.credentials;
        let credentials =
            Credentials::new(&given.access_key_id, &given.secret_access_key, given.session_token.clone(), None, "environment");
        let http = http_client();
        let sqs = |timeouts: TimeoutConfig, retries: RetryConfig| {
            let builder = aws_sdk_sqs::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(aws_sdk_sqs::config::Region::new(config.region.clone()))
                .credentials_provider(credentials.clone())
                .http_client(http.clone())
                .timeout_config(timeouts)
                .retry_config(retries);
            let mut builder = builder;
            builder.set_endpoint_url(sqs_address.clone());
            aws_sdk_sqs::Client::from_conf(builder.build())
        };
        let mut sns = aws_sdk_sns::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(aws_sdk_sns::config::Region::new(config.region.clone()))
            .credentials_provider(credentials.clone())
            .http_client(http.clone())
            .timeout_config(ordinary_timeouts())
            .retry_config(ordinary_retries());
        sns.set_endpoint_url(sns_address);
        let ses = SesAccess {
            endpoint: ses_address,
            region: config.region.clone(),
            credentials: credentials.clone(),
            connector: connector(),
            timeout: ATTEMPT_TIMEOUT,
        };
        Ok(Self {
            sqs: sqs(ordinary_timeouts(), ordinary_retries()),
            sqs_polling: sqs(polling_timeouts(), RetryConfig::disabled()),
            sns: aws_sdk_sns::Client::from_conf(sns.build()),
            ses,
        })
    }
}

fn ordinary_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

fn polling_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(LONGEST_POLL + ATTEMPT_TIMEOUT).build()
}

fn ordinary_retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_secs(1))
}

#[cfg(not(feature = "aws-tls"))]
fn http_client() -> SharedHttpClient {
    Builder::new().pool_max_idle_per_host(IDLE_CONNECTIONS).build_http()
}

#[cfg(not(feature = "aws-tls"))]
fn connector() -> SharedHttpConnector {
    SharedHttpConnector::new(Connector::builder().connector_settings(connector_settings()).build_http())
}

#[cfg(feature = "aws-tls")]
fn http_client() -> SharedHttpClient {
    Builder::new().pool_max_idle_per_host(IDLE_CONNECTIONS).tls_provider(tls_provider()).build_https()
}

#[cfg(feature = "aws-tls")]
fn connector() -> SharedHttpConnector {
    SharedHttpConnector::new(Connector::builder().connector_settings(connector_settings()).tls_provider(tls_provider()).build())
}

#[cfg(feature = "aws-tls")]
fn tls_provider() -> aws_smithy_http_client::tls::Provider {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    Provider::Rustls(CryptoMode::Ring)
}

fn connector_settings() -> HttpConnectorSettings {
    HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(ATTEMPT_TIMEOUT).build()
}
