//! The command line. Another program may carry the pipeline inside it and hand its arguments to [`run`].
//!
//! Exit codes: 0 done · 1 it went wrong, standard error says what · 2 the command line or the configuration cannot be used.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::config::args::{PipelineArgs, ServeArgs};
use crate::config::problems::{Problem, Problems};
use crate::config::{PipelineSettings, ServeSettings};
use crate::telemetry::logs::{self, LogFormat, LogOptions};
use crate::whereabouts::quoted;

mod endpoint;

use endpoint::Target;

/// It went wrong.
const FAILED: u8 = 1;
/// The command line or the configuration cannot be used.
const USAGE: u8 = 2;

/// The reference order pipeline: sells, orders from a slow factory, and loses nothing
#[derive(Debug, Parser)]
#[command(name = "reference", version, subcommand_required = true, arg_required_else_help = true, max_term_width = 120)]
struct Cli {
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
struct LogArgs {
    /// How log lines on standard error look
    #[arg(long, global = true, env = "REFERENCE_LOG", default_value = "human", value_name = "FORMAT", value_parser = ["human", "json"])]
    log: String,
    /// A level, or levels by module: `warn,reference::relay=debug`
    #[arg(long, global = true, env = "RUST_LOG", default_value = logs::DEFAULT_FILTER, value_name = "FILTER")]
    log_level: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the pipeline: all roles, or those that are named
    Serve(Box<ServeArgs>),
    /// Create topics, queues, dead-letter queues and subscriptions on the endpoint of AWS_ENDPOINT_URL, or in the running shop; harmless when they exist
    Provision(PipelineArgs),
    /// Move the messages of a dead-letter queue back to the queue that they came from
    Redrive(RedriveArgs),
    /// Show stock, backlog, messages in flight, dead letters and open productions
    Status(StatusArgs),
    /// Print an OpenAPI document
    Openapi(OpenapiArgs),
}

#[derive(Debug, Args)]
struct RedriveArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// The queue whose dead letters shall be tried again (`stock_queue`), or its dead-letter queue
    #[arg(value_name = "QUEUE")]
    queue: String,
}

#[derive(Debug, Args)]
struct StatusArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct OpenapiArgs {
    /// Of which API
    #[arg(value_enum)]
    api: Api,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Api {
    /// The buyers' API of the edition
    Sales,
    /// The legacy factory's API
    Factory,
}

/// The command line, for whoever checks one without running it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs one command. The first argument is the program's name, as in `std::env::args_os`; or, from a program that carries the pipeline
/// inside, the word of its own command line that led here.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter().peekable();
    let program = called(args.peek().map(OsString::as_os_str));
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are "errors" too, with code 0 and standard output.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    match act(cli, &program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let usage = error.is::<Problems>();
            // A closed standard error leaves nobody to tell.
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::from(if usage { USAGE } else { FAILED })
        }
    }
}

/// How a user calls this program.
fn called(first: Option<&OsStr>) -> String {
    let own = std::env::args_os().next().unwrap_or_default();
    match first {
        Some(word) if word != own => format!("{} {}", quoted(&own.to_string_lossy()), word.display()),
        _ => quoted(&own.to_string_lossy()),
    }
}

fn act(cli: Cli, program: &str) -> anyhow::Result<()> {
    let env = |name: &str| std::env::var(name).ok();
    let format = if cli.log.log == "json" { LogFormat::Json } else { LogFormat::Human };
    let filter = logs::parse_filter(&cli.log.log_level)
        .map_err(|error| Problems(vec![Problem { setting: "--log-level (RUST_LOG)".to_owned(), why: error.to_string() }]));
    match cli.command {
        Command::Serve(args) => {
            let settings = together(filter, ServeSettings::check(&args, &env), format)?;
            block_on(crate::serve::run(settings, program))
        }
        Command::Provision(args) => {
            let target = together(filter, Target::find(args, &env), format)?;
            block_on(endpoint::provision(&target))
        }
        Command::Redrive(args) => {
            let target = together(filter, Target::find(args.pipeline, &env), format)?;
            block_on(endpoint::redrive(&target, &args.queue))
        }
        Command::Status(args) => {
            let target = together(filter, Target::find(args.pipeline, &env), format)?;
            block_on(endpoint::status(&target, args.json))
        }
        Command::Openapi(args) => {
            let settings = together(filter, PipelineSettings::check(&args.pipeline, &env), format)?;
            let document = match args.api {
                Api::Sales => crate::sales::openapi_json(settings.edition.name),
                Api::Factory => crate::factory::api::openapi_json(),
            };
            print(&document)
        }
    }
}

/// Settings, once logging and the rest are both sound; all mistakes in one message. Logging begins here.
fn together<T>(
    filter: Result<tracing_subscriber::filter::Targets, Problems>,
    settings: Result<T, Problems>,
    format: LogFormat,
) -> Result<T, Problems> {
    match (filter, settings) {
        (Ok(filter), Ok(settings)) => {
            logs::init(LogOptions { format, filter });
            Ok(settings)
        }
        (Err(mut problems), Err(more)) => {
            problems.0.extend(more.0);
            Err(problems)
        }
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => Err(problems),
    }
}

fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(command);
    // What still blocks a thread (a read of standard input, say) must not hold up the end.
    runtime.shutdown_background();
    result
}

/// One line on standard output. A reader that has gone (`reference status | head -1`) is no mistake.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
