//! Back to work after the last heal, and at rest after the last buyer.

use loadgen::history::event::{Behaviour, Event, FaultState, OpKind, Outcome};
use loadgen::verify::expectations::{Arrivals, PlannedFault};
use loadgen::verify::judgement::{Judgement, Verdict};
use loadgen::verify::property::Property::RecoversInTime;

use super::story::{Story, bare, of};

/// Ten pages a second for ten seconds; those sent in the seconds `lost` get no answer. A fault strikes from 3 s to 5 s.
fn faulty(lost: std::ops::Range<u64>) -> Story {
    let mut story = Story::sound();
    story.expectations.recovery_bound = 2_000_000;
    story.expectations.faults.push(PlannedFault { rule: "cut".into(), poison: false });
    for n in 0..100u64 {
        let at = n * 100 + 1;
        let op = story.attempt(at, OpKind::Browse, Behaviour::First, None, None);
        let outcome = if lost.contains(&(at / 1_000)) { Outcome::Info } else { Outcome::Ok };
        story.line(at + 5, Event::Complete(bare(op, outcome, loadgen::history::event::Answer::Browsed)));
    }
    story.fault(3_000, "cut", FaultState::Requested);
    story.fault(3_010, "cut", FaultState::Effective);
    story.fault(3_500, "cut", FaultState::Fired);
    story.fault(5_000, "cut", FaultState::Healed);
    story
}

#[test]
fn a_run_that_comes_back_in_time_recovers() {
    let proof = faulty(3..6).violates(&[]);
    assert_eq!(of(&proof, RecoversInTime).judgement, Judgement::Holds, "{:?}", of(&proof, RecoversInTime));
    assert_eq!(proof.verdict, Verdict::Pass, "{:#?}", proof.reasons);
}

#[test]
fn a_run_that_comes_back_too_late_does_not_recover_in_time() {
    let proof = faulty(3..8).violates(&[RecoversInTime]);
    assert!(of(&proof, RecoversInTime).violations[0].sentence.contains("only 3.000 s after the last heal"));
}

#[test]
fn a_run_that_never_comes_back_does_not_recover() {
    faulty(3..99).violates(&[RecoversInTime]);
}

#[test]
fn a_load_that_ends_right_after_the_heal_leaves_recovery_undecided() {
    let mut story = faulty(3..99);
    story.expectations.recovery_bound = 60_000_000;
    let proof = story.violates(&[]);
    assert_eq!(of(&proof, RecoversInTime).judgement, Judgement::Undecided);
}

/// From 6 s on only one attempt a second is made, and it is served, after so many ms: all is well by share, nothing is well by number.
fn thinned_out(answered_after: u64) -> Story {
    let mut story = faulty(3..6);
    let keep: Vec<u64> = story
        .lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Invoke(invoke) if line.at < 6_000_000 || line.at % 1_000_000 < 100_000 => Some(invoke.op),
            _ => None,
        })
        .collect();
    story.lines.retain(|line| match &line.event {
        Event::Invoke(invoke) => keep.contains(&invoke.op),
        Event::Complete(complete) => keep.contains(&complete.op),
        _ => true,
    });
    for line in story.lines.iter_mut().filter(|line| line.at >= 6_000_000 && matches!(line.event, Event::Complete(_))) {
        line.at += (answered_after - 5) * 1_000;
    }
    story
}

#[test]
fn with_closed_arrivals_buyers_who_wait_longer_are_a_loss() {
    // One buyer, ten rounds a second: he waits for 5 ms and rests for 95.
    let mut story = thinned_out(900);
    story.violates(&[]);
    story.expectations.arrivals = Arrivals::Closed { users: 1 };
    story.violates(&[RecoversInTime]);
}

#[test]
fn with_closed_arrivals_buyers_who_stay_away_for_reasons_of_their_own_are_none() {
    let mut story = thinned_out(5);
    story.expectations.arrivals = Arrivals::Closed { users: 1 };
    story.violates(&[]);
}

#[test]
fn a_fault_that_was_never_healed_leaves_recovery_undecided_and_lacks_evidence() {
    let mut story = faulty(3..6);
    story.lines.retain(|line| !matches!(&line.event, Event::Fault(mark) if mark.state == FaultState::Healed));
    let proof = story.violates(&[]);
    assert_eq!(of(&proof, RecoversInTime).judgement, Judgement::Undecided);
    assert_eq!(proof.verdict, Verdict::Unknown);
}

#[test]
fn a_drain_that_takes_longer_than_the_bound_is_a_violation() {
    let mut story = Story::sound();
    story.expectations.recovery_bound = 499_000;
    story.violates(&[RecoversInTime]);
    story.expectations.recovery_bound = 500_000;
    story.violates(&[]);
}

