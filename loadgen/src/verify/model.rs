//! A history, folded: what the properties need to know of it, and nothing else.
//!
//! One pass over the lines fills this. Orders are rows of forty bytes: all attempts under one key are *one* row, because what must be
//! known of an order (the first moment it may have taken effect, the first moment it certainly had, what was answered, what the ledger
//! says) can be updated attempt by attempt. Only attempts in flight are held separately. With its ids, messages and
//! operations an order takes about 140 bytes; an attempt to browse takes none.
//!
//! Nothing here relies on the order of lines beyond "an invocation stands before its completion": threads write lines, so two lines may
//! be swapped against their times. Whatever depends on time is sorted by time afterwards. Where a history comes from several machines, each
//! moment is kept as the end of its possible times that proves less: invocations as early, answers and sightings as late as the clocks allow.

mod fold;
mod order;
mod pipeline;

use std::collections::{BTreeMap, HashMap, HashSet};

pub(super) use self::order::{Order, OrderId, flag, id_flag};
pub(super) use self::pipeline::{Call, DeadLetterRow, Episode, FaultSeen, MessageRow, Production};
pub(super) use super::baseline::Second;
use super::expectations::{Arrivals, Consumer, Expectations};
use super::finding::seconds;
use super::fingerprint::{ByNumber, Fingerprint, Names};
use super::interner::Interner;
use super::state::Table;
use super::steadiness::Weighing;
use crate::history::event::{Header, Lateness, Merged, Micros, OpKind, Shortage};

/// "No row", "no stock" and "never" in the compact rows below.
pub(super) const NONE: u32 = u32::MAX;
pub(super) const NO_STOCK: i32 = i32::MIN;
pub(super) const NEVER: Micros = Micros::MAX;

/// What the harness itself lacked.
#[derive(Debug, Clone)]
pub(super) struct ShortageSeen {
    /// When it was first told.
    pub(super) first: Micros,
    /// How often it was told.
    pub(super) told: u64,
    /// The first time's.
    pub(super) shortage: Shortage,
}

/// Sums of one product.
#[derive(Debug, Clone, Default)]
pub(super) struct Product {
    /// Stock when the load began.
    pub(super) initial: Option<i64>,
    /// Stock at the end.
    pub(super) last: Option<i64>,
    /// Σ of restock rows.
    pub(super) restocked: i64,
    /// Σ of what was offered, and may have been applied beyond the restock rows.
    pub(super) restock_possible: i64,
    /// Σ of restocks seen on the way, each production once.
    pub(super) restock_seen: i64,
    /// Σ of positive adjustments.
    pub(super) adjusted_up: i64,
    /// Σ of negative adjustments, as a negative number.
    pub(super) adjusted_down: i64,
    /// Σ of the ledger's sales.
    pub(super) ledger_sold: i64,
    /// Mails that name the product and no episode.
    pub(super) mails_without_episode: u64,
}

/// Stock as a sample read it: true at some instant between the two times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) began: Micros,
    pub(super) at: Micros,
    pub(super) product: u32,
    pub(super) stock: i64,
}

/// What the folding of one attempt in flight must remember.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    kind: OpKind,
    order: u32,
    invoked: Micros,
    quantity: Option<u64>,
}

/// Attempts, counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts {
    pub(super) invoked: u64,
    pub(super) browsed: u64,
    /// Those that the generator itself could not send, and why the first of them was not.
    pub(super) unsent: u64,
    pub(super) unsent_because: Option<String>,
    pub(super) info: u64,
    pub(super) hostile_refused: u64,
    pub(super) unfinished: u64,
}

/// Marks of the run's phases.
#[derive(Debug, Clone, Default)]
pub(super) struct Phases {
    pub(super) load_began: Option<Micros>,
    pub(super) load_ended: Option<Micros>,
    /// Why the load ended before its time.
    pub(super) load_note: Option<String>,
    /// When the drain ended, whether quiescence was reached, and how it ended in words.
    pub(super) drained: Option<(Micros, bool, Option<String>)>,
    pub(super) verify_ended: bool,
    /// Some of the final state could not be read.
    pub(super) reading_failed: bool,
    /// The first sample of the last unbroken row of quiet ones, if the last sample was quiet.
    pub(super) quiet_since: Option<Micros>,
    /// The same, of samples in which nothing was under way, whatever productions were open.
    pub(super) idle_since: Option<Micros>,
}

