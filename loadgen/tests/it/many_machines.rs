//! One run as several processes, each of which stands for a machine: four shards against one pipeline, which a fifth process watches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadgen::history::event::{Behaviour, Event};
use loadgen::result::RunResult;
use loadgen::verify::judgement::{Judgement, Verdict};
use testbed::MariaDb;

use crate::whole_command::{Desk, events, text, until};

/// A few seconds of everything; the generator may be as late as a crowded machine makes it.
const SHORT: &str = r#"
name = "split"
about = "A few seconds of everything, on several machines."
edition = "donut"

[stock]
# Out of it ten orders of two pieces at most can be sold, however late the first restock comes.
"CP-502101" = 20

[[stage]]
name = "arrive"
duration = "3s"
rate = "10/s"

[[stage]]
name = "more"
duration = "2s"
rate = "25/s"

[buyers]
browse = "10%"
quantities = { "1" = "80%", "2" = "20%" }
double_click = "5%"
patience = "4s"
retries = 1
retry_after = "250ms"
come_back = "50%"
come_back_after = "1s"
come_backs = 1

[pipeline]
production_time = "300ms"
factory_capacity = 4
visibility_timeout = "5s"
confirm_after = "10s"

[drain]
timeout = "60s"

[expect]
min_sold = 10
min_sold_out = 1
min_restocks = 1

[limits]
lateness_p99 = "10s"
recovery = "60s"
"#;

const SEED: &str = "11";

/// How long a process that only has to come up may take on a crowded machine.
const COMES_UP: Duration = Duration::from_secs(25);

/// One desk at which several machines run, and the moment at which all begin.
struct Machines {
    desk: Desk,
    start_at: String,
}

impl Machines {
    fn new() -> Self {
        Self::with(SHORT)
    }

    fn with(scenario: &str) -> Self {
        let start_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + COMES_UP;
        Self { desk: Desk::new(scenario), start_at: start_at.as_secs().to_string() }
    }

    fn watch(&self, more: &[&str]) -> Child {
        self.watching(more).spawn().unwrap()
    }

    fn watching(&self, more: &[&str]) -> Command {
        let mut command = self.desk.loadgen(&["watch", "--scenario", "scenario.toml", "--seed", SEED, "--run-id", "r1", "--out", "parts"]);
        command.args(["--start-at", &self.start_at, "--clock-uncertainty", "5ms"]).args(more);
        command
    }

    /// A shard that is told its part on the command line.
    fn part(&self, part: &str, more: &[&str]) -> Child {
        let common = ["--scenario", "scenario.toml", "--seed", SEED, "--run-id", "r1", "--out", "parts", "--shard", part];
        self.desk.loadgen(&common).args(["--start-at", &self.start_at, "--clock-uncertainty", "5ms"]).args(more).spawn().unwrap()
    }

    /// A shard that is told its part as a pod of an Indexed Job is.
    fn shard(&self, index: u32) -> Child {
        let common = ["--scenario", "scenario.toml", "--seed", SEED, "--run-id", "r1", "--out", "parts"];
        let mut command = self.desk.loadgen(&common);
        command.args(["--start-at", &self.start_at, "--clock-uncertainty", "5ms"]);
        command.env("JOB_COMPLETION_INDEX", index.to_string()).env("RUSHPROOF_SHARDS", "4").spawn().unwrap()
    }

    fn merge(&self, folders: &[&str]) -> Output {
        self.desk.loadgen(&["merge", "--out", "runs"]).args(folders).output().unwrap()
    }

