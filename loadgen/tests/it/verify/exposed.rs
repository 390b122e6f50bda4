//! What came to light when the pipeline made mistakes on purpose: each of these runs once passed, or was found by luck.

use loadgen::history::event::{
    Answer, Behaviour, BusinessIds, Event, FaultMark, FaultState, Final, OpKind, Outcome, Passed, QueueDepth, Sample,
};
use loadgen::verify::expectations::PlannedFault;
use loadgen::verify::judgement::Judgement;
use loadgen::verify::property::Property::{
    AdsStopped, Conservation, DlqCapture, EveryPromiseKept, FactoryNotOverrun, OneEffect, OperationsInformed, RecoversInTime,
};

use super::story::{DONUT, Story, bare, counted, factory_call, mail, of};

#[test]
fn an_event_that_operations_sees_twice_took_effect_twice() {
    let mut story = Story::sound();
    story.push(Final::Operation { order: "o-a".into(), sold: true });
    let proof = story.violates(&[OneEffect]);
    assert_eq!(of(&proof, OneEffect).violations[0].sentence, "Order o-a stands more than once in what the operations team sees.");
}

#[test]
fn an_event_of_an_order_that_does_not_exist_misinforms_operations() {
    let mut story = Story::sound();
    story.push(Final::Operation { order: "o-z".into(), sold: true });
    let proof = story.violates(&[OperationsInformed]);
    assert_eq!(of(&proof, OperationsInformed).violations[0].sentence, "Order o-z does not exist, but the operations team was told of it.");
}

/// A refusal whose production is open when the drain is given up, half a second after it began; nothing was under way from `idle_from` on.
fn promise_left_open(idle_from: u64) -> Story {
    let mut story = Story::with_stock(1);
    story.refused(200, 210, "d", 4, 1, "p1");
    story.episode("CP-502101#1");
    story.requested(300, "p1", None);
    story.push(Final::Receipt { consumer: "replenish".into(), id: "p1".into() });
    let shortage = 3;
    story.push(Final::Production { production: "p1".into(), product: DONUT.into(), quantity: 3, shortage, applied: false });
    story.stock(1);
    for at in (10_000..10_500).step_by(50) {
        story.queues(at + 10, u64::from(at < idle_from));
    }
    story.drained = Some(false);
    story.expectations.recovery_bound = 300_000;
    story
}

#[test]
fn a_promise_that_nobody_works_on_any_more_is_broken() {
    let proof = promise_left_open(10_000).violates(&[EveryPromiseKept, RecoversInTime]);
    assert!(of(&proof, EveryPromiseKept).violations[0].sentence.contains("which never arrived"));
}

#[test]
fn a_promise_that_somebody_may_still_work_on_is_undecided() {
    let proof = promise_left_open(10_300).violates(&[RecoversInTime]);
    assert_eq!(of(&proof, EveryPromiseKept).judgement, Judgement::Undecided);
}

/// So many calls for one production on their way to the factory, so many ms apart.
fn asked(times: u64, apart: u64) -> Story {
    let mut story = Story::sound();
    for n in 0..times {
        let at = 1_000 + n * apart;
        let call = Passed {
            hop: "factory".into(),
            what: "POST /api/manufactures".into(),
            ids: vec!["p1".into()],
            began: at * 1_000,
            took: 500,
            status: None,
            upstream: None,
            rules: vec!["down".into()],
            note: None,
        };
        story.line(at, Event::Passed(call));
    }
    story
}

#[test]
fn a_factory_that_is_asked_without_pause_is_overrun() {
    let proof = asked(26, 38).violates(&[FactoryNotOverrun]);
    let sentence = &of(&proof, FactoryNotOverrun).violations[0].sentence;
    assert_eq!(sentence, "The factory was asked 26 times for one production within the second before 1.950 s; 25 would be plenty.");
}

#[test]
fn a_factory_that_is_asked_with_pauses_is_not_overrun_however_often() {
    asked(100, 40).violates(&[]);
}

/// Ten pages a second for forty seconds; those sent from `lost` to `found` get no answer, and no fault is to blame.
fn served_but_for(lost: u64, found: u64) -> Story {
    let mut story = Story::sound();
    story.load_ends = 40_000;
    for n in 0..400u64 {
        let at = n * 100 + 1;
        let op = story.attempt(at, OpKind::Browse, Behaviour::First, None, None);
        let outcome = if (lost..found).contains(&(at / 1_000)) { Outcome::Info } else { Outcome::Ok };
        story.line(at + 5, Event::Complete(bare(op, outcome, Answer::Browsed)));
    }
    story.expectations.recovery_bound = 20_000_000;
    story
}

