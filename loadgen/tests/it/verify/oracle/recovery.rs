//! Back to 90 % of the baseline, and drained, in time.

use loadgen::history::event::{Answer, Event, FaultState, Micros, OpKind, Outcome, Phase, Sample};
use loadgen::verify::Expectations;
use loadgen::verify::expectations::Arrivals;

use super::facts::Facts;
use super::{Opinion, opinion};

const SECOND: Micros = 1_000_000;

/// When the first fault may have struck, and when the last one was healed; nothing when none struck.
fn struck(facts: &Facts<'_>) -> Option<(Micros, Option<Micros>)> {
    let marks = || facts.lines.iter().filter_map(|line| if let Event::Fault(mark) = &line.event { Some((line.at, mark)) } else { None });
    let strikes = |state: FaultState| matches!(state, FaultState::Effective | FaultState::Fired);
    let rules: Vec<&str> = marks().filter(|(_, mark)| strikes(mark.state)).map(|(_, mark)| mark.rule.as_str()).collect();
    let first =
        marks().filter(|(_, mark)| rules.contains(&mark.rule.as_str()) && mark.state != FaultState::Healed).map(|(at, _)| at).min()?;
    let healed = |rule: &str| marks().filter(|(_, mark)| mark.rule == rule && mark.state == FaultState::Healed).map(|(at, _)| at).max();
    let heals: Vec<Option<Micros>> = rules.iter().map(|rule| healed(rule)).collect();
    Some((first, if heals.contains(&None) { None } else { heals.into_iter().flatten().max() }))
}

fn mark(facts: &Facts<'_>, phase: Phase, begin: bool) -> Option<(Micros, Option<bool>)> {
    facts.lines.iter().rev().find_map(|line| match &line.event {
        Event::Phase(mark) if (mark.phase, mark.begin) == (phase, begin) => Some((line.at, mark.reached)),
        _ => None,
    })
}

fn tells_of_queues(sample: &Sample) -> bool {
    !sample.queues.is_empty() || sample.outbox.is_some()
}

/// No message is under way.
fn is_idle(sample: &Sample) -> bool {
    let waiting = sample.queues.iter().any(|queue| !queue.dead_letter && queue.visible + queue.in_flight + queue.delayed > 0);
    !waiting && sample.outbox.unwrap_or(0) == 0
}

fn is_quiet(sample: &Sample) -> bool {
    is_idle(sample) && sample.open_productions.unwrap_or(0) == 0
}

/// Since when every sample after the last arrival was so.
fn since(facts: &Facts<'_>, so: fn(&Sample) -> bool) -> Option<Micros> {
    let resets = |event: &Event| matches!(event, Event::Phase(mark) if mark.phase == Phase::Load || (mark.phase, mark.begin) == (Phase::Drain, true));
    let after = facts.lines.iter().rposition(|line| resets(&line.event)).map_or(0, |place| place + 1);
    let samples: Vec<(Micros, &Sample)> = facts.lines[after..]
        .iter()
        .filter_map(|line| if let Event::Sample(sample) = &line.event { Some((line.at, sample)) } else { None })
        .filter(|(_, sample)| tells_of_queues(sample))
        .collect();
    let noisy = samples.iter().rposition(|(_, sample)| !so(sample)).map_or(0, |place| place + 1);
    samples.get(noisy).map(|(at, _)| *at)
}

/// Attempts sent within one second, how many of them were served, and how long they waited in all.
#[derive(Clone, Copy, Default)]
struct Traffic {
    offered: u64,
    served: u64,
    waited: Micros,
}

fn traffic(facts: &Facts<'_>, second: u64) -> Traffic {
    let mut traffic = Traffic::default();
    for sent in facts.lines {
        let Event::Invoke(invoke) = &sent.event else { continue };
        if invoke.kind == OpKind::Hostile || sent.at / SECOND != second {
            continue;
        }
        traffic.offered += 1;
        for line in facts.lines {
            let Event::Complete(complete) = &line.event else { continue };
            if complete.op == invoke.op {
                traffic.waited += line.at.saturating_sub(sent.at);
                traffic.served += u64::from(complete.outcome == Outcome::Ok || complete.answer == Answer::SoldOut);
            }
        }
    }
    traffic
}

/// Whether the harness lacked something: then nothing is known of what the pipeline alone would have taken.
fn harness_lacked(facts: &Facts<'_>) -> bool {
    facts.lines.iter().any(|line| match &line.event {
        Event::Shortage(_) => true,
        Event::Complete(complete) => {
            complete.answer == Answer::Unreachable && complete.note.iter().any(|note| note.starts_with("the generator itself: "))
        }
        _ => false,
    })
}

