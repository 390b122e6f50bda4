//! The options of runs on many machines, and their checks: all mistakes together, before anything starts.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use chaos::incident::Moment;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{GroundArgs, ReachArgs};
use crate::ground::Ground;
use crate::plan::Part;
use crate::progress::Display;
use crate::scenario::Scenario;
use crate::shards::{Common, buy, most_parts, watch};

/// Looks a variable of the environment up.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where the number of a shard may come from: variables with its index (from 0) and with the number of all shards. Kubernetes does not tell the
/// pods of an Indexed Job how many they are, so the manifest has to.
const ARRAYS: [(&str, &str); 2] = [("JOB_COMPLETION_INDEX", "RUSHPROOF_SHARDS"), ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE")];

/// The longest name of a run: it is a folder's name too.
const LONGEST_RUN_ID: usize = 64;

/// Options of a run on many machines.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "On many machines")]
pub struct ShardArgs {
    /// Id of the run, the same on every machine; with it, this process plays only its part of the buyers, against a pipeline that runs already
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
    /// When the first buyer may come, the same on every machine: 2026-11-21T14:00:00Z, or seconds since the Unix epoch
    #[arg(long, value_name = "TIME")]
    pub start_at: Option<String>,
    /// Which part is this one's, from 1/N to N/N [default: JOB_COMPLETION_INDEX of RUSHPROOF_SHARDS, or AWS_BATCH_JOB_ARRAY_INDEX of AWS_BATCH_JOB_ARRAY_SIZE]
    #[arg(long, value_name = "I/N")]
    pub shard: Option<String>,
    /// JSON file that says where the pipeline is [default: system.json in the run's folder, where `loadgen watch` puts it]
    #[arg(long, value_name = "FILE")]
    pub system: Option<PathBuf>,
    /// How far this machine's clock may be from the true time [default: 50ms]
    #[arg(long, value_name = "TIME")]
    pub clock_uncertainty: Option<String>,
}

/// Options of the watch.
#[derive(Debug, Clone, clap::Args)]
pub struct WatchArgs {
    /// Scenario of the run: a name from `loadgen scenarios`, or the path of a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    pub scenario: String,
    /// Seed of the run
    #[arg(long, value_name = "N")]
    pub seed: u64,
    /// Id of the run, the same on every machine
    #[arg(long, value_name = "ID")]
    pub run_id: String,
    /// When the first buyer may come, the same on every machine: 2026-11-21T14:00:00Z, or seconds since the Unix epoch
    #[arg(long, value_name = "TIME")]
    pub start_at: String,
    /// How many shards there are
    #[arg(long, value_name = "N")]
    pub shards: NonZeroU32,
    /// JSON file that says where a pipeline runs already [default: one is started, and system.json in the run's folder says where]
    #[arg(long, value_name = "FILE")]
    pub system: Option<PathBuf>,
    /// How far this machine's clock may be from the true time
    #[arg(long, value_name = "TIME", default_value = DEFAULT_UNCERTAINTY)]
    pub clock_uncertainty: String,
    /// What may be reached
    #[command(flatten)]
    pub reach: ReachArgs,
    /// What a pipeline stands on that is started here
    #[command(flatten)]
    pub ground: GroundArgs,
    /// Folder in which the run's own folder is made
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub out: PathBuf,
    /// Print no progress
    #[arg(long)]
    pub quiet: bool,
}

/// What machines that keep their time by NTP are well within.
const DEFAULT_UNCERTAINTY: &str = "50ms";

/// Everything that is wrong with a command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

/// Gathers mistakes.
#[derive(Debug, Default)]
struct Check(Vec<String>);

impl Check {
    fn take<T>(&mut self, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|mistake| self.0.push(mistake)).ok()
    }
}

impl ShardArgs {
    /// Whether a part of a run was asked for at all.
    #[must_use]
    pub fn given(&self) -> bool {
        let Self { run_id, start_at, shard, system, clock_uncertainty } = self;
        [run_id, start_at, shard, clock_uncertainty].into_iter().any(Option::is_some) || system.is_some()
    }