#[test]
fn throughput_that_falls_without_a_fault_and_stays_down_does_not_recover() {
    let proof = served_but_for(12, 40).violates(&[RecoversInTime]);
    let sentence = &of(&proof, RecoversInTime).violations[0].sentence;
    assert!(sentence.contains("fell below 90 % of its own beginning at 12.000 s"), "{sentence}");
}

#[test]
fn throughput_that_falls_without_a_fault_and_comes_back_recovers() {
    served_but_for(12, 39).violates(&[]);
    // Too late in the run to say that it would not have come back.
    served_but_for(30, 40).violates(&[]);
}

#[test]
fn a_mail_whose_answer_was_lost_explains_one_more() {
    let mut story = Story::sound();
    // Four with the one that the story sends.
    for _ in 0..3 {
        story.push(mail(Some("CP-502101#1"), DONUT));
    }
    story.violates(&[AdsStopped]);
    let call = Passed {
        hop: "aws.advertising".into(),
        what: "SendEmail".into(),
        ids: Vec::new(),
        began: 500_000,
        took: 500,
        status: None,
        upstream: Some(200),
        rules: vec!["mail answers".into()],
        note: None,
    };
    story.line(500, Event::Passed(call));
    story.violates(&[]);
}

#[test]
fn where_everything_can_be_handled_nothing_may_be_put_away() {
    let mut story = Story::sound();
    let dead = QueueDepth { queue: "ad_dlq".into(), dead_letter: true, visible: 1, in_flight: 0, delayed: 0 };
    story.line(600, Event::Sample(Sample { began: 600_000, queues: vec![dead], ..Sample::default() }));
    story.violates(&[]);
    story.expectations.most_dead_letters = Some(1);
    story.violates(&[]);
    story.expectations.most_dead_letters = Some(0);
    story.violates(&[DlqCapture]);
}

#[test]
fn without_a_ledger_operations_must_know_what_buyers_were_told() {
    let hidden = || {
        let mut story = Story::sound();
        story.hides("ledger");
        story
    };
    hidden().violates(&[]);
    let mut sale = hidden();
    sale.without(|row| matches!(row, Final::Operation { order, .. } if order == "o-b"));
    let proof = sale.violates(&[OperationsInformed]);
    assert_eq!(of(&proof, OperationsInformed).violations[0].sentence, "Order o-b is a sale, but the operations team never heard of it.");
    let mut refusal = hidden();
    refusal.without(|row| matches!(row, Final::Operation { order, .. } if order == "o-d"));
    let proof = refusal.violates(&[OperationsInformed]);
    assert_eq!(of(&proof, OperationsInformed).violations[0].sentence, "Order o-d is a refusal, but the operations team never heard of it.");
}

#[test]
fn answers_without_an_order_id_leave_it_open_what_operations_should_know_unless_a_ledger_tells() {
    let nameless = |hidden: bool| {
        let mut story = Story::sound();
        if hidden {
            story.without(|row| matches!(row, Final::Order { .. })).hides("ledger");
        }
        let mut keys = 0;
        story.lines.iter_mut().for_each(|line| {
            if let Event::Complete(complete) = &mut line.event
                && complete.order.as_deref().is_some_and(|order| order == "o-b" || order == "o-d")
            {
                complete.order = None;
                keys += 1;
            }
        });
        assert_eq!(keys, 2, "a sale and a refusal");
        story.judged()
    };
    let open = nameless(true);
    let result = of(&open, OperationsInformed);
    assert_eq!(result.judgement, Judgement::Undecided);
    assert_eq!(result.reason.as_deref(), Some("2 answers carry no order id, and there is no ledger to tell what operations should know"));
    assert_eq!(of(&nameless(false), OperationsInformed).judgement, Judgement::Holds);
}

#[test]
fn what_operations_knows_beside_the_orders_is_counted() {
    let mut story = Story::sound();
    story.expectations.dead_letters_redriven = false;
    story.push(Final::Operation { order: "o-y".into(), sold: true });
    story.push(Final::Operation { order: "o-z".into(), sold: false });
    for key in ["a", "b"] {
        story.finals.retain(|row| !matches!(row, Final::Operation { order, .. } if *order == format!("o-{key}")));
        let ids = BusinessIds { message: Some(format!("m-{key}")), order: Some(format!("o-{key}")), ..BusinessIds::default() };
        story.push(Final::DeadLetter { queue: "operations_dlq".into(), ids, poison: false, body: None });
    }
    let proof = story.judged();
    assert_eq!(counted(&proof, OperationsInformed, "operations that belong to no known order"), 2);
    assert_eq!(counted(&proof, OperationsInformed, "events in the operations team's dead-letter queue"), 2);
    assert_eq!(counted(&proof, OperationsInformed, "orders that operations knows"), 3);
}

