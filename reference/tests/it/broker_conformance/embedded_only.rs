//! What only the embedded broker has: switches, and a folder that survives it. Not behaviours of SQS, so not asked of others.

use std::time::Duration;

use aws_sdk_sqs::types::{MessageSystemAttributeName as System, QueueAttributeName};
use reference::broker::{AbandonedPoll, BrokerOptions, Unruly};
use tokio::time::Instant;

use super::embedded::Embedded;
use super::endpoint::Endpoint;
use super::expectation::{assert_prompt, assert_took};
use super::queue::{Queue, bodies, body, handle, system_attribute};
use super::topic::Topic;
use crate::wait::until;

/// What is waited for here is a matter of milliseconds.
const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_abandoned_poll_swallows_a_message_until_its_visibility_timeout_as_on_aws() {
    let aws = Endpoint::embedded(Embedded::start(BrokerOptions::default()).await);
    let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "4")]).await;
    abandon_a_poll(&aws, &queue).await;
    let start = Instant::now();
    queue.send("swallowed").await;
    queue.assert_counters(&aws, 0, 1, 0).await;
    assert_eq!(bodies(&queue.receive(10).await), ["swallowed"]);
    assert_took(start, Duration::from_secs(4), "the return of a swallowed message");
}

#[tokio::test]
async fn a_kind_broker_lets_an_abandoned_poll_swallow_nothing() {
    let options = BrokerOptions { abandoned_poll: AbandonedPoll::Kind, ..BrokerOptions::default() };
    let aws = Endpoint::embedded(Embedded::start(options).await);
    let queue = aws.queue().await;
    abandon_a_poll(&aws, &queue).await;
    let start = Instant::now();
    queue.send("not swallowed").await;
    queue.assert_counters(&aws, 1, 0, 0).await;
    let message = queue.receive_one().await;
    assert_prompt(start, "receiving what no poll has swallowed");
    assert_eq!(system_attribute(&message, System::ApproximateReceiveCount), "1");
}

#[tokio::test]
async fn an_unruly_broker_delivers_standard_messages_twice_and_out_of_order_and_fifo_ones_properly() {
    let unruly = Unruly { duplicate_share: 0.5, reorder_share: 0.5, empty_receive_share: 0.2 };
    let aws = Endpoint::embedded(Embedded::start(BrokerOptions { unruly, seed: 7, ..BrokerOptions::default() }).await);
    // The seed and the queue's name decide what happens: with a name of its own the test is the same every time.
    let (standard, fifo) = (aws.named_queue("unruly", &[]).await, aws.fifo_queue().await);
    let sent: Vec<_> = (0..40).map(|number| format!("{number:02}")).collect();
    for text in &sent {
        standard.send(text).await;
        fifo.send_in_group("g", text).await;
    }
    let mut received = Vec::new();
    let mut empty_in_a_row = 0;
    while empty_in_a_row < 12 {
        let messages = standard.receiving().max_number_of_messages(2).send().await.expect("ReceiveMessage").messages.unwrap_or_default();
        empty_in_a_row = if messages.is_empty() { empty_in_a_row + 1 } else { 0 };
        for message in messages {
            standard.delete(&message).await;
            received.push(body(&message).to_owned());
        }
    }
    assert!(!received.is_sorted(), "half of the receives are out of order: {received:?}");
    let count = received.len();
    received.sort();
    received.dedup();
    assert_eq!(received, sent, "nothing is lost");
    assert!(count > sent.len(), "half of the messages come twice, but {count} came");
    assert_eq!(fifo.drain(sent.len()).await, sent);
}

#[tokio::test]
async fn messages_survive_a_restart_with_all_that_belongs_to_them() {
    let broker = Embedded::start(BrokerOptions::default()).await;
    let aws = Endpoint::embedded(broker);
    let queue = aws.queue().await;
    let sent = queue.send("도넛").await;
    queue.send("deleted").await;
    let messages = queue.receive_until(2).await;
    for message in &messages {
        if body(message) == "deleted" {
            queue.delete(message).await;
        } else {
            queue.hide_for(message, 0).await;
        }
    }
    let (aws, queue) = restarted(aws, queue).await;
    queue.assert_counters(&aws, 1, 0, 0).await;
    let message = queue.receive_one().await;
    assert_eq!((body(&message), message.message_id()), ("도넛", sent.message_id()));
    assert_eq!(system_attribute(&message, System::ApproximateReceiveCount), "2");
}

