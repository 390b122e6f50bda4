//! The design of the pipeline as a state machine, explored in **all** interleavings up to a stated bound.
//!
//! Tests run the pipeline in the orders that happen to happen. This model runs its design in every order that can happen: buyers who repeat
//! themselves, relays and consumers that die between any two steps, a network that loses answers, a topic that delivers twice, queues that
//! deliver again and in any order, a factory that forgets. What the stages *decide* is not written again: the model calls
//! [`reference::decisions`], the functions that the stages call.
//!
//! * [`world`] everything that there is: buyers, database, relays, queues, workers, factory
//! * [`shop`] the database's transactions, each of which happens at once or not at all
//! * [`happenings`] what may happen next, and what it does
//! * [`promises`] what must be true at every moment, and what must be true once everything has come to rest
//! * [`calm`] the way from any moment to rest, when nothing goes wrong any more
//! * [`scope`] how large the world is; which part of the design is taken away to see that the model misses it
//!
//! `docs/model.md` says what was explored, how many states that were, and what the model leaves out.

pub mod calm;
pub mod happenings;
pub mod promises;
pub mod scope;
pub mod shop;
pub mod world;

use stateright::{Model, Property};

use happenings::Happening;
use promises::PROMISES;
use scope::Scope;
use world::World;

impl Model for Scope {
    type State = World;
    type Action = Happening;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, happenings: &mut Vec<Happening>) {
        happenings::possible(self, world, happenings);
    }

    fn next_state(&self, world: &World, happening: Happening) -> Option<World> {
        let mut next = world.clone();
        happenings::happen(self, &mut next, happening);
        next.order();
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let promises = PROMISES.iter().map(|(name, holds)| Property::<Self>::always(name, *holds));
        let sights = self.sights().into_iter().map(|(name, seen)| Property::<Self>::sometimes(name, seen));
        promises.chain(sights).collect()
    }
}
