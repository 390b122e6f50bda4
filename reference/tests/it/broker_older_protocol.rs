//! SQS by the Query protocol, as SDKs from before November 2023 speak it.

use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use reference::broker::{Broker, BrokerOptions};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

async fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
    let broker = Broker::open(BrokerOptions::default()).expect("a broker in memory opens");
    tokio::spawn(async move { broker.serve(listener, CancellationToken::new()).await });
    address
}

/// Posts a form; answers with status and XML.
async fn post(address: &str, form: &str) -> (u16, String) {
    let request = http::Request::post(address)
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .body(Full::<bytes::Bytes>::from(form.to_owned()))
        .expect("a sound request");
    let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.expect("the broker answers");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a complete body").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("XML is text"))
}

fn between<'a>(xml: &'a str, element: &str) -> &'a str {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let rest = xml.split_once(&open).unwrap_or_else(|| panic!("{element} in {xml}")).1;
    rest.split_once(&close).unwrap_or_else(|| panic!("the end of {element} in {xml}")).0
}

#[tokio::test]
async fn a_message_makes_its_way_by_forms() {
    let address = start().await;
    let (status, xml) = post(&address, "Action=CreateQueue&QueueName=orders&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=5").await;
    assert_eq!(status, 200, "{xml}");
    let url = between(&xml, "QueueUrl").to_owned();
    // Older SDKs post to the queue's own address.
    let send = "Action=SendMessage&MessageBody=a%20%3C%20b&MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=Number\
                &MessageAttribute.1.Value.StringValue=3";
    let (_, sent) = post(&url, send).await;
    assert_eq!(between(&sent, "MD5OfMessageBody").len(), 32);
    let receive = format!("Action=ReceiveMessage&QueueUrl={url}&MaxNumberOfMessages=10&AttributeName.1=All&MessageAttributeName.1=All");
    let (_, received) = post(&address, &receive).await;
    let message = between(&received, "Message");
    assert_eq!(between(message, "Body"), "a &lt; b");
    assert_eq!(between(message, "MessageId"), between(&sent, "MessageId"));
    assert!(message.contains("<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>"), "{message}");
    assert!(message.contains("<StringValue>3</StringValue>"), "{message}");
    let handle = between(message, "ReceiptHandle");
    let delete = format!(
        "Action=DeleteMessageBatch&DeleteMessageBatchRequestEntry.1.Id=good&DeleteMessageBatchRequestEntry.1.ReceiptHandle={handle}\
         &DeleteMessageBatchRequestEntry.2.Id=bad&DeleteMessageBatchRequestEntry.2.ReceiptHandle=garbage"
    );
    let (_, deleted) = post(&url, &delete).await;
    assert_eq!(between(between(&deleted, "DeleteMessageBatchResultEntry"), "Id"), "good");
    assert_eq!(between(between(&deleted, "BatchResultErrorEntry"), "Code"), "ReceiptHandleIsInvalid");
    let (_, attributes) = post(&url, "Action=GetQueueAttributes&AttributeName.1=All").await;
    for (name, value) in [("ApproximateNumberOfMessages", "0"), ("ApproximateNumberOfMessagesNotVisible", "0"), ("VisibilityTimeout", "5")]
    {
        assert!(attributes.contains(&format!("<Name>{name}</Name><Value>{value}</Value>")), "{attributes}");
    }
}

#[tokio::test]
async fn refusals_carry_the_codes_that_older_sdks_match() {
    let address = start().await;
    let (status, xml) = post(&address, "Action=SendMessage&QueueUrl=nowhere&MessageBody=x").await;
    assert_eq!((status, between(&xml, "Code")), (400, "AWS.SimpleQueueService.NonExistentQueue"));
    let (status, xml) = post(&address, "Action=Nonsense").await;
    assert_eq!((status, between(&xml, "Code")), (400, "InvalidAction"));
}
