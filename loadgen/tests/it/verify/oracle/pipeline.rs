//! What must have happened behind the sale.

use std::collections::BTreeSet;

use loadgen::history::event::{BusinessIds, Event, FaultState, Final, Published};
use loadgen::verify::Expectations;
use loadgen::verify::expectations::{Consumer, RecordedBy};

use super::facts::{Facts, Order};
use super::{Opinion, opinion};

fn id_by(recorded_by: RecordedBy, ids: &BusinessIds) -> Option<&str> {
    match recorded_by {
        RecordedBy::Message => ids.message.as_deref(),
        RecordedBy::Order => ids.order.as_deref(),
        RecordedBy::Production => ids.production.as_deref(),
        RecordedBy::Episode => ids.episode.as_deref(),
    }
}

/// A letter in a dead-letter queue, and whose queue that is.
struct Letter<'a> {
    ids: &'a BusinessIds,
    poison: bool,
    owner: Option<&'a Consumer>,
}

impl<'a> Letter<'a> {
    fn all(facts: &Facts<'a>, expectations: &'a Expectations) -> Vec<Self> {
        let letter = |row: &&'a Final| match row {
            Final::DeadLetter { queue, ids, poison, .. } => {
                Some(Self { ids, poison: *poison, owner: expectations.consumers.iter().find(|owner| owner.dead_letter_queue == *queue) })
            }
            _ => None,
        };
        facts.finals.iter().filter_map(letter).collect()
    }

    /// The id under which its owner would have recorded it.
    fn id(&self) -> Option<&'a str> {
        self.owner.and_then(|owner| id_by(owner.recorded_by, self.ids)).or(self.ids.message.as_deref())
    }

    fn is_on_the_way_of_goods(&self) -> bool {
        self.owner.is_none_or(|owner| owner.recorded_by == RecordedBy::Production)
    }
}

fn was_refused(order: &Order<'_>) -> bool {
    let refused = !order.answered_sold_out().is_empty() || !order.refused_rows().is_empty();
    let sold = !order.answered_sold().is_empty() || !order.sold_rows().is_empty();
    refused && !sold && !order.is_meaningless()
}

/// Pieces that were missing at the very least when it was refused.
fn lacked(order: &Order<'_>) -> i64 {
    let stock = order.deciding_answer().and_then(|(_, complete)| complete.stock);
    stock.map_or(1, |stock| (order.wants().1 - stock.max(0)).max(1))
}

/// A production's own row: quantity, shortage. The last one, should there be several.
fn production_row(facts: &Facts<'_>, wanted: &str) -> Option<(i64, i64)> {
    facts.finals.iter().rev().find_map(|row| match row {
        Final::Production { production, quantity, shortage, .. } if production == wanted => Some((*quantity as i64, *shortage as i64)),
        _ => None,
    })
}

pub(super) fn promises_are_kept(facts: &Facts<'_>, expectations: &Expectations) -> Opinion {
    let residue =
        |row: &&Final| matches!(row, Final::Queue(queue) if !queue.dead_letter && queue.visible + queue.in_flight + queue.delayed > 0);
    let idled_away = !facts.finals.iter().any(residue) && super::recovery::idled_away(facts, expectations.recovery_bound);
    let refused: Vec<&Order<'_>> = facts.orders.iter().filter(|order| was_refused(order)).collect();
    let by_name = refused.iter().any(|order| order.promised().is_some());
    let shown = ["promises", "restocks", "dead_letters"].iter().all(|table| facts.shows(table)) && (!by_name || facts.shows("productions"));
    if !shown || !(facts.at_rest || (facts.whole && idled_away)) {
        return Opinion::Open;
    }
    let letters = Letter::all(facts, expectations);
    let arrives = |production: &str| {
        let arrived = facts.restocks().iter().any(|(restocked, ..)| *restocked == production);
        arrived || letters.iter().any(|letter| letter.is_on_the_way_of_goods() && letter.ids.production.as_deref() == Some(production))
    };
    // Whatever any buyer was told counts, be it a second answer to the same order.
    let told = refused.iter().flat_map(|order| {
        order.answered_sold_out().into_iter().filter_map(|(_, complete)| complete.production.as_deref()).collect::<Vec<_>>()
    });
    let mut wrong = told.into_iter().any(|production| !arrives(production));
    let mut known = true;
    let promised: BTreeSet<&str> = refused.iter().filter_map(|order| order.promised()).collect();
    let mut owed: Vec<(&str, i64)> = Vec::new();
    for production in promised {
        let pieces: i64 = refused.iter().filter(|order| order.promised() == Some(production)).map(|order| lacked(order)).sum();
        wrong |= !arrives(production);
        wrong |= production_row(facts, production).is_some_and(|(_, shortage)| shortage < pieces);
        if facts.restocks().iter().any(|(restocked, ..)| *restocked == production) {
            owed.extend(facts.product_of(production).map(|product| (product, pieces)));
        }
    }
    let nameless = refused.iter().filter(|order| order.promised().is_none() && !order.answered_sold_out().is_empty());
    owed.extend(nameless.map(|order| (order.wants().0, lacked(order))));
    for product in facts.products() {
        let sum: i64 = owed.iter().filter(|(of, _)| *of == product).map(|(_, pieces)| pieces).sum();
        if sum > facts.restocked(product) {
            let excuse = |letter: &Letter<'_>| letter.is_on_the_way_of_goods() && letter.ids.production.is_none() && !letter.poison;
            if letters.iter().any(excuse) { known = false } else { wrong = true }
        }
    }
    opinion(wrong, known)
}

