//! A signed request by hand, for what the tests say without an SDK.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::endpoint::Endpoint;

/// Posts a body with a valid signature for this service; the status and the text of the answer.
pub(super) async fn post(aws: &Endpoint, service: &str, url: &str, content_type: &str, body: String) -> (u16, String) {
    let request = http::Request::post(url).header("content-type", content_type).body(Full::new(Bytes::from(body.clone())));
    let mut request = request.expect("the URL is valid");
    let identity = aws.credentials.clone().into();
    let params = v4::SigningParams::builder().identity(&identity).region(&aws.region).name(service).time(SystemTime::now());
    let params = params.settings(SigningSettings::default()).build().expect("all parameters are given").into();
    let headers = std::iter::once(("content-type", content_type));
    let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes())).expect("the request can be signed");
    let (instructions, _) = sign(signable, &params).expect("the request can be signed").into_parts();
    instructions.apply_to_request_http1x(&mut request);
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.expect("the endpoint answers");
    let status = answer.status().as_u16();
    let text = answer.into_body().collect().await.expect("the endpoint answers to the end").to_bytes();
    (status, String::from_utf8_lossy(&text).into_owned())
}
