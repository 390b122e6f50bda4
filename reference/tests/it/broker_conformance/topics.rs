//! Topics and subscriptions: made, listed, ended; and one publication for many queues.

use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_types::Blob;
use tokio::time::Instant;

use super::endpoint::{Endpoint, on_the_endpoint};
use super::expectation::refusal;
use super::queue::body;
use super::topic::{Topic, attribute};

#[tokio::test]
async fn a_topic_arn_names_region_account_and_topic() {
    on_the_endpoint(async |aws| {
        let name = aws.name("topic");
        let arn = aws.sns.create_topic().name(&name).send().await.expect("CreateTopic").topic_arn.expect("a topic has an ARN");
        aws.take_down_topic(&arn);
        let parts: Vec<&str> = arn.split(':').collect();
        assert_eq!((parts.len(), parts[0], parts[2], parts[3], parts[5]), (6, "arn", "sns", aws.region.as_str(), name.as_str()));
    })
    .await;
}

#[tokio::test]
async fn creating_a_topic_again_answers_with_the_same_topic() {
    on_the_endpoint(async |aws| {
        let name = aws.name("topic");
        let creating = || aws.sns.create_topic().name(&name).send();
        let first = creating().await.expect("CreateTopic").topic_arn.expect("a topic has an ARN");
        aws.take_down_topic(&first);
        assert_eq!(creating().await.expect("CreateTopic again").topic_arn, Some(first));
    })
    .await;
}

