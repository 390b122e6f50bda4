//! Each piece of evidence in words: what was needed, and what was seen.

use loadgen::history::event::{
    Answer, Behaviour, Event, FORMAT, FaultState, Final, Line, Merged, OpKind, Outcome, Phase, PhaseMark, QueueDepth, Sample,
};
use loadgen::verify::expectations::PlannedFault;
use loadgen::verify::judgement::{Evidence, Judgement, Proof, Verdict};
use loadgen::verify::property::Property::{Conservation, NoLostOrder, RecoversInTime};

use super::story::{DONUT, Story, bare, judge_lines, of};

#[track_caller]
fn piece<'a>(proof: &'a Proof, what: &str) -> &'a Evidence {
    proof.evidence.iter().find(|piece| piece.what == what).unwrap_or_else(|| panic!("no {what} in {:#?}", proof.evidence))
}

fn pieces(proof: &Proof) -> String {
    proof.evidence.iter().map(|piece| format!("{}: needed {}, seen {}\n", piece.what, piece.needed, piece.seen)).collect()
}

#[test]
fn a_run_that_shows_everything_says_what_it_showed() {
    let mut story = Story::sound();
    let expected = &mut story.expectations;
    (expected.min_sold_out, expected.min_browsed, expected.min_hostile_refused) = (1, 2, 2);
    (expected.min_restocks, expected.min_info, expected.min_redeliveries) = (1, 1, 0);
    expected.faults.push(PlannedFault { rule: "cut".into(), poison: false });
    for at in [610, 620] {
        let op = story.attempt(at, OpKind::Browse, Behaviour::First, None, None);
        story.line(at + 1, Event::Complete(bare(op, Outcome::Ok, Answer::Browsed)));
        let op = story.attempt(at, OpKind::Hostile, Behaviour::First, None, None);
        story.answer_bad_request(at + 1, op);
        let op = story.invoke(at, Some(&format!("silent{at}")), 1);
        story.no_answer(at + 5, op);
    }
    // Goods that were seen to arrive, and goods that are in the ledger alone.
    story.push(Final::Restock { production: "p1".into(), product: DONUT.into(), quantity: 0 });
    story.line(640, Event::RestockSeen { production: "p2".into(), product: DONUT.into(), quantity: 1 });
    story.push(Final::Restock { production: "p3".into(), product: DONUT.into(), quantity: 1 });
    for production in ["p4", "p5"] {
        story.push(Final::Production { production: production.into(), product: DONUT.into(), quantity: 1, shortage: 1, applied: false });
    }
    story.fault(600, "cut", FaultState::Effective);
    story.fault(605, "cut", FaultState::Fired);
    story.fault(607, "cut", FaultState::Healed);
    insta::assert_snapshot!(pieces(&story.judged()));
}

#[test]
fn a_fault_that_struck_again_after_it_was_healed_is_told_from_one_that_did_not() {
    let seen = |states: &[FaultState]| {
        let mut story = Story::sound();
        story.expectations.faults.push(PlannedFault { rule: "cut".into(), poison: false });
        for (n, state) in (0u64..).zip(states) {
            story.fault(600 + n, "cut", *state);
        }
        piece(&story.judged(), "fault \"cut\"").seen.clone()
    };
    use FaultState::{Effective, Fired, Healed, Requested, Unhealed};
    assert_eq!(seen(&[Effective, Fired, Healed]), "took effect, fired 1 times, healed");
    assert_eq!(seen(&[Effective, Fired, Healed, Fired]), "took effect, fired 2 times, struck again after it was healed");
    assert_eq!(seen(&[Requested, Healed]), "never seen to take effect, fired 0 times, healed");
    assert_eq!(seen(&[Effective, Fired, Unhealed]), "took effect, fired 1 times, not proved to be gone: ");
}

#[test]
fn contradictions_are_counted_and_the_first_three_are_named() {
    let mut story = Story::sound();
    for op in 901..=905 {
        story.line(800, Event::Complete(bare(op, Outcome::Ok, Answer::Sold)));
    }
    let proof = story.judged();
    let seen = &piece(&proof, "history's lines").seen;
    assert!(seen.starts_with("5 contradictions: attempt 901 ") && seen.contains("903") && !seen.contains("904"), "{seen}");
    assert_eq!(piece(&Story::sound().judged(), "history's lines").seen, "no contradiction");
}

