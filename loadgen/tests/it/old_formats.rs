//! Histories and results of earlier formats stay readable, and what a later version wrote is refused with a way out.
//!
//! `tests/data` is frozen: `format-1` holds every kind of line and row that format 1 had, `format-2` a run with faults from before
//! format 3. They are never regenerated; a format that cannot read them any more must say so, and get a folder of its own.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use loadgen::history::event::{FORMAT, Line};
use loadgen::history::{HistoryReadError, HistoryReader};
use loadgen::result::{ResultError, RunResult, SCHEMA};
use loadgen::verify::judgement::{Judgement, Verdict};
use loadgen::verify::{Expectations, judge};
use serde_json::Value;

fn frozen(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

/// The frozen history, compressed as a run's is.
fn compressed(text: &str, folder: &Path) -> PathBuf {
    let path = folder.join("history.jsonl.zst");
    let mut encoder = zstd::Encoder::new(fs::File::create(&path).unwrap(), 0).unwrap();
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
    path
}

/// Whether everything that was said is still said; more may be.
fn still_says(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => then.iter().all(|(key, value)| now.get(key).is_some_and(|now| still_says(now, value))),
        (Value::Array(now), Value::Array(then)) => now.len() == then.len() && now.iter().zip(then).all(|(now, then)| still_says(now, then)),
        _ => now == then,
    }
}

/// What format 1 left out when it was false or zero; later versions may do so as well.
fn is_silence(then: &Value) -> bool {
    matches!(then, Value::Bool(false)) || then.as_u64() == Some(0)
}

/// Reads every line, and returns the kinds of lines that there are.
fn mean_what_they_meant(text: &str) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for line in text.lines() {
        let mut then: Value = serde_json::from_str(line).unwrap();
        kinds.insert(format!(
            "{}{}",
            then["type"].as_str().unwrap(),
            then["row"].as_str().map(|row| format!(" {row}")).unwrap_or_default()
        ));
        let read: Line = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let now = serde_json::to_value(&read).unwrap();
        if let Some(fields) = then.as_object_mut() {
            fields.retain(|key, value| now.get(key).is_some() || !is_silence(value));
        }
        assert!(still_says(&now, &then), "{now}\n  is not\n{then}");
    }
    kinds
}

#[test]
fn every_line_of_format_1_is_read_and_means_what_it_meant() {
    let kinds = mean_what_they_meant(&fs::read_to_string(frozen("format-1/history.jsonl")).unwrap());
    // All that format 1 had: twelve events, and fifteen kinds of rows in a thirteenth.
    assert_eq!(kinds.len(), 12 + 15, "{kinds:#?}");
}

#[test]
fn every_line_of_format_2_is_read_and_means_what_it_meant() {
    let text = zstd::decode_all(fs::File::open(frozen("format-2/history.jsonl.zst")).unwrap()).unwrap();
    let kinds = mean_what_they_meant(std::str::from_utf8(&text).unwrap());
    assert!(kinds.contains("exchange") && kinds.len() == 13 + 12, "{kinds:#?}");
}

#[test]
fn a_run_of_format_2_is_judged_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["history.jsonl.zst", "plan.json", "fired.json", "result.json"] {
        fs::copy(frozen("format-2").join(file), folder.path().join(file)).unwrap();
    }
    let mut check = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    let output = check.args(["check", "--format", "json"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let now: Value = serde_json::from_slice(&output.stdout).unwrap();
    let then: Value = serde_json::from_slice(&fs::read(frozen("format-2/result.json")).unwrap()).unwrap();
    assert!(still_says(&now["proof"]["properties"], &then["proof"]["properties"]), "{}", now["proof"]["properties"]);
    assert_eq!(now["totals"]["orders"], then["totals"]["orders"]);
}

#[test]
fn a_run_of_format_1_is_judged_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = compressed(&fs::read_to_string(frozen("format-1/history.jsonl")).unwrap(), folder.path());
    let lines: Vec<Line> = HistoryReader::open(&path).unwrap().map(Result::unwrap).collect();
    let proof = judge(|| Ok::<_, Infallible>(lines.iter().cloned().map(Ok::<_, Infallible>)), &Expectations::default());
    for result in &proof.properties {
        let seen_too_short = result.property.name() == "recovers in time";
        let expected = if seen_too_short { Judgement::Undecided } else { Judgement::Holds };
        assert_eq!(result.judgement, expected, "{result:#?}");
    }
    assert_eq!(proof.verdict, Verdict::Unknown, "{:#?}", proof.reasons);
    assert_eq!(proof.reasons.len(), 1, "{:#?}", proof.reasons);
}

#[test]
fn a_result_of_schema_1_is_read() {
    let result = RunResult::read(&frozen("format-1/result.json")).unwrap();
    assert_eq!((result.schema, result.run.scenario.as_str(), result.verdict()), (1, "rush", Verdict::Pass));
}

#[test]
fn what_a_later_version_wrote_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let newer = format!("\"format\":{}", FORMAT + 1);
    let text = fs::read_to_string(frozen("format-1/history.jsonl")).unwrap().replacen("\"format\":1", &newer, 1);
    let refused = HistoryReader::open(&compressed(&text, folder.path())).unwrap().next().unwrap().unwrap_err();
    assert!(matches!(refused, HistoryReadError::Newer { .. }), "{refused}");
    assert!(refused.to_string().contains("use the version that wrote it"), "{refused}");

    let path = folder.path().join("result.json");
    let newer = format!("\"schema\":{}", SCHEMA + 1);
    fs::write(&path, fs::read_to_string(frozen("format-1/result.json")).unwrap().replacen("\"schema\":1", &newer, 1)).unwrap();
    let refused = RunResult::read(&path).unwrap_err();
    assert!(matches!(refused, ResultError::Schema { .. }), "{refused}");
    assert!(refused.to_string().contains("use the version that wrote it"), "{refused}");
}
