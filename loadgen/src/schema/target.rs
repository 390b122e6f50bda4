//! Target files, section by section, as `target::parse` reads them.

use super::node::{Further, Node, count, duration, either, formed, one_of, table, table_of, text};

pub(super) fn root() -> Node {
    let where_it_is = [Node { required: vec!["url"], ..Node::default() }, Node { required: vec!["start"], ..Node::default() }];
    let root = table()
        .with_required("name", text().about("What reports call it."))
        .with_required("about", text().about("What it is, in one sentence."))
        .with("url", formed("^http://").about("Where the API is; http://127.0.0.1:{port}, when the harness starts it."))
        .with("start", start())
        .with_required("product", product().list().about("Once for each product that is bought."))
        .with("browse", browse())
        .with_required("purchase", purchase())
        .with("stock", stock())
        .with("ledger", ledger())
        .with("factory", factory())
        .with("aws", aws())
        .with("queue", Node { kind: Some("array"), items: Some(Box::new(queue())), ..Node::default() }.about("Queues; they need [aws]."))
        .with("drained", drained());
    Node {
        schema: Some("http://json-schema.org/draft-07/schema#"),
        title: Some("A system for rushproof"),
        any_of: where_it_is.to_vec(),
        ..root
    }
}

fn pointer() -> Node {
    formed("^/")
}

/// A method and a path.
fn request() -> Node {
    formed(r"^\s*(GET|POST|PUT|PATCH|DELETE)\s+/[^ #]*\s*$")
}

fn headers() -> Node {
    table_of(text()).about("Headers of the request.")
}

fn yes_or_no() -> Node {
    one_of(&["yes", "no"])
}

/// A value: a pointer, or a pointer and a regular expression.
fn value(about: &str) -> Node {
    let found = table()
        .with("at", pointer().about("JSON pointer; the whole body as text, when it is left out."))
        .with("matches", text().about("A regular expression whose first group it is."));
    either([pointer(), found]).about(format!("{about} A pointer (\"/left\"), or {{ at = \"/message\", matches = \"left: ([0-9]+)\" }}."))
}

/// A rule, or a list of rules.
fn rules(about: &str) -> Node {
    let rule = || Node {
        min_properties: Some(1),
        ..table()
            .with(
                "status",
                formed("^([1-5][0-9][0-9]|[1-5]xx|any)$").about("\"200\", \"4xx\" or \"any\"; 200 to 299, when it is left out."),
            )
            .with("at", pointer().about("JSON pointer; the whole body as text, when it is left out."))
            .with("is", text().about("What stands there."))
            .with("matches", text().about("A regular expression that it matches."))
    };
    let list = Node { kind: Some("array"), items: Some(Box::new(rule())), ..Node::default() };
    either([rule(), list]).about(format!("{about} {{ at = \"/result\", is = \"ok\" }}, or a list of which one must fit."))
}

fn start() -> Node {
    table()
        .with_required("command", text().list().about("The program and its arguments."))
        .with("folder", text().about("Its working folder, relative to this file."))
        .with("env", table_of(text()).about("Its environment; of yours only PATH, HOME and the like are passed on."))
        .with("ready", pointer().about("Path that answers below 500 when it is ready; without it, its port is waited for."))
        .with("ready_within", duration().about("30s, when it is left out."))
        .with("stop_within", duration().about("5s, when it is left out."))
        .about("How to start it; leave it out for a system that runs already.")
}

fn product() -> Node {
    let words = Some(Further::Are(Box::new(text())));
    Node { additional_properties: words, ..table().with_required("id", text().about("What stands at {product}.")) }
        .about("An id, and further words: what stands at {product.WORD}.")
}

fn browse() -> Node {
    table()
        .with_required("request", request().about("A method and a path: \"GET /breads/{product}\"."))
        .with("headers", headers())
        .with("body", text().about("What is sent along."))
        .with_required("shown", rules("What a page looks like."))
        .with("left", value("The stock that it shows."))
        .about("How one looks; without it nobody does.")
}

fn purchase() -> Node {
    table()
        .with_required("request", request().about("A method and a path: \"POST /orders\"."))
        .with("headers", headers())
        .with("body", text().about("One that begins with a brace is sent as JSON, any other as a form."))
        .with("idempotency_header", text().about("Header that makes a purchase repeatable."))
        .with("unknown", text().about("A path of something that nobody sells, for hostile buyers."))
        .with_required("sold", rules("How to tell that it was sold."))
        .with_required("sold_out", rules("How to tell that it was refused for lack of stock."))
        .with("rejected", rules("Answers that promise that nothing was done, whatever their status."))
        .with("order", value("The order's id."))
        .with(
            "production",
            either([one_of(&["{key}"]), value("")]).about("What a refusal promises; {key}, when it carries the order's own key."),
        )
        .with("units", value("Pieces."))
        .with("left", value("The stock left."))
        .with("sold_out_promises_goods", yes_or_no().about("Whether a refusal promises goods at all; yes, when there is a [factory]."))
        .about("How one buys.")
}