pub(super) fn messages_are_done_or_captured(facts: &Facts<'_>, expectations: &Expectations) -> Opinion {
    let letters = Letter::all(facts, expectations);
    let mut wrong = false;
    if facts.whole && facts.shows("dead_letters") {
        let left =
            |row: &&Final| matches!(row, Final::Queue(queue) if !queue.dead_letter && queue.visible + queue.in_flight + queue.delayed > 0);
        wrong |= facts.at_rest && facts.finals.iter().any(left);
        wrong |= expectations.dead_letters_redriven && letters.iter().any(|letter| !letter.poison);
        wrong |= poison_is_lost(facts, expectations, &letters);
    }
    if !facts.at_rest || !["topics", "receipts", "dead_letters"].iter().all(|table| facts.shows(table)) {
        return opinion(wrong, false);
    }
    let published: Vec<&Published> =
        facts.lines.iter().filter_map(|line| if let Event::Published(published) = &line.event { Some(published) } else { None }).collect();
    let decided = facts.orders.iter().any(|order| order.deciding_answer().is_some());
    let nothing_to_see = published.is_empty() && decided;
    let known = !nothing_to_see && !published.iter().any(|message| message.ids == BusinessIds::default());
    for consumer in &expectations.consumers {
        for message in published.iter().filter(|message| message.topic == consumer.topic) {
            let Some(id) = id_by(consumer.recorded_by, &message.ids) else { continue };
            let done =
                facts.finals.iter().any(|row| matches!(row, Final::Receipt { consumer: by, id: of } if *by == consumer.name && of == id));
            let captured = letters.iter().any(|letter| letter.owner == Some(consumer) && letter.id() == Some(id));
            wrong |= !done && !captured;
        }
    }
    opinion(wrong, known)
}

/// More poison was injected than can be found, dead letters without any id counting for one each.
fn poison_is_lost(facts: &Facts<'_>, expectations: &Expectations, letters: &[Letter<'_>]) -> bool {
    let poisons = |rule: &str| expectations.faults.iter().any(|fault| fault.poison && fault.rule == rule);
    let injected = facts.lines.iter().filter_map(|line| match &line.event {
        Event::Fault(mark) if mark.state == FaultState::Fired && poisons(&mark.rule) => Some(mark.ids.message.as_deref()),
        _ => None,
    });
    let found = |id: &str| letters.iter().any(|letter| letter.ids.message.as_deref() == Some(id) || letter.id() == Some(id));
    let lost = injected.filter(|id| !id.is_some_and(found)).count();
    lost > letters.iter().filter(|letter| letter.poison && letter.id().is_none()).count()
}

pub(super) fn everything_takes_effect_once(facts: &Facts<'_>) -> Opinion {
    let restocks = facts.restocks();
    let productions_known = facts.whole && facts.shows("productions");
    let mut wrong = false;
    let rows = |wanted: &str| {
        facts.finals.iter().filter(|row| matches!(row, Final::Production { production, .. } if production == wanted)).count()
    };
    for row in &facts.finals {
        if let Final::Production { production, .. } = row {
            wrong |= rows(production) > 1;
        }
    }
    for (production, product, pieces) in &restocks {
        wrong |= restocks.iter().filter(|(other, ..)| other == production).count() > 1;
        wrong |= production_row(facts, production).is_some_and(|(quantity, _)| *pieces > quantity);
        wrong |= facts.product_of(production) != Some(product);
        wrong |= productions_known && rows(production) == 0;
    }
    let told = operations(facts);
    wrong |= told.iter().enumerate().any(|(place, (order, _))| told[..place].iter().any(|(before, _)| before == order));
    opinion(wrong, facts.at_rest && ["restocks", "restock_ledger", "productions"].iter().all(|table| facts.shows(table)))
}

/// What the operations team has: order, sold.
fn operations<'a>(facts: &Facts<'a>) -> Vec<(&'a str, bool)> {
    let row = |row: &&'a Final| if let Final::Operation { order, sold } = row { Some((order.as_str(), *sold)) } else { None };
    facts.finals.iter().filter_map(row).collect()
}

