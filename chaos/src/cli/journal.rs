//! What the program says on its standard output.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::faults::Faults;
use crate::observe::{Channel, Ending, Exchange, Fired, Ids, Observer, Report, TookEffect, Unobserved};
use crate::shortage::Shortage;
use crate::tap::Upstream;

/// Reports that may wait to be written; a few seconds of heavy traffic.
const WAITING: usize = 65_536;

/// How long the end waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(5);

pub(super) struct Journal {
    faults: Faults,
    writing: Option<Writing>,
}

struct Writing {
    task: JoinHandle<()>,
    channel: Arc<Channel>,
    stop: CancellationToken,
    gone: CancellationToken,
}

impl Journal {
    /// A journal, and the observer that fills it.
    pub(super) fn start(wanted: bool, faults: Faults) -> (Self, Arc<dyn Observer>) {
        if !wanted {
            return (Self { faults, writing: None }, Arc::new(Unobserved));
        }
        let (channel, reports) = Channel::new(WAITING);
        let (stop, gone, began) = (CancellationToken::new(), CancellationToken::new(), Instant::now());
        let task = tokio::spawn(write(reports, began, stop.clone(), gone.clone()));
        (Self { faults, writing: Some(Writing { task, channel: Arc::clone(&channel), stop, gone }) }, channel)
    }

    /// Says where the tap listens.
    pub(super) fn listening(&self, address: SocketAddr, upstream: &Upstream) -> io::Result<()> {
        match &self.writing {
            Some(_) => line(&json!({
                "event": "listening", "address": address.to_string(), "upstream": upstream.authority(), "seed": self.faults.seed(),
            })),
            None => {
                let mut out = io::stdout().lock();
                writeln!(out, "listening on {address}, forwarding to {}; Ctrl-C heals and ends", upstream.authority())?;
                out.flush()
            }
        }
    }

    /// Waits until nobody reads the journal any more.
    pub(super) async fn gone(&self) {
        match &self.writing {
            Some(writing) => writing.gone.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// Writes what is left, and what became of each rule.
    pub(super) async fn end(self) {
        let Some(Writing { mut task, channel, stop, gone }) = self.writing else { return };
        stop.cancel();
        if tokio::time::timeout(LAST_LINES, &mut task).await.is_err() || gone.is_cancelled() {
            task.abort();
            return;
        }
        let mut lines: Vec<Value> = self.faults.journal().iter().filter_map(|record| serde_json::to_value(record).ok()).collect();
        for value in &mut lines {
            value["event"] = "rule".into();
        }
        lines.push(json!({
            "event": "ended", "active_rules": self.faults.active_rules(), "held": self.faults.held(), "missed": channel.missed(),
        }));
        for value in lines {
            // Whoever stopped reading does not want the rest.
            let _ = line(&value);
        }
    }
}

async fn write(mut reports: mpsc::Receiver<Report>, began: Instant, stop: CancellationToken, gone: CancellationToken) {
    loop {
        let report = tokio::select! {
            biased;
            report = reports.recv() => report,
            () = stop.cancelled() => return,
        };
        let Some(report) = report else { return };
        let value = match &report {
            Report::Exchange(exchange) => of_exchange(exchange, began),
            Report::Fired(fired) => of_fired(fired, began),
            Report::TookEffect(effect) => of_effect(effect, began),
            Report::FellShort(shortage) => of_shortage(shortage),
        };
        // A pipe that is full blocks; that must not be a worker thread's whole business.
        let written = tokio::task::block_in_place(|| line(&value));
        if written.is_err() {
            gone.cancel();
            return;
        }
    }
}

fn line(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

fn of_exchange(exchange: &Exchange, began: Instant) -> Value {
    let status = match exchange.ending {
        Ending::Answered { status } => Some(status),
        Ending::HungUp => None,
    };
    let ids: Vec<Value> = exchange.ids.iter().map(of_ids).collect();
    let rules: Vec<&str> = exchange.rules.iter().map(AsRef::as_ref).collect();
    json!({
        "event": "exchange", "hop": &*exchange.hop, "method": exchange.method, "path": exchange.path, "action": exchange.action,
        "resource": exchange.resource, "ids": ids, "status": status, "upstream_status": exchange.upstream_status,
        "request_bytes": exchange.request_bytes, "answer_bytes": exchange.answer_bytes,
        "at_us": micros(exchange.began.saturating_duration_since(began)), "took_us": micros(exchange.took), "rules": rules,
        "altered": exchange.altered, "note": exchange.note,
    })
}

fn of_fired(fired: &Fired, began: Instant) -> Value {
    json!({
        "event": "fired", "rule": &*fired.rule, "fault": fired.fault, "hop": &*fired.hop, "ids": of_ids(&fired.ids),
        "at_us": micros(fired.at.saturating_duration_since(began)), "note": fired.note,
    })
}

fn of_effect(effect: &TookEffect, began: Instant) -> Value {
    json!({
        "event": "effective", "rule": &*effect.rule, "fault": effect.fault, "hop": &*effect.hop,
        "at_us": micros(effect.at.saturating_duration_since(began)), "seen": effect.seen,
    })
}

fn of_shortage(shortage: &Shortage) -> Value {
    json!({ "event": "shortage", "hop": &*shortage.hop, "wanted": shortage.wanted, "error": shortage.error })
}

fn of_ids(ids: &Ids) -> Value {
    ids.0.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect::<serde_json::Map<_, _>>().into()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