    /// The checked order of a shard.
    ///
    /// # Errors
    /// [`Mistakes`], all of them.
    pub(super) fn order(
        self,
        scenario: Scenario,
        seed: Option<u64>,
        reach: ReachArgs,
        (out, display): (PathBuf, Display),
        env: Env<'_>,
    ) -> Result<buy::Order, Mistakes> {
        let mut check = Check::default();
        let part = check.take(part(self.shard.as_deref(), env));
        if let Some(part) = part {
            check.take(enough_users(&scenario, part.of()));
        }
        let seed = check.take(seed.ok_or_else(|| "--seed is missing; every machine needs the same".to_owned()));
        let run_id = self.run_id.ok_or_else(|| "--run-id is missing; name the run, the same on every machine".to_owned());
        let run_id = check.take(run_id.and_then(checked_run_id));
        let start_at = self.start_at.ok_or_else(|| "--start-at is missing; say when to begin, the same on every machine".to_owned());
        let start_at = check.take(start_at.and_then(|text| unix_us(&text)));
        let uncertainty = check.take(uncertainty(self.clock_uncertainty.as_deref().unwrap_or(DEFAULT_UNCERTAINTY)));
        match (part, seed, run_id, start_at, uncertainty) {
            (Some(part), Some(seed), Some(run_id), Some(start_at_unix_us), Some(clock_uncertainty)) if check.0.is_empty() => {
                let (system, allow_remote) = (self.system, reach.allow_remote);
                let common = Common { scenario, seed, run_id, start_at_unix_us, clock_uncertainty, system, allow_remote, out, display };
                Ok(buy::Order { common, part })
            }
            _ => Err(Mistakes(check.0)),
        }
    }
}

impl WatchArgs {
    /// The checked order of the watch.
    ///
    /// # Errors
    /// All mistakes, in one error.
    pub fn order(self, scenario: Scenario, display: Display) -> Result<watch::Order, Mistakes> {
        let mut check = Check::default();
        check.take(enough_users(&scenario, self.shards));
        check.take(possible_faults(&scenario, self.system.is_some()));
        let ground = self.ground.ground();
        check.take(own_ground(&ground, self.system.is_some()));
        let run_id = check.take(checked_run_id(self.run_id));
        let start_at = check.take(unix_us(&self.start_at));
        let uncertainty = check.take(uncertainty(&self.clock_uncertainty));
        match (run_id, start_at, uncertainty) {
            (Some(run_id), Some(start_at_unix_us), Some(clock_uncertainty)) if check.0.is_empty() => {
                let Self { seed, shards: parts, system, out, reach: ReachArgs { allow_remote }, .. } = self;
                let common = Common { scenario, seed, run_id, start_at_unix_us, clock_uncertainty, system, allow_remote, out, display };
                Ok(watch::Order { common, parts, ground })
            }
            _ => Err(Mistakes(check.0)),
        }
    }
}

/// The part of this process: as it was told, or from the variables of a machine that runs many.
fn part(given: Option<&str>, env: Env<'_>) -> Result<Part, String> {
    if let Some(given) = given {
        return given.parse().map_err(|error| format!("--shard: {error}"));
    }
    let index_of = |(index, of): &(&'static str, &'static str)| env(index).map(|value| (*index, value, *of));
    let Some((index, number, of)) = ARRAYS.iter().find_map(index_of) else {
        let arrays = ARRAYS.map(|(index, of)| format!("{index} and {of}")).join(", or ");
        return Err(format!("--shard is missing; write --shard I/N, or set {arrays}"));
    };
    let count = env(of).ok_or_else(|| format!("{index} is set, but {of} is not; set it to the number of all shards"))?;
    let whole = |name: &str, text: &str| text.trim().parse::<u32>().map_err(|_| format!("{name} is {text:?}, which is no whole number"));
    let (number, count) = (whole(index, &number)?, whole(of, &count)?);
    Part::new(u64::from(number) + 1, u64::from(count)).map_err(|error| format!("{index} is {number} and {of} is {count}: {error}"))
}

fn enough_users(scenario: &Scenario, parts: NonZeroU32) -> Result<(), String> {
    match most_parts(scenario) {
        Some(most) if parts > most => Err(format!("{} has {most} users, so it cannot be split into {parts} parts", scenario.name)),
        _ => Ok(()),
    }
}