pub(super) fn it_recovers(facts: &Facts<'_>, expectations: &Expectations) -> Opinion {
    if harness_lacked(facts) {
        return Opinion::Open;
    }
    let bound = expectations.recovery_bound;
    let struck = struck(facts);
    let healed = match struck {
        Some((_, None)) => return Opinion::Open,
        Some((_, healed)) => healed,
        None => None,
    };
    let Some((load_ended, _)) = mark(facts, Phase::Load, false) else { return Opinion::Open };
    let (mut wrong, mut known) = (false, true);
    let from = load_ended.max(healed.unwrap_or(0));
    match mark(facts, Phase::Drain, false) {
        None => known = false,
        Some((marked, Some(true))) => {
            let quiet = since(facts, is_quiet).unwrap_or(marked).min(marked);
            wrong |= quiet.saturating_sub(from) > bound;
        }
        Some((marked, _)) if marked.saturating_sub(from) >= bound => wrong = true,
        Some(_) => known = false,
    }
    match struck.zip(healed) {
        None => wrong |= stays_down(facts, load_ended, expectations),
        Some((_, healed)) if healed >= load_ended => {}
        Some(((first, _), healed)) => match throughput(facts, (first, healed, load_ended), expectations) {
            Opinion::Wrong => wrong = true,
            Opinion::Open => known = false,
            Opinion::Right => {}
        },
    }
    opinion(wrong, known)
}

/// Whether the drain was given up after nothing had been under way for as long as everything may take.
pub(super) fn idled_away(facts: &Facts<'_>, bound: Micros) -> bool {
    let heals = facts.lines.iter().filter(|line| matches!(&line.event, Event::Fault(mark) if mark.state == FaultState::Healed));
    let healed = heals.map(|line| line.at).max().unwrap_or(0);
    let given_up = mark(facts, Phase::Drain, false).filter(|(_, reached)| *reached != Some(true) && !harness_lacked(facts));
    match (given_up, since(facts, is_idle), mark(facts, Phase::Load, false)) {
        (Some((given_up, _)), Some(idle), Some((load_ended, _))) => given_up.saturating_sub(idle.max(load_ended).max(healed)) >= bound,
        _ => false,
    }
}

/// Seconds of load, whole ones: when each was, and what came. Seconds in which nobody came are left out.
fn seconds_of_load(facts: &Facts<'_>, until: Micros) -> Vec<(u64, Traffic)> {
    let whole = (0..until / SECOND).map(|second| (second, traffic(facts, second)));
    whole.filter(|(_, traffic)| traffic.offered > 0).collect()
}

/// Without any fault: for longer than the bound, up to the end, no second in which anybody came was as good as the first five.
fn stays_down(facts: &Facts<'_>, load_ended: Micros, expectations: &Expectations) -> bool {
    let seconds = seconds_of_load(facts, load_ended);
    let Some((began, _)) = seconds.first().filter(|(began, _)| began + 6 <= load_ended / SECOND) else { return false };
    let Some(baseline) = Baseline::of(facts, began + 1..began + 6, expectations) else { return false };
    let bad = seconds.iter().rev().take_while(|(_, traffic)| !baseline.is_reached(*traffic)).count() as u64;
    bad * SECOND > expectations.recovery_bound
}

/// What was served before anything went wrong.
struct Baseline {
    sum: Traffic,
    seconds: u64,
    arrivals: Arrivals,
}

impl Baseline {
    fn of(facts: &Facts<'_>, seconds: std::ops::Range<u64>, expectations: &Expectations) -> Option<Self> {
        let mut sum = Traffic::default();
        for second in seconds.clone() {
            let more = traffic(facts, second);
            sum.offered += more.offered;
            sum.served += more.served;
            sum.waited += more.waited;
        }
        let seconds = seconds.end.saturating_sub(seconds.start);
        (sum.offered > 0 && sum.served > 0).then_some(Self { sum, seconds, arrivals: expectations.arrivals })
    }

    fn is_reached(&self, traffic: Traffic) -> bool {
        let good_enough = match self.arrivals {
            Arrivals::Open => traffic.served >= traffic.offered * self.sum.served * 90 / (self.sum.offered * 100),
            Arrivals::Closed { users } => {
                let (users, seconds) = (u128::from(users), u128::from(self.seconds));
                let [offered, served, waited] = [traffic.offered, traffic.served, traffic.waited].map(u128::from);
                let [before, served_before, waited_before] = [self.sum.offered, self.sum.served, self.sum.waited].map(u128::from);
                // A buyer's round, in µs, times all attempts before and now: he rests as before and waits as now.
                let all_the_time = users * seconds * u128::from(SECOND);
                let round = all_the_time.saturating_sub(waited_before) * offered + waited * before;
                let might = 10 * all_the_time * before * served;
                10 * served * seconds >= 9 * served_before || might >= 9 * served_before * round
            }
        };
        traffic.offered > 0 && good_enough
    }
}

fn throughput(facts: &Facts<'_>, (first, healed, load_ended): (Micros, Micros, Micros), expectations: &Expectations) -> Opinion {
    let bound = expectations.recovery_bound;
    let busy: Vec<u64> = (0..=load_ended / SECOND).filter(|second| traffic(facts, *second).offered > 0).collect();
    let Some(began) = busy.first() else { return Opinion::Open };
    // The second in which buyers began to come, and the one in which the fault struck, are not whole.
    let last = busy.last().copied().unwrap_or(0);
    let Some(baseline) = Baseline::of(facts, began + 1..(first / SECOND).min(last + 1), expectations) else { return Opinion::Open };
    let is_back = |second: u64| baseline.is_reached(traffic(facts, second));
    match (healed / SECOND + 1..load_ended / SECOND).find(|second| is_back(*second)) {
        Some(second) if second * SECOND - healed > bound => Opinion::Wrong,
        Some(_) => Opinion::Right,
        None if load_ended - healed > bound + 2 * SECOND => Opinion::Wrong,
        None => Opinion::Open,
    }
}
