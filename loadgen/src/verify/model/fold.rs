//! Lines into the model, one by one.

use super::{Episode, MessageRow, Model, NEVER, NONE, Order, OrderId, Product, Production, Reading, ShortageSeen, flag, id_flag};
use crate::history::event::{
    BusinessIds, Complete, Event, FORMAT, FaultMark, FaultState, Header, Invoke, Line, Merged, Micros, Passed, Phase, PhaseMark, Published,
    RoleState, Sample, Shortage,
};
use crate::history::{Lines, Listener};
use crate::verify::expectations::RecordedBy;
use crate::verify::fingerprint::{Fingerprint, Kind};
use crate::verify::model::FaultSeen;
use crate::verify::steadiness::Weighing;

mod attempts;
mod state;

/// Contradictions that are listed in words; the rest is counted.
const MALFORMED_LISTED: usize = 3;
/// Stock below zero that is listed; the rest is counted.
const BELOW_ZERO_LISTED: usize = 16;
/// What sending a mail is called.
const SEND_MAIL: &str = "SendEmail";
/// The way to the factory.
const FACTORY_HOP: &str = "factory";

impl Listener for Model {
    fn expect<'l>(&mut self, lines: impl Iterator<Item = &'l Line>) {
        for line in lines {
            match &line.event {
                Event::Invoke(Invoke { key: Some(key), .. }) => self.keys.expect(Fingerprint::of(Kind::Key, key)),
                Event::Complete(Complete { order: Some(order), .. }) => self.order_ids.expect(Fingerprint::of(Kind::Order, order)),
                Event::Published(Published { ids: BusinessIds { message: Some(message), .. }, .. }) => {
                    self.message_names.expect(Fingerprint::of(Kind::Message, message));
                }
                // The rows of the final state mostly come in an order that is known already.
                _ => (),
            }
        }
        for names in [&mut self.keys, &mut self.order_ids, &mut self.message_names] {
            names.approach();
        }
    }

    fn line(&mut self, line: &Line) {
        self.take(line);
    }
}

impl Model {
    /// Takes everything that can be read.
    pub(in crate::verify) fn fold(&mut self, lines: impl Lines) {
        if let Err(error) = lines.tell(self) {
            self.read_error = Some(error.to_string());
        }
        self.close();
    }

    fn take(&mut self, line: &Line) {
        if self.ended.is_some() {
            self.malformed(|| "a line stands after the end mark".to_owned());
        }
        self.lines += 1;
        self.last_at = self.last_at.max(line.at);
        match &line.event {
            Event::Header(header) => self.header(header),
            Event::Merged(merged) => self.merged(merged),
            Event::Phase(mark) => self.phase(line.at, mark),
            Event::Stage { .. } => {}
            Event::Passed(passed) => self.passed(passed),
            Event::Opening { stock } => self.opening(stock),
            Event::Invoke(invoke) => self.invoke(line.at, invoke),
            Event::Complete(complete) => self.complete(line.at, complete),
            Event::Published(published) => self.published(published),
            Event::Sample(sample) => self.sample(line.at, sample),
            Event::RestockSeen { production, product, quantity } => self.restock_seen(line.at, production, product, *quantity),
            Event::Role(mark) => {
                if mark.state == RoleState::Exited && !mark.planned {
                    let note = mark.note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
                    self.unplanned_exits.push(format!("{} pid {}{note}", mark.role, mark.pid));
                }
            }
            Event::Fault(mark) => self.fault(line.at, mark),
            Event::Shortage(shortage) => self.short(line.at, shortage),
            Event::Lateness(lateness) => self.lateness.push(lateness.clone()),
            Event::Final(row) => self.final_row(row),
            Event::Ended { interrupted } => self.ended = Some(*interrupted),
        }
    }

    /// What was still in flight when the history ended may have happened or not.
    fn close(&mut self) {
        for attempt in std::mem::take(&mut self.in_flight).into_values() {
            self.attempts.unfinished += 1;
            if let Some(order) = self.orders.get_mut(attempt.order as usize) {
                order.flags |= flag::INFO;
            }
        }
        // Whoever was only told that it is in flight knows nothing of how it ended, even if every attempt of its own came to nothing.
        for order in self.orders.iter_mut().filter(|order| order.is(flag::IN_FLIGHT) && !order.is(flag::SOLD | flag::REFUSED)) {
            order.flags |= flag::INFO;
        }
    }

    pub(super) fn malformed(&mut self, sentence: impl FnOnce() -> String) {
        self.malformed_total += 1;
        if self.malformed.len() < MALFORMED_LISTED {
            self.malformed.push(sentence());
        }
    }

    fn short(&mut self, at: Micros, shortage: &Shortage) {
        let seen = self.shortage.get_or_insert_with(|| ShortageSeen { first: at, told: 0, shortage: shortage.clone() });
        seen.told += 1;
    }