    /// The folder of the newest run below a folder.
    fn only_run(&self, out: &str) -> PathBuf {
        let mut runs: Vec<PathBuf> = fs::read_dir(self.desk.path(out)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }
}

fn succeeds(who: &str, child: Child) {
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{who}: {}\n{}", text(&output.stdout), text(&output.stderr));
}

/// What buyers decided before any answer: the keys of all double clicks, and each buyer's first attempts in words.
fn decisions(run: &Path) -> (BTreeSet<String>, BTreeMap<u64, Vec<String>>) {
    let mut first: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for event in events(run) {
        let Event::Invoke(invoke) = event else { continue };
        match invoke.behaviour {
            Behaviour::First => {
                let decision = format!("{:?} {:?} {:?} {:?}", invoke.kind, invoke.key, invoke.quantity, invoke.trick);
                first.entry(invoke.buyer).or_default().push(decision);
            }
            Behaviour::DoubleClick => drop(twice.insert(invoke.key.unwrap())),
            Behaviour::Retry | Behaviour::ComeBack => {}
        }
    }
    (twice, first)
}

/// For every key that both histories know: the product and quantity under it.
fn orders(run: &Path) -> BTreeMap<String, (Option<String>, Option<u64>)> {
    let invokes = events(run).into_iter().filter_map(|event| match event {
        Event::Invoke(invoke) => Some((invoke.key?, (invoke.product, invoke.quantity))),
        _ => None,
    });
    invokes.collect()
}

#[test]
fn four_shards_agree_with_one_process_and_unfit_folders_are_refused() {
    let machines = Machines::new();
    let watch = machines.watch(&["--shards", "4"]);
    let shards: Vec<Child> = (0..4).map(|index| machines.shard(index)).collect();
    for (index, shard) in shards.into_iter().enumerate() {
        succeeds(&format!("shard {index}"), shard);
    }
    succeeds("watch", watch);

    let merged = machines.merge(&["parts/r1"]);
    assert_eq!(merged.status.code(), Some(0), "{}\n{}", text(&merged.stdout), text(&merged.stderr));
    let merged = machines.only_run("runs");
    let result = RunResult::read(&merged).unwrap();
    assert_eq!(result.verdict(), Verdict::Pass, "{:?}", result.proof.reasons);
    assert!(result.proof.properties.iter().all(|result| result.judgement == Judgement::Holds), "{:?}", result.proof);
    for file in ["plan.json", "report.html", "report.md", "junit.xml", "latency.hgrm"] {
        assert!(merged.join(file).is_file(), "{file} is missing");
    }
    let again = machines.desk.loadgen(&["check", merged.to_str().unwrap(), "--format", "json"]).output().unwrap();
    let again: RunResult = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again.proof, result.proof, "check agrees with merge");

    let single = machines.desk.loadgen(&["--scenario", "scenario.toml", "--seed", SEED, "--out", "single"]).output().unwrap();
    assert_eq!(single.status.code(), Some(0), "{}\n{}", text(&single.stdout), text(&single.stderr));
    let single = machines.only_run("single");
    let alone = RunResult::read(&single).unwrap();
    assert_eq!(fs::read_to_string(single.join("plan.json")).unwrap(), fs::read_to_string(merged.join("plan.json")).unwrap());
    assert_eq!(result.totals.arrivals, alone.totals.arrivals, "the same arrivals");
    assert_eq!(result.totals.planned, alone.totals.planned);
    assert_eq!(decisions(&merged), decisions(&single), "the same decisions");
    let (ours, theirs) = (orders(&merged), orders(&single));
    let both: Vec<&String> = ours.keys().filter(|key| theirs.contains_key(*key)).collect();
    assert!(both.len() > 30, "only {} orders in both", both.len());
    assert!(both.iter().all(|key| ours[*key] == theirs[*key]), "the same key stands for the same order");

    refused(&machines);
}