/// One call in the factory's own log.
struct Call<'a> {
    production: Option<&'a str>,
    product: &'a str,
    quantity: i64,
    received: u64,
    answered: Option<u64>,
    accepted: bool,
    produced: Option<u64>,
    callbacks: u32,
}

fn calls<'a>(facts: &Facts<'a>) -> Vec<Call<'a>> {
    let call = |row: &&'a Final| match row {
        Final::FactoryCall { production, product, quantity, received_unix_us, answered_unix_us, accepted, produced_unix_us, callbacks } => {
            Some(Call {
                production: production.as_deref(),
                product,
                quantity: *quantity as i64,
                received: *received_unix_us,
                answered: *answered_unix_us,
                accepted: *accepted,
                produced: *produced_unix_us,
                callbacks: *callbacks,
            })
        }
        _ => None,
    };
    facts.finals.iter().filter_map(call).collect()
}

/// How many of these were under way at the worst moment, which is one at which another began. One of no length is there at its instant.
fn most_together(spans: &[(u64, u64)]) -> u64 {
    let covers = |(from, to): &(u64, u64), at: u64| *from <= at && (*to > at || (to <= from && *from == at));
    spans.iter().map(|(at, _)| spans.iter().filter(|span| covers(span, *at)).count() as u64).max().unwrap_or(0)
}

pub(super) fn the_factory_bears_it(facts: &Facts<'_>) -> Opinion {
    let limits = facts.finals.iter().rev().find_map(|row| match row {
        Final::FactoryLimits { capacity, open_per_product, pieces_per_shortage } => {
            Some((*capacity, *open_per_product, *pieces_per_shortage as i64))
        }
        _ => None,
    });
    let Some((capacity, open_per_product, pieces_per_shortage)) = limits.filter(|_| facts.whole && facts.shows("factory")) else {
        return Opinion::Open;
    };
    let calls = calls(facts);
    let in_flight: Vec<(u64, u64)> = calls.iter().map(|call| (call.received, call.answered.unwrap_or(call.received))).collect();
    let mut wrong = most_together(&in_flight) > capacity;
    let mut known = !calls.is_empty() || facts.restocks().is_empty();
    for product in facts.products() {
        wrong |= most_together(&open_orders(&calls, product)) > open_per_product;
    }
    if facts.at_rest && facts.shows("restocks") {
        wrong |= facts.products().into_iter().any(|product| too_much_was_made(facts, &calls, product, pieces_per_shortage));
    } else {
        known = false;
    }
    opinion(wrong, known)
}

/// From the first call for a production until its goods were ready; for ever when they never were, an instant when nobody knows.
fn open_orders(calls: &[Call<'_>], product: &str) -> Vec<(u64, u64)> {
    let accepted: Vec<&Call<'_>> = calls.iter().filter(|call| call.accepted).collect();
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for (place, call) in accepted.iter().enumerate() {
        let Some(production) = call.production else {
            if call.product == product {
                spans.push((call.received, call.produced.unwrap_or(call.received)));
            }
            continue;
        };
        let same: Vec<&&Call<'_>> = accepted.iter().filter(|other| other.production == Some(production)).collect();
        let is_first = !accepted[..place].iter().any(|other| other.production == Some(production));
        if !is_first || call.product != product {
            continue;
        }
        let from = same.iter().map(|call| call.received).min().unwrap();
        let end_unknown = same.iter().any(|call| call.produced.is_none() && call.callbacks > 0);
        let ready = same.iter().filter_map(|call| call.produced).min();
        spans.push((from, if end_unknown { from } else { ready.unwrap_or(u64::MAX) }));
    }
    spans
}

fn too_much_was_made(facts: &Facts<'_>, calls: &[Call<'_>], product: &str, pieces_per_shortage: i64) -> bool {
    let missing = |order: &&Order<'_>| {
        let refused = !order.answered_sold_out().is_empty() || !order.refused_rows().is_empty();
        order.wants().0 == product && (refused || (order.has_unknown_attempt() && !facts.shows("ledger")))
    };
    let shortage: i64 = facts.orders.iter().filter(missing).map(|order| order.wants().1).sum();
    let accepted: Vec<&Call<'_>> = calls.iter().filter(|call| call.accepted).collect();
    let arrived = |production: &str| facts.restocks().iter().any(|(restocked, ..)| *restocked == production);
    let still_to_come: BTreeSet<&str> =
        accepted.iter().filter_map(|call| call.production).filter(|production| !arrived(production)).collect();
    let asked = |production: &str| {
        // The largest call for it, the first of equals, says of which product and how many.
        let mut largest: Option<&&Call<'_>> = None;
        for call in accepted.iter().filter(|call| call.production == Some(production)) {
            if largest.is_none_or(|largest| call.quantity > largest.quantity) {
                largest = Some(call);
            }
        }
        largest.filter(|call| call.product == product).map_or(0, |call| call.quantity)
    };
    let made = facts.restocked(product) + still_to_come.into_iter().map(asked).sum::<i64>();
    let batch = if calls.is_empty() {
        let of_production = |wanted: &str| facts.restocks().iter().filter(|(of, ..)| *of == wanted).map(|(.., pieces)| pieces).sum::<i64>();
        let restocks = facts.restocks();
        let ours = restocks.iter().filter(|(production, ..)| facts.product_of(production) == Some(product));
        ours.map(|(production, ..)| of_production(production)).max().unwrap_or(0)
    } else {
        accepted.iter().filter(|call| call.product == product).map(|call| call.quantity).max().unwrap_or(0)
    };
    made > shortage * pieces_per_shortage + batch
}