#[test]
fn waiting_for_quiet_to_last_does_not_count_as_draining() {
    let mut story = Story::sound();
    story.expectations.recovery_bound = 200_000;
    story.queues(10_050, 3);
    story.queues(10_150, 0);
    story.queues(10_250, 0);
    story.violates(&[]);
}

#[test]
fn a_drain_that_never_reached_rest_is_a_violation_only_when_its_bound_was_waited_for() {
    let mut story = Story::sound();
    story.drained = Some(false);
    let proof = story.violates(&[]);
    assert_eq!(of(&proof, RecoversInTime).judgement, Judgement::Undecided);
    story.expectations.recovery_bound = 400_000;
    let proof = story.violates(&[RecoversInTime]);
    assert_eq!(proof.verdict, Verdict::Fail);
}

#[test]
fn what_is_counted_of_a_recovery_is_counted_from_the_last_heal() {
    use super::story::counted;
    let proof = faulty(3..6).judged();
    assert_eq!(counted(&proof, RecoversInTime, "last heal, ms"), 5_000);
    assert_eq!(counted(&proof, RecoversInTime, "throughput back after, ms"), 1_000);
    // The second of the heal itself is half a fault's, and is never the one in which throughput is back.
    assert_eq!(counted(&faulty(3..3).judged(), RecoversInTime, "throughput back after, ms"), 1_000);
}

#[test]
fn the_bound_of_a_recovery_is_part_of_the_time_that_it_may_take() {
    let mut story = faulty(3..6);
    story.expectations.recovery_bound = 1_000_000;
    story.violates(&[]);
    story.expectations.recovery_bound = 999_999;
    story.violates(&[RecoversInTime]);
}

#[test]
fn throughput_that_never_comes_back_is_missed_once_two_seconds_more_than_the_bound_were_watched() {
    // Healed at 5 s, and watched until 10 s.
    let mut story = faulty(3..99);
    story.expectations.recovery_bound = 3_000_000;
    assert_eq!(of(&story.violates(&[]), RecoversInTime).judgement, Judgement::Undecided);
    story.expectations.recovery_bound = 2_999_999;
    story.violates(&[RecoversInTime]);
}

#[test]
fn a_fault_that_never_struck_is_nothing_to_recover_from() {
    let mut story = Story::sound();
    story.fault(600, "idle", FaultState::Requested);
    assert_eq!(of(&story.judged(), RecoversInTime).judgement, Judgement::Holds);
}

/// A run without faults: in each of its seconds so many attempts of ten are served, or nobody comes.
fn seconds(served: &[Option<u64>]) -> Story {
    let mut story = Story::sound();
    // What the sound story did in its first second is done by others now.
    story.lines.retain(|line| !matches!(line.event, Event::Invoke(_) | Event::Complete(_)));
    story.load_ends = served.len() as u64 * 1_000;
    for (second, served) in (0u64..).zip(served) {
        for n in 0..served.map_or(0, |_| 10) {
            let at = second * 1_000 + n * 10 + 1;
            let op = story.attempt(at, OpKind::Browse, Behaviour::First, None, None);
            let outcome = if n < served.unwrap_or(0) { Outcome::Ok } else { Outcome::Info };
            story.line(at + 5, Event::Complete(bare(op, outcome, loadgen::history::event::Answer::Browsed)));
        }
    }
    story.expectations.recovery_bound = 10_000_000;
    story
}

fn decays(served: &[Option<u64>]) -> bool {
    !of(&seconds(served).judged(), RecoversInTime).violations.is_empty()
}

#[test]
fn a_decay_is_found_after_more_seconds_than_the_bound_in_which_somebody_came() {
    let (good, bad) = ([Some(10); 6], [Some(0); 11]);
    assert!(decays(&[&good[..], &bad[..]].concat()));
    assert!(!decays(&[&good[..], &bad[..10]].concat()), "as long as the bound, and no longer");
    assert!(!decays(&[&good[..], &bad[..10], &[None; 20]].concat()), "seconds in which nobody came say nothing");
}

#[test]
fn a_run_whose_buyers_come_late_is_measured_from_when_they_came() {
    assert!(decays(&[&[None; 7][..], &[Some(10); 6], &[Some(0); 11]].concat()));
}

#[test]
fn the_beginning_is_five_seconds_after_the_first_in_which_somebody_came() {
    // Served in the last of them alone: two of ten attempts, and afterwards none.
    assert!(decays(&[&[Some(0); 5][..], &[Some(10)], &[Some(0); 11]].concat()));
    assert!(!decays(&[&[Some(0); 6][..], &[Some(10)], &[Some(0); 11]].concat()), "one later is not the beginning");
}
