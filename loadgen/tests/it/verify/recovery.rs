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

#[test]
fn with_closed_arrivals_the_number_served_must_come_back() {
    // From 6 s on only one attempt a second is made, and it is served: all is well by share, nothing is well by number.
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
    story.violates(&[]);
    story.expectations.arrivals = Arrivals::Closed;
    story.violates(&[RecoversInTime]);
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
