//! The Grafana dashboard that is shipped, beside what a process tells Prometheus: does each query ask for something that is told, with labels
//! that it has?

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

/// The file.
const DASHBOARD: &str = include_str!("../../deploy/grafana/rushproof.json");

/// What a metric's samples end in, beside its name, where it is a histogram.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];

/// One query of a panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The expression, in PromQL.
    pub expression: String,
    /// What the curve is called, with labels in double braces.
    pub legend: String,
}

/// Every query of the dashboard.
///
/// # Panics
/// When the file is no JSON.
#[must_use]
pub fn queries() -> Vec<Query> {
    fn collect(value: &Value, queries: &mut Vec<Query>) {
        match value {
            Value::Object(fields) => {
                let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
                if let Some(expression) = text("expr") {
                    queries.push(Query { expression, legend: text("legendFormat").unwrap_or_default() });
                }
                fields.values().for_each(|field| collect(field, queries));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, queries)),
            _ => {}
        }
    }
    let mut queries = Vec::new();
    collect(&serde_json::from_str(DASHBOARD).expect("the dashboard is JSON"), &mut queries);
    queries
}

impl Query {
    /// Metrics that it asks for, without what a histogram's samples end in.
    #[must_use]
    pub fn metrics(&self) -> BTreeSet<String> {
        pattern(r"rushproof_[a-z0-9_]+").find_iter(&self.expression).map(|found| base(found.as_str())).collect()
    }

    /// Labels that it selects or groups by, or names in its legend.
    #[must_use]
    pub fn labels(&self) -> BTreeSet<String> {
        let selected = pattern(r"([a-z_]+)\s*(?:=~|!~|!=|=)\s*\x22");
        let mut labels: BTreeSet<String> = selected.captures_iter(&self.expression).map(|found| found[1].to_owned()).collect();
        for grouped in pattern(r"by \(([^)]*)\)").captures_iter(&self.expression) {
            labels.extend(grouped[1].split(',').map(|label| label.trim().to_owned()));
        }
        labels.extend(pattern(r"\{\{([a-z_]+)\}\}").captures_iter(&self.legend).map(|found| found[1].to_owned()));
        labels
    }
}

/// Labels of each metric that a page for Prometheus has samples of, without what a histogram's samples end in.
#[must_use]
pub fn told(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (sample, label) = (pattern(r"(?m)^([a-z0-9_]+)(\{.*\})? [-+0-9.eE]+$"), pattern(r"([a-z_]+)=\x22"));
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for found in sample.captures_iter(page) {
        let labels = found.get(2).map_or("", |labels| labels.as_str());
        told.entry(base(&found[1])).or_default().extend(label.captures_iter(labels).map(|found| found[1].to_owned()));
    }
    told
}

/// Queries about metrics of this page that want a label which their metric does not have; and how many queries the page has samples for.
#[must_use]
pub fn unanswered(page: &str) -> (Vec<String>, usize) {
    let told = told(page);
    let mut wrong = Vec::new();
    let mut asked = 0;
    for query in queries() {
        for metric in query.metrics() {
            let Some(labels) = told.get(&metric) else { continue };
            asked += 1;
            let missing: Vec<_> = query.labels().difference(labels).cloned().collect();
            if !missing.is_empty() {
                wrong.push(format!("{}: {metric} has no {missing:?}, but {labels:?}", query.expression));
            }
        }
    }
    (wrong, asked)
}

fn base(name: &str) -> String {
    PARTS.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name).to_owned()
}

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of this file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_are_not_told_are_found_wherever_a_query_wants_them() {
        let query = |expression: &str, legend: &str| Query { expression: expression.to_owned(), legend: legend.to_owned() };
        let one = query("sum by (hop, le) (rate(rushproof_a_bucket{state!=\"x\", dead=\"true\"}[1m]))", "{{queue}} waits");
        assert_eq!(one.metrics().into_iter().collect::<Vec<_>>(), ["rushproof_a"]);
        assert_eq!(one.labels().into_iter().collect::<Vec<_>>(), ["dead", "hop", "le", "queue", "state"]);
        let page =
            "# TYPE rushproof_a histogram\nrushproof_a_bucket{hop=\"x\",le=\"+Inf\"} 1\nrushproof_a_sum{hop=\"x\"} 1e-3\nrushproof_b 7\n";
        let told = told(page);
        assert_eq!(told["rushproof_a"].iter().collect::<Vec<_>>(), ["hop", "le"]);
        assert!(told["rushproof_b"].is_empty());
    }
}
