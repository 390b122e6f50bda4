//! The command line, parsed once into a checked [`Request`].

mod execute;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use self::execute::main;
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
    /// Seed of everything random in the run; the same seed makes the same plan [default: a fresh one, printed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Result file of an earlier run that this one must not be slower than
    #[arg(long, value_name = "RESULT.JSON")]
    pub gate: Option<PathBuf>,
    /// Where results go
    #[command(flatten)]
    pub output: OutputArgs,
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
        /// What is printed on standard output
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Run a run's plan again: same scenario, same seed, same decisions (not the same interleaving)
    Replay {
        /// Folder of the run
        run: PathBuf,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List the scenarios, or explain one
    Scenarios {
        /// Scenario to explain: a name, or the path of a TOML file
        name: Option<String>,
    },
    /// Be the reference pipeline (the harness starts its own program this way, so that one binary suffices)
    #[command(hide = true, disable_help_flag = true)]
    Reference {
        /// Arguments of the `reference` program
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// What was asked for.
#[derive(Debug)]
pub enum Request {
    /// Run a scenario.
    Run {
        /// Name or path.
        scenario: String,
        /// Seed, when one was given.
        seed: Option<u64>,
        /// Baseline of the gate.
        gate: Option<PathBuf>,
        /// Where results go.
        output: OutputArgs,
    },
    /// Verify again.
    Check {
        /// Folder of the run.
        run: PathBuf,
        /// Baseline of the gate.
        gate: Option<PathBuf>,
        /// Shape of the result.
        format: Format,
    },
    /// Run a plan again.
    Replay {
        /// Folder of the run.
        run: PathBuf,
        /// Where results go.
        output: OutputArgs,
    },
    /// List scenarios or explain one.
    Scenarios {
        /// Which.
        name: Option<String>,
    },
    /// Be the pipeline.
    Reference {
        /// Its arguments.
        args: Vec<OsString>,
    },
}

/// Parses the command line.
///
/// # Errors
/// [`clap::Error`], which also carries the texts of `--help` and `--version`.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, clap::Error> {
    let cli = Cli::try_parse_from(args)?;
    Ok(match cli.command {
        Some(Command::Check { run, gate, format }) => Request::Check { run, gate, format },
        Some(Command::Replay { run, output }) => Request::Replay { run, output },
        Some(Command::Scenarios { name }) => Request::Scenarios { name },
        Some(Command::Reference { args }) => Request::Reference { args },
        None => {
            let RunArgs { scenario, seed, gate, output } = cli.run;
            let scenario = scenario.expect("clap requires it when there is no subcommand");
            Request::Run { scenario, seed, gate, output }
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