#[tokio::test]
async fn a_topic_name_has_the_documented_form() {
    on_the_endpoint(async |aws| {
        for name in ["with space", "with.dot", "", &"x".repeat(257)] {
            let error = refusal(aws.sns.create_topic().name(name).send().await, &format!("a topic named {name:?}"));
            assert!(error.is_invalid_parameter_exception(), "{error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_created_topic_is_listed_until_it_is_deleted() {
    on_the_endpoint(async |aws| {
        let topic = aws.topic().await;
        wait_until(aws, "the topic is listed", async || listed_topics(aws).await.contains(&topic.arn)).await;
        aws.sns.delete_topic().topic_arn(&topic.arn).send().await.expect("DeleteTopic");
        wait_until(aws, "the topic is no more listed", async || !listed_topics(aws).await.contains(&topic.arn)).await;
        aws.sns.delete_topic().topic_arn(&topic.arn).send().await.expect("deleting a topic that is gone is no error");
    })
    .await;
}

#[tokio::test]
async fn a_topic_tells_its_attributes() {
    on_the_endpoint(async |aws| {
        let topic = aws.topic().await;
        let answer = aws.sns.get_topic_attributes().topic_arn(&topic.arn).send().await.expect("GetTopicAttributes");
        let attributes = answer.attributes.unwrap_or_default();
        assert_eq!(attributes.get("TopicArn"), Some(&topic.arn));
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_reported_as_such() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        let nowhere = format!("{}-nowhere", topic.arn);
        assert!(refusal(aws.sns.publish().topic_arn(&nowhere).message("x").send().await, "Publish").is_not_found_exception());
        let subscribe = aws.sns.subscribe().topic_arn(&nowhere).protocol("sqs").endpoint(&queue.arn).send().await;
        assert!(refusal(subscribe, "Subscribe").is_not_found_exception());
        assert!(refusal(aws.sns.get_topic_attributes().topic_arn(&nowhere).send().await, "GetTopicAttributes").is_not_found_exception());
    })
    .await;
}

#[tokio::test]
async fn a_publication_reaches_every_subscribed_queue_once() {
    on_the_endpoint(async |aws| {
        let topic = aws.topic().await;
        let queues = [aws.queue().await, aws.queue().await, aws.queue().await];
        for queue in &queues {
            topic.subscribe_raw(queue).await;
        }
        let bystander = aws.queue().await;
        topic.publish("for all").await;
        for queue in &queues {
            assert_eq!(queue.drain(1).await, ["for all"]);
        }
        for queue in queues.iter().chain([&bystander]) {
            queue.assert_nothing_comes(0).await;
        }
    })
    .await;
}

#[tokio::test]
async fn one_queue_hears_of_several_topics() {
    on_the_endpoint(async |aws| {
        let (stock, sales, queue) = (aws.topic().await, aws.topic().await, aws.queue().await);
        stock.subscribe_raw(&queue).await;
        sales.subscribe_raw(&queue).await;
        stock.publish("stock").await;
        sales.publish("sales").await;
        let mut bodies = queue.drain(2).await;
        bodies.sort();
        assert_eq!(bodies, ["sales", "stock"]);
    })
    .await;
}

#[tokio::test]
async fn a_publication_without_subscribers_is_accepted() {
    on_the_endpoint(async |aws| {
        let answer = aws.topic().await.publish("nobody listens").await;
        assert!(answer.message_id().is_some_and(|id| !id.is_empty()));
    })
    .await;
}

#[tokio::test]
async fn subscribing_again_answers_with_the_same_subscription_and_delivers_once() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        let first = topic.subscribe(&queue, &[]).await;
        let second = topic.subscribe(&queue, &[]).await;
        assert_eq!(first, second);
        assert!(first.starts_with(&format!("{}:", topic.arn)), "a subscription's ARN begins with its topic's: {first}");
        topic.publish("once").await;
        queue.drain(1).await;
        queue.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn subscribing_again_with_other_attributes_is_refused_and_changes_nothing() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe_raw(&queue).await;
        let request = aws.sns.subscribe().topic_arn(&topic.arn).protocol("sqs").endpoint(&queue.arn);
        let error = refusal(request.attributes("RawMessageDelivery", "false").send().await, "the same subscription with other attributes");
        assert!(error.is_invalid_parameter_exception(), "{error:?}");
        topic.publish("still raw").await;
        assert_eq!(queue.drain(1).await, ["still raw"]);
    })
    .await;
}

#[tokio::test]
async fn a_subscription_is_listed_with_its_topic_and_tells_its_attributes() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        let arn = topic.subscribe_raw(&queue).await;
        wait_until(aws, "the subscription is listed", async || subscriptions(aws, &topic).await == [(arn.clone(), queue.arn.clone())])
            .await;
        let answer = aws.sns.get_subscription_attributes().subscription_arn(&arn).send().await.expect("GetSubscriptionAttributes");
        let attributes = answer.attributes.unwrap_or_default();
        for (name, expected) in [
            ("TopicArn", topic.arn.as_str()),
            ("Endpoint", &queue.arn),
            ("Protocol", "sqs"),
            ("RawMessageDelivery", "true"),
            ("SubscriptionArn", &arn),
        ] {
            assert_eq!(attributes.get(name).map(String::as_str), Some(expected), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn after_unsubscribing_a_queue_hears_nothing_more() {
    on_the_endpoint(async |aws| {
        let (topic, leaving, staying) = (aws.topic().await, aws.queue().await, aws.queue().await);
        let arn = topic.subscribe_raw(&leaving).await;
        topic.subscribe_raw(&staying).await;
        aws.sns.unsubscribe().subscription_arn(&arn).send().await.expect("Unsubscribe");
        wait_until(aws, "one subscription is left", async || subscriptions(aws, &topic).await.len() == 1).await;
        topic.publish("after").await;
        assert_eq!(staying.drain(1).await, ["after"]);
        leaving.assert_nothing_comes(1).await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_topic_takes_its_subscriptions_along() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe(&queue, &[]).await;
        aws.sns.delete_topic().topic_arn(&topic.arn).send().await.expect("DeleteTopic");
        wait_until(aws, "publishing is refused", async || aws.sns.publish().topic_arn(&topic.arn).message("x").send().await.is_err()).await;
        queue.assert_nothing_comes(0).await;
    })
    .await;
}

#[tokio::test]
async fn subscriptions_that_make_no_sense_are_refused() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        let subscribing =
            |protocol: &str, endpoint: &str| aws.sns.subscribe().topic_arn(&topic.arn).protocol(protocol).endpoint(endpoint).send();
        for (protocol, endpoint) in [("carrier-pigeon", queue.arn.as_str()), ("sqs", "not an ARN")] {
            let error = refusal(subscribing(protocol, endpoint).await, &format!("a subscription of {endpoint:?} by {protocol}"));
            assert!(error.is_invalid_parameter_exception(), "{error:?}");
        }
        let unknown =
            aws.sns.subscribe().topic_arn(&topic.arn).protocol("sqs").endpoint(&queue.arn).attributes("Sweetness", "9").send().await;
        assert!(refusal(unknown, "an unknown subscription attribute").is_invalid_parameter_exception());
    })
    .await;
}

