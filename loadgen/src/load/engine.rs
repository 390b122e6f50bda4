//! The only module that names goose.
//!
//! goose schedules the users and keeps its own count of every time; the plan, the requests, the clock and the verdict are ours. What it would
//! take for itself is kept from it: its configuration is built from a fixed list (never from our command line, so none of the options
//! that print and exit can be set), its controllers do not listen, it prints and writes nothing, our logger and our Ctrl-C handler are there
//! before its own, and a run ends because each user has done its turns, never through goose's process-wide killswitch.

use std::sync::{Arc, Once};
use std::time::Duration;

use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};
use goose::metrics::GooseMetrics;
use goose::{GooseAttack, GooseError};

use super::schedule::Schedule;

/// What goose itself may need on top of the schedule: it looks around twice a second.
const ENGINE_SLACK: Duration = Duration::from_secs(30);

/// Why the engine did not run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// goose refused to start, or gave up.
    #[error("goose: {0}")]
    Goose(String),
    /// The users did not finish when everything they wait for had a limit that was over.
    #[error(
        "the users were not done {0:?} after the schedule's end; the target keeps them waiting beyond their patience, or the machine has too much to do"
    )]
    Stuck(Duration),
}

impl From<GooseError> for EngineError {
    fn from(error: GooseError) -> Self {
        match error {
            // Its own text leaves out which option and why.
            GooseError::InvalidOption { option, value, detail } => EngineError::Goose(format!("{option} = {value}: {detail}")),
            error => EngineError::Goose(error.to_string()),
        }
    }
}

/// One attempt's time, for goose's own count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// What was asked; one word.
    pub(super) kind: &'static str,
    /// What was answered.
    pub(super) answer: &'static str,
    /// From the intended start, µs.
    pub(super) latency: u64,
    /// Whether anything certain was answered.
    pub(super) understood: bool,
    /// HTTP status, when one came.
    pub(super) status: Option<u16>,
}

/// Lets goose's users take their turns until the schedule is through. Returns how many times goose counted.
pub(super) async fn drive(schedule: Schedule, host: &str) -> Result<u64, EngineError> {
    forward_logs();
    let limit = schedule.longest() + ENGINE_SLACK;
    let configuration = configuration(&schedule, host)?;
    let schedule = Arc::new(schedule);
    let scenario = Scenario::new("buyers").register_transaction(Transaction::new(turns(schedule)));
    let attack = GooseAttack::initialize_with_config(configuration)?.register_scenario(scenario);
    let metrics = tokio::time::timeout(limit, attack.execute()).await.map_err(|_| EngineError::Stuck(limit))??;
    Ok(counted(&metrics))
}

fn configuration(schedule: &Schedule, host: &str) -> Result<GooseConfiguration, EngineError> {
    let users = schedule.users().to_string();
    // When all users are launched, goose prints a line, unless it may reset its counts then without a word. One user is there at once: its
    // launching is said to last longer than the load, so that nothing is reset. Many are launched within the first second, and their first
    // times are handed over later than that.
    let load = (schedule.longest() + ENGINE_SLACK).as_secs_f64();
    let launched_per_second = match schedule.users() {
        1 => format!("{:.9}", 1.0 / load),
        _ => users.clone(),
    };
    let arguments = [
        ["--host", host, "--users", &users, "--increase-rate", &launched_per_second].as_slice(),
        &["--no-transaction-metrics", "--no-scenario-metrics", "--no-status-codes"],
        &["--no-print-metrics", "--no-error-summary", "--quiet", "--quiet"],
        &["--no-telnet"],
    ]
    .concat();
    Ok(GooseConfiguration::parse_args_default(&arguments)?)
}

/// A goose transaction is one turn; what was answered meanwhile is handed to goose at its end.
fn turns(schedule: Arc<Schedule>) -> TransactionFunction {
    let turns = usize::try_from(schedule.turns()).unwrap_or(usize::MAX);
    Arc::new(move |user: &mut GooseUser| {
        let schedule = Arc::clone(&schedule);
        Box::pin(async move {
            // In the user's own copy of the configuration: given for the whole test, it would make goose print.
            user.config.iterations = Some(turns);
            let timings = schedule.turn(user.weighted_users_index).await;
            for timing in timings {
                let latency = Duration::from_micros(timing.latency);
                user.record_custom_request_duration(timing.kind, timing.answer, latency, timing.understood, timing.status, None).await?;
            }
            Ok(())
        })
    })
}

fn counted(metrics: &GooseMetrics) -> u64 {
    metrics.requests.values().map(|request| (request.success_count + request.fail_count) as u64).sum()
}

/// goose logs through the `log` crate and installs a logger that prints, unless there is one: ours hands warnings to `tracing`.
fn forward_logs() {
    static FORWARD: Once = Once::new();
    FORWARD.call_once(|| {
        // An error means that the program has a logger already, which is just as well.
        if log::set_logger(&Forward).is_ok() {
            log::set_max_level(log::LevelFilter::Warn);
        }
    });
}

struct Forward;

impl log::Log for Forward {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            tracing::debug!(from = record.target(), level = %record.level(), "{}", record.args());
        }
    }

    fn flush(&self) {}
}