    fn header(&mut self, header: &Header) {
        if self.lines != 1 {
            self.malformed(|| "the header is not the first line, or there are two".to_owned());
        }
        if header.format > FORMAT {
            self.malformed(|| format!("format {} is newer than this checker's {FORMAT}", header.format));
        }
        self.opening(&header.initial_stock);
        self.header.get_or_insert_with(|| header.clone());
    }

    fn opening(&mut self, stock: &[(String, i64)]) {
        for (name, stock) in stock {
            let product = self.product(name);
            self.products[product as usize].initial = Some(*stock);
        }
    }

    fn merged(&mut self, merged: &Merged) {
        if self.lines != 2 {
            // What came before was taken as if there were one clock.
            self.malformed(|| "what the history was put together from does not stand in its second line".to_owned());
        }
        self.merged = merged.clone();
    }

    fn phase(&mut self, at: Micros, mark: &PhaseMark) {
        if mark.phase == Phase::Load || (mark.phase, mark.begin) == (Phase::Drain, true) {
            // Quiet before the last buyer came proves nothing.
            self.phases.quiet_since = None;
            self.phases.idle_since = None;
        }
        match (mark.phase, mark.begin) {
            (Phase::Load, true) => self.phases.load_began = Some(at),
            (Phase::Load, false) => {
                self.phases.load_ended = Some(at);
                self.phases.load_note.clone_from(&mark.note);
            }
            (Phase::Drain, true) => {
                self.phases.load_ended.get_or_insert(at);
            }
            (Phase::Drain, false) => self.phases.drained = Some((at, mark.reached == Some(true), mark.note.clone())),
            (Phase::Verify, false) => {
                self.phases.verify_ended = true;
                self.phases.reading_failed |= mark.reached == Some(false);
            }
            _ => {}
        }
    }

    /// Row of a product, made when it is new.
    pub(super) fn product(&mut self, name: &str) -> u32 {
        let row = self.product_names.intern(name);
        if row as usize == self.products.len() {
            self.products.push(Product::default());
        }
        row
    }

    pub(super) fn production(&mut self, name: &str) -> u32 {
        let (row, new) = self.production_names.intern(Fingerprint::of(Kind::Production, name));
        if new {
            self.productions.push(Production::new());
        }
        row
    }

    pub(super) fn message(&mut self, name: &str) -> u32 {
        let (row, new) = self.message_names.intern(Fingerprint::of(Kind::Message, name));
        if new {
            self.messages.push(MessageRow::default());
        }
        row
    }

    pub(super) fn episode(&mut self, name: &str) -> u32 {
        let (row, new) = self.episode_names.intern(Fingerprint::of(Kind::Episode, name));
        if new {
            self.episodes.push(Episode { product: NONE, exists: false, mails: 0, named: NONE, mails_elsewhere: 0 });
        }
        row
    }

    /// Row of the order under a key (or whatever stands for one), made when it is new.
    pub(super) fn order(&mut self, key: Fingerprint) -> u32 {
        let (row, new) = self.keys.intern(key);
        if new {
            self.orders.push(Order::new());
        }
        row
    }

    pub(super) fn order_id(&mut self, name: &str) -> u32 {
        let (row, new) = self.order_ids.intern(Fingerprint::of(Kind::Order, name));
        if new {
            self.ids.push(OrderId { order: NONE, flags: 0 });
        }
        row
    }

    pub(super) fn seen_below_zero(&mut self, at: Option<Micros>, product: u32, stock: i64, seen_in: &'static str) {
        self.below_zero_total += 1;
        if self.below_zero.len() < BELOW_ZERO_LISTED {
            self.below_zero.push((at, product, stock, seen_in));
        }
    }

    /// What passed the taps is mostly for people: the proof rests on what was answered and on what remains. But it shows what came again, and
    /// how often the factory was asked, which a factory that is down does not know.
    fn passed(&mut self, passed: &Passed) {
        if passed.hop == FACTORY_HOP
            && let Some(id) = passed.ids.first()
        {
            self.asked.push((Fingerprint::of(Kind::Production, id), passed.began));
        }
        self.mails_struck += u64::from(passed.what == SEND_MAIL && !passed.rules.is_empty());
        if passed.what != Passed::RECEIVE {
            return;
        }
        for id in &passed.ids {
            let delivery = Fingerprint::of_delivery(&passed.hop, id);
            self.redelivered += u64::from(!self.delivered.insert(delivery));
        }
    }

    fn published(&mut self, published: &Published) {
        self.published += 1;
        let ids = &published.ids;
        if let Some(message) = &ids.message {
            let row = self.message(message);
            let row = &mut self.messages[row as usize];
            self.redelivered += u64::from(row.published > 0);
            row.published = row.published.saturating_add(1);
        }
        if ids.message.is_none() && ids.order.is_none() && ids.production.is_none() && ids.episode.is_none() {
            self.published_without_ids += 1;
        }
        for consumer in 0..self.consumers.len().min(MessageRow::CONSUMERS) {
            if self.consumers[consumer].topic == published.topic
                && let Some(id) = id_for(self.consumers[consumer].recorded_by, ids)
            {
                let row = self.message(id);
                self.messages[row as usize].publish_to(consumer);
            }
        }
    }

