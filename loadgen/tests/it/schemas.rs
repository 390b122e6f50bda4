//! The schemas that editors read: they lie beside the files that they describe, fit all of them, and know what the reader knows.

mod keys;
mod values;

use std::fs;
use std::path::{Path, PathBuf};

use loadgen::init;
use loadgen::scenario::Scenario;
use loadgen::schema::SchemaOf;
use loadgen::target::Target;
use serde_json::Value;

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// What the reader says of a text: every mistake, a line each.
fn reader_says(of: SchemaOf, text: &str) -> Vec<String> {
    let mistakes = match of {
        SchemaOf::Scenario => Scenario::parse("it.toml", text).err().map(|error| error.to_string()),
        SchemaOf::Target => Target::parse("it.toml", text).err().map(|error| error.to_string()),
    };
    mistakes.iter().flat_map(|mistakes| mistakes.lines()).map(str::to_owned).collect()
}

/// What the schema says of the same text.
fn schema_says(schema: &jsonschema::Validator, text: &str) -> Vec<String> {
    let table: toml::Table = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let value = serde_json::to_value(table).unwrap();
    schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn schema(of: SchemaOf) -> Value {
    serde_json::from_str(&of.document()).unwrap()
}

/// Shipped files of one kind, in folders below folders as well.
fn shipped(of: SchemaOf) -> Vec<PathBuf> {
    let mut folders = vec![root().join(match of {
        SchemaOf::Scenario => "scenarios",
        SchemaOf::Target => "targets",
    })];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn the_schemas_lie_beside_the_files_that_they_describe() {
    for (of, folder) in [(SchemaOf::Scenario, "scenarios"), (SchemaOf::Target, "targets")] {
        let path = root().join(folder).join(of.file_name());
        let kept = fs::read_to_string(&path).unwrap_or_default();
        let name = folder.trim_end_matches('s');
        assert!(
            kept == of.document(),
            "{} is not today's: cargo run -p loadgen -- schema {name} > {folder}/{}",
            path.display(),
            of.file_name()
        );
    }
}

#[test]
fn every_shipped_file_names_its_schema_and_fits_it() {
    for of in [SchemaOf::Scenario, SchemaOf::Target] {
        let validator = jsonschema::validator_for(&schema(of)).unwrap();
        let files = shipped(of);
        assert!(files.len() >= 4, "{files:?}");
        for path in files {
            let text = fs::read_to_string(&path).unwrap();
            let named = text.lines().next().and_then(|line| line.strip_prefix("#:schema ")).unwrap_or_else(|| panic!("{}", path.display()));
            let beside = path.parent().unwrap().join(named);
            assert!(beside.is_file() && beside.ends_with(of.file_name()), "{}: {named}", path.display());
            assert_eq!(schema_says(&validator, &text), Vec::<String>::new(), "{}", path.display());
        }
    }
}

#[test]
fn what_newcomers_are_handed_fits_and_a_slip_of_the_pen_does_not() {
    for (of, text, slip) in [(SchemaOf::Scenario, init::SCENARIO, "browse"), (SchemaOf::Target, init::TARGET, "sold_out")] {
        let validator = jsonschema::validator_for(&schema(of)).unwrap();
        assert_eq!(schema_says(&validator, text), Vec::<String>::new());
        let slipped = text.replace(&format!("\n{slip} ="), &format!("\n{slip}e ="));
        assert_ne!(slipped, text);
        assert!(!schema_says(&validator, &slipped).is_empty() && !reader_says(of, &slipped).is_empty(), "{slip}");
    }
}
