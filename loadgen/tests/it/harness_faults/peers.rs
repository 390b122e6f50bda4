//! Targets whose answers are no answers: garbage, bodies and heads without end, bytes that trickle.

use loadgen::history::event::{Answer, Event, Outcome};
use loadgen::result::RunResult;
use loadgen::verify::judgement::Verdict;

use super::{nothing_is_left_behind, said};
use crate::report::browser::show_page;
use crate::targets::first_contact;
use crate::targets::misbehaving::write_target;
use crate::whole_command::{Desk, events};

/// Looks are answered; each purchase is answered in another wrong way, in turn.
const HOSTILE: &str = r#"
import itertools, socket, sys, threading, time
turn = itertools.count()
def endless(piece, pause=0):
    def send(peer):
        while True:
            peer.sendall(piece)
            if pause:
                time.sleep(pause)
    return send
def once(answer):
    return lambda peer: peer.sendall(answer)
def then(first, rest):
    def send(peer):
        peer.sendall(first)
        rest(peer)
    return send
WAYS = [
    once(b"\x00\xff\x1b]0;owned\x07 not http at all\r\n\r\n"),
    once(b"HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n</script><script>alert(1)</scr"),
    then(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", endless(b"1000\r\n" + b" " * 4096 + b"\r\n")),
    then(b"HTTP/1.1 200 OK\r\n", once((b"x-much: " + b"a" * 1000 + b"\r\n") * 10000)),
    then(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", endless(b" ", 0.05)),
    once(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"result\": \"ok\""),
]
def serve(peer):
    with peer:
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = peer.recv(65536)
                if not piece:
                    return
                head += piece
            if head.startswith(b"GET"):
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{\"left\": 90}")
            else:
                WAYS[next(turn) % len(WAYS)](peer)
        except OSError:
            pass
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256)
while True:
    peer, _ = listener.accept()
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
"#;

/// Turns a page that runs it into one that says so.
const SCRIPT: &str = "</script><script>document.documentElement.dataset.pwned='1'</script><img src=x onerror=\"document.documentElement.dataset.pwned='2'\">";

#[tokio::test]
async fn a_target_whose_answers_are_no_answers_is_neither_believed_nor_accused_and_its_report_runs_nothing() {
    let desk = Desk::new(&first_contact(""));
    let file = write_target(&desk, HOSTILE, "");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("id = \"rye\"", &format!("id = '''{SCRIPT}'''")).replace("name = \"odd\"", &format!("name = '''{SCRIPT}'''"));
    std::fs::write(&file, text).unwrap();
    let mut command = desk.loadgen(&["--target", &file, "--scenario", "scenario.toml", "--seed", "1", "--out", "runs"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(!said(&output).contains("]0;owned\u{7}"), "nothing that it says steers the terminal");
    let run = desk.run_folder();
    let result = RunResult::read(&run).unwrap();
    assert_eq!(result.verdict(), Verdict::Unknown, "{:#?}", result.proof.reasons);
    assert_eq!(result.totals.orders.ok, 0);
    let answers: Vec<_> = events(&run)
        .into_iter()
        .filter_map(|event| match event {
            Event::Complete(complete) if complete.answer != Answer::Browsed => Some((complete.answer, complete.outcome)),
            _ => None,
        })
        .collect();
    for way in [Answer::Garbled, Answer::TimedOut, Answer::Cut] {
        assert!(answers.iter().any(|(answer, _)| *answer == way), "{way:?} is among what became of the attempts");
    }
    let decided = answers.iter().filter(|(answer, outcome)| *outcome != Outcome::Info && *answer != Answer::Unreachable);
    assert_eq!(decided.count(), 0, "no such answer decides anything");
    let shown = show_page(&run.join("report.html")).await;
    assert!(shown.root().contains(r#"data-ready="true""#) && !shown.root().contains("data-pwned"), "{}", shown.root());
    assert!(!shown.dom.contains("<img"), "no element came out of the text");
    nothing_is_left_behind(&desk, &run);
}
