//! The run that is committed under `reports/sample` stays readable, and is judged as it was.

use std::path::{Path, PathBuf};
use std::process::Command;

use loadgen::result::RunResult;

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/sample")
}

#[test]
fn the_committed_sample_is_judged_as_it_was() {
    let before = RunResult::read(&sample()).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_loadgen")).arg("check").arg(sample()).args(["--format", "json"]).output().unwrap();
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stderr));
    let again: RunResult = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!(again.proof, before.proof);
    assert_eq!(again.totals, before.totals);
    assert_eq!(again.latency, before.latency);
}

#[test]
fn the_committed_sample_is_no_slower_than_itself() {
    let result = sample().join("result.json");
    let check = Command::new(env!("CARGO_BIN_EXE_loadgen")).arg("check").arg(sample()).arg("--gate").arg(result).output().unwrap();
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stderr));
}
