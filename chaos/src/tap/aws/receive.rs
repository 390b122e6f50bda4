//! Messages on their way out: delivered again, withheld, reversed, or lost with their answer.

use std::sync::PoisonError;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::call::{envelope_attributes, sqs_attributes};
use super::query::{self, Delivered};
use super::{Core, Errand, Known};
use crate::decision::{Fault, Point, ReceiveFault};
use crate::faults::{Hit, Strike};
use crate::tap::http::{Answer, Passed, Reply, Unreachable};

/// Messages waiting to be repeated on one queue; more are not repeated.
const MOST_REPEATS: usize = 1_000;

/// A message that the next receive delivers once more, unless its rule is healed before.
pub(super) struct Repeat {
    message: Delivered,
    known: Known,
    hit: Hit,
}

pub(super) async fn receive(core: &Core, errand: &Errand<'_>, passed: &mut Passed<'_>) -> Result<Reply, Unreachable> {
    // A message is repeated to whoever speaks the protocol that it was received in.
    let protocol = if errand.call.is_sqs_form() { "form " } else { "" };
    let queue = &format!("{protocol}{}", errand.call.resource.as_deref().unwrap_or_default());
    let repeated = repeats(core, queue, errand.call.most_messages);
    if !repeated.is_empty() {
        passed.exchange.rules.extend(repeated.iter().map(|repeat| repeat.hit.rule().clone()));
        passed.exchange.ids = repeated.iter().map(|repeat| repeat.known.ids.clone()).collect();
        for repeat in &repeated {
            // Its first copy may have been deleted by now; this one will be too.
            remember(core, &repeat.message.facts, &repeat.known);
        }
        let messages: Vec<Delivered> = repeated.into_iter().map(|repeat| repeat.message).collect();
        return Ok(Reply::Answer(made_of(errand, messages)));
    }
    match core.pass(errand, errand.body, passed).await? {
        Reply::Answer(answer) if answer.status.is_success() => Ok(struck(core, errand, passed, queue, answer)),
        reply => Ok(reply),
    }
}

fn struck(core: &Core, errand: &Errand<'_>, passed: &mut Passed<'_>, queue: &str, mut answer: Answer) -> Reply {
    let messages = messages(errand, &answer);
    let (mut kept, mut known_of_kept) = (Vec::with_capacity(messages.len()), Vec::with_capacity(messages.len()));
    let (mut lost, mut reversed, count) = (false, false, messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        let known = known(core, errand, &message.facts);
        passed.exchange.ids.push(known.ids.clone());
        let strike = core.decide(errand, Point::Receive, index, &known, passed);
        let by = |fault: ReceiveFault| hit(strike.as_ref(), fault);
        lost |= by(ReceiveFault::LoseAnswer).is_some();
        reversed |= by(ReceiveFault::Reverse).is_some();
        if let Some(hit) = by(ReceiveFault::Repeat) {
            repeat(core, queue, Repeat { message: message.clone(), known: known.clone(), hit: hit.clone() });
        }
        if let Some(hit) = by(ReceiveFault::Reverse).filter(|_| count > 1) {
            core.hop.saw(hit, || format!("{count} messages were passed on in reverse order"));
        }
        if by(ReceiveFault::Withhold).is_none() {
            kept.push(message);
            known_of_kept.push(known);
        }
    }
    passed.exchange.kept_back += u32::try_from(count - kept.len()).unwrap_or(u32::MAX);
    if lost {
        return Reply::reset();
    }
    // Nobody ever asks about a message that was not handed out.
    for (message, known) in kept.iter().zip(&known_of_kept) {
        remember(core, &message.facts, known);
    }
    if reversed {
        kept.reverse();
    }
    if reversed || kept.len() < count {
        let body = with_messages(errand, &answer, kept);
        answer.set_body(body);
    }
    Reply::Answer(answer)
}

/// The messages of an answer, in whichever protocol; none when there are none, or nobody can tell.
fn messages(errand: &Errand<'_>, answer: &Answer) -> Vec<Delivered> {
    if errand.call.is_sqs_form() {
        return query::messages(&String::from_utf8_lossy(&answer.body));
    }
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let messages = value["Messages"].as_array().cloned().unwrap_or_default();
    messages.into_iter().map(|facts| Delivered { facts, text: String::new() }).collect()
}

/// The body of the same answer with these messages instead of its own.
fn with_messages(errand: &Errand<'_>, answer: &Answer, kept: Vec<Delivered>) -> Bytes {
    if errand.call.is_sqs_form() {
        let texts: Vec<String> = kept.into_iter().map(|message| message.text).collect();
        return query::with_messages(&String::from_utf8_lossy(&answer.body), &texts).into();
    }
    let mut value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    value["Messages"] = kept.into_iter().map(|message| message.facts).collect();
    value.to_string().into()
}

/// Takes the messages out of an answer and puts them in again, in reverse and alone.
pub(super) fn rehearse(errand: &Errand<'_>, answer: &Answer) -> usize {
    let mut found = messages(errand, answer);
    if found.is_empty() {
        return 0;
    }
    found.reverse();
    with_messages(errand, answer, found.clone()).len() + made_of(errand, found).body.len()
}

/// An answer of these messages alone.
fn made_of(errand: &Errand<'_>, messages: Vec<Delivered>) -> Answer {
    if errand.call.is_sqs_form() {
        return query::received(&messages.into_iter().map(|message| message.text).collect::<Vec<_>>());
    }
    let messages: Vec<Value> = messages.into_iter().map(|message| message.facts).collect();
    Answer::made_up(StatusCode::OK, "application/x-amz-json-1.0", json!({ "Messages": messages }).to_string())
}

fn hit(strike: Option<&Strike>, fault: ReceiveFault) -> Option<&Hit> {
    strike?.hits().iter().find(|hit| *hit.fault() == Fault::Receive(fault))
}

/// Finds the ids and attributes of a message.
fn known(core: &Core, errand: &Errand<'_>, message: &Value) -> Known {
    let body = message["Body"].as_str().unwrap_or_default();
    let mut attributes = sqs_attributes(&message["MessageAttributes"]);
    attributes.extend(envelope_attributes(body));
    Known { ids: core.identify(errand, body.as_bytes(), &attributes), attributes }
}

/// What is known of a message that is handed out stands behind its receipt handle from now on.
fn remember(core: &Core, message: &Value, known: &Known) {
    if let Some(receipt) = message["ReceiptHandle"].as_str() {
        core.receipts().handed_out(receipt, known);
    }
}

fn repeat(core: &Core, queue: &str, repeat: Repeat) {
    let mut repeats = core.repeats.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = repeats.entry(queue.to_owned()).or_default();
    if waiting.len() < MOST_REPEATS {
        waiting.push_back(repeat);
    }
}

/// Takes what is to be repeated; what a healed rule has left is forgotten.
fn repeats(core: &Core, queue: &str, most: usize) -> Vec<Repeat> {
    let mut repeats = core.repeats.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(waiting) = repeats.get_mut(queue) else { return Vec::new() };
    waiting.retain(|repeat| !repeat.hit.armed.healed.is_cancelled());
    let taken = waiting.drain(..most.min(waiting.len())).collect();
    if waiting.is_empty() {
        repeats.remove(queue);
    }
    taken
}
