//! The Query protocol of SQS, which older SDKs still speak (that of JavaScript v2 among them).

use aws_sdk_sqs::types::MessageAttributeValue;

use super::endpoint::{Endpoint, on_the_endpoint};
use super::plain_http::post;
use super::queue::{body, handle};

#[tokio::test]
async fn a_message_sent_by_the_query_protocol_is_received_by_the_other() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let parameters = [
            ("QueueUrl", queue.url.as_str()),
            ("MessageBody", "도너츠 & <more> + 100%"),
            ("MessageAttribute.1.Name", "MessageAttributeProductCnt"),
            ("MessageAttribute.1.Value.DataType", "Number"),
            ("MessageAttribute.1.Value.StringValue", "3"),
        ];
        let answer = accepted(aws, "SendMessage", &parameters).await;
        let message = queue.receive_one().await;
        assert_eq!(body(&message), "도너츠 & <more> + 100%");
        let value = message.message_attributes().and_then(|attributes| attributes.get("MessageAttributeProductCnt"));
        assert_eq!(value.map(|value| (value.data_type(), value.string_value())), Some(("Number", Some("3"))));
        assert_eq!(element(&answer, "MessageId"), message.message_id());
        assert_eq!(element(&answer, "MD5OfMessageBody"), message.md5_of_body());
    })
    .await;
}

#[tokio::test]
async fn the_query_protocol_receives_what_was_sent_by_the_other_and_deletes_it() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let value = MessageAttributeValue::builder().data_type("String").string_value("CP-502101").build().expect("the type is given");
        let send = aws.sqs.send_message().queue_url(&queue.url).message_body("a < b & c").message_attributes("product", value);
        send.send().await.expect("SendMessage");
        let parameters = [
            ("QueueUrl", queue.url.as_str()),
            ("WaitTimeSeconds", "5"),
            ("MaxNumberOfMessages", "10"),
            ("AttributeName.1", "All"),
            ("MessageAttributeName.1", "All"),
        ];
        let answer = accepted(aws, "ReceiveMessage", &parameters).await;
        assert_eq!(element(&answer, "Body"), Some("a &lt; b &amp; c"));
        assert!(answer.contains("<Name>ApproximateReceiveCount</Name>"), "{answer}");
        assert!(answer.contains("<Name>product</Name>") && answer.contains("<StringValue>CP-502101</StringValue>"), "{answer}");
        let receipt = element(&answer, "ReceiptHandle").expect("a receipt handle");
        accepted(aws, "DeleteMessage", &[("QueueUrl", &queue.url), ("ReceiptHandle", receipt)]).await;
        queue.assert_counters(aws, 0, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn queues_are_made_found_and_described_by_the_query_protocol() {
    on_the_endpoint(async |aws| {
        let name = aws.name("query");
        let attributes = [("QueueName", name.as_str()), ("Attribute.1.Name", "VisibilityTimeout"), ("Attribute.1.Value", "7")];
        let created = accepted(aws, "CreateQueue", &attributes).await;
        let url = element(&created, "QueueUrl").expect("the queue's URL").to_owned();
        let found = accepted(aws, "GetQueueUrl", &[("QueueName", &name)]).await;
        assert_eq!(element(&found, "QueueUrl"), Some(url.as_str()));
        let described = accepted(aws, "GetQueueAttributes", &[("QueueUrl", &url), ("AttributeName.1", "VisibilityTimeout")]).await;
        assert_eq!((element(&described, "Name"), element(&described, "Value")), (Some("VisibilityTimeout"), Some("7")));
        accepted(aws, "DeleteQueue", &[("QueueUrl", &url)]).await;
    })
    .await;
}

#[tokio::test]
async fn the_batches_of_the_query_protocol_are_answered_entry_by_entry() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let parameters = [
            ("QueueUrl", queue.url.as_str()),
            ("SendMessageBatchRequestEntry.1.Id", "one"),
            ("SendMessageBatchRequestEntry.1.MessageBody", "first"),
            ("SendMessageBatchRequestEntry.2.Id", "two"),
            ("SendMessageBatchRequestEntry.2.MessageBody", "second"),
        ];
        let answer = accepted(aws, "SendMessageBatch", &parameters).await;
        assert_eq!(answer.matches("<SendMessageBatchResultEntry>").count(), 2, "{answer}");
        let messages = queue.receive_until(2).await;
        let parameters = [
            ("QueueUrl", queue.url.as_str()),
            ("DeleteMessageBatchRequestEntry.1.Id", "one"),
            ("DeleteMessageBatchRequestEntry.1.ReceiptHandle", handle(&messages[0])),
            ("DeleteMessageBatchRequestEntry.2.Id", "two"),
            ("DeleteMessageBatchRequestEntry.2.ReceiptHandle", handle(&messages[1])),
        ];
        let answer = accepted(aws, "DeleteMessageBatch", &parameters).await;
        assert_eq!(answer.matches("<DeleteMessageBatchResultEntry>").count(), 2, "{answer}");
        queue.assert_counters(aws, 0, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn the_query_protocol_keeps_its_older_error_codes() {
    on_the_endpoint(async |aws| {
        let url = aws.url_of_no_queue().await;
        let (status, answer) = call(aws, "SendMessage", &[("QueueUrl", &url), ("MessageBody", "x")]).await;
        assert_eq!((status, element(&answer, "Code")), (400, Some("AWS.SimpleQueueService.NonExistentQueue")), "{answer}");
        assert_eq!(element(&answer, "Type"), Some("Sender"));
        let queue = aws.queue().await;
        let (status, answer) = call(aws, "DeleteMessage", &[("QueueUrl", &queue.url), ("ReceiptHandle", "garbage")]).await;
        assert!((400..500).contains(&status), "{status} {answer}");
        assert_eq!(element(&answer, "Code"), Some("ReceiptHandleIsInvalid"), "{answer}");
    })
    .await;
}

async fn accepted(aws: &Endpoint, action: &str, parameters: &[(&str, &str)]) -> String {
    let (status, answer) = call(aws, action, parameters).await;
    assert_eq!(status, 200, "{action}: {answer}");
    assert!(answer.contains(&format!("<{action}Response")), "{action}: {answer}");
    answer
}

/// The status and the XML that an action is answered with.
async fn call(aws: &Endpoint, action: &str, parameters: &[(&str, &str)]) -> (u16, String) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action).append_pair("Version", "2012-11-05").extend_pairs(parameters);
    let url = format!("{}/", aws.sqs_url.trim_end_matches('/'));
    post(aws, "sqs", &url, "application/x-www-form-urlencoded; charset=utf-8", form.finish()).await
}

/// The text of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}
