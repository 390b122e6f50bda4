//! What may happen next, and what it does.

mod behind;
mod front;

use crate::scope::Scope;
use crate::world::{Stage, World};

/// How a call ends for the one who makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Luck {
    /// It takes effect, and the answer comes.
    Well,
    /// It takes effect, and the answer is lost.
    AnswerLost,
    /// It is refused, and has no effect.
    Refused,
    /// It takes effect twice, and the answer comes.
    Twice,
    /// The answer comes, and it has no effect.
    Swallowed,
}

/// One thing that happens. The numbers are places in the [`World`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Happening {
    /// A buyer sends (again).
    Send(usize),
    /// A buyer's request reaches the shop and is decided; the answer gets through, or not.
    Decide {
        /// The buyer.
        buyer: usize,
        /// Whether the answer gets through.
        heard: bool,
    },
    /// A stock that was read is written back (in a design that does so).
    WriteBack(usize),
    /// A message is published behind the commit (in a design that does so).
    PublishBehind(usize),
    /// The process dies that had something half done.
    Forget(usize),
    /// A relay claims the oldest message.
    Claim(usize),
    /// A relay publishes what it has claimed.
    Publish(usize, Luck),
    /// A relay notes what became of it.
    Settle(usize),
    /// A relay dies.
    RelayDies(usize),
    /// A claim lapses.
    ClaimLapses(usize),
    /// A worker of a queue receives a message.
    Receive(usize, usize),
    /// A worker does what the message asks for.
    Work(usize, usize, Luck),
    /// A worker records that it is done.
    Record(usize, usize),
    /// A worker deletes the message.
    Delete(usize, usize),
    /// A worker dies.
    WorkerDies(usize, usize),
    /// A message that was received can be received again.
    Reappear(usize, usize),
    /// A dead letter is moved back.
    Redrive(usize, usize),
    /// The factory has made an order; fewer pieces than were asked for, when it comes short.
    Produce {
        /// The order.
        order: usize,
        /// One piece is missing.
        short: bool,
    },
    /// The factory forgets an order.
    OrderForgotten(usize),
    /// The factory reports; its call is answered, or the answer is lost and it reports again.
    Report {
        /// The report.
        report: usize,
        /// Whether the answer gets through.
        answered: bool,
    },
    /// The factory gives up reporting.
    ReportForgotten(usize),
    /// Nothing was heard of a production for so long that it is requested again.
    RequestAgain(usize),
}

/// Everything that may happen now.
pub fn possible(scope: &Scope, world: &World, happenings: &mut Vec<Happening>) {
    front::possible(scope, world, happenings);
    behind::possible(scope, world, happenings);
}

/// Makes it happen.
pub fn happen(scope: &Scope, world: &mut World, happening: Happening) {
    use Happening as H;
    match happening {
        H::Send(_) | H::Decide { .. } | H::WriteBack(_) | H::PublishBehind(_) | H::Forget(_) => front::buy(scope, world, happening),
        H::Claim(_) | H::Publish(..) | H::Settle(_) | H::RelayDies(_) | H::ClaimLapses(_) => front::relay(scope, world, happening),
        H::Receive(..) | H::Work(..) | H::Record(..) | H::Delete(..) | H::WorkerDies(..) | H::Reappear(..) | H::Redrive(..) => {
            behind::consume(scope, world, happening);
        }
        H::Produce { .. } | H::OrderForgotten(_) | H::Report { .. } | H::ReportForgotten(_) | H::RequestAgain(_) => {
            behind::supply(scope, world, happening);
        }
    }
}

/// Whether nobody moves and nothing waits, anywhere behind the sale.
#[must_use]
pub fn at_rest(world: &World) -> bool {
    let queues_empty =
        world.queues.iter().all(|queue| queue.messages.is_empty() && queue.dead.is_empty() && queue.workers.iter().all(Option::is_none));
    let relays_idle = world.relays.iter().all(|relay| *relay == crate::world::Relay::Idle);
    let factory_idle = world.factory.orders.is_empty() && world.factory.reports.is_empty();
    world.half_done.is_empty() && world.shop.outbox.is_empty() && queues_empty && relays_idle && factory_idle
}

/// What a worker does next, when nothing goes wrong.
pub(crate) fn next_step(queue: usize, worker: usize, stage: Stage) -> Happening {
    match stage {
        Stage::Received => Happening::Work(queue, worker, Luck::Well),
        Stage::Done => Happening::Record(queue, worker),
        Stage::Recorded => Happening::Delete(queue, worker),
    }
}