/// What does not fit together is refused, in words that say where.
fn refused(machines: &Machines) {
    let says = |folders: &[&str], code: i32, words: &[&str]| {
        let output = machines.merge(folders);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is missing in: {said}");
        }
    };
    says(&["nowhere"], 2, &["no part of a run", "nowhere"]);
    says(&["parts/r1", "parts/r1/shard-2-of-4"], 2, &["shard 2/4 is there twice"]);
    says(
        &["parts/r1/watch", "parts/r1/shard-1-of-4", "parts/r1/shard-2-of-4", "parts/r1/shard-4-of-4"],
        4,
        &["UNKNOWN", "shard 3/4 left no folder"],
    );
    says(&["parts/r1/shard-1-of-4"], 4, &["UNKNOWN", "the watch left no folder"]);

    let card = machines.desk.path("parts/r1/shard-2-of-4/part.json");
    let sound = fs::read_to_string(&card).unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_str(&sound).unwrap();
        change(&mut value);
        fs::write(&card, value.to_string()).unwrap();
    };
    for (field, value, words) in [
        ("seed", serde_json::json!(12), "its seed is 12"),
        ("plan", serde_json::json!("0123456789abcdef"), "its plan is 0123456789abcdef"),
        ("run_id", serde_json::json!("r2"), "its run id is r2"),
        ("parts", serde_json::json!(5), "its number of shards is 5"),
        ("start_at_unix_us", serde_json::json!(5), "its begin"),
    ] {
        with(&|card| card[field] = value.clone());
        says(&["parts/r1"], 2, &["these are not the parts of one run", words, "shard-2-of-4"]);
    }
    // A clock that was two seconds ahead: its orders were seen before it sent them.
    with(&|card| {
        let zero = card["clock"]["zero_unix_us"].as_u64().unwrap();
        card["clock"]["zero_unix_us"] = serde_json::json!(zero + 2_000_000);
    });
    says(&["parts/r1"], 2, &["clocks contradict each other", "shard 2/4"]);
    with(&|card| card["ended"]["clock_drift_us"] = serde_json::json!(80_000));
    says(&["parts/r1"], 2, &["was set by 80000 µs"]);
    says(&["parts/r1", "--clock-uncertainty", "100ms"], 0, &["PASS"]);
    fs::write(&card, &sound).unwrap();
    fs::copy(machines.desk.path("parts/r1/shard-1-of-4/latency.json"), machines.desk.path("parts/r1/shard-2-of-4/latency.json")).unwrap();
    says(&["parts/r1"], 2, &["do not add up"]);
}

#[test]
fn a_killed_shard_leaves_the_run_unknown_and_is_named() {
    let machines = Machines::new();
    let watch = machines.watch(&["--shards", "4"]);
    let mut shards: Vec<Child> = (0..4).map(|index| machines.shard(index)).collect();
    let third = machines.desk.path("parts/r1/shard-3-of-4");
    until("the third shard to buy", || events(&third).iter().any(|event| matches!(event, Event::Complete(_))).then_some(()));
    let mut killed = shards.remove(2);
    killed.kill().unwrap();
    killed.wait().unwrap();
    for (index, shard) in shards.into_iter().enumerate() {
        succeeds(&format!("shard {index}"), shard);
    }
    succeeds("watch", watch);
    let merged = machines.merge(&["parts/r1"]);
    assert_eq!(merged.status.code(), Some(4), "{}\n{}", text(&merged.stdout), text(&merged.stderr));
    let result = RunResult::read(&machines.only_run("runs")).unwrap();
    assert_eq!(result.verdict(), Verdict::Unknown);
    let reasons = result.proof.reasons.join("\n");
    assert!(reasons.contains("shard 3/4 did not come to its end"), "{reasons}");
    assert!(
        result.proof.properties.iter().all(|result| result.judgement == Judgement::Undecided),
        "nobody is accused of what a lost shard did"
    );
}

/// The pipeline of one scenario, served by somebody who is not the harness; on a database of its own, or on a server's.
fn serve(machines: &Machines, database: Option<&str>) -> Child {
    let settings =
        ["--stock", "20", "--factory-time", "300ms", "--factory-jitter", "0ms", "--factory-capacity", "4", "--visibility-timeout", "5s"];
    let mut pipeline = machines.desk.loadgen(&["reference", "serve", "--data", "shop", "--exit-with-parent"]);
    pipeline.args(settings).args(["--ready", "json", "--log-level", "error"]).stdin(Stdio::piped());
    pipeline.envs(database.map(|url| ("DATABASE_URL", url))).spawn().unwrap()
}

