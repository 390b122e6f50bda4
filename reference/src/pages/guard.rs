//! Keeps a page to the browser of the machine that it is served on.
//!
//! A page on loopback is reachable for every web page that the same browser shows. Three things keep those out: the name by which the page was
//! asked for must be this machine's own (so that nobody points a name of theirs at it), a request that changes something must come from the
//! page itself, and no answer may be read, framed or embedded by another origin.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use http::header::{self, HeaderName};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;

/// Everything a page may load is its own; nobody may frame it, and forms lead nowhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Sent with every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// It asked for somebody else.
    #[error("this page answers to 127.0.0.1, [::1] and localhost only; open it by the address that was printed")]
    Name,
    /// It wants to change something, and comes from another page.
    #[error("only this page itself may do that")]
    Origin,
}

/// Reads where a page shall be served: an address of loopback, or only its port.
///
/// # Errors
/// A sentence that says what to write.
pub fn loopback(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    let address = match port.parse::<u16>() {
        Ok(port) => Ok(SocketAddr::from(([127, 0, 0, 1], port))),
        Err(_) => text
            .parse::<SocketAddr>()
            .map_err(|_| format!("{text:?} is no address; write 127.0.0.1:8080, a port, or port 0 for a free one")),
    }?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "{address} is not of loopback, and the page asks nobody for a password; serve it on 127.0.0.1 and forward that port (ssh -L, kubectl port-forward)"
    ))
}

/// The router, for this machine's browser only. Its fallback is kept out of: [`crate::http::serve`] adds that.
pub fn guarded(router: Router) -> Router {
    router.layer(middleware::from_fn(let_in))
}

/// The router, for this machine's browser only, for files that bring a policy of their own.
pub fn named(router: Router) -> Router {
    router.layer(middleware::from_fn(async |request: Request, next: Next| match admits(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(stranger) => refused(stranger),
    }))
}

fn refused(stranger: Stranger) -> Response {
    let status = match stranger {
        Stranger::Name => StatusCode::MISDIRECTED_REQUEST,
        Stranger::Origin => StatusCode::FORBIDDEN,
    };
    (status, Json(json!({ "message": stranger.to_string() }))).into_response()
}

async fn let_in(request: Request, next: Next) -> Response {
    let mut response = match admits(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(stranger) => refused(stranger),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a request comes from this machine's own page.
///
/// # Errors
/// [`Stranger`] says why not.
pub fn admits(method: &Method, headers: &HeaderMap) -> Result<(), Stranger> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).ok_or(Stranger::Name)?;
    if !names_this_machine(host) {
        return Err(Stranger::Name);
    }
    if *method == Method::GET || *method == Method::HEAD {
        return Ok(());
    }
    // What is no browser (curl) says neither, and is nobody's victim.
    let of_this_page = text(header::ORIGIN).is_none_or(|origin| origin == format!("http://{host}"));
    let by_this_page = text(HeaderName::from_static("sec-fetch-site")).is_none_or(|site| matches!(site, "same-origin" | "none"));
    if of_this_page && by_this_page { Ok(()) } else { Err(Stranger::Origin) }
}

fn names_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    authority.as_str() == host
        && !host.contains('@')
        && (name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_name_that_somebody_else_pointed_here_is_refused() {
        for host in ["127.0.0.1:8080", "localhost", "LocalHost:1", "[::1]:8080", "127.0.0.2:1"] {
            assert_eq!(admits(&Method::GET, &headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:8080", "localhost.evil.example", "10.0.0.1:8080", "a@127.0.0.1", "", "[::2]:1"]
        {
            assert_eq!(admits(&Method::GET, &headers(&[("host", host)])), Err(Stranger::Name), "{host}");
        }
        assert_eq!(admits(&Method::GET, &HeaderMap::new()), Err(Stranger::Name));
    }

    #[test]
    fn another_page_cannot_buy_in_somebodys_name() {
        let host = ("host", "127.0.0.1:8080");
        let sent = |more: &[(&'static str, &'static str)]| {
            let all: Vec<_> = std::iter::once(host).chain(more.iter().copied()).collect();
            admits(&Method::POST, &headers(&all))
        };
        assert_eq!(sent(&[]), Ok(()), "curl");
        assert_eq!(sent(&[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(sent(&[("origin", "http://127.0.0.1:9999")]), Err(Stranger::Origin), "another port is another page");
        assert_eq!(sent(&[("origin", "null")]), Err(Stranger::Origin));
        assert_eq!(sent(&[("sec-fetch-site", "cross-site")]), Err(Stranger::Origin));
        assert_eq!(sent(&[("sec-fetch-site", "same-site")]), Err(Stranger::Origin));
    }

    #[test]
    fn a_page_is_served_on_loopback_or_not_at_all() {
        assert_eq!(loopback("8080"), Ok(SocketAddr::from(([127, 0, 0, 1], 8080))));
        assert_eq!(loopback("localhost:8080"), Ok(SocketAddr::from(([127, 0, 0, 1], 8080))));
        assert_eq!(loopback("127.0.0.1:0"), Ok(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert!(loopback("[::1]:9").is_ok());
        assert!(loopback("0.0.0.0:8080").unwrap_err().contains("ssh -L"));
        assert!(loopback("here").unwrap_err().contains("a port"));
    }
}
