//! A tap that understands SQS (AWS JSON, and the older Query), SNS (Query) and SES v2, and the messages in them.
//!
//! Faults of requests are decided by the business id of the first message, faults of messages by each message's own, wherever it
//! stands in its batch. A receipt handle stands for the message that it was received with.
//!
//! A fault that takes some messages out of a batch sends a body that the client has not signed. Endpoints that verify signatures
//! refuse that; everything else works with them too, as long as the client signs for the tap's Host.

mod call;
mod forge;
mod query;
mod receipts;
mod receive;
mod send;
mod settle;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use self::call::{Call, Kind};
use self::receipts::Receipts;
use self::receive::Repeat;
use super::http::{Answer, Forward, Handler, Passed, Reply, Unreachable, after, before, serve};
use super::{Hop, Sequence, Tap, TapError, Upstream, listener};
use crate::decision::{Before, Fault, Point, Slot};
use crate::faults::{Question, Strike};
use crate::observe::{Ids, Sighting};

/// Starts a tap for SQS, SNS and SES.
///
/// # Errors
/// [`TapError::Listener`] when the listener has no address.
pub fn start(listener: TcpListener, upstream: &Upstream, hop: Hop) -> Result<Tap, TapError> {
    let tasks = TaskTracker::new();
    let core = Core {
        forward: Forward::new(upstream, &hop),
        sequence: Sequence::default(),
        forged: AtomicU64::new(0),
        tasks: tasks.clone(),
        sent: watch::Sender::new(0),
        shelf: Arc::new(Semaphore::new(hop.limits.held_messages.min(Semaphore::MAX_PERMITS))),
        receipts: Mutex::new(Receipts::new()),
        repeats: Mutex::default(),
        hop: hop.clone(),
    };
    let proxy = Arc::new(Proxy(Arc::new(core)));
    listener::start(listener, &hop, tasks, move |stream, shutdown| serve(stream, Arc::clone(&proxy), shutdown))
}

/// Reads a request and its answer as a tap does, and makes of them whatever a fault could, without any connection: for tests that feed it
/// anything. Answers how many bytes came of it.
#[doc(hidden)]
#[must_use]
pub fn rehearse(parts: &Parts, request: &Bytes, answer: &Bytes) -> usize {
    let call = Call::read(parts, request);
    let (_, garbage) = call.garbage(parts, "rehearsed");
    // A tap shortens, and answers for, only what has messages in it.
    let shortened = if call.entries.is_empty() { 0 } else { call.only(&[0], request).len() };
    let told = |told: forge::Told| if call.entries.is_empty() { Vec::new() } else { vec![(0, told)] };
    let forged = [
        forge::throttled(&call),
        forge::answer(&call, &told(forge::Told::Done)),
        forge::answer(&call, &told(forge::Told::Expired)),
        forge::merged(
            &call,
            Answer::new(StatusCode::OK, HeaderMap::new(), answer.clone()),
            &told(forge::Told::Sent { message_id: "m".into() }),
        ),
    ];
    let errand = Errand { parts, body: request, call: &call, sequence: 0, answer_passes: true };
    let received = receive::rehearse(&errand, &Answer::new(StatusCode::OK, HeaderMap::new(), answer.clone()));
    garbage.len() + shortened + received + forged.iter().map(|answer| answer.body.len()).sum::<usize>()
}

struct Proxy(Arc<Core>);

struct Core {
    hop: Hop,
    forward: Forward,
    sequence: Sequence,
    forged: AtomicU64,
    tasks: TaskTracker,
    /// Messages sent so far: what a reordered one waits for.
    sent: watch::Sender<u64>,
    /// Room for messages held back.
    shelf: Arc<Semaphore>,
    /// Which message a receipt handle stands for.
    receipts: Mutex<Receipts>,
    /// Messages to be delivered once more, by queue.
    repeats: Mutex<HashMap<String, VecDeque<Repeat>>>,
}

/// What is known of a message that was received.
#[derive(Debug, Clone, Default)]
struct Known {
    ids: Ids,
    attributes: Vec<(String, String)>,
}

/// A request on its way: what every step needs.
struct Errand<'a> {
    parts: &'a Parts,
    body: &'a Bytes,
    call: &'a Call,
    sequence: u64,
    /// No fault keeps the client from its answer, or from all of it in time.
    answer_passes: bool,
}

impl Handler for Proxy {
    fn hop(&self) -> &Hop {
        &self.0.hop
    }