#[tokio::test]
async fn a_message_in_flight_stays_in_flight_over_a_restart_and_its_handle_deletes_it() {
    let aws = Endpoint::embedded(Embedded::start(BrokerOptions::default()).await);
    let queue = aws.queue().await;
    queue.send("in flight").await;
    let message = queue.receive_one().await;
    let (aws, queue) = restarted(aws, queue).await;
    queue.assert_counters(&aws, 0, 1, 0).await;
    queue.sqs.delete_message().queue_url(&queue.url).receipt_handle(handle(&message)).send().await.expect("DeleteMessage");
    queue.assert_counters(&aws, 0, 0, 0).await;
}

#[tokio::test]
async fn a_visibility_timeout_and_a_delay_go_on_over_a_restart() {
    let aws = Endpoint::embedded(Embedded::start(BrokerOptions::default()).await);
    let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "4")]).await;
    queue.send("hidden").await;
    let start = Instant::now();
    queue.receive_one().await;
    aws.sqs.send_message().queue_url(&queue.url).message_body("delayed").delay_seconds(4).send().await.expect("SendMessage");
    let (aws, queue) = restarted(aws, queue).await;
    queue.assert_counters(&aws, 0, 1, 1).await;
    let mut bodies = queue.drain(2).await;
    bodies.sort();
    assert_eq!(bodies, ["delayed", "hidden"]);
    assert_took(start, Duration::from_secs(4), "a timeout and a delay of 4 s");
}

#[tokio::test]
async fn fifo_order_and_deduplication_survive_a_restart() {
    let aws = Endpoint::embedded(Embedded::start(BrokerOptions::default()).await);
    let queue = aws.fifo_queue().await;
    for text in ["done", "first", "second"] {
        queue.send_in_group("g", text).await;
    }
    let done = queue.receiving().max_number_of_messages(1).wait_time_seconds(5).send().await.expect("ReceiveMessage");
    queue.delete(&done.messages()[0]).await;
    let (_aws, queue) = restarted(aws, queue).await;
    queue.send_in_group("g", "done").await;
    queue.send_in_group("g", "third").await;
    assert_eq!(queue.drain(3).await, ["first", "second", "third"]);
    queue.assert_nothing_comes(1).await;
}

#[tokio::test]
async fn topics_subscriptions_and_redrive_survive_a_restart() {
    let aws = Endpoint::embedded(Embedded::start(BrokerOptions::default()).await);
    let (topic, dead_letters) = (aws.topic().await, aws.queue().await);
    let queue = aws.queue_redriving_to(&dead_letters, 1).await;
    let attributes = [("RawMessageDelivery", "true"), ("FilterPolicyScope", "MessageBody"), ("FilterPolicy", r#"{"edition":["donut"]}"#)];
    topic.subscribe(&queue, &attributes).await;
    let (aws, queue) = restarted(aws, queue).await;
    let topic = Topic { sns: aws.sns.clone(), ..topic };
    topic.publish(r#"{"edition":"shop"}"#).await;
    topic.publish(r#"{"edition":"donut"}"#).await;
    let message = queue.receive_one().await;
    assert_eq!(body(&message), r#"{"edition":"donut"}"#);
    queue.hide_for(&message, 0).await;
    queue.assert_nothing_comes(1).await;
    let dead_letters = Queue { sqs: aws.sqs.clone(), ..dead_letters };
    dead_letters.assert_counters(&aws, 1, 0, 0).await;
}

/// Starts a long poll of a queue over a connection that then breaks.
async fn abandon_a_poll(aws: &Endpoint, queue: &Queue) {
    let client = aws.another_sqs_client();
    let url = queue.url.clone();
    let poll = tokio::spawn(async move { client.receive_message().queue_url(url).wait_time_seconds(20).send().await });
    let polling = until("one long poll under way", DEADLINE, async || aws.activity(), |seen| seen.long_polls == 1).await;
    poll.abort();
    assert!(poll.await.expect_err("the poll had nothing to bring").is_cancelled());
    // The broken connection has to reach the broker before the message does.
    until("the end of its connection", DEADLINE, async || aws.activity(), |seen| seen.connections < polling.connections).await;
}

/// The same queue after the broker's restart, which gives it another address.
async fn restarted(aws: Endpoint, queue: Queue) -> (Endpoint, Queue) {
    let aws = Endpoint::embedded(aws.into_embedded().restart(BrokerOptions::default()).await);
    let queue = Queue { sqs: aws.sqs.clone(), ..queue };
    (aws, queue)
}
