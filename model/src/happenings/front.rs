//! Buyers, sales and relays.

use reference::decisions::{Fate, fate};
use reference::messaging::FailureKind;

use super::{Happening, Luck};
use crate::scope::{Part, Scope};
use crate::shop::Row;
use crate::world::{Answer, HalfDone, Message, Relay, World};

pub(super) fn possible(scope: &Scope, world: &World, happenings: &mut Vec<Happening>) {
    let fault = world.faults_left > 0;
    for (place, buyer) in world.buyers.iter().enumerate() {
        if buyer.attempts_left > 0 && buyer.heard.is_none() {
            happenings.push(Happening::Send(place));
        }
        if buyer.under_way > 0 {
            happenings.push(Happening::Decide { buyer: place, heard: true });
            if fault {
                happenings.push(Happening::Decide { buyer: place, heard: false });
            }
        }
    }
    for (place, half_done) in world.half_done.iter().enumerate() {
        happenings.push(match half_done {
            HalfDone::Read { .. } => Happening::WriteBack(place),
            HalfDone::Unpublished(_) => Happening::PublishBehind(place),
        });
        if fault {
            happenings.push(Happening::Forget(place));
        }
    }
    possible_relaying(scope, world, happenings);
}

fn possible_relaying(scope: &Scope, world: &World, happenings: &mut Vec<Happening>) {
    let fault = world.faults_left > 0;
    // Idle relays are alike.
    if let Some(idle) = world.relays.iter().position(|relay| *relay == Relay::Idle)
        && world.shop.outbox.iter().any(|row| !row.leased)
    {
        happenings.push(Happening::Claim(idle));
    }
    for (place, relay) in world.relays.iter().enumerate() {
        match relay {
            Relay::Idle => continue,
            Relay::Claimed { message, .. } => {
                happenings.push(Happening::Publish(place, Luck::Well));
                if fault {
                    happenings.extend([Luck::AnswerLost, Luck::Refused, Luck::Twice].map(|luck| Happening::Publish(place, luck)));
                }
                if fault && scope.hard_loss && matches!(message, Message::Request { .. }) {
                    happenings.push(Happening::Publish(place, Luck::Swallowed));
                }
            }
            Relay::Tried { .. } => happenings.push(Happening::Settle(place)),
        }
        if fault {
            happenings.push(Happening::RelayDies(place));
        }
    }
    for (place, row) in world.shop.outbox.iter().enumerate() {
        let held = world.relays.iter().any(|relay| match relay {
            Relay::Idle => false,
            Relay::Claimed { row: held, .. } => *held == row.id,
            // A message that is kept until its lease ends is in nobody's hands any more.
            Relay::Tried { row: held, .. } => *held == row.id,
        });
        if row.leased && (fault || !held) {
            happenings.push(Happening::ClaimLapses(place));
        }
    }
}

pub(super) fn buy(scope: &Scope, world: &mut World, happening: Happening) {
    match happening {
        Happening::Send(place) => {
            world.buyers[place].attempts_left -= 1;
            world.buyers[place].under_way += 1;
        }
        Happening::Decide { buyer, heard } => {
            world.buyers[buyer].under_way -= 1;
            world.faults_left -= u8::from(!heard);
            if let Some(answer) = decide(scope, world, buyer).filter(|_| heard) {
                tell(world, buyer, answer);
            }
        }
        Happening::WriteBack(place) => {
            if let HalfDone::Read { buyer, stock } = world.half_done.remove(place) {
                let quantity = scope.buyers[buyer];
                world.shop.stock = stock - quantity;
                let answer = world.shop.record(Row { buyer, quantity, sold: true, production: None, shortage: 0 });
                tell(world, buyer, answer);
            }
        }
        Happening::PublishBehind(place) => {
            if let HalfDone::Unpublished(message) = world.half_done.remove(place) {
                world.publish(scope, message);
            }
        }
        Happening::Forget(place) => {
            world.faults_left -= 1;
            world.half_done.remove(place);
        }
        _ => {}
    }
}

/// The transaction of a purchase, with whatever the design lacks; nothing is answered yet by one that does it by halves.
fn decide(scope: &Scope, world: &mut World, buyer: usize) -> Option<Answer> {
    let earlier = world.shop.answered_before(buyer).filter(|_| scope.has(Part::IdempotencyKey));
    if earlier.is_some() {
        return earlier;
    }
    let quantity = scope.buyers[buyer];
    if !scope.has(Part::ConditionalDecrement) && world.shop.stock >= quantity {
        world.half_done.push(HalfDone::Read { buyer, stock: world.shop.stock });
        return None;
    }
    let answer = world.shop.purchase(buyer, quantity);
    if !scope.has(Part::Outbox) {
        let unpublished = world.shop.outbox.drain(..).map(|row| HalfDone::Unpublished(row.message));
        world.half_done.extend(unpublished);
    }
    Some(answer)
}

fn tell(world: &mut World, buyer: usize, answer: Answer) {
    let buyer = &mut world.buyers[buyer];
    buyer.contradicted |= buyer.heard.is_some_and(|heard| heard != answer);
    buyer.heard = Some(answer);
}

pub(super) fn relay(scope: &Scope, world: &mut World, happening: Happening) {
    match happening {
        Happening::Claim(place) => {
            let Some(oldest) = world.shop.outbox.iter_mut().find(|row| !row.leased) else { return };
            oldest.leased = true;
            oldest.claims += 1;
            let (row, message, claims) = (oldest.id, oldest.message, oldest.claims);
            world.relays[place] = Relay::Claimed { row, message, claims };
            if !scope.has(Part::PublishBeforeForget) {
                world.shop.outbox.retain(|other| other.id != row);
            }
        }
        Happening::Publish(place, luck) => {
            let Relay::Claimed { row, message, claims } = world.relays[place] else { return };
            world.faults_left -= u8::from(luck != Luck::Well);
            let copies = match luck {
                Luck::Well | Luck::AnswerLost => 1,
                Luck::Twice => 2,
                Luck::Refused | Luck::Swallowed => 0,
            };
            (0..copies).for_each(|_| world.publish(scope, message));
            let failure = match luck {
                Luck::AnswerLost => Some(FailureKind::NoAnswer),
                Luck::Refused => Some(FailureKind::Busy),
                _ => None,
            };
            world.relays[place] = Relay::Tried { row, fate: fate(failure, i64::from(claims)) };
        }
        Happening::Settle(place) => {
            let Relay::Tried { row, fate } = world.relays[place] else { return };
            world.relays[place] = Relay::Idle;
            match fate {
                Fate::Published => world.shop.outbox.retain(|other| other.id != row),
                Fate::Released => world.shop.outbox.iter_mut().filter(|other| other.id == row).for_each(|row| row.leased = false),
                Fate::Held => {}
            }
        }
        Happening::RelayDies(place) => {
            world.faults_left -= 1;
            world.relays[place] = Relay::Idle;
        }
        Happening::ClaimLapses(place) => {
            let row = world.shop.outbox[place].id;
            let held = |relay: &Relay| matches!(relay, Relay::Claimed { row: held, .. } | Relay::Tried { row: held, .. } if *held == row);
            world.faults_left -= u8::from(world.relays.iter().any(held));
            world.shop.outbox[place].leased = false;
        }
        _ => {}
    }
}
