//! Promises, dead letters, the factory and the mails.

use loadgen::history::event::{BusinessIds, Event, FaultMark, FaultState, Final, QueueDepth};
use loadgen::verify::expectations::PlannedFault;
use loadgen::verify::judgement::{Judgement, Verdict};
use loadgen::verify::property::Property::{
    AdsStopped, Conservation, DlqCapture, EveryPromiseKept, FactoryNotOverrun, NoOverselling, OneEffect,
};

use super::story::{DONUT, Story, counted, factory_call, mail, of};

/// The sound story, but the goods of its production never came, nor the sale from them.
fn goods_never_came() -> Story {
    let mut story = Story::with_stock(10);
    story.sold(100, 110, "a", 9, 1);
    story.refused(200, 210, "d", 4, 1, "p1");
    story.episode("CP-502101#1");
    story.restock("p1", 3, 3, 400);
    story.lines.retain(|line| !matches!(line.event, Event::RestockSeen { .. }));
    story.without(|row| matches!(row, Final::Restock { .. }));
    story.change(|row| {
        if let Final::Production { applied, .. } = row {
            *applied = false;
        }
    });
    story.stock(1);
    story
}

fn dead_letter(queue: &str, production: Option<&str>) -> Final {
    let ids = BusinessIds { message: Some("m-x".into()), production: production.map(str::to_owned), ..BusinessIds::default() };
    Final::DeadLetter { queue: queue.into(), ids, poison: false, body: None }
}

#[test]
fn goods_that_never_came_break_the_promise_to_the_refused_buyer() {
    let proof = goods_never_came().violates(&[EveryPromiseKept]);
    let violation = &of(&proof, EveryPromiseKept).violations[0];
    assert_eq!(
        violation.sentence,
        "Order o-d was refused at 0.210 s and promised production p1, which never arrived and is in no dead-letter queue."
    );
}

#[test]
fn a_promise_in_the_dead_letter_queue_of_the_factory_route_is_kept_in_another_way() {
    let mut story = goods_never_came();
    story.expectations.dead_letters_redriven = false;
    story.push(dead_letter("stock_dlq", Some("p1")));
    let proof = story.violates(&[]);
    assert_eq!(counted(&proof, EveryPromiseKept, "productions in a dead-letter queue"), 1);
}

#[test]
fn a_promise_in_the_dead_letter_queue_of_the_advertisers_is_not_kept() {
    let mut story = goods_never_came();
    story.expectations.dead_letters_redriven = false;
    story.push(dead_letter("ad_dlq", Some("p1")));
    story.violates(&[EveryPromiseKept]);
}

#[test]
fn a_production_that_is_too_small_for_all_it_was_promised_to_breaks_a_promise() {
    let mut story = Story::sound();
    story.refused(215, 225, "d2", 2, 1, "p1");
    // Three pieces were lacking for the first, one or two for the second; four suffice, three do not.
    story.violates(&[EveryPromiseKept]);
    story.change(|row| match row {
        Final::Production { shortage, quantity, .. } => (*shortage, *quantity) = (4, 4),
        Final::Restock { quantity, .. } => *quantity = 4,
        Final::Stock { stock, .. } => *stock += 1,
        _ => {}
    });
    story.violates(&[]);
}

#[test]
fn a_production_marked_applied_without_goods_breaks_a_promise() {
    let mut story = goods_never_came();
    story.change(|row| {
        if let Final::Production { applied, .. } = row {
            *applied = true;
        }
    });
    let proof = story.violates(&[EveryPromiseKept]);
    assert!(of(&proof, EveryPromiseKept).violations[0].sentence.contains("no goods were ever added"));
}

#[test]
fn a_short_delivery_whose_remainder_is_made_again_keeps_the_promise() {
    let story = |remainder: bool| {
        let mut story = Story::with_stock(0);
        story.refused(200, 210, "d", 4, 0, "p1");
        story.episode("CP-502101#1");
        story.restock("p1", 4, 4, 400);
        story.change(|row| {
            if let Final::Restock { quantity, .. } = row {
                *quantity = 1;
            }
        });
        if remainder {
            story.restock("p2", 3, 3, 900);
        }
        story.stock(if remainder { 4 } else { 1 });
        story.expectations.min_sold = 0;
        story
    };
    story(true).violates(&[]);
    let proof = story(false).violates(&[EveryPromiseKept]);
    assert!(of(&proof, EveryPromiseKept).violations[0].sentence.contains("only 1 ever came"));
}

