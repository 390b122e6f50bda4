//! The same faults in the protocols that are older than JSON: forms answered in XML, and mail.

use bytes::Bytes;
use chaos::decision::{Before, Fault, ReceiveFault, Rule, SendFault, SettleFault};
use http::Response;

use super::Bench;
use crate::bench::{Client, Got, Seen, Service, header, post};

pub(super) const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// A form that publishes these texts, each with its `id`.
pub(super) fn publish_batch(texts: &[&str]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", "PublishBatch").append_pair("TopicArn", "arn:topic");
    for (index, text) in texts.iter().enumerate() {
        let entry = format!("PublishBatchRequestEntries.member.{}", index + 1);
        form.append_pair(&format!("{entry}.Id"), text).append_pair(&format!("{entry}.Message"), text);
        form.append_pair(&format!("{entry}.MessageAttributes.entry.1.Name"), "id");
        form.append_pair(&format!("{entry}.MessageAttributes.entry.1.Value.DataType"), "String");
        form.append_pair(&format!("{entry}.MessageAttributes.entry.1.Value.StringValue"), text);
    }
    form.finish()
}

/// What a queue says in the older protocol: one message, whatever it is asked.
fn older_queue(seen: &Seen) -> Response<Bytes> {
    let form = String::from_utf8_lossy(&seen.body).into_owned();
    let action = form.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap().to_owned();
    let message = |id: &str| {
        let attribute = format!("<MessageAttribute><Name>id</Name><Value><StringValue>{id}</StringValue></Value></MessageAttribute>");
        format!("<Message><ReceiptHandle>r-{id}</ReceiptHandle><Body>{id}</Body>{attribute}</Message>")
    };
    let result = match action.as_str() {
        "ReceiveMessage" => format!("{}{}", message("a"), message("b")),
        action => format!("<{action}ResultEntry><Id>real</Id></{action}ResultEntry>"),
    };
    Response::new(format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>").into())
}

#[tokio::test]
async fn the_older_protocol_of_sqs_is_struck_like_the_newer() {
    let bench = Bench::before(Service::start(older_queue).await).await;
    let ask = async |form: &str| match post(bench.tap.address(), "/1/orders", FORM, form).await {
        Got::Answer { status, body } => (status, body),
        other => panic!("{other:?}"),
    };
    let entry = |number: u32, id: &str| {
        let entry = format!("SendMessageBatchRequestEntry.{number}");
        let attribute = format!("{entry}.MessageAttribute.1");
        format!(
            "&{entry}.Id={id}&{entry}.MessageBody={id}&{attribute}.Name=id&{attribute}.Value.DataType=String&{attribute}.Value.StringValue={id}"
        )
    };
    let send = |ids: [&str; 2]| format!("Action=SendMessageBatch{}{}", entry(1, ids[0]), entry(2, ids[1]));

    let lost = bench.install(Fault::Send(SendFault::LoseMessage), &["a"]);
    let (_, sent) = ask(&send(["a", "b"])).await;
    assert!(sent.contains("<Id>real</Id>") && sent.contains("<Id>a</Id>") && sent.contains("<MD5OfMessageBody>"), "{sent}");
    let forwarded = bench.service.seen().pop().unwrap();
    assert_eq!(String::from_utf8_lossy(&forwarded.body), format!("Action=SendMessageBatch{}", entry(1, "b")));
    assert_eq!(lost.records()[0].fired, 1);
    drop(lost);

    let withheld = bench.install(Fault::Receive(ReceiveFault::Withhold), &["a"]);
    let (_, received) = ask("Action=ReceiveMessage&MaxNumberOfMessages=10").await;
    assert!(!received.contains("<Body>a</Body>") && received.contains("<Body>b</Body>"), "{received}");
    drop(withheld);
    let again = bench.install(Fault::Receive(ReceiveFault::Repeat), &["b"]);
    ask("Action=ReceiveMessage").await;
    let (asked, (_, repeated)) = (bench.service.seen().len(), ask("Action=ReceiveMessage").await);
    assert!(repeated.contains("<Body>b</Body>") && !repeated.contains("<Body>a</Body>"), "{repeated}");
    assert_eq!(bench.service.seen().len(), asked, "without asking the queue");
    drop(again);

    let expired = bench.install(Fault::Settle(SettleFault::Expire), &["b"]);
    let (status, refused) = ask("Action=DeleteMessage&ReceiptHandle=r-b").await;
    assert!(status == 400 && refused.contains("<Code>ReceiptHandleIsInvalid</Code>"), "{refused}");
    drop(expired);
    let kept = bench.install(Fault::Settle(SettleFault::Lose), &["b"]);
    let (status, told) = ask("Action=DeleteMessage&ReceiptHandle=r-b").await;
    assert!(status == 200 && told.contains("<DeleteMessageResponse"), "{told}");
    assert_eq!(bench.service.seen().len(), asked, "neither reached the queue");
    drop(kept);
    let busy = bench.faults.install([Rule::new("busy", Fault::Before(Before::Throttle))]);
    assert!(ask("Action=ReceiveMessage").await.1.contains("<Code>RequestThrottled</Code>"));
    drop(busy);
    bench.heal().await;
    assert!(ask("Action=DeleteMessage&ReceiptHandle=r-b").await.1.contains("<Id>real</Id>"));
}

#[tokio::test]
async fn messages_published_in_a_batch_are_struck_one_by_one() {
    let bench = Bench::new().await;
    let guard = bench.install(Fault::Send(SendFault::LoseMessage), &["a"]);
    let _twice = bench.install(Fault::Send(SendFault::Duplicate), &["c"]);
    let Got::Answer { status: 200, body } = post(bench.tap.address(), "/", FORM, &publish_batch(&["a", "b", "c"])).await else {
        panic!("no answer")
    };
    assert!(body.contains("<Successful><member><Id>a</Id><MessageId>") && body.contains("<Id>real</Id>"), "{body}");
    let seen = bench.service.seen();
    let sent: Vec<&[u8]> = seen.iter().map(|seen| &seen.body[..]).collect();
    assert_eq!(sent, [publish_batch(&["b", "c"]).as_bytes(), publish_batch(&["c"]).as_bytes()]);
    assert_eq!(guard.records()[0].fired, 1);
    bench.heal().await;
}

#[tokio::test]
async fn each_service_throttles_in_its_own_words() {
    let bench = Bench::new().await;
    let guard = bench.faults.install([Rule::new("busy", Fault::Before(Before::Throttle))]);
    let mut client = Client::connect(bench.tap.address()).await;
    let sqs = client.post("/", "x-amz-target: AmazonSQS.ReceiveMessage\r\n", "{}").await;
    let Got::Answer { status: 400, body } = sqs else { panic!("{sqs:?}") };
    assert!(body.contains("com.amazonaws.sqs#RequestThrottled"), "{body}");
    assert_eq!(header(&client.head, "x-amzn-query-error"), Some("RequestThrottled;Sender"));
    let sns = client.post("/", FORM, "Action=Publish&TopicArn=t&Message=m").await;
    let Got::Answer { status: 400, body } = sns else { panic!("{sns:?}") };
    assert!(body.contains("<Code>Throttling</Code>"), "{body}");
    assert!(matches!(client.post("/v2/email/outbound-emails", "", "{}").await, Got::Answer { status: 429, .. }));
    assert_eq!(header(&client.head, "x-amzn-errortype"), Some("TooManyRequestsException"));
    assert_eq!(bench.service.seen().len(), 0);
    drop(guard);
    bench.heal().await;
    assert_eq!(
        client.post("/v2/email/outbound-emails", "", "{}").await,
        Got::Answer { status: 200, body: "{\"MessageId\":\"real\"}".into() }
    );
}
