//! What must be true at every moment, and what must be true once everything has come to rest.

use reference::store::ProductionState;

use crate::calm;
use crate::scope::Scope;
use crate::world::{Consumer, Message, World};

/// Whether a promise holds at a moment.
type Holds = fn(&Scope, &World) -> bool;

/// The promises, in the words of the properties that the harness proves of a run.
pub const PROMISES: [(&str, Holds); 10] = [
    ("no order is lost", no_order_is_lost),
    ("no order is there twice, and nobody hears two answers", no_order_is_there_twice),
    ("the stock adds up and is never below zero", the_stock_adds_up),
    ("each production and each event takes effect once", everything_takes_effect_once),
    ("one production is requested at a time, and one gathers", one_production_at_a_time),
    ("every refusal is covered", every_refusal_is_covered),
    ("every event is done, or somewhere on its way", every_event_is_somewhere),
    ("every episode is mailed, or somewhere on its way", every_episode_is_somewhere),
    ("the factory is asked for no more than is missing", the_factory_is_not_overrun),
    ("from here everything comes to rest, all promises kept", everything_comes_to_rest),
];

fn no_order_is_lost(_: &Scope, world: &World) -> bool {
    world.buyers.iter().enumerate().all(|(place, buyer)| {
        buyer.heard.is_none_or(|heard| {
            let same = |row: &crate::shop::Row| row.buyer == place && row.sold == heard.sold && row.production == heard.production;
            world.shop.ledger.iter().any(same)
        })
    })
}

fn no_order_is_there_twice(_: &Scope, world: &World) -> bool {
    let rows = |place: usize| world.shop.ledger.iter().filter(|row| row.buyer == place).count();
    world.buyers.iter().enumerate().all(|(place, buyer)| !buyer.contradicted && rows(place) <= 1)
}

fn the_stock_adds_up(_: &Scope, world: &World) -> bool {
    let shop = &world.shop;
    let sold: i64 = shop.ledger.iter().filter(|row| row.sold).map(|row| row.quantity).sum();
    shop.stock >= 0 && shop.initial + shop.raised - sold == shop.stock
}

fn everything_takes_effect_once(_: &Scope, world: &World) -> bool {
    world.shop.productions.iter().all(|production| production.applied <= 1) && world.shop.operations.iter().all(|times| *times <= 1)
}

fn one_production_at_a_time(_: &Scope, world: &World) -> bool {
    let count = |state| world.shop.productions.iter().filter(|production| production.state == state).count();
    count(ProductionState::Requested) <= 1 && count(ProductionState::Gathering) <= 1
}

fn every_refusal_is_covered(_: &Scope, world: &World) -> bool {
    let shop = &world.shop;
    let named = shop.ledger.iter().filter(|row| !row.sold).all(|row| row.production.is_some_and(|place| place < shop.productions.len()));
    let missing: i64 = shop.ledger.iter().map(|row| row.shortage).sum();
    let open = shop.productions.iter().filter(|production| production.state != ProductionState::Applied);
    let to_come: i64 = open.map(|production| production.quantity).sum();
    named && shop.raised + to_come >= missing
}

/// Whether a message that fits is in the outbox, in a relay's hands, in the consumer's queue or among its dead letters.
fn is_somewhere(world: &World, consumer: Consumer, fits: impl Fn(Message) -> bool) -> bool {
    let queue = Consumer::ALL.iter().position(|known| *known == consumer).map(|place| &world.queues[place]);
    let queued = queue.is_some_and(|queue| queue.messages.iter().map(|queued| queued.message).chain(queue.dead.iter().copied()).any(&fits));
    queued || world.shop.outbox.iter().any(|row| fits(row.message))
}

fn every_event_is_somewhere(scope: &Scope, world: &World) -> bool {
    !scope.consumers.operations
        || (0..world.shop.ledger.len())
            .all(|row| world.shop.operations[row] > 0 || is_somewhere(world, Consumer::Operations, |message| message == Message::Sale(row)))
}

fn every_episode_is_somewhere(scope: &Scope, world: &World) -> bool {
    let about = |wanted: usize| move |message: Message| matches!(message, Message::Request { episode, .. } if episode == wanted);
    !scope.consumers.advertising
        || scope.hard_loss
        || (0..world.shop.episodes.len())
            .all(|episode| world.shop.episodes[episode].noted || is_somewhere(world, Consumer::Advertising, about(episode)))
}

fn the_factory_is_not_overrun(scope: &Scope, world: &World) -> bool {
    let asked = |production: usize| scope.edition.pieces_to_ask(world.shop.productions[production].quantity);
    world.factory.orders.iter().all(|(production, pieces)| *pieces <= asked(*production))
}

fn everything_comes_to_rest(scope: &Scope, world: &World) -> bool {
    let Some(rest) = calm::until_rest(scope, world) else { return false };
    let goods = !scope.consumers.replenish || !rest.shop.has_open_production();
    let news = !scope.consumers.operations || rest.shop.operations.iter().all(|times| *times == 1);
    let ads = !scope.consumers.advertising || rest.shop.episodes.iter().all(|episode| episode.mails > 0);
    let rest_keeps = PROMISES[..PROMISES.len() - 1].iter().all(|(_, holds)| holds(scope, &rest));
    goods && news && ads && rest_keeps
}
