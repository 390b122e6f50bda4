//! Queue attributes: their defaults, their bounds, and how they are read and changed.

use aws_sdk_sqs::types::QueueAttributeName as Name;
use tokio::time::Instant;

use super::endpoint::{on_the_endpoint, redrive_policy};
use super::expectation::{assert_between, assert_code, epoch_milliseconds, refusal};

#[tokio::test]
async fn a_queue_starts_with_the_documented_defaults() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let defaults = [
            (Name::VisibilityTimeout, "30"),
            (Name::DelaySeconds, "0"),
            (Name::ReceiveMessageWaitTimeSeconds, "0"),
            (Name::MessageRetentionPeriod, "345600"),
            (Name::MaximumMessageSize, "1048576"),
        ];
        for (name, expected) in defaults {
            assert_eq!(queue.attribute(name.clone()).await.as_deref(), Some(expected), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_queue_tells_when_it_was_made_and_changed() {
    on_the_endpoint(async |aws| {
        let before = epoch_milliseconds() / 1_000;
        let queue = aws.queue().await;
        let after = epoch_milliseconds() / 1_000;
        for name in [Name::CreatedTimestamp, Name::LastModifiedTimestamp] {
            let seconds = queue.attribute(name.clone()).await.expect("a timestamp");
            // In seconds, whatever AWS' milliseconds elsewhere: a queue is not a message.
            assert_between(&format!("{seconds}000"), &(before * 1_000..=after * 1_000), name.as_str());
        }
    })
    .await;
}

#[tokio::test]
async fn attributes_given_at_creation_are_the_queues() {
    on_the_endpoint(async |aws| {
        let given = [
            (Name::VisibilityTimeout, "11"),
            (Name::DelaySeconds, "12"),
            (Name::ReceiveMessageWaitTimeSeconds, "13"),
            (Name::MessageRetentionPeriod, "1234"),
            (Name::MaximumMessageSize, "2048"),
        ];
        let queue = aws.queue_with(&given).await;
        for (name, expected) in given {
            assert_eq!(queue.attribute(name.clone()).await.as_deref(), Some(expected), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_attributes_asked_for_are_answered() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let asked = aws.sqs.get_queue_attributes().queue_url(&queue.url).attribute_names(Name::VisibilityTimeout).send().await;
        let attributes = asked.expect("GetQueueAttributes").attributes.unwrap_or_default();
        assert_eq!(attributes.keys().collect::<Vec<_>>(), [&Name::VisibilityTimeout]);
        let unasked = aws.sqs.get_queue_attributes().queue_url(&queue.url).send().await.expect("GetQueueAttributes");
        assert!(unasked.attributes.unwrap_or_default().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_changed_attribute_is_seen_and_the_others_stay() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(Name::DelaySeconds, "3")]).await;
        queue.set(Name::VisibilityTimeout, "77").await;
        let deadline = Instant::now() + aws.settling();
        while queue.attribute(Name::VisibilityTimeout).await.as_deref() != Some("77") {
            assert!(Instant::now() < deadline, "the new visibility timeout is not seen");
        }
        assert_eq!(queue.attribute(Name::DelaySeconds).await.as_deref(), Some("3"));
    })
    .await;
}

#[tokio::test]
async fn attribute_values_outside_their_bounds_are_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let outside = [
            (Name::VisibilityTimeout, "43201"),
            (Name::VisibilityTimeout, "-1"),
            (Name::VisibilityTimeout, "soon"),
            (Name::DelaySeconds, "901"),
            (Name::ReceiveMessageWaitTimeSeconds, "21"),
            (Name::MessageRetentionPeriod, "59"),
            (Name::MessageRetentionPeriod, "1209601"),
            (Name::MaximumMessageSize, "1023"),
            (Name::MaximumMessageSize, "1048577"),
        ];
        for (name, value) in outside {
            let answer = aws.sqs.set_queue_attributes().queue_url(&queue.url).attributes(name.clone(), value).send().await;
            let error = refusal(answer, &format!("{name} = {value}"));
            assert_code(&error, &["InvalidAttributeValue", "InvalidParameterValue"]);
        }
    })
    .await;
}

#[tokio::test]
async fn an_attribute_that_does_not_exist_is_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let unknown = Name::from("Sweetness");
        let set = aws.sqs.set_queue_attributes().queue_url(&queue.url).attributes(unknown.clone(), "9").send().await;
        assert_code(&refusal(set, "setting an unknown attribute"), &["InvalidAttributeName"]);
        let asked = aws.sqs.get_queue_attributes().queue_url(&queue.url).attribute_names(unknown).send().await;
        assert_code(&refusal(asked, "asking for an unknown attribute"), &["InvalidAttributeName"]);
    })
    .await;
}

#[tokio::test]
async fn a_redrive_policy_is_answered_as_it_was_set_and_taken_off_by_an_empty_value() {
    on_the_endpoint(async |aws| {
        let dead_letters = aws.queue().await;
        let queue = aws.queue_redriving_to(&dead_letters, 5).await;
        let text = queue.attribute(Name::RedrivePolicy).await.expect("the redrive policy");
        let policy: serde_json::Value = serde_json::from_str(&text).expect("a redrive policy is JSON");
        assert_eq!(policy["deadLetterTargetArn"], dead_letters.arn.as_str());
        let count = &policy["maxReceiveCount"];
        assert!(count == 5 || count == "5", "maxReceiveCount is {count}");
        queue.set(Name::RedrivePolicy, "").await;
        let deadline = Instant::now() + aws.settling();
        while queue.attribute(Name::RedrivePolicy).await.is_some_and(|policy| !policy.is_empty()) {
            assert!(Instant::now() < deadline, "the redrive policy is still there");
        }
    })
    .await;
}

#[tokio::test]
async fn a_redrive_policy_must_name_an_existing_queue_and_a_count_of_1_to_1000() {
    on_the_endpoint(async |aws| {
        let (queue, dead_letters) = (aws.queue().await, aws.queue().await);
        let missing = format!("{}-missing", dead_letters.arn);
        let policies = [
            redrive_policy(&missing, 3),
            redrive_policy(&dead_letters.arn, 0),
            redrive_policy(&dead_letters.arn, 1_001),
            r#"{"maxReceiveCount":"3"}"#.to_owned(),
            format!(r#"{{"deadLetterTargetArn":"{}"}}"#, dead_letters.arn),
            "not JSON".to_owned(),
        ];
        for policy in policies {
            let answer = aws.sqs.set_queue_attributes().queue_url(&queue.url).attributes(Name::RedrivePolicy, &policy).send().await;
            refusal(answer, &format!("the redrive policy {policy}"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_queue_tells_whose_it_is() {
    on_the_endpoint(async |aws| {
        let dead_letters = aws.queue().await;
        let (first, second) = (aws.queue_redriving_to(&dead_letters, 2).await, aws.queue_redriving_to(&dead_letters, 9).await);
        let mut expected = vec![first.url, second.url];
        expected.sort();
        let deadline = Instant::now() + aws.settling();
        loop {
            let answer = aws.sqs.list_dead_letter_source_queues().queue_url(&dead_letters.url).send().await;
            let mut sources = answer.expect("ListDeadLetterSourceQueues").queue_urls;
            sources.sort();
            if sources == expected {
                break;
            }
            assert!(Instant::now() < deadline, "the sources of a dead-letter queue are {sources:?} instead of {expected:?}");
        }
    })
    .await;
}
