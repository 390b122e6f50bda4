//! Queues: made, found, listed, tagged, emptied and deleted.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use tokio::time::Instant;

use super::endpoint::{Endpoint, on_the_endpoint};
use super::expectation::{assert_code, refusal};

/// AWS keeps a deleted queue, and what a purge deletes, for up to a minute.
const REMOVAL_LIMIT: Duration = Duration::from_secs(50);

#[tokio::test]
async fn a_created_queue_is_found_by_its_name() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let found = aws.sqs.get_queue_url().queue_name(queue.name()).send().await.expect("GetQueueUrl");
        assert_eq!(found.queue_url(), Some(queue.url.as_str()));
    })
    .await;
}

/// Several SDKs call the queue's URL and not the endpoint they were given.
#[tokio::test]
async fn a_queues_own_path_takes_requests_too() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let (_, rest) = queue.url.split_once("://").expect("a URL has a scheme");
        let (_, path) = rest.split_once('/').expect("a queue's URL has a path");
        let client = aws.sqs_client_at(&format!("/{path}"));
        client.send_message().queue_url(&queue.url).message_body("x").send().await.expect("SendMessage to the queue's own path");
        assert_eq!(queue.drain(1).await, ["x"]);
    })
    .await;
}

#[tokio::test]
async fn a_queue_arn_names_region_account_and_queue() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let parts: Vec<&str> = queue.arn.split(':').collect();
        assert_eq!((parts.len(), parts[0], parts[2], parts[3], parts[5]), (6, "arn", "sqs", aws.region.as_str(), queue.name()));
        assert!(parts[4].len() == 12 && parts[4].bytes().all(|digit| digit.is_ascii_digit()), "the account of {}", queue.arn);
    })
    .await;
}

#[tokio::test]
async fn creating_a_queue_again_with_the_same_attributes_answers_with_the_same_queue() {
    on_the_endpoint(async |aws| {
        let attributes = [(QueueAttributeName::VisibilityTimeout, "7")];
        let name = aws.name("twice");
        let first = aws.named_queue(&name, &attributes).await;
        let second = aws.named_queue(&name, &attributes).await;
        assert_eq!(first.url, second.url);
    })
    .await;
}

#[tokio::test]
async fn creating_a_queue_again_with_other_attributes_is_refused() {
    on_the_endpoint(async |aws| {
        let name = aws.name("twice");
        let queue = aws.named_queue(&name, &[(QueueAttributeName::VisibilityTimeout, "7")]).await;
        let again = aws.sqs.create_queue().queue_name(&name).attributes(QueueAttributeName::VisibilityTimeout, "8").send().await;
        let error = refusal(again, "CreateQueue with another visibility timeout");
        assert!(error.is_queue_name_exists(), "{error:?}");
        assert_eq!(queue.attribute(QueueAttributeName::VisibilityTimeout).await.as_deref(), Some("7"), "the queue itself is untouched");
    })
    .await;
}

