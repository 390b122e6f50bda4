//! Buyers: they look, buy, click twice, lose patience and try again, come back after a sell-out, and give up. A few mean no good.
//!
//! What happens next is decided by pure functions from the answer and the plan's [`Decisions`]; only the waiting and sending is done here.

use std::time::Duration;

use super::attempt::{Ended, attempt};
use super::crowd::Crowd;
use crate::history::clock::micros;
use crate::history::event::{Answer, Behaviour, Micros, OpKind};
use crate::plan::{Arrival, Decisions, Trick};
use crate::target::speech::Wanted;

/// What a buyer does after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextAction {
    /// Has the goods, or has seen enough.
    Leave,
    /// Sends the same order again after a pause, under the same key.
    Repeat { after: Duration },
    /// Comes back later with a new order.
    ComeBack { after: Duration },
}

/// Everything one arrival leads to.
pub(super) async fn visit(crowd: &Crowd, arrival: &Arrival, intended: Micros) {
    match arrival.kind {
        OpKind::Browse => drop(attempt(crowd, wanted(arrival, None), Behaviour::First, intended).await),
        OpKind::Purchase => purchase(crowd, arrival, intended).await,
        OpKind::Hostile => hostile(crowd, arrival, intended).await,
    }
}

/// Buys, until there is nothing left to try.
async fn purchase(crowd: &Crowd, arrival: &Arrival, intended: Micros) {
    let decisions = crowd.plan.decisions(arrival);
    let (mut order, mut repetition, mut behaviour, mut intended) = (0, 0, Behaviour::First, intended);
    loop {
        let key = decisions.key(order);
        let ended = match arrival.double_click {
            Some(after) if behaviour == Behaviour::First => double_click(crowd, wanted(arrival, Some(&key)), after, intended).await,
            _ => attempt(crowd, wanted(arrival, Some(&key)), behaviour, intended).await,
        };
        let pause = match next_action(ended.answer, &decisions, order, repetition) {
            NextAction::Leave => return,
            NextAction::Repeat { after } => {
                (repetition, behaviour) = (repetition + 1, Behaviour::Retry);
                after
            }
            NextAction::ComeBack { after } => {
                (order, repetition, behaviour) = (order + 1, 0, Behaviour::ComeBack);
                after
            }
        };
        intended = ended.at + micros(pause);
        if !crowd.wait_until(intended).await {
            return;
        }
    }
}

/// The same order twice, the second without waiting for the first's answer. The buyer believes the better of the two.
async fn double_click(crowd: &Crowd, wanted: Wanted<'_>, after: Duration, intended: Micros) -> Ended {
    let second_at = intended + micros(after);
    let second = async {
        if !crowd.wait_until(second_at).await {
            return None;
        }
        Some(attempt(crowd, wanted, Behaviour::DoubleClick, second_at).await)
    };
    let (first, second) = tokio::join!(attempt(crowd, wanted, Behaviour::First, intended), second);
    match second {
        Some(second) => Ended { answer: better(first.answer, second.answer), at: first.at.max(second.at) },
        None => first,
    }
}

fn better(first: Answer, second: Answer) -> Answer {
    let rank = |answer| match answer {
        Answer::Sold => 0,
        Answer::SoldOut => 1,
        _ => 2,
    };
    if rank(second) < rank(first) { second } else { first }
}

/// Tries a trick once. A replayed key needs an honest order before it, whose answer must be certain: otherwise the "replay" would be the first.
async fn hostile(crowd: &Crowd, arrival: &Arrival, intended: Micros) {
    if arrival.trick != Some(Trick::ReplayedKey) {
        attempt(crowd, wanted(arrival, None), Behaviour::First, intended).await;
        return;
    }
    let key = crowd.plan.decisions(arrival).key(0);
    let honest = Wanted { kind: OpKind::Purchase, trick: None, ..wanted(arrival, Some(&key)) };
    let first = attempt(crowd, honest, Behaviour::First, intended).await;
    if matches!(first.answer, Answer::Sold | Answer::SoldOut) && !crowd.stop.is_cancelled() {
        let other_body = Wanted { quantity: arrival.quantity + 1, ..wanted(arrival, Some(&key)) };
        attempt(crowd, other_body, Behaviour::First, first.at).await;
    }
}

fn wanted<'a>(arrival: &'a Arrival, key: Option<&'a str>) -> Wanted<'a> {
    Wanted { kind: arrival.kind, buyer: arrival.buyer, key, product: &arrival.product, quantity: arrival.quantity, trick: arrival.trick }
}

/// What the buyer of this order does after this answer; `repetition` counts the repetitions so far.
fn next_action(answer: Answer, decisions: &Decisions<'_>, order: u32, repetition: u32) -> NextAction {
    match answer {
        Answer::Sold | Answer::Browsed | Answer::Rejected => NextAction::Leave,
        Answer::SoldOut => decisions.comes_back(order).map_or(NextAction::Leave, |after| NextAction::ComeBack { after }),
        Answer::InFlight | Answer::Shed | Answer::ServerError | Answer::TimedOut | Answer::Cut | Answer::Unreachable | Answer::Garbled => {
            let repeats = decisions.repeats(order, repetition + 1);
            repeats.map_or(NextAction::Leave, |after| NextAction::Repeat { after })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::scenario::Scenario;

    fn plan() -> Plan {
        let text = r#"
            name = "one"
            about = "One buyer."
            [stock]
            "CP-502101" = 1
            [[stage]]
            name = "one"
            duration = "10s"
            rate = "1/s"
            [buyers]
            retries = 2
            come_back = "100%"
            come_backs = 1
        "#;
        Plan::derive(&Scenario::parse("one.toml", text).unwrap(), 1)
    }

    #[test]
    fn who_was_answered_leaves_and_who_was_refused_comes_back_while_that_is_allowed() {
        let plan = plan();
        let arrival = plan.arrivals().next().unwrap();
        let decisions = plan.decisions(&arrival);
        assert_eq!(next_action(Answer::Sold, &decisions, 0, 0), NextAction::Leave);
        assert_eq!(next_action(Answer::Rejected, &decisions, 0, 0), NextAction::Leave);
        assert!(matches!(next_action(Answer::SoldOut, &decisions, 0, 0), NextAction::ComeBack { .. }));
        assert_eq!(next_action(Answer::SoldOut, &decisions, 1, 0), NextAction::Leave);
    }

    #[test]
    fn who_got_no_answer_repeats_the_same_order_a_bounded_number_of_times() {
        let plan = plan();
        let arrival = plan.arrivals().next().unwrap();
        let decisions = plan.decisions(&arrival);
        for answer in
            [Answer::TimedOut, Answer::Cut, Answer::ServerError, Answer::Shed, Answer::InFlight, Answer::Unreachable, Answer::Garbled]
        {
            assert!(matches!(next_action(answer, &decisions, 0, 0), NextAction::Repeat { .. }), "{answer:?}");
            assert!(matches!(next_action(answer, &decisions, 0, 1), NextAction::Repeat { .. }), "{answer:?}");
            assert_eq!(next_action(answer, &decisions, 0, 2), NextAction::Leave, "{answer:?}");
        }
    }

    #[test]
    fn of_two_answers_the_better_one_counts() {
        assert_eq!(better(Answer::TimedOut, Answer::Sold), Answer::Sold);
        assert_eq!(better(Answer::SoldOut, Answer::InFlight), Answer::SoldOut);
        assert_eq!(better(Answer::Cut, Answer::TimedOut), Answer::Cut);
    }
}
