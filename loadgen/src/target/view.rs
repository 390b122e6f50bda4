//! What can be seen of a target: now ([`View::look`]) and in the end ([`View::remains`]), each as far as its file says how.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reference::messaging::envelope::Incoming;
use serde_json::Value;

use super::access::Access;
use super::answer::{Reply, Rule};
use super::factory::{Knowledge, book_rows};
use super::speech::{ProductWords, Speech};
use super::template::text_of;
use super::{QueuePart, Target};
use crate::boot::Queues;
use crate::history::event::{BusinessIds, Event, Final, Published};
use crate::history::final_state::UNBOUNDED;
use crate::history::writer::Recorder;
use crate::observe::http::{ReadError, Reader};
use crate::scenario::Scenario;

/// A target as an observer sees it.
#[derive(Debug)]
pub struct View {
    /// How buyers talk to it.
    pub speech: Arc<Speech>,
    /// Its queues.
    pub queues: Queues,
    /// How long everything must have been quiet, when its file says so.
    pub quiet_for: Option<Duration>,
    access: Access,
    products: Vec<ProductWords>,
    parts: Vec<QueuePart>,
    factory: Option<Knowledge>,
    /// Where its mails are read, when it sends any through the harness.
    mailbox: Option<String>,
    drained: Option<(String, Vec<Rule>)>,
    limits: Option<(u64, u64, u64)>,
    not_exposed: Vec<(&'static str, &'static str)>,
    last_stock: Mutex<Vec<(String, i64)>>,
}

impl View {
    pub(super) fn new(
        target: &Target,
        scenario: &Scenario,
        access: Access,
        queues: Queues,
        factory: Option<Knowledge>,
        broker: Option<String>,
    ) -> Self {
        let sold_here = |words: &&ProductWords| scenario.products.iter().any(|product| product.id == words.id);
        let mails = target.aws.as_ref().is_some_and(|aws| aws.mail);
        let capacity = u64::from(scenario.pipeline.factory_capacity);
        let limits = target
            .factory
            .as_ref()
            .map(|factory| (capacity, factory.open_per_product.unwrap_or(UNBOUNDED), factory.pieces_per_shortage.unwrap_or(UNBOUNDED)));
        Self {
            speech: Arc::new(target.speech.clone()),
            queues,
            quiet_for: target.drained.quiet_for,
            access,
            products: target.speech.products.iter().filter(sold_here).cloned().collect(),
            parts: target.aws.as_ref().map(|aws| aws.queues.clone()).unwrap_or_default(),
            factory,
            mailbox: broker.filter(|_| mails),
            drained: target.drained.when.clone(),
            limits,
            not_exposed: not_exposed(target),
            last_stock: Mutex::default(),
        }
    }

