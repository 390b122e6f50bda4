//! Does what was asked for, and says how it ended.

use std::ffi::OsString;
use std::future::Future;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use reference::defects::Defect;

use super::shards::Mistakes;
use super::{MatrixArgs, OutputArgs, ReachArgs, Request, ShardArgs, WatchArgs};
use crate::boot::janitor;
use crate::exit::Exit;
use crate::faults::FiredFile;
use crate::ground::Ground;
use crate::index::{Index, IndexError};
use crate::live::LiveSettings;
use crate::load::keep_interrupts;
use crate::matrix::{self, MatrixError};
use crate::progress::Display;
use crate::report::{self, Format};
use crate::result::RunResult;
use crate::run::conduct::Measured;
use crate::run::folder::RunFolder;
use crate::run::interrupt::Interrupts;
use crate::run::{self, Finished, Order, error_chain, judge};
use crate::scenario::{Scenario, page};
use crate::shards::merge::MergeError;
use crate::shards::{self, ShardError};
use crate::target::{self, Target, leash};

/// How long tasks may take to notice that all is over.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Parses the command line, does what it says, and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let request = match super::parse(args) {
        Ok(request) => request,
        Err(error) => {
            // Printing can only fail when nobody listens.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Pass.into() };
        }
    };
    match request {
        Request::Run { scenario, target, seed, defect, gate, reach, ground, output, live } => {
            run_scenario((&scenario, target.as_deref()), seed, defect, gate.as_deref(), (reach, ground), (&output, live)).into()
        }
        Request::Check { run, gate, write, format } => check(&run, gate.as_deref(), write, format).into(),
        Request::Index { folder } => index(&folder).into(),
        Request::Replay { run, fired, reach, ground, output } => replay(&run, fired, (reach, ground), &output).into(),
        Request::Compare(args) => super::compare::compared(&args).into(),
        Request::Shrink(args) => super::shrink::shrunk(&args).into(),
        Request::Shard { scenario, seed, shards, reach, output } => shard(&scenario, seed, (shards, reach), &output).into(),
        Request::Watch(args) => watch(*args).into(),
        Request::Merge { folders, gate, clock_uncertainty, output } => merge(folders, gate.as_deref(), clock_uncertainty, &output).into(),
        Request::Scenarios { markdown: true, .. } => print(&page::markdown()).into(),
        Request::Scenarios { name, .. } => scenarios(name.as_deref()).into(),
        Request::Defects => print(&matrix::catalogue::list()).into(),
        Request::Matrix(args) => many(&args).into(),
        Request::CheckTarget { file, reach } => check_target(&file, &reach).into(),
        Request::Handout(handout) => handout.give().into(),
        Request::Leash { grace, command } => leash::run(&command, grace),
        Request::Janitor { folder } => janitor::clean_up(&folder),
        Request::Reference { args } => reference::cli::run(std::iter::once(OsString::from("reference")).chain(args)),
    }
}

/// A scenario, in the words of the target that it is run against, if any.
fn scenario_against(name: &str, target: Option<&Path>) -> Result<Scenario, Box<dyn std::error::Error>> {
    let scenario = Scenario::load(name)?;
    match target {
        Some(file) => Ok(scenario.against(Arc::new(Target::load(file)?))?),
        None => Ok(scenario),
    }
}

