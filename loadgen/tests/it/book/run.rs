//! Pages whose commands are run, each in a test and a folder of its own, so that they run side by side.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use regex::{Captures, Regex};

use super::marks::{Mark, script};
use super::{Block, blocks, pages, root};
use crate::whole_command::{Desk, PATIENCE, text, until};

/// Runs what the words say: `cargo run -p X --` is the program that was built, and the pipeline is part of loadgen's. What never ends takes the
/// shell's place (`$BECOME`), so that it can be interrupted.
const ACTOR: &str = r#"
loadgen() { $BECOME "$LOADGEN" "$@"; }
reference() { $BECOME "$LOADGEN" reference "$@"; }
cargo() {
  case "$1 $2 $3 $4" in
  "run -p loadgen --") loadgen "${@:5}" ;;
  "run -p reference --") reference "${@:5}" ;;
  *) echo "a page runs cargo $*" >&2; return 99 ;;
  esac
}
"#;

/// Each page that is run, and what its test is called.
macro_rules! run_pages {
    ($($sentence:ident: $page:literal,)+) => {
        const RUN: &[&str] = &[$($page),+];
        $(#[test] fn $sentence() { run($page); })+
    };
}

run_pages! {
    every_command_of_the_first_page_ends_as_its_text_says: "README.md",
    every_command_for_other_ci_systems_ends_as_its_text_says: "docs/ci.md",
    every_command_of_the_run_on_many_machines_ends_as_its_text_says: "docs/many-machines.md",
    every_command_about_scenarios_ends_as_its_text_says: "docs/scenarios.md",
    every_command_of_the_first_ten_minutes_ends_as_its_text_says: "docs/start.md",
    every_command_of_the_walk_through_ends_as_its_text_says: "docs/your-own-pipeline.md",
}

fn is_run(block: &Block<'_>) -> bool {
    matches!(Mark::of(block), Some(Ok(Mark::Session | Mark::Script)))
}

#[test]
fn every_page_with_commands_that_are_run_is_run() {
    let marked = pages().into_iter().filter(|(_, page)| blocks(page).iter().any(is_run)).map(|(name, _)| name);
    let mut marked: Vec<String> = marked.collect();
    marked.sort();
    assert_eq!(marked, RUN);
}

/// Runs a page from top to bottom, in a folder that looks like the repository.
fn run(page: &str) {
    let desk = Desk::new("");
    for name in ["targets", "scenarios", "docs"] {
        symlink(root().join(name), desk.path(name)).unwrap();
    }
    fs::create_dir(desk.path("home")).unwrap();
    // Where a reader keeps the description of a sound system.
    let (ci, example) = (desk.path("ci"), root().join("targets/example"));
    fs::create_dir(&ci).unwrap();
    fs::copy(example.join("sound.toml"), ci.join("shop.toml")).unwrap();
    fs::copy(example.join("shop.py"), ci.join("shop.py")).unwrap();

    let text_of_page = fs::read_to_string(root().join(page)).unwrap();
    for block in blocks(&text_of_page) {
        match Mark::of(&block) {
            Some(Ok(Mark::Script)) => once(&desk, page, &format!("set -e\n{}", block.text), 0),
            Some(Ok(Mark::Session)) => session(&desk, page, &block),
            _ => {}
        }
    }
}

/// Runs a block line by line. What serves is left running until the next that does, and ends well when it is interrupted.
fn session(desk: &Desk, page: &str, block: &Block<'_>) {
    let exit = Regex::new(r"#.*\bexit (\d)").unwrap();
    let mut served: Option<Served> = None;
    for line in script(block).lines().filter(|line| !line.trim().is_empty()) {
        if line.contains("reference serve") || line.contains("reference -- serve") {
            served.take().into_iter().for_each(Served::end);
            served = Some(Served::start(desk, line));
        } else {
            let promised = exit.captures(line).map_or(0, |found| found[1].parse().unwrap());
            once(desk, page, line, promised);
        }
    }
    served.into_iter().for_each(Served::end);
}

/// A shell that understands the words of a page.
fn shell(desk: &Desk, words: &str) -> Command {
    let mut shell = Command::new("/bin/bash");
    shell.args(["-c", &format!("{ACTOR}\n{words}")]).current_dir(desk.path("")).stdin(Stdio::null());
    shell.env("LOADGEN", env!("CARGO_BIN_EXE_loadgen")).env("TMPDIR", desk.path("tmp")).env("HOME", desk.path("home"));
    shell.env_remove("XDG_RUNTIME_DIR").env_remove("GITHUB_STEP_SUMMARY").env_remove("BECOME");
    shell
}

/// Runs these words, which end with this code.
fn once(desk: &Desk, page: &str, words: &str, promised: i32) {
    let words = with_real_runs(desk, words);
    let output = shell(desk, &words).output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    // A machine that is too busy to keep the schedule leaves a pass unknown, and says so.
    let too_busy = promised == 0 && output.status.code() == Some(4) && said.contains("load generator: needed");
    assert!(output.status.code() == Some(promised) || too_busy, "{page}: {words}: {:?}\n{said}", output.status.code());
}

/// Run folders are called after the moment of their run: for the one that a page names, the newest of its scenario and seed.
fn with_real_runs(desk: &Desk, words: &str) -> String {
    let named = Regex::new(r"reports/([a-z-]+)-\d{8}T\d{6}Z-(\d+)").unwrap();
    let newest = |found: &Captures<'_>| {
        let (begin, end) = (format!("{}-2", &found[1]), format!("Z-{}", &found[2]));
        let runs = fs::read_dir(desk.path("reports")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let run = runs.filter(|name| name.starts_with(&begin) && name.ends_with(&end)).max();
        format!("reports/{}", run.unwrap_or_else(|| panic!("no run for {}", &found[0])))
    };
    named.replace_all(words, newest).into_owned()
}

/// A shop that serves until it is interrupted.
struct Served {
    child: Child,
    complaints: PathBuf,
}

impl Served {
    /// Starts it, waits until it says that it is ready, and does what it says one may try.
    fn start(desk: &Desk, line: &str) -> Self {
        let complaints = desk.path("complaints");
        let stderr = fs::File::create(&complaints).unwrap();
        let child = shell(desk, line).env("BECOME", "exec").stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut served = Self { child, complaints };
        let lines = served.lines();
        let mut tries = Vec::new();
        let mut trying = false;
        loop {
            let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{line} does not get ready:\n{}", served.complained()));
            if line.starts_with("Ctrl-C ends it") {
                break;
            }
            if trying {
                tries.push(line.trim().to_owned());
            }
            trying |= line == "try:";
        }
        assert!(tries.len() >= 2, "{line} says how to buy and where to look: {tries:?}");
        for line in tries {
            let output = shell(desk, &line).output().unwrap();
            let said = text(&output.stdout);
            let answered = line.starts_with("curl").then(|| said.contains("message"));
            assert!(output.status.success() && answered.unwrap_or(true), "{line}: {said}{}", text(&output.stderr));
        }
        served
    }

    /// What it says, read on and on, so that it never waits for a reader.
    fn lines(&mut self) -> Receiver<String> {
        let (said, lines) = channel();
        let stdout = BufReader::new(self.child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| drop(said.send(line))));
        lines
    }

    fn complained(&self) -> String {
        fs::read_to_string(&self.complaints).unwrap_or_default()
    }

    /// Ctrl-C.
    fn end(mut self) {
        let since = Instant::now();
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGINT).unwrap();
        let status = until("a shop that was interrupted to end", || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{:?} after Ctrl-C:\n{}", since.elapsed(), self.complained());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Only what a failing test leaves is still there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
