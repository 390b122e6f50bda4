//! The program, as a user starts it.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::bench::{Got, Service, hello, post, within};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn it_says_where_it_listens_does_what_the_plan_says_and_heals_when_interrupted() {
    let service = Service::hello().await;
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    std::fs::write(&plan, "rule = [\n  { name = \"lost\", fault = \"lose-answer\", path = \"/checkout\", first = 1 },\n  { name = \"hole\", fault = \"blackhole\", path = \"/hole\" },\n]\n").unwrap();
    let upstream = format!("http://{}", service.address);
    let mut child =
        program().args(["--journal", "--seed", "7", "--hop", "sales", "--upstream", &upstream, "--plan"]).arg(&plan).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&within("the first line", lines.next_line()).await.unwrap().unwrap()).unwrap();
    let address = first["address"].as_str().unwrap().parse().unwrap();
    assert_eq!(post(address, "/checkout", "idempotency-key: k-1\r\n", "").await, Got::Reset);
    assert_eq!(post(address, "/checkout", "idempotency-key: k-1\r\n", "").await, hello());

    let swallowed = tokio::spawn(async move { post(address, "/hole", "", "").await });
    let mut events: Vec<Value> = Vec::new();
    while !events.iter().any(|event| event["rule"] == "hole") {
        let line = within("the journal to tell of the blackhole", lines.next_line()).await.unwrap().expect("more lines");
        events.push(serde_json::from_str(&line).unwrap());
    }
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGINT).unwrap();
    assert_eq!(within("the blackhole to end", swallowed).await.unwrap(), Got::Reset);
    while let Some(line) = within("the journal to end", lines.next_line()).await.unwrap() {
        events.push(serde_json::from_str(&line).unwrap());
    }
    assert_eq!(within("the program to end", child.wait()).await.unwrap().code(), Some(0));

    let lost = events.iter().find(|event| event["event"] == "rule" && event["rule"] == "lost").unwrap();
    assert_eq!((&lost["fired"], &lost["legality"]), (&Value::from(1), &Value::from("legal")));
    assert!(lost["healed_us"].is_u64(), "{lost}");
    let fired = events.iter().find(|event| event["event"] == "fired").unwrap();
    assert_eq!((&fired["ids"]["idempotency-key"], &fired["hop"]), (&Value::from("k-1"), &Value::from("sales")));
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["active_rules"], &last["held"]), (&"ended".into(), &0.into(), &0.into()));
}

#[tokio::test]
async fn a_plan_with_mistakes_is_usage_and_tells_them_all_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    std::fs::write(&plan, "[[rule]]\nname = \"a\"\nfault = \"again\"\nshare = 20\nfirst = \"3\"\n").unwrap();
    let output = program().args(["--upstream", "localhost:1", "--plan"]).arg(&plan).output().await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("plan.toml:4:9: `rule[0].share`") && error.contains("plan.toml:5:9: `rule[0].first`"), "{error}");
}

#[tokio::test]
async fn a_port_that_is_taken_names_its_flag() {
    let taken = crate::bench::listener().await;
    let listen = taken.local_addr().unwrap().to_string();
    let output = program().args(["--upstream", "localhost:1", "--listen", &listen]).output().await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.starts_with(&format!("error: --listen: cannot listen on {listen}: ")), "{error}");
}