fn check_target(file: &Path, reach: &ReachArgs) -> Exit {
    let target = match Target::load(file) {
        Ok(target) => target,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let checked = in_runtime(async {
        let interrupts = Interrupts::listen()?;
        tokio::select! {
            checked = target::check::check(target, &reach.allow_remote) => Ok(Some(checked)),
            () = interrupts.soft.cancelled() => Ok(None),
        }
    });
    match checked {
        Ok(Some(Ok(acquaintance))) => {
            print(&acquaintance.to_string()).max(if acquaintance.is_mutual() { Exit::Pass } else { Exit::Unknown })
        }
        Ok(Some(Err(error))) => complain(&error, Exit::Harness),
        Ok(None) => Exit::Unknown,
        Err(error) => complain(&error, Exit::Harness),
    }
}

fn run_scenario(
    (name, target): (&str, Option<&Path>),
    seed: Option<u64>,
    defect: Option<Defect>,
    baseline: Option<&Path>,
    (reach, ground): (ReachArgs, Ground),
    (output, live): (&OutputArgs, Option<LiveSettings>),
) -> Exit {
    let scenario = match scenario_against(name, target) {
        Ok(scenario) => scenario,
        Err(error) => return complain(error.as_ref(), Exit::Usage),
    };
    let baseline = match baseline.map(RunResult::read).transpose() {
        Ok(baseline) => baseline,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let seed = seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let (out, display) = (output.out.clone(), Display::detect(output.quiet));
    let order = Order { faults: None, scenario, seed, defect, out, baseline, display, live, allow_remote: reach.allow_remote, ground };
    conduct(&order, output.format)
}

fn replay(folder: &Path, fired: bool, (reach, ground): (ReachArgs, Ground), output: &OutputArgs) -> Exit {
    let (folder, plan) = match RunFolder::open(folder) {
        Ok(opened) => opened,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let defect = match judge::defect_of(&folder) {
        Ok(defect) => defect,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let fired = match fired.then(|| FiredFile::read(&folder.fired())).transpose() {
        Ok(fired) => fired,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let faults = match fired.map(|fired| fired.narrow(plan.faults())).transpose() {
        Ok(faults) => faults,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let order = Order {
        faults,
        scenario: plan.scenario().clone(),
        seed: plan.seed(),
        defect,
        out: output.out.clone(),
        baseline: None,
        display: Display::detect(output.quiet),
        live: None,
        allow_remote: reach.allow_remote,
        ground,
    };
    conduct(&order, output.format)
}

fn conduct(order: &Order, format: Format) -> Exit {
    interruptible(
        |interrupts| async move { run::run(order, &interrupts).await },
        |finished| conclude(&finished, format),
        "stopped at once; what was seen until then stays in the run folder, and `loadgen check` judges it",
    )
}

/// Does something that Ctrl-C ends: once in order, twice at once.
fn interruptible<T, E: std::error::Error, F: Future<Output = Result<T, E>>>(
    work: impl FnOnce(Interrupts) -> F,
    concluded: impl FnOnce(T) -> Exit,
    when_stopped: &str,
) -> Exit {
    // Before anything else can take Ctrl-C for itself.
    keep_interrupts();
    let outcome = in_runtime(async {
        let interrupts = Interrupts::listen()?;
        tokio::select! {
            finished = work(interrupts.clone()) => Ok(Some(finished)),
            () = interrupts.hard.cancelled() => Ok(None),
        }
    });
    match outcome {
        Ok(Some(Ok(finished))) => concluded(finished),
        Ok(Some(Err(error))) => complain(&error, Exit::Harness),
        Ok(None) => {
            eprintln!("{when_stopped}");
            Exit::Unknown
        }
        Err(error) => complain(&error, Exit::Harness),
    }
}

fn shard(name: &str, seed: Option<u64>, (args, reach): (ShardArgs, ReachArgs), output: &OutputArgs) -> Exit {
    let scenario = match Scenario::load(name) {
        Ok(scenario) => scenario,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let env = |name: &str| std::env::var(name).ok();
    let order = match args.order(scenario, seed, reach, (output.out.clone(), Display::detect(output.quiet)), &env) {
        Ok(order) => order,
        Err(mistakes) => return complain(&mistakes, Exit::Usage),
    };
    part_of_a_run(|interrupts| async move { shards::buy::buy(&order, &interrupts).await })
}

fn watch(args: WatchArgs) -> Exit {
    let scenario = match Scenario::load(&args.scenario) {
        Ok(scenario) => scenario,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let display = Display::detect(args.quiet);
    let order = match args.order(scenario, display) {
        Ok(order) => order,
        Err(mistakes) => return complain(&mistakes, Exit::Usage),
    };
    part_of_a_run(|interrupts| async move { shards::watch::watch(&order, &interrupts).await })
}

/// A part has no verdict: it ends as planned, or the merge will be UNKNOWN.
fn part_of_a_run<F: Future<Output = Result<bool, ShardError>>>(play: impl FnOnce(Interrupts) -> F) -> Exit {
    let concluded = |complete| if complete { Exit::Pass } else { Exit::Unknown };
    interruptible(play, concluded, "stopped at once; `loadgen merge` will say that this part did not come to its end")
}

fn merge(folders: Vec<PathBuf>, baseline: Option<&Path>, clock_uncertainty: Option<String>, output: &OutputArgs) -> Exit {
    let clock_uncertainty = match clock_uncertainty.as_deref().map(super::shards::uncertainty).transpose() {
        Ok(uncertainty) => uncertainty,
        Err(mistake) => return complain(&Mistakes(vec![mistake]), Exit::Usage),
    };
    let baseline = match baseline.map(RunResult::read).transpose() {
        Ok(baseline) => baseline,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let order = shards::merge::Order { folders, out: output.out.clone(), clock_uncertainty, baseline };
    match shards::merge::merge(&order) {
        Ok(finished) => conclude(&finished, output.format),
        Err(error @ MergeError::Unfit(_)) => complain(&error, Exit::Usage),
        Err(error) => complain(&error, Exit::Harness),
    }
}

fn conclude(finished: &Finished, format: Format) -> Exit {
    let shown = show(format, &finished.result, &finished.folder);
    if let Some(gate) = &finished.gate {
        eprint!("{gate}");
    }
    shown.unwrap_or_else(|error| complain(&error, Exit::Harness)).max(finished.exit())
}

fn check(folder: &Path, baseline: Option<&Path>, write: bool, format: Format) -> Exit {
    let opened = RunFolder::open(folder);
    let baseline = baseline.map(RunResult::read).transpose();
    let ((folder, plan), baseline) = match (opened, baseline) {
        (Ok(opened), Ok(baseline)) => (opened, baseline),
        (Err(error), _) => return complain(&error, Exit::Usage),
        (_, Err(error)) => return complain(&error, Exit::Usage),
    };
    // What was measured beside the history is taken over from the run's own result, where there is one.
    let before = RunResult::read(folder.path()).ok();
    let (measured, called) = match before {
        Some(RunResult { cost, run, .. }) => (Measured { cost, machine: Some(run.machine) }, Some((run.id, run.replay))),
        None => (Measured::default(), None),
    };
    match judge::judge(&folder, &plan, measured) {
        Ok((mut result, histograms)) => {
            // A folder that was moved or renamed still holds the run that it held.
            if write && let Some((id, replay)) = called {
                (result.run.id, result.run.replay) = (id, replay);
            }
            if write && let Err(error) = report::write_all(folder.path(), &result, &histograms, None) {
                return complain(&error, Exit::Harness);
            }
            conclude(&Finished::new(folder.path().to_owned(), result, baseline.as_ref()), format)
        }
        Err(error) => complain(&error, Exit::Harness),
    }
}

fn index(folder: &Path) -> Exit {
    let written = Index::read(folder).and_then(|index| index.write(folder));
    match written {
        Ok(page) => print(&format!("{}\n", page.display())),
        Err(error @ (IndexError::Folder { .. } | IndexError::Nothing { .. })) => complain(&error, Exit::Usage),
        Err(error) => complain(&error, Exit::Harness),
    }
}

fn scenarios(name: Option<&str>) -> Exit {
    let Some(name) = name else {
        let lines = Scenario::catalogue().into_iter().map(|entry| {
            let seconds = entry.duration.as_secs();
            format!("{:<22} {:>5} s  {}\n", entry.name, seconds, entry.about)
        });
        return print(&lines.collect::<String>());
    };
    match Scenario::load(name) {
        Ok(scenario) => print(&format!("{}\n\n{}", crate::plan::Plan::derive(&scenario, 0), scenario.text)),
        Err(error) => complain(&error, Exit::Usage),
    }
}

/// Runs the matrix, says what is not as it should be, and ends accordingly where that is asked for.
fn many(args: &MatrixArgs) -> Exit {
    let (ask, manner) = args.checked();
    keep_interrupts();
    let outcome = in_runtime(async {
        let interrupts = Interrupts::listen()?;
        let record = matrix::run(&ask, &manner, &interrupts).await;
        Ok((record, interrupts.soft.is_cancelled()))
    });
    let (record, interrupted) = match outcome {
        Ok((Ok(record), interrupted)) => (record, interrupted),
        Ok((Err(error @ (MatrixError::Scenario(_) | MatrixError::Nothing)), _)) => return complain(&error, Exit::Usage),
        Ok((Err(error), _)) => return complain(&error, Exit::Harness),
        Err(error) => return complain(&error, Exit::Harness),
    };
    let mistakes = record.mistakes();
    let lines: String = mistakes.iter().map(|mistake| format!("- {mistake}\n")).collect();
    let as_it_should = format!("All {} runs ended as they should.\n", record.cells.len());
    let printed = print(if mistakes.is_empty() { &as_it_should } else { &lines });
    match (mistakes.is_empty(), interrupted) {
        (false, _) if args.check => Exit::Violated,
        (_, true) => Exit::Unknown,
        _ => printed,
    }
}

fn show(format: Format, result: &RunResult, folder: &Path) -> Result<Exit, report::ReportError> {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Ok(print(&report::render(format, result, folder, colour)?))
}

/// Prints a result. A reader that left (`| head`) has seen what it wanted.
pub(super) fn print(text: &str) -> Exit {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Exit::Pass,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Pass,
        Err(error) => complain(&error, Exit::Harness),
    }
}

pub(super) fn complain(error: &dyn std::error::Error, exit: Exit) -> Exit {
    eprintln!("error: {}", error_chain(error));
    exit
}

pub(super) fn in_runtime<T>(work: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    // Whatever still runs is dropped here, before this process ends: a process of the pipeline that is still there is killed by that.
    runtime.shutdown_timeout(SHUTDOWN);
    outcome
}