    /// Stock now: product, pieces; empty when its file does not say how to read it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn stock(&self) -> Result<Vec<(String, i64)>, ReadError> {
        let mut stock = Vec::with_capacity(self.products.len());
        for product in &self.products {
            if let Some(pieces) = self.access.stock(product).await? {
                stock.push((product.id.clone(), pieces));
            }
        }
        Ok(stock)
    }

    /// Orders that the factory has taken and not reported back; None when the harness plays none.
    #[must_use]
    pub fn open_orders(&self) -> Option<u64> {
        self.factory.as_ref().map(Knowledge::open)
    }

    /// What still moves beside queues and factory, in words: its own word for it, and a stock that changes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn restless(&self) -> Result<Option<String>, ReadError> {
        if let Some((path, rules)) = &self.drained
            && !self.access.says(path, rules).await?
        {
            return Ok(Some(format!("{path} does not say that it is at rest")));
        }
        let now = self.stock().await?;
        let mut last = self.last_stock.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *last != now;
        *last = now;
        Ok(changed.then(|| "the stock still changes".to_owned()))
    }

    /// The final state, row by row.
    ///
    /// # Errors
    /// [`ReadError`], naming what could not be read.
    pub async fn remains(&self, recorder: &Recorder) -> Result<(), ReadError> {
        let record = |row: Final| recorder.record(Event::Final(row));
        for row in self.access.orders().await?.unwrap_or_default() {
            let named = row.product.and_then(|name| self.speech.product_named(&name).map(|product| product.id.clone()).or(Some(name)));
            let product = named.or_else(|| self.products.first().map(|product| product.id.clone())).unwrap_or_default();
            record(Final::Order {
                order: row.key.clone(),
                key: Some(row.key),
                product,
                quantity: row.quantity,
                sold: row.sold,
                production: None,
            });
        }
        if let (Some(factory), Some((capacity, open_per_product, pieces_per_shortage))) = (&self.factory, self.limits) {
            let known = if pieces_per_shortage == UNBOUNDED { 1 } else { pieces_per_shortage };
            book_rows(&factory.calls(), known).into_iter().for_each(record);
            record(Final::FactoryLimits { capacity, open_per_product, pieces_per_shortage });
        }
        if let Some(mailbox) = &self.mailbox {
            self.mails(mailbox, recorder).await?;
        }
        for (product, stock) in self.stock().await? {
            record(Final::Stock { product, stock });
        }
        self.not_exposed().into_iter().for_each(record);
        Ok(())
    }

    async fn mails(&self, mailbox: &str, recorder: &Recorder) -> Result<(), ReadError> {
        let outbox: Value = Reader::default().get(&format!("{mailbox}/_aws/ses")).await?;
        for mail in outbox.pointer("/messages").and_then(Value::as_array).into_iter().flatten() {
            let text = mail.to_string();
            let names =
                |product: &&ProductWords| text.contains(&product.id) || product.words.values().any(|word| text.contains(word.as_str()));
            let at = |pointer: &str| mail.pointer(pointer).map(|value| text_of(value).into_owned()).unwrap_or_default();
            recorder.record(Event::Final(Final::Mail {
                product: self.products.iter().find(names).map(|product| product.id.clone()).unwrap_or_default(),
                episode: None,
                to: at("/Destination/ToAddresses/0"),
                subject: at("/Subject"),
            }));
        }
        Ok(())
    }

    /// What the factory was asked for, in words, and whether its report was taken.
    #[must_use]
    pub(super) fn factory_calls(&self) -> Vec<(String, Option<bool>)> {
        let calls = self.factory.as_ref().map(Knowledge::calls).unwrap_or_default();
        let words = |call: &super::factory::Call| {
            let production = call.production.as_ref().map(|production| format!(", production {production}")).unwrap_or_default();
            format!("it asked the factory for {} of {}{production}", call.units, call.product)
        };
        calls.iter().filter(|call| call.accepted).map(|call| (words(call), call.heard)).collect()
    }

    /// Keys of the orders in its ledger.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(super) async fn orders(&self) -> Result<Vec<String>, ReadError> {
        Ok(self.access.orders().await?.unwrap_or_default().into_iter().map(|row| row.key).collect())
    }

    /// The tables that stay closed, as rows of the final state.
    #[must_use]
    pub fn not_exposed(&self) -> Vec<Final> {
        self.not_exposed.iter().map(|(what, why)| Final::NotExposed { what: (*what).to_owned(), why: Some((*why).to_owned()) }).collect()
    }

    /// What a message on a topic is about, as far as its queues' descriptions say where that stands.
    #[must_use]
    pub fn published(&self, topic: &str, incoming: &Incoming) -> Published {
        let part = self.parts.iter().find(|part| part.topic.as_deref() == Some(topic));
        let found = |place: fn(&QueuePart) -> &Option<String>| part.and_then(|part| value_in(incoming, place(part).as_deref()?));
        let product =
            found(|part| &part.product).map(|name| self.speech.product_named(&name).map_or(name.clone(), |product| product.id.clone()));
        Published {
            topic: topic.to_owned(),
            ids: BusinessIds { production: found(|part| &part.production), ..BusinessIds::default() },
            product,
            quantity: found(|part| &part.units).and_then(|units| units.parse().ok()),
            outcome: None,
        }
    }

    /// The ids of a message in a dead-letter queue.
    #[must_use]
    pub fn dead_letter_ids(&self, queue: &str, incoming: &Incoming) -> BusinessIds {
        let part = self.parts.iter().find(|part| part.dlq.as_deref() == Some(queue));
        let production = part.and_then(|part| value_in(incoming, part.production.as_deref()?));
        BusinessIds { production, ..BusinessIds::default() }
    }
}

/// A message attribute, or (with a slash) a value in the message's JSON.
fn value_in(incoming: &Incoming, place: &str) -> Option<String> {
    if !place.starts_with('/') {
        return incoming.attributes.get(place).cloned();
    }
    let reply = Reply::of(200, incoming.body.as_bytes());
    reply.json.as_ref()?.pointer(place).filter(|value| !value.is_null()).map(|value| text_of(value).into_owned())
}

/// Tables that stay closed, and why.
fn not_exposed(target: &Target) -> Vec<(&'static str, &'static str)> {
    let aws = target.aws.as_ref();
    let identity = target.factory.as_ref().is_some_and(|factory| factory.production.is_some());
    let ours = aws.is_some_and(|aws| aws.mail && aws.endpoint.is_none());
    let letters = aws.is_some_and(|aws| !aws.queues.is_empty());
    let table = [
        (target.ledger.is_some(), "ledger", "the target file has no [ledger], which says how its orders are read"),
        (target.stock.is_some(), "stock", "the target file has no [stock], which says how its stock is read"),
        (target.factory.is_some(), "restocks", "the target file has no [factory], so the harness does not know what was delivered"),
        (target.factory.is_some(), "factory", "the target file has no [factory]"),
        (identity, "productions", "the target file does not say in `factory.production` how an order to the factory names what it is for"),
        (false, "restock_ledger", "what was delivered is known from the factory's side alone, not what the target added for it"),
        (target.promises_goods, "promises", "by the target file, a refusal promises no goods"),
        (letters, "dead_letters", "the target file names no [[queue]], so nobody knows what was captured"),
        (letters, "queues", "the target file names no [[queue]]"),
        (aws.is_some_and(|aws| !aws.topics.is_empty()), "topics", "the target file names no topics"),
        (ours, "mails", "the target file does not say `mail = \"yes\"` in an [aws] of the harness's own"),
        (false, "receipts", "what its consumers have done cannot be seen from outside"),
        (false, "episodes", "it keeps no record of when it was sold out"),
        (false, "operations", "what its operations team was told cannot be seen from outside"),
    ];
    table.into_iter().filter(|(exposed, ..)| !exposed).map(|(_, what, why)| (what, why)).collect()
}
