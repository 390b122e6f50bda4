//! The queue policy that lets topics deliver. Statements of other origin stay as they are.

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use super::numbers_as_text;
use crate::messaging::error::CallError;
use crate::messaging::receive::Queue;

/// Marks our statement among those that others may have added.
const STATEMENT_ID: &str = "OrderPipelineTopics";

impl Queue {
    /// Lets the topics, and nobody else by this statement, send to the queue. Says what was changed.
    pub(super) async fn ensure_policy(&self, queue_arn: &str, topic_arns: &[&str]) -> Result<Option<String>, CallError> {
        let attributes = self.attributes(&[QueueAttributeName::Policy]).await?;
        match wanted_policy(attributes.get("Policy").map(String::as_str), queue_arn, topic_arns) {
            None => Ok(None),
            Some(policy) => {
                let changes = self.converge(vec![(QueueAttributeName::Policy, policy.to_string())]).await?;
                Ok(changes.into_iter().next())
            }
        }
    }
}

/// The policy that should be set, or `None` when the current one will do.
fn wanted_policy(current: Option<&str>, queue_arn: &str, topic_arns: &[&str]) -> Option<Value> {
    let mut topics: Vec<&str> = topic_arns.to_vec();
    topics.sort_unstable();
    let ours = json!({
        "Sid": STATEMENT_ID,
        "Effect": "Allow",
        "Principal": { "Service": "sns.amazonaws.com" },
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": { "ArnEquals": { "aws:SourceArn": topics } },
    });
    let mut policy: Value = current
        .and_then(|text| serde_json::from_str(text).ok())
        .filter(Value::is_object)
        .unwrap_or_else(|| json!({ "Version": "2012-10-17", "Statement": [] }));
    let before = policy.clone();
    let mut statements = match policy["Statement"].take() {
        Value::Array(statements) => statements,
        Value::Null => Vec::new(),
        single => vec![single],
    };
    if statements.iter().any(|statement| numbers_as_text(statement.clone()) == ours) {
        return None;
    }
    statements.retain(|statement| statement["Sid"] != STATEMENT_ID);
    statements.push(ours);
    policy["Statement"] = Value::Array(statements);
    (policy != before).then_some(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_is_right_is_left_alone() {
        let first = wanted_policy(None, "q", &["b", "a"]).unwrap().to_string();
        assert_eq!(wanted_policy(Some(&first), "q", &["a", "b"]), None);
    }

    #[test]
    fn statements_of_others_survive() {
        let others = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Deny"}]}"#;
        let with_ours = wanted_policy(Some(others), "q", &["a"]).unwrap();
        let updated = wanted_policy(Some(&with_ours.to_string()), "q", &["c"]).unwrap();
        let ids: Vec<_> = updated["Statement"].as_array().unwrap().iter().map(|s| s["Sid"].as_str().unwrap()).collect();
        assert_eq!(ids, ["Theirs", STATEMENT_ID]);
        assert_eq!(updated["Statement"][1]["Condition"]["ArnEquals"]["aws:SourceArn"], json!(["c"]));
    }
}
