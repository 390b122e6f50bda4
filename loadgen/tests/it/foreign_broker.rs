//! The pipeline on an SQS and SNS that belongs to somebody else: here to a broker that the test starts for itself.

use std::fs;
use std::process::{Child, Stdio};

use loadgen::result::RunResult;
use loadgen::verify::judgement::Verdict;
use serde_json::Value;

use crate::whole_command::{Desk, SHORT, text, until};

/// A broker in a process of its own, which ends when its input does.
struct Broker {
    process: Child,
    url: String,
}

impl Broker {
    fn start(desk: &Desk) -> Self {
        let args = ["reference", "serve", "broker", "--data", "broker", "--exit-with-parent", "--ready", "json", "--log-level", "error"];
        let process = desk.loadgen(&args).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let addresses = desk.path("broker/addresses.json");
        let url = until("the broker to say where it is", || {
            let said: Value = serde_json::from_slice(&fs::read(&addresses).ok()?).ok()?;
            Some(said["addresses"]["broker"].as_str()?.to_owned())
        });
        Self { process, url }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // Our own child, which has ended or is about to.
        let _ = self.process.wait();
    }
}

#[test]
fn a_run_on_another_broker_passes_and_says_how_it_is_made_again_there() {
    let desk = Desk::new(SHORT);
    let broker = Broker::start(&desk);
    let output = desk.loadgen(&["--scenario", "scenario.toml", "--seed", "7", "--out", "runs", "--backend", &broker.url]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let folder = desk.run_folder();
    let result = RunResult::read(&folder).unwrap();
    assert_eq!(result.verdict(), Verdict::Pass);
    assert!(result.run.target.ends_with("on another's SQS and SNS"), "{}", result.run.target);
    let ground = format!(" --backend {}", broker.url);
    assert!(result.run.replay.ends_with(&ground), "{}", result.run.replay);
    let again = text(&output.stdout).lines().find(|line| line.trim_start().starts_with("again ")).map(str::to_owned);
    assert!(again.is_some_and(|line| line.ends_with(&ground)), "{}", text(&output.stdout));
    // It follows from the run folder alone: the broker is gone when somebody looks at an old run.
    drop(broker);
    let checked = desk.loadgen(&["check", folder.to_str().unwrap(), "--format", "json"]).output().unwrap();
    let checked: RunResult = serde_json::from_slice(&checked.stdout).unwrap();
    assert!(checked.run.replay.ends_with(&ground), "{}", checked.run.replay);
}
