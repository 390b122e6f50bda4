//! Filter policies: which publications a subscription lets through.

use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::{Value, json};

use super::endpoint::{Endpoint, on_the_endpoint};
use super::expectation::refusal;
use super::topic::{Topic, attribute};

/// A publication, told by its name: the attributes it carries, or the body it is.
type Publication<'a> = (&'a str, Vec<(&'a str, MessageAttributeValue)>);

#[tokio::test]
async fn a_filter_without_operators_matches_the_value_itself() {
    on_the_endpoint(async |aws| {
        let policy = json!({ "outcome": ["sold_out", "refused"] });
        let passing = [text("sold out", "outcome", "sold_out"), text("refused", "outcome", "refused")];
        let stopped = [
            text("sold", "outcome", "sold"),
            text("another case", "outcome", "SOLD_OUT"),
            text("another name", "result", "sold_out"),
            ("none", vec![]),
        ];
        assert_filters(aws, policy, &passing, &stopped).await;
    })
    .await;
}

#[tokio::test]
async fn all_names_of_a_filter_must_match() {
    on_the_endpoint(async |aws| {
        let both =
            |one: &'static str, other: &'static str| vec![("edition", attribute("String", one)), ("outcome", attribute("String", other))];
        let policy = json!({ "edition": ["donut", "shop"], "outcome": ["sold_out"] });
        let passing = [("both", both("donut", "sold_out")), ("also both", both("shop", "sold_out"))];
        let stopped = [("wrong outcome", both("donut", "sold")), text("only one", "edition", "donut")];
        assert_filters(aws, policy, &passing, &stopped).await;
    })
    .await;
}

#[tokio::test]
async fn prefix_matches_the_beginning() {
    on_the_endpoint(async |aws| {
        let passing = [text("begins", "product", "CP-502101"), text("is", "product", "CP-")];
        let stopped = [text("contains", "product", "XCP-1"), text("another case", "product", "cp-1")];
        assert_filters(aws, json!({ "product": [{ "prefix": "CP-" }] }), &passing, &stopped).await;
    })
    .await;
}

#[tokio::test]
async fn suffix_matches_the_end() {
    on_the_endpoint(async |aws| {
        let passing = [text("ends", "product", "CP-502101"), text("is", "product", "101")];
        let stopped = [text("contains", "product", "CP-1010"), text("begins", "product", "101-CP")];
        assert_filters(aws, json!({ "product": [{ "suffix": "101" }] }), &passing, &stopped).await;
    })
    .await;
}

#[tokio::test]
async fn equals_ignore_case_matches_every_case() {
    on_the_endpoint(async |aws| {
        let passing = [text("lower", "product", "tennis"), text("mixed", "product", "tEnnIS")];
        let stopped = [text("longer", "product", "tennis2"), text("other", "product", "rugby")];
        assert_filters(aws, json!({ "product": [{ "equals-ignore-case": "Tennis" }] }), &passing, &stopped).await;
    })
    .await;
}

#[tokio::test]
async fn anything_but_matches_every_other_value() {
    on_the_endpoint(async |aws| {
        let passing = [text("other", "outcome", "sold_out")];
        let stopped = [text("first", "outcome", "sold"), text("second", "outcome", "refused"), text("no such name", "edition", "donut")];
        assert_filters(aws, json!({ "outcome": [{ "anything-but": ["sold", "refused"] }] }), &passing, &stopped).await;
    })
    .await;
}

#[tokio::test]
async fn anything_but_a_prefix_matches_every_other_beginning() {
    on_the_endpoint(async |aws| {
        let passing = [text("other", "order", "order-1")];
        let stopped = [text("begins so", "order", "test-1")];
        assert_filters(aws, json!({ "order": [{ "anything-but": { "prefix": "test-" } }] }), &passing, &stopped).await;
    })
    .await;
}

#[tokio::test]
async fn numeric_matches_values_and_ranges() {
    on_the_endpoint(async |aws| {
        let number = |name: &'static str, value: &'static str| (name, vec![("count", attribute("Number", value))]);
        let equal = json!({ "count": [{ "numeric": ["=", 3] }] });
        assert_filters(aws, equal, &[number("three", "3"), number("three as it may be written", "3.0")], &[number("four", "4")]).await;
        let above = json!({ "count": [{ "numeric": [">", 3] }] });
        assert_filters(aws, above, &[number("more", "3.1"), number("much more", "100")], &[number("equal", "3"), number("less", "-7")])
            .await;
        let range = json!({ "count": [{ "numeric": [">=", 1, "<", 10] }] });
        let (inside, outside) = ([number("lowest", "1"), number("inside", "9.99")], [number("highest", "10"), number("below", "0")]);
        assert_filters(aws, range, &inside, &outside).await;
    })
    .await;
}

#[tokio::test]
async fn exists_matches_by_presence_and_by_absence() {
    on_the_endpoint(async |aws| {
        let (with, without) = (text("with", "production", "P-1"), text("without", "other", "x"));
        assert_filters(aws, json!({ "production": [{ "exists": true }] }), std::slice::from_ref(&with), std::slice::from_ref(&without))
            .await;
        assert_filters(aws, json!({ "production": [{ "exists": false }] }), &[without], &[with]).await;
    })
    .await;
}

#[tokio::test]
async fn or_matches_when_one_of_its_parts_does() {
    on_the_endpoint(async |aws| {
        let policy = json!({ "edition": ["donut"], "$or": [{ "outcome": ["sold_out"] }, { "stock": [{ "numeric": ["<", 5] }] }] });
        let of =
            |edition: &'static str, other: (&'static str, MessageAttributeValue)| vec![("edition", attribute("String", edition)), other];
        let passing = [
            ("sold out", of("donut", ("outcome", attribute("String", "sold_out")))),
            ("nearly sold out", of("donut", ("stock", attribute("Number", "4")))),
        ];
        let stopped = [
            ("neither", of("donut", ("outcome", attribute("String", "sold")))),
            ("the other edition", of("shop", ("outcome", attribute("String", "sold_out")))),
        ];
        assert_filters(aws, policy, &passing, &stopped).await;
    })
    .await;
}

