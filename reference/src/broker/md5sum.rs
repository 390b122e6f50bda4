//! The MD5 checksums by which SQS clients check what arrived. They guard against damage, not against forgery.

use md5::{Digest, Md5};

use super::attribute::{Attribute, Value};

/// The MD5 of a message body.
pub(crate) fn of_body(body: &str) -> [u8; 16] {
    Md5::digest(body.as_bytes()).into()
}

/// The MD5 of message attributes, in lower-case hex, or `None` where there are none: sorted by name, each as length-prefixed name,
/// length-prefixed data type, a transport byte (1 text, 2 binary) and the length-prefixed value
/// (SQS developer guide, "Calculating the MD5 message digest for message attributes").
pub(crate) fn of_attributes<'a>(attributes: impl IntoIterator<Item = &'a Attribute>) -> Option<String> {
    let mut sorted: Vec<&Attribute> = attributes.into_iter().collect();
    if sorted.is_empty() {
        return None;
    }
    sorted.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let mut digest = Md5::new();
    for attribute in sorted {
        update_with_length(&mut digest, attribute.name.as_bytes());
        update_with_length(&mut digest, attribute.data_type.as_bytes());
        match &attribute.value {
            Value::Text(text) => {
                digest.update([1]);
                update_with_length(&mut digest, text.as_bytes());
            }
            Value::Binary(bytes) => {
                digest.update([2]);
                update_with_length(&mut digest, bytes);
            }
        }
    }
    Some(hex(&digest.finalize()))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char]).collect()
}

fn update_with_length(digest: &mut Md5, bytes: &[u8]) {
    // Every part is bounded by the message limit of 1 MiB, so its length fits.
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_checksum_is_plain_md5() {
        assert_eq!(hex(&of_body("This is a test message")), "fafb00f5732ab283681e124bf8747ed1");
    }

    #[test]
    fn attribute_checksums_do_not_depend_on_the_order() {
        let number = Attribute::text("timestamp", "Number", "1493147359900");
        let text = Attribute::text("another", "String", "value");
        let forwards = of_attributes([&number, &text]);
        assert_eq!(forwards, of_attributes([&text, &number]));
        assert_ne!(forwards, of_attributes([&number]));
    }

    #[test]
    fn the_checksum_of_one_number_is_the_published_one() {
        // The vector that moto and ElasticMQ check against AWS.
        let number = Attribute::text("timestamp", "Number", "1493147359900");
        assert_eq!(of_attributes([&number]).as_deref(), Some("235c5c510d26fb653d073faed50ae77c"));
    }

    #[test]
    fn without_attributes_there_is_no_checksum() {
        assert_eq!(of_attributes([]), None);
    }
}
