//! SES, as far as the pipeline uses it: one signed call, `POST /v2/email/outbound-emails`.

use serde_json::{Value, json};

use super::endpoint::{Endpoint, on_the_endpoint};
use super::plain_http::post;

#[tokio::test]
async fn a_mail_is_accepted_and_answered_with_its_id() {
    on_the_endpoint(async |aws| {
        let (status, answer) = send(aws, &mail()).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer["MessageId"].as_str().is_some_and(|id| !id.is_empty()), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn two_mails_have_two_ids() {
    on_the_endpoint(async |aws| {
        let (_, first) = send(aws, &mail()).await;
        let (_, second) = send(aws, &mail()).await;
        assert_ne!(first["MessageId"], second["MessageId"]);
    })
    .await;
}

#[tokio::test]
async fn a_mail_without_content_is_refused() {
    on_the_endpoint(async |aws| {
        let mut mail = mail();
        mail.as_object_mut().expect("a mail is an object").remove("Content");
        let (status, answer) = send(aws, &mail).await;
        assert_eq!(status, 400, "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_mail_to_nobody_is_refused() {
    on_the_endpoint(async |aws| {
        let mut mail = mail();
        mail["Destination"] = json!({ "ToAddresses": [] });
        let (status, answer) = send(aws, &mail).await;
        assert_eq!(status, 400, "{answer}");
    })
    .await;
}

fn mail() -> Value {
    json!({
        "FromEmailAddress": "shop@example.com",
        "Destination": { "ToAddresses": ["ads@example.com"] },
        "Content": {
            "Simple": {
                "Subject": { "Data": "광고 중단 요청", "Charset": "UTF-8" },
                "Body": { "Text": { "Data": "재고가 없습니다", "Charset": "UTF-8" } },
            },
        },
    })
}

/// Posts a mail; the status and the JSON of the answer.
async fn send(aws: &Endpoint, mail: &Value) -> (u16, Value) {
    let url = format!("{}/v2/email/outbound-emails", aws.mail_url.trim_end_matches('/'));
    let (status, text) = post(aws, "ses", &url, "application/json", mail.to_string()).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
