//! The pipeline as processes of its own: each a child that ends with the test, whatever becomes of the test.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use reference::edition::EditionName;
use reference::serve::ready::Ready;
use tempfile::TempDir;
use testbed::KeptPort;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::store_support::Database;

/// How long a process may take until it is ready, on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(60);
/// How long a process may take to end.
const END: Duration = Duration::from_secs(30);

/// All roles, in the order in which they find each other.
pub(crate) const ROLES: [&str; 8] = ["broker", "factory", "receiving", "sales", "relay", "replenish", "advertising", "operations"];

/// One child process.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    /// Held open: the child ends when it closes.
    stdin: Option<ChildStdin>,
    pub(crate) ready: Ready,
    /// Where it listened, once it has ended: others still call there, and shall find nobody until it is back.
    kept: Vec<KeptPort>,
}

impl Node {
    /// The base URL of a listener.
    pub(crate) fn address(&self, role: &str) -> &str {
        self.ready.addresses.get(role).unwrap_or_else(|| panic!("{role} does not listen: {:?}", self.ready))
    }

    /// Waits for the process to end by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(END, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("{:?} has not ended within {END:?}", self.ready.roles)).unwrap();
        for url in self.ready.addresses.values() {
            let address = url.trim_start_matches("http://").parse().unwrap();
            // Somebody may have been quicker; who starts again there hears of it.
            self.kept.extend(KeptPort::keep(address).await.ok());
        }
        status
    }

    /// Asks it to end, by closing its standard input.
    pub(crate) async fn end(mut self) -> ExitStatus {
        drop(self.stdin.take());
        self.ended().await
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.ready.pid).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
    }
}

/// Whether a process was killed with SIGKILL.
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}

/// What all processes of a pipeline share.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) edition: EditionName,
    folder: TempDir,
    database: Option<String>,
    extra: Vec<String>,
    endpoint: Option<String>,
    factory: Option<String>,
    receiving: Option<String>,
    told: Vec<(String, String)>,
}

impl Fleet {
    /// Nothing runs yet. `extra` goes to every process.
    pub(crate) fn new(edition: EditionName, extra: &[&str]) -> Self {
        let extra = extra.iter().map(|word| (*word).to_owned()).collect();
        Self {
            edition,
            folder: tempfile::tempdir().unwrap(),
            database: None,
            extra,
            endpoint: None,
            factory: None,
            receiving: None,
            told: Vec::new(),
        }
    }

    /// With a database elsewhere than in the folder.
    pub(crate) fn on(self, database: &impl Database) -> Self {
        Self { database: Some(database.url()), ..self }
    }

    /// Says where the broker is, or will be.
    pub(crate) fn knows_broker(&mut self, endpoint: &str) {
        self.endpoint = Some(endpoint.to_owned());
    }

    /// Tells every process something more, by a variable.
    pub(crate) fn tells(&mut self, variable: &str, value: &str) {
        self.told.push((variable.to_owned(), value.to_owned()));
    }

    pub(crate) fn data(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database_url(&self) -> String {
        self.database.clone().unwrap_or_else(|| format!("sqlite://{}", self.data().join("shop.db").display()))
    }

    /// A command of the program, with nothing of the test's own environment in it.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reference"));
        command.args(words).args(["--edition", self.edition.as_str(), "--data"]).arg(self.data());
        command.env_clear().env("RUST_BACKTRACE", "1");
        command.envs(self.database.as_ref().map(|url| ("DATABASE_URL", url)));
        let known = [("AWS_ENDPOINT_URL", &self.endpoint), ("FACTORY_URL", &self.factory), ("CALLBACK_URL", &self.receiving)];
        command.envs(known.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
        command.envs(self.told.iter().map(|(name, value)| (name, value)));
        command.envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
        command
    }

    /// Starts a process with these roles and waits until it is ready. It is to crash at `crash_at`, where given.
    pub(crate) async fn start(&mut self, roles: &[&str], crash_at: Option<&str>) -> Node {
        self.start_with(roles, &[], crash_at).await
    }

    /// Starts the roles of a process that has died again, on the same addresses.
    pub(crate) async fn restart(&mut self, dead: &Node) -> Node {
        let roles: Vec<_> = dead.ready.roles.iter().map(String::as_str).collect();
        let listen: Vec<_> = dead.ready.addresses.iter().filter(|(role, _)| *role != "admin").collect();
        let words: Vec<_> =
            listen.iter().flat_map(|(role, url)| [format!("--listen-{role}"), url.trim_start_matches("http://").to_owned()]).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.start_with(&roles, &words, None).await
    }

    async fn start_with(&mut self, roles: &[&str], words: &[&str], crash_at: Option<&str>) -> Node {
        let mut command = self.command(&["serve"]);
        // Who plays a role has no need to be told where it is, and this address is that of an earlier process.
        let plays = |role: &str| roles.is_empty() || roles.contains(&role);
        for (role, variable) in [("factory", "FACTORY_URL"), ("receiving", "CALLBACK_URL")] {
            if plays(role) {
                command.env_remove(variable);
            }
        }
        command.args(roles).args(words).args(&self.extra).args(["--ready", "json", "--exit-with-parent", "--log-level", "warn"]);
        command.envs(crash_at.map(|point| (reference::drills::CRASH_AT, point)));
        // Whatever becomes of the test, the child does not outlive it: killed when dropped, and at the latest when its input closes.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(START, lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("{roles:?} not ready within {START:?}")).unwrap();
        let line = line.unwrap_or_else(|| panic!("{roles:?} ended before it was ready"));
        let ready: Ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for (role, place) in [("broker", &mut self.endpoint), ("factory", &mut self.factory), ("receiving", &mut self.receiving)] {
            if let Some(address) = ready.addresses.get(role) {
                *place = Some(address.clone());
            }
        }
        Node { child, stdin, ready, kept: Vec::new() }
    }
}