#[test]
fn refusals_that_name_no_production_are_judged_in_sum() {
    let story = |came: u64| {
        let mut story = Story::with_stock(0);
        for key in ["a", "b", "c"] {
            let op = story.invoke(100, Some(key), 2);
            story.answer_sold_out(110, op, &format!("o-{key}"), (2, 0), None);
            story.decided(110, key, 2, false, None);
        }
        story.episode("CP-502101#1");
        story.restock("f1", came, came, 400);
        story.stock(came as i64);
        story
    };
    story(6).violates(&[]);
    story(5).violates(&[EveryPromiseKept]);
    let mut captured = story(5);
    captured.expectations.dead_letters_redriven = false;
    captured.push(dead_letter("stock_dlq", None));
    let proof = captured.violates(&[]);
    assert_eq!(of(&proof, EveryPromiseKept).judgement, Judgement::Undecided);
}

#[test]
fn an_unfinished_drain_leaves_the_promise_undecided() {
    let mut story = goods_never_came();
    story.drained = Some(false);
    let proof = story.violates(&[]);
    assert_eq!(of(&proof, EveryPromiseKept).judgement, Judgement::Undecided);
    assert_eq!(proof.verdict, Verdict::Unknown);
}

#[test]
fn a_dead_letter_that_is_no_poison_must_not_remain_after_it_was_moved_back() {
    let mut story = Story::sound();
    story.push(dead_letter("operations_dlq", None));
    story.violates(&[DlqCapture]);
    story.expectations.dead_letters_redriven = false;
    story.violates(&[]);
}

#[test]
fn a_message_captured_instead_of_done_is_not_lost() {
    let mut story = Story::sound();
    story.expectations.dead_letters_redriven = false;
    story.without(|row| matches!(row, Final::Receipt { id, .. } if id == "m-a"));
    let ids = BusinessIds { message: Some("m-a".into()), order: Some("o-a".into()), ..BusinessIds::default() };
    story.push(Final::DeadLetter { queue: "operations_dlq".into(), ids, poison: false, body: None });
    story.without(|row| matches!(row, Final::Operation { order, .. } if order == "o-a"));
    story.violates(&[]);
}

#[test]
fn a_message_captured_from_another_consumer_is_lost_for_this_one() {
    let mut story = Story::sound();
    story.expectations.dead_letters_redriven = false;
    story.without(|row| matches!(row, Final::Receipt { consumer, id } if consumer == "replenish" && id == "p1"));
    story.push(dead_letter("ad_dlq", Some("p1")));
    story.violates(&[DlqCapture]);
}

#[test]
fn a_queue_that_still_holds_something_at_rest_is_a_leftover() {
    let mut story = Story::sound();
    story.push(Final::Queue(QueueDepth { queue: "ad_queue".into(), dead_letter: false, visible: 1, in_flight: 0, delayed: 0 }));
    let proof = story.violates(&[DlqCapture]);
    assert_eq!(of(&proof, DlqCapture).violations[0].sentence, "ad_queue still holds 1 after everything had come to rest.");
}

#[test]
fn injected_poison_must_end_in_a_dead_letter_queue() {
    let mut story = Story::sound();
    story.expectations.faults.push(PlannedFault { rule: "poison".into(), poison: true });
    let ids = BusinessIds { message: Some("bad-1".into()), ..BusinessIds::default() };
    for (at, state) in [(100, FaultState::Effective), (100, FaultState::Fired), (200, FaultState::Healed)] {
        let ids = if state == FaultState::Fired { ids.clone() } else { BusinessIds::default() };
        story.line(at, Event::Fault(FaultMark { rule: "poison".into(), state, hop: None, ids, note: None }));
    }
    let lost = story.judged();
    assert_eq!(of(&lost, DlqCapture).judgement, Judgement::Violated);
    story.push(Final::DeadLetter { queue: "stock_dlq".into(), ids, poison: true, body: None });
    assert_eq!(of(&story.judged(), DlqCapture).judgement, Judgement::Holds);
}

#[test]
fn the_observer_may_see_a_message_twice_and_a_rerequest_shares_its_production() {
    let mut story = Story::sound();
    story.requested(250, "p1", None);
    story.requested(250, "p1", None);
    story.requested(300, "p1", Some("CP-502101#1"));
    story.violates(&[]);
}

#[test]
fn messages_without_any_business_id_leave_the_capture_undecided() {
    let mut story = Story::sound();
    story.lines.iter_mut().for_each(|line| {
        if let Event::Published(published) = &mut line.event {
            published.ids = BusinessIds::default();
        }
    });
    let proof = story.violates(&[]);
    assert_eq!(of(&proof, DlqCapture).judgement, Judgement::Undecided);
}

#[test]
fn goods_that_nobody_ordered_are_an_effect_too_many() {
    let mut story = Story::sound();
    story.push(Final::Restock { production: "px".into(), product: DONUT.into(), quantity: 1 });
    story.stock_ends_off_by(1);
    story.violates(&[OneEffect]);
}

#[test]
fn more_goods_than_were_asked_for_are_an_effect_too_many() {
    let mut story = Story::sound();
    story.change(|row| match row {
        Final::Restock { quantity, .. } => *quantity = 4,
        Final::Stock { stock, .. } => *stock += 1,
        _ => {}
    });
    story.violates(&[OneEffect]);
}

