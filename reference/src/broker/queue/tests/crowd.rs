//! Many senders and receivers at once, on several threads: nothing is lost, doubled, out of order, or waited for in vain.

use std::collections::{BTreeMap, BTreeSet};

use tokio::{task::JoinSet, time::Instant};

use super::*;

const SENDERS: usize = 8;
const RECEIVERS: usize = 8;
const PER_SENDER: usize = 400;
const ALL: usize = SENDERS * PER_SENDER;
/// Receivers poll for 20 s. Ending before one such poll could have run out shows that every wake-up reached somebody.
const LIMIT: Duration = Duration::from_secs(20);

/// Receives until all have been deleted; each third receive gives its messages back first. Returns bodies in the order of deletion.
async fn receive_all(queue: Arc<Queue>, done: CancellationToken, deleted: Arc<AtomicU32>) -> Vec<String> {
    let request = Receive { max_messages: 3, visibility_timeout: None, wait: Some(LIMIT) };
    let mut bodies = Vec::new();
    while !done.is_cancelled() {
        for received in queue.receive(&request, &nowhere, &done).await.unwrap() {
            if received.receive_count == 1 && received.payload.body.ends_with('3') {
                // In a FIFO queue, what came with it in the same receive overtakes it: it is in flight already.
                queue.change_visibility(&received.receipt_handle, Duration::ZERO).unwrap();
                continue;
            }
            queue.delete(&received.receipt_handle).unwrap();
            bodies.push(received.payload.body.to_string());
            if deleted.fetch_add(1, Ordering::SeqCst) + 1 == ALL as u32 {
                done.cancel();
            }
        }
    }
    bodies
}

/// Runs the crowd; returns what each receiver deleted.
async fn crowd(queue: &Arc<Queue>, message: fn(usize, usize) -> Draft) -> Vec<Vec<String>> {
    let (done, deleted, start) = (CancellationToken::new(), Arc::new(AtomicU32::new(0)), Instant::now());
    let mut receivers = JoinSet::new();
    for _ in 0..RECEIVERS {
        receivers.spawn(receive_all(Arc::clone(queue), done.clone(), Arc::clone(&deleted)));
    }
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let queue = Arc::clone(queue);
        senders.spawn(async move {
            for number in 0..PER_SENDER {
                queue.send(message(sender, number)).unwrap();
                // Receivers that keep up have to be woken again and again.
                tokio::task::yield_now().await;
            }
        });
    }
    senders.join_all().await;
    let deleted = receivers.join_all().await;
    assert!(start.elapsed() < LIMIT, "somebody was not woken");
    assert_eq!(counts(queue), (0, 0, 0));
    deleted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_standard_queue_serves_each_message_once() {
    let bodies = crowd(&queue("orders", &[]), |sender, number| draft(&format!("{sender}-{number}"))).await.concat();
    assert_eq!((bodies.len(), bodies.iter().collect::<BTreeSet<_>>().len()), (ALL, ALL));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fifo_queue_serves_each_message_once_and_groups_are_never_shared() {
    let queue = queue("orders.fifo", &[]);
    // One group for each sender; within one receiver's deletions, a group's numbers rise except for those given back.
    let deleted = crowd(&queue, |sender, number| in_group(&format!("{sender}-{number}"), &sender.to_string())).await;
    let bodies = deleted.concat();
    assert_eq!((bodies.len(), bodies.iter().collect::<BTreeSet<_>>().len()), (ALL, ALL));
    for bodies in deleted {
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        for body in bodies.iter().filter(|body| !body.ends_with('3')) {
            let (group, number) = body.split_once('-').unwrap();
            let number = number.parse().unwrap();
            assert!(last.insert(group, number).is_none_or(|before| before < number), "group {group}: {number} came late");
        }
    }
}
