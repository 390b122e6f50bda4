//! The HTML report in a real browser, with the network off.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use loadgen::report::html;
use loadgen::result::RunResult;
use loadgen::result::series::WeightColumns;
use loadgen::verify::judgement::{Judgement, Step, Violation};
use tokio::time::timeout;

use super::proofs;
use super::sample::{self, Shape};

/// Names under which Chromium goes.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A cold start on a busy machine takes seconds; a page that never finishes must not hold up the suite for ever.
const LONGEST: Duration = Duration::from_secs(120);

fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").expect("a PATH is set");
    let found = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name))).find(|candidate| candidate.is_file());
    found.expect("the report is tested in Chromium, and there is none in PATH: install it (Debian, Ubuntu: `apt-get install chromium`)")
}

/// What the browser made of a page.
pub(crate) struct Shown {
    pub(crate) dom: String,
    log: String,
}

/// Opens a result in the browser. The page stays in the target folder, for looking at it.
async fn show(name: &str, result: &RunResult) -> Shown {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports");
    fs::create_dir_all(&folder).expect("the target folder can be written to");
    let page = folder.join(format!("{name}.html"));
    fs::write(&page, html::render(result).expect("template and data fit")).expect("the page can be written");
    show_page(&page).await
}

/// Opens a page in the browser, with the network off.
pub(crate) async fn show_page(page: &Path) -> Shown {
    let profile = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = Command::new(chromium());
    command
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args([
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            "--v=0",
            "--virtual-time-budget=5000",
            "--window-size=1366,900",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--dump-dom", &format!("file://{}", page.display())])
        .stdin(Stdio::null());
    let child = tokio::process::Command::from(command).kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("Chromium starts");
    let output = timeout(LONGEST, child.wait_with_output()).await.expect("Chromium shows the page and ends within two minutes");
    let output = output.expect("what Chromium says can be read");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Shown { dom: text(&output.stdout), log: text(&output.stderr) }
}

impl Shown {
    /// The page came up whole: all charts, no error, nothing on the console.
    /// The page's root element, which says how its script fared.
    pub(crate) fn root(&self) -> &str {
        self.dom.split('>').find(|tag| tag.contains("<html")).unwrap_or_default()
    }

    fn is_sound(&self, charts: usize) {
        let root = self.root();
        assert!(root.contains(r#"data-ready="true""#), "the script did not finish: {root}\n{}", self.log);
        assert!(!root.contains("data-errors"), "{root}");
        assert!(root.contains(&format!(r#"data-charts="{charts}""#)), "{root}");
        assert!(root.contains(r#"data-overhang="0""#), "something is wider than the page: {root}");
        let console: Vec<&str> = self.log.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(console.is_empty(), "{console:#?}");
    }
}

#[tokio::test]
async fn a_pass_shows_its_charts_and_no_violation() {
    let shown = show("pass", &sample::result(Shape::default(), proofs::pass())).await;
    shown.is_sound(10);
    assert!(shown.dom.contains("<h1>PASS</h1>") && !shown.dom.contains("What went wrong"));
}

#[tokio::test]
async fn a_fail_shows_each_violation_with_its_path_folded_open() {
    let shown = show("fail", &sample::result(Shape { oversell: true, ..Shape::default() }, proofs::fail())).await;
    shown.is_sound(10);
    assert!(shown.dom.contains("<h1>FAIL</h1>"));
    assert_eq!(shown.dom.matches(r#" class="violation" open="">"#).count(), 2);
    assert!(shown.dom.contains("no row with this order or this key"));
}

#[tokio::test]
async fn an_unknown_says_what_is_missing() {
    let shown = show("unknown", &sample::result(Shape { late_us: 420_000, ..Shape::default() }, proofs::unknown())).await;
    shown.is_sound(10);
    assert!(shown.dom.contains("<h1>UNKNOWN</h1>") && shown.dom.contains("2 of 6 pieces that a pass needs are missing"));
}

#[tokio::test]
async fn a_run_in_which_nothing_happened_is_shown_as_such() {
    let digest = loadgen::report::series::Builder::new(None, loadgen::verify::expectations::Arrivals::Open).finish();
    let like = sample::result(Shape::default(), proofs::unknown());
    let empty = digest.into_result(like.run, like.proof, like.cost);
    let shown = show("empty", &empty).await;
    let root = shown.root();
    assert!(root.contains(r#"data-ready="true""#) && !root.contains("data-errors"), "{root}\n{}", shown.log);
}

#[tokio::test]
async fn a_run_that_was_weighed_shows_what_every_process_weighed() {
    let mut result = sample::result(Shape::default(), proofs::pass());
    let column =
        |value: u64| (0..result.series.buckets).map(|bucket| (bucket % 5 == 0).then_some(value + bucket as u64)).collect::<Vec<_>>();
    let weighed = |process: &str| WeightColumns {
        process: process.to_owned(),
        memory: column(30 << 20),
        files: column(40),
        threads: column(6),
        tasks: column(25),
    };
    result.series.weights = ["loadgen", "sales", "</script><b>relay"].map(weighed).into();
    result.series.database = column(1 << 20);
    let shown = show("weighed", &result).await;
    shown.is_sound(14);
    assert!(shown.dom.contains("File handles") && !shown.dom.contains("<b>relay"), "what a process is called is text");
}

#[tokio::test]
async fn hundreds_of_faults_stay_readable_and_the_page_small() {
    let result = sample::result(Shape { more_faults: 300, ..Shape::default() }, proofs::pass());
    assert_eq!(result.recovery.faults.len(), 301);
    let shown = show("faults", &result).await;
    shown.is_sound(10);
    assert!(shown.dom.contains("253 more are not drawn"), "the chart of faults says what it leaves out");
    let plain = html::render(&sample::result(Shape::default(), proofs::pass())).unwrap().len();
    let page = html::render(&result).unwrap().len();
    assert!(page - plain < 300_000, "300 more faults make the page {} bytes larger", page - plain);
}

#[tokio::test]
async fn hostile_text_is_shown_and_never_run() {
    let attack = "</script><script>document.documentElement.dataset.pwned='1'</script><img src=x onerror=\"document.documentElement.dataset.pwned='2'\">";
    let turned = "\u{202e}desrever\u{2066} {{ 7*7 }} <!-- ";
    let long = "x".repeat(5_000);
    let product = format!("{attack}{turned}");
    let mut result = sample::result(Shape { product, ..Shape::default() }, proofs::fail());
    result.run.scenario = attack.to_owned();
    result.run.about = long.clone();
    result.run.plan = format!("{attack}\n{long}");
    result.run.replay = format!("{attack} {long}");
    result.proof.reasons = vec![attack.into(), turned.into(), long.clone()];
    result.proof.evidence[0].seen = format!("{attack}{long}");
    result.proof.properties[5].judgement = Judgement::Violated;
    result.proof.properties[5].violations = vec![Violation {
        sentence: format!("{attack}{long}"),
        subject: turned.into(),
        path: vec![Step { at: Some(1), hop: attack.into(), what: format!("{turned}{long}") }],
    }];
    for queue in &mut result.series.queues {
        queue.queue = format!("{attack}{turned}{long}");
    }
    result.series.stages[0].name = format!("{attack}{long}");
    let shown = show("hostile", &result).await;
    shown.is_sound(10);
    let root = shown.root();
    assert!(!root.contains("data-pwned"), "{root}");
    assert!(shown.dom.contains("{{ 7*7 }}"), "what looks like a template is text");
    assert!(!shown.dom.contains("<img"), "no element came out of the text");
}
