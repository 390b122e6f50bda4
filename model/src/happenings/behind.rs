//! Queues, workers and the factory.

use http::StatusCode;
use reference::consumer::Handled;
use reference::decisions::{Next, Reply, Verdict, is_due, reply};
use reference::store::ProductionState;

use super::{Happening, Luck, next_step};
use crate::scope::{Part, Scope};
use crate::world::{Consumer, Message, Queue, Stage, World};

pub(super) fn possible(scope: &Scope, world: &World, happenings: &mut Vec<Happening>) {
    let fault = world.faults_left > 0;
    for (place, queue) in world.queues.iter().enumerate() {
        possible_in_queue(world, (place, queue), happenings);
    }
    for order in 0..world.factory.orders.len() {
        happenings.push(Happening::Produce { order, short: false });
        if fault {
            happenings.extend([Happening::Produce { order, short: true }, Happening::OrderForgotten(order)]);
        }
    }
    for report in 0..world.factory.reports.len() {
        happenings.push(Happening::Report { report, answered: true });
        if fault {
            happenings.extend([Happening::Report { report, answered: false }, Happening::ReportForgotten(report)]);
        }
    }
    for (place, production) in world.shop.productions.iter().enumerate() {
        if may_be_requested_again(scope, world, place) && production.requests < scope.requests {
            happenings.push(Happening::RequestAgain(place));
        }
    }
}

/// Time enough may always have passed, whatever was requested before: the stages' own rule never ends the asking.
pub(crate) fn may_be_requested_again(scope: &Scope, world: &World, production: usize) -> bool {
    let production = &world.shop.productions[production];
    let due = is_due(i64::MAX, 0, i64::from(production.requests), 1);
    scope.has(Part::Rerequest) && scope.consumers.replenish && production.state == ProductionState::Requested && due
}

fn possible_in_queue(world: &World, (place, queue): (usize, &Queue), happenings: &mut Vec<Happening>) {
    let fault = world.faults_left > 0;
    // Idle workers are alike, and so are equal messages.
    let idle = queue.workers.iter().position(Option::is_none);
    for (message, queued) in queue.messages.iter().enumerate() {
        let first_of_equals = message == 0 || queue.messages[message - 1] != *queued;
        if !queued.hidden && first_of_equals && idle.is_some() {
            happenings.push(Happening::Receive(place, message));
        }
        let held = queue.workers.iter().flatten().any(|(held, ..)| *held == queued.message);
        if queued.hidden && first_of_equals && (fault || !held) {
            happenings.push(Happening::Reappear(place, message));
        }
    }
    for (worker, hand) in queue.workers.iter().enumerate() {
        let Some((message, _, stage)) = hand else { continue };
        happenings.push(next_step(place, worker, *stage));
        if fault {
            happenings.push(Happening::WorkerDies(place, worker));
        }
        if fault && *stage == Stage::Received && calls_somebody(world, place, *message) {
            happenings.extend([Luck::AnswerLost, Luck::Refused].map(|luck| Happening::Work(place, worker, luck)));
        }
    }
    for letter in 0..queue.dead.len() {
        happenings.push(Happening::Redrive(place, letter));
    }
}

/// Whether the message's work is a call that can go wrong.
fn calls_somebody(world: &World, queue: usize, message: Message) -> bool {
    match (Consumer::ALL[queue], message) {
        (Consumer::Replenish, Message::Request { production, .. }) => world.shop.next_for(production) == Next::Order,
        (Consumer::Advertising, Message::Request { episode, .. }) => !world.shop.episodes[episode].noted,
        _ => false,
    }
}

pub(super) fn consume(scope: &Scope, world: &mut World, happening: Happening) {
    match happening {
        Happening::Receive(place, message) => receive(scope, &mut world.queues[place], message),
        Happening::Work(place, worker, luck) => {
            world.faults_left -= u8::from(luck != Luck::Well);
            work(scope, world, (place, worker), luck);
        }
        Happening::Record(place, worker) => {
            let Some((message, receives, _)) = world.queues[place].workers[worker] else { return };
            record(scope, world, Consumer::ALL[place], message);
            world.queues[place].workers[worker] = Some((message, receives, Stage::Recorded));
        }
        Happening::Delete(place, worker) => finish(&mut world.queues[place], worker, &Handled::Done),
        Happening::WorkerDies(place, worker) => {
            world.faults_left -= 1;
            world.queues[place].workers[worker] = None;
        }
        Happening::Reappear(place, message) => {
            let queue = &mut world.queues[place];
            let held = queue.workers.iter().flatten().any(|(held, ..)| *held == queue.messages[message].message);
            world.faults_left -= u8::from(held);
            queue.messages[message].hidden = false;
        }
        Happening::Redrive(place, letter) => {
            let queue = &mut world.queues[place];
            let message = queue.dead.remove(letter);
            queue.messages.push(crate::world::Queued { message, receives: 0, hidden: false });
        }
        _ => {}
    }
}