fn database() -> Node {
    let ways = "\"sqlite:///path/to/shop.db\" or \"mysql://shop:{env:SHOP_PASSWORD}@127.0.0.1:3306/shop\"";
    formed("^(sqlite|mysql|mariadb):").about(format!("With it, what is asked is SQL: {ways}."))
}

/// Without a database these keys are what HTTP makes of them.
fn unless_sql(keys: Node) -> Vec<Node> {
    vec![Node { required: vec!["database"], ..Node::default() }, keys]
}

fn stock() -> Node {
    let http = Node::default().with("read", request()).with("reset", request());
    let stock = table()
        .with("database", database())
        .with_required("read", text().about("\"GET /breads/{product}\", or a SELECT."))
        .with("reset", text().about("Sets it to {quantity} before the run: \"PUT /breads/{product}\", or a statement."))
        .with("reset_body", text().about("What is sent along."))
        .with("headers", headers())
        .with("at", value("How many there are."))
        .with("rows", pointer().about("Where the answer has its list."))
        .with("find", pointer().about("Where a row names its product."))
        .about("How the stock is read, and set before the run.");
    Node { any_of: unless_sql(http), ..stock }
}

fn ledger() -> Node {
    let rows = ["rows", "key", "product", "quantity"].into_iter();
    let http = rows.fold(Node::default().with("read", request()), |http, key| http.with(key, pointer()));
    let ledger = table()
        .with("database", database())
        .with_required("read", text().about("\"GET /orders\", or a SELECT."))
        .with("headers", headers())
        .with("body", text().about("What is sent along."))
        .with("rows", text().about("Where the answer has its list."))
        .with_required("key", text().about("Where a row has what you sent at {key}: a pointer, or a column."))
        .with("product", text().about("Where a row names its product."))
        .with_required("quantity", text().about("Where a row says how many."))
        .with("sold", rules("Rows that are sales."))
        .about("The orders that the system knows of; with it, lost orders and phantom sales are found one by one.");
    Node { any_of: unless_sql(http), ..ledger }
}

fn factory() -> Node {
    let delivery = table()
        .with_required("topic", text().about("One of aws.topics."))
        .with("subject", text().about("The message's subject."))
        .with("message", text().about("The message."))
        .with("attributes", table_of(text()).about("Its attributes."))
        .about("A message instead of a call.");
    table()
        .with_required("path", pointer().about("Where orders are POSTed."))
        .with("listen", text().about("A fixed address, for a target that runs already: \"127.0.0.1:8081\"."))
        .with("product", value("Where an order names its product."))
        .with_required("units", value("Where an order says how many."))
        .with("production", value("What makes two calls the same order."))
        .with("accepted", text().about("Body of its answer."))
        .with("callback", text().about("Address of its report; \"{order:/CallbackUrl}\" takes it from the order."))
        .with("callback_body", text().about("Body of its report."))
        .with("delivery", delivery)
        .with("open_per_product", count(1, 1_000_000).about("Most orders of one product that may be open."))
        .with("pieces_per_shortage", count(1, 1_000).about("Most pieces that are ordered for each piece that is missing."))
        .about("The legacy factory, which the harness plays.")
}

fn aws() -> Node {
    let topics = Node { kind: Some("array"), items: Some(Box::new(text())), ..Node::default() };
    table()
        .with("endpoint", formed("^http://").about("An endpoint of yours; without it the embedded broker serves."))
        .with("topics", topics.about("Names of the topics."))
        .with("mail", yes_or_no().about("Whether it mails somebody through SES."))
        .about("SQS, SNS and SES.")
}

fn queue() -> Node {
    table()
        .with_required("name", text().about("The queue's name."))
        .with("topic", text().about("The topic that it hangs on, one of aws.topics."))
        .with("dlq", text().about("The name of its dead-letter queue."))
        .with("visibility_timeout", duration().about("How long a received message stays invisible."))
        .with("max_receive_count", count(1, 1_000).about("Receives after which a message is a dead letter."))
        .with("production", text().about("Where a message names its production: an attribute, or a pointer into its JSON."))
        .with("product", text().about("Where a message names its product."))
        .with("units", text().about("Where a message says how many."))
}

fn drained() -> Node {
    table()
        .with("get", pointer().about("A path whose answer says whether it is at rest."))
        .with("when", rules("What that answer is at rest."))
        .with("quiet_for", duration().about("How long everything must have been quiet, when that is longer than the scenario's."))
        .about("When it is at rest.")
}