#[test]
fn a_history_of_a_newer_format_is_not_understood() {
    for (format, verdict) in [(FORMAT - 1, Verdict::Pass), (FORMAT, Verdict::Pass), (FORMAT + 1, Verdict::Unknown)] {
        let story = Story::sound();
        let mut told = story.told();
        if let Event::Header(header) = &mut told[0].event {
            header.format = format;
        }
        assert_eq!(judge_lines(&told, &story.expectations).verdict, verdict, "format {format} of {FORMAT}");
    }
}

#[test]
fn a_time_beyond_every_run_is_a_contradiction() {
    let mut story = Story::sound();
    let op = story.invoke(200 * 24 * 3_600 * 1_000, Some("far"), 1);
    story.answer_shed(200 * 24 * 3_600 * 1_000 + 1, op);
    let told = story.told();
    assert!(piece(&judge_lines(&told, &story.expectations), "history's lines").seen.contains("invoked at second 17280000"));
}

#[test]
fn the_parts_of_a_run_are_asked_for_only_where_there_are_parts() {
    let story = Story::sound();
    assert!(story.judged().evidence.iter().all(|piece| piece.what != "parts of the run"));
    let mut told = story.told();
    let merged = Merged { parts: 3, clock_uncertainty_us: 0, missing: Vec::new() };
    told.insert(1, Line { at: 0, event: Event::Merged(merged) });
    let proof = judge_lines(&told, &story.expectations);
    let parts = piece(&proof, "parts of the run");
    assert_eq!((parts.needed.as_str(), parts.seen.as_str()), ("all 3, each to its end, and what the pipeline ended as", "all"));
}

#[test]
fn more_consumers_than_can_be_told_apart_are_refused() {
    for (consumers, refused) in [(9, false), (10, false), (11, true)] {
        let mut story = Story::sound();
        let consumer = story.expectations.consumers[0].clone();
        for n in story.expectations.consumers.len()..consumers {
            let mut idle = consumer.clone();
            (idle.name, idle.topic) = (format!("consumer {n}"), "nothing".into());
            story.expectations.consumers.push(idle);
        }
        let named = story.judged().evidence.iter().any(|piece| piece.what == "consumers to judge");
        assert_eq!(named, refused, "{consumers}");
    }
}

#[test]
fn the_stock_at_the_start_must_be_known_of_what_was_sold_and_of_something() {
    let begins_with = |story: &Story, stock: &[(&str, i64)]| {
        let mut told = story.told();
        if let Event::Header(header) = &mut told[0].event {
            header.initial_stock = stock.iter().map(|(product, stock)| ((*product).to_owned(), *stock)).collect();
        }
        let proof = judge_lines(&told, &story.expectations);
        let piece = piece(&proof, "stock at the start");
        (piece.seen.clone(), piece.enough)
    };
    let sold = Story::sound();
    assert_eq!(begins_with(&sold, &[(DONUT, 10), ("CP-0", 1)]), ("2 products".to_owned(), true));
    assert_eq!(begins_with(&sold, &[("CP-0", 1)]), (format!("unknown for {DONUT}"), false));
    assert_eq!(begins_with(&Story::with_stock(1), &[]), ("0 products".to_owned(), false));
}

#[test]
fn only_the_first_sample_can_show_a_start_that_was_not_clean() {
    let leftover = |at: u64| {
        let queues = vec![
            QueueDepth { queue: "stock_queue".into(), dead_letter: false, visible: 1, in_flight: 2, delayed: 4 },
            QueueDepth { queue: "ad_queue".into(), dead_letter: false, visible: 1, in_flight: 1, delayed: 0 },
            QueueDepth { queue: "operations_queue".into(), dead_letter: false, visible: 0, in_flight: 1, delayed: 0 },
        ];
        Line { at, event: Event::Sample(Sample { queues, outbox: Some(2), open_productions: Some(3), ..Sample::default() }) }
    };
    let story = Story::sound();
    let start = |lines: &[Line]| piece(&judge_lines(lines, &story.expectations), "clean start").seen.clone();
    let mut told = story.told();
    if let Event::Sample(clean) = &mut told[1].event {
        clean.open_productions = Some(0);
    }
    told.insert(2, leftover(5_000));
    assert_eq!(start(&told), "all empty");
    // Lines may be swapped: the first is the earliest.
    told.swap(1, 2);
    assert_eq!(start(&told), "all empty");
    told[1].at = 0;
    told[2].at = 5_000;
    assert_eq!(start(&told), "stock_queue holds 7, ad_queue holds 2, operations_queue holds 1, the outbox holds 2, 3 productions are open");
    told.retain(|line| !matches!(line.event, Event::Sample(_)));
    assert_eq!(start(&told), "no sample of the queues");
    let last = told.len() - 1;
    told.insert(last, Line { at: 10_700_000, event: Event::Final(Final::NotExposed { what: "queues".into(), why: None }) });
    assert_eq!(start(&told), "it has no queues that the harness can look into");
}