    async fn handle(&self, parts: Parts, body: Bytes) -> Reply {
        let (core, began) = (&self.0, Instant::now());
        let call = Call::read(&parts, &body);
        let mut errand = Errand { parts: &parts, body: &body, call: &call, sequence: core.sequence.next(), answer_passes: true };
        let known = core.known(&errand);
        let first = known.first().cloned().unwrap_or_default();
        let strike = core.hop.faults.decide(&core.question(&errand, Point::Request, &first, first.ids.deciding())).strike();
        if let Some(strike) = &strike {
            core.hop.report(Point::Request, &first.ids, strike);
            errand.answer_passes = strike.in_slot(Slot::After).is_none() && strike.in_slot(Slot::Pace).is_none();
        }
        let mut passed = Passed::new(&core.hop, &parts, began, body.len());
        passed.exchange.action = Some(call.action.clone());
        passed.exchange.resource.clone_from(&call.resource);
        passed.struck_by(strike.as_ref());
        passed.exchange.ids = known.iter().map(|known| known.ids.clone()).collect();
        let reply = match before(strike.as_ref(), &core.hop.limits, &body).await {
            Some(_) if throttles(strike.as_ref()) => Reply::Answer(forge::throttled(&call)),
            Some(reply) => reply,
            None => {
                let answered = match forwards_again(strike.as_ref()) {
                    true => {
                        let (answered, again) =
                            tokio::join!(core.messages(&errand, known, &mut passed), core.forward.request(&parts, &body));
                        passed.once_more(Some(&again));
                        answered
                    }
                    false => core.messages(&errand, known, &mut passed).await,
                };
                if let Err(unreachable) = &answered {
                    passed.exchange.note = Some(unreachable.to_string());
                }
                after(strike, answered.unwrap_or_else(|_| Reply::reset())).await
            }
        };
        passed.report(&reply);
        reply
    }
}

impl Core {
    /// Does to the messages of a request what is decided for each, and forwards what is left of it.
    async fn messages(self: &Arc<Self>, errand: &Errand<'_>, known: Vec<Known>, passed: &mut Passed<'_>) -> Result<Reply, Unreachable> {
        match errand.call.kind {
            Kind::Send => send::send(self, errand, known, passed).await,
            Kind::Receive => receive::receive(self, errand, passed).await,
            Kind::Delete | Kind::Extend => settle::settle(self, errand, known, passed).await,
            Kind::Other => self.pass(errand, errand.body, passed).await,
        }
    }

    /// Forwards a body for the errand, and notes what came back.
    async fn pass(&self, errand: &Errand<'_>, body: &Bytes, passed: &mut Passed<'_>) -> Result<Reply, Unreachable> {
        let answered = self.forward.request(errand.parts, body).await;
        passed.upstream(&answered);
        answered
    }

    /// Each message of a request, as far as it is known.
    fn known(&self, errand: &Errand<'_>) -> Vec<Known> {
        let of_entry = |entry: &call::Entry| match &entry.receipt {
            Some(receipt) => self.receipts().get(receipt),
            None => {
                let ids = self.identify(errand, entry.body.as_bytes(), &entry.attributes);
                Known { ids, attributes: entry.attributes.clone() }
            }
        };
        errand.call.entries.iter().map(of_entry).collect()
    }

    fn receipts(&self) -> MutexGuard<'_, Receipts> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn identify(&self, errand: &Errand<'_>, body: &[u8], attributes: &[(String, String)]) -> Ids {
        (self.hop.extract)(&Sighting {
            hop: &self.hop.name,
            method: errand.parts.method.as_str(),
            path: errand.parts.uri.path(),
            query: errand.parts.uri.query().unwrap_or_default(),
            headers: &errand.parts.headers,
            action: Some(&errand.call.action),
            body,
            attributes,
        })
    }

    fn question<'q>(&'q self, errand: &'q Errand<'_>, point: Point, known: &'q Known, id: Option<&'q str>) -> Question<'q> {
        Question {
            point,
            hop: &self.hop.name,
            method: errand.parts.method.as_str(),
            path: errand.parts.uri.path(),
            action: Some(&errand.call.action),
            attributes: &known.attributes,
            id,
            sequence: errand.sequence,
        }
    }

    /// Decides for one message, and reports what strikes it.
    fn decide(&self, errand: &Errand<'_>, point: Point, index: usize, known: &Known, passed: &mut Passed<'_>) -> Option<Strike> {
        if self.hop.faults.active_rules() == 0 {
            return None;
        }
        // Without a business id a message is known by its place: the messages of one batch are still told apart.
        let place = format!("{}/{index}", errand.sequence);
        let id = known.ids.deciding().unwrap_or(&place);
        let strike = self.hop.faults.decide(&self.question(errand, point, known, Some(id))).strike()?;
        self.hop.report(point, &known.ids, &strike);
        passed.struck_by(Some(&strike));
        Some(strike)
    }

    fn forged_id(&self, known: &Known) -> String {
        let number = self.forged.fetch_add(1, Ordering::Relaxed);
        crate::decision::forged_id(&[&self.hop.name, known.ids.deciding().unwrap_or_default()], number)
    }
}

fn throttles(strike: Option<&Strike>) -> bool {
    strike.and_then(|strike| strike.in_slot(Slot::Before)).is_some_and(|hit| *hit.fault() == Fault::Before(Before::Throttle))
}

fn forwards_again(strike: Option<&Strike>) -> bool {
    strike.is_some_and(|strike| strike.in_slot(Slot::Again).is_some())
}
