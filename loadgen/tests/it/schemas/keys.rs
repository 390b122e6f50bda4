//! Schema and reader know the same keys, table by table, and the schema asks for nothing that the reader can do without.

use std::collections::BTreeSet;

use chaos::plan::{FAULTS, INCIDENTS};
use loadgen::schema::SchemaOf;
use serde_json::Value;

use super::{reader_says, schema};

/// A key that nothing resembles.
const STRANGE: &str = "qqqqqqqqqqqqqq";

/// Every kind of table: where its schema is, and a text that has one with the strange key alone (`@`) in it.
const TABLES: &[(SchemaOf, &str, &str)] = &[
    (SchemaOf::Scenario, "", "@"),
    (SchemaOf::Scenario, "/properties/stock/additionalProperties/anyOf/1", "[stock]\n\"CP-502101\" = { @ }"),
    (SchemaOf::Scenario, "/properties/stage/items", "[[stage]]\n@"),
    (SchemaOf::Scenario, "/properties/closed", "[closed]\n@"),
    (SchemaOf::Scenario, "/properties/buyers", "[buyers]\n@"),
    (SchemaOf::Scenario, "/properties/hostile", "[hostile]\n@"),
    (SchemaOf::Scenario, "/properties/pipeline", "[pipeline]\n@"),
    (SchemaOf::Scenario, "/properties/drain", "[drain]\n@"),
    (SchemaOf::Scenario, "/properties/expect", "[expect]\n@"),
    (SchemaOf::Scenario, "/properties/limits", "[limits]\n@"),
    (SchemaOf::Scenario, "/properties/abort", "[abort]\n@"),
    (SchemaOf::Scenario, "/properties/swarm", "[swarm]\n@"),
    (SchemaOf::Target, "", "@"),
    (SchemaOf::Target, "/properties/start", "[start]\n@"),
    (SchemaOf::Target, "/properties/browse", "[browse]\n@"),
    (SchemaOf::Target, "/properties/purchase", "[purchase]\n@"),
    (SchemaOf::Target, "/properties/purchase/properties/sold/anyOf/0", "[purchase]\nsold = { @ }"),
    (SchemaOf::Target, "/properties/stock", "[stock]\n@"),
    (SchemaOf::Target, "/properties/stock/properties/at/anyOf/1", "[stock]\nat = { @ }"),
    (SchemaOf::Target, "/properties/ledger", "[ledger]\n@"),
    (SchemaOf::Target, "/properties/factory", "[factory]\n@"),
    (SchemaOf::Target, "/properties/factory/properties/delivery", "[factory.delivery]\n@"),
    (SchemaOf::Target, "/properties/aws", "[aws]\n@"),
    (SchemaOf::Target, "/properties/queue/items", "[aws]\n[[queue]]\n@"),
    (SchemaOf::Target, "/properties/drained", "[drained]\n@"),
];

/// The keys that the reader names when it finds the strange one.
fn known_to_the_reader(of: SchemaOf, text: &str) -> BTreeSet<String> {
    let says = reader_says(of, &text.replace('@', &format!("{STRANGE} = 1")));
    let unknown = says.iter().find(|line| line.contains(&format!("{STRANGE}`"))).unwrap_or_else(|| panic!("{text}: {says:#?}"));
    let (_, known) = unknown.split_once("; there are ").unwrap_or_else(|| panic!("{unknown}"));
    known.split(", ").map(str::to_owned).collect()
}

/// The keys that the reader misses in an empty table.
fn missed_by_the_reader(of: SchemaOf, text: &str) -> BTreeSet<String> {
    let says = reader_says(of, &text.replace('@', ""));
    let missing = says.iter().filter_map(|line| line.split_once("` is missing").map(|(before, _)| before));
    missing.map(|before| before.rsplit(['`', '.']).next().unwrap().to_owned()).collect()
}

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_table_has_the_keys_that_the_reader_knows() {
    for (of, pointer, text) in TABLES {
        let schema = schema(*of);
        let node = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        let properties: BTreeSet<String> = node["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(properties, known_to_the_reader(*of, text), "{of:?} {text:?}");
        assert_eq!(node["additionalProperties"], false, "{pointer}");
        let missed = missed_by_the_reader(*of, text);
        let required = texts(&node["required"]);
        assert!(
            text.contains('{') || required.is_subset(&missed),
            "{of:?} {text:?}: the reader misses {missed:?}, the schema {required:?}"
        );
    }
}

#[test]
fn every_fault_has_the_parameters_that_the_reader_knows_and_needs() {
    let schema = schema(SchemaOf::Scenario);
    let fault = &schema["properties"]["fault"]["items"];
    let words: Vec<&str> = FAULTS.iter().map(|fault| fault.word).chain(INCIDENTS.iter().map(|incident| incident.word)).collect();
    let cases = fault["allOf"].as_array().unwrap();
    assert_eq!(cases.len(), words.len());
    let properties = fault["properties"].as_object().unwrap();
    for (word, case) in words.into_iter().zip(cases) {
        assert_eq!(case["if"]["properties"]["fault"]["const"], word);
        let text = format!("[[fault]]\nname = \"a\"\nfault = \"{word}\"\n@");
        let names = texts(&case["then"]["propertyNames"]["enum"]);
        assert_eq!(names, known_to_the_reader(SchemaOf::Scenario, &text), "{word}");
        assert!(names.iter().all(|name| properties.contains_key(name)), "{word}");
        // An incident's moment is one of three keys; no single one of them is missing.
        let missed: BTreeSet<String> =
            missed_by_the_reader(SchemaOf::Scenario, &text).into_iter().filter(|key| names.contains(key)).collect();
        let missed: BTreeSet<String> = missed.into_iter().filter(|key| !["name", "fault"].contains(&key.as_str())).collect();
        assert_eq!(texts(&case["then"]["required"]), missed, "{word}");
    }
}