/// Faults need taps and processes of one's own, which are there only where the pipeline was started; and the watch does not hear of sales as they
/// happen.
fn possible_faults(scenario: &Scenario, runs_already: bool) -> Result<(), String> {
    let chaos::plan::Plan { rules, incidents } = &scenario.faults;
    if runs_already && !(rules.is_empty() && incidents.is_empty()) {
        return Err(format!(
            "--system: {} has faults, and a pipeline that runs already has no taps, and processes that are not ours; leave --system out",
            scenario.name
        ));
    }
    let waiting_rule = rules.iter().find(|rule| rule.select.after_sales > 0 || rule.select.until_sales.is_some()).map(|rule| &rule.name);
    let waiting = incidents.iter().find(|incident| matches!(incident.when.first, Moment::AfterSales(_))).map(|incident| &incident.name);
    match waiting_rule.or(waiting) {
        Some(fault) => Err(format!(
            "{}: the fault {fault:?} waits for a number of sales, which nobody counts while a run on many machines goes on; give it a time or a stage",
            scenario.name
        )),
        None => Ok(()),
    }
}

/// A pipeline that runs already stands where it stands.
fn own_ground(ground: &Ground, runs_already: bool) -> Result<(), String> {
    if !runs_already || (ground.database.is_none() && ground.backend.is_none()) {
        return Ok(());
    }
    Err("--database (RUSHPROOF_DATABASE) and --backend are for a pipeline that is started here; the file of --system, or DATABASE_URL, says where one that runs already has its own".to_owned())
}

fn checked_run_id(id: String) -> Result<String, String> {
    let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if plain && !id.is_empty() && !id.starts_with('.') && id.len() <= LONGEST_RUN_ID {
        return Ok(id);
    }
    Err(format!("--run-id: {id:?} cannot be a folder's name everywhere; use up to {LONGEST_RUN_ID} letters, digits, - and _"))
}

/// A moment, µs since the Unix epoch.
fn unix_us(text: &str) -> Result<u64, String> {
    let from_seconds = || text.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1_000_000));
    let from_date = || {
        let date = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(date.unix_timestamp_nanos() / 1_000).ok()
    };
    from_seconds()
        .or_else(from_date)
        .ok_or_else(|| format!("--start-at: {text:?} is no moment; write 2026-11-21T14:00:00Z, or seconds since the Unix epoch"))
}