/// The whole.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) lines: u64,
    pub(super) header: Option<Header>,
    /// Where it is put together from the histories of several machines.
    pub(super) merged: Merged,
    pub(super) ended: Option<bool>,
    pub(super) read_error: Option<String>,
    /// Lines that contradict the format, the first few in words.
    pub(super) malformed: Vec<String>,
    pub(super) malformed_total: u64,
    pub(super) phases: Phases,
    pub(super) attempts: Attempts,
    pub(super) last_at: Micros,

    pub(super) product_names: Names,
    pub(super) products: Vec<Product>,
    pub(super) keys: Interner,
    /// Some key came again for another product or quantity.
    keys_reused: bool,
    pub(super) orders: Vec<Order>,
    pub(super) order_ids: Interner,
    pub(super) ids: Vec<OrderId>,
    pub(super) production_names: Interner,
    pub(super) productions: Vec<Production>,
    pub(super) message_names: Interner,
    /// Further productions that an order was told of, or stands for in the ledger, beside [`Order::production`]: order, production, told.
    pub(super) second_promises: Vec<(u32, u32, bool)>,
    pub(super) messages: Vec<MessageRow>,
    pub(super) episode_names: Interner,
    pub(super) episodes: Vec<Episode>,

    pub(super) calls: Vec<Call>,
    /// Calls seen on their way to the factory: when each began, and the id it carried.
    pub(super) asked: Vec<(Fingerprint, Micros)>,
    pub(super) factory_limits: Option<(u64, u64, u64)>,
    pub(super) readings: Vec<Reading>,
    /// Stock below zero: when, product, pieces, where it was seen. The first few.
    pub(super) below_zero: Vec<(Option<Micros>, u32, i64, &'static str)>,
    pub(super) below_zero_total: u64,
    pub(super) dead_letters: Vec<DeadLetterRow>,
    pub(super) queue_names: Names,
    /// What was left in queues: queue, messages.
    pub(super) residual: Vec<(u32, u64)>,
    /// The most messages that all dead-letter queues together were seen to hold.
    pub(super) most_dead_letters: u64,
    pub(super) first_sample: Option<(Micros, Vec<String>)>,
    pub(super) published: u64,
    pub(super) published_without_ids: u64,
    pub(super) redelivered: u64,
    /// Deliveries that a tap saw: hop and message.
    delivered: HashSet<Fingerprint, ByNumber>,
    pub(super) mails: u64,
    /// Calls to the mail service that a fault struck on their way or on the way back.
    pub(super) mails_struck: u64,
    pub(super) faults: Vec<(String, FaultSeen)>,
    /// Poison that was injected: row of the message.
    pub(super) poison: Vec<u32>,
    pub(super) unplanned_exits: Vec<String>,
    /// What the harness itself lacked.
    pub(super) shortage: Option<ShortageSeen>,
    pub(super) lateness: Vec<Lateness>,
    pub(super) weighings: Vec<Weighing>,
    pub(super) seconds: Vec<Second>,
    pub(super) not_exposed: BTreeMap<Table, Option<String>>,
    pub(super) unknown_tables: Vec<String>,

    pub(super) consumers: Vec<Consumer>,
    poison_rules: Vec<String>,
    pub(super) arrivals: Arrivals,
    in_flight: HashMap<u64, InFlight, ByNumber>,
}

impl Model {
    /// An empty model that knows which consumers and which poison to look for.
    pub(super) fn new(expectations: &Expectations) -> Self {
        Self {
            lines: 0,
            header: None,
            merged: Merged::default(),
            ended: None,
            read_error: None,
            malformed: Vec::new(),
            malformed_total: 0,
            phases: Phases::default(),
            attempts: Attempts::default(),
            last_at: 0,
            product_names: Names::default(),
            products: Vec::new(),
            keys: Interner::default(),
            keys_reused: false,
            orders: Vec::new(),
            order_ids: Interner::default(),
            ids: Vec::new(),
            production_names: Interner::default(),
            productions: Vec::new(),
            message_names: Interner::default(),
            second_promises: Vec::new(),
            messages: Vec::new(),
            episode_names: Interner::default(),
            episodes: Vec::new(),
            calls: Vec::new(),
            asked: Vec::new(),
            factory_limits: None,
            readings: Vec::new(),
            below_zero: Vec::new(),
            below_zero_total: 0,
            dead_letters: Vec::new(),
            queue_names: Names::default(),
            residual: Vec::new(),
            most_dead_letters: 0,
            first_sample: None,
            published: 0,
            published_without_ids: 0,
            redelivered: 0,
            delivered: HashSet::default(),
            mails: 0,
            mails_struck: 0,
            faults: Vec::new(),
            poison: Vec::new(),
            unplanned_exits: Vec::new(),
            shortage: None,
            lateness: Vec::new(),
            weighings: Vec::new(),
            seconds: Vec::new(),
            not_exposed: BTreeMap::new(),
            unknown_tables: Vec::new(),
            consumers: expectations.consumers.clone(),
            poison_rules: expectations.faults.iter().filter(|fault| fault.poison).map(|fault| fault.rule.clone()).collect(),
            arrivals: expectations.arrivals,
            in_flight: HashMap::default(),
        }
    }

