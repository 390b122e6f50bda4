//! Standard queues.

use tokio::time::{Instant, advance};

use super::*;
use crate::broker::queue::moving::Moved;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_received_message_is_invisible_until_its_timeout_and_gone_when_deleted() {
    let queue = queue("orders", &[("VisibilityTimeout", "30")]);
    send(&queue, "a");
    assert_eq!(counts(&queue), (1, 0, 0));
    let first = take(&queue, 10).await;
    assert_eq!((bodies(&first), counts(&queue)), (vec!["a"], (0, 1, 0)));
    advance(SECOND * 30 - Duration::from_millis(1)).await;
    assert!(take(&queue, 10).await.is_empty());
    advance(Duration::from_millis(1)).await;
    let second = take(&queue, 10).await;
    assert_eq!(second[0].receive_count, 2);
    assert_eq!(second[0].first_received_at, first[0].first_received_at);
    queue.delete(&first[0].receipt_handle).unwrap();
    assert_eq!(counts(&queue), (0, 1, 0), "an old handle deletes nothing");
    queue.delete(&second[0].receipt_handle).unwrap();
    assert_eq!(counts(&queue), (0, 0, 0));
    queue.delete(&second[0].receipt_handle).unwrap();
}

#[tokio::test(start_paused = true)]
async fn visibility_is_changed_from_now_on_and_only_by_who_holds_the_message() {
    let queue = queue("orders", &[("VisibilityTimeout", "10")]);
    send(&queue, "a");
    let held = take(&queue, 1).await.remove(0);
    advance(SECOND * 9).await;
    queue.change_visibility(&held.receipt_handle, SECOND * 10).unwrap();
    advance(SECOND * 9).await;
    assert_eq!(counts(&queue), (0, 1, 0));
    advance(SECOND).await;
    assert_eq!(queue.change_visibility(&held.receipt_handle, SECOND), Err(Refusal::MessageNotInflight));
    let again = take(&queue, 1).await.remove(0);
    assert_eq!(queue.change_visibility(&held.receipt_handle, SECOND), Err(Refusal::MessageNotInflight), "superseded");
    queue.change_visibility(&again.receipt_handle, Duration::ZERO).unwrap();
    assert_eq!(counts(&queue), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_waits_its_full_time_and_no_longer() {
    let queue = queue("orders", &[]);
    let start = Instant::now();
    assert!(wait_for_one(&queue, SECOND * 20).await.unwrap().is_none());
    assert_eq!(start.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_wakes_when_a_delay_or_a_visibility_timeout_ends() {
    let queue = queue("orders", &[("VisibilityTimeout", "5")]);
    queue.send(Draft { delay_seconds: Some(3), ..draft("a") }).unwrap();
    assert_eq!(counts(&queue), (0, 0, 1));
    let start = Instant::now();
    assert!(wait_for_one(&queue, SECOND * 20).await.unwrap().is_some());
    assert_eq!(start.elapsed().as_secs(), 3);
    assert!(wait_for_one(&queue, SECOND * 20).await.unwrap().is_some());
    assert_eq!(start.elapsed().as_secs(), 8);
    // A nearer end than the one that the timer sleeps towards.
    queue.send(Draft { delay_seconds: Some(2), ..draft("b") }).unwrap();
    assert_eq!(&*wait_for_one(&queue, SECOND * 20).await.unwrap().unwrap().payload.body, "b");
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn each_message_wakes_one_waiter() {
    let queue = queue("orders", &[]);
    let waiters: Vec<_> = (0..10)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { wait_for_one(&queue, SECOND * 10).await.unwrap() })
        })
        .collect();
    advance(SECOND).await;
    for body in ["a", "b", "c"] {
        send(&queue, body);
    }
    let mut served = 0;
    for waiter in waiters {
        served += usize::from(waiter.await.unwrap().is_some());
    }
    assert_eq!((served, counts(&queue)), (3, (0, 3, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_is_dropped_hands_its_wake_up_on() {
    let queue = queue("orders", &[]);
    let poll = |queue: &Arc<Queue>| {
        let queue = Arc::clone(queue);
        tokio::spawn(async move { wait_for_one(&queue, SECOND * 10).await.unwrap() })
    };
    let (first, second) = (poll(&queue), poll(&queue));
    advance(SECOND).await;
    send(&queue, "a");
    first.abort();
    let start = Instant::now();
    let swallowed = first.await.is_ok_and(|received| received.is_some());
    assert!(swallowed || second.await.unwrap().is_some());
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_queue_tells_its_waiters() {
    let queue = queue("orders", &[]);
    let waiting = Arc::clone(&queue);
    let waiter = tokio::spawn(async move { wait_for_one(&waiting, SECOND * 20).await });
    advance(SECOND).await;
    queue.close();
    assert_eq!(waiter.await.unwrap().unwrap_err(), Refusal::QueueDoesNotExist);
    assert_eq!(queue.send(draft("late")).unwrap_err(), Refusal::QueueDoesNotExist);
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_to_the_dead_letter_queue_at_the_receive_after_the_last_allowed() {
    let dead = queue("dead", &[]);
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":2}"#;
    let queue = queue("orders", &[("RedrivePolicy", policy)]);
    let grave = Arc::clone(&dead);
    let find = move |name: &str| (name == "dead").then(|| Arc::clone(&grave));
    let request = Receive { max_messages: 10, visibility_timeout: Some(Duration::ZERO), wait: Some(Duration::ZERO) };
    let shutdown = CancellationToken::new();
    let sent = send(&queue, "poison");
    for count in 1..=2 {
        let received = queue.receive(&request, &find, &shutdown).await.unwrap();
        assert_eq!(received[0].receive_count, count);
    }
    send(&queue, "sound");
    assert_eq!(counts(&dead), (0, 0, 0), "the last allowed receive does not move");
    let received = queue.receive(&request, &find, &shutdown).await.unwrap();
    assert_eq!(bodies(&received), ["sound"], "the receive that buries goes on to what is sound");
    let buried = take(&dead, 1).await.remove(0);
    assert_eq!(buried.payload.message_id, sent.message_id);
    assert_eq!(buried.payload.dead_letter_source.as_deref(), Some(&*queue.arn));
    queue.purge();
    assert_eq!(dead.move_to(&queue, 10, None), Moved::Drained, "what is in flight is not moved");
    advance(SECOND * 30).await;
    assert_eq!(dead.move_to(&queue, 10, Some(&queue.arn)), Moved::Some(1));
    assert_ne!(take(&queue, 1).await[0].payload.message_id, sent.message_id);
}

#[tokio::test(start_paused = true)]
async fn without_its_dead_letter_queue_a_message_stays() {
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:gone","maxReceiveCount":1}"#;
    let queue = queue("orders", &[("RedrivePolicy", policy), ("VisibilityTimeout", "0")]);
    send(&queue, "a");
    for count in 1..5 {
        assert_eq!(take(&queue, 1).await[0].receive_count, count);
    }
}

#[tokio::test(start_paused = true)]
async fn messages_are_forgotten_when_their_retention_ends() {
    let queue = queue("orders", &[("MessageRetentionPeriod", "60")]);
    send(&queue, "visible");
    queue.send(Draft { delay_seconds: Some(300), ..draft("delayed") }).unwrap();
    take(&queue, 1).await;
    advance(SECOND * 59).await;
    send(&queue, "younger");
    assert_eq!(counts(&queue), (2, 0, 1));
    advance(SECOND).await;
    assert_eq!(counts(&queue), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_purged_queue_is_empty_and_old_handles_are_harmless() {
    let queue = queue("orders", &[]);
    for body in ["a", "b"] {
        send(&queue, body);
    }
    let held = take(&queue, 1).await.remove(0);
    queue.purge();
    assert_eq!(counts(&queue), (0, 0, 0));
    send(&queue, "c");
    queue.delete(&held.receipt_handle).unwrap();
    assert_eq!(bodies(&take(&queue, 10).await), ["c"]);
}

#[tokio::test(start_paused = true)]
async fn an_unruly_queue_doubles_reorders_and_pretends_but_loses_nothing() {
    let unruly = Unruly { duplicate_share: 0.5, reorder_share: 0.5, empty_receive_share: 0.5 };
    let queue = unruly_queue("orders", &[], unruly);
    for number in 0..100 {
        send(&queue, &number.to_string());
    }
    let (mut empty, mut order) = (0, Vec::new());
    while counts(&queue).0 > 0 {
        let received = take(&queue, 1).await;
        empty += usize::from(received.is_empty());
        for message in received {
            queue.delete(&message.receipt_handle).unwrap();
            order.push(message.payload.body.parse::<u32>().unwrap());
        }
    }
    assert!(empty > 10, "{empty} empty answers");
    assert!(order.len() > 120, "{} deliveries", order.len());
    assert!(!order.is_sorted());
    order.sort_unstable();
    order.dedup();
    assert_eq!(order, (0..100).collect::<Vec<_>>());
}
