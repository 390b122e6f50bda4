//! A reverse proxy that decides per request, so that connections opened before a rule are struck like any other.
//!
//! Bodies are read in full, up to a limit, before anything is decided; the Host header passes unchanged, because queue URLs and
//! callback addresses are made of it.

mod act;
mod alter;
mod answer;
mod connection;
mod upstream;

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{Hop, Sequence, Tap, TapError, Upstream, listener};
use crate::decision::Point;
use crate::faults::{Hit, Question, Strike};
use crate::observe::{Ending, Exchange, Ids, Sighting};

pub(super) use self::act::{after, before, both};
pub(super) use self::alter::altered;
pub(super) use self::answer::{Answer, Reply};
pub(super) use self::connection::{Handler, serve};
pub(super) use self::upstream::{Forward, Unreachable};

/// Starts a tap for any HTTP/1.1 service.
///
/// # Errors
/// [`TapError::Listener`] when the listener has no address.
pub fn start(listener: TcpListener, upstream: &Upstream, hop: Hop) -> Result<Tap, TapError> {
    let tasks = TaskTracker::new();
    let proxy = Arc::new(Proxy { forward: Forward::new(upstream, &hop), sequence: Sequence::default(), hop: hop.clone() });
    listener::start(listener, &hop, tasks, move |stream, shutdown| serve(stream, Arc::clone(&proxy), shutdown))
}

struct Proxy {
    hop: Hop,
    forward: Forward,
    sequence: Sequence,
}

impl Handler for Proxy {
    fn hop(&self) -> &Hop {
        &self.hop
    }

    async fn handle(&self, parts: Parts, body: Bytes) -> Reply {
        let began = Instant::now();
        let path = parts.uri.path();
        let sighting = Sighting {
            hop: &self.hop.name,
            method: parts.method.as_str(),
            path,
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            action: None,
            body: &body,
            attributes: &[],
        };
        let ids = (self.hop.extract)(&sighting);
        let strike = self.decide(&parts, &ids);
        if let Some(strike) = &strike {
            self.hop.report(Point::Request, &ids, strike);
        }
        let mut passed = Passed::new(&self.hop, &parts, began, body.len());
        passed.struck_by(strike.as_ref());
        passed.exchange.ids = vec![ids];
        let reply = match before(strike.as_ref(), &self.hop.limits, &body).await {
            Some(reply) => reply,
            None => {
                let altered = altered(strike.as_ref(), &body);
                let forwarded = altered.as_ref().map_or(&body, |(body, _)| body);
                let (answered, again) = both(strike.as_ref(), || self.forward.request(&parts, forwarded)).await;
                passed.exchange.altered = altered.as_ref().map(|(_, how)| how.clone());
                passed.upstream(&answered);
                passed.once_more(again.as_ref());
                after(strike, answered.unwrap_or_else(|_| Reply::reset())).await
            }
        };
        passed.report(&reply);
        reply
    }
}

impl Proxy {
    fn decide(&self, parts: &Parts, ids: &Ids) -> Option<Strike> {
        let question = Question {
            point: Point::Request,
            hop: &self.hop.name,
            method: parts.method.as_str(),
            path: parts.uri.path(),
            action: None,
            attributes: &[],
            id: ids.deciding(),
            sequence: self.sequence.next(),
        };
        self.hop.faults.decide(&question).strike()
    }
}

/// Names of the rules of a strike.
pub(super) fn rules(strike: Option<&Strike>) -> Vec<Arc<str>> {
    strike.map(|strike| strike.hits().iter().map(|hit| Arc::clone(hit.rule())).collect()).unwrap_or_default()
}

/// A report in the making. Dropping it unreported (the client went away meanwhile) reports it as hung up.
pub(super) struct Passed<'h> {
    pub(super) exchange: Exchange,
    hop: &'h Hop,
    reported: bool,
}

impl<'h> Passed<'h> {
    pub(super) fn new(hop: &'h Hop, parts: &Parts, began: Instant, request_bytes: usize) -> Self {
        let exchange = Exchange {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            request_bytes: request_bytes as u64,
            ..Exchange::begun(&hop.name, began)
        };
        Self { exchange, hop, reported: false }
    }

    /// These faults strike it, or one of its messages.
    pub(super) fn struck_by(&mut self, strike: Option<&Strike>) {
        self.exchange.rules.extend(rules(strike));
        let waits = strike.into_iter().flat_map(Strike::hits).filter(|hit| hit.delays_the_exchange());
        self.exchange.added += waits.map(Hit::duration).sum();
    }

    /// What the upstream answered to a repetition, which nobody else wants to know.
    pub(super) fn once_more(&mut self, answered: Option<&Result<Reply, Unreachable>>) {
        self.exchange.upstream_answers += u32::from(matches!(answered, Some(Ok(Reply::Answer(_)))));
    }

    /// What the upstream answered, before any fault of the answer.
    pub(super) fn upstream(&mut self, answered: &Result<Reply, Unreachable>) {
        match answered {
            Ok(Reply::Answer(answer)) => {
                self.exchange.upstream_status = Some(answer.status.as_u16());
                self.exchange.upstream_answers += 1;
                self.exchange.answer_bytes = answer.body.len() as u64;
            }
            Ok(Reply::HangUp(_)) => (),
            Err(unreachable) => self.exchange.note = Some(unreachable.to_string()),
        }
    }

    pub(super) fn report(mut self, reply: &Reply) {
        if let Reply::Answer(answer) = reply {
            self.exchange.ending = Ending::Answered { status: answer.status.as_u16() };
            self.exchange.passed_bytes = answer.cut.unwrap_or(answer.body.len()) as u64;
        }
        self.send();
    }

    fn send(&mut self) {
        self.exchange.took = self.exchange.began.elapsed();
        self.reported = true;
        // What stays behind is not looked at again.
        let blank = Exchange::begun(&self.hop.name, self.exchange.began);
        self.hop.passed(std::mem::replace(&mut self.exchange, blank));
    }
}

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        if !self.reported {
            self.exchange.note.get_or_insert_with(|| "the client went away".to_owned());
            self.send();
        }
    }
}
