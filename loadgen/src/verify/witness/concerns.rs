//! What a line is about: the names in it by which it belongs to somebody's path.

use crate::history::event::{BusinessIds, Event, Final};
use crate::verify::fingerprint::Kind;

/// One thing that a line concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concern<'a> {
    /// A thing with an id.
    Id(Kind, &'a str),
    /// The attempt of that number.
    Attempt(u64),
    /// The order that is nothing but the attempt of that number.
    Keyless(u64),
    /// The order of a key that was used again for another product or quantity: key, product, quantity, attempt.
    OtherBody(&'a str, &'a str, u64, u64),
    /// A product, by name; only within the window of time that a finding asks for.
    Product(&'a str),
    /// A queue.
    Queue(&'a str),
    /// The run as a whole.
    Run,
}

/// What an id on a hop may be: which one, only the hop's two ends know.
const PASSING: [Kind; 3] = [Kind::Key, Kind::Message, Kind::Production];

/// Everything that a line concerns. Empty for most.
pub(super) fn concerns(event: &Event) -> Vec<Concern<'_>> {
    use Concern::{Attempt, Id, Keyless, Product, Queue, Run};
    match event {
        Event::Header(header) => header.initial_stock.iter().map(|(product, _)| Product(product)).collect(),
        Event::Opening { stock } => stock.iter().map(|(product, _)| Product(product)).collect(),
        Event::Merged(_) | Event::Phase(_) | Event::Role(_) | Event::Shortage(_) | Event::Ended { .. } => vec![Run],
        Event::Stage { .. } | Event::Lateness(_) => Vec::new(),
        Event::Passed(passed) => passed.ids.iter().flat_map(|id| PASSING.map(|kind| Id(kind, id))).collect(),
        Event::Invoke(invoke) => {
            let key = invoke.key.as_deref();
            let product = invoke.product.as_deref().unwrap_or_default();
            let body = key.zip(invoke.quantity).map(|(key, quantity)| Concern::OtherBody(key, product, quantity, invoke.op));
            key.map(|key| Id(Kind::Key, key)).into_iter().chain(body).chain([Keyless(invoke.op)]).collect()
        }
        Event::Complete(complete) => vec![Attempt(complete.op)],
        Event::Published(published) => ids(&published.ids),
        Event::Sample(sample) => {
            let stock = sample.stock.iter().map(|(product, _)| Product(product));
            stock
                .chain(
                    sample
                        .queues
                        .iter()
                        .filter(|queue| queue.visible + queue.in_flight + queue.delayed > 0)
                        .map(|queue| Queue(&queue.queue)),
                )
                .collect()
        }
        Event::RestockSeen { production, product, .. } => vec![Id(Kind::Production, production), Product(product)],
        Event::Fault(mark) => ids(&mark.ids).into_iter().chain([Run]).collect(),
        Event::Final(row) => final_row(row),
    }
}

fn ids(ids: &BusinessIds) -> Vec<Concern<'_>> {
    let named =
        [(Kind::Message, &ids.message), (Kind::Order, &ids.order), (Kind::Production, &ids.production), (Kind::Episode, &ids.episode)];
    let mut concerns: Vec<Concern<'_>> = named.into_iter().filter_map(|(kind, id)| Some(Concern::Id(kind, id.as_deref()?))).collect();
    // A consumer may record a message under any of its ids.
    let recorded = [&ids.order, &ids.production, &ids.episode];
    concerns.extend(recorded.into_iter().filter_map(|id| Some(Concern::Id(Kind::Message, id.as_deref()?))));
    concerns
}

fn final_row(row: &Final) -> Vec<Concern<'_>> {
    use Concern::{Id, Product, Queue, Run};
    match row {
        Final::Order { order, key, .. } => {
            let key = key.as_deref().map(|key| Id(Kind::Key, key));
            [Id(Kind::Order, order)].into_iter().chain(key).collect()
        }
        Final::Production { production, .. } => vec![Id(Kind::Production, production)],
        Final::Restock { production, product, .. } | Final::PossibleRestock { production, product, .. } => {
            vec![Id(Kind::Production, production), Product(product)]
        }
        Final::Adjustment { product, .. } | Final::Stock { product, .. } => vec![Product(product)],
        Final::Receipt { id, .. } => vec![Id(Kind::Message, id), Id(Kind::Production, id), Id(Kind::Episode, id)],
        Final::DeadLetter { queue, ids: known, .. } => ids(known).into_iter().chain([Queue(queue)]).collect(),
        Final::Queue(depth) => vec![Queue(&depth.queue)],
        Final::Mail { product, episode, .. } => {
            let episode = episode.as_deref().map(|episode| Id(Kind::Episode, episode));
            episode.into_iter().chain([Product(product)]).collect()
        }
        Final::Episode { episode, product } => vec![Id(Kind::Episode, episode), Product(product)],
        Final::FactoryCall { production, product, .. } => {
            let production = production.as_deref().map(|production| Id(Kind::Production, production));
            production.into_iter().chain([Product(product)]).collect()
        }
        Final::FactoryLimits { .. } => vec![Run],
        Final::Operation { order, .. } => vec![Id(Kind::Order, order)],
        Final::Redelivered { .. } | Final::NotExposed { .. } => Vec::new(),
    }
}