#[test]
fn what_became_of_orders_is_shown_by_a_ledger_or_by_stock_and_restocks_together() {
    let shown = |hidden: &[&str]| {
        let mut story = Story::sound();
        for table in hidden {
            story.hides(table);
        }
        piece(&story.judged(), "what became of the orders").enough
    };
    assert!(shown(&[]) && shown(&["stock", "restocks"]) && shown(&["ledger"]));
    assert!(!shown(&["ledger", "stock"]) && !shown(&["ledger", "restocks"]));
}

/// The story, with this end of its verification.
fn read_to_the_end(story: &Story, reached: Option<bool>) -> Proof {
    let mut told = story.told();
    let end = told.len() - 1;
    let mark = PhaseMark { phase: Phase::Verify, begin: false, note: None, reached };
    told.insert(end, Line { at: told[end].at, event: Event::Phase(mark) });
    judge_lines(&told, &story.expectations)
}

#[test]
fn a_final_state_that_could_not_be_read_accuses_nobody() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Order { order, .. } if order == "o-b"));
    for (reached, judgement) in [(None, Judgement::Violated), (Some(true), Judgement::Violated), (Some(false), Judgement::Undecided)] {
        assert_eq!(of(&read_to_the_end(&story, reached), NoLostOrder).judgement, judgement, "{reached:?}");
    }
}

#[test]
fn what_was_read_before_the_run_was_interrupted_stands() {
    let mut story = Story::sound();
    story.closed = Some(true);
    story.without(|row| matches!(row, Final::Order { order, .. } if order == "o-b"));
    assert_eq!(of(&story.judged(), NoLostOrder).judgement, Judgement::Undecided);
    assert_eq!(of(&read_to_the_end(&story, None), NoLostOrder).judgement, Judgement::Violated);
}

#[test]
fn buyers_have_stopped_arriving_when_the_drain_begins_even_if_nobody_said_so() {
    let story = Story::sound();
    let mut told = story.told();
    told.retain(|line| !matches!(&line.event, Event::Phase(mark) if (mark.phase, mark.begin) == (Phase::Load, false)));
    assert_eq!(of(&judge_lines(&told, &story.expectations), RecoversInTime).judgement, Judgement::Holds);
    told.retain(|line| !matches!(&line.event, Event::Phase(mark) if (mark.phase, mark.begin) == (Phase::Drain, true)));
    assert_eq!(of(&judge_lines(&told, &story.expectations), RecoversInTime).judgement, Judgement::Undecided);
}

#[test]
fn why_the_load_ended_before_its_time_is_told() {
    let mut story = Story::sound();
    story.closed = Some(true);
    let mut told = story.told();
    for line in &mut told {
        if let Event::Phase(mark) = &mut line.event
            && (mark.phase, mark.begin) == (Phase::Load, false)
        {
            mark.note = Some("Ctrl-C".into());
        }
    }
    assert_eq!(piece(&judge_lines(&told, &story.expectations), "history").seen, "the run was interrupted (Ctrl-C)");
}

#[test]
fn a_pass_says_how_much_of_it_was_judged() {
    let proof = Story::sound().judged();
    assert_eq!(proof.reasons, ["12 properties hold, and all evidence is there."]);
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Stock { .. })).hides("stock");
    let proof = story.judged();
    assert_eq!(of(&proof, Conservation).reason.as_deref(), Some("the system under test does not expose \"stock\""));
    let rest = "11 properties hold, and all evidence is there. 1 could not be judged, because the system does not expose what they need.";
    assert_eq!(proof.reasons, [rest]);
}

#[test]
fn a_table_that_nobody_knows_is_answered_with_those_that_there_are() {
    let mut story = Story::sound();
    story.hides("everything");
    let proof = story.judged();
    let needed = &piece(&proof, "tables said not to be exposed").needed;
    assert!(needed.starts_with("one of ledger, productions, restocks, ") && needed.ends_with("restock_ledger, promises"), "{needed}");
}