/// How far a clock may be off. A second is more than anybody should have to allow for, and beyond it little is left to prove.
pub(super) fn uncertainty(text: &str) -> Result<Duration, String> {
    let parsed = reference::config::duration::parse(text).map_err(|error| format!("--clock-uncertainty {text:?} {error}"))?;
    if parsed > Duration::from_secs(1) {
        return Err("--clock-uncertainty: at most 1s; synchronise the clocks better than that".to_owned());
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Scenario {
        Scenario::load("smoke").unwrap()
    }

    fn order(args: ShardArgs, env: &[(&str, &str)]) -> Result<buy::Order, Mistakes> {
        let env = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        args.order(scenario(), Some(7), ReachArgs::default(), ("runs".into(), Display::Hidden), &env)
    }

    fn named() -> ShardArgs {
        ShardArgs { run_id: Some("r1".into()), start_at: Some("2026-11-21T14:00:00Z".into()), ..ShardArgs::default() }
    }

    #[test]
    fn a_pod_of_an_indexed_job_and_a_child_of_an_array_know_their_part() {
        let pod = order(named(), &[("JOB_COMPLETION_INDEX", "0"), ("RUSHPROOF_SHARDS", "4")]).unwrap();
        assert_eq!(pod.part.to_string(), "1/4");
        let child = order(named(), &[("AWS_BATCH_JOB_ARRAY_INDEX", "9"), ("AWS_BATCH_JOB_ARRAY_SIZE", "10")]).unwrap();
        assert_eq!(child.part.to_string(), "10/10");
        let told = ShardArgs { shard: Some("2/3".into()), ..named() };
        assert_eq!(order(told, &[("JOB_COMPLETION_INDEX", "0"), ("RUSHPROOF_SHARDS", "4")]).unwrap().part.to_string(), "2/3");
    }

    #[test]
    fn an_index_without_a_number_of_all_is_a_mistake_that_names_the_variable() {
        let error = order(named(), &[("JOB_COMPLETION_INDEX", "0")]).unwrap_err().to_string();
        assert!(error.contains("RUSHPROOF_SHARDS"), "{error}");
        let error = order(named(), &[("JOB_COMPLETION_INDEX", "4"), ("RUSHPROOF_SHARDS", "4")]).unwrap_err().to_string();
        assert!(error.contains("no part 5 of 4"), "{error}");
    }

    /// The command lines of the Kubernetes manifests, with what Kubernetes puts in.
    fn pods() -> Vec<Vec<String>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes");
        let manifests = ["run.yaml", "merge.yaml"].map(|name| std::fs::read_to_string(folder.join(name)).unwrap());
        let lines = manifests.iter().flat_map(|text| text.lines()).filter_map(|line| line.trim().strip_prefix("args: "));
        let filled = |args: &str| {
            let told = [("$(SCENARIO)", "steady"), ("$(SEED)", "42"), ("$(RUN_ID)", "steady-1"), ("$(START_AT)", "1795269600")];
            told.iter().fold(args.to_owned(), |text, (variable, value)| text.replace(variable, value))
        };
        lines.map(|args| serde_json::from_str(&filled(args)).unwrap()).collect()
    }

    #[test]
    fn the_command_lines_of_the_kubernetes_manifests_are_understood() {
        let pods = pods();
        assert_eq!(pods.len(), 3);
        for args in pods {
            let line = std::iter::once("loadgen".to_owned()).chain(args).map(std::ffi::OsString::from);
            match crate::cli::parse(line).unwrap() {
                crate::cli::Request::Watch(args) => assert_eq!(args.order(scenario(), Display::Hidden).unwrap().parts.get(), 4),
                crate::cli::Request::Shard { seed, shards, reach, output, .. } => {
                    assert_eq!(reach.allow_remote, ["shop"]);
                    let env = |name: &str| match name {
                        "JOB_COMPLETION_INDEX" => Some("3".to_owned()),
                        "RUSHPROOF_SHARDS" => Some("4".to_owned()),
                        _ => None,
                    };
                    assert_eq!(shards.order(scenario(), seed, reach, (output.out, Display::Hidden), &env).unwrap().part.to_string(), "4/4");
                }
                crate::cli::Request::Merge { folders, .. } => assert_eq!(folders, [PathBuf::from("/runs/steady-1")]),
                other => panic!("a pod runs {other:?}"),
            }
        }
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let args = ShardArgs {
            run_id: Some("../up".into()),
            start_at: Some("soon".into()),
            clock_uncertainty: Some("50".into()),
            ..ShardArgs::default()
        };
        let Mistakes(mistakes) = order(args, &[]).unwrap_err();
        let said = mistakes.join("\n");
        for part in ["--shard is missing", "--run-id", "--start-at", "--clock-uncertainty"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }

    #[test]
    fn what_cannot_happen_to_a_pipeline_that_runs_already_is_refused() {
        let (tapped, struck) = (Scenario::load("lost-answers").unwrap(), Scenario::load("kill-everything").unwrap());
        for scenario in [&tapped, &struck] {
            assert_eq!(possible_faults(scenario, false), Ok(()), "{}", scenario.name);
            assert!(possible_faults(scenario, true).unwrap_err().contains("leave --system out"), "{}", scenario.name);
        }
        let elsewhere = Ground { database: Some("mysql://u:secret@h".into()), backend: None };
        assert_eq!(own_ground(&elsewhere, false), Ok(()));
        assert_eq!(own_ground(&Ground::default(), true), Ok(()));
        let refused = own_ground(&elsewhere, true).unwrap_err();
        assert!(refused.contains("RUSHPROOF_DATABASE") && !refused.contains("secret"), "{refused}");
    }

    #[test]
    fn a_moment_is_a_date_or_seconds() {
        assert_eq!(unix_us("1795269600"), Ok(1_795_269_600_000_000));
        assert_eq!(unix_us("2026-11-21T14:00:00Z"), Ok(1_795_269_600_000_000));
        assert_eq!(unix_us("2026-11-21T15:00:00.5+01:00"), Ok(1_795_269_600_500_000));
        for wrong in ["", "tomorrow", "-5", "2026-11-21"] {
            assert!(unix_us(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_closed_scenario_has_no_more_parts_than_users() {
        let soak = Scenario::load("soak").unwrap();
        assert!(enough_users(&soak, NonZeroU32::new(24).unwrap()).is_ok());
        assert!(enough_users(&soak, NonZeroU32::new(25).unwrap()).unwrap_err().contains("24 users"));
    }
}
