//! What nobody else may know stands in nothing that a run leaves or says: not in its folder, its logs, its history, its reports, its output.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Output};
use std::time::Duration;

use loadgen::result::RunResult;
use sqlx::Connection as _;
use testbed::MariaDb;

use crate::live::page_of;
use crate::whole_command::{Desk, SHORT, text, under_load};

/// Something goes wrong on every hop, because secrets slip out in error messages.
const TROUBLE: &str = r#"
[[fault]]
name = "callbacks-refused"
fault = "refuse"
hop = "callback"
first = 2

[[fault]]
name = "callbacks-changed"
fault = "alter-number"
field = "MessageAttributeProductCnt"
by = "-1"
legal = true
hop = "callback"
share = "20%"

[[fault]]
name = "factory-busy"
fault = "answer"
hop = "factory"
status = 503
first = 2

[[fault]]
name = "publishing-fails"
fault = "answer"
hop = "aws.relay"
status = 500
share = "20%"

[[fault]]
name = "poison"
fault = "poison"
hop = "aws.relay"
first = 2

[[fault]]
name = "database-cut"
fault = "refuse"
hop = "database"
share = "2%"
"#;

/// Events of a live page never end; so much of them holds many frames.
const MOST_OF_A_PAGE: usize = 256 * 1024;

/// What the user's own surroundings hold, and must stay there.
const PLANTED: [(&str, &str); 6] = [
    ("AWS_ACCESS_KEY_ID", "AKIAPLANTEDACCESSKEY"),
    ("AWS_SECRET_ACCESS_KEY", "planted-aws-secret-0123456789"),
    ("AWS_SESSION_TOKEN", "planted-session-token-0123456789"),
    ("REFERENCE_ADMIN_KEY", "planted-admin-key-0123456789"),
    ("DATABASE_URL", "mysql://shop:planted-database-password@db.example/shop"),
    ("PASSWORD", "planted-course-password"),
];

/// Every file below a folder, a compressed one unpacked.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let bytes = if path.extension().is_some_and(|end| end == "zst") { zstd::decode_all(bytes.as_slice()).unwrap() } else { bytes };
        found.push((path, bytes));
    }
    found
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

/// Where a secret stands; nowhere is right.
fn places(everything: &[(PathBuf, Vec<u8>)], secrets: &[(String, String)]) -> Vec<String> {
    let stands = |(name, secret): &(String, String)| {
        let places = everything.iter().filter(|(_, bytes)| holds(bytes, secret));
        places.map(|(path, _)| format!("{name} in {}", path.display())).collect::<Vec<_>>()
    };
    secrets.iter().flat_map(stands).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_which_much_goes_wrong_tells_nobody_its_passwords_keys_and_tokens() {
    let server = MariaDb::shared().await;
    let database = server.fresh_database().await;
    let url = server.url(&database);
    let desk = Desk::new(&format!("{SHORT}{TROUBLE}"));
    let mut command = desk.loadgen(&["--scenario", "scenario.toml", "--seed", "7", "--out", "runs", "--live", "--database", &url]);
    let child = command.envs(PLANTED).env("RUST_LOG", "debug").spawn().unwrap();
    let (output, live, desk) = tokio::task::spawn_blocking(move || watched(child, desk)).await.unwrap();
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    // Whatever the verdict, it was a whole run, and things did go wrong in it.
    let result = RunResult::read(&desk.run_folder()).unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert!(result.recovery.faults.len() >= 4, "{said}");

    let mut connection = server.connect(&database).await.unwrap();
    let tokens: Vec<(String,)> = sqlx::query_as("SELECT token FROM productions").fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(!tokens.is_empty(), "there were productions, each with a token");
    let mut secrets: Vec<(String, String)> = PLANTED.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    secrets.push(("the database's password".to_owned(), url.split([':', '@']).nth(2).unwrap().to_owned()));
    secrets.extend(tokens.into_iter().map(|(token,)| ("a production's token".to_owned(), token)));

    let mut everything = files(&desk.run_folder());
    for needed in ["plan.json", "history.jsonl.zst", "result.json", "report.html", "report.md", "junit.xml", "logs/replenish.log"] {
        assert!(everything.iter().any(|(path, _)| path.ends_with(needed)), "{needed} is there to be searched");
    }
    everything.push((PathBuf::from("what was said"), said.into_bytes()));
    everything.extend(live);
    assert_eq!(places(&everything, &secrets), Vec::<String>::new());
}

/// Looks at everything that a run's live page serves while the run goes on, and waits for its end.
fn watched(mut child: Child, desk: Desk) -> (Output, Vec<(PathBuf, Vec<u8>)>, Desk) {
    let (page, rest) = page_of(&mut child);
    under_load(&desk);
    let live: Vec<(PathBuf, Vec<u8>)> =
        ["/", "/course", "/metrics", "/events"].map(|path| (PathBuf::from(format!("live page {path}")), served(&page, path))).to_vec();
    for (path, bytes) in &live {
        assert!(bytes.starts_with(b"HTTP/1.1 200") && bytes.len() > 200, "{} is there to be searched", path.display());
    }
    let mut output = child.wait_with_output().unwrap();
    output.stderr = rest.join().unwrap().into_bytes();
    (output, live, desk)
}

/// An answer of a live page, head and all; of one that never ends, what comes until nothing comes for a second.
fn served(page: &str, path: &str) -> Vec<u8> {
    let authority = page.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 65_536]);
    while answer.len() < MOST_OF_A_PAGE {
        match stream.read(&mut piece) {
            Ok(0) => break,
            // Before the first byte a busy machine may take its time.
            Err(error) if answer.is_empty() && error.kind() == std::io::ErrorKind::WouldBlock => (),
            Err(_) => break,
            Ok(length) => answer.extend_from_slice(&piece[..length]),
        }
    }
    answer
}