    /// The earliest that something can truly have happened whose machine's clock showed this.
    fn earliest(&self, at: Micros) -> Micros {
        at.saturating_sub(self.merged.clock_uncertainty_us)
    }

    /// The latest that it can.
    fn latest(&self, at: Micros) -> Micros {
        at.saturating_add(self.merged.clock_uncertainty_us)
    }

    /// Rows of orders, grouped by product: sweeps go product by product.
    pub(super) fn orders_by_product(&self) -> Vec<Vec<u32>> {
        let mut groups = vec![Vec::new(); self.products.len()];
        for (row, order) in (0u32..).zip(&self.orders) {
            if let Some(group) = groups.get_mut(order.product as usize) {
                group.push(row);
            }
        }
        groups
    }

    /// Rows of products.
    pub(super) fn product_rows(&self) -> impl Iterator<Item = (u32, &Product)> {
        (0u32..).zip(&self.products)
    }

    /// Name of a product.
    pub(super) fn product_name(&self, row: u32) -> &str {
        self.product_names.name(row)
    }

    /// Whether the system under test shows a table.
    pub(super) fn exposes(&self, table: Table) -> bool {
        !self.not_exposed.contains_key(&table)
    }

    /// Whether the rows of the final state are all there: the history was closed in order, after they were read.
    pub(super) fn final_state_is_whole(&self) -> bool {
        self.read_error.is_none()
            && !self.phases.reading_failed
            && self.ended.is_some_and(|interrupted| !interrupted || self.phases.verify_ended)
    }

    /// Whether the pipeline came to rest before its final state was read.
    pub(super) fn drained(&self) -> bool {
        matches!(self.phases.drained, Some((_, true, _)))
    }

    /// What the harness lacked, in words, when it lacked anything: what came too late, or not at all, may then be its own doing.
    pub(super) fn harness_fell_short(&self) -> Option<String> {
        let of_harness = self.shortage.as_ref().map(|seen| format!("at {} {}", seconds(seen.first), seen.shortage));
        of_harness.or_else(|| {
            self.attempts.unsent_because.as_ref().map(|why| format!("{} attempts were never sent: {why}", self.attempts.unsent))
        })
    }

    /// Whether the drain was given up after nothing at all had been under way for so long: no message, no row of the outbox. What has not
    /// come by then will not come any more.
    pub(super) fn idled_for(&self, bound: Micros) -> bool {
        let Some((given_up, false, _)) = self.phases.drained else { return false };
        if self.harness_fell_short().is_some() {
            return false;
        }
        let healed = self.faults.iter().filter_map(|(_, fault)| fault.healed).max().unwrap_or(0);
        let since = self.phases.idle_since.zip(self.phases.load_ended).map(|(idle, load)| idle.max(load).max(healed));
        self.residual.is_empty() && since.is_some_and(|since| given_up.saturating_sub(since) >= bound)
    }

    /// When a production may first have been applied: no earlier than the first refusal that it was created for was sent.
    ///
    /// `None` means that no such bound is known (its creator cannot be told), so it may have been applied at any time.
    pub(super) fn earliest_refusals(&self) -> Vec<Option<Micros>> {
        let mut earliest: Vec<Option<Micros>> = vec![None; self.productions.len()];
        // Refusals that may have created any production of their product, because they name none or nobody knows what became of them.
        let mut unattributed: Vec<Option<Micros>> = vec![None; self.products.len()];
        let ledger_tells = self.exposes(Table::Ledger) && self.final_state_is_whole();
        for order in &self.orders {
            if let Some(earliest) = earliest.get_mut(order.production as usize) {
                *earliest = Some(earliest.map_or(order.first_invoke, |at| at.min(order.first_invoke)));
                continue;
            }
            let may_have_been_refused = order.ledger_refused > 0 || order.is(flag::REFUSED) || (!ledger_tells && order.is(flag::INFO));
            if may_have_been_refused && let Some(at) = unattributed.get_mut(order.product as usize) {
                *at = Some(at.map_or(order.first_invoke, |at| at.min(order.first_invoke)));
            }
        }
        for (order, production, _) in &self.second_promises {
            let at = self.orders[*order as usize].first_invoke;
            if let Some(earliest) = earliest.get_mut(*production as usize) {
                *earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
            }
        }
        for (production, earliest) in self.productions.iter().zip(&mut earliest) {
            // A refusal that is only in the ledger has no time: then nothing is known.
            *earliest = earliest.map(|at| if at == NEVER { 0 } else { at });
            if let Some(other) = unattributed.get(production.product as usize).copied().flatten() {
                *earliest = earliest.map(|at| at.min(if other == NEVER { 0 } else { other }));
            }
        }
        earliest
    }
}