#[test]
fn who_was_refused_and_also_told_to_wait_was_refused() {
    // Were it not known how the order ended, its pieces would explain a stock that is too low.
    let mut story = Story::with_stock(10);
    story.hides("ledger");
    story.sold(100, 110, "a", 3, 7);
    let first = story.invoke(200, Some("d"), 8);
    let second = story.attempt(201, OpKind::Purchase, Behaviour::DoubleClick, Some("d"), Some(8));
    story.answer_sold_out(210, first, "o-d", (8, 7), None);
    story.line(211, Event::Complete(bare(second, Outcome::Fail, Answer::InFlight)));
    story.stock(-1);
    let proof = story.judged();
    assert!(!of(&proof, Conservation).violations.is_empty(), "{:#?}", proof.reasons);
}

#[test]
fn two_bursts_of_calls_far_apart_are_two_and_not_one() {
    let burst = |story: &mut Story, from: u64, calls: u64| {
        story.lines.extend(asked(calls, 20).lines.into_iter().filter_map(|mut line| {
            line.at += from * 1_000;
            match &mut line.event {
                Event::Passed(call) => call.began += from * 1_000,
                _ => return None,
            }
            Some(line)
        }))
    };
    let mut story = Story::sound();
    burst(&mut story, 0, 20);
    burst(&mut story, 4_000, 20);
    assert_eq!(counted(&story.violates(&[]), FactoryNotOverrun, "most calls for one production within a second"), 20);
    let mut story = Story::sound();
    burst(&mut story, 0, 20);
    burst(&mut story, 4_000, 30);
    burst(&mut story, 8_000, 30);
    let proof = story.violates(&[FactoryNotOverrun]);
    let sentence = &of(&proof, FactoryNotOverrun).violations[0].sentence;
    assert_eq!(sentence, "The factory was asked 30 times for one production within the second before 5.580 s; 25 would be plenty.");
}

#[test]
fn goods_from_a_factory_whose_log_shows_no_call_leave_it_open_what_it_was_asked() {
    let silent = |came: bool| {
        let mut story = Story::sound();
        story.finals.retain(|row| !matches!(row, Final::FactoryCall { .. }) && (came || !matches!(row, Final::Restock { .. })));
        of(&story.judged(), FactoryNotOverrun).judgement
    };
    assert_eq!((silent(true), silent(false)), (Judgement::Undecided, Judgement::Holds));
}

#[test]
fn an_order_reported_back_at_a_time_that_nobody_knows_is_not_held_against_the_next() {
    let next = |reported: u32| {
        let mut story = Story::sound();
        story.change(|row| {
            if let Final::FactoryCall { produced_unix_us, callbacks, .. } = row {
                (*produced_unix_us, *callbacks) = (None, reported);
            }
        });
        story.push(factory_call(Some("p2"), 1, 700, 710));
        of(&story.judged(), FactoryNotOverrun).violations.len()
    };
    assert_eq!((next(0), next(1)), (1, 0));
}

#[test]
fn goods_ordered_twice_that_have_not_come_count_as_the_larger_order() {
    for quantities in [[2, 5], [5, 2]] {
        let mut story = Story::sound();
        for (n, quantity) in (0u64..).zip(quantities) {
            story.push(factory_call(Some("p2"), quantity, 700 + 20 * n, 710 + 20 * n));
        }
        assert_eq!(counted(&story.judged(), FactoryNotOverrun, "pieces produced"), 3 + 5);
    }
}

#[test]
fn a_dead_letter_that_lost_its_ids_stands_for_one_piece_of_poison_if_it_is_poison() {
    let lost = |letter: Option<(bool, bool)>| {
        let mut story = Story::sound();
        story.expectations.dead_letters_redriven = false;
        story.expectations.faults.push(PlannedFault { rule: "poison".into(), poison: true });
        let ids = |named: bool| BusinessIds { message: named.then(|| "bad-2".to_owned()), ..BusinessIds::default() };
        let fired = BusinessIds { message: Some("bad-1".into()), ..BusinessIds::default() };
        story.line(100, Event::Fault(FaultMark { rule: "poison".into(), state: FaultState::Fired, hop: None, ids: fired, note: None }));
        if let Some((poison, named)) = letter {
            story.push(Final::DeadLetter { queue: "ad_dlq".into(), ids: ids(named), poison, body: None });
        }
        of(&story.judged(), DlqCapture).violations.len()
    };
    assert_eq!((lost(None), lost(Some((true, false)))), (1, 0));
    assert_eq!((lost(Some((true, true))), lost(Some((false, false)))), (1, 1));
}