/// A message that was received too often goes to the dead letters instead.
fn receive(scope: &Scope, queue: &mut Queue, message: usize) {
    let queued = &mut queue.messages[message];
    if queued.receives >= scope.receives {
        let letter = queue.messages.remove(message);
        queue.dead.push(letter.message);
        return;
    }
    queued.receives += 1;
    queued.hidden = true;
    let hand = (queued.message, queued.receives, Stage::Received);
    if !scope.has(Part::EffectBeforeDelete) {
        queue.messages.remove(message);
    }
    if let Some(idle) = queue.workers.iter_mut().find(|hand| hand.is_none()) {
        *idle = Some(hand);
    }
}

/// Ends a worker's business with a message as the stages' own rule says.
fn finish(queue: &mut Queue, worker: usize, handled: &Handled) {
    let Some((message, receives, _)) = queue.workers[worker].take() else { return };
    // Whoever deletes or gives back means the delivery in its hands, which is one of those that are hidden, if any is.
    let of = |hidden: bool| move |queued: &crate::world::Queued| queued.message == message && queued.hidden == hidden;
    match reply(Some(handled), u32::from(receives)) {
        Reply::Delete => {
            let place = queue.messages.iter().position(of(true)).or_else(|| queue.messages.iter().position(of(false)));
            place.map(|place| queue.messages.remove(place));
        }
        Reply::Later | Reply::AtOnce => {
            if let Some(place) = queue.messages.iter().position(of(true)) {
                queue.messages[place].hidden = false;
            }
        }
    }
}

fn work(scope: &Scope, world: &mut World, (place, worker): (usize, usize), luck: Luck) {
    let Some((message, receives, _)) = world.queues[place].workers[worker] else { return };
    let retry = Handled::Retry { reason: String::new() };
    let stage = match (Consumer::ALL[place], message) {
        (Consumer::Replenish, Message::Request { production, .. }) => match world.shop.next_for(production) {
            Next::NothingToDo => Some(Stage::Recorded),
            Next::Wait => None,
            Next::Order => (ask_factory(scope, world, production, luck) == Verdict::Accepted).then_some(Stage::Done),
        },
        (Consumer::Advertising, Message::Request { episode, .. }) => {
            let episode = &mut world.shop.episodes[episode];
            match luck {
                _ if episode.noted => Some(Stage::Recorded),
                Luck::Refused => None,
                luck => {
                    episode.mails += 1;
                    (luck == Luck::Well).then_some(Stage::Done)
                }
            }
        }
        // Recording is the work.
        _ => Some(Stage::Done),
    };
    match stage {
        Some(stage) => world.queues[place].workers[worker] = Some((message, receives, stage)),
        None => finish(&mut world.queues[place], worker, &retry),
    }
}

fn ask_factory(scope: &Scope, world: &mut World, production: usize, luck: Luck) -> Verdict {
    if luck != Luck::Refused {
        let pieces = scope.edition.pieces_to_ask(world.shop.productions[production].quantity);
        world.factory.made_twice |= world.factory.orders.iter().chain(&world.factory.reports).any(|(known, _)| *known == production);
        world.factory.orders.push((production, pieces));
    }
    match luck {
        Luck::Refused => Verdict::of(StatusCode::SERVICE_UNAVAILABLE, ""),
        Luck::AnswerLost => Verdict::Unwell(String::new()),
        _ => Verdict::of(StatusCode::OK, ""),
    }
}

fn record(scope: &Scope, world: &mut World, consumer: Consumer, message: Message) {
    match (consumer, message) {
        (Consumer::Replenish, Message::Request { production, .. }) => world.shop.productions[production].accepted = true,
        (Consumer::Advertising, Message::Request { episode, .. }) => world.shop.episodes[episode].noted = true,
        (Consumer::Operations, Message::Sale(row)) => {
            let known = &mut world.shop.operations[row];
            *known = if scope.has(Part::Inbox) { 1 } else { *known + 1 };
        }
        _ => {}
    }
}

pub(super) fn supply(scope: &Scope, world: &mut World, happening: Happening) {
    match happening {
        Happening::Produce { order, short } => {
            world.faults_left -= u8::from(short);
            let (production, pieces) = world.factory.orders.remove(order);
            let made = pieces - i64::from(short);
            // Whoever made nothing has nothing to report.
            if made > 0 {
                world.factory.reports.push((production, made));
            }
        }
        Happening::OrderForgotten(order) => {
            world.faults_left -= 1;
            world.factory.orders.remove(order);
        }
        Happening::Report { report, answered } => {
            let (production, pieces) = world.factory.reports[report];
            world.shop.arrive(production, pieces, scope.edition, scope.has(Part::Inbox));
            if answered {
                world.factory.reports.remove(report);
            } else {
                world.faults_left -= 1;
            }
        }
        Happening::ReportForgotten(report) => {
            world.faults_left -= 1;
            world.factory.reports.remove(report);
        }
        Happening::RequestAgain(production) => world.shop.request_again(production),
        _ => {}
    }
}
