//! A pass has to be earned.

use loadgen::history::event::{
    Answer, Behaviour, Complete, Event, FaultState, Final, Lateness, Line, OpKind, Outcome, QueueDepth, RoleMark, RoleState, Sample,
};
use loadgen::verify::expectations::PlannedFault;
use loadgen::verify::judgement::{Judgement, Proof, Verdict};
use loadgen::verify::property::Property;
use loadgen::verify::{Expectations, judge};

use super::story::{Story, bare, judge_lines, of};

#[track_caller]
fn lacks(proof: &Proof, what: &str) {
    assert_eq!(proof.verdict, Verdict::Unknown, "{:#?}", proof.reasons);
    let piece =
        proof.evidence.iter().find(|piece| piece.what == what).unwrap_or_else(|| panic!("no evidence \"{what}\": {:?}", proof.evidence));
    assert!(!piece.enough, "{piece:?}");
    assert!(proof.reasons.iter().any(|reason| reason.contains(what)), "{:#?}", proof.reasons);
}

#[test]
fn an_empty_history_is_unknown() {
    let proof = judge_lines(&[], &Expectations::default());
    lacks(&proof, "history");
    lacks(&proof, "orders answered as sold");
}

#[test]
fn a_history_with_nothing_but_a_header_is_unknown() {
    let lines = Story::with_stock(3).told();
    lacks(&judge_lines(&lines[..1], &Expectations::default()), "history");
    lacks(&judge_lines(&[lines[0].clone(), lines[lines.len() - 1].clone()], &Expectations::default()), "orders answered as sold");
}

#[test]
fn a_run_of_nothing_but_browsing_is_unknown() {
    let mut story = Story::with_stock(3);
    for at in 0..50 {
        let op = story.attempt(at, OpKind::Browse, Behaviour::First, None, None);
        story.line(at + 1, Event::Complete(bare(op, Outcome::Ok, Answer::Browsed)));
    }
    story.stock(3);
    lacks(&story.judged(), "orders answered as sold");
    story.expectations.min_sold = 0;
    lacks(&story.judged(), "orders answered as sold");
}

#[test]
fn a_system_that_shows_nothing_cannot_pass() {
    let mut story = Story::sound();
    story.finals.clear();
    for table in
        ["ledger", "productions", "restocks", "receipts", "dead_letters", "mails", "episodes", "factory", "operations", "stock", "topics"]
    {
        story.hides(table);
    }
    story.lines.retain(|line| !matches!(line.event, Event::RestockSeen { .. } | Event::Published(_)));
    lacks(&story.judged(), "what became of the orders");
}

#[test]
fn a_plan_that_wanted_more_than_there_was_is_unknown() {
    let mut story = Story::sound();
    story.expectations = Expectations {
        min_sold: 5,
        min_sold_out: 2,
        min_browsed: 1,
        min_hostile_refused: 1,
        min_restocks: 2,
        min_info: 1,
        min_redeliveries: 1,
        ..Expectations::default()
    };
    let proof = story.judged();
    let pieces = [
        "orders answered as sold",
        "orders answered as sold out",
        "product pages",
        "hostile requests refused",
        "restocks",
        "attempts without an answer",
        "redeliveries",
    ];
    for what in pieces {
        lacks(&proof, what);
    }
}

#[test]
fn a_generator_that_ran_out_of_files_proves_nothing() {
    let mut story = Story::sound();
    let op = story.attempt(200, OpKind::Purchase, Behaviour::First, Some("never-sent"), Some(1));
    let note = format!("{}Too many open files (os error 24)", Complete::OURS);
    story.line(201, Event::Complete(Complete { note: Some(note), ..bare(op, Outcome::Fail, Answer::Unreachable) }));
    lacks(&story.judged(), "attempts that the generator could not send");
}

#[test]
fn a_tap_that_ran_out_of_files_proves_nothing_and_blames_nobody_for_what_took_too_long() {
    let mut story = Story::sound();
    story.drained = Some(false);
    story.expectations.recovery_bound = 400_000;
    story.violates(&[Property::RecoversInTime]);
    story.short(200);
    story.short(1_200);
    let proof = story.violates(&[]);
    assert_eq!(of(&proof, Property::RecoversInTime).judgement, Judgement::Undecided);
    let piece = proof.evidence.iter().find(|piece| piece.what == "file handles, ports and memory for the harness").unwrap();
    let seen = "told 2 times, first at 0.200 s: the tap of sales could not accept a connection: Too many open files (os error 24)";
    assert_eq!((piece.seen.as_str(), piece.enough), (seen, false));
}

#[test]
fn a_generator_that_ran_out_of_files_is_not_the_pipelines_slowness() {
    let mut story = Story::sound();
    story.drained = Some(false);
    story.expectations.recovery_bound = 400_000;
    let op = story.attempt(200, OpKind::Purchase, Behaviour::First, Some("never-sent"), Some(1));
    let note = format!("{}Too many open files (os error 24)", Complete::OURS);
    story.line(201, Event::Complete(Complete { note: Some(note), ..bare(op, Outcome::Fail, Answer::Unreachable) }));
    assert_eq!(story.violates(&[]).verdict, Verdict::Unknown);
}

