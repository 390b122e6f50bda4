//! Amazon resource names. Region and account are fixed: the broker serves one account in one region, whatever a caller signs with.

/// The region that stands in every ARN.
pub(crate) const REGION: &str = "us-east-1";
/// The account that stands in every ARN and queue URL.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The ARN of a queue.
pub(crate) fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The ARN of a topic.
pub(crate) fn topic_arn(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

/// The name of the queue that an ARN means. Region and account are not compared: provisioning written for a real account works unchanged.
pub(crate) fn queue_name_of_arn(arn: &str) -> Option<&str> {
    name_of_arn(arn, "sqs")
}

/// The queue's name in a queue URL (`http://host/account/name`), or a bare name.
pub(crate) fn queue_name_of_url(url: &str) -> Option<&str> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url,
    };
    path.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty())
}

/// Whether the text has the form of an SNS topic's ARN.
pub(crate) fn is_topic_arn(arn: &str) -> bool {
    name_of_arn(arn, "sns").is_some()
}

fn name_of_arn<'a>(arn: &'a str, service: &str) -> Option<&'a str> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition, found) = (parts.next()?, parts.next()?, parts.next()?);
    let (_region, _account, name) = (parts.next()?, parts.next()?, parts.next()?);
    (scheme == "arn" && partition.starts_with("aws") && found == service && !name.is_empty() && !name.contains(':')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_arns_and_urls() {
        assert_eq!(queue_name_of_arn(&queue_arn("orders.fifo")), Some("orders.fifo"));
        assert_eq!(queue_name_of_arn("arn:aws:sns:us-east-1:000000000000:orders"), None);
        assert_eq!(queue_name_of_arn("orders"), None);
        assert_eq!(queue_name_of_url("http://127.0.0.1:4566/000000000000/orders"), Some("orders"));
        assert_eq!(queue_name_of_url("orders"), Some("orders"));
        assert_eq!(queue_name_of_url("http://127.0.0.1:4566"), None);
        assert!(is_topic_arn(&topic_arn("sales_events")));
        assert!(!is_topic_arn("arn:aws:sns:us-east-1:000000000000:sales_events:6d0a"));
    }
}
