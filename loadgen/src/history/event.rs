//! What a history is made of: one [`Line`] per fact, in the order in which the harness learned it.
//!
//! The format is documented in `docs/history.md`; [`FORMAT`] rises with every change that an older reader would misunderstand.
//!
//! Two kinds of facts stand in one stream. Until the system is drained, lines say what was *done to it and seen of it*, in time order
//! on the harness's one monotonic clock. After the drain, [`Event::Final`] lines say what it *ended as*: the ledger, receipts,
//! dead letters, mails and stock, read directly (never through a tap). Verification reads this stream and nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use super::attempt::{Answer, Behaviour, Complete, Invoke, OpKind, Outcome};
pub use super::final_state::Final;
use super::weights::Weights;

/// Version of the history format, written in [`Header::format`].
pub const FORMAT: u32 = 3;

/// Microseconds since the run's start, on the harness's monotonic clock.
pub type Micros = u64;

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When the harness wrote this down, µs since the run's start.
    pub at: Micros,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// First line of every history.
    Header(Header),
    /// Second line of a history that was put together from those of several machines.
    Merged(Merged),
    /// A phase of the run begins or ends.
    Phase(PhaseMark),
    /// A stage of the scenario's arrival curve begins (its name is the scenario's own).
    Stage {
        /// Name of the stage, as in the scenario file.
        name: String,
    },
    /// The stock when the load begins, where it was not the harness that decided it ([`Header::initial_stock`] is empty then).
    Opening {
        /// Product, pieces.
        stock: Vec<(String, i64)>,
    },
    /// Written *before* anything is sent.
    Invoke(Invoke),
    /// Written after the whole answer was read and parsed, or given up on.
    Complete(Complete),
    /// A message was seen on a topic, through an observer queue of the harness.
    Published(Published),
    /// What the pipeline looked like at one moment, read directly.
    Sample(Sample),
    /// A production was seen to be applied; it certainly was by [`Line::at`].
    RestockSeen {
        /// The production whose goods arrived.
        production: String,
        /// Product that rose.
        product: String,
        /// Pieces applied.
        quantity: u64,
    },
    /// A process of the system under test started, became ready or ended.
    Role(RoleMark),
    /// A fault was requested, took effect, fired, or healed.
    Fault(FaultMark),
    /// A request passed a tap, or did not.
    #[serde(rename = "exchange")]
    Passed(Passed),
    /// How far the generator itself ran behind its schedule in the last second.
    Lateness(Lateness),
    /// The harness itself lacked something.
    Shortage(Shortage),
    /// A row of the final state, read after quiescence.
    Final(Final),
    /// Last line of a history that was closed in order; a history without it was cut off.
    Ended {
        /// True when the run was interrupted (Ctrl-C, abort condition) and then closed in order.
        interrupted: bool,
    },
}

/// What a history is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`] at the time of writing.
    pub format: u32,
    /// Unique id of the run.
    pub run: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Seed from which the plan was derived.
    pub seed: u64,
    /// Mistake that the reference pipeline was asked to make, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<String>,
    /// Address of the SQS and SNS that it stood on, when that was not the embedded broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Wall-clock time of the run's start, ms since the Unix epoch: for people; nothing is computed from it.
    pub started_unix_ms: u64,
    /// Stock of each product when the load began, read from the system itself: product, pieces.
    pub initial_stock: Vec<(String, i64)>,
}

/// What a history was put together from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    /// Parts into which the plan was split.
    pub parts: u32,
    /// How far each machine's clock may have been from the true time, µs. All times in the history are what the machines' own clocks said, so
    /// two times of different machines may be twice this far from where they seem to be.
    pub clock_uncertainty_us: Micros,
    /// What is not in it, in words. As long as anything is missing, nothing can be proved from the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// Phases of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Everything derived from scenario and seed.
    Plan,
    /// Processes, provisioning, seeding.
    Boot,
    /// Buyers arrive.
    Load,
    /// Nobody arrives; the pipeline works off what it took.
    Drain,
    /// The final state is read and the properties are judged.
    Verify,
}

