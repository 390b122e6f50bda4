//! What buyers say, as the bytes of an HTTP/1.1 request.

use http::Method;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT};

use reference::trace::{TRACEPARENT, TraceParent};

use super::Target;
use crate::target::speech::Spoken;

/// Room for method, path and headers of an ordinary request.
const HEAD_ROOM: usize = 512;

/// Writes the request, and that it belongs to a trace, if it does.
pub(super) fn request(target: &Target, spoken: &Spoken, trace: Option<TraceParent>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_ROOM + spoken.body.len());
    // A path was filled as an address and header values were checked as such, so nothing here can end a line.
    for part in [spoken.method.as_str(), " ", &target.base_path, &spoken.path, " HTTP/1.1\r\n"] {
        bytes.extend_from_slice(part.as_bytes());
    }
    for (name, value) in &spoken.headers {
        line(&mut bytes, name.as_str(), value.as_bytes());
    }
    if !spoken.headers.contains_key(HOST) {
        line(&mut bytes, HOST.as_str(), target.authority.as_str().as_bytes());
    }
    if !spoken.headers.contains_key(USER_AGENT) {
        line(&mut bytes, USER_AGENT.as_str(), b"rushproof");
    }
    if let Some(trace) = trace {
        line(&mut bytes, TRACEPARENT, trace.to_string().as_bytes());
    }
    let framed = spoken.headers.contains_key(CONTENT_LENGTH) || spoken.headers.contains_key(TRANSFER_ENCODING);
    let may_be_bare = spoken.body.is_empty() && matches!(spoken.method, Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS);
    if !framed && !may_be_bare {
        line(&mut bytes, CONTENT_LENGTH.as_str(), spoken.body.len().to_string().as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&spoken.body);
    bytes
}

fn line(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b": ");
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::event::OpKind;
    use crate::scenario::EditionName;
    use crate::target::speech::Wanted;

    #[test]
    fn a_request_goes_below_the_shops_address() {
        let target = Target::new(EditionName::Donut, "http://127.0.0.1:9/base").unwrap();
        let wanted = Wanted { kind: OpKind::Purchase, buyer: 7, key: Some("k"), product: "CP-502101", quantity: 3, trick: None };
        let bytes = request(&target, &target.speech.say(wanted), None);
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut request = httparse::Request::new(&mut headers);
        let length = request.parse(&bytes).unwrap().unwrap();
        assert_eq!((request.method, request.path), (Some("POST"), Some("/base/checkout")));
        let said = |name: &str| request.headers.iter().find(|header| header.name == name).map(|header| header.value);
        assert_eq!(said("host"), Some("127.0.0.1:9".as_bytes()));
        assert_eq!(said("content-type"), Some("application/json".as_bytes()));
        assert_eq!(said("content-length"), Some((bytes.len() - length).to_string().as_bytes()));
    }

    #[test]
    fn looking_has_no_body() {
        let target = Target::new(EditionName::Donut, "http://127.0.0.1:9").unwrap();
        let wanted = Wanted { kind: OpKind::Browse, buyer: 7, key: None, product: "CP-502101", quantity: 1, trick: None };
        let text = String::from_utf8(request(&target, &target.speech.say(wanted), None)).unwrap();
        assert!(
            text.starts_with("GET /product/donut HTTP/1.1\r\n") && text.ends_with("\r\n\r\n") && !text.contains("content-length"),
            "{text}"
        );
    }
}
