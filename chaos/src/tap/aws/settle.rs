//! Acknowledgements: lost on the way, lost on the way back, or refused as too late.

use serde_json::Value;

use super::call::{Call, Kind};
use super::forge::{self, Told};
use super::query;
use super::{Core, Errand, Known};
use crate::decision::{Fault, Point, SettleFault, Slot};
use crate::tap::http::{Answer, Passed, Reply, Unreachable};

pub(super) async fn settle(core: &Core, errand: &Errand<'_>, known: Vec<Known>, passed: &mut Passed<'_>) -> Result<Reply, Unreachable> {
    let point = if errand.call.kind == Kind::Extend { Point::Extend } else { Point::Settle };
    let (mut told, mut answer_lost, mut strikes) = (Vec::new(), false, Vec::new());
    for (index, known) in known.iter().enumerate() {
        let Some(strike) = core.decide(errand, point, index, known, passed) else { continue };
        match strike.in_slot(Slot::Before).map(|hit| hit.fault()) {
            Some(Fault::Settle(SettleFault::Expire)) => told.push((index, Told::Expired)),
            Some(_) => told.push((index, Told::Done)),
            None => answer_lost |= strike.in_slot(Slot::After).is_some(),
        }
        // Held until the whole request is done with.
        strikes.push(strike);
    }
    let kept: Vec<usize> = (0..known.len()).filter(|index| !told.iter().any(|(taken, _)| taken == index)).collect();
    let reply = if told.is_empty() {
        core.pass(errand, errand.body, passed).await?
    } else if kept.is_empty() {
        Reply::Answer(forge::answer(errand.call, &told))
    } else {
        match core.pass(errand, &errand.call.only(&kept, errand.body), passed).await? {
            Reply::Answer(answer) => Reply::Answer(forge::merged(errand.call, answer, &told)),
            reply => reply,
        }
    };
    passed.exchange.kept_back += u32::try_from(told.len()).unwrap_or(u32::MAX);
    drop(strikes);
    if answer_lost {
        return Ok(Reply::reset());
    }
    if let Reply::Answer(answer) = &reply
        && errand.call.kind == Kind::Delete
        && errand.answer_passes
    {
        let mut receipts = core.receipts();
        for receipt in deleted(errand.call, &kept, answer) {
            receipts.settled(receipt);
        }
    }
    Ok(reply)
}

/// Receipts of those of these entries that the service has deleted and says so.
fn deleted<'c>(call: &'c Call, kept: &[usize], answer: &Answer) -> Vec<&'c str> {
    if !answer.status.is_success() {
        return Vec::new();
    }
    let (all, named) = if call.batch { (false, named_as_done(call, answer)) } else { (true, Vec::new()) };
    let entries = kept.iter().filter_map(|index| call.entries.get(*index));
    entries.filter(|entry| all || named.contains(&entry.batch_id)).filter_map(|entry| entry.receipt.as_deref()).collect()
}

/// Entries of a batch that the answer calls successful.
fn named_as_done(call: &Call, answer: &Answer) -> Vec<String> {
    if call.is_sqs_form() {
        return query::successful(&call.action, &String::from_utf8_lossy(&answer.body));
    }
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let successful = value["Successful"].as_array().map(Vec::as_slice).unwrap_or_default();
    successful.iter().filter_map(|entry| entry["Id"].as_str().map(ToOwned::to_owned)).collect()
}
