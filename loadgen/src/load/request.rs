//! What buyers say, as HTTP.

use http::Request;
use http::header::{HOST, HeaderValue, USER_AGENT};
use http_body_util::Full;

use super::Target;
use super::pool::Body;
use crate::target::speech::Wanted;

/// Writes the request.
pub(super) fn request(target: &Target, wanted: Wanted<'_>) -> Request<Body> {
    let spoken = target.speech.say(wanted);
    let mut request = Request::builder().method(spoken.method).uri(format!("{}{}", target.base_path, spoken.path));
    if let Some(headers) = request.headers_mut() {
        *headers = spoken.headers;
        headers.entry(HOST).or_insert_with(|| HeaderValue::from_str(target.authority.as_str()).expect("an authority is a legal header"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static("rushproof"));
    }
    request.body(Full::new(spoken.body)).expect("a checked address and a path that begins with a slash make a valid request")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::event::OpKind;
    use crate::scenario::EditionName;

    #[test]
    fn a_request_goes_below_the_shops_address() {
        let target = Target::new(EditionName::Donut, "http://127.0.0.1:9/base").unwrap();
        let wanted = Wanted { kind: OpKind::Purchase, buyer: 7, key: Some("k"), product: "CP-502101", quantity: 3, trick: None };
        let request = request(&target, wanted);
        assert_eq!(request.uri(), "/base/checkout");
        assert_eq!(
            (&request.headers()["host"], &request.headers()["content-type"]),
            (&HeaderValue::from_static("127.0.0.1:9"), &HeaderValue::from_static("application/json"))
        );
    }
}
