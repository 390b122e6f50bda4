//! Acknowledgements: lost on the way, lost on the way back, or refused as too late.

use super::call::Kind;
use super::forge::{self, Told};
use super::{Core, Errand, Known};
use crate::decision::{Fault, Point, SettleFault, Slot};
use crate::tap::http::{Passed, Reply, Unreachable};

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
    if answer_lost { Ok(Reply::reset()) } else { Ok(reply) }
}
