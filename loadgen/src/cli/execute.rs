//! Does what was asked for, and says how it ended.

use std::ffi::OsString;
use std::future::Future;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::{OutputArgs, Request};
use crate::exit::Exit;
use crate::load::keep_interrupts;
use crate::progress::Display;
use crate::report::{self, Format};
use crate::result::RunResult;
use crate::run::conduct::Measured;
use crate::run::folder::RunFolder;
use crate::run::interrupt::Interrupts;
use crate::run::{self, Finished, Order, error_chain, judge};
use crate::scenario::Scenario;

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
        Request::Run { scenario, seed, gate, output } => run_scenario(&scenario, seed, gate.as_deref(), &output).into(),
        Request::Check { run, gate, format } => check(&run, gate.as_deref(), format).into(),
        Request::Replay { run, output } => replay(&run, &output).into(),
        Request::Scenarios { name } => scenarios(name.as_deref()).into(),
        Request::Reference { args } => reference::cli::run(std::iter::once(OsString::from("reference")).chain(args)),
    }
}

fn run_scenario(name: &str, seed: Option<u64>, baseline: Option<&Path>, output: &OutputArgs) -> Exit {
    let scenario = match Scenario::load(name) {
        Ok(scenario) => scenario,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let baseline = match baseline.map(RunResult::read).transpose() {
        Ok(baseline) => baseline,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let seed = seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let order = Order { scenario, seed, out: output.out.clone(), baseline, display: Display::detect(output.quiet) };
    conduct(&order, output.format)
}

fn replay(folder: &Path, output: &OutputArgs) -> Exit {
    let plan = match RunFolder::open(folder) {
        Ok((_, plan)) => plan,
        Err(error) => return complain(&error, Exit::Usage),
    };
    let order = Order {
        scenario: plan.scenario().clone(),
        seed: plan.seed(),
        out: output.out.clone(),
        baseline: None,
        display: Display::detect(output.quiet),
    };
    conduct(&order, output.format)
}

fn conduct(order: &Order, format: Format) -> Exit {
    // Before anything else can take Ctrl-C for itself.
    keep_interrupts();
    let outcome = in_runtime(async {
        let interrupts = Interrupts::listen()?;
        tokio::select! {
            finished = run::run(order, &interrupts) => Ok(Some(finished)),
            () = interrupts.hard.cancelled() => Ok(None),
        }
    });
    match outcome {
        Ok(Some(Ok(finished))) => conclude(&finished, format),
        Ok(Some(Err(error))) => complain(&error, Exit::Harness),
        Ok(None) => {
            eprintln!("stopped at once; what was seen until then stays in the run folder, and `loadgen check` judges it");
            Exit::Unknown
        }
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

fn check(folder: &Path, baseline: Option<&Path>, format: Format) -> Exit {
    let opened = RunFolder::open(folder);
    let baseline = baseline.map(RunResult::read).transpose();
    let ((folder, plan), baseline) = match (opened, baseline) {
        (Ok(opened), Ok(baseline)) => (opened, baseline),
        (Err(error), _) => return complain(&error, Exit::Usage),
        (_, Err(error)) => return complain(&error, Exit::Usage),
    };
    // What was measured beside the history is taken over from the run's own result, where there is one.
    let before = RunResult::read(folder.path()).ok();
    let measured = before.map(|result| Measured { cost: result.cost, machine: Some(result.run.machine) }).unwrap_or_default();
    match judge::judge(&folder, &plan, measured) {
        Ok((result, _)) => conclude(&Finished::new(folder.path().to_owned(), result, baseline.as_ref()), format),
        Err(error) => complain(&error, Exit::Harness),
    }
}

fn scenarios(name: Option<&str>) -> Exit {
    let Some(name) = name else {
        let lines = Scenario::catalogue().into_iter().map(|entry| {
            let seconds = entry.duration.as_secs();
            format!("{:<14} {:>5} s  {}\n", entry.name, seconds, entry.about)
        });
        return print(&lines.collect::<String>());
    };
    match Scenario::load(name) {
        Ok(scenario) => print(&format!("{}\n\n{}", crate::plan::Plan::derive(&scenario, 0), scenario.text)),
        Err(error) => complain(&error, Exit::Usage),
    }
}

fn show(format: Format, result: &RunResult, folder: &Path) -> Result<Exit, report::ReportError> {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Ok(print(&report::render(format, result, folder, colour)?))
}

/// Prints a result. A reader that left (`| head`) has seen what it wanted.
fn print(text: &str) -> Exit {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Exit::Pass,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Pass,
        Err(error) => complain(&error, Exit::Harness),
    }
}

fn complain(error: &dyn std::error::Error, exit: Exit) -> Exit {
    eprintln!("error: {}", error_chain(error));
    exit
}

fn in_runtime<T>(work: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    // Whatever still runs is dropped here, before this process ends: a process of the pipeline that is still there is killed by that.
    runtime.shutdown_timeout(SHUTDOWN);
    outcome
}
