//! From any moment to rest, when nothing goes wrong any more.
//!
//! Exploring shows what can happen while faults last; this shows that the design always finds its way back: from *every* moment that was
//! explored, everybody who can do something does it, until nobody can.

use reference::store::ProductionState;

use crate::happenings::{self, Happening, Luck, at_rest, next_step};
use crate::scope::{Part, Scope};
use crate::world::{HalfDone, Relay, World};

/// More steps than any of the worlds needs; a design that needs more goes round in circles.
const MOST_STEPS: usize = 400;

/// What became of it.
#[must_use]
pub fn until_rest(scope: &Scope, world: &World) -> Option<World> {
    let mut world = world.clone();
    for _ in 0..MOST_STEPS {
        match next(scope, &world) {
            Some(happening) => happenings::happen(scope, &mut world, happening),
            None => return at_rest(&world).then_some(world),
        }
    }
    None
}

/// What is done next, by somebody.
fn next(scope: &Scope, world: &World) -> Option<Happening> {
    if let Some(half_done) = world.half_done.first() {
        return Some(match half_done {
            HalfDone::Read { .. } => Happening::WriteBack(0),
            HalfDone::Unpublished(_) => Happening::PublishBehind(0),
        });
    }
    relaying(world).or_else(|| consuming(world)).or_else(|| supplying(scope, world))
}

fn relaying(world: &World) -> Option<Happening> {
    for (place, relay) in world.relays.iter().enumerate() {
        match relay {
            Relay::Idle => {}
            Relay::Claimed { .. } => return Some(Happening::Publish(place, Luck::Well)),
            Relay::Tried { .. } => return Some(Happening::Settle(place)),
        }
    }
    if let Some(row) = world.shop.outbox.iter().position(|row| row.leased) {
        return Some(Happening::ClaimLapses(row));
    }
    (!world.shop.outbox.is_empty()).then_some(Happening::Claim(0))
}

fn consuming(world: &World) -> Option<Happening> {
    for (place, queue) in world.queues.iter().enumerate() {
        if let Some((worker, (_, _, stage))) = queue.workers.iter().enumerate().find_map(|(worker, hand)| Some((worker, (*hand)?))) {
            return Some(next_step(place, worker, stage));
        }
        if let Some(message) = queue.messages.iter().position(|message| message.hidden) {
            return Some(Happening::Reappear(place, message));
        }
        if !queue.messages.is_empty() {
            return Some(Happening::Receive(place, 0));
        }
        if !queue.dead.is_empty() {
            return Some(Happening::Redrive(place, 0));
        }
    }
    None
}

fn supplying(scope: &Scope, world: &World) -> Option<Happening> {
    if !world.factory.orders.is_empty() {
        return Some(Happening::Produce { order: 0, short: false });
    }
    if !world.factory.reports.is_empty() {
        return Some(Happening::Report { report: 0, answered: true });
    }
    // Nobody works on it any more, so nothing will ever be heard of it.
    let requested = world.shop.productions.iter().position(|production| production.state == ProductionState::Requested)?;
    (scope.consumers.replenish && scope.has(Part::Rerequest)).then_some(Happening::RequestAgain(requested))
}
