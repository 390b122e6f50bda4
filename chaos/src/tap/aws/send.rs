//! Messages on their way in: sent twice, late, out of order, or never.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;

use super::forge::{self, Told};
use super::{Core, Errand, Known};
use crate::decision::{Fault, Point, SendFault, Slot};
use crate::faults::Strike;
use crate::observe::Ids;
use crate::tap::http::{Passed, Reply, Unreachable};

use tokio::time::Instant;

/// How often a held message is tried before it counts as lost.
const TRIES: u32 = 6;
/// Before the second try; doubled for each further one, 3 s in all.
const BACK_OFF: Duration = Duration::from_millis(100);

pub(super) async fn send(core: &Arc<Core>, errand: &Errand<'_>, known: Vec<Known>, passed: &mut Passed<'_>) -> Result<Reply, Unreachable> {
    let mut strikes: Vec<Option<Strike>> = Vec::with_capacity(known.len());
    for (index, known) in known.iter().enumerate() {
        strikes.push(core.decide(errand, Point::Send, index, known, passed));
    }
    let with = |slot: Slot| {
        let struck =
            strikes.iter().enumerate().filter(move |(_, strike)| strike.as_ref().is_some_and(|strike| strike.in_slot(slot).is_some()));
        struck.map(|(index, _)| index).collect::<Vec<usize>>()
    };
    let (taken_out, twice, poisoned) = (with(Slot::Before), with(Slot::Again), with(Slot::Extra));
    let answer_lost = !with(Slot::After).is_empty();
    let told: Vec<(usize, Told)> =
        taken_out.iter().map(|index| (*index, Told::Sent { message_id: core.forged_id(&known[*index]) })).collect();
    let kept: Vec<usize> = (0..known.len()).filter(|index| !taken_out.contains(index)).collect();

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
    if !twice.is_empty() {
        // That it could not be sent, the log knows.
        let again = core.forward.request(errand.parts, &errand.call.only(&twice, errand.body)).await;
        passed.once_more(Some(&again));
    }
    for index in poisoned {
        let sent = poison(core, errand, &known[index].ids, strikes[index].as_ref()).await;
        passed.exchange.upstream_answers += u32::from(sent);
    }
    passed.exchange.kept_back += u32::try_from(taken_out.len()).unwrap_or(u32::MAX);
    core.sent.send_modify(|sent| *sent += kept.len() as u64);
    for index in taken_out {
        if let Some(strike) = strikes[index].take() {
            hold_back(core, errand, index, known[index].ids.clone(), strike);
        }
    }
    if answer_lost { Ok(Reply::reset()) } else { Ok(reply) }
}

/// Whether it was taken.
async fn poison(core: &Core, errand: &Errand<'_>, ids: &Ids, strike: Option<&Strike>) -> bool {
    let Some(strike) = strike else { return false };
    let Some(hit) = strike.in_slot(Slot::Extra) else { return false };
    let Fault::Send(SendFault::Poison { body }) = hit.fault() else { return false };
    let text = body.replace("{id}", ids.deciding().unwrap_or("unknown"));
    let (parts, garbage) = errand.call.garbage(errand.parts, &text);
    let sent = matches!(core.forward.request(&parts, &garbage).await, Ok(Reply::Answer(answer)) if answer.status.is_success());
    let note = if sent { text } else { format!("refused: {text}") };
    core.hop.report_one(Point::Send, ids, strike, hit, Some(note));
    sent
}

/// Sends a message that was taken out later, unless it is to be lost.
fn hold_back(core: &Arc<Core>, errand: &Errand<'_>, index: usize, ids: Ids, strike: Strike) {
    let Some(hit) = strike.in_slot(Slot::Before).cloned() else { return };
    let by = match hit.fault() {
        Fault::Send(SendFault::Delay(_)) => None,
        Fault::Send(SendFault::Reorder { by, .. }) => Some(*by),
        _ => return,
    };
    let (core, parts, body) = (Arc::clone(core), errand.parts.clone(), errand.call.only(&[index], errand.body));
    // Without room on the shelf it goes on at once: late is a fault, lost for lack of room would be another one.
    let room = Arc::clone(&core.shelf).try_acquire_owned().ok();
    let overtaken = *core.sent.borrow() + by.unwrap_or(u64::MAX / 2);
    let began = Instant::now();
    core.tasks.clone().spawn(async move {
        if room.is_some() {
            let mut sent = core.sent.subscribe();
            tokio::select! {
                () = hit.wait() => (),
                _ = sent.wait_for(|sent| *sent >= overtaken) => (),
            }
        }
        let held = began.elapsed();
        if send_on(&core, &parts, &body).await {
            core.hop.saw(&hit, || format!("a message was passed on {} ms after its sender was told so", held.as_millis()));
        } else {
            let note = "lost: the endpoint did not take it any more".to_owned();
            tracing::error!(rule = %hit.rule(), id = ids.deciding(), "a message that was held back could not be sent on");
            core.hop.report_one(Point::Send, &ids, &strike, &hit, Some(note));
        }
        drop((strike, room));
    });
}

async fn send_on(core: &Core, parts: &Parts, body: &Bytes) -> bool {
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(BACK_OFF * 2u32.pow(attempt - 1)).await;
        }
        if matches!(core.forward.request(parts, body).await, Ok(Reply::Answer(answer)) if forge::is_success(&answer)) {
            return true;
        }
    }
    false
}
