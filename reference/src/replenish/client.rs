//! Calls to the factory: pooled connections, one time limit over connecting, sending and the whole answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::order::Verdict;
use crate::edition::EditionName;
use crate::trace::leg::{Kind, Leg};
use crate::trace::{self, TRACEPARENT};

/// The factory answers with a sentence; more is not read.
const LONGEST_ANSWER: usize = 64 * 1024;
/// Idle connections are closed after this time, before most servers do it from their side.
const IDLE_FOR: Duration = Duration::from_secs(30);

/// An address from the configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactoryAddressError {
    /// It is no address of the kind that this program can call or hand out.
    #[error("{variable} is {value:?}, which is not an address such as http://127.0.0.1:8080 ({reason})")]
    NotAnAddress {
        /// The variable that it came from.
        variable: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The factory of the edition calls back, and was given no address to call.
    #[error("the factory of edition `{edition}` calls back: set CALLBACK_URL to the address of the receiving role, path included")]
    NoCallback {
        /// The edition.
        edition: EditionName,
    },
}

/// The factory, ready to be called. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub(super) struct FactoryClient {
    client: Client<HttpConnector, Full<Bytes>>,
    address: Uri,
    timeout: Duration,
}

impl FactoryClient {
    /// A client that posts to `path` at the base address of the factory.
    pub(super) fn new(base: &str, path: &'static str, timeout: Duration) -> Result<Self, FactoryAddressError> {
        let base = check("FACTORY_URL", base)?.trim_end_matches('/');
        // Some configurations name the whole address, as the factory's documentation prints it.
        let whole = if base.ends_with(path) { base.to_owned() } else { format!("{base}{path}") };
        let address = whole.parse().map_err(|e| not_an_address("FACTORY_URL", base, &e))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout));
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_FOR).pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { client, address, timeout })
    }

    /// Posts an order.
    pub(super) async fn post(&self, body: serde_json::Value) -> Verdict {
        match tokio::time::timeout(self.timeout, self.exchange(body)).await {
            Ok(verdict) => verdict,
            Err(_) => Verdict::Unwell(format!("no answer from {} within {:?}", self.address, self.timeout)),
        }
    }

    async fn exchange(&self, body: serde_json::Value) -> Verdict {
        let mut request = Request::post(self.address.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body.to_string()))
            .expect("a checked address and a constant header make a request");
        let leg = Leg::begin(Kind::Client, trace::current(), || "order from the factory".to_owned());
        request.headers_mut().extend(leg.onward().map(|trace| (HeaderName::from_static(TRACEPARENT), trace.header())));
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) => return Verdict::Unwell(format!("no answer from {}: {}", self.address, causes(&error))),
        };
        let status = answer.status();
        // The body is read to keep the connection; the status has already said everything.
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
        let text = body.map_or_else(|_| Bytes::new(), |body| body.to_bytes());
        Verdict::of(status, &String::from_utf8_lossy(&text))
    }
}

/// Only plain HTTP with a host: what is behind TLS is reached through a proxy that speaks it.
pub(super) fn check<'a>(variable: &'static str, value: &'a str) -> Result<&'a str, FactoryAddressError> {
    let uri: Uri = value.parse().map_err(|e| not_an_address(variable, value, &e))?;
    match (uri.scheme_str(), uri.host(), variable) {
        (Some("http"), Some(_), _) => Ok(value),
        // The callback is the factory's business to call, whatever it speaks.
        (Some("https"), Some(_), "CALLBACK_URL") => Ok(value),
        (Some("https"), Some(_), _) => Err(not_an_address(variable, value, &"this program calls the factory over plain HTTP only")),
        _ => Err(not_an_address(variable, value, &"it needs http:// and a host")),
    }
}

fn not_an_address(variable: &'static str, value: &str, reason: &dyn std::fmt::Display) -> FactoryAddressError {
    FactoryAddressError::NotAnAddress { variable, value: value.to_owned(), reason: reason.to_string() }
}

/// hyper's errors tell the essential in their sources ("connection refused").
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use testbed::KeptPort;

    use super::*;

    #[test]
    fn addresses_are_checked_and_named() {
        for base in ["http://127.0.0.1:1", "http://127.0.0.1:1/", "http://127.0.0.1:1/log"] {
            let client = FactoryClient::new(base, "/log", Duration::from_secs(1)).unwrap();
            assert_eq!(client.address, "http://127.0.0.1:1/log");
        }
        for wrong in ["factory:8080", "https://factory", "ftp://factory", ""] {
            let error = FactoryClient::new(wrong, "/log", Duration::from_secs(1)).unwrap_err();
            assert!(error.to_string().starts_with("FACTORY_URL is"), "{error}");
        }
        assert!(check("CALLBACK_URL", "https://shop.example/product/donut").is_ok());
    }

    #[tokio::test]
    async fn a_factory_that_is_not_there_is_unwell() {
        let nobody = KeptPort::any().unwrap();
        let address = format!("http://{}", nobody.address().unwrap());
        let client = FactoryClient::new(&address, "/log", Duration::from_secs(5)).unwrap();
        let verdict = client.post(serde_json::json!({})).await;
        assert!(matches!(&verdict, Verdict::Unwell(reason) if reason.contains("refused")), "{verdict:?}");
    }

    #[tokio::test]
    async fn a_factory_that_never_answers_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let client = FactoryClient::new(&address, "/log", Duration::from_millis(100)).unwrap();
        let verdict = client.post(serde_json::json!({})).await;
        assert!(matches!(&verdict, Verdict::Unwell(reason) if reason.contains("within 100ms")), "{verdict:?}");
    }
}