/// A shop that wants a key, both at its start and with every request, and says so to nobody else.
const GUARDED: &str = r#"
import os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    left = 20
    def say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.say(200, b'{"left": %d}' % Shop.left)
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != "Bearer " + os.environ["API_KEY"]:
            return self.say(401, b"{}")
        Shop.left -= 1
        self.say(200, b'{"result": "ok"}')
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
"#;

const GUARDED_FILE: &str = r#"
name = "guarded"
about = "A shop that wants a key."
[start]
command = ["python3", "guarded.py", "{port}"]
env = { API_KEY = "{env:GUARDED_KEY}" }
ready = "/stock"
[[product]]
id = "rye"
[purchase]
request = "POST /orders"
headers = { Authorization = "Bearer {env:GUARDED_KEY}" }
body = '{"bread": "{product}", "count": {quantity}}'
sold = { at = "/result", is = "ok" }
sold_out = { at = "/result", is = "sorry" }
[stock]
read = "GET /stock"
at = "/left"
"#;

#[test]
fn a_key_that_a_target_needs_comes_from_the_environment_and_stays_there() {
    let desk = Desk::new(SHORT);
    fs::write(desk.path("guarded.py"), GUARDED).unwrap();
    fs::write(desk.path("guarded.toml"), GUARDED_FILE).unwrap();
    let run = ["--target", "guarded.toml", "--scenario", "scenario.toml", "--seed", "7", "--out", "runs"];
    let output = desk.loadgen(&run).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("needs GUARDED_KEY in the environment"), "{}", text(&output.stderr));
    fs::remove_dir_all(desk.path("runs")).unwrap();

    let key = "planted-guarded-key-0123456789";
    let output = desk.loadgen(&run).env("GUARDED_KEY", key).output().unwrap();
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    let result = RunResult::read(&desk.run_folder()).unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert!(result.totals.orders.ok > 0, "the key was presented: {said}");
    let mut everything = files(&desk.run_folder());
    everything.push((PathBuf::from("what was said"), said.into_bytes()));
    assert_eq!(places(&everything, &[("the key".to_owned(), key.to_owned())]), Vec::<String>::new());
    // Nor is it needed to judge the run again.
    let again = desk.loadgen(&["check", desk.run_folder().to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), output.status.code(), "{}", text(&again.stderr));
}
