//! Schema and reader take the same values: each key is given one value after the other, and both are asked.

use std::collections::BTreeSet;

use loadgen::schema::SchemaOf;
use toml::{Table, Value};

use super::{reader_says, schema, schema_says};

/// A scenario with every key that has a value of its own.
const SCENARIO: &str = r#"
name = "full"
about = "Has everything."
edition = "donut"
expect_verdict = "pass"
[stock]
"CP-502101" = { pieces = 40, share = "100%" }
[[stage]]
name = "rise"
duration = "10s"
from = "8/s"
to = "40/s"
[[stage]]
name = "peak"
duration = "20s"
rate = "40/s"
[buyers]
browse = "25%"
quantities = { "1" = "80%", "2" = "20%" }
double_click = "4%"
patience = "5s"
retries = 2
retry_after = "500ms"
come_back = "30%"
come_back_after = "3s"
come_backs = 1
[hostile]
share = "1%"
tricks = ["negative_count"]
[pipeline]
production_time = "1s"
factory_capacity = 4
factory_collapse = 9
visibility_timeout = "5s"
max_receive_count = 4
confirm_after = "9s"
[drain]
timeout = "1h"
quiet_for = "1s"
[expect]
min_sold = 1
min_sold_out = 1
min_restocks = 1
min_info = 0
min_redeliveries = 0
min_hostile = 0
[limits]
lateness_p99 = "250ms"
latency_p99 = "1s"
recovery = "30s"
dead_letters = 1
mails_per_episode = 2
growth = "20%"
[abort]
dead_letters = 9
backlog = 100
unknown_share = "50%"
stock_below = 1
"#;

/// A target with every key that has a value of its own.
const TARGET: &str = r#"
name = "full"
about = "Has everything."
url = "http://127.0.0.1:{port}"
[start]
command = ["python3", "shop.py"]
folder = "."
env = { PORT = "{port}" }
ready = "/health"
ready_within = "10s"
stop_within = "5s"
[[product]]
id = "rye"
oven = "1"
[browse]
request = "GET /breads/{product}"
headers = { Accept = "application/json" }
body = "{}"
shown = { at = "/left" }
left = "/left"
[purchase]
request = "POST /orders"
headers = { Accept = "application/json" }
body = '{"count": {quantity}}'
idempotency_header = "Idempotency-Key"
unknown = "/breads/stone"
sold = [{ at = "/result", is = "ok" }]
sold_out = { status = "4xx", matches = "sorry" }
rejected = { status = "any", at = "/result", is = "no" }
order = "/id"
production = "/batch"
units = "/count"
left = { at = "/message", matches = "left: ([0-9]+)" }
sold_out_promises_goods = "yes"
[stock]
read = "GET /breads"
reset = "PUT /breads/{product}"
reset_body = '{"left": {quantity}}'
headers = { Accept = "application/json" }
at = "/left"
rows = "/breads"
find = "/id"
[ledger]
read = "GET /orders"
headers = { Accept = "application/json" }
body = "{}"
rows = "/orders"
key = "/customer"
product = "/bread"
quantity = "/count"
sold = { at = "/result", is = "sold" }
[factory]
path = "/bake"
listen = "127.0.0.1:8081"
product = "/bread"
units = "/loaves"
production = "/batch"
accepted = "{}"
callback = "{order:/tell}"
callback_body = "{}"
open_per_product = 1
pieces_per_shortage = 2
[aws]
endpoint = "http://127.0.0.1:4566"
topics = ["bread-wanted"]
mail = "no"
[[queue]]
name = "bread-orders"
topic = "bread-wanted"
dlq = "dead"
visibility_timeout = "5s"
max_receive_count = 3
production = "/customer"
product = "/bread"
units = "/count"
[drained]
get = "/status"
when = { at = "/busy", is = "no" }
quiet_for = "2s"
"#;

/// A small scenario for each fault and incident, whose parameters the catalogue gives as examples; the same parameter is not asked twice.
fn faults() -> Vec<String> {
    let words = chaos::plan::FAULTS.iter().map(|fault| (fault.word, fault.parameters, ""));
    let incidents = chaos::plan::INCIDENTS.iter().map(|incident| (incident.word, incident.parameters, "from = \"1s\"\n"));
    let mut asked = BTreeSet::new();
    let new =
        words.chain(incidents).filter(|(_, parameters, _)| parameters.split(", ").any(|parameter| asked.insert(parameter.to_owned())));
    let tables = new.map(|(word, parameters, moment)| {
        let parameters = parameters.replace(", ", "\n");
        format!("[[fault]]\nname = \"a\"\nfault = \"{word}\"\n{moment}{parameters}\n")
    });
    let scenario = |verdict: &str, table: &str| {
        let who = "[stock]\n\"CP-502101\" = 9\n[[stage]]\nname = \"peak\"\nduration = \"60s\"\nrate = \"5/s\"\n";
        format!("name = \"a\"\nabout = \"A.\"\nexpect_verdict = \"{verdict}\"\n{who}{table}")
    };
    // A control ends with FAIL, everything else with PASS.
    let sound = |table: String| {
        let passing = scenario("pass", &table);
        if reader_says(SchemaOf::Scenario, &passing).is_empty() { passing } else { scenario("fail", &table) }
    };
    tables.map(sound).collect()
}

