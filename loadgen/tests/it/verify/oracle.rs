//! A second opinion on every property: slow, written straight from the table of properties, and sharing no line with the checkers.
//!
//! It looks at all attempts for every order, at all orders for every instant and at all rows for every question, and keeps nothing compact:
//! what it says can be read off it. It must say the same as the checkers for every history, sound or damaged.

mod facts;
mod orders;
mod pipeline;
mod recovery;
mod stock;

use loadgen::history::event::Line;
use loadgen::verify::Expectations;
use loadgen::verify::property::Property;

use self::facts::Facts;

/// What the oracle says of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opinion {
    Right,
    Wrong,
    /// The history does not tell.
    Open,
}

/// Wrong whenever something certainly is; open when something is not known that might be wrong.
fn opinion(wrong: bool, known: bool) -> Opinion {
    match (wrong, known) {
        (true, _) => Opinion::Wrong,
        (false, true) => Opinion::Right,
        (false, false) => Opinion::Open,
    }
}

/// All properties, judged the slow way.
pub(crate) fn opinions(lines: &[Line], expectations: &Expectations) -> Vec<(Property, Opinion)> {
    let facts = Facts::of(lines);
    Property::ALL
        .into_iter()
        .map(|property| {
            let opinion = match property {
                Property::NoLostOrder => orders::none_is_lost(&facts),
                Property::NoPhantomSale => orders::none_is_a_phantom(&facts),
                Property::Conservation => stock::it_adds_up(&facts),
                Property::NoOverselling => stock::nothing_is_oversold(&facts),
                Property::NoWrongRefusal => stock::nobody_is_refused_wrongly(&facts),
                Property::EveryPromiseKept => pipeline::promises_are_kept(&facts, expectations),
                Property::DlqCapture => pipeline::messages_are_done_or_captured(&facts, expectations),
                Property::OneEffect => pipeline::everything_takes_effect_once(&facts),
                Property::FactoryNotOverrun => pipeline::the_factory_bears_it(&facts),
                Property::AdsStopped => pipeline::ads_are_stopped(&facts, expectations.max_mails_per_episode),
                Property::OperationsInformed => pipeline::operations_know(&facts, expectations),
                Property::RecoversInTime => recovery::it_recovers(&facts, expectations),
            };
            (property, opinion)
        })
        .collect()
}
