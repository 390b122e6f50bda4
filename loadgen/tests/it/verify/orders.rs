//! Lost orders, phantom sales, and everything that only looks like them.

use loadgen::history::event::{Answer, Behaviour, Complete, Event, Final, OpKind, Outcome};
use loadgen::verify::judgement::{Judgement, Verdict};
use loadgen::verify::property::Property::{DlqCapture, NoLostOrder, NoPhantomSale, OneEffect, OperationsInformed};

use super::story::{DONUT, Story, bare, counted, ledger_row, of};

fn is_order(row: &Final, wanted: &str) -> bool {
    matches!(row, Final::Order { order, .. } if order == wanted)
}

#[test]
fn a_sound_story_passes() {
    let proof = Story::sound().violates(&[]);
    assert_eq!(proof.verdict, Verdict::Pass, "{:#?}", proof.reasons);
    assert!(proof.properties.iter().all(|result| result.judgement == Judgement::Holds), "{:#?}", proof.properties);
}

#[test]
fn a_sale_that_is_not_in_the_ledger_is_a_lost_order() {
    let mut story = Story::sound();
    story.without(|row| is_order(row, "o-b")).change(|row| {
        if let Final::Stock { stock, .. } = row {
            *stock += 3;
        }
    });
    let proof = story.violates(&[NoLostOrder]);
    let violation = &of(&proof, NoLostOrder).violations[0];
    assert_eq!(violation.subject, "order o-b");
    assert_eq!(
        violation.sentence,
        format!("Order o-b (3 pieces of {DONUT}) was answered as sold at 0.120 s, but the ledger does not have it.")
    );
    assert_eq!(proof.verdict, Verdict::Fail);
}

#[test]
fn a_sale_with_another_quantity_in_the_ledger_is_a_lost_order() {
    let mut story = Story::sound();
    story.change(|row| match row {
        Final::Order { order, quantity, .. } if order == "o-a" => *quantity = 2,
        Final::Stock { stock, .. } => *stock += 1,
        _ => {}
    });
    story.violates(&[NoLostOrder]);
}

#[test]
fn an_answer_that_names_another_quantity_than_was_asked_for_is_a_lost_order() {
    let mut story = Story::sound();
    let op = story.invoke(600, Some("f"), 2);
    story.answer_sold(610, op, "o-f", 1, 0);
    story.decided(610, "f", 2, true, None);
    story.stock_ends_off_by(-2);
    story.violates(&[NoLostOrder]);
}

#[test]
fn a_lost_answer_whose_sale_is_in_the_ledger_is_recovered() {
    let mut story = Story::sound();
    let op = story.invoke(600, Some("f"), 1);
    story.no_answer(900, op);
    story.decided(600, "f", 1, true, None);
    story.stock_ends_off_by(-1);
    let proof = story.violates(&[]);
    assert_eq!(counted(&proof, NoPhantomSale, "orders without an answer, found sold"), 1);
}

#[test]
fn a_lost_answer_whose_sale_never_was_is_absent() {
    let mut story = Story::sound();
    let op = story.invoke(600, Some("f"), 1);
    story.no_answer(900, op);
    let proof = story.violates(&[]);
    assert_eq!(counted(&proof, NoPhantomSale, "orders without an answer, absent"), 1);
    assert_eq!(proof.verdict, Verdict::Pass, "{:#?}", proof.reasons);
}

#[test]
fn a_double_click_that_is_answered_twice_alike_is_one_order() {
    let mut story = Story::sound();
    let first = story.invoke(600, Some("f"), 1);
    let second = story.attempt(601, OpKind::Purchase, Behaviour::DoubleClick, Some("f"), Some(1));
    story.answer_sold(611, second, "o-f", 1, 1);
    story.answer_sold(612, first, "o-f", 1, 1);
    story.decided(611, "f", 1, true, None);
    story.stock_ends_off_by(-1);
    assert_eq!(story.violates(&[]).verdict, Verdict::Pass);
}