/// What is put in the place of every value.
const PROBES: &[&str] = &[
    "\"\"",
    "\"x\"",
    "\"5s\"",
    "\"5 s\"",
    "\"250\"",
    "\"1.5h\"",
    "\"10%\"",
    "\"140%\"",
    "\"8/s\"",
    "\"8/h\"",
    "\"/left\"",
    "\"GET /a\"",
    "\"FETCH /a\"",
    "\"http://127.0.0.1:1\"",
    "\"200\"",
    "\"9xx\"",
    "\"yes\"",
    "\"pass\"",
    "\"donut\"",
    "\"+3\"",
    "\"-90s\"",
    "\"16KiB/s\"",
    "\"sales\"",
    "0",
    "3",
    "-3",
    "2000000",
    "1.5",
    "true",
    "[]",
    "[\"a\"]",
    "[1]",
    "{}",
    "{ a = \"b\" }",
    "{ a = 1 }",
    "{ at = \"/left\" }",
];

/// What a mistake about the kind of a value ends with; other mistakes are beyond a schema.
const KINDS: &[&str] = &[
    "a text",
    "a duration",
    "a share",
    "a rate",
    "a list of texts",
    "a status",
    "a JSON pointer",
    "a request",
    "yes or no",
    "a table",
    "a change of a number",
    "a time ahead or behind",
];

/// Every value of a table that is no table itself, and every list, by its path.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Table(table) => table.iter().for_each(|(key, inner)| paths(inner, &format!("{path}/{key}"), found)),
        Value::Array(items) if items.iter().any(Value::is_table) => {
            items.iter().enumerate().for_each(|(index, item)| paths(item, &format!("{path}/{index}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}

fn at<'v>(value: &'v mut Value, path: &str) -> &'v mut Value {
    path.split('/').skip(1).fold(value, |value, step| match value {
        Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
        value => &mut value[step],
    })
}

/// As the reader writes it: `stage[0].name`.
fn as_written(path: &str) -> String {
    let steps = path.split('/').skip(1);
    steps.fold(String::new(), |text, step| match step.parse::<usize>() {
        Ok(index) if !text.is_empty() => format!("{text}[{index}]"),
        _ if text.is_empty() => step.to_owned(),
        _ => format!("{text}.{step}"),
    })
}

/// Puts every probe in the place of every value below `top`, and asks both.
fn probe(of: SchemaOf, text: &str, top: &str) {
    let validator = jsonschema::validator_for(&schema(of)).unwrap();
    assert_eq!(reader_says(of, text), Vec::<String>::new(), "the text to begin with:\n{text}");
    assert_eq!(schema_says(&validator, text), Vec::<String>::new(), "the text to begin with:\n{text}");
    let whole = Value::Table(toml::from_str::<Table>(text).unwrap());
    let (mut places, mut apart) = (Vec::new(), Vec::new());
    paths(&whole, "", &mut places);
    for place in places.iter().filter(|place| place.starts_with(top)) {
        for probe in PROBES {
            let mut probed = whole.clone();
            *at(&mut probed, place) = toml::from_str::<Table>(&format!("v = {probe}")).unwrap()["v"].clone();
            let probed = toml::to_string(&probed).unwrap();
            let (schema, reader) = (schema_says(&validator, &probed), reader_says(of, &probed));
            if !schema.is_empty() && reader.is_empty() {
                apart.push(format!("{place} = {probe}: the schema refuses what the reader takes: {schema:?}"));
            }
            let written = as_written(place);
            let kind = reader.iter().find(|line| KINDS.iter().any(|kind| line.contains(&format!("`{written}` is not {kind};"))));
            if let (Some(kind), true) = (kind, schema.is_empty()) {
                apart.push(format!("{place} = {probe}: the schema takes what the reader does not: {kind}"));
            }
        }
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
}

#[test]
fn scenarios_and_their_schema_take_the_same_kinds_of_values() {
    probe(SchemaOf::Scenario, SCENARIO, "");
}

#[test]
fn targets_and_their_schema_take_the_same_kinds_of_values() {
    probe(SchemaOf::Target, TARGET, "");
}

#[test]
fn faults_and_their_schema_take_the_same_kinds_of_values() {
    let faults = faults();
    assert!(faults.len() > 15, "{faults:#?}");
    for text in faults {
        probe(SchemaOf::Scenario, &text, "/fault");
    }
}
