//! What came to light when the pipeline made mistakes on purpose: each of these runs once passed, or was found by luck.

use loadgen::history::event::{Answer, Behaviour, Event, Final, OpKind, Outcome, Passed, QueueDepth, Sample};
use loadgen::verify::judgement::Judgement;
use loadgen::verify::property::Property::{
    AdsStopped, DlqCapture, EveryPromiseKept, FactoryNotOverrun, OneEffect, OperationsInformed, RecoversInTime,
};

use super::story::{DONUT, Story, bare, mail, of};

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
