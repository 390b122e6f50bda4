//! `[[fault]]`: a rule or an incident, whose word decides which keys it has.

use chaos::plan::{FAULTS, INCIDENTS};

use super::node::{Node, count, duration, either, flag, formed, share, table, table_of, text};
use crate::boot::ROLES;

/// Keys of every fault.
const OF_ALL: [&str; 2] = ["name", "fault"];

/// Keys that say whom a rule strikes, and when.
const OF_RULES: [&str; 14] = [
    "hop",
    "method",
    "path",
    "action",
    "attribute",
    "share",
    "first",
    "from",
    "until",
    "after_requests",
    "until_requests",
    "after_sales",
    "until_sales",
    "phase",
];

/// Keys that say when an incident happens, and how often.
const OF_INCIDENTS: [&str; 5] = ["from", "after_sales", "phase", "times", "every"];

/// What a word cannot do without.
fn required(word: &str) -> &'static [&'static str] {
    match word {
        "delay" | "stall" | "delay-answer" | "delay-message" => &["delay"],
        "answer" => &["status"],
        "limit-concurrency" => &["at_most"],
        "collapse" => &["above", "for"],
        "alter-number" => &["field", "by"],
        "replace-body" => &["body"],
        "slow-answer" => &["over"],
        "bandwidth" => &["rate"],
        "reorder-message" => &["within"],
        "kill" => &["role", "down_for"],
        "pause" => &["role", "for"],
        "restart" => &["role"],
        "restart-storm" => &["role", "times"],
        "crash-at" => &["role", "point"],
        "clock-skew" => &["role", "by", "for"],
        "lock-database" | "exhaust-connections" => &["for"],
        "unreachable" => &["hop", "for"],
        _ => &[],
    }
}

/// What a key is with this word alone.
fn own(word: &str) -> Option<(&'static str, Node)> {
    match word {
        "reorder-message" => Some(("by", count(1, 10_000))),
        "alter-number" => Some(("by", formed(r"^[+x-][0-9]+$"))),
        "clock-skew" => Some(("by", formed(r"^[+-]([0-9]+\.?[0-9]*|\.[0-9]+)\s*(us|µs|ms|s|m|h)\s*$"))),
        "limit-concurrency" | "collapse" => Some(("status", count(400, 599))),
        "swallow" => Some(("status", count(200, 299))),
        _ => None,
    }
}

/// The keys that a catalogue's example of parameters has (`status = 503, body = "…"`).
fn parameters(example: &'static str) -> Vec<&'static str> {
    example.split(", ").filter_map(|pair| pair.split_once(" = ")).map(|(key, _)| key).collect()
}

/// One table of `[[fault]]`.
pub(super) fn fault() -> Node {
    let rules = FAULTS.iter().map(|fault| case(fault.word, fault.parameters, &OF_RULES));
    let incidents = INCIDENTS.iter().map(|incident| case(incident.word, incident.parameters, &OF_INCIDENTS));
    Node { all_of: rules.chain(incidents).collect(), ..when(whom(what(table()))) }
}

/// What follows from one word.
fn case(word: &'static str, example: &'static str, more: &[&'static str]) -> Node {
    let is_word = Node { required: vec!["fault"], ..Node::default() }.with("fault", Node { constant: Some(word), ..Node::default() });
    let mut keys: Vec<&'static str> = OF_ALL.iter().copied().chain(parameters(example)).chain(more.iter().copied()).collect();
    keys.sort_unstable();
    keys.dedup();
    let names = Node { words: keys, ..Node::default() };
    let then = Node { property_names: Some(Box::new(names)), required: required(word).to_vec(), ..Node::default() };
    let then = match own(word) {
        Some((key, node)) => then.with(key, node),
        None => then,
    };
    Node { when: Some(Box::new(is_word)), then: Some(Box::new(then)), ..Node::default() }
}

fn what(node: Node) -> Node {
    let words: Vec<&'static str> = FAULTS.iter().map(|fault| fault.word).chain(INCIDENTS.iter().map(|incident| incident.word)).collect();
    let delay = either([
        duration(),
        Node { required: vec!["from", "to"], ..table().with("from", duration()).with("to", duration()) },
        Node { required: vec!["mean", "cap"], ..table().with("mean", duration()).with("cap", duration()) },
    ]);
    // Of which kind, the word decides.
    let by = either([count(1, 10_000), text()]);
    let rate = formed(r"^([0-9]+\.?[0-9]*|\.[0-9]+)\s*(B|KiB|MiB)/s\s*$");
    node.with_required("name", text().about("By which plan, journal and report know it; no two are called the same."))
        .with_required("fault", Node { words, ..text() }.about("What happens; docs/faults.md explains each."))
        .with("delay", delay.about("How long: \"250ms\", { from = \"100ms\", to = \"300ms\" } or { mean = \"200ms\", cap = \"2s\" }."))
        .with("status", count(200, 599).about("The status that is answered."))
        .with("body", text().about("The body that is sent; in poison, {id} is the id of the message beside it."))
        .with("retry_after", duration().about("The Retry-After header of the answer."))
        .with("legal", flag().about("The sender may be lied to like that, so the pipeline has to survive it."))
        .with("at_most", count(0, 100_000).about("How many pass at once."))
        .with("above", count(0, 100_000).about("How many at once it still bears."))
        .with("field", text().about("Which field of the JSON body."))
        .with("by", by.about("A number's change (\"+3\", \"x2\"), a clock's (\"+90s\"), or how many later messages overtake (3)."))
        .with("bytes", count(0, 1 << 20).about("How many bytes of the body still come."))
        .with("over", duration().about("From the first byte to the last."))
        .with("rate", rate.about("Bytes per second: \"16KiB/s\"."))
        .with("within", duration().about("How long a message waits at most to be overtaken."))
        .with("for", duration().about("For how long."))
        .with("down_for", duration().about("For how long the process is away."))
        .with("role", Node { words: ROLES.to_vec(), ..text() }.about("Which process of the reference pipeline."))
        .with("point", text().about("Which crash point, as relay.published-not-marked."))
        .with("nth", count(1, u64::MAX).about("At which passage of the point."))
}

fn whom(node: Node) -> Node {
    node.with("hop", text().about("Where: sales, factory, callback, aws, aws.ROLE, database. Everywhere, when it is left out."))
        .with("method", text().about("Only requests with this HTTP method."))
        .with("path", text().about("Only requests to this path."))
        .with("action", text().about("Only this action of SQS, SNS or SES, or COMMIT on a database."))
        .with("attribute", Node { min_properties: Some(1), max_properties: Some(1), ..table_of(text()) }.about("Only messages with it."))
        .with("share", share().about("The share of what comes that is struck, decided by the business id: \"30%\"."))
        .with("first", count(1, u64::MAX).about("Only so many, then never again."))
}

fn when(node: Node) -> Node {
    node.with("from", duration().about("From this moment of the run."))
        .with("until", duration().about("Until this moment of the run; until the last arrival, when it is left out."))
        .with("after_requests", count(0, u64::MAX).about("Only after so many requests on the hop."))
        .with("until_requests", count(1, u64::MAX).about("Only until so many requests on the hop."))
        .with("after_sales", count(0, u64::MAX).about("Only after so many sales."))
        .with("until_sales", count(1, u64::MAX).about("Only until so many sales."))
        .with("phase", text().about("Only during the stage of that name."))
        .with("times", count(1, 1_000).about("How often it happens."))
        .with("every", duration().about("How far apart."))
}
