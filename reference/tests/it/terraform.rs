//! What `deploy/terraform` builds is what the program expects: its table of names and settings is written from the program's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use reference::edition::topology::{QueueSettings, Topology};
use reference::edition::{Edition, EditionName};
use serde::Serialize;

/// Set it, and the table is written anew instead of compared.
const UPDATE: &str = "UPDATE_TOPOLOGY";

#[derive(Serialize)]
struct Table {
    topics: Vec<String>,
    queues: Vec<Queue>,
    callback_path: Option<&'static str>,
    roles: BTreeMap<&'static str, May>,
}

#[derive(Serialize)]
struct Queue {
    name: String,
    dlq: String,
    topic: String,
    visibility_timeout_seconds: u64,
    max_receive_count: u32,
    retention_seconds: u64,
    dlq_retention_seconds: u64,
}

/// What a role does on SNS and SQS, and so may do.
#[derive(Serialize)]
struct May {
    publishes: Vec<&'static str>,
    consumes: Option<&'static str>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/terraform")
}

fn table(edition: &Edition) -> Table {
    let topology = Topology::of(edition, QueueSettings::default());
    let topic_of = |queue: &str| {
        let links: Vec<_> = topology.subscriptions.iter().filter(|link| link.queue == queue).collect();
        assert_eq!(links.len(), 1, "{queue} hangs on one topic");
        links[0].topic.clone()
    };
    let queues = topology.queues.iter().map(|queue| Queue {
        name: queue.name.clone(),
        dlq: queue.dlq.clone(),
        topic: topic_of(&queue.name),
        visibility_timeout_seconds: queue.visibility_timeout.as_secs(),
        max_receive_count: queue.max_receive_count,
        retention_seconds: queue.retention.as_secs(),
        dlq_retention_seconds: queue.dlq_retention.as_secs(),
    });
    let consumes = |queue: &'static str| May { publishes: Vec::new(), consumes: Some(queue) };
    Table {
        topics: topology.topics.iter().map(|topic| topic.name.clone()).collect(),
        queues: queues.collect(),
        callback_path: edition.callback_path,
        roles: BTreeMap::from([
            ("sales", May { publishes: Vec::new(), consumes: None }),
            // The factory, which is not ours, publishes deliveries.
            ("relay", May { publishes: vec![edition.stock_topic, edition.sales_topic], consumes: None }),
            ("replenish", consumes(edition.stock_queue)),
            ("advertising", consumes(edition.ad_queue)),
            ("operations", consumes(edition.operations_queue)),
            ("receiving", May { publishes: Vec::new(), consumes: edition.delivery_queue }),
        ]),
    }
}

#[test]
fn terraform_builds_the_topics_queues_and_settings_that_the_program_expects() {
    let editions = BTreeMap::from([EditionName::Donut, EditionName::Shop].map(|name| (name.to_string(), table(name.edition()))));
    let expected = serde_json::to_string_pretty(&editions).unwrap() + "\n";
    let path = folder().join("topology/topology.json");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not what the program expects; {UPDATE}=1 cargo test -p reference terraform writes it anew",
        path.display()
    );
}

#[test]
fn every_attribute_of_the_table_is_used_by_the_resources() {
    let resources = std::fs::read_to_string(folder().join("topics_and_queues.tf")).unwrap();
    for attribute in ["dlq", "topic", "visibility_timeout_seconds", "max_receive_count", "retention_seconds", "dlq_retention_seconds"] {
        assert!(resources.contains(&format!("each.value.{attribute}")), "{attribute} is in the table, but no resource has it");
    }
}

/// Only what needs no provider, and so no network. Where there is no terraform, the test command has said so.
#[test]
fn terraform_reads_its_files_and_its_own_tests_of_the_table_pass() {
    let terraform = |folder: &Path, args: &[&str]| {
        let output = Command::new("terraform").current_dir(folder).args(args).env("CHECKPOINT_DISABLE", "1").output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "terraform {args:?}: {said}");
        std::io::Result::Ok(())
    };
    if let Err(error) = terraform(&folder(), &["fmt", "-check", "-recursive"]) {
        eprintln!("not checked: there is no terraform here ({error})");
        return;
    }
    // In a copy: terraform keeps its own files beside the sources.
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("tests")).unwrap();
    for file in ["main.tf", "topology.json", "tests/editions.tftest.hcl"] {
        std::fs::copy(folder().join("topology").join(file), copy.path().join(file)).unwrap();
    }
    for args in [["init", "-backend=false"].as_slice(), &["validate"], &["test"]] {
        terraform(copy.path(), args).unwrap();
    }
}
