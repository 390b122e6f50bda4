//! A line of the history as a step that a person understands.

use crate::history::event::{
    Answer, Behaviour, Complete, Event, FaultMark, FaultState, Final, Invoke, Line, OpKind, Passed, Phase, PhaseMark, Published, RoleState,
    Sample,
};
use crate::history::final_state::UNBOUNDED;
use crate::verify::finding::seconds;
use crate::verify::judgement::Step;

/// The step that a line is.
pub(super) fn step(line: &Line) -> Step {
    let (hop, what) = match &line.event {
        Event::Header(header) => ("start".to_owned(), opening(&header.initial_stock)),
        Event::Merged(merged) => {
            ("run".to_owned(), format!("{} parts; each clock is right within {} µs", merged.parts, merged.clock_uncertainty_us))
        }
        Event::Phase(mark) => ("run".to_owned(), phase(mark)),
        Event::Stage { name } => ("run".to_owned(), format!("stage {name} begins")),
        Event::Opening { stock } => ("start".to_owned(), opening(stock)),
        Event::Invoke(attempt) => ("buyer → sales".to_owned(), invoke(attempt)),
        Event::Complete(answer) => ("sales → buyer".to_owned(), complete(answer)),
        Event::Published(message) => (format!("topic {}", message.topic), published(message)),
        Event::Sample(state) => ("sample".to_owned(), sample(state)),
        Event::RestockSeen { production, product, quantity } => {
            ("factory → stock".to_owned(), format!("{quantity} of {product} are seen to have arrived from production {production}"))
        }
        Event::Role(mark) => {
            let state = match mark.state {
                RoleState::Started => "started",
                RoleState::Ready => "is ready",
                RoleState::Exited if mark.planned => "ended, as planned",
                RoleState::Exited => "ended unasked",
            };
            (format!("process {}", mark.role), format!("pid {} {state}{}", mark.pid, note(mark.note.as_deref())))
        }
        Event::Fault(mark) => (format!("fault {}", mark.rule), fault(mark)),
        Event::Passed(exchange) => (format!("hop {}", exchange.hop), passed(exchange)),
        Event::Shortage(short) => (short.place.clone(), short.what()),
        Event::Lateness(late) => ("load generator".to_owned(), format!("{} attempts, at most {} µs late", late.sent, late.max)),
        Event::Final(row) => final_row(row),
        Event::Ended { interrupted } => {
            ("run".to_owned(), if *interrupted { "interrupted, and closed in order" } else { "closed in order" }.to_owned())
        }
    };
    // Rows of the final state are true of the end, not of the moment at which they were read.
    let at = (!matches!(line.event, Event::Final(_))).then_some(line.at);
    Step { at, hop, what }
}

fn opening(stock: &[(String, i64)]) -> String {
    let stock: Vec<String> = stock.iter().map(|(product, stock)| format!("{product} {stock}")).collect();
    format!("stock when the load began: {}", stock.join(", "))
}

fn note(note: Option<&str>) -> String {
    note.map(|note| format!(" ({note})")).unwrap_or_default()
}

fn phase(mark: &PhaseMark) -> String {
    let name = match mark.phase {
        Phase::Plan => "plan",
        Phase::Boot => "boot",
        Phase::Load => "load",
        Phase::Drain => "drain",
        Phase::Verify => "verify",
    };
    let reached = match mark.reached {
        Some(true) => ": everything is at rest",
        Some(false) => ": given up before everything was at rest",
        None => "",
    };
    format!("{name} {}{reached}{}", if mark.begin { "begins" } else { "ends" }, note(mark.note.as_deref()))
}

