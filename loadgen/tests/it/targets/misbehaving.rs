//! Targets that die, that never get ready, that answer nonsense, and that leave daemons behind.

use std::path::Path;

use loadgen::history::event::{Event, RoleState};
use loadgen::verify::judgement::Verdict;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::first_contact;
use crate::whole_command::{Desk, events, lives, text, until};

/// A target in a few lines of Python that the test makes up; `{port}` is its argument.
pub(crate) fn write_target(desk: &Desk, program: &str, more: &str) -> String {
    std::fs::write(desk.path("odd.py"), program).unwrap();
    let file = format!(
        r#"
name = "odd"
about = "A target that misbehaves."
[start]
command = ["python3", "odd.py", "{{port}}"]
{more}
[[product]]
id = "rye"
[purchase]
request = "POST /orders"
body = '{{"bread": "{{product}}", "count": {{quantity}}}}'
sold = {{ at = "/result", is = "ok" }}
sold_out = {{ at = "/result", is = "sorry" }}
[stock]
read = "GET /stock"
at = "/left"
"#
    );
    std::fs::write(desk.path("odd.toml"), file).unwrap();
    desk.path("odd.toml").display().to_string()
}

/// A shop of which only the answers differ.
pub(crate) fn shop(answer: &str, at_start: &str) -> String {
    format!(
        r#"
import os, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
{at_start}
class Odd(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def say(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.say(b'{{"left": 90}}')
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        {answer}
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Odd).serve_forever()
"#
    )
}

fn run(desk: &Desk, file: &str) -> (Option<i32>, String) {
    let output = desk.loadgen(&["--target", file, "--scenario", "scenario.toml", "--seed", "1", "--out", "runs"]).output().unwrap();
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn one_that_ends_before_it_is_ready_is_quoted() {
    let desk = Desk::new(&first_contact(""));
    let file = write_target(&desk, "raise SystemExit('no oven today')", "ready = \"/stock\"");
    let (code, said) = run(&desk, &file);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("ended before it was ready") && said.contains("no oven today"), "{said}");
    assert!(desk.temporary_files().is_empty());
}

#[test]
fn one_that_never_gets_ready_is_given_up_on_and_what_was_seen_is_said() {
    let desk = Desk::new(&first_contact(""));
    let file = write_target(&desk, "", "ready_within = \"3s\"");
    // A shell speaks at once, where an interpreter on a crowded machine may still be loading its modules.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[\"python3\", \"odd.py\", \"{port}\"]", "[\"sh\", \"-c\", \"echo kneading; exec sleep 1000\"]"))
        .unwrap();
    let (code, said) = run(&desk, &file);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("was not ready at http://127.0.0.1:") && said.contains("within 3 s (last seen: "), "{said}");
    assert!(said.contains("kneading"), "its log is quoted: {said}");
}

#[test]
fn one_that_answers_nonsense_is_not_accused_of_anything() {
    let desk = Desk::new(&first_contact(""));
    let (code, said) = run(&desk, &write_target(&desk, &shop("self.say(b'<html>hello</html>')", ""), ""));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("orders answered as sold: needed at least 60, seen 0"), "{said}");
}

#[test]
fn one_that_dies_under_load_leaves_the_run_unknown_and_says_how_it_ended() {
    let desk = Desk::new(&first_contact(""));
    let dies = shop("self.say(b'{\"result\": \"sorry\"}'); served.append(1); len(served) > 30 and os._exit(3)", "served = []");
    let (code, said) = run(&desk, &write_target(&desk, &dies, ""));
    assert_eq!(code, Some(4), "{said}");
    let result = loadgen::result::RunResult::read(&desk.run_folder()).unwrap();
    assert_eq!(result.verdict(), Verdict::Unknown);
    let ended = result.proof.evidence.iter().find(|piece| piece.what == "processes that ended unasked").unwrap();
    assert!(!ended.enough && ended.seen.contains("exit status: 3"), "{ended:?}");
}

/// Starts a daemon that tries to slip away, and notes its number.
const DAEMON: &str = r#"
daemon = subprocess.Popen(["sh", "-c", "(setsid sleep 1000 & echo $! > daemon.pid) & exec sleep 1000"], start_new_session=True)
open("child.pid", "w").write(str(daemon.pid))
"#;

fn pid_in(file: &Path) -> Option<u32> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[test]
fn no_grandchild_outlives_the_run_however_the_run_ends() {
    for signal in [Some(Signal::SIGKILL), Some(Signal::SIGTERM), None] {
        let desk = Desk::new(&first_contact(""));
        let file = write_target(&desk, &shop("self.say(b'{\"result\": \"sorry\"}')", DAEMON), "");
        let mut run = desk.loadgen(&["--target", &file, "--scenario", "scenario.toml", "--out", "runs"]).spawn().unwrap();
        let pids = until("the target's daemon", || Some([pid_in(&desk.path("child.pid"))?, pid_in(&desk.path("daemon.pid"))?]));
        assert!(pids.iter().all(|pid| lives(*pid)));
        if let Some(signal) = signal {
            until("the target to be ready", || {
                let folder = desk.run_folders().pop()?;
                let ready = |event: &Event| matches!(event, Event::Role(mark) if mark.role == "target" && mark.state == RoleState::Ready);
                events(&folder).iter().any(ready).then_some(())
            });
            kill(Pid::from_raw(run.id().cast_signed()), signal).unwrap();
        }
        until("every process of the target to end", || pids.iter().all(|pid| !lives(*pid)).then_some(()));
        run.wait().unwrap();
    }
}
