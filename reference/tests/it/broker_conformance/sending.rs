//! One message at a time: its body, its attributes, and the checksums of both.

use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use aws_smithy_types::Blob;
use md5::{Digest, Md5};

use super::endpoint::on_the_endpoint;
use super::expectation::{assert_code, refusal};
use super::queue::{Queue, body};

#[tokio::test]
async fn a_message_comes_back_as_it_was_sent() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let text = "도넛 재고가 있습니다 🍩\t\"quoted\" <tag> & \\ / line\nline\r\nend ";
        let sent = queue.send(text).await;
        let message = queue.receive_one().await;
        assert_eq!(body(&message), text);
        assert_eq!(message.message_id(), sent.message_id(), "a receive tells the id that the send was answered with");
    })
    .await;
}

#[tokio::test]
async fn send_and_receive_carry_the_md5_of_the_body() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let text = "도넛 3 pieces";
        let sent = queue.send(text).await;
        let expected = hexadecimal(&Md5::digest(text));
        assert_eq!(sent.md5_of_message_body(), Some(expected.as_str()));
        assert_eq!(queue.receive_one().await.md5_of_body(), Some(expected.as_str()));
    })
    .await;
}

#[tokio::test]
async fn send_and_receive_carry_the_md5_of_the_attributes() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let attributes =
            [("b-name", text("Number", "12.50")), ("a-name", text("String", "도넛")), ("c-name", bytes("Binary", &[0, 255, 7]))];
        let mut request = aws.sqs.send_message().queue_url(&queue.url).message_body("x");
        for (name, value) in attributes.clone() {
            request = request.message_attributes(name, value);
        }
        let sent = request.send().await.expect("SendMessage with attributes");
        let expected = md5_of_attributes(&attributes);
        assert_eq!(sent.md5_of_message_attributes(), Some(expected.as_str()));
        assert_eq!(queue.receive_one().await.md5_of_message_attributes(), Some(expected.as_str()));
    })
    .await;
}

#[tokio::test]
async fn string_number_and_binary_attributes_arrive_with_their_types() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let attributes = [
            ("MessageAttributeRequester", text("String", "인기 유튜버")),
            ("MessageAttributeProductCnt", text("Number", "-12.5e2")),
            ("label", text("Number.int", "3")),
            ("seal", bytes("Binary", &[0, 1, 254, 255])),
            ("png", bytes("Binary.png", &[137, 80])),
        ];
        let mut request = aws.sqs.send_message().queue_url(&queue.url).message_body("x");
        for (name, value) in attributes.clone() {
            request = request.message_attributes(name, value);
        }
        request.send().await.expect("SendMessage with attributes");
        let received = queue.receive_one().await.message_attributes.unwrap_or_default();
        assert_eq!(received.len(), attributes.len());
        for (name, expected) in attributes {
            assert_eq!(received.get(name), Some(&expected), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn attributes_come_only_when_asked_for_by_name_prefix_or_all() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue_with(&[(QueueAttributeName::VisibilityTimeout, "0")]).await;
        let mut request = aws.sqs.send_message().queue_url(&queue.url).message_body("x");
        for name in ["shop.item", "shop.count", "factory"] {
            request = request.message_attributes(name, text("String", "value"));
        }
        request.send().await.expect("SendMessage with attributes");
        for (asked, expected) in [
            (None, vec![]),
            (Some("factory"), vec!["factory"]),
            (Some("shop.*"), vec!["shop.count", "shop.item"]),
            (Some("All"), vec!["factory", "shop.count", "shop.item"]),
            (Some(".*"), vec!["factory", "shop.count", "shop.item"]),
            (Some("unknown"), vec![]),
        ] {
            assert_eq!(attribute_names_when_asking_for(&queue, asked).await, expected, "asked for {asked:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_empty_body_is_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        refusal(aws.sqs.send_message().queue_url(&queue.url).message_body("").send().await, "an empty body");
        queue.assert_nothing_comes(0).await;
    })
    .await;
}

#[tokio::test]
async fn characters_that_xml_does_not_know_are_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for character in ['\u{0}', '\u{1}', '\u{8}', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            let answer = aws.sqs.send_message().queue_url(&queue.url).message_body(format!("a{character}b")).send().await;
            let error = refusal(answer, &format!("the character U+{:04X}", u32::from(character)));
            assert!(error.is_invalid_message_contents(), "U+{:04X}: {error:?}", u32::from(character));
        }
        let allowed = "\t\n\r \u{7f}\u{85}\u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}";
        queue.send(allowed).await;
        assert_eq!(queue.drain(1).await, [allowed]);
    })
    .await;
}