fn invoke(attempt: &Invoke) -> String {
    let product = attempt.product.as_deref().unwrap_or("no product");
    let quantity = attempt.quantity.map_or_else(|| "no meaningful number".to_owned(), |pieces| pieces.to_string());
    let verb = match (attempt.kind, attempt.behaviour) {
        (OpKind::Browse, _) => return format!("buyer {} looks at {product} (attempt {})", attempt.buyer, attempt.op),
        (OpKind::Hostile, _) => {
            let trick = attempt.trick.as_deref().unwrap_or("unnamed");
            return format!(
                "a hostile buyer {} tries \"{trick}\" on {product}, asking for {quantity} (attempt {})",
                attempt.buyer, attempt.op
            );
        }
        (OpKind::Purchase, Behaviour::First) => "asks for",
        (OpKind::Purchase, Behaviour::DoubleClick) => "clicks twice for",
        (OpKind::Purchase, Behaviour::Retry) => "tries again for",
        (OpKind::Purchase, Behaviour::ComeBack) => "comes back for",
    };
    let key = attempt.key.as_deref().map(|key| format!(", key {key}")).unwrap_or_default();
    format!("buyer {} {verb} {quantity} of {product} (attempt {}{key})", attempt.buyer, attempt.op)
}

fn complete(answer: &Complete) -> String {
    let said = match answer.answer {
        Answer::Sold => "sold",
        Answer::SoldOut => "sold out",
        Answer::Browsed => "here is the product",
        Answer::Rejected => "refused as bad",
        Answer::InFlight => "the same order is still in flight",
        Answer::Shed => "refused before anything was done",
        Answer::ServerError => "a server error that does not say whether anything was done",
        Answer::TimedOut => "no answer within the buyer's patience",
        Answer::Cut => "the connection ended before the answer",
        Answer::Unreachable => "no connection: nothing was sent",
        Answer::Garbled => "an answer that nobody can read",
    };
    let mut what = format!("attempt {}: {said}", answer.op);
    if let Some(status) = answer.status {
        what += &format!(", status {status}");
    }
    if let Some(order) = &answer.order {
        what += &format!(", order {order}");
    }
    if let Some(quantity) = answer.quantity {
        what += &format!(", quantity {quantity}");
    }
    if let Some(stock) = answer.stock {
        what += &format!(", stock left {stock}");
    }
    if let Some(production) = &answer.production {
        what += &format!(", production {production} promised");
    }
    what + &note(answer.note.as_deref())
}

fn published(message: &Published) -> String {
    let mut what = match message.outcome.as_deref() {
        Some("sold") => "a sale is announced".to_owned(),
        Some("sold_out") => "a refusal is announced".to_owned(),
        _ => "a message is published".to_owned(),
    };
    if let Some(product) = &message.product {
        let quantity = message.quantity.map(|pieces| format!("{pieces} of ")).unwrap_or_default();
        what += &format!(": {quantity}{product}");
    }
    what + &ids(&message.ids)
}

fn ids(ids: &crate::history::event::BusinessIds) -> String {
    let named = [("message", &ids.message), ("order", &ids.order), ("production", &ids.production), ("episode", &ids.episode)];
    let known: Vec<String> = named.into_iter().filter_map(|(what, id)| Some(format!("{what} {}", id.as_deref()?))).collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
}

fn sample(state: &Sample) -> String {
    let mut parts: Vec<String> = state.stock.iter().map(|(product, stock)| format!("stock of {product} {stock}")).collect();
    for queue in state.queues.iter().filter(|queue| queue.visible + queue.in_flight + queue.delayed > 0) {
        parts.push(format!("{}: {} waiting, {} in flight", queue.queue, queue.visible + queue.delayed, queue.in_flight));
    }
    if let Some(outbox) = state.outbox.filter(|rows| *rows > 0) {
        parts.push(format!("{outbox} messages not yet published"));
    }
    if let Some(open) = state.open_productions.filter(|open| *open > 0) {
        parts.push(format!("{open} productions open"));
    }
    if parts.is_empty() { "nothing in any queue".to_owned() } else { format!("{} (read from {})", parts.join(", "), seconds(state.began)) }
}

fn passed(exchange: &Passed) -> String {
    let caller = exchange.status.map_or_else(|| "the caller got no answer".to_owned(), |status| format!("the caller got {status}"));
    let upstream = exchange.upstream.map(|status| format!("the other side answered {status}, ")).unwrap_or_default();
    let struck = if exchange.rules.is_empty() { String::new() } else { format!(", struck by {}", exchange.rules.join(", ")) };
    format!("{}: {upstream}{caller} after {} ms{struck}{}", exchange.what, exchange.took / 1_000, note(exchange.note.as_deref()))
}

