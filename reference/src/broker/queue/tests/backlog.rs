//! The cost of an operation does not depend on how many messages are queued.
//!
//! Times are compared as ratios of medians within one run: a scan would cost a hundred times as much at a hundred times the backlog.

use tokio::time::Instant;

use super::*;

const FEW: usize = 500;
/// Two more levels of a tree and colder caches cost something; a scan costs a factor of a hundred or more.
const MOST_RATIO: u32 = 20;

/// The median time of one send, receive, visibility change and delete, with so many messages queued.
async fn median_cycle(queue: &Arc<Queue>, next: &mut usize, backlog: usize, message: impl Fn(usize) -> Draft) -> Duration {
    while *next < backlog {
        queue.send(message(*next)).unwrap();
        *next += 1;
    }
    let mut times = Vec::new();
    for _ in 0..501 {
        let start = Instant::now();
        queue.send(message(*next)).unwrap();
        *next += 1;
        let received = take(queue, 1).await.remove(0);
        queue.change_visibility(&received.receipt_handle, Duration::from_secs(60)).unwrap();
        queue.delete(&received.receipt_handle).unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

async fn assert_flat(queue: &Arc<Queue>, many: usize, message: impl Fn(usize) -> Draft) {
    let mut next = 0;
    let at_few = median_cycle(queue, &mut next, FEW, &message).await;
    let at_many = median_cycle(queue, &mut next, many, &message).await;
    assert!(at_many < at_few * MOST_RATIO, "one cycle takes {at_few:?} at {FEW} messages and {at_many:?} at {many}");
}

#[tokio::test]
async fn a_standard_queue_is_flat() {
    assert_flat(&queue("orders", &[]), 200_000, |number| draft(&number.to_string())).await;
}

#[tokio::test]
async fn a_fifo_queue_is_flat_with_one_group_and_with_a_group_for_each() {
    assert_flat(&queue("one.fifo", &[]), 50_000, |number| in_group(&number.to_string(), "g")).await;
    assert_flat(&queue("many.fifo", &[]), 50_000, |number| in_group("x", &number.to_string())).await;
}

#[tokio::test]
async fn messages_that_wait_for_their_delay_do_not_slow_the_others() {
    // Each third message is delayed for so long that it stays queued.
    let delayed = |number: usize| Draft { delay_seconds: (number.is_multiple_of(3)).then_some(900), ..draft(&number.to_string()) };
    let queue = queue("delayed", &[]);
    assert_flat(&queue, 50_000, delayed).await;
    let (_, _, still_delayed) = counts(&queue);
    assert!(still_delayed > 50_000 / 4);
}
