//! Conservation, overselling, wrong refusals: where time and interleaving matter.

use loadgen::history::event::Final;
use loadgen::verify::judgement::{Judgement, Verdict};
use loadgen::verify::property::Property::{Conservation, NoOverselling, NoWrongRefusal};

use super::story::{DONUT, Story, of};

/// Two sales of five from a stock of six, and a production of five in between.
fn race(restock_asked_at: u64, second_sale_done_at: u64) -> Story {
    let mut story = Story::with_stock(6);
    story.sold(100, 110, "a", 5, 1);
    story.refused(restock_asked_at, 400, "b", 5, 1, "p1");
    story.episode("CP-502101#1");
    story.restock("p1", 5, 5, 900);
    story.sold(200, second_sale_done_at, "c", 5, 1);
    story.stock(1);
    story
}

#[test]
fn a_piece_that_vanished_breaks_conservation_and_says_how_many() {
    let mut story = Story::sound();
    story.stock_ends_off_by(-1);
    let proof = story.violates(&[Conservation]);
    assert_eq!(
        of(&proof, Conservation).violations[0].sentence,
        format!("{DONUT} does not add up: 10 at the start + 3 restocked − 11 sold is not the 1 at the end: 1 piece vanished.")
    );
}

#[test]
fn an_adjustment_by_the_administration_is_part_of_the_sum() {
    let mut story = Story::sound();
    story.push(Final::Adjustment { product: DONUT.into(), delta: -2 });
    story.violates(&[Conservation]);
    story.stock_ends_off_by(-2);
    story.violates(&[]);
}

#[test]
fn without_a_ledger_the_final_stock_must_lie_between_what_answers_allow() {
    let mut story = Story::sound();
    let op = story.invoke(600, Some("f"), 1);
    story.no_answer(900, op);
    story.without(|row| matches!(row, Final::Order { .. })).hides("ledger");
    story.violates(&[]);
    let set = |story: &mut Story, pieces: i64| {
        story.change(|row| {
            if let Final::Stock { stock, .. } = row {
                *stock = pieces;
            }
        });
    };
    set(&mut story, 1);
    story.violates(&[]);
    set(&mut story, 0);
    story.violates(&[Conservation]);
    set(&mut story, 3);
    story.violates(&[Conservation]);
}

#[test]
fn stock_below_zero_in_a_sample_is_overselling() {
    let mut story = Story::sound();
    story.sample(300, 301, -1);
    let proof = story.violates(&[NoOverselling]);
    assert_eq!(
        of(&proof, NoOverselling).violations[0].sentence,
        format!("The stock of {DONUT} was -1, below zero, in a sample at 0.301 s.")
    );
}

#[test]
fn more_sold_than_there_can_have_been_is_overselling_even_when_goods_come_later() {
    // The refusal that started the production was sent at 300; the second sale was complete at 290.
    let proof = race(300, 290).violates(&[NoOverselling]);
    let violation = &of(&proof, NoOverselling).violations[0];
    assert!(violation.sentence.starts_with("By 0.290 s 10 pieces"), "{}", violation.sentence);
}

#[test]
fn two_sales_that_race_a_restock_are_innocent_when_the_goods_may_have_been_there() {
    // The same, but the refusal was sent before the second sale was complete: production may be that fast.
    race(280, 290).violates(&[]);
    // In the very same microsecond, too.
    race(290, 290).violates(&[]);
}

#[test]
fn a_production_of_an_order_without_an_answer_may_have_come_as_early_as_that_order() {
    let mut story = Story::with_stock(1);
    let op = story.invoke(100, Some("quiet"), 3);
    story.no_answer(150, op);
    story.decided(150, "quiet", 3, false, Some("p1"));
    story.episode("CP-502101#1");
    story.restock("p1", 3, 3, 900);
    story.sold(300, 310, "a", 3, 1);
    story.stock(1);
    story.violates(&[]);
}

#[test]
fn a_refusal_while_stock_sufficed_is_wrong() {
    let mut story = Story::sound();
    story.refused(50, 60, "early", 2, 0, "p1");
    story.finals.iter_mut().for_each(|row| {
        if let Final::Production { shortage, quantity, .. } = row {
            (*shortage, *quantity) = (5, 5);
        }
    });
    story.change(|row| match row {
        Final::Restock { quantity, .. } => *quantity = 5,
        Final::Stock { stock, .. } => *stock += 2,
        _ => {}
    });
    let proof = story.violates(&[NoWrongRefusal]);
    let violation = &of(&proof, NoWrongRefusal).violations[0];
    assert_eq!(violation.subject, "order o-early");
    assert!(violation.sentence.contains("although at least 10 were there all the time from 0.050 s to 0.060 s"), "{}", violation.sentence);
}

