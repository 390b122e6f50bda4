//! One attempt: written down, sent, answered (or not), understood, written down.

use reference::trace::leg::{Kind, Leg};
use tokio::time::Instant;

use super::crowd::Crowd;
use super::ledger::Measured;
use super::pool::Exchange;
use super::request::request;
use crate::history::event::{Answer, Behaviour, Complete, Event, Invoke, Micros, OpKind, Outcome};
use crate::plan::Trick;
use crate::result::answer::{AnswerClass, answer_name};
use crate::target::speech::{Speech, Understood, Wanted, beginning};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) answer: Answer,
    pub(super) at: Micros,
}

/// Sends one request and waits for its answer as long as the buyer is patient. Whatever happens, it ends, and it is in the history.
pub(super) async fn attempt(crowd: &Crowd, wanted: Wanted<'_>, behaviour: Behaviour, intended: Micros) -> Ended {
    let op = crowd.next_op();
    // Where no key makes orders repeatable, each attempt is an order of its own, and is told apart by a key of its own.
    let own_key = wanted.key.filter(|_| !crowd.target.speech.is_repeatable()).map(|key| format!("{key}.{op}"));
    let wanted = Wanted { key: own_key.as_deref().or(wanted.key), ..wanted };
    let deadline = Instant::now() + crowd.plan.scenario().buyers.patience;
    crowd.progress.sent();
    crowd.recorder.record(Event::Invoke(invoke(op, wanted, behaviour, intended)));

    let spoken = crowd.target.speech.say(wanted);
    let mut leg = Leg::of_order(Kind::Client, || crowd.trace_of(wanted.key, op), || format!("buyer: {} {}", spoken.method, spoken.path));
    let request = request(&crowd.target, &spoken, leg.onward());
    let slot = crowd.pool.slot(deadline).await;
    let sent = crowd.clock.now();
    crowd.ledger.sent(intended, sent);
    let exchange = match slot {
        Some(slot) => slot.exchange(&request, deadline).await,
        None => Exchange::Unreachable { why: "all connections were in use for as long as the buyer was patient".to_owned() },
    };
    let at = crowd.clock.now();

    let status = status(&exchange);
    let understood = understand(&crowd.target.speech, wanted, exchange);
    let (outcome, answer) = (understood.outcome, understood.answer);
    leg.note("rushproof.answer", || answer_name(answer).to_owned());
    leg.note("rushproof.key", || wanted.key.unwrap_or_default().to_owned());
    leg.end();
    crowd.recorder.record(Event::Complete(complete(op, sent, status, understood)));
    crowd.ledger.over(Measured { kind: wanted.kind, answer, outcome, status, intended, ended: at });
    if answer == Answer::Sold {
        crowd.faults.sold();
    }
    crowd.progress.answered(AnswerClass::of(answer), at.saturating_sub(intended));
    Ended { answer, at }
}

/// What the history says before anything is sent.
fn invoke(op: u64, wanted: Wanted<'_>, behaviour: Behaviour, intended: Micros) -> Invoke {
    // A hostile request has no meaningful number, unless all that is wrong with it is its key; and no product, if nobody sells it.
    let meant = wanted.kind == OpKind::Purchase || wanted.trick == Some(Trick::ReplayedKey);
    let named = wanted.trick != Some(Trick::UnknownProduct);
    Invoke {
        op,
        kind: wanted.kind,
        buyer: wanted.buyer,
        key: wanted.key.map(ToOwned::to_owned),
        product: named.then(|| wanted.product.to_owned()),
        quantity: meant.then_some(wanted.quantity),
        behaviour,
        intended,
        trick: wanted.trick.map(|trick| trick.as_str().to_owned()),
    }
}

fn complete(op: u64, sent: Micros, status: Option<u16>, understood: Understood) -> Complete {
    Complete {
        op,
        outcome: understood.outcome,
        answer: understood.answer,
        status,
        sent,
        order: understood.order,
        production: understood.production,
        quantity: understood.quantity,
        stock: understood.stock,
        note: understood.note,
    }
}

fn status(exchange: &Exchange) -> Option<u16> {
    match exchange {
        Exchange::Answered { status, .. } | Exchange::TooLong { status } => Some(*status),
        Exchange::TimedOut { status } | Exchange::Cut { status, .. } => *status,
        Exchange::Unreachable { .. } => None,
    }
}

/// Only a complete body decides anything; nothing sent means nothing done; all else may have taken effect.
fn understand(speech: &Speech, wanted: Wanted<'_>, exchange: Exchange) -> Understood {
    let without_fields = |outcome, answer, note| Understood { note, ..Understood::new(outcome, answer) };
    match exchange {
        Exchange::Answered { status, body } => speech.understand(wanted.kind, wanted.key, status, &body),
        Exchange::TooLong { .. } => without_fields(Outcome::Info, Answer::Garbled, Some("more came than an answer can be".to_owned())),
        Exchange::TimedOut { .. } => without_fields(Outcome::Info, Answer::TimedOut, None),
        Exchange::Cut { why, .. } => without_fields(Outcome::Info, Answer::Cut, Some(beginning(why.as_bytes()))),
        Exchange::Unreachable { why } => without_fields(Outcome::Fail, Answer::Unreachable, Some(beginning(why.as_bytes()))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::scenario::EditionName;

    #[test]
    fn only_a_complete_answer_decides() {
        let speech = Speech::of_edition(EditionName::Donut);
        let wanted = Wanted { kind: OpKind::Purchase, buyer: 7, key: Some("k"), product: "CP-502101", quantity: 3, trick: None };
        let cases = [
            (Exchange::TimedOut { status: None }, Outcome::Info, Answer::TimedOut),
            (Exchange::TimedOut { status: Some(200) }, Outcome::Info, Answer::TimedOut),
            (Exchange::Cut { status: Some(200), why: "reset".to_owned() }, Outcome::Info, Answer::Cut),
            (Exchange::TooLong { status: 200 }, Outcome::Info, Answer::Garbled),
            (Exchange::Unreachable { why: "refused".to_owned() }, Outcome::Fail, Answer::Unreachable),
            (Exchange::Answered { status: 200, body: Bytes::from_static(br#"{"outcome":"sold"}"#) }, Outcome::Ok, Answer::Sold),
        ];
        for (exchange, outcome, answer) in cases {
            let understood = understand(&speech, wanted, exchange.clone());
            assert_eq!((understood.outcome, understood.answer), (outcome, answer), "{exchange:?}");
        }
    }
}