#[tokio::test]
async fn publications_that_make_no_sense_are_refused() {
    on_the_endpoint(async |aws| {
        let topic = aws.topic().await;
        let publishing = || aws.sns.publish().topic_arn(&topic.arn);
        let error = refusal(publishing().message("").send().await, "an empty message");
        assert!(error.is_invalid_parameter_exception(), "{error:?}");
        for subject in ["", &"x".repeat(101), "two\nlines"] {
            let error = refusal(publishing().message("x").subject(subject).send().await, &format!("the subject {subject:?}"));
            assert!(error.is_invalid_parameter_exception(), "{error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn published_attributes_that_are_not_what_their_type_says_are_refused() {
    on_the_endpoint(async |aws| {
        let topic = aws.topic().await;
        let no_bytes = MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([])).build().expect("the type is given");
        let invalid = [attribute("String", ""), attribute("Number", "three"), attribute("Doughnut", "x"), no_bytes];
        for value in invalid {
            let what = format!("the attribute {value:?}");
            let answer = aws.sns.publish().topic_arn(&topic.arn).message("x").message_attributes("name", value).send().await;
            let error = refusal(answer, &what);
            assert!(error.is_invalid_parameter_value_exception() || error.is_invalid_parameter_exception(), "{error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_attribute_without_a_value_is_refused_as_an_invalid_parameter_value() {
    on_the_endpoint(async |aws| {
        let topic = aws.topic().await;
        let answer = aws.sns.publish().topic_arn(&topic.arn).message("x").message_attributes("name", attribute("String", "")).send().await;
        let error = refusal(answer, "an empty String attribute");
        assert!(error.is_invalid_parameter_value_exception(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn one_dead_queue_does_not_stop_the_others() {
    on_the_endpoint(async |aws| {
        let (topic, first, dead, last) = (aws.topic().await, aws.queue().await, aws.queue().await, aws.queue().await);
        for queue in [&first, &dead, &last] {
            topic.subscribe_raw(queue).await;
        }
        aws.sqs.delete_queue().queue_url(&dead.url).send().await.expect("DeleteQueue");
        topic.publish("still heard").await;
        assert_eq!(first.drain(1).await, ["still heard"]);
        assert_eq!(last.drain(1).await, ["still heard"]);
    })
    .await;
}

#[tokio::test]
async fn a_message_for_several_protocols_arrives_in_the_form_for_queues() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        topic.subscribe_raw(&queue).await;
        let message = r#"{"default":"for anyone","sqs":"for queues","email":"for people"}"#;
        let request = aws.sns.publish().topic_arn(&topic.arn).message(message).message_structure("json");
        request.send().await.expect("Publish with MessageStructure json");
        assert_eq!(body(&queue.receive_one().await), "for queues");
        let without_default = aws.sns.publish().topic_arn(&topic.arn).message(r#"{"sqs":"x"}"#).message_structure("json").send().await;
        assert!(refusal(without_default, "a message without a default").is_invalid_parameter_exception());
    })
    .await;
}

#[tokio::test]
async fn topics_carry_tags() {
    on_the_endpoint(async |aws| {
        let topic = aws.topic().await;
        let tag = aws_sdk_sns::types::Tag::builder().key("edition").value("donut").build().expect("key and value are given");
        aws.sns.tag_resource().resource_arn(&topic.arn).tags(tag.clone()).send().await.expect("TagResource");
        let tags = aws.sns.list_tags_for_resource().resource_arn(&topic.arn).send().await.expect("ListTagsForResource");
        assert_eq!(tags.tags(), [tag]);
        aws.sns.untag_resource().resource_arn(&topic.arn).tag_keys("edition").send().await.expect("UntagResource");
        let tags = aws.sns.list_tags_for_resource().resource_arn(&topic.arn).send().await.expect("ListTagsForResource");
        assert!(tags.tags().is_empty());
    })
    .await;
}

/// Every topic's ARN, page by page.
async fn listed_topics(aws: &Endpoint) -> Vec<String> {
    let (mut arns, mut token) = (Vec::new(), None);
    loop {
        let page = aws.sns.list_topics().set_next_token(token).send().await.expect("ListTopics");
        arns.extend(page.topics().iter().filter_map(|topic| topic.topic_arn().map(str::to_owned)));
        token = page.next_token;
        if token.is_none() {
            return arns;
        }
    }
}

/// The subscriptions of a topic, each with its endpoint.
async fn subscriptions(aws: &Endpoint, topic: &Topic) -> Vec<(String, String)> {
    let answer = aws.sns.list_subscriptions_by_topic().topic_arn(&topic.arn).send().await.expect("ListSubscriptionsByTopic");
    let part = |text: Option<&str>| text.unwrap_or_default().to_owned();
    answer.subscriptions().iter().map(|found| (part(found.subscription_arn()), part(found.endpoint()))).collect()
}

/// Waits for a state: not at all in the embedded broker, for the settling time elsewhere.
async fn wait_until(aws: &Endpoint, what: &str, mut state: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + aws.settling();
    while !state().await {
        assert!(Instant::now() < deadline, "waited {:?} until {what}", aws.settling());
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