#[test]
fn a_refusal_that_overlaps_the_sale_of_the_last_pieces_is_innocent() {
    let mut story = Story::with_stock(3);
    // The sale is only complete after the refusal, but it was sent before it ended: it may have come first.
    story.sold(100, 300, "a", 3, 0);
    story.refused(90, 110, "b", 1, 0, "p1");
    story.episode("CP-502101#1");
    story.restock("p1", 1, 1, 900);
    story.stock(1);
    story.violates(&[]);
}

#[test]
fn a_refusal_that_ended_before_the_sale_of_the_last_pieces_was_sent_is_wrong() {
    let mut story = Story::with_stock(3);
    story.sold(111, 300, "a", 3, 0);
    story.refused(90, 110, "b", 1, 0, "p1");
    story.episode("CP-502101#1");
    story.restock("p1", 1, 1, 900);
    story.stock(1);
    story.violates(&[NoWrongRefusal]);
}

#[test]
fn an_order_without_an_answer_explains_a_refusal_only_if_it_is_in_the_ledger() {
    let story = |in_ledger: bool| {
        let mut story = Story::with_stock(3);
        let op = story.invoke(50, Some("quiet"), 3);
        story.no_answer(80, op);
        if in_ledger {
            story.decided(80, "quiet", 3, true, None);
        }
        story.sold(600, 610, "later", 1, if in_ledger { 0 } else { 2 });
        story.refused(90, 110, "b", 1, 0, "p1");
        story.episode("CP-502101#1");
        story.restock("p1", 1, 1, 300);
        story.stock(if in_ledger { 0 } else { 3 });
        story
    };
    story(true).violates(&[]);
    story(false).violates(&[NoWrongRefusal]);
}

#[test]
fn a_refusal_right_after_a_restock_was_seen_is_wrong_but_before_it_is_not() {
    let story = |from: u64| {
        let mut story = Story::with_stock(1);
        story.sold(10, 20, "a", 1, 0);
        story.refused(100, 110, "b", 4, 0, "p1");
        story.restock("p1", 4, 4, 400);
        story.episode("CP-502101#1");
        story.refused(from, from + 10, "c", 2, 0, "p2");
        story.restock("p2", 2, 2, 900);
        story.stock(6);
        story
    };
    story(395).violates(&[]);
    story(401).violates(&[NoWrongRefusal]);
}

#[test]
fn a_sample_proves_a_restock_that_nobody_saw_arrive() {
    let story = |sampled: bool| {
        let mut story = Story::with_stock(1);
        story.sold(10, 20, "a", 1, 0);
        story.refused(100, 110, "b", 4, 0, "p1");
        story.restock("p1", 4, 4, 9_000);
        story.episode("CP-502101#1");
        if sampled {
            story.sample(290, 300, 4);
        }
        story.refused(395, 405, "c", 2, 0, "p2");
        story.restock("p2", 2, 2, 9_500);
        story.stock(6);
        story
    };
    story(false).violates(&[]);
    story(true).violates(&[NoWrongRefusal]);
}

#[test]
fn a_sample_that_a_sale_in_flight_may_have_missed_proves_no_restock() {
    let mut story = Story::with_stock(4);
    // Four are read while the sale of four is under way: nothing follows from it.
    story.sample(90, 150, 4);
    story.sold(100, 120, "a", 4, 0);
    story.refused(200, 210, "b", 4, 0, "p1");
    story.restock("p1", 4, 4, 900);
    story.episode("CP-502101#1");
    story.stock(4);
    story.violates(&[]);
}

#[test]
fn a_refused_retry_counts_from_its_first_attempt() {
    let mut story = Story::with_stock(1);
    story.sold(10, 20, "a", 1, 0);
    // Decided on the first attempt, whose answer was lost; answered again, from memory, after the goods had come.
    let first = story.invoke(100, Some("b"), 2);
    story.no_answer(200, first);
    story.restock("p1", 2, 2, 300);
    story.episode("CP-502101#1");
    let second =
        story.attempt(400, loadgen::history::event::OpKind::Purchase, loadgen::history::event::Behaviour::Retry, Some("b"), Some(2));
    story.answer_sold_out(410, second, "o-b", (2, 0), Some("p1"));
    story.decided(150, "b", 2, false, Some("p1"));
    story.stock(2);
    story.violates(&[]);
}

#[test]
fn stock_that_is_not_shown_leaves_conservation_unjudged_and_the_verdict_alone() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Stock { .. })).hides("stock");
    let proof = story.violates(&[]);
    assert_eq!(of(&proof, Conservation).judgement, Judgement::NotJudged);
    assert_eq!(proof.verdict, Verdict::Pass);
}
