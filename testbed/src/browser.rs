//! A browser of one's own: Chromium without a window, told what to do over its DevTools protocol.
//!
//! Clicks and keys are real ones: they go through the browser's input, hit whatever lies on top at that place, and do nothing where a person
//! could do nothing. Everything is waited for with a limit, and a limit that passes says what the page last was.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Names under which Chromium goes.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A cold start on a busy machine takes seconds, and so does a page on it.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

/// Runs the browser until standard input ends, which it does when the process that holds the other end does, however it does; then ends the
/// browser and removes its folder. `$1` is the folder, the rest the browser's command line. The browser's helpers end after it, so that the
/// folder may need a second try.
const KEEPER: &str = r#"folder=$1; shift; "$@" </dev/null & browser=$!; cat >/dev/null; kill -9 "$browser"; wait "$browser"
for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$folder" && break; sleep 0.2; done 2>/dev/null"#;

/// Why a page did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// It is not installed.
    #[error("there is no Chromium in PATH, and these tests are not skipped without it: apt-get install --no-install-recommends chromium")]
    Missing,
    /// The system did not let us.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The connection to it broke.
    #[error("Chromium cannot be spoken to: {0}")]
    Connection(String),
    /// It did not do what it was told.
    #[error("Chromium was told {method} and said: {answer}")]
    Refused {
        /// What it was told.
        method: String,
        /// What it said.
        answer: String,
    },
    /// Something did not happen in time.
    #[error("waited {PATIENCE:?} for {what}; the page last said {last}")]
    TooLong {
        /// What was waited for.
        what: String,
        /// The last value, and what the page complained about.
        last: String,
    },
}

/// A browser with one page. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    keeper: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: Option<String>,
    next: u64,
    complaints: Vec<String>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its input ends here, and so does what it keeps.
        drop(self.keeper.stdin.take());
        // The keeper is our own child; an error means that it is gone already.
        let _ = self.keeper.wait();
    }
}

impl Browser {
    /// Starts a browser that knows no name but loopback's, with an empty page.
    ///
    /// # Errors
    /// [`BrowserError`].
    pub async fn start() -> Result<Self, BrowserError> {
        let program = program()?;
        let folder = tempfile::Builder::new().prefix("testbed-browser-").tempdir().map_err(system("make a folder for Chromium"))?;
        let mut command = Command::new("sh");
        // From here on the keeper removes the folder.
        let folder = folder.keep();
        command.args(["-c", KEEPER, "browser-keeper"]).arg(&folder).arg(program);
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
        command.args([
            "--disable-background-networking",
            "--disable-breakpad",
            "--disable-extensions",
            "--lang=en-US",
            "--window-size=1366,900",
        ]);
        command.args(["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", "--remote-debugging-port=0"]);
        command.arg(format!("--user-data-dir={}", folder.display())).arg("about:blank");
        // What else it leaves lying about goes with the folder.
        command.env("TMPDIR", &folder);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let mut keeper = command.spawn().map_err(system("start Chromium"))?;
        let said = keeper.stderr.take().expect("it is piped");
        let address = match timeout(PATIENCE, address(said)).await {
            Ok(address) => address,
            Err(_) => Err(BrowserError::TooLong { what: "Chromium to start".to_owned(), last: "nothing".to_owned() }),
        };
        let connected = match address {
            Ok(address) => tokio_tungstenite::connect_async(address).await.map_err(|error| BrowserError::Connection(error.to_string())),
            Err(error) => Err(error),
        };
        let socket = match connected {
            Ok((socket, _)) => socket,
            Err(error) => {
                drop(keeper.stdin.take());
                let _ = keeper.wait();
                return Err(error);
            }
        };
        let mut browser = Self { keeper, socket, session: None, next: 0, complaints: Vec::new() };
        let made = browser.tell("Target.createTarget", json!({ "url": "about:blank" })).await?;
        let attached = browser.tell("Target.attachToTarget", json!({ "targetId": made["targetId"], "flatten": true })).await?;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.tell(domain, json!({})).await?;
        }
        Ok(browser)
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Errors
    /// [`BrowserError`].
    pub async fn open(&mut self, url: &str) -> Result<(), BrowserError> {
        let went = self.tell("Page.navigate", json!({ "url": url })).await?;
        if let Some(reason) = went["errorText"].as_str() {
            return Err(BrowserError::Refused { method: format!("to open {url}"), answer: reason.to_owned() });
        }
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'").await.map(drop)
    }