#[test]
fn a_callback_delivered_twice_that_took_effect_once_is_sound() {
    let mut story = Story::sound();
    story.change(|row| {
        if let Final::FactoryCall { callbacks, .. } = row {
            *callbacks = 3;
        }
    });
    story.expectations.min_redeliveries = 2;
    assert_eq!(story.violates(&[]).verdict, Verdict::Pass);
}

#[test]
fn a_second_effect_without_a_row_breaks_conservation() {
    let mut story = Story::sound();
    story.stock_ends_off_by(3);
    story.violates(&[Conservation]);
}

#[test]
fn more_calls_in_flight_than_the_factory_bears_overrun_it() {
    let story = |calls: u64| {
        let mut story = Story::sound();
        for n in 0..calls {
            // They name one production, so they are one order; but they are as many calls.
            story.push(factory_call(Some("p1"), 3, 300, 310 + n));
        }
        story
    };
    story(1).violates(&[]);
    story(2).violates(&[FactoryNotOverrun]);
}

#[test]
fn two_open_orders_of_one_product_overrun_the_factory_unless_they_are_one_production_asked_twice() {
    let open = |production: &str| {
        let mut story = Story::sound();
        story.push(factory_call(Some(production), 3, 304, 340));
        story.push(Final::Production { production: "p2".into(), product: DONUT.into(), quantity: 3, shortage: 0, applied: false });
        story
    };
    open("p1").violates(&[]);
    open("p2").violates(&[FactoryNotOverrun]);
}

#[test]
fn the_next_order_may_be_placed_as_soon_as_the_goods_are_ready() {
    let mut story = Story::sound();
    story.push(factory_call(Some("p2"), 3, 310, 340));
    story.violates(&[]);
}

#[test]
fn a_hundred_calls_that_all_took_effect_made_more_than_was_missing() {
    let mut story = Story::sound();
    for n in 0..10u64 {
        let production = format!("extra-{n}");
        story.restock(&production, 3, 3, 1_000 + n * 200);
    }
    story.stock_ends_off_by(30);
    let proof = story.violates(&[FactoryNotOverrun]);
    assert!(of(&proof, FactoryNotOverrun).violations[0].sentence.starts_with(&format!("33 pieces of {DONUT} were produced")));
}

#[test]
fn an_episode_without_a_mail_lets_the_ads_run() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Mail { .. }));
    let proof = story.violates(&[AdsStopped]);
    assert_eq!(of(&proof, AdsStopped).violations[0].subject, "episode CP-502101#1");
    // A mail that names no episode can stand for it; one about another product cannot.
    story.push(mail(Some("CP-502101#1"), "another"));
    story.violates(&[AdsStopped]);
    story.push(mail(None, DONUT));
    story.violates(&[]);
}

#[test]
fn mails_repeated_for_lost_answers_are_no_storm_but_a_dozen_is() {
    let mut story = Story::sound();
    story.push(mail(Some("CP-502101#1"), DONUT)).push(mail(Some("CP-502101#1"), DONUT));
    story.violates(&[]);
    for _ in 0..9 {
        story.push(mail(Some("CP-502101#1"), DONUT));
    }
    let proof = story.violates(&[AdsStopped]);
    assert!(of(&proof, AdsStopped).violations[0].sentence.contains("12 mails"));
}

#[test]
fn refusals_without_any_episode_in_the_ledger_let_the_ads_run() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Mail { .. } | Final::Episode { .. }));
    story.violates(&[AdsStopped]);
}

#[test]
fn what_is_not_shown_is_not_judged_and_named() {
    let mut story = Story::sound();
    story.without(|row| {
        matches!(row, Final::Restock { .. } | Final::Production { .. } | Final::FactoryCall { .. } | Final::FactoryLimits { .. })
    });
    story.hides("restocks").hides("productions").hides("factory");
    let proof = story.violates(&[]);
    for property in [Conservation, NoOverselling, EveryPromiseKept, OneEffect, FactoryNotOverrun] {
        assert_eq!(of(&proof, property).judgement, Judgement::NotJudged, "{property:?}");
        assert!(of(&proof, property).reason.as_deref().unwrap().contains("does not expose"));
    }
    assert_eq!(proof.verdict, Verdict::Pass, "{:#?}", proof.reasons);
}

#[test]
fn a_second_answer_that_promises_another_production_must_be_kept_too() {
    let mut story = Story::sound();
    let op = story.invoke(215, Some("d"), 4);
    story.answer_sold_out(220, op, "o-d", (4, 1), Some("p-never"));
    let proof = story.violates(&[EveryPromiseKept]);
    let path = &of(&proof, EveryPromiseKept).violations[0].path;
    assert!(path.iter().any(|step| step.what.contains("p-never")), "{path:#?}");
}
