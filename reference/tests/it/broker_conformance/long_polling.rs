//! Long polls: how long they wait, what wakes them, and whom.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::endpoint::on_the_endpoint;
use super::expectation::{assert_code, assert_prompt, assert_took, refusal};
use super::queue::{Queue, bodies, body};

/// Long enough for a poll that was just started to have reached the endpoint; a poll that had not would only make the test easier.
const POLL_ARRIVES: Duration = Duration::from_millis(300);
/// "Milliseconds" for the best of several wake-ups on two busy cores, on top of what a call takes there anyway.
const WAKE_UP: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_long_poll_of_an_empty_queue_waits_the_whole_time() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let start = Instant::now();
        queue.assert_nothing_comes(2).await;
        assert_took(start, Duration::from_secs(2), "a poll of 2 s");
    })
    .await;
}

#[tokio::test]
async fn a_poll_that_does_not_say_how_long_waits_as_long_as_its_queue_says() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::ReceiveMessageWaitTimeSeconds, "1")]).await;
        let start = Instant::now();
        let silent = aws.sqs.receive_message().queue_url(&queue.url).send().await.expect("ReceiveMessage");
        assert!(silent.messages().is_empty());
        assert_took(start, Duration::from_secs(1), "a poll of a queue with a default of 1 s");
    })
    .await;
}

#[tokio::test]
async fn the_polls_own_waiting_time_precedes_the_queues() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::ReceiveMessageWaitTimeSeconds, "10")]).await;
        let start = Instant::now();
        queue.assert_nothing_comes(0).await;
        assert_prompt(start, "a poll of 0 s");
        let start = Instant::now();
        queue.assert_nothing_comes(1).await;
        assert_took(start, Duration::from_secs(1), "a poll of 1 s");
    })
    .await;
}

#[tokio::test]
async fn a_waiting_time_above_twenty_seconds_is_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for seconds in [21, -1] {
            let answer = queue.receiving().wait_time_seconds(seconds).send().await;
            assert_code(&refusal(answer, &format!("a poll of {seconds} s")), &["InvalidParameterValue"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_send_wakes_a_waiting_poll_within_milliseconds() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let (mut fastest_wake_up, mut fastest_call) = (Duration::MAX, Duration::MAX);
        for round in 0..6 {
            let poll = tokio::spawn(received_at(queue.clone(), 10));
            tokio::time::sleep(POLL_ARRIVES).await;
            let start = Instant::now();
            queue.send(&format!("round {round}")).await;
            fastest_call = fastest_call.min(start.elapsed());
            let (text, arrived) = poll.await.expect("the poll does not panic").expect("the poll brings the message");
            assert_eq!(text, format!("round {round}"));
            fastest_wake_up = fastest_wake_up.min(arrived - start);
        }
        let limit = WAKE_UP + 3 * fastest_call;
        assert!(fastest_wake_up < limit, "the fastest of 6 wake-ups took {fastest_wake_up:?}, not below {limit:?}");
    })
    .await;
}

#[tokio::test]
async fn a_publication_wakes_a_waiting_poll_of_a_subscribed_queue() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe_raw(&queue).await;
        let poll = tokio::spawn(received_at(queue.clone(), 15));
        tokio::time::sleep(POLL_ARRIVES).await;
        let start = Instant::now();
        topic.publish("news").await;
        let (text, _) = poll.await.expect("the poll does not panic").expect("the poll brings the message");
        assert_eq!(text, "news");
        assert_prompt(start, "waking after a publication");
    })
    .await;
}

#[tokio::test]
async fn a_hundred_waiting_polls_do_not_keep_other_callers_waiting() {
    on_the_endpoint(async |aws| {
        let (crowded, busy) = (aws.queue().await, aws.queue().await);
        let polls: Vec<_> = (0..100).map(|_| tokio::spawn(received_at(crowded.clone(), 8))).collect();
        tokio::time::sleep(POLL_ARRIVES).await;
        let start = Instant::now();
        busy.send("passes").await;
        assert_eq!(busy.drain(1).await, ["passes"]);
        assert_prompt(start, "sending, receiving and deleting beside a hundred polls");
        crowded.send("for one of the hundred").await;
        let ends: Vec<_> = join_all(polls).await.into_iter().filter_map(|poll| poll.expect("no poll panics")).collect();
        assert_eq!(ends.len(), 1, "{ends:?}");
    })
    .await;
}