fn fault(mark: &FaultMark) -> String {
    let state = match mark.state {
        FaultState::Requested => "is wanted from here on",
        FaultState::Effective => "was seen to take effect",
        FaultState::Fired => "strikes",
        FaultState::Healed => "is healed",
        FaultState::Unhealed => "could not be proved to be gone",
    };
    let hop = mark.hop.as_deref().map(|hop| format!(" on {hop}")).unwrap_or_default();
    format!("{state}{hop}{}{}", ids(&mark.ids), note(mark.note.as_deref()))
}

fn bound(number: u64) -> String {
    if number == UNBOUNDED { "any number of".to_owned() } else { number.to_string() }
}

fn final_row(row: &Final) -> (String, String) {
    let (hop, what) = match row {
        Final::Order { order, key, product, quantity, sold, production } => {
            let what = if *sold { "sold" } else { "refused" };
            let key = key.as_deref().map(|key| format!(", key {key}")).unwrap_or_default();
            let production = production.as_deref().map(|id| format!(", production {id} promised")).unwrap_or_default();
            ("ledger", format!("order {order}: {quantity} of {product} {what}{key}{production}"))
        }
        Final::Production { production, product, quantity, shortage, applied } => {
            let state = if *applied { "applied" } else { "still open" };
            ("ledger", format!("production {production}: {quantity} of {product} asked for a shortage of {shortage}, {state}"))
        }
        Final::Restock { production, product, quantity } => {
            ("stock", format!("{quantity} of {product} added from production {production}"))
        }
        Final::PossibleRestock { production, product, quantity } => (
            "stock",
            format!("{quantity} of {product} were offered from production {production}, and it is not known whether they were added"),
        ),
        Final::Adjustment { product, delta } => ("administration", format!("stock of {product} changed by {delta:+}")),
        Final::Receipt { consumer, id } => return (format!("consumer {consumer}"), format!("recorded {id} as done")),
        Final::DeadLetter { queue, ids: known, poison, body } => {
            let poison = if *poison { ", poison" } else { "" };
            return (format!("dead letters {queue}"), format!("a message sits here{poison}{}{}", ids(known), note(body.as_deref())));
        }
        Final::Queue(depth) => {
            return (
                format!("queue {}", depth.queue),
                format!("{} waiting, {} in flight at the end", depth.visible + depth.delayed, depth.in_flight),
            );
        }
        Final::Mail { product, episode, to, subject } => {
            let episode = episode.as_deref().map(|episode| format!(", episode {episode}")).unwrap_or_default();
            ("advertising → mail", format!("\"{subject}\" to {to}, about {product}{episode}"))
        }
        Final::Episode { episode, product } => ("ledger", format!("episode {episode}: {product} was sold out")),
        Final::FactoryCall { production, product, quantity, accepted, callbacks, .. } => {
            let taken = if *accepted { "accepted" } else { "refused" };
            let production = production.as_deref().map(|id| format!(" for production {id}")).unwrap_or_default();
            ("replenish → factory", format!("asked for {quantity} of {product}{production}: {taken}, reported back {callbacks} times"))
        }
        Final::FactoryLimits { capacity, open_per_product, pieces_per_shortage } => (
            "factory",
            format!(
                "takes {capacity} calls at once and {} open orders per product; makes {} per missing piece",
                bound(*open_per_product),
                bound(*pieces_per_shortage)
            ),
        ),
        Final::Operation { order, sold } => {
            ("operations", format!("was told that order {order} was {}", if *sold { "sold" } else { "refused" }))
        }
        Final::Stock { product, stock } => ("stock", format!("{stock} of {product} at the end")),
        Final::Redelivered { consumer, deliveries } => {
            return (format!("consumer {consumer}"), format!("{deliveries} deliveries were not the first of their message"));
        }
        Final::NotExposed { what, why } => ("state", format!("{what} is not exposed{}", note(why.as_deref()))),
    };
    (hop.to_owned(), what)
}