#[tokio::test]
async fn an_array_attribute_matches_by_any_of_its_values() {
    on_the_endpoint(async |aws| {
        let of = |name: &'static str, values: &'static str| (name, vec![("sizes", attribute("String.Array", values))]);
        let (passing, stopped) = ([of("one of them", r#"["small","large"]"#)], [of("none of them", r#"["small","medium"]"#)]);
        assert_filters(aws, json!({ "sizes": ["large"] }), &passing, &stopped).await;
    })
    .await;
}

#[tokio::test]
async fn a_filter_of_the_body_looks_into_the_body() {
    on_the_endpoint(async |aws| {
        let policy = json!({ "order": { "outcome": ["sold_out"], "count": [{ "numeric": [">", 2] }] }, "urgent": [true] });
        let passing = [
            body(r#"{"order":{"outcome":"sold_out","count":3,"more":1},"urgent":true}"#),
            body(r#"{"order":[{"outcome":"sold_out","count":9}],"urgent":true}"#),
        ];
        let stopped = [
            body(r#"{"order":{"outcome":"sold_out","count":2},"urgent":true}"#),
            body(r#"{"order":{"outcome":"sold_out","count":3},"urgent":false}"#),
            body(r#"{"outcome":"sold_out","count":3,"urgent":true}"#),
            body("no JSON at all"),
            ("attributes do not count", vec![("urgent", attribute("String", "true"))]),
        ];
        assert_filters_by(aws, "MessageBody", policy, &passing, &stopped).await;
    })
    .await;
}

#[tokio::test]
async fn every_operator_works_on_the_body_too() {
    on_the_endpoint(async |aws| {
        let both = r#"{"a":"CP-1","b":"x"}"#;
        for (policy, passing, stopped) in [
            (json!({ "a": [{ "prefix": "CP" }] }), both, r#"{"a":"XCP"}"#),
            (json!({ "a": [{ "suffix": "-1" }] }), both, r#"{"a":"-1x"}"#),
            (json!({ "a": [{ "equals-ignore-case": "cp-1" }] }), both, r#"{"a":"cp-2"}"#),
            (json!({ "a": [{ "anything-but": ["no"] }] }), both, r#"{"a":"no"}"#),
            (json!({ "c": [3] }), r#"{"c":3}"#, r#"{"c":4}"#),
            (json!({ "c": [{ "numeric": [">=", 1, "<", 10] }] }), r#"{"c":9.5}"#, r#"{"c":10}"#),
            (json!({ "b": [{ "exists": true }] }), both, r#"{"a":"CP-1"}"#),
            (json!({ "b": [{ "exists": false }] }), r#"{"a":"CP-1"}"#, both),
            (json!({ "$or": [{ "a": ["no"] }, { "b": ["x"] }] }), both, r#"{"a":"CP-1","b":"y"}"#),
        ] {
            assert_filters_by(aws, "MessageBody", policy, &[body(passing)], &[body(stopped)]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_filter_can_be_changed_and_taken_off() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        let arn = topic.subscribe(&queue, &[("RawMessageDelivery", "true"), ("FilterPolicy", r#"{"edition":["donut"]}"#)]).await;
        let set = |value: &str| {
            let request = aws.sns.set_subscription_attributes().subscription_arn(&arn).attribute_name("FilterPolicy");
            request.attribute_value(value).send()
        };
        topic.publish_with("first shop", &[("edition", attribute("String", "shop"))]).await;
        set(r#"{"edition":["shop"]}"#).await.expect("changing the filter policy");
        topic.publish_with("second shop", &[("edition", attribute("String", "shop"))]).await;
        assert_eq!(queue.drain(1).await, ["second shop"]);
        set("{}").await.expect("taking the filter policy off");
        topic.publish("anything").await;
        assert_eq!(queue.drain(1).await, ["anything"]);
    })
    .await;
}

#[tokio::test]
async fn an_invalid_filter_is_refused() {
    on_the_endpoint(async |aws| {
        let (topic, queue) = (aws.topic().await, aws.queue().await);
        for policy in [
            "not JSON",
            r#"["an array"]"#,
            r#"{"edition":"not an array"}"#,
            r#"{"edition":[{"unknown":"operator"}]}"#,
            r#"{"count":[{"numeric":["=","three"]}]}"#,
            r#"{"count":[{"numeric":[">"]}]}"#,
            r#"{"edition":[{"exists":"yes"}]}"#,
            r#"{"edition":[]}"#,
            r#"{"nested":{"edition":["donut"]}}"#,
        ] {
            let request = aws.sns.subscribe().topic_arn(&topic.arn).protocol("sqs").endpoint(&queue.arn).attributes("FilterPolicy", policy);
            let error = refusal(request.send().await, &format!("the filter policy {policy}"));
            assert!(error.is_invalid_parameter_exception(), "{error:?}");
        }
    })
    .await;
}

fn text<'a>(what: &'a str, name: &'a str, value: &str) -> Publication<'a> {
    (what, vec![(name, attribute("String", value))])
}

fn body(body: &str) -> Publication<'_> {
    (body, vec![])
}

async fn assert_filters(aws: &Endpoint, policy: Value, passing: &[Publication<'_>], stopped: &[Publication<'_>]) {
    assert_filters_by(aws, "MessageAttributes", policy, passing, stopped).await;
}

/// Asserts that the policy lets exactly the passing publications through.
async fn assert_filters_by(aws: &Endpoint, scope: &str, policy: Value, passing: &[Publication<'_>], stopped: &[Publication<'_>]) {
    let (topic, filtered, witness) = (aws.topic().await, aws.queue().await, aws.queue().await);
    let policy = policy.to_string();
    topic.subscribe(&filtered, &[("RawMessageDelivery", "true"), ("FilterPolicyScope", scope), ("FilterPolicy", &policy)]).await;
    topic.subscribe_raw(&witness).await;
    for publication in stopped.iter().chain(passing) {
        publish(&topic, publication).await;
    }
    // Once the unfiltered witness has everything, what the filter stopped is not merely late.
    witness.drain(stopped.len() + passing.len()).await;
    let mut received = filtered.drain(passing.len()).await;
    received.extend(filtered.receive(0).await.iter().map(|message| super::queue::body(message).to_owned()));
    received.sort();
    let mut expected: Vec<_> = passing.iter().map(|(what, _)| (*what).to_owned()).collect();
    expected.sort();
    assert_eq!(received, expected, "passed the policy {policy} of {scope}");
}

async fn publish(topic: &Topic, (what, attributes): &Publication<'_>) {
    topic.publish_with(what, attributes).await;
}
