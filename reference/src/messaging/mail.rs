//! Mail by SES: `SendEmail` of the v2 API, one JSON call signed by the SDK's own signer. The SES SDK itself is among the heaviest
//! crates there are, and nothing else of it would be used.

use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};
use serde_json::json;

use crate::clock;
use crate::trace;

use super::aws::{Aws, SesAccess};
use super::error::{CallError, FailureKind, causes, kind_of};

const ACTION: &str = "SendEmail";
/// SES answers with an id or a short error; more than this is no answer of SES.
const LONGEST_ANSWER: usize = 64 * 1024;

/// A plain-text mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Sender; SES must have verified it.
    pub from: String,
    /// Recipient.
    pub to: String,
    /// Subject line.
    pub subject: String,
    /// Text.
    pub text: String,
}

impl Aws {
    /// Sends a mail and gives SES's id for it.
    ///
    /// # Errors
    /// [`CallError`]. After [`FailureKind::NoAnswer`] the mail may have been sent.
    pub async fn send_mail(&self, mail: &Mail) -> Result<String, CallError> {
        let failed = |kind, detail: String| CallError { action: ACTION, subject: mail.to.clone(), kind, code: None, detail };
        let request = signed_request(&self.ses, mail, clock::now()).map_err(|detail| failed(FailureKind::Refused, detail))?;
        let call = async {
            let response = self.ses.connector.call(request).await.map_err(|e| failed(FailureKind::NoAnswer, causes(&e)))?;
            let status = response.status().as_u16();
            let body = read(response).await.map_err(|detail| failed(FailureKind::NoAnswer, detail))?;
            message_id(status, &body).map_err(|(kind, detail)| failed(kind, detail))
        };
        match tokio::time::timeout(self.ses.timeout, call).await {
            Ok(result) => result,
            Err(_) => Err(failed(FailureKind::NoAnswer, format!("no answer from {} within {:?}", self.ses.endpoint, self.ses.timeout))),
        }
    }
}

fn signed_request(access: &SesAccess, mail: &Mail, now: SystemTime) -> Result<HttpRequest, String> {
    let body = json!({
        "FromEmailAddress": mail.from,
        "Destination": { "ToAddresses": [mail.to] },
        "Content": { "Simple": {
            "Subject": { "Data": mail.subject, "Charset": "UTF-8" },
            "Body": { "Text": { "Data": mail.text, "Charset": "UTF-8" } },
        }},
    })
    .to_string();
    let uri = format!("{}/v2/email/outbound-emails", access.endpoint);
    let identity: Identity = access.credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&access.region)
        .name("ses")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|e| e.to_string())?
        .into();
    let headers = [("content-type", "application/json")];
    let signable = SignableRequest::new("POST", &uri, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
    let (instructions, _) = sign(signable.map_err(|e| e.to_string())?, &params).map_err(|e| e.to_string())?.into_parts();
    let mut request = http::Request::post(&uri)
        .header(http::header::CONTENT_TYPE, "application/json")
        .header(http::header::CONTENT_LENGTH, body.len())
        .body(SdkBody::from(body))
        .map_err(|e| e.to_string())?;
    instructions.apply_to_request_http1x(&mut request);
    // Not signed: whoever stands in between may make a span of its own of it.
    trace::hand_on(request.headers_mut());
    HttpRequest::try_from(request).map_err(|e| e.to_string())
}

async fn read(response: HttpResponse) -> Result<Vec<u8>, String> {
    let body = Limited::new(response.into_body(), LONGEST_ANSWER);
    body.collect().await.map(|all| all.to_bytes().to_vec()).map_err(|e| format!("the answer could not be read: {e}"))
}

/// Only a whole answer with an id in it says that the mail is on its way.
fn message_id(status: u16, body: &[u8]) -> Result<String, (FailureKind, String)> {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let text = |name: &str| json.as_ref().and_then(|json| json.get(name)).and_then(|value| value.as_str());
    if (200..300).contains(&status) {
        return match text("MessageId") {
            Some(id) => Ok(id.to_owned()),
            None => Err((FailureKind::NoAnswer, format!("status {status} without a MessageId"))),
        };
    }
    let code = text("__type").or_else(|| text("code")).map(|code| code.rsplit('#').next().unwrap_or(code));
    let message = text("message").or_else(|| text("Message")).unwrap_or("no message");
    Err((kind_of(Some(status), code), format!("status {status} {}: {message}", code.unwrap_or(""))))
}

#[cfg(test)]
mod tests {
    use testbed::KeptPort;

    use super::*;
    use crate::messaging::AwsConfig;

    fn mail() -> Mail {
        Mail { from: "shop@example.com".into(), to: "ads@example.com".into(), subject: "광고 중단".into(), text: "도너츠".into() }
    }

    #[tokio::test]
    async fn the_call_is_signed_for_ses_and_carries_the_mail() {
        let aws = Aws::new(&AwsConfig::local("http://127.0.0.1:4566/")).unwrap();
        let request = signed_request(&aws.ses, &mail(), SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(request.uri(), "http://127.0.0.1:4566/v2/email/outbound-emails");
        let authorization = request.headers().get("authorization").unwrap();
        assert!(authorization.contains("/19700101/us-east-1/ses/aws4_request"), "{authorization}");
        let body: serde_json::Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        assert_eq!(body["Content"]["Simple"]["Subject"]["Data"], "광고 중단");
        assert_eq!(body["Destination"]["ToAddresses"][0], "ads@example.com");
    }

    #[test]
    fn only_an_answer_with_an_id_counts_as_sent() {
        assert_eq!(message_id(200, br#"{"MessageId":"m-1"}"#).unwrap(), "m-1");
        assert_eq!(message_id(200, b"<html>").unwrap_err().0, FailureKind::NoAnswer);
        assert_eq!(message_id(429, br#"{"message":"slow down"}"#).unwrap_err().0, FailureKind::Busy);
        assert_eq!(message_id(503, b"").unwrap_err().0, FailureKind::Busy);
        let (kind, detail) = message_id(400, br#"{"__type":"com.amazonaws.sesv2#MessageRejected","message":"not verified"}"#).unwrap_err();
        assert_eq!(kind, FailureKind::Refused);
        assert_eq!(detail, "status 400 MessageRejected: not verified");
    }

    #[tokio::test]
    async fn an_endpoint_that_is_away_is_told_in_one_line() {
        let nobody = KeptPort::any().unwrap();
        let address = format!("http://{}", nobody.address().unwrap());
        let error = Aws::new(&AwsConfig::local(address)).unwrap().send_mail(&mail()).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::NoAnswer);
        let text = error.to_string();
        assert!(text.starts_with("SendEmail on \"ads@example.com\" failed") && text.contains("refused") && text.len() < 300, "{text}");
    }
}
