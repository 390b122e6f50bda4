//! Commands as a new user types them: nothing is named, and the shop that runs is found.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reference::messaging::{Aws, AwsConfig};
use reference::serve::ready::Ready;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::wait;

const SOON: Duration = Duration::from_secs(60);

/// A user's session on a machine: folders of its own, and no variable that says anything.
#[derive(Debug)]
struct Session {
    home: TempDir,
}

/// A served shop.
#[derive(Debug)]
struct Served {
    child: Child,
    ready: Ready,
}

impl Session {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reference"));
        command.args(words).env_clear().env("TMPDIR", self.home.path()).env("XDG_RUNTIME_DIR", self.home.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn serve(&self, words: &[&str]) -> Served {
        let mut command = self.command(&["serve", "--ready", "json", "--log-level", "warn"]);
        let mut child = command.args(words).stderr(Stdio::inherit()).spawn().unwrap();
        let line = next_line(&mut BufReader::new(child.stdout.take().unwrap())).await;
        Served { child, ready: serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")) }
    }

    async fn run(&self, words: &[&str]) -> Output {
        let output = tokio::time::timeout(SOON, self.command(words).output()).await;
        output.unwrap_or_else(|_| panic!("{words:?} has not ended within {SOON:?}")).unwrap()
    }

    /// What `status` says on standard error about the shop that it shows; it must succeed.
    async fn status(&self, words: &[&str]) -> String {
        let output = self.run(&[&["status"], words].concat()).await;
        let said = text(&output.stderr);
        assert!(output.status.success() && text(&output.stdout).contains("ad_dlq"), "{said}{}", text(&output.stdout));
        said
    }

    /// Where shops are posted.
    fn posted(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(self.home.path()).unwrap().map(|entry| entry.unwrap().path());
        let shops = folders.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("reference-shops-"));
        shops.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()).collect()
    }
}

impl Served {
    fn data(&self) -> &Path {
        &self.ready.data
    }

    /// The folder as it stands in what commands say.
    fn name(&self) -> &str {
        self.ready.data.to_str().unwrap()
    }

    async fn end(mut self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.ready.pid).unwrap()), signal).unwrap();
        tokio::time::timeout(SOON, self.child.wait()).await.expect("a signalled process ends").unwrap();
    }
}

async fn next_line(out: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    tokio::time::timeout(SOON, out.read_line(&mut line)).await.expect("the ready line comes").unwrap();
    line
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn status_and_redrive_find_the_served_shop_and_say_which_it_is() {
    let session = Session::new();
    let shop = session.serve(&["--edition", "shop", "--max-receive-count", "1", "--visibility-timeout", "1s"]).await;
    let said = session.status(&[]).await;
    assert!(said.contains(shop.name()) && said.contains("edition shop") && said.contains(&shop.ready.pid.to_string()), "{said}");

    let aws = Aws::new(&AwsConfig::local(&shop.ready.addresses["broker"])).unwrap();
    let topology = reference::edition::topology::Topology::of(shop.ready.edition.edition(), Default::default());
    let queue = aws.resolve(&topology).await.unwrap().queue(&aws, "order-queue").unwrap();
    queue.send("no envelope", &Default::default()).await.unwrap();
    let letters = async || {
        let output = session.run(&["status", "--json"]).await;
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let queues = status["queues"].as_array().cloned().unwrap_or_default();
        queues.iter().find(|queue| queue["name"] == "order-queue").and_then(|queue| queue["dlq_depth"].as_u64())
    };
    wait::until("the dead letter", SOON, letters, |letters| *letters == Some(1)).await;
    let output = session.run(&["redrive", "order-queue"]).await;
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("from order-dlq to order-queue") && !said.starts_with('0'), "{said}");
    assert!(text(&output.stderr).contains(shop.name()), "{}", text(&output.stderr));

    // A plain address is enough, too, without region and credentials; nothing is guessed then.
    let mut named = session.command(&["status", "--edition", "shop", "--data", shop.name()]);
    let output = named.env("AWS_ENDPOINT_URL", &shop.ready.addresses["broker"]).output().await.unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    shop.end(Signal::SIGTERM).await;
}

#[tokio::test]
async fn of_two_shops_the_newest_is_meant_and_the_data_folder_chooses_the_other() {
    let session = Session::new();
    let donut = session.serve(&[]).await;
    let shop = session.serve(&["--edition", "shop"]).await;
    let said = session.status(&[]).await;
    assert!(said.contains(shop.name()) && said.contains("newest of 2") && said.contains("--data"), "{said}");
    let said = session.status(&["--data", donut.name()]).await;
    assert!(said.contains(donut.name()) && said.contains("edition donut") && !said.contains("newest"), "{said}");
    shop.end(Signal::SIGTERM).await;
    let said = session.status(&[]).await;
    assert!(said.contains(donut.name()) && !said.contains("newest"), "{said}");
    let data = donut.data().to_owned();
    donut.end(Signal::SIGTERM).await;
    assert!(session.posted().is_empty() && !data.join("addresses.json").exists());
}

#[tokio::test]
async fn a_folder_that_was_named_is_found_by_its_name_only() {
    let session = Session::new();
    let data = session.home.path().join("my shop");
    let shop = session.serve(&["--data", data.to_str().unwrap()]).await;
    assert!(session.posted().is_empty());
    assert!(session.status(&["--data", shop.name()]).await.contains("my shop"));
    let output = session.run(&["status"]).await;
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
    shop.end(Signal::SIGTERM).await;
}

#[tokio::test]
async fn a_shop_that_was_killed_is_not_found_and_the_next_one_clears_up_after_it() {
    let session = Session::new();
    let killed = session.serve(&[]).await;
    let data = killed.name().to_owned();
    killed.end(Signal::SIGKILL).await;
    let left = session.posted();
    assert_eq!(left.len(), 1);
    let output = session.run(&["status"]).await;
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("`serve`") && said.contains("AWS_ENDPOINT_URL"), "{said}");
    let said = text(&session.run(&["redrive", "stock_queue", "--data", &data]).await.stderr);
    assert!(said.contains(&data) && said.contains("does not answer any more"), "{said}");
    let next = session.serve(&[]).await;
    assert!(session.posted().len() == 1 && session.posted() != left);
    assert!(session.status(&[]).await.contains(next.name()));
    next.end(Signal::SIGTERM).await;
}

#[tokio::test]
async fn the_status_line_that_serve_prints_works_as_printed() {
    for name in [None, Some("it's mine")] {
        let session = Session::new();
        let data = name.map(|name| session.home.path().join(name).to_str().unwrap().to_owned());
        let mut command = session.command(&["serve", "--log-level", "warn"]);
        let mut child = command.args(data.iter().flat_map(|data| ["--data", data])).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let printed = wait::until("a status line", SOON, async || next_line(&mut out).await, |line| line.contains(" status")).await;
        let mut shell = Command::new("sh");
        shell.args(["-c", printed.trim()]).env_clear().env("TMPDIR", session.home.path()).env("XDG_RUNTIME_DIR", session.home.path());
        let shown = tokio::time::timeout(SOON, shell.output()).await.unwrap().unwrap();
        assert!(shown.status.success(), "{printed}{}", text(&shown.stderr));
        kill(Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()), Signal::SIGTERM).unwrap();
        out.read_to_string(&mut String::new()).await.unwrap();
        assert!(child.wait().await.unwrap().success());
    }
}
