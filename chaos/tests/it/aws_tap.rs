//! Every fault of a message: it fires, does what it says, and heals.

mod protocols;
mod receipts;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chaos::decision::{Delay, Fault, ReceiveFault, Rule, SendFault, SettleFault};
use chaos::faults::Faults;
use chaos::observe::{Channel, Ids, Report, Sighting};
use chaos::tap::{Hop, Tap, Upstream};
use http::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::protocols::{FORM, publish_batch};
use crate::bench::{Got, Seen, Service, listener, post, within};

const LATE: Duration = Duration::from_secs(20);
const QUEUE: &str = "http://queue/1";

/// The least of a queue and a topic: what is sent stays visible until it is deleted.
fn queue() -> impl Fn(&Seen) -> Response<Bytes> {
    let messages: Mutex<Vec<Value>> = Mutex::default();
    move |seen| {
        let target = seen.headers.get("x-amz-target").map(|target| target.to_str().unwrap().trim_start_matches("AmazonSQS.").to_owned());
        let Some(action) = target else { return topic(seen) };
        let asked: Value = serde_json::from_slice(&seen.body).unwrap();
        let entries = asked["Entries"].as_array().cloned().unwrap_or_else(|| vec![asked.clone()]);
        let mut messages = messages.lock().unwrap();
        let done: Vec<Value> = entries.iter().map(|entry| json!({"Id": entry["Id"], "MessageId": "real"})).collect();
        match action.as_str() {
            "SendMessage" | "SendMessageBatch" => messages.extend(entries.iter().map(|entry| {
                json!({"Body": entry["MessageBody"], "MessageId": "real", "ReceiptHandle": format!("r-{}", entry["MessageBody"].as_str().unwrap()),
                       "MessageAttributes": entry["MessageAttributes"]})
            })),
            "DeleteMessage" | "DeleteMessageBatch" => {
                messages.retain(|message| !entries.iter().any(|entry| entry["ReceiptHandle"] == message["ReceiptHandle"]));
            }
            _ => (),
        }
        let answer = match action.as_str() {
            "ReceiveMessage" if messages.is_empty() => json!({}),
            "ReceiveMessage" => json!({"Messages": messages.clone()}),
            action if action.ends_with("Batch") => json!({"Successful": done, "Failed": []}),
            "SendMessage" => json!({"MessageId": "real"}),
            _ => json!({}),
        };
        Response::new(answer.to_string().into())
    }
}

fn topic(seen: &Seen) -> Response<Bytes> {
    if seen.path.starts_with("/v2/") {
        return Response::new(Bytes::from_static(b"{\"MessageId\":\"real\"}"));
    }
    let xml = match String::from_utf8_lossy(&seen.body).contains("Action=PublishBatch") {
        true => {
            "<PublishBatchResponse><PublishBatchResult><Failed/><Successful><member><Id>real</Id></member></Successful></PublishBatchResult></PublishBatchResponse>"
        }
        false => "<PublishResponse><PublishResult><MessageId>real</MessageId></PublishResult></PublishResponse>",
    };
    Response::new(Bytes::from_static(xml.as_bytes()))
}

struct Bench {
    service: Service,
    tap: Tap,
    faults: Faults,
    reports: mpsc::Receiver<Report>,
}

impl Bench {
    async fn new() -> Self {
        Self::before(Service::start(queue()).await).await
    }

    async fn before(service: Service) -> Self {
        let faults = Faults::new(7);
        let (channel, reports) = Channel::new(1_000);
        let id = |sighting: &Sighting<'_>| {
            let id = sighting.attributes.iter().find(|(name, _)| name == "id");
            id.map(|(name, value)| Ids::one(name, value)).unwrap_or_default()
        };
        let hop = Hop::new("relay", faults.clone()).observed_by(channel).identified_by(Arc::new(id));
        let tap = chaos::tap::aws::start(listener().await, &Upstream::from(service.address), hop).unwrap();
        Self { service, tap, faults, reports }
    }

    async fn sqs(&self, action: &str, mut body: Value) -> Got {
        body["QueueUrl"] = QUEUE.into();
        post(self.tap.address(), "/", &format!("x-amz-target: AmazonSQS.{action}\r\n"), &body.to_string()).await
    }

    async fn send(&self, text: &str) -> Got {
        self.sqs("SendMessage", message(text)).await
    }

    async fn send_batch(&self, texts: &[&str]) -> Value {
        let entries: Vec<Value> = texts.iter().map(|text| with_id(text, message(text))).collect();
        json_of(&self.sqs("SendMessageBatch", json!({"Entries": entries})).await)
    }

    async fn receive(&self) -> Got {
        self.sqs("ReceiveMessage", json!({"MaxNumberOfMessages": 10})).await
    }

    /// What is in the queue, asked past the tap.
    async fn queued(&self) -> Vec<String> {
        let body = json!({"QueueUrl": QUEUE}).to_string();
        bodies(&post(self.service.address, "/", "x-amz-target: AmazonSQS.ReceiveMessage\r\n", &body).await)
    }

    fn install(&self, fault: Fault, ids: &[&str]) -> chaos::faults::Installed {
        let rule = |id: &&str| {
            let mut rule = Rule::new("it", fault.clone());
            rule.select.attribute = Some(("id".to_owned(), (*id).to_owned()));
            rule
        };
        self.faults.install(ids.iter().map(rule))
    }

    async fn heal(&self) {
        within("the tap to heal", self.faults.heal(LATE)).await.unwrap();
        assert_eq!((self.faults.active_rules(), self.faults.held()), (0, 0));
    }

    async fn fired_note(&mut self) -> String {
        loop {
            match within("a report with a note", self.reports.recv()).await.unwrap() {
                Report::Fired(fired) if fired.note.is_some() => return fired.note.unwrap(),
                _ => (),
            }
        }
    }
}