    /// What an expression says on the page; a promise is waited for.
    ///
    /// # Errors
    /// [`BrowserError`], also when the expression throws.
    pub async fn value(&mut self, expression: &str) -> Result<Value, BrowserError> {
        let answer =
            self.tell("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true, "awaitPromise": true })).await?;
        if answer.get("exceptionDetails").is_some() {
            return Err(BrowserError::Refused { method: expression.to_owned(), answer: answer["exceptionDetails"].to_string() });
        }
        Ok(answer["result"]["value"].clone())
    }

    /// Waits until an expression says something that is true to JavaScript, and answers it.
    ///
    /// # Errors
    /// [`BrowserError::TooLong`] with what it said last, and what the page complained about.
    pub async fn until(&mut self, expression: &str) -> Result<Value, BrowserError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let value = self.value(expression).await;
            match value {
                Ok(value) if truthy(&value) => return Ok(value),
                // A page that is being left throws away what it was asked.
                Ok(_) | Err(BrowserError::Refused { .. }) if Instant::now() < deadline => tokio::time::sleep(POLL).await,
                Ok(value) => {
                    return Err(BrowserError::TooLong { what: expression.to_owned(), last: format!("{value}; {:?}", self.complaints) });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Clicks in the middle of the first element that a CSS selector finds, with the mouse.
    ///
    /// # Errors
    /// [`BrowserError`]; an element that is covered by another is not clicked, the other is.
    pub async fn click(&mut self, selector: &str) -> Result<(), BrowserError> {
        let quoted = Value::from(selector).to_string();
        // Only when it stands still, and not only on its way there: a page may still be scrolling for another reason.
        let find = format!(
            "(async () => {{ const found = document.querySelector({quoted}); if (!found) return null; found.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const frames = (left) => new Promise((done) => (left ? requestAnimationFrame(() => frames(left - 1).then(done)) : done())); \
             const before = found.getBoundingClientRect(); await frames(3); const box = found.getBoundingClientRect(); \
             return box.width > 0 && box.x === before.x && box.y === before.y ? [box.x + box.width / 2, box.y + box.height / 2] : null; }})()"
        );
        let place = self.until(&find).await?;
        for kind in ["mousePressed", "mouseReleased"] {
            self.tell("Input.dispatchMouseEvent", json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 }))
                .await?;
        }
        Ok(())
    }

    /// Presses a key: "Tab", "Enter", " ".
    ///
    /// # Errors
    /// [`BrowserError`].
    pub async fn press(&mut self, key: &str) -> Result<(), BrowserError> {
        let (code, text) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            " " => (32, Some(" ")),
            _ => (0, Some(key)),
        };
        let down = match text {
            Some(text) => json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code, "text": text }),
            None => json!({ "type": "rawKeyDown", "key": key, "windowsVirtualKeyCode": code }),
        };
        self.tell("Input.dispatchKeyEvent", down).await?;
        self.tell("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code })).await?;
        Ok(())
    }

    /// What keeps people from using the page as it is now: controls and regions without a name, text with too little contrast (WCAG 2.2, AA), parts
    /// that cannot be scrolled with the keyboard.
    ///
    /// # Errors
    /// [`BrowserError`].
    pub async fn barriers(&mut self) -> Result<Vec<String>, BrowserError> {
        let found = self.value(include_str!("barriers.js")).await?;
        Ok(found.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// What the pages said on the console as a warning or an error, and what they threw.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// A picture of the page, as PNG in base64.
    ///
    /// # Errors
    /// [`BrowserError`].
    pub async fn screenshot(&mut self) -> Result<String, BrowserError> {
        let taken = self.tell("Page.captureScreenshot", json!({ "format": "png" })).await?;
        Ok(taken["data"].as_str().unwrap_or_default().to_owned())
    }

    /// Tells the browser something in the words of its protocol, and answers what it says.
    ///
    /// # Errors
    /// [`BrowserError`].
    pub async fn tell(&mut self, method: &str, params: Value) -> Result<Value, BrowserError> {
        let broken = |error: tokio_tungstenite::tungstenite::Error| BrowserError::Connection(error.to_string());
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = Value::from(session.as_str());
        }
        self.socket.send(Message::text(message.to_string())).await.map_err(broken)?;
        let answered = async {
            loop {
                let said = self.socket.next().await.ok_or_else(|| BrowserError::Connection("it ended".to_owned()))?.map_err(broken)?;
                let Message::Text(said) = said else { continue };
                let said: Value = serde_json::from_str(&said).map_err(|error| BrowserError::Connection(error.to_string()))?;
                if said["id"] == id {
                    return Ok(said);
                }
                self.complaints.extend(complaint(&said));
            }
        };
        let said = match timeout(PATIENCE, answered).await {
            Ok(said) => said?,
            Err(_) => return Err(BrowserError::TooLong { what: format!("an answer to {method}"), last: "nothing".to_owned() }),
        };
        match said.get("error") {
            Some(error) => Err(BrowserError::Refused { method: method.to_owned(), answer: error.to_string() }),
            None => Ok(said["result"].clone()),
        }
    }
}

/// What an event of the browser's complains about.
fn complaint(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled" if matches!(params["type"].as_str(), Some("error" | "warning")) => Some(params["args"].to_string()),
        "Log.entryAdded" if params["entry"]["level"] == "error" => Some(params["entry"].to_string()),
        _ => None,
    }
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Where it can be told what to do, which it says on standard error; the rest of what it says there is read and forgotten, so that it never waits
/// for a reader.
async fn address(said: std::process::ChildStderr) -> Result<String, BrowserError> {
    let said = tokio::process::ChildStderr::from_std(said).map_err(system("read what Chromium says"))?;
    let mut lines = BufReader::new(said).lines();
    let mut last = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some((_, address)) = line.split_once("DevTools listening on ") {
            let address = address.trim().to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(address);
        }
        last = line;
    }
    Err(BrowserError::Connection(format!("it ended while it started; its last words: {last}")))
}

fn program() -> Result<PathBuf, BrowserError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    candidates.into_iter().find(|file| file.is_file()).ok_or(BrowserError::Missing)
}

fn system(what: &'static str) -> impl Fn(std::io::Error) -> BrowserError {
    move |source| BrowserError::System { what, source }
}