#[tokio::test]
async fn attributes_that_are_not_what_their_type_says_are_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let invalid = [
            ("empty", text("String", "")),
            ("word", text("Number", "three")),
            ("nothing", text("Number", "")),
            ("unknown", text("Doughnut", "x")),
            ("untyped", text("", "x")),
            ("no bytes", bytes("Binary", &[])),
            ("missing", MessageAttributeValue::builder().data_type("String").build().expect("the type is given")),
            ("swapped", bytes("String", &[1])),
        ];
        for (what, value) in invalid {
            let answer = aws.sqs.send_message().queue_url(&queue.url).message_body("x").message_attributes("name", value).send().await;
            assert_code(&refusal(answer, &format!("an attribute: {what}")), &["InvalidParameterValue", "MissingParameter"]);
        }
        queue.assert_nothing_comes(0).await;
    })
    .await;
}

#[tokio::test]
async fn attribute_names_follow_the_documented_rules() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        for name in ["with space", "AWS.reserved", "amazon.reserved", ".leading", "trailing.", "two..dots", &"x".repeat(257)] {
            let request = aws.sqs.send_message().queue_url(&queue.url).message_body("x");
            let answer = request.message_attributes(name, text("String", "value")).send().await;
            assert_code(&refusal(answer, &format!("an attribute named {name:?}")), &["InvalidParameterValue"]);
        }
    })
    .await;
}

#[tokio::test]
async fn ten_attributes_are_taken_and_eleven_refused() {
    on_the_endpoint(async |aws| {
        let queue = aws.queue().await;
        let with = |count: usize| {
            let mut request = aws.sqs.send_message().queue_url(&queue.url).message_body("x");
            for number in 0..count {
                request = request.message_attributes(format!("name{number}"), text("String", "value"));
            }
            request.send()
        };
        with(10).await.expect("ten attributes");
        assert_code(&refusal(with(11).await, "eleven attributes"), &["InvalidParameterValue"]);
        assert_eq!(queue.receive_one().await.message_attributes.unwrap_or_default().len(), 10);
    })
    .await;
}

async fn attribute_names_when_asking_for(queue: &Queue, asked: Option<&str>) -> Vec<String> {
    let request = queue.sqs.receive_message().queue_url(&queue.url).wait_time_seconds(5);
    let request = request.set_message_attribute_names(asked.map(|name| vec![name.to_owned()]));
    let mut messages = request.send().await.expect("ReceiveMessage").messages.unwrap_or_default();
    assert_eq!(messages.len(), 1, "the message is there, asked for {asked:?}");
    let mut names: Vec<_> = messages.remove(0).message_attributes.unwrap_or_default().into_keys().collect();
    names.sort();
    names
}

fn text(data_type: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(data_type).string_value(value).build().expect("the type is given")
}

fn bytes(data_type: &str, value: &[u8]) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(data_type).binary_value(Blob::new(value)).build().expect("the type is given")
}

/// The checksum as the SQS developer guide describes it: names sorted; each name, type and value with its length as four
/// big-endian bytes before it, and one byte between type and value, 1 for text and 2 for bytes.
fn md5_of_attributes(attributes: &[(&str, MessageAttributeValue)]) -> String {
    let mut sorted: Vec<_> = attributes.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut digest = Md5::new();
    let mut field = |bytes: &[u8], transport: Option<u8>| {
        if let Some(transport) = transport {
            digest.update([transport]);
        }
        digest.update(u32::try_from(bytes.len()).expect("test values are short").to_be_bytes());
        digest.update(bytes);
    };
    for (name, value) in sorted {
        field(name.as_bytes(), None);
        field(value.data_type().as_bytes(), None);
        match (value.string_value(), value.binary_value()) {
            (Some(text), _) => field(text.as_bytes(), Some(1)),
            (None, Some(bytes)) => field(bytes.as_ref(), Some(2)),
            (None, None) => unreachable!("test attributes have values"),
        }
    }
    hexadecimal(&digest.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
