//! What remains when everything is quiet: the ledger, receipts, dead letters, mails, the factory's log and the stock, written into the
//! history row by row. Read directly and with patience; what cannot be read fails the run, because a proof without it would be none.

use std::time::Duration;

use reference::domain::Outcome;
use reference::messaging::envelope::Incoming;
use reference::messaging::error::CallError;
use reference::messaging::receive::Queue;
use reference::store::{Audit, ProductionState, StoreError};
use serde::Deserialize;

use super::eye::{Eye, LookError};
use super::http::{ReadError, Reader};
use super::topics::business_ids;
use crate::boot::System;
use crate::faults::Poison;
use crate::history::event::{BusinessIds, Event, Final};
use crate::history::writer::Recorder;
use crate::plan::Plan;
use crate::target::View;

/// Rows read at a time.
const PAGE: u32 = 5_000;

/// How long a dead letter stays hidden after it was read: long enough to read a large queue once, so that each is read once.
const HIDDEN: Duration = Duration::from_secs(600);

/// The most dead letters that are read from one queue. Whoever has more has seen enough to know; the depth says how many there are.
const MOST_DEAD_LETTERS: usize = 20_000;

/// Bytes of a dead letter's body that go into the history.
const QUOTED: usize = 200;

/// Production orders per product that may be open at the factory at once: the reference's own rule.
const OPEN_PER_PRODUCT: u64 = 1;