#[test]
fn a_planned_fault_must_be_seen_fired_and_healed() {
    let story = |states: &[FaultState]| {
        let mut story = Story::sound();
        story.expectations.faults.push(PlannedFault { rule: "cut".into(), poison: false });
        story.load_ends = 400;
        for (n, state) in (0u64..).zip(states) {
            story.fault(600 + n, "cut", *state);
        }
        story.judged()
    };
    use FaultState::{Effective, Fired, Healed, Requested};
    lacks(&story(&[]), "fault \"cut\"");
    lacks(&story(&[Requested, Effective, Healed]), "fault \"cut\"");
    lacks(&story(&[Requested, Fired, Healed]), "fault \"cut\"");
    lacks(&story(&[Requested, Effective, Fired]), "fault \"cut\"");
    lacks(&story(&[Requested, Effective, Healed, Fired]), "fault \"cut\"");
    assert_eq!(story(&[Requested, Effective, Fired, Healed]).verdict, Verdict::Pass);
}

#[test]
fn an_unclean_start_is_unknown() {
    let mut story = Story::sound();
    let mut told = story.told();
    told.retain(|line| !matches!(line.event, Event::Sample(_)));
    lacks(&judge_lines(&told, &story.expectations), "clean start");
    let leftover = QueueDepth { queue: "stock_dlq".into(), dead_letter: true, visible: 2, in_flight: 0, delayed: 0 };
    told.insert(1, Line { at: 0, event: Event::Sample(Sample { queues: vec![leftover], ..Sample::default() }) });
    lacks(&judge_lines(&told, &story.expectations), "clean start");
    story.lines.clear();
}

#[test]
fn a_process_that_ended_unasked_makes_the_run_unknown_and_a_planned_kill_does_not() {
    let exit = |planned| {
        let mut story = Story::sound();
        let mark = RoleMark { role: "relay".into(), pid: 7, state: RoleState::Exited, planned, note: Some("signal 9".into()) };
        story.line(700, Event::Role(mark));
        story.judged()
    };
    lacks(&exit(false), "processes that ended unasked");
    assert_eq!(exit(true).verdict, Verdict::Pass);
}

#[test]
fn a_generator_that_fell_behind_makes_the_run_unknown() {
    let mut story = Story::sound();
    story.line(2_000, Event::Lateness(Lateness { sent: 1_000, p50: 10, p99: 400_000, max: 500_000 }));
    lacks(&story.judged(), "load generator");
    let mut silent = Story::sound().told();
    silent.retain(|line| !matches!(line.event, Event::Lateness(_)));
    lacks(&judge_lines(&silent, &Expectations::default()), "load generator");
}

#[test]
fn a_history_that_was_cut_off_or_interrupted_is_unknown() {
    let mut story = Story::sound();
    story.closed = None;
    lacks(&story.judged(), "history");
    story.closed = Some(true);
    lacks(&story.judged(), "history");
}

#[test]
fn a_history_cut_off_in_the_middle_of_its_final_state_accuses_nobody() {
    let story = Story::sound();
    let lines = story.told();
    for end in 0..lines.len() - 1 {
        let proof = judge_lines(&lines[..end], &story.expectations);
        assert_eq!(proof.verdict, Verdict::Unknown, "cut after {end} lines: {:#?}", proof.reasons);
    }
    assert_eq!(judge_lines(&lines, &story.expectations).verdict, Verdict::Pass);
}

#[test]
fn a_history_that_cannot_be_read_on_is_judged_as_far_as_it_goes() {
    let mut story = Story::sound();
    story.sample(50, 51, -4);
    let lines = story.told();
    let torn = || Ok::<_, String>(lines[..12].iter().cloned().map(Ok).chain([Err("checksum differs".to_owned())]));
    let proof = judge(torn, &story.expectations);
    assert_eq!(proof.verdict, Verdict::Fail, "stock below zero stays a fact");
    let piece = proof.evidence.iter().find(|piece| piece.what == "history").unwrap();
    assert!(piece.seen.contains("checksum differs") && !piece.enough, "{piece:?}");
}

#[test]
fn a_history_that_cannot_be_opened_is_unknown() {
    let proof = judge(|| Err::<std::vec::IntoIter<Result<Line, String>>, _>("no such file".to_owned()), &Expectations::default());
    lacks(&proof, "history");
    assert!(proof.reasons.iter().any(|reason| reason.contains("no such file")));
}

#[test]
fn attempts_that_were_never_completed_and_lines_that_contradict_each_other_are_named() {
    let mut story = Story::sound();
    story.invoke(800, Some("open"), 1);
    lacks(&story.judged(), "attempts that were never completed");
    let mut story = Story::sound();
    story.line(800, Event::Complete(bare(4711, Outcome::Ok, Answer::Sold)));
    lacks(&story.judged(), "history's lines");
    let mut story = Story::sound();
    story.push(Final::NotExposed { what: "everything".into(), why: None });
    lacks(&story.judged(), "tables said not to be exposed");
}

#[test]
fn a_table_that_is_missing_without_a_word_is_no_pass() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Stock { .. }));
    assert_eq!(story.judged().verdict, Verdict::Unknown);
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::FactoryLimits { .. }));
    assert_eq!(story.judged().verdict, Verdict::Unknown);
    let mut story = Story::sound();
    story.lines.retain(|line| !matches!(line.event, Event::Published(_)));
    assert_eq!(story.judged().verdict, Verdict::Unknown);
}
