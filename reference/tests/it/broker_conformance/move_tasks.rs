//! Message move tasks: dead letters go back to their source, or to a queue of one's choice.

use std::time::Duration;

use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry;
use tokio::time::Instant;

use super::endpoint::{Endpoint, on_the_endpoint};
use super::expectation::{assert_code, refusal};
use super::queue::Queue;

/// Longest a task may take for the few messages of a test.
const TASK_LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_move_task_takes_dead_letters_back_to_their_source() {
    on_the_endpoint(async |aws| {
        let (queue, dead_letters) = queue_with_dead_letters(aws, 5).await;
        let started = aws.sqs.start_message_move_task().source_arn(&dead_letters.arn).send().await.expect("StartMessageMoveTask");
        assert!(started.task_handle().is_some_and(|handle| !handle.is_empty()));
        let mut bodies = queue.drain(5).await;
        bodies.sort();
        assert_eq!(bodies, ["poison 0", "poison 1", "poison 2", "poison 3", "poison 4"]);
        dead_letters.assert_counters(aws, 0, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_move_task_takes_dead_letters_to_a_named_queue() {
    on_the_endpoint(async |aws| {
        let (queue, dead_letters) = queue_with_dead_letters(aws, 3).await;
        let other = aws.queue().await;
        let request = aws.sqs.start_message_move_task().source_arn(&dead_letters.arn).destination_arn(&other.arn);
        request.send().await.expect("StartMessageMoveTask");
        let mut bodies = other.drain(3).await;
        bodies.sort();
        assert_eq!(bodies, ["poison 0", "poison 1", "poison 2"]);
        queue.assert_counters(aws, 0, 0, 0).await;
        dead_letters.assert_counters(aws, 0, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn moved_messages_wake_a_poll_of_their_destination() {
    on_the_endpoint(async |aws| {
        let (queue, dead_letters) = queue_with_dead_letters(aws, 1).await;
        let waiting = queue.clone();
        let poll = tokio::spawn(async move { waiting.receive(20).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let start = Instant::now();
        aws.sqs.start_message_move_task().source_arn(&dead_letters.arn).send().await.expect("StartMessageMoveTask");
        assert_eq!(poll.await.expect("the poll does not panic").len(), 1);
        super::expectation::assert_prompt(start, "waking the poll of the destination");
    })
    .await;
}

#[tokio::test]
async fn a_finished_move_task_is_listed_with_what_it_moved() {
    on_the_endpoint(async |aws| {
        let (queue, dead_letters) = queue_with_dead_letters(aws, 4).await;
        aws.sqs.start_message_move_task().source_arn(&dead_letters.arn).send().await.expect("StartMessageMoveTask");
        let task = task_once(aws, &dead_letters, &["COMPLETED"]).await;
        assert_eq!(task.approximate_number_of_messages_moved(), 4);
        assert_eq!(task.source_arn(), Some(dead_letters.arn.as_str()));
        assert!(task.started_timestamp() > 0);
        queue.assert_counters(aws, 4, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_move_task_leaves_the_rest_where_it_was() {
    on_the_endpoint(async |aws| {
        let (queue, dead_letters) = queue_with_dead_letters(aws, 12).await;
        let request = aws.sqs.start_message_move_task().source_arn(&dead_letters.arn).max_number_of_messages_per_second(1);
        let handle = request.send().await.expect("StartMessageMoveTask").task_handle.expect("a task has a handle");
        let running = task_once(aws, &dead_letters, &["RUNNING"]).await;
        assert_eq!(running.max_number_of_messages_per_second(), Some(1));
        aws.sqs.cancel_message_move_task().task_handle(handle).send().await.expect("CancelMessageMoveTask");
        let task = task_once(aws, &dead_letters, &["CANCELLED"]).await;
        let (left, back) = (dead_letters.counters().await.visible, queue.counters().await.visible);
        assert!(left > 0, "a message a second: twelve cannot all have moved by now ({task:?})");
        assert_eq!(left + back, 12, "each message is in one of the two queues");
    })
    .await;
}

#[tokio::test]
async fn one_queue_has_one_running_move_task() {
    on_the_endpoint(async |aws| {
        let (_queue, dead_letters) = queue_with_dead_letters(aws, 12).await;
        let starting = || aws.sqs.start_message_move_task().source_arn(&dead_letters.arn).max_number_of_messages_per_second(1).send();
        let handle = starting().await.expect("StartMessageMoveTask").task_handle.expect("a task has a handle");
        refusal(starting().await, "a second move task for the same queue");
        aws.sqs.cancel_message_move_task().task_handle(handle).send().await.expect("CancelMessageMoveTask");
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_is_nobodys_dead_letter_queue_has_nothing_to_move() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        refusal(aws.sqs.start_message_move_task().source_arn(&queue.arn).send().await, "moving from an ordinary queue");
    })
    .await;
}

#[tokio::test]
async fn a_move_task_from_or_to_a_queue_that_does_not_exist_is_refused() {
    on_the_endpoint(async |aws| {
        let (_queue, dead_letters) = queue_with_dead_letters(aws, 1).await;
        let nowhere = format!("{}-nowhere", dead_letters.arn);
        let error = refusal(aws.sqs.start_message_move_task().source_arn(&nowhere).send().await, "moving from nowhere");
        assert_code(&error, &["ResourceNotFoundException"]);
        let to = aws.sqs.start_message_move_task().source_arn(&dead_letters.arn).destination_arn(&nowhere).send().await;
        assert_code(&refusal(to, "moving to nowhere"), &["ResourceNotFoundException"]);
        dead_letters.assert_counters(aws, 1, 0, 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_move_task_that_does_not_exist_cannot_be_cancelled() {
    on_the_endpoint(async |aws| {
        refusal(aws.sqs.cancel_message_move_task().task_handle("garbage").send().await, "cancelling a garbage task");
    })
    .await;
}

/// A queue and its dead-letter queue, in which `count` messages have ended.
async fn queue_with_dead_letters(aws: &Endpoint, count: usize) -> (Queue, Queue) {
    let dead_letters = aws.queue().await;
    let queue = aws.queue_redriving_to(&dead_letters, 1).await;
    for number in 0..count {
        queue.send(&format!("poison {number}")).await;
    }
    let deadline = Instant::now() + TASK_LIMIT;
    while dead_letters.counters().await.visible < u32::try_from(count).expect("tests use few messages") {
        assert!(Instant::now() < deadline, "the messages did not become dead letters");
        for message in queue.receive(1).await {
            queue.hide_for(&message, 0).await;
        }
    }
    (queue, dead_letters)
}

/// The latest task of a queue, once its status is one of these.
async fn task_once(aws: &Endpoint, source: &Queue, statuses: &[&str]) -> ListMessageMoveTasksResultEntry {
    let deadline = Instant::now() + TASK_LIMIT;
    loop {
        let listed = aws.sqs.list_message_move_tasks().source_arn(&source.arn).send().await.expect("ListMessageMoveTasks");
        let latest = listed.results().first().expect("a task that was started is listed");
        if latest.status().is_some_and(|status| statuses.contains(&status)) {
            return latest.clone();
        }
        assert!(Instant::now() < deadline, "the task is not {statuses:?}, but {latest:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