/// Two shards and a watch that find the pipeline where its file says; `database` is what the watch knows of it beside the file.
fn found_and_judged(machines: &Machines, mut pipeline: Child, database: Option<&str>) {
    // Nobody waits for the pipeline here: whoever needs its file waits for it.
    let system = ["--system", "shop/addresses.json"];
    let watch = machines
        .watching(&[system.as_slice(), &["--shards", "2"]].concat())
        .envs(database.map(|url| ("DATABASE_URL", url)))
        .spawn()
        .unwrap();
    let shards = [machines.part("1/2", &system), machines.part("2/2", &system)];
    for shard in shards {
        succeeds("shard", shard);
    }
    succeeds("watch", watch);
    drop(pipeline.stdin.take());
    assert_eq!(pipeline.wait().unwrap().code(), Some(0), "the pipeline is as well as before");
    let merged = machines.merge(&["parts/r1/watch", "parts/r1/shard-1-of-2", "parts/r1/shard-2-of-2"]);
    assert_eq!(merged.status.code(), Some(0), "{}\n{}", text(&merged.stdout), text(&merged.stderr));
}

#[test]
fn a_pipeline_that_runs_already_is_watched_and_bought_from_where_its_file_says() {
    let machines = Machines::new();
    let pipeline = serve(&machines, None);
    found_and_judged(&machines, pipeline, None);
}

#[tokio::test]
async fn a_pipeline_on_a_database_server_is_watched_like_any_other() {
    let server = MariaDb::shared().await;
    let url = server.url(&server.fresh_database().await);
    let judged = tokio::task::spawn_blocking(move || {
        let machines = Machines::new();
        let pipeline = serve(&machines, Some(&url));
        found_and_judged(&machines, pipeline, Some(&url));
    });
    judged.await.unwrap();
}

/// What goes wrong at the watch, which has the pipeline, while the buyers come from elsewhere.
const TROUBLE: &str = r#"
[[fault]]
name = "lost"
fault = "lose-answer"
hop = "sales"
method = "POST"
share = "30%"

[[fault]]
name = "slow way"
fault = "delay"
delay = "20ms"
hop = "database"
share = "20%"

[[fault]]
name = "dead"
fault = "kill"
role = "replenish"
down_for = "500ms"
phase = "more"
"#;

#[tokio::test]
async fn faults_strike_at_the_watch_while_the_shards_buy_and_the_whole_is_judged() {
    let server = MariaDb::shared().await;
    let url = server.url("").trim_end_matches('/').to_owned();
    let judged = tokio::task::spawn_blocking(move || {
        let machines = Machines::with(&(SHORT.to_owned() + TROUBLE));
        let watch = machines.watch(&["--shards", "2", "--database", &url]);
        let shards = [machines.part("1/2", &[]), machines.part("2/2", &[])];
        for shard in shards {
            succeeds("shard", shard);
        }
        succeeds("watch", watch);
        let merged = machines.merge(&["parts/r1"]);
        assert_eq!(merged.status.code(), Some(0), "{}\n{}", text(&merged.stdout), text(&merged.stderr));
        let result = RunResult::read(&machines.only_run("runs")).unwrap();
        assert!(result.run.target.contains("database server"), "{}", result.run.target);
        for fault in ["lost", "slow way", "dead"] {
            let evidence: Vec<_> = result.proof.evidence.iter().filter(|piece| piece.what.contains(fault)).collect();
            assert!(!evidence.is_empty() && evidence.iter().all(|piece| piece.enough), "{fault}: {evidence:?}");
        }
    });
    judged.await.unwrap();
}