#[tokio::test]
async fn one_message_wakes_exactly_one_of_the_waiting_polls() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let start = Instant::now();
        let polls: Vec<_> = (0..4).map(|_| tokio::spawn(received_at(queue.clone(), 5))).collect();
        tokio::time::sleep(POLL_ARRIVES).await;
        queue.send("for one of you").await;
        let ends: Vec<_> = join_all(polls).await.into_iter().map(|poll| poll.expect("no poll panics")).collect();
        assert_eq!(ends.iter().flatten().count(), 1, "{ends:?}");
        assert_took(start, Duration::from_secs(5), "the polls that got nothing");
    })
    .await;
}

#[tokio::test]
async fn three_messages_wake_three_of_four_waiting_polls() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let polls: Vec<_> = (0..4).map(|_| tokio::spawn(received_at(queue.clone(), 5))).collect();
        tokio::time::sleep(POLL_ARRIVES).await;
        for number in 0..3 {
            queue.send(&format!("message {number}")).await;
        }
        let ends: Vec<_> = join_all(polls).await.into_iter().filter_map(|poll| poll.expect("no poll panics")).collect();
        let mut texts: Vec<_> = ends.into_iter().map(|(text, _)| text).collect();
        texts.sort();
        assert_eq!(texts, ["message 0", "message 1", "message 2"]);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_may_not_be_had_yet_does_not_end_a_poll() {
    on_the_endpoint(async |aws| {
        let (queue, fifo) = (aws.queue().await, aws.fifo_queue().await);
        fifo.send_in_group("g", "in flight").await;
        assert_eq!(bodies(&fifo.receive(5).await), ["in flight"]);
        let start = Instant::now();
        let polls = [queue.clone(), fifo.clone()].map(|queue| tokio::spawn(received_at(queue, 2)));
        tokio::time::sleep(POLL_ARRIVES).await;
        aws.sqs.send_message().queue_url(&queue.url).message_body("later").delay_seconds(60).send().await.expect("SendMessage");
        fifo.send_in_group("g", "behind a locked group").await;
        for poll in join_all(polls).await {
            assert_eq!(poll.expect("no poll panics"), None);
        }
        assert_took(start, Duration::from_secs(2), "polls of 2 s");
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_delay_wakes_a_waiting_poll() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let start = Instant::now();
        aws.sqs.send_message().queue_url(&queue.url).message_body("later").delay_seconds(2).send().await.expect("SendMessage");
        let (text, _) = received_at(queue, 15).await.expect("the poll brings the message");
        assert_eq!(text, "later");
        assert_took(start, Duration::from_secs(2), "a delay of 2 s");
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_visibility_timeout_wakes_a_waiting_poll() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "2")]).await;
        queue.send("again").await;
        let start = Instant::now();
        queue.receive_one().await;
        let (text, _) = received_at(queue, 15).await.expect("the poll brings the message");
        assert_eq!(text, "again");
        assert_took(start, Duration::from_secs(2), "a visibility timeout of 2 s");
    })
    .await;
}

#[tokio::test]
async fn making_a_message_visible_wakes_a_waiting_poll() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        queue.send("again").await;
        let message = queue.receive_one().await;
        let poll = tokio::spawn(received_at(queue.clone(), 15));
        tokio::time::sleep(POLL_ARRIVES).await;
        assert!(!poll.is_finished(), "the message is in flight");
        let start = Instant::now();
        queue.hide_for(&message, 0).await;
        let (text, _) = poll.await.expect("the poll does not panic").expect("the poll brings the message");
        assert_eq!(text, "again");
        assert_prompt(start, "waking after ChangeMessageVisibility(0)");
    })
    .await;
}

/// AWS lets an abandoned poll swallow a message until its visibility timeout; it may never lose one.
#[tokio::test]
async fn a_message_taken_by_an_abandoned_poll_comes_back_after_its_visibility_timeout() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "2")]).await;
        // A client of its own: its connection ends with the poll.
        let client = aws.another_sqs_client();
        let url = queue.url.clone();
        let poll = tokio::spawn(async move { client.receive_message().queue_url(url).wait_time_seconds(20).send().await });
        tokio::time::sleep(POLL_ARRIVES).await;
        poll.abort();
        assert!(poll.await.expect_err("the poll had nothing to bring").is_cancelled());
        let start = Instant::now();
        queue.send("not lost").await;
        assert_eq!(queue.drain(1).await, ["not lost"]);
        assert_prompt(start, "the return of a swallowed message");
    })
    .await;
}

/// The text of the one message that a poll brings, and when.
async fn received_at(queue: Queue, wait_seconds: i32) -> Option<(String, Instant)> {
    let answer = queue.receiving().max_number_of_messages(1).wait_time_seconds(wait_seconds).send().await.expect("ReceiveMessage");
    answer.messages().first().map(|message| (body(message).to_owned(), Instant::now()))
}