/// Begin or end of a [`Phase`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseMark {
    /// Which phase.
    pub phase: Phase,
    /// True at its begin, false at its end.
    pub begin: bool,
    /// How it ended, when that is worth a word ("drained in 2.1 s", "gave up after 60 s: stock_queue holds 3").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// At the end of [`Phase::Drain`]: whether quiescence was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<bool>,
}

/// Ids by which a message is known, whatever its SQS MessageId.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BusinessIds {
    /// Idempotency key of a purchase, where one is seen on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The message's own business id: re-publications share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Order it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Production it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<String>,
    /// Sold-out episode it concerns ("CP-502101#3").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<String>,
}

/// A message seen on a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Name of the topic.
    pub topic: String,
    /// Its business ids.
    #[serde(flatten)]
    pub ids: BusinessIds,
    /// Product it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Pieces it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u64>,
    /// For sales events: "sold" or "sold_out".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// The pipeline at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When reading began, µs since the run's start; [`Line::at`] is when it was complete.
    pub began: Micros,
    /// Stock: product, pieces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stock: Vec<(String, i64)>,
    /// Queues, DLQs among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueDepth>,
    /// Outbox rows not yet published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<u64>,
    /// Productions requested and not yet applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_productions: Option<u64>,
    /// What everything weighs, in every so many samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
}

/// Counters of one queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDepth {
    /// Name of the queue.
    pub queue: String,
    /// True for a dead-letter queue.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dead_letter: bool,
    /// ApproximateNumberOfMessages.
    pub visible: u64,
    /// ApproximateNumberOfMessagesNotVisible.
    pub in_flight: u64,
    /// ApproximateNumberOfMessagesDelayed.
    #[serde(default)]
    pub delayed: u64,
}

/// Life of a process of the system under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleMark {
    /// Its role.
    pub role: String,
    /// Process id.
    pub pid: u32,
    /// What happened.
    pub state: RoleState,
    /// True when the harness wanted it (a planned kill, the shutdown at the end).
    pub planned: bool,
    /// Exit status or signal, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What happened to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleState {
    /// Spawned.
    Started,
    /// Answers as ready.
    Ready,
    /// Gone.
    Exited,
}

/// What happened to a planned fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultMark {
    /// Name of the rule.
    pub rule: String,
    /// What happened.
    pub state: FaultState,
    /// Hop it stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<String>,
    /// Whom it struck.
    #[serde(default)]
    #[serde(flatten)]
    pub ids: BusinessIds,
    /// Detail for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// States of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultState {
    /// The plan wants it from here on.
    Requested,
    /// It was seen from the outside that it does what it says.
    Effective,
    /// It struck one request, message or process.
    Fired,
    /// It is gone, and that was proved.
    Healed,
    /// It should be gone, and that could not be proved.
    Unhealed,
}

/// A request on a hop, as the tap there saw it; short, because there are many. Receives that brought nothing are not written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    /// Name of the hop.
    pub hop: String,
    /// Method and path, or the AWS action.
    pub what: String,
    /// The id by which it is known (key, message or production), or that of each of its messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// When the tap had read it, µs since the run's start.
    pub began: Micros,
    /// Until the answer began to be written, or the connection was given up, µs.
    pub took: Micros,
    /// What the caller was answered; None when the connection ended without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the upstream answered, when the caller was told something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<u16>,
    /// Rules that struck it or its messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Why the upstream gave no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Passed {
    /// What a receive from a queue is called.
    pub const RECEIVE: &str = "ReceiveMessage";
}

/// Something that the machine would not give to the harness itself: a file handle, a port, memory. At most one line a second for each place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Where in the harness ("the tap of sales").
    pub place: String,
    /// What could not be done ("accept a connection").
    pub wanted: String,
    /// What the operating system said.
    pub error: String,
}

impl Shortage {
    /// What went wrong, without the place.
    #[must_use]
    pub fn what(&self) -> String {
        format!("could not {}: {}", self.wanted, self.error)
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.what())
    }
}

/// The generator's own delay behind its schedule, µs, over about one second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lateness {
    /// Attempts whose intended time fell into the second.
    pub sent: u64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Worst.
    pub max: u64,
}
