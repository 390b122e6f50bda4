//! The command line, parsed once into a checked [`Request`].

mod compare;
mod execute;
mod ground;
mod handout;
mod live;
mod many;
mod matrix;
mod request;
mod shards;
mod shrink;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use reference::defects::{BadDefect, Defect};

pub use self::compare::CompareArgs;
pub use self::execute::main;
pub use self::ground::{Backend, GroundArgs};
pub use self::handout::Handout;
pub use self::live::LiveArgs;
pub use self::matrix::MatrixArgs;
pub use self::request::Request;
pub use self::shards::{Mistakes, ShardArgs, WatchArgs};
pub use self::shrink::ShrinkArgs;
use crate::report::Format;

/// What `loadgen --help` says.
#[derive(Debug, Parser)]
#[command(
    name = "loadgen",
    version,
    about = "Puts an order pipeline under a rush and proves from the outside what became of every order",
    after_help = "Exit codes: 0 pass · 1 a property is violated · 2 usage · 3 performance gate failed · 4 unknown (evidence is missing) · 5 the harness itself could not run",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Cli {
    #[command(flatten)]
    run: RunArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options of a run.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Scenario to run: a name from `loadgen scenarios`, or the path of a TOML file
    #[arg(long, value_name = "NAME|FILE", required = true)]
    pub scenario: Option<String>,
    /// System to run it against, described in a TOML file (see docs/targets.md) [default: the reference pipeline]
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["defect", "run_id"])]
    pub target: Option<PathBuf>,
    /// Seed of everything random in the run; the same seed makes the same plan [default: a fresh one, printed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Mistake that the reference pipeline shall make: a name from `loadgen defects`
    #[arg(long, value_name = "NAME", value_parser = parse_defect, conflicts_with = "run_id")]
    pub defect: Option<Defect>,
    /// Result file of an earlier run that this one must not be slower than
    #[arg(long, value_name = "RESULT.JSON", conflicts_with = "run_id")]
    pub gate: Option<PathBuf>,
    /// What may be reached
    #[command(flatten)]
    pub reach: ReachArgs,
    /// What the pipeline stands on
    #[command(flatten)]
    pub ground: GroundArgs,
    /// Where results go
    #[command(flatten)]
    pub output: OutputArgs,
    /// Watching it
    #[command(flatten)]
    pub live: LiveArgs,
    /// Part of a run on many machines
    #[command(flatten)]
    pub shards: ShardArgs,
}

fn parse_defect(name: &str) -> Result<Defect, BadDefect> {
    name.parse()
}

/// What a run may reach beyond this machine.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ReachArgs {
    /// Hosts beyond this machine that may be loaded and disturbed; without it, nothing but loopback is touched
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub allow_remote: Vec<String>,
}