#[test]
fn a_double_click_that_becomes_two_orders_is_a_phantom_sale() {
    let mut story = Story::sound();
    let first = story.invoke(600, Some("f"), 1);
    let second = story.attempt(601, OpKind::Purchase, Behaviour::DoubleClick, Some("f"), Some(1));
    story.answer_sold(611, second, "o-f2", 1, 0);
    story.answer_sold(612, first, "o-f", 1, 1);
    story.decided(611, "f", 1, true, None);
    story.push(ledger_row("o-f2", "f", 1, true));
    story.push(Final::Operation { order: "o-f2".into(), sold: true });
    story.stock_ends_off_by(-2);
    let proof = story.violates(&[NoPhantomSale]);
    assert!(of(&proof, NoPhantomSale).violations[0].sentence.ends_with("is sold 2 times in the ledger, under one key."));
}

#[test]
fn a_shed_attempt_followed_by_a_sold_retry_is_one_sound_order() {
    let mut story = Story::sound();
    let first = story.invoke(600, Some("f"), 1);
    story.answer_shed(602, first);
    let second = story.attempt(700, OpKind::Purchase, Behaviour::Retry, Some("f"), Some(1));
    story.answer_sold(710, second, "o-f", 1, 1);
    story.decided(710, "f", 1, true, None);
    story.stock_ends_off_by(-1);
    story.violates(&[]);
}

#[test]
fn a_shed_order_that_is_sold_all_the_same_is_a_phantom() {
    let mut story = Story::sound();
    let op = story.invoke(600, Some("f"), 1);
    story.answer_shed(602, op);
    story.decided(602, "f", 1, true, None);
    story.stock_ends_off_by(-1);
    story.violates(&[NoPhantomSale]);
}

#[test]
fn an_order_that_was_only_ever_in_flight_is_open_to_both() {
    // The network made a copy, which was faster: the copy is sold, the buyer's own attempt and its repetition are told nothing.
    let mut story = Story::sound();
    let first = story.invoke(600, Some("f"), 1);
    let in_flight = bare(first, Outcome::Fail, Answer::InFlight);
    story.line(602, Event::Complete(in_flight));
    let second = story.attempt(700, OpKind::Purchase, Behaviour::Retry, Some("f"), Some(1));
    story.answer_shed(702, second);
    story.decided(640, "f", 1, true, None);
    story.stock_ends_off_by(-1);
    story.violates(&[]);
}

#[test]
fn a_shed_attempt_and_a_lost_one_leave_the_order_open_to_both() {
    let mut story = Story::sound();
    let first = story.invoke(600, Some("f"), 1);
    story.no_answer(650, first);
    let second = story.attempt(700, OpKind::Purchase, Behaviour::Retry, Some("f"), Some(1));
    story.answer_shed(702, second);
    story.decided(640, "f", 1, true, None);
    story.stock_ends_off_by(-1);
    story.violates(&[]);
}

#[test]
fn sold_on_one_attempt_and_sold_out_on_another_contradict_each_other() {
    let mut story = Story::sound();
    let first = story.invoke(600, Some("f"), 2);
    story.answer_sold(610, first, "o-f", 2, 0);
    let second = story.attempt(620, OpKind::Purchase, Behaviour::Retry, Some("f"), Some(2));
    story.answer_sold_out(630, second, "o-f", (2, 0), Some("p1"));
    story.decided(610, "f", 2, true, None);
    story.stock_ends_off_by(-2);
    let proof = story.violates(&[NoPhantomSale]);
    assert!(of(&proof, NoPhantomSale).violations[0].sentence.contains("contradicts itself"));
}

#[test]
fn a_sale_that_nobody_attempted_is_a_phantom() {
    let mut story = Story::sound();
    story.decided(700, "ghost", 1, true, None);
    story.stock_ends_off_by(-1);
    let proof = story.violates(&[NoPhantomSale]);
    assert!(of(&proof, NoPhantomSale).violations[0].sentence.contains("nobody ever attempted it"));
}

#[test]
fn a_malformed_request_that_is_sold_is_a_phantom_and_one_that_is_refused_is_not() {
    let mut story = Story::sound();
    let op = story.attempt(600, OpKind::Hostile, Behaviour::First, None, None);
    story.answer_bad_request(601, op);
    story.violates(&[]);
    let op = story.attempt(700, OpKind::Hostile, Behaviour::First, None, None);
    story.answer_sold(701, op, "o-h", 0, 7);
    story.violates(&[NoPhantomSale]);
}

