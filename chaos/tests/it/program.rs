//! The program, as a user starts it.

use std::fs;
use std::path::Path;
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
async fn a_tap_without_file_handles_says_so_and_serves_again_when_it_has_some() {
    let service = Service::hello().await;
    let upstream = format!("http://{}", service.address);
    let mut child = program().args(["--journal", "--hop", "sales", "--upstream", &upstream]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&within("the first line", lines.next_line()).await.unwrap().unwrap()).unwrap();
    let address = first["address"].as_str().unwrap().parse().unwrap();
    let pid = child.id().unwrap();
    let limit = async |files: u32| {
        let set = Command::new("prlimit").args(["--pid", &pid.to_string(), &format!("--nofile={files}:4096")]).status().await;
        assert!(set.unwrap().success(), "prlimit");
    };
    let free = (0..).find(|handle| !Path::new(&format!("/proc/{pid}/fd/{handle}")).exists()).unwrap();
    // No handle for the buyer's connection; then one, and none for the connection to the upstream.
    limit(free).await;
    let asked = tokio::spawn(async move { post(address, "/checkout", "", "").await });
    for (files, wanted) in [(free, "accept a connection"), (free + 1, "open a connection")] {
        limit(files).await;
        loop {
            let line = within("the journal to tell", lines.next_line()).await.unwrap().expect("more lines");
            let told: Value = serde_json::from_str(&line).unwrap();
            if told["event"] == "shortage" && told["wanted"] == wanted {
                assert_eq!((&told["hop"], &told["error"]), (&"sales".into(), &"Too many open files (os error 24)".into()));
                break;
            }
        }
    }
    assert_eq!(within("the buyer to be sent away", asked).await.unwrap(), Got::Reset);
    limit(256).await;
    assert_eq!(post(address, "/checkout", "", "").await, hello());
}

/// Text of the first block of a page whose fence contains this.
fn block(page: &str, fence: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page)).unwrap();
    let mut lines = text.lines().skip_while(|line| !(line.starts_with("```") && line.contains(fence)));
    assert!(lines.next().is_some(), "{page} has a block with {fence}");
    lines.take_while(|line| !line.starts_with("```")).map(|line| format!("{line}\n")).collect()
}

/// As typed, each from the folder in which the plan lies that the second page shows.
#[tokio::test]
async fn every_page_that_starts_a_tap_is_right_and_ctrl_c_ends_it_well() {
    for page in ["README.md", "chaos/README.md"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plan.toml"), block("chaos/README.md", "toml")).unwrap();
        let typed = block(page, "by chaos/tests/it/program.rs");
        let words = format!("chaos() {{ exec \"$CHAOS\" \"$@\"; }}\ncargo() {{ chaos \"${{@:5}}\"; }}\n{typed}");
        let mut shell = Command::new("/bin/bash");
        shell.args(["-c", &words]).current_dir(folder.path()).env("CHAOS", env!("CARGO_BIN_EXE_chaos"));
        let mut child = shell.stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = within("the first line", lines.next_line()).await.unwrap().expect("it says where it listens");
        let listening: Value = serde_json::from_str(&first).unwrap();
        assert_eq!((&listening["event"], &listening["upstream"]), (&"listening".into(), &"127.0.0.1:3000".into()), "{page}: {first}");

        kill(Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()), Signal::SIGINT).unwrap();
        let mut told = Vec::new();
        while let Some(line) = within("the journal to end", lines.next_line()).await.unwrap() {
            told.push(serde_json::from_str::<Value>(&line).unwrap());
        }
        assert_eq!(within("the program to end", child.wait()).await.unwrap().code(), Some(0), "{page}");
        assert!(told.iter().any(|event| event["rule"] == "answers-lost"), "{page}: {told:?}");
        assert_eq!(told.last().unwrap()["event"], "ended", "{page}");
    }
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