/// Why the final state is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum RemainsError {
    /// The database.
    #[error("cannot read the final state of the database, without which nothing is proved")]
    Store(#[from] StoreError),
    /// A queue.
    #[error("cannot read a dead-letter queue, without which nothing is proved")]
    Queue(#[from] CallError),
    /// The queues' depths.
    #[error(transparent)]
    Look(#[from] LookError),
    /// Mails or the factory's log.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Writes the final state into the history.
///
/// # Errors
/// [`RemainsError`], naming what could not be read.
pub async fn record(system: &System, plan: &Plan, eye: &Eye, recorder: &Recorder) -> Result<(), RemainsError> {
    let (scenario, poison) = (plan.scenario(), Poison::of(plan.faults()));
    let audit = eye.audit().expect("the reference shows its database");
    let ledger = Ledger { audit, recorder };
    ledger.orders().await?;
    ledger.productions(system.edition.pieces_per_shortage).await?;
    ledger.stock_moves().await?;
    ledger.receipts().await?;
    let episodes = ledger.episodes().await?;
    ledger.operations().await?;
    for queue in &eye.queues().dead_letter {
        dead_letters(queue, &poison, recorder, business_ids).await?;
    }
    for depth in eye.look().await?.queues {
        recorder.record(Event::Final(Final::Queue(depth)));
    }
    let reader = Reader::default();
    mails(&reader, &system.broker, &episodes, recorder).await?;
    factory_calls(&reader, &system.factory, recorder).await?;
    recorder.record(Event::Final(Final::FactoryLimits {
        capacity: u64::from(scenario.pipeline.factory_capacity),
        open_per_product: OPEN_PER_PRODUCT,
        pieces_per_shortage: u64::try_from(system.edition.pieces_per_shortage).unwrap_or(1),
    }));
    Ok(())
}

struct Ledger<'a> {
    audit: &'a Audit,
    recorder: &'a Recorder,
}

/// Reads a table to its end, page by page, and records what `row` makes of each row.
macro_rules! every_row {
    ($self:ident, $table:ident, $row:expr) => {{
        let mut after = 0;
        loop {
            let rows = $self.audit.$table(after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.position;
            for row in rows {
                $self.recorder.record(Event::Final($row(row)));
            }
        }
    }};
}

impl Ledger<'_> {
    async fn orders(&self) -> Result<(), RemainsError> {
        every_row!(self, orders, |row: reference::store::audit::AuditOrder| Final::Order {
            order: row.order_id.to_string(),
            key: row.key,
            product: row.product.0,
            quantity: pieces(row.quantity),
            sold: row.outcome == Outcome::Sold,
            production: row.production_id.map(|id| id.to_string()),
        });
        Ok(())
    }

    async fn productions(&self, pieces_per_shortage: i64) -> Result<(), RemainsError> {
        every_row!(self, productions, |row: reference::store::audit::AuditProduction| Final::Production {
            production: row.production_id.to_string(),
            product: row.product.0,
            quantity: pieces(row.quantity * pieces_per_shortage),
            shortage: pieces(row.quantity),
            applied: row.state == ProductionState::Applied,
        });
        Ok(())
    }

    async fn stock_moves(&self) -> Result<(), RemainsError> {
        every_row!(self, restocks, |row: reference::store::audit::AuditRestock| Final::Restock {
            production: row.production_id.to_string(),
            product: row.product.0,
            quantity: pieces(row.quantity),
        });
        every_row!(self, adjustments, |row: reference::store::audit::AuditAdjustment| Final::Adjustment {
            product: row.product.0,
            delta: row.delta,
        });
        for row in self.audit.stocks().await? {
            self.recorder.record(Event::Final(Final::Stock { product: row.product.0, stock: row.now }));
        }
        Ok(())
    }

    async fn receipts(&self) -> Result<(), RemainsError> {
        every_row!(self, receipts, |row: reference::store::audit::AuditReceipt| Final::Receipt { consumer: row.consumer, id: row.id });
        Ok(())
    }

    async fn operations(&self) -> Result<(), RemainsError> {
        every_row!(self, operations, |row: reference::store::audit::AuditOperation| Final::Operation {
            order: row.order_id.to_string(),
            sold: row.outcome == Outcome::Sold,
        });
        Ok(())
    }

    /// Records the episodes and returns them: episode, product.
    async fn episodes(&self) -> Result<Vec<(String, String)>, RemainsError> {
        let mut known = Vec::new();
        every_row!(self, episodes, |row: reference::store::audit::AuditEpisode| {
            let episode = format!("{}#{}", row.product, row.number);
            known.push((episode.clone(), row.product.0.clone()));
            Final::Episode { episode, product: row.product.0 }
        });
        Ok(known)
    }
}

/// Writes the final state of a target into the history, as far as its file says how to read it.
///
/// # Errors
/// [`RemainsError`], naming what could not be read.
pub async fn record_stranger(view: &View, plan: &Plan, eye: &Eye, recorder: &Recorder) -> Result<(), RemainsError> {
    let poison = Poison::of(plan.faults());
    for queue in &eye.queues().dead_letter {
        dead_letters(queue, &poison, recorder, |incoming| view.dead_letter_ids(queue.name(), incoming)).await?;
    }
    for depth in eye.look().await?.queues {
        recorder.record(Event::Final(Final::Queue(depth)));
    }
    view.remains(recorder).await?;
    Ok(())
}

async fn dead_letters(
    queue: &Queue,
    poison: &Poison,
    recorder: &Recorder,
    ids_of: impl Fn(&Incoming) -> BusinessIds,
) -> Result<(), RemainsError> {
    let mut read = 0;
    while read < MOST_DEAD_LETTERS {
        let messages = queue.receive(10, Duration::ZERO, HIDDEN).await?;
        if messages.is_empty() {
            return Ok(());
        }
        read += messages.len();
        for message in messages {
            let opened = message.open();
            let text = opened.as_ref().map_or(&message.body, |incoming| &incoming.body);
            let poison = poison.id_of(text);
            let ids = match (&poison, &opened) {
                (Some(id), _) => BusinessIds { message: Some(id.clone()), ..BusinessIds::default() },
                (None, Ok(incoming)) => ids_of(incoming),
                (None, Err(_)) => BusinessIds::default(),
            };
            let (queue, body) = (queue.name().to_owned(), Some(message.body.chars().take(QUOTED).collect()));
            recorder.record(Event::Final(Final::DeadLetter { queue, ids, poison: poison.is_some(), body }));
        }
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Outbox {
    messages: Vec<SentMail>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SentMail {
    destination: Destination,
    subject: String,
    body: MailBody,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    to_addresses: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct MailBody {
    #[serde(default)]
    text_part: Option<String>,
}

async fn mails(reader: &Reader, broker: &str, episodes: &[(String, String)], recorder: &Recorder) -> Result<(), RemainsError> {
    let outbox: Outbox = reader.get(&format!("{broker}/_aws/ses")).await?;
    for mail in outbox.messages {
        let text = format!("{}\n{}", mail.subject, mail.body.text_part.unwrap_or_default());
        let episode = words(&text).find_map(|word| episodes.iter().find(|(episode, _)| word == episode));
        let product = match episode {
            Some((_, product)) => product.clone(),
            // A mail without an episode still counts for the product it names.
            None => {
                words(&text).find_map(|word| episodes.iter().find(|(_, product)| word == product)).map_or_else(String::new, |e| e.1.clone())
            }
        };
        recorder.record(Event::Final(Final::Mail {
            product,
            episode: episode.map(|(episode, _)| episode.clone()),
            to: mail.destination.to_addresses.join(", "),
            subject: mail.subject,
        }));
    }
    Ok(())
}

/// Words as far as ids are concerned: "CP-502101#3" is one, a bracket or a full stop behind it is not part of it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '#' | '-' | '_'))).filter(|word| !word.is_empty())
}

#[derive(Debug, Deserialize)]
struct FactoryRow {
    log_id: i64,
    item_id: serde_json::Value,
    quantity: i64,
    production_id: Option<String>,
    received_us: u64,
    answered_us: Option<u64>,
    produced_us: Option<u64>,
    accepted: bool,
    callbacks: u32,
}

async fn factory_calls(reader: &Reader, factory: &str, recorder: &Recorder) -> Result<(), RemainsError> {
    let mut after = 0;
    loop {
        let rows: Vec<FactoryRow> = reader.get(&format!("{factory}/log?after={after}&limit={PAGE}")).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.log_id;
        for row in rows {
            recorder.record(Event::Final(Final::FactoryCall {
                production: row.production_id,
                product: row.item_id.as_str().map_or_else(|| row.item_id.to_string(), str::to_owned),
                quantity: pieces(row.quantity),
                received_unix_us: row.received_us,
                answered_unix_us: row.answered_us,
                produced_unix_us: row.produced_us,
                accepted: row.accepted,
                callbacks: row.callbacks,
            }));
        }
    }
}

/// Pieces are never negative in these tables (the database checks it); should one be, 0 breaks conservation, which is the point.
fn pieces(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