#[test]
fn a_hostile_second_body_under_an_honest_key_does_not_spoil_the_honest_order() {
    let mut story = Story::sound();
    let op = story.attempt(600, OpKind::Hostile, Behaviour::First, Some("a"), Some(1));
    story.answer_bad_request(601, op);
    assert_eq!(story.violates(&[]).verdict, Verdict::Pass);
}

#[test]
fn another_body_that_is_sold_under_a_used_key_is_a_second_order_and_not_a_changed_one() {
    let mut story = Story::sound();
    let op = story.attempt(600, OpKind::Hostile, Behaviour::First, Some("a"), Some(1));
    story.answer_sold(610, op, "o-other", 1, 1);
    story.push(ledger_row("o-other", "a", 1, true));
    story.push(Final::Operation { order: "o-other".into(), sold: true });
    story.stock_ends_off_by(-1);
    let proof = story.violates(&[NoPhantomSale]);
    let violation = &of(&proof, NoPhantomSale).violations[0];
    assert!(violation.sentence.contains("under a key that already stood for another order"), "{}", violation.sentence);
    assert_eq!(violation.path.iter().filter(|step| step.hop == "buyer → sales").count(), 1, "{:#?}", violation.path);
}

#[test]
fn orders_without_keys_are_matched_by_order_id() {
    let mut story = Story::sound();
    for (n, key) in ["x", "y"].into_iter().enumerate() {
        let op = story.invoke(600 + n as u64, None, 1);
        story.answer_sold(610 + n as u64, op, &format!("o-{key}"), 1, 1 - n as i64);
        story.decided(610, key, 1, true, None);
    }
    story.change(|row| match row {
        Final::Order { key, .. } if key.as_deref() == Some("x") || key.as_deref() == Some("y") => *key = None,
        Final::Stock { stock, .. } => *stock -= 2,
        _ => {}
    });
    story.violates(&[]);
    story.without(|row| is_order(row, "o-y")).change(|row| {
        if let Final::Stock { stock, .. } = row {
            *stock += 1;
        }
    });
    story.violates(&[NoLostOrder]);
}

#[test]
fn an_order_that_operations_never_heard_of_is_found_by_its_id() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Operation { order, .. } if order == "o-d"));
    let proof = story.violates(&[OperationsInformed]);
    assert_eq!(of(&proof, OperationsInformed).violations[0].sentence, "Order o-d is a refusal, but the operations team never heard of it.");
}

#[test]
fn operations_that_were_told_the_opposite_were_not_informed() {
    let mut story = Story::sound();
    story.change(|row| match row {
        Final::Operation { order, sold } if order == "o-d" => *sold = true,
        _ => {}
    });
    story.violates(&[OperationsInformed]);
}

#[test]
fn operations_without_a_ledger_are_compared_with_the_answers() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Order { .. })).hides("ledger");
    let proof = story.violates(&[]);
    assert_eq!(of(&proof, NoLostOrder).judgement, Judgement::NotJudged);
    assert_eq!(proof.verdict, Verdict::Pass, "{:#?}", proof.reasons);
    story.without(|row| matches!(row, Final::Operation { order, .. } if order == "o-a"));
    story.violates(&[OperationsInformed]);
}

#[test]
fn a_message_that_is_neither_done_nor_captured_is_lost() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Receipt { id, .. } if id == "m-a"));
    let proof = story.violates(&[DlqCapture]);
    let violation = &of(&proof, DlqCapture).violations[0];
    assert_eq!(violation.subject, "message m-a");
    assert!(violation.sentence.contains("it is lost"), "{}", violation.sentence);
}

#[test]
fn goods_that_took_effect_twice_are_two_effects() {
    let mut story = Story::sound();
    story.push(Final::Restock { production: "p1".into(), product: DONUT.into(), quantity: 3 });
    story.stock_ends_off_by(3);
    let proof = story.judged();
    assert_eq!(of(&proof, OneEffect).judgement, Judgement::Violated);
    assert_eq!(of(&proof, OneEffect).violations[0].subject, "production p1");
}

#[test]
fn a_garbled_answer_that_names_another_order_accuses_nobody() {
    let mut story = Story::sound();
    let op = story.invoke(112, Some("a"), 3);
    let garbled = Complete { order: Some("o-zz".to_owned()), ..bare(op, Outcome::Info, Answer::Garbled) };
    story.line(115, Event::Complete(garbled));
    story.violates(&[]);
}