fn message(text: &str) -> Value {
    json!({"MessageBody": text, "MessageAttributes": {"id": {"DataType": "String", "StringValue": text}}})
}

fn with_id(id: &str, mut entry: Value) -> Value {
    entry["Id"] = id.into();
    entry
}

fn json_of(got: &Got) -> Value {
    match got {
        Got::Answer { status: 200, body } => serde_json::from_str(body).unwrap(),
        other => panic!("no answer: {other:?}"),
    }
}

fn bodies(got: &Got) -> Vec<String> {
    let messages = json_of(got)["Messages"].as_array().cloned().unwrap_or_default();
    messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
}

fn ids(list: &Value) -> Vec<&str> {
    let mut ids: Vec<&str> = list.as_array().unwrap().iter().map(|item| item["Id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn without_rules_the_ids_of_every_message_are_seen() {
    let mut bench = Bench::new().await;
    bench.send_batch(&["a", "b"]).await;
    bench.receive().await;
    bench.sqs("DeleteMessage", json!({"ReceiptHandle": "r-b"})).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let Some(Report::Exchange(exchange)) = bench.reports.recv().await else { panic!("no report") };
        assert_eq!(exchange.resource.as_deref(), Some(QUEUE));
        let ids: Vec<String> = exchange.ids.iter().filter_map(|ids| ids.deciding().map(ToOwned::to_owned)).collect();
        seen.push((exchange.action.unwrap(), ids.join(" ")));
    }
    let expected = [("SendMessageBatch", "a b"), ("ReceiveMessage", "a b"), ("DeleteMessage", "b")];
    assert_eq!(seen, expected.map(|(action, ids)| (action.to_owned(), ids.to_owned())));
}

#[tokio::test]
async fn a_duplicated_message_is_sent_twice_and_the_rest_of_its_batch_once() {
    let bench = Bench::new().await;
    let guard = bench.install(Fault::Send(SendFault::Duplicate), &["b"]);
    let answer = bench.send_batch(&["a", "b", "c"]).await;
    assert_eq!(ids(&answer["Successful"]), ["a", "b", "c"]);
    assert_eq!(bench.queued().await, ["a", "b", "c", "b"]);
    assert_eq!(guard.records()[0].fired, 1);
    bench.heal().await;
    bench.send("b").await;
    assert_eq!(bench.queued().await.len(), 5);
}

#[tokio::test]
async fn a_lost_message_is_reported_as_sent_and_never_is() {
    let bench = Bench::new().await;
    let guard = bench.install(Fault::Send(SendFault::LoseMessage), &["b", "z"]);
    let answer = bench.send_batch(&["a", "b"]).await;
    assert_eq!(ids(&answer["Successful"]), ["a", "b"]);
    let alone = json_of(&bench.send("z").await);
    assert_eq!(alone["MD5OfMessageBody"], "fbade9e36a3f36d3d676c1b808451dd7");
    assert_eq!(alone["MD5OfMessageAttributes"].as_str().unwrap().len(), 32);
    assert_eq!(ids(&bench.send_batch(&["b", "z"]).await["Successful"]), ["b", "z"]);
    assert_eq!(guard.records()[0].legality.name(), "control");
    bench.heal().await;
    assert_eq!(bench.queued().await, ["a"]);
    bench.send("z").await;
    assert_eq!(bench.queued().await, ["a", "z"]);
}

#[tokio::test]
async fn a_message_for_a_fifo_queue_or_topic_is_told_to_have_a_number() {
    let bench = Bench::new().await;
    let _guard = bench.install(Fault::Send(SendFault::LoseMessage), &["z"]);
    let mut ordered = message("z");
    ordered["MessageGroupId"] = "group".into();
    let alone = json_of(&bench.sqs("SendMessage", ordered.clone()).await);
    assert!(alone["SequenceNumber"].as_str().is_some_and(|number| number.len() == 20), "{alone}");
    let batch = json_of(&bench.sqs("SendMessageBatch", json!({"Entries": [with_id("z", ordered)]})).await);
    assert_eq!(batch["Successful"][0]["SequenceNumber"].as_str().map(str::len), Some(20), "{batch}");
    assert!(json_of(&bench.send("z").await)["SequenceNumber"].is_null(), "a standard queue numbers nothing");
    let form = format!("{}&PublishBatchRequestEntries.member.1.MessageGroupId=group", publish_batch(&["z"]));
    let Got::Answer { status: 200, body } = post(bench.tap.address(), "/", FORM, &form).await else { panic!("no answer") };
    assert!(body.contains("<SequenceNumber>"), "{body}");
    bench.heal().await;
    assert_eq!(bench.queued().await, [""; 0]);
}

#[tokio::test]
async fn a_lost_send_answer_had_its_effect() {
    let bench = Bench::new().await;
    let _guard = bench.install(Fault::Send(SendFault::LoseAnswer), &["a"]);
    assert_eq!(bench.send("a").await, Got::Reset);
    assert_eq!(bench.queued().await, ["a"]);
    bench.heal().await;
    assert_eq!(json_of(&bench.send("a").await)["MessageId"], "real");
}

#[tokio::test]
async fn a_delayed_message_arrives_in_its_time_or_when_healed() {
    let bench = Bench::new().await;
    let began = tokio::time::Instant::now();
    let guard = bench.install(Fault::Send(SendFault::Delay(Delay::Fixed(Duration::from_millis(300)))), &["a"]);
    assert!(json_of(&bench.send("a").await)["MessageId"].is_string());
    within("the message to be sent", bench.service.asked(1)).await;
    let took = began.elapsed();
    assert!(Duration::from_millis(300) <= took && took < LATE, "{took:?}");
    drop(guard);

    let _guard = bench.install(Fault::Send(SendFault::Delay(Delay::Fixed(Duration::from_secs(3_600)))), &["b"]);
    bench.send_batch(&["b", "c"]).await;
    assert_eq!(bench.faults.held(), 1);
    assert_eq!(bench.queued().await, ["a", "c"]);
    bench.heal().await;
    assert_eq!(bench.queued().await, ["a", "c", "b"]);
}

#[tokio::test]
async fn a_reordered_message_is_overtaken_by_as_many_as_asked() {
    let bench = Bench::new().await;
    let _guard = bench.install(Fault::Send(SendFault::Reorder { by: 2, within: Duration::from_secs(3_600) }), &["a"]);
    for text in ["a", "b", "c"] {
        bench.send(text).await;
    }
    within("the message to be sent", bench.service.asked(3)).await;
    assert_eq!(bench.queued().await, ["b", "c", "a"]);
    bench.heal().await;
}

#[tokio::test]
async fn poison_is_sent_beside_the_message_and_named() {
    let mut bench = Bench::new().await;
    let _guard = bench.install(Fault::Send(SendFault::Poison { body: "{\"poison\":\"{id}\",".into() }), &["a"]);
    bench.send("a").await;
    assert_eq!(bench.queued().await, ["a", "{\"poison\":\"a\","]);
    assert_eq!(bench.fired_note().await, "{\"poison\":\"a\",");
    bench.heal().await;
    bench.send("a").await;
    assert_eq!(bench.queued().await.len(), 3);
}

#[tokio::test]
async fn a_repeated_receive_delivers_once_more_and_healing_forgets_it() {
    let bench = Bench::new().await;
    bench.send_batch(&["a", "b"]).await;
    let guard = bench.install(Fault::Receive(ReceiveFault::Repeat), &["b"]);
    assert_eq!(bodies(&bench.receive().await), ["a", "b"]);
    let before = bench.service.seen().len();
    assert_eq!(bodies(&bench.receive().await), ["b"], "once more");
    assert_eq!(bench.service.seen().len(), before, "without asking the queue");
    assert_eq!(bodies(&bench.receive().await), ["a", "b"]);
    drop(guard);
    bench.heal().await;
    assert_eq!(bodies(&bench.receive().await), ["a", "b"], "what was to be repeated is forgotten");
}

#[tokio::test]
async fn receive_answers_are_lost_thinned_out_or_reversed() {
    let bench = Bench::new().await;
    bench.send_batch(&["a", "b", "c"]).await;
    let guard = bench.install(Fault::Receive(ReceiveFault::LoseAnswer), &["b"]);
    assert_eq!(bench.receive().await, Got::Reset);
    drop(guard);
    let guard = bench.install(Fault::Receive(ReceiveFault::Withhold), &["b"]);
    assert_eq!(bodies(&bench.receive().await), ["a", "c"]);
    drop(guard);
    let guard = bench.install(Fault::Receive(ReceiveFault::Reverse), &["b"]);
    assert_eq!(bodies(&bench.receive().await), ["c", "b", "a"]);
    drop(guard);
    bench.heal().await;
    assert_eq!(bodies(&bench.receive().await), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_receive_finds_the_attributes_in_an_sns_envelope() {
    let bench = Bench::new().await;
    let envelope = json!({"Type": "Notification", "MessageAttributes": {"id": {"Type": "String", "Value": "e"}}}).to_string();
    bench.sqs("SendMessage", json!({"MessageBody": envelope})).await;
    let guard = bench.install(Fault::Receive(ReceiveFault::Withhold), &["e"]);
    assert_eq!(bodies(&bench.receive().await), [""; 0]);
    assert_eq!(guard.records()[0].fired, 1);
}

#[tokio::test]
async fn deletes_are_lost_on_the_way_on_the_way_back_or_come_too_late() {
    let bench = Bench::new().await;
    bench.send_batch(&["a", "b", "c"]).await;
    bench.receive().await;
    let both = |one: &str, two: &str| {
        let entry = |text: &str| json!({"Id": text, "ReceiptHandle": format!("r-{text}")});
        json!({"Entries": [entry(one), entry(two)]})
    };

    let guard = bench.install(Fault::Settle(SettleFault::Lose), &["a"]);
    let answer = json_of(&bench.sqs("DeleteMessageBatch", both("a", "b")).await);
    assert_eq!(ids(&answer["Successful"]), ["a", "b"]);
    assert_eq!(bench.queued().await, ["a", "c"]);
    assert_eq!(json_of(&bench.sqs("DeleteMessage", json!({"ReceiptHandle": "r-a"})).await), json!({}));
    assert_eq!(bench.queued().await, ["a", "c"]);
    drop(guard);

    let guard = bench.install(Fault::Settle(SettleFault::Expire), &["a"]);
    let answer = json_of(&bench.sqs("DeleteMessageBatch", both("a", "c")).await);
    assert_eq!((ids(&answer["Successful"]), ids(&answer["Failed"])), (vec!["c"], vec!["a"]));
    assert_eq!(answer["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    let extend = bench.sqs("ChangeMessageVisibility", json!({"ReceiptHandle": "r-a", "VisibilityTimeout": 5})).await;
    let Got::Answer { status: 400, body } = extend else { panic!("{extend:?}") };
    assert!(body.contains("com.amazonaws.sqs#MessageNotInflight"), "{body}");
    drop(guard);

    let guard = bench.install(Fault::Settle(SettleFault::LoseAnswer), &["a"]);
    assert_eq!(bench.sqs("DeleteMessage", json!({"ReceiptHandle": "r-a"})).await, Got::Reset);
    assert_eq!(bench.queued().await, [""; 0]);
    drop(guard);

    bench.heal().await;
    bench.send("d").await;
    bench.sqs("DeleteMessage", json!({"ReceiptHandle": "r-d"})).await;
    assert_eq!(bench.queued().await, [""; 0]);
}

#[tokio::test]
async fn a_message_that_the_endpoint_takes_no_more_is_reported_as_lost() {
    let service = Service::start(|_| Response::builder().status(500).body(Bytes::new()).unwrap()).await;
    let faults = Faults::new(7);
    let (channel, mut reports) = Channel::new(100);
    let hop = Hop::new("relay", faults.clone()).observed_by(channel);
    let tap = chaos::tap::aws::start(listener().await, &Upstream::from(service.address), hop).unwrap();
    let _guard = faults.install([Rule::new("late", Fault::Send(SendFault::Delay(Delay::Fixed(Duration::from_millis(1)))))]);
    let body = message("a").to_string();
    post(tap.address(), "/", "x-amz-target: AmazonSQS.SendMessage\r\n", &body).await;
    loop {
        match within("the loss to be reported", reports.recv()).await.unwrap() {
            Report::Fired(fired) if fired.note.as_deref().is_some_and(|note| note.starts_with("lost")) => break,
            _ => (),
        }
    }
    within("nothing to be held", faults.heal(LATE)).await.unwrap();
}
