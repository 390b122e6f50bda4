//! Where taps report to. Nothing here ever waits: traffic does not stand still for whoever listens.

mod effect;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::decision::Point;
use crate::shortage::Shortage;

/// Who listens to a tap. Its functions are called on the way of the traffic: they return at once, and never wait.
pub trait Observer: Send + Sync {
    /// A request passed, or did not.
    fn exchange(&self, exchange: Exchange);
    /// A fault struck.
    fn fired(&self, fired: Fired);
    /// A rule was seen to take effect, for the first time.
    fn took_effect(&self, effect: TookEffect);
    /// The tap itself lacked something that it needs for a connection. May be called for every connection.
    fn fell_short(&self, shortage: Shortage);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn exchange(&self, _: Exchange) {}
    fn fired(&self, _: Fired) {}
    fn took_effect(&self, _: TookEffect) {}
    fn fell_short(&self, _: Shortage) {}
}

/// What was reported.
#[derive(Debug, Clone)]
pub enum Report {
    /// A request passed, or did not.
    Exchange(Exchange),
    /// A fault struck.
    Fired(Fired),
    /// A rule was seen to take effect.
    TookEffect(TookEffect),
    /// The tap itself lacked something.
    FellShort(Shortage),
}

/// Sends reports into a bounded channel; when it is full they are counted as missed, and the traffic goes on.
#[derive(Debug)]
pub struct Channel {
    sender: mpsc::Sender<Report>,
    missed: AtomicU64,
}

impl Channel {
    /// An observer, and the other end of its channel, which holds up to `capacity` (at least 1) reports.
    #[must_use]
    pub fn new(capacity: usize) -> (Arc<Self>, mpsc::Receiver<Report>) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        (Arc::new(Self { sender, missed: AtomicU64::new(0) }), receiver)
    }

    /// Reports that found the channel full or closed.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn send(&self, report: Report) {
        if self.sender.try_send(report).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Observer for Channel {
    fn exchange(&self, exchange: Exchange) {
        self.send(Report::Exchange(exchange));
    }

    fn fired(&self, fired: Fired) {
        self.send(Report::Fired(fired));
    }

    fn took_effect(&self, effect: TookEffect) {
        self.send(Report::TookEffect(effect));
    }

    fn fell_short(&self, shortage: Shortage) {
        self.send(Report::FellShort(shortage));
    }
}

/// Business ids by name. The first one decides what happens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids(pub Vec<(String, String)>);

impl Ids {
    /// Just one.
    #[must_use]
    pub fn one(name: &str, value: &str) -> Self {
        Self(vec![(name.to_owned(), value.to_owned())])
    }

    /// The one that decides.
    #[must_use]
    pub fn deciding(&self) -> Option<&str> {
        self.0.first().map(|(_, value)| value.as_str())
    }
}

/// What business ids are looked for in.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Name of the hop.
    pub hop: &'a str,
    /// HTTP method.
    pub method: &'a str,
    /// Path without query.
    pub path: &'a str,
    /// What stands behind the path and its question mark.
    pub query: &'a str,
    /// Headers of the request.
    pub headers: &'a HeaderMap,
    /// AWS action.
    pub action: Option<&'a str>,
    /// Body of the request, or of the message when it is about one.
    pub body: &'a [u8],
    /// Attributes of the message, those in an SNS envelope included.
    pub attributes: &'a [(String, String)],
}

/// Finds business ids; the caller of a tap knows where they are, a tap does not.
pub type Extractor = Arc<dyn Fn(&Sighting<'_>) -> Ids + Send + Sync>;

/// How an exchange ended for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With an answer, whole or not, with this status.
    Answered {
        /// HTTP status.
        status: u16,
    },
    /// The connection ended without an answer.
    HungUp,
}

/// A request and what became of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Name of the hop.
    pub hop: Arc<str>,
    /// HTTP method; empty on a TCP tap.
    pub method: String,
    /// Path without query; empty on a TCP tap.
    pub path: String,
    /// AWS action.
    pub action: Option<String>,
    /// Queue URL or topic ARN.
    pub resource: Option<String>,
    /// Ids of the request, or of each of its messages.
    pub ids: Vec<Ids>,
    /// How it ended.
    pub ending: Ending,
    /// Whether the upstream answered at least once, and with which status: what the fault hides from the caller.
    pub upstream_status: Option<u16>,
    /// How often the upstream answered, the repetitions that faults made included.
    pub upstream_answers: u32,
    /// Messages of it that were not passed on, in either direction.
    pub kept_back: u32,
    /// How much longer the faults that struck it meant it to take.
    pub added: Duration,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body, before any fault of the answer.
    pub answer_bytes: u64,
    /// When it had been read.
    pub began: Instant,
    /// Bytes of the body that the caller was given, as far as it takes them.
    pub passed_bytes: u64,
    /// Until the answer began to be written, or the connection was given up.
    pub took: Duration,
    /// Rules that struck it or its messages.
    pub rules: Vec<Arc<str>>,
    /// How what was forwarded differs from what was sent; None when it does not.
    pub altered: Option<String>,
    /// Why the upstream gave no answer.
    pub note: Option<String>,
}

impl Exchange {
    /// Nothing is known but where and when it began.
    pub(crate) fn begun(hop: &Arc<str>, began: Instant) -> Self {
        Self {
            hop: Arc::clone(hop),
            method: String::new(),
            path: String::new(),
            action: None,
            resource: None,
            ids: Vec::new(),
            ending: Ending::HungUp,
            upstream_status: None,
            upstream_answers: 0,
            kept_back: 0,
            added: Duration::ZERO,
            request_bytes: 0,
            answer_bytes: 0,
            passed_bytes: 0,
            began,
            took: Duration::ZERO,
            rules: Vec::new(),
            altered: None,
            note: None,
        }
    }
}

/// A rule that was seen to take effect.
#[derive(Debug, Clone)]
pub struct TookEffect {
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Word for the fault.
    pub fault: &'static str,
    /// Name of the hop.
    pub hop: Arc<str>,
    /// When it was seen.
    pub at: Instant,
    /// What was seen, in words.
    pub seen: String,
}

/// A fault that struck.
#[derive(Debug, Clone)]
pub struct Fired {
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Word for the fault.
    pub fault: &'static str,
    /// Name of the hop.
    pub hop: Arc<str>,
    /// To what kind of thing.
    pub point: Point,
    /// Whom it struck.
    pub ids: Ids,
    /// The id that decided: the first of `ids`, or the number of what has none.
    pub id: Box<str>,
    /// How often that id had passed the point before.
    pub attempt: u32,
    /// When.
    pub at: Instant,
    /// More, where there is more to say: the text of the poison, a message that could not be sent on.
    pub note: Option<String>,
}
