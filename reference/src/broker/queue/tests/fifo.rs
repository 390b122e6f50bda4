//! FIFO queues.

use tokio::time::{Instant, advance};

use super::*;
use crate::broker::queue::deduplication::WINDOW;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_group_is_in_order_and_locked_while_in_flight() {
    let queue = queue("orders.fifo", &[]);
    for (body, group) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")] {
        queue.send(in_group(body, group)).unwrap();
    }
    let first = take(&queue, 2).await;
    assert_eq!(bodies(&first), ["a1", "a2"]);
    assert_eq!(bodies(&take(&queue, 10).await), ["b1"]);
    queue.delete(&first[0].receipt_handle).unwrap();
    assert!(take(&queue, 10).await.is_empty(), "one of the group is still in flight");
    queue.delete(&first[1].receipt_handle).unwrap();
    assert_eq!(bodies(&take(&queue, 10).await), ["a3"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_comes_before_what_came_later() {
    let queue = queue("orders.fifo", &[("VisibilityTimeout", "10")]);
    for body in ["1", "2"] {
        queue.send(in_group(body, "g")).unwrap();
    }
    let held = take(&queue, 1).await.remove(0);
    advance(SECOND * 10).await;
    assert_eq!(bodies(&take(&queue, 2).await), ["1", "2"]);
    let refusal = queue.delete(&held.receipt_handle).unwrap_err();
    assert!(refusal.to_string().contains("expired"), "{refusal}");
    assert!(queue.change_visibility(&held.receipt_handle, SECOND).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_wakes_when_its_group_is_unlocked() {
    let queue = queue("orders.fifo", &[]);
    for body in ["1", "2"] {
        queue.send(in_group(body, "g")).unwrap();
    }
    let held = take(&queue, 1).await.remove(0);
    let waiting = Arc::clone(&queue);
    let waiter = tokio::spawn(async move { wait_for_one(&waiting, SECOND * 20).await.unwrap().unwrap() });
    advance(SECOND * 2).await;
    let start = Instant::now();
    queue.delete(&held.receipt_handle).unwrap();
    assert_eq!(&*waiter.await.unwrap().payload.body, "2");
    assert!(start.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn an_id_is_accepted_again_and_delivered_once_within_five_minutes() {
    let queue = queue("orders.fifo", &[]);
    let first = queue.send(in_group("1", "g")).unwrap();
    let held = take(&queue, 1).await.remove(0);
    queue.delete(&held.receipt_handle).unwrap();
    advance(WINDOW - SECOND).await;
    let again = queue.send(in_group("1", "g")).unwrap();
    assert_eq!((again.message_id, again.sequence), (first.message_id, first.sequence));
    assert_eq!(counts(&queue), (0, 0, 0));
    advance(SECOND).await;
    let later = queue.send(in_group("1", "g")).unwrap();
    assert!(later.sequence > first.sequence);
    assert_eq!(counts(&queue), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn content_and_scope_decide_what_is_the_same() {
    let by_content = queue("content.fifo", &[("ContentBasedDeduplication", "true")]);
    for body in ["same", "same", "other"] {
        by_content.send(Draft { group: Some("g".to_owned()), ..draft(body) }).unwrap();
    }
    assert_eq!(counts(&by_content), (2, 0, 0));
    let per_group = queue("groups.fifo", &[("DeduplicationScope", "messageGroup"), ("ContentBasedDeduplication", "true")]);
    for group in ["a", "b", "a"] {
        per_group.send(Draft { group: Some(group.to_owned()), ..draft("same") }).unwrap();
    }
    assert_eq!(counts(&per_group), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn fields_that_a_fifo_queue_needs_or_refuses() {
    let queue = queue("orders.fifo", &[]);
    assert_eq!(queue.send(draft("x")).unwrap_err(), Refusal::MissingParameter("MessageGroupId"));
    assert!(queue.send(Draft { group: Some("g".to_owned()), ..draft("x") }).is_err(), "no deduplication id");
    assert!(queue.send(Draft { delay_seconds: Some(1), ..in_group("x", "g") }).is_err(), "a delay of its own");
    assert!(queue.send(Draft { group: Some("two words".to_owned()), ..in_group("x", "g") }).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_queue_keeps_its_order() {
    let queue = queue("orders.fifo", &[("DelaySeconds", "5")]);
    queue.send(in_group("1", "g")).unwrap();
    advance(SECOND * 2).await;
    queue.send(in_group("2", "g")).unwrap();
    let start = Instant::now();
    assert_eq!(&*wait_for_one(&queue, SECOND * 20).await.unwrap().unwrap().payload.body, "1");
    assert_eq!(start.elapsed().as_secs(), 3);
}