#[tokio::test]
async fn a_queue_name_is_letters_digits_hyphens_and_underscores_and_80_at_most() {
    on_the_endpoint(async |aws| {
        for name in ["with space", "with.dot", "한글", &"x".repeat(81), ""] {
            let answer = aws.sqs.create_queue().queue_name(name).send().await;
            refusal(answer, &format!("a queue named {name:?}"));
        }
        let longest = format!("{}_{}", aws.name("longest"), "x".repeat(80));
        aws.named_queue(&longest[..80], &[]).await.send("fits").await;
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_reported_as_such() {
    on_the_endpoint(async |aws| {
        let url = aws.url_of_no_queue().await;
        let name = url.rsplit('/').next().expect("a URL has a last part").to_owned();
        assert!(refusal(aws.sqs.get_queue_url().queue_name(name).send().await, "GetQueueUrl").is_queue_does_not_exist());
        assert!(refusal(aws.sqs.send_message().queue_url(&url).message_body("x").send().await, "SendMessage").is_queue_does_not_exist());
        assert!(refusal(aws.sqs.receive_message().queue_url(&url).send().await, "ReceiveMessage").is_queue_does_not_exist());
        let attributes = aws.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All).send().await;
        let error = refusal(attributes, "GetQueueAttributes");
        assert!(error.is_queue_does_not_exist(), "{error:?}");
        assert_code(&error, &["QueueDoesNotExist", "NonExistentQueue"]);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_queue_is_gone() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        aws.sqs.delete_queue().queue_url(&queue.url).send().await.expect("DeleteQueue");
        let deadline = Instant::now() + REMOVAL_LIMIT;
        loop {
            let answer = aws.sqs.get_queue_url().queue_name(queue.name()).send().await;
            if answer.is_err() {
                assert!(refusal(answer, "GetQueueUrl of a deleted queue").is_queue_does_not_exist());
                break;
            }
            assert!(Instant::now() < deadline, "{} is still there {REMOVAL_LIMIT:?} after DeleteQueue", queue.name());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn queues_are_listed_by_the_beginning_of_their_name() {
    on_the_endpoint(async |aws| {
        let prefix = aws.name("listed");
        let mut expected = Vec::new();
        for ending in ["a", "b", "c"] {
            expected.push(aws.named_queue(&format!("{prefix}-{ending}"), &[]).await.url);
        }
        aws.queue().await;
        let listed = listed_until(aws, &prefix, expected.len()).await;
        assert_eq!(listed, expected);
    })
    .await;
}

#[tokio::test]
async fn a_list_of_queues_continues_with_its_token() {
    on_the_endpoint(async |aws| {
        let prefix = aws.name("paged");
        let mut expected = Vec::new();
        for ending in 0..5 {
            expected.push(aws.named_queue(&format!("{prefix}-{ending}"), &[]).await.url);
        }
        listed_until(aws, &prefix, expected.len()).await;
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let request = aws.sqs.list_queues().queue_name_prefix(&prefix).max_results(2).set_next_token(token);
            let page = request.send().await.expect("ListQueues");
            assert!(page.queue_urls().len() <= 2, "a page of at most 2 has {}", page.queue_urls().len());
            found.extend_from_slice(page.queue_urls());
            token = page.next_token;
            if token.is_none() {
                break;
            }
            assert!(found.len() <= expected.len(), "pages without an end: {found:?}");
        }
        found.sort();
        assert_eq!(found, expected);
    })
    .await;
}

#[tokio::test]
async fn tags_are_set_read_and_taken_off() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        aws.sqs.tag_queue().queue_url(&queue.url).tags("edition", "donut").tags("owner", "shop").send().await.expect("TagQueue");
        assert_eq!(tags(aws, &queue.url).await, pairs(&[("edition", "donut"), ("owner", "shop")]));
        aws.sqs.tag_queue().queue_url(&queue.url).tags("owner", "factory").send().await.expect("TagQueue");
        aws.sqs.untag_queue().queue_url(&queue.url).tag_keys("edition").send().await.expect("UntagQueue");
        assert_eq!(tags(aws, &queue.url).await, pairs(&[("owner", "factory")]));
    })
    .await;
}

#[tokio::test]
async fn a_queue_may_be_created_with_tags() {
    on_the_endpoint(async |aws| {
        let name = aws.name("tagged");
        let created = aws.sqs.create_queue().queue_name(&name).tags("edition", "shop").send().await.expect("CreateQueue with tags");
        let url = created.queue_url.expect("CreateQueue answers with the queue's URL");
        assert_eq!(tags(aws, &url).await, pairs(&[("edition", "shop")]));
        aws.sqs.delete_queue().queue_url(url).send().await.expect("DeleteQueue");
    })
    .await;
}

#[tokio::test]
async fn a_purge_empties_the_queue_of_visible_in_flight_and_delayed_messages() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for number in 0..3 {
            queue.send(&format!("message {number}")).await;
        }
        aws.sqs.send_message().queue_url(&queue.url).message_body("later").delay_seconds(900).send().await.expect("SendMessage");
        let in_flight = queue.receive(2).await;
        assert!(!in_flight.is_empty());
        aws.sqs.purge_queue().queue_url(&queue.url).send().await.expect("PurgeQueue");
        let deadline = Instant::now() + if aws.is_embedded() { Duration::ZERO } else { REMOVAL_LIMIT };
        loop {
            let left = queue.counters().await;
            if (left.visible, left.in_flight, left.delayed) == (0, 0, 0) {
                break;
            }
            assert!(Instant::now() < deadline, "{} has {left:?} after PurgeQueue", queue.name());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        queue.send("after the purge").await;
        assert_eq!(queue.drain(1).await, ["after the purge"]);
    })
    .await;
}

async fn listed_until(aws: &Endpoint, prefix: &str, count: usize) -> Vec<String> {
    let deadline = Instant::now() + aws.settling();
    loop {
        let listed = aws.sqs.list_queues().queue_name_prefix(prefix).send().await.expect("ListQueues");
        let mut urls = listed.queue_urls().to_vec();
        urls.sort();
        if urls.len() == count {
            return urls;
        }
        assert!(Instant::now() < deadline, "ListQueues with prefix {prefix} shows {urls:?}, not {count} queues");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn tags(aws: &Endpoint, url: &str) -> HashMap<String, String> {
    aws.sqs.list_queue_tags().queue_url(url).send().await.expect("ListQueueTags").tags.unwrap_or_default()
}

fn pairs(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
