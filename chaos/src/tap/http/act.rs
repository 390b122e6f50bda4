//! Does to a request what was decided.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::answer::{Answer, HangUp, Reply};
use crate::decision::{After, Before, Fault, Pace, Slot};
use crate::faults::{Hit, Strike};
use crate::tap::Limits;

/// What comes before forwarding; a reply means that nothing is forwarded. Throttling is answered by whoever knows the service.
pub(crate) async fn before(strike: Option<&Strike>, limits: &Limits, body: &Bytes) -> Option<Reply> {
    let strike = strike?;
    strike.wait().await;
    if let Some(hit) = strike.in_slot(Slot::Pace) {
        upload(hit, body.len()).await;
    }
    let hit = strike.in_slot(Slot::Before)?;
    let Fault::Before(fault) = hit.fault() else { return None };
    match fault {
        Before::Refuse => Some(Reply::reset()),
        Before::Blackhole => {
            // Ok or not: either it is healed or the limit is reached, and whoever waits has no answer either way.
            let _ = tokio::time::timeout(limits.idle, hit.healed()).await;
            Some(Reply::reset())
        }
        Before::Answer { status, body, retry_after } => Some(Reply::Answer(own_answer(*status, body, *retry_after))),
        Before::Swallow { status, body, .. } => Some(Reply::Answer(own_answer(*status, body, None))),
        Before::Limit { status, retry_after, .. } => Some(Reply::Answer(own_answer(*status, "", *retry_after))),
        Before::Collapse { status, .. } => Some(Reply::Answer(own_answer(*status, "", None))),
        Before::Throttle => Some(Reply::Answer(own_answer(429, "", None))),
    }
}

/// Forwards once, or twice at the same time; the first one's answer counts, the second one's comes beside it.
pub(crate) async fn both<T, F: Future<Output = T>>(strike: Option<&Strike>, forward: impl Fn() -> F) -> (T, Option<T>) {
    let again = strike.is_some_and(|strike| strike.in_slot(Slot::Again).is_some_and(|hit| *hit.fault() == Fault::Again));
    if !again {
        return (forward().await, None);
    }
    let (first, second) = tokio::join!(forward(), forward());
    (first, Some(second))
}

/// What comes after the effect.
pub(crate) async fn after(strike: Option<Strike>, reply: Reply) -> Reply {
    let (strike, mut answer) = match (strike, reply) {
        (Some(strike), Reply::Answer(answer)) => (strike, answer),
        // Nothing strikes, or the connection ends anyway.
        (_, reply) => return reply,
    };
    if let Some(Fault::After(fault)) = strike.in_slot(Slot::After).map(Hit::fault) {
        match fault {
            After::Lose => return Reply::reset(),
            After::Cut { bytes: 0 } => return Reply::HangUp(HangUp::Close),
            After::Cut { bytes } => answer.cut = Some((*bytes).min(answer.body.len().saturating_sub(1))),
            After::Truncate { bytes } => {
                let kept = answer.body.slice(..(*bytes).min(answer.body.len()));
                answer.set_body(kept);
            }
            After::Delay(_) => {
                if let Some(hit) = strike.in_slot(Slot::After) {
                    hit.wait().await;
                }
            }
        }
    }
    answer.strike = Some(Box::new(strike));
    Reply::Answer(answer)
}

/// The request's own body at the given rate.
async fn upload(hit: &Hit, bytes: usize) {
    if let Fault::Pace(Pace::Bandwidth { bytes_per_second }) = hit.fault() {
        let takes = Duration::from_secs(1).mul_f64(bytes as f64 / *bytes_per_second as f64);
        // Ok or not: either it has passed or the rule is healed.
        let _ = tokio::time::timeout(takes, hit.healed()).await;
    }
}

fn own_answer(status: u16, body: &str, retry_after: Option<Duration>) -> Answer {
    let content_type = if body.starts_with('{') { "application/json" } else { "text/plain; charset=utf-8" };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let answer = Answer::made_up(status, content_type, body.to_owned());
    match retry_after {
        Some(after) => answer.header("retry-after", &after.as_secs_f64().ceil().to_string()),
        None => answer,
    }
}