/// Where results go.
#[derive(Debug, Clone, clap::Args)]
pub struct OutputArgs {
    /// Folder in which the run's own folder is made
    #[arg(long, value_name = "DIR", default_value = "reports")]
    pub out: PathBuf,
    /// What is printed on standard output when the run is over
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Print no progress
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify a run again from its folder, without running anything
    Check {
        /// Folder of the run
        run: PathBuf,
        /// Result file of an earlier run that this one must not be slower than
        #[arg(long, value_name = "RESULT.JSON")]
        gate: Option<PathBuf>,
        /// Write result and reports into the folder again, as this version makes them
        #[arg(long)]
        write: bool,
        /// What is printed on standard output
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Run a run's plan again: same scenario, same seed, same decisions (not the same interleaving)
    Replay {
        /// Folder of the run
        run: PathBuf,
        /// Strike exactly what was struck then, instead of deciding again
        #[arg(long)]
        fired: bool,
        #[command(flatten)]
        reach: ReachArgs,
        #[command(flatten)]
        ground: GroundArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Lay two runs, or two folders of runs, beside each other, and say whether the second is slower
    Compare(CompareArgs),
    /// From a run that failed to the smallest fault plan that still fails in the same way
    Shrink(ShrinkArgs),
    /// Watch a run on many machines: have the pipeline, observe it, drain it when all shards are done, read what remains
    Watch(Box<WatchArgs>),
    /// Merge the parts of a run on many machines, and judge it
    Merge {
        /// Folders of parts, or folders that hold them
        #[arg(required = true, value_name = "FOLDER")]
        folders: Vec<PathBuf>,
        /// Result file of an earlier run that this one must not be slower than
        #[arg(long, value_name = "RESULT.JSON")]
        gate: Option<PathBuf>,
        /// How far the machines' clocks may have been from the true time, if that is more than they said
        #[arg(long, value_name = "TIME")]
        clock_uncertainty: Option<String>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Write a page that lists the runs of a folder, with their verdicts and links to their reports
    Index {
        /// Folder with run folders in it
        #[arg(default_value = "reports")]
        folder: PathBuf,
    },
    /// List the scenarios, or explain one
    Scenarios {
        /// Scenario to explain: a name, or the path of a TOML file
        name: Option<String>,
        /// All of them as the page of the book, docs/scenarios.md
        #[arg(long, conflicts_with = "name")]
        markdown: bool,
    },
    /// List the mistakes that the reference pipeline can be asked to make, what each violates, and the scenario meant for it
    Defects,
    /// Run every defect in the scenario meant for it, and the sound pipeline beside them; or the sound pipeline with many seeds
    Matrix(MatrixArgs),
    /// Look at a target file, and at the system that it describes
    Target {
        #[command(subcommand)]
        command: TargetCommand,
    },
    #[command(flatten)]
    Handout(Handout),
    /// Be a leash for a program that knows nothing of us: whatever it starts ends with the run
    #[command(hide = true)]
    Leash {
        /// How long it may take to end when it is asked to, in milliseconds
        #[arg(long, value_name = "MS", default_value_t = 5_000)]
        grace_ms: u64,
        /// Program and arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Wait for the harness to end, then remove its temporary folder if it could not (the harness starts its own program this way)
    #[command(hide = true)]
    Janitor {
        /// The folder
        folder: PathBuf,
    },
    /// Be the reference pipeline (the harness starts its own program this way, so that one binary suffices)
    #[command(hide = true, disable_help_flag = true)]
    Reference {
        /// Arguments of the `reference` program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// What can be done with a target file.
#[derive(Debug, Subcommand)]
enum TargetCommand {
    /// Try one browse, one purchase, one refusal and one restock, and say line by line what was understood
    Check {
        /// The target file
        file: PathBuf,
        /// What may be reached
        #[command(flatten)]
        reach: ReachArgs,
    },
}

/// The command line, for whoever checks one without running it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses the command line.
///
/// # Errors
/// [`clap::Error`], which also carries the texts of `--help` and `--version`.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, clap::Error> {
    let cli = Cli::try_parse_from(args)?;
    Ok(match cli.command {
        Some(Command::Check { run, gate, write, format }) => Request::Check { run, gate, write, format },
        Some(Command::Replay { run, fired, reach, ground, output }) => {
            Request::Replay { run, fired, reach, ground: ground.ground(), output }
        }
        Some(Command::Compare(args)) => Request::Compare(args),
        Some(Command::Shrink(args)) => Request::Shrink(args),
        Some(Command::Watch(args)) => Request::Watch(args),
        Some(Command::Merge { folders, gate, clock_uncertainty, output }) => Request::Merge { folders, gate, clock_uncertainty, output },
        Some(Command::Index { folder }) => Request::Index { folder },
        Some(Command::Scenarios { name, markdown }) => Request::Scenarios { name, markdown },
        Some(Command::Defects) => Request::Defects,
        Some(Command::Matrix(args)) => Request::Matrix(args),
        Some(Command::Target { command: TargetCommand::Check { file, reach } }) => Request::CheckTarget { file, reach },
        Some(Command::Handout(handout)) => Request::Handout(handout),
        Some(Command::Leash { grace_ms, command }) => Request::Leash { grace: Duration::from_millis(grace_ms), command },
        Some(Command::Janitor { folder }) => Request::Janitor { folder },
        Some(Command::Reference { args }) => Request::Reference { args },
        None => {
            let RunArgs { scenario, target, seed, defect, gate, reach, ground, output, live, shards } = cli.run;
            let scenario = scenario.expect("clap requires it when there is no subcommand");
            if shards.given() && ground.backend.is_some() {
                let not_here = "--backend is for who starts the pipeline: give it to `loadgen watch`, and leave it out here";
                return Err(Cli::command().error(ErrorKind::ArgumentConflict, not_here));
            }
            if shards.given() {
                Request::Shard { scenario, seed, shards, reach, output }
            } else {
                let (ground, live) = (ground.ground(), live.settings());
                Request::Run { scenario, target, seed, defect, gate, reach, ground, output, live }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, clap::Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn a_run_needs_a_scenario() {
        assert!(parsed("loadgen").is_err());
        assert!(parsed("loadgen --seed 3").is_err());
        assert!(matches!(parsed("loadgen --scenario rush --seed 3").unwrap(), Request::Run { seed: Some(3), .. }));
    }

    #[test]
    fn the_pipelines_arguments_are_passed_through_untouched() {
        let Request::Reference { args } = parsed("loadgen reference serve sales --ready json --help").unwrap() else {
            panic!("not the pipeline")
        };
        assert_eq!(args, ["serve", "sales", "--ready", "json", "--help"]);
    }

    #[test]
    fn options_of_a_run_do_not_mix_with_commands() {
        assert!(parsed("loadgen --seed 3 scenarios").is_err());
    }
}
