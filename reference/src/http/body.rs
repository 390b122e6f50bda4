//! Reading a request's body: only JSON objects, only so long, only for so long.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;

use super::fields::Fields;
use super::problem::Problem;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a body that is too long is still read, in bytes: a client that is cut off while it sends never sees the answer.
const LINGER_BYTES: usize = 1024 * 1024;

/// The longest body of this listener, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// Reads the body as a JSON object.
///
/// # Errors
/// A [`Problem`] that says what is wrong: 415 for another content type, 413 for a body over the limit, 408 for one that does not arrive,
/// 400 for what is no JSON object.
pub async fn json_object(request: Request) -> Result<Fields, Problem> {
    let BodyLimit(limit) = request.extensions().get().copied().unwrap_or(BodyLimit(super::MAX_BODY_BYTES));
    let is_json = is_json(request.headers());
    let read = tokio::time::timeout(BODY_TIMEOUT, read(request.into_body(), limit)).await;
    if !is_json {
        let message = "Content-Type은 application/json이어야 합니다";
        return Err(Problem::rejected(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).at("Content-Type"));
    }
    let bytes = read.map_err(|_| Problem::rejected(StatusCode::REQUEST_TIMEOUT, "본문이 제때 도착하지 않았습니다").at("body"))??;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(Fields::new(fields)),
        Ok(_) => Err(Problem::rejected(StatusCode::BAD_REQUEST, "본문은 JSON 객체여야 합니다").at("body")),
        Err(error) => {
            let message = format!("본문이 올바른 JSON이 아닙니다 ({}행 {}열)", error.line(), error.column());
            Err(Problem::rejected(StatusCode::BAD_REQUEST, message).at("body"))
        }
    }
}

async fn read(mut body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::rejected(StatusCode::BAD_REQUEST, "본문이 도중에 끊겼습니다").at("body"))?;
        let Some(data) = frame.data_ref() else { continue };
        seen += data.len();
        if seen <= limit {
            bytes.extend_from_slice(data);
        } else if seen > limit + LINGER_BYTES {
            break;
        }
    }
    if seen <= limit {
        return Ok(bytes);
    }
    Err(Problem::rejected(StatusCode::PAYLOAD_TOO_LARGE, format!("본문은 {limit}바이트를 넘을 수 없습니다")).at("body"))
}

/// Whether the one content type says JSON, in the one encoding that JSON has.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    let other_charset = |part: &str| {
        let (name, charset) = part.split_once('=').unwrap_or((part, ""));
        name.trim().eq_ignore_ascii_case("charset") && !charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    json && !parts.any(other_charset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_json() {
        let says = |value: &str| is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]));
        for json in
            ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/vnd.shop+json;charset=\"UTF-8\""]
        {
            assert!(says(json), "{json}");
        }
        for other in
            ["", "text/plain", "text/json", "application/jsonx", "application/json; charset=euc-kr", "application/x-www-form-urlencoded"]
        {
            assert!(!says(other), "{other}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