    fn sample(&mut self, at: Micros, sample: &Sample) {
        if let Some(weights) = &sample.weights {
            self.weighings.push(Weighing { at, attempts: self.attempts.invoked, weights: weights.clone() });
        }
        for (name, stock) in &sample.stock {
            let product = self.product(name);
            self.readings.push(Reading { began: self.earliest(sample.began), at: self.latest(at), product, stock: *stock });
            if *stock < 0 {
                self.seen_below_zero(Some(at), product, *stock, "a sample");
            }
        }
        if sample.queues.is_empty() && sample.outbox.is_none() {
            return;
        }
        let waiting: u64 =
            sample.queues.iter().filter(|queue| !queue.dead_letter).map(|queue| queue.visible + queue.in_flight + queue.delayed).sum();
        let dead = sample.queues.iter().filter(|queue| queue.dead_letter);
        self.most_dead_letters = self.most_dead_letters.max(dead.map(|queue| queue.visible + queue.in_flight + queue.delayed).sum());
        let idle = waiting == 0 && sample.outbox.unwrap_or(0) == 0;
        self.phases.idle_since = if idle { self.phases.idle_since.or(Some(at)) } else { None };
        let quiet = idle && sample.open_productions.unwrap_or(0) == 0;
        self.phases.quiet_since = if quiet { self.phases.quiet_since.or(Some(at)) } else { None };
        if self.first_sample.as_ref().is_none_or(|(first, _)| at < *first) {
            let mut leftovers: Vec<String> = sample
                .queues
                .iter()
                .filter(|queue| queue.visible + queue.in_flight + queue.delayed > 0)
                .map(|queue| format!("{} holds {}", queue.queue, queue.visible + queue.in_flight + queue.delayed))
                .collect();
            if let Some(outbox) = sample.outbox.filter(|rows| *rows > 0) {
                leftovers.push(format!("the outbox holds {outbox}"));
            }
            if let Some(open) = sample.open_productions.filter(|open| *open > 0) {
                leftovers.push(format!("{open} productions are open"));
            }
            self.first_sample = Some((at, leftovers));
        }
    }

    fn restock_seen(&mut self, at: Micros, production: &str, product: &str, quantity: u64) {
        let product = self.product(product);
        let production = self.production(production);
        let pieces = i64::try_from(quantity).unwrap_or(i64::MAX);
        let at = self.latest(at);
        let row = &mut self.productions[production as usize];
        if row.product == NONE {
            row.product = product;
        }
        if row.seen_at == NEVER {
            row.seen = pieces;
            let sum = &mut self.products[product as usize].restock_seen;
            *sum = sum.saturating_add(pieces);
        }
        row.seen_at = row.seen_at.min(at);
    }

    fn fault(&mut self, at: Micros, mark: &FaultMark) {
        let place = self.faults.iter().position(|(rule, _)| *rule == mark.rule).unwrap_or_else(|| {
            let unseen = FaultSeen { effective: false, fired: 0, first: NEVER, healed: None, last: 0, unhealed: None };
            self.faults.push((mark.rule.clone(), unseen));
            self.faults.len() - 1
        });
        let seen = &mut self.faults[place].1;
        match mark.state {
            FaultState::Requested => seen.first = seen.first.min(at),
            FaultState::Effective => {
                seen.effective = true;
                seen.first = seen.first.min(at);
                seen.last = seen.last.max(at);
            }
            FaultState::Fired => {
                seen.fired += 1;
                seen.first = seen.first.min(at);
                seen.last = seen.last.max(at);
            }
            FaultState::Healed => seen.healed = Some(seen.healed.map_or(at, |healed| healed.max(at))),
            FaultState::Unhealed => seen.unhealed = Some(mark.note.clone().unwrap_or_default()),
        }
        if mark.state == FaultState::Fired && self.poison_rules.contains(&mark.rule) {
            let row = mark.ids.message.as_deref().map_or(NONE, |message| self.message(message));
            self.poison.push(row);
        }
    }
}

/// The id by which a consumer records a message.
pub(super) fn id_for(recorded_by: RecordedBy, ids: &crate::history::event::BusinessIds) -> Option<&str> {
    match recorded_by {
        RecordedBy::Message => ids.message.as_deref(),
        RecordedBy::Order => ids.order.as_deref(),
        RecordedBy::Production => ids.production.as_deref(),
        RecordedBy::Episode => ids.episode.as_deref(),
    }
}

/// Marks an order id.
pub(super) fn mark(ids: &mut [OrderId], row: u32, bits: u8) {
    if let Some(id) = ids.get_mut(row as usize) {
        id.flags |= bits;
    }
}

/// The mark that the ledger leaves on an order id.
pub(super) fn ledger_mark(sold: bool) -> u8 {
    if sold { id_flag::LEDGER_SOLD } else { id_flag::LEDGER_REFUSED }
}