pub(super) fn ads_are_stopped(facts: &Facts<'_>, most_per_episode: u64) -> Opinion {
    if !facts.at_rest || !facts.shows("mails") {
        return Opinion::Open;
    }
    let mails: Vec<(&str, Option<&str>)> = facts
        .finals
        .iter()
        .filter_map(|row| if let Final::Mail { product, episode, .. } = row { Some((product.as_str(), episode.as_deref())) } else { None })
        .collect();
    let named: BTreeSet<&str> = mails.iter().filter_map(|(_, episode)| *episode).collect();
    let mut wrong = named.iter().any(|episode| mails.iter().filter(|(_, of)| *of == Some(episode)).count() as u64 > most_per_episode);
    for product in facts.products() {
        let episodes: BTreeSet<&str> = facts
            .finals
            .iter()
            .filter_map(|row| match row {
                Final::Episode { episode, product: of } if of == product => Some(episode.as_str()),
                _ => None,
            })
            .collect();
        let unmailed = episodes.iter().filter(|episode| !mails.contains(&(product, Some(episode)))).count();
        let spare = mails.iter().filter(|mail| **mail == (product, None)).count();
        wrong |= unmailed > spare;
        let told_sold_out = facts.orders.iter().any(|order| {
            let sold = !order.answered_sold().is_empty();
            order.wants().0 == product && !order.answered_sold_out().is_empty() && !sold && !order.is_meaningless()
        });
        let shows_episodes = facts.shows("episodes");
        wrong |= told_sold_out && shows_episodes && episodes.is_empty();
        wrong |= told_sold_out && !shows_episodes && !mails.iter().any(|(of, _)| *of == product);
        wrong |= shows_episodes && spare as u64 > most_per_episode * (episodes.len() as u64).max(1);
    }
    opinion(wrong, true)
}

pub(super) fn operations_know(facts: &Facts<'_>, expectations: &Expectations) -> Opinion {
    if !facts.at_rest || !facts.shows("operations") {
        return Opinion::Open;
    }
    let letters = Letter::all(facts, expectations);
    let mut known = true;
    let mut expected: Vec<(&str, bool)> = Vec::new();
    if facts.shows("ledger") {
        let rows: Vec<_> = facts.orders.iter().flat_map(|order| &order.rows).collect();
        expected.extend(rows.iter().map(|row| (row.order, rows.iter().any(|other| other.order == row.order && other.sold))));
    } else {
        for order in &facts.orders {
            let Some((_, deciding)) = order.deciding_answer() else { continue };
            let mut answers: Vec<_> = order.answered_sold().into_iter().chain(order.answered_sold_out()).collect();
            answers.sort_by_key(|(at, _)| *at);
            match answers.iter().find_map(|(_, complete)| complete.order.as_deref()) {
                Some(id) => expected.push((id, deciding.outcome == loadgen::history::event::Outcome::Ok)),
                None => known = false,
            }
        }
    }
    let told = |id: &str, as_sold: bool| {
        facts.finals.iter().any(|row| matches!(row, Final::Operation { order, sold } if order == id && *sold == as_sold))
    };
    let captured = |id: &str| {
        let by_order =
            |letter: &&Letter<'_>| letter.owner.is_some_and(|owner| matches!(owner.recorded_by, RecordedBy::Message | RecordedBy::Order));
        letters.iter().filter(by_order).any(|letter| letter.ids.order.as_deref() == Some(id))
    };
    let unheard = expected.iter().any(|(id, sold)| !told(id, *sold) && !captured(id));
    // One that a buyer was told of is a lost order, and no mistake of who told operations.
    let answered =
        |id: &str| facts.lines.iter().any(|line| matches!(&line.event, Event::Complete(complete) if complete.order.as_deref() == Some(id)));
    let exists = |id: &str| expected.iter().any(|(known, _)| *known == id) || answered(id);
    let made_up = facts.shows("ledger") && operations(facts).iter().any(|(id, _)| !exists(id));
    opinion(unheard || made_up, known)
}
