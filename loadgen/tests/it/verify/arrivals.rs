//! When goods may first have been there: no earlier than the first refusal that they can have been made for.

use loadgen::history::event::{Behaviour, Event, Final, OpKind};
use loadgen::verify::property::Property::{NoOverselling, NoWrongRefusal};

use super::story::{DONUT, Story, of};

/// One piece, two of which were sold by 300; a refusal sent at 400 was promised the goods of `p1`, which were seen at 700.
fn early() -> Story {
    let mut story = Story::with_stock(1);
    story.sold(100, 110, "a", 1, 0);
    story.sold(200, 300, "b", 1, 0);
    story.refused(400, 450, "c", 1, 0, "p1");
    story.restock("p1", 1, 1, 700);
    story
}

fn oversold(with: impl FnOnce(&mut Story)) -> bool {
    let mut story = early();
    with(&mut story);
    !of(&story.judged(), NoOverselling).violations.is_empty()
}

#[test]
fn goods_are_not_there_before_the_first_refusal_that_was_promised_them() {
    assert!(oversold(|_| ()));
}

#[test]
fn a_refusal_that_names_no_production_may_have_been_the_first() {
    assert!(!oversold(|story| {
        let op = story.invoke(150, Some("d"), 1);
        story.answer_sold_out(160, op, "o-d", (1, 0), None);
    }));
    assert!(oversold(|story| {
        let op = story.invoke(150, Some("d"), 1);
        story.answer_shed(160, op);
    }));
}

#[test]
fn a_refusal_that_only_the_ledger_tells_of_may_have_been_the_first_too() {
    // Its answer was lost, or it was never seen to be attempted at all: then nobody knows when.
    assert!(!oversold(|story| {
        let op = story.invoke(150, Some("d"), 1);
        story.no_answer(160, op);
        story.decided(150, "d", 1, false, None);
    }));
    assert!(!oversold(|story| {
        let (order, product) = ("o-z".to_owned(), DONUT.to_owned());
        story.push(Final::Order { order, key: None, product, quantity: 1, sold: false, production: None });
    }));
}

#[test]
fn an_order_without_an_answer_may_have_been_refused_unless_a_ledger_says_that_it_was_not() {
    let silent = |story: &mut Story| {
        let op = story.invoke(150, Some("d"), 1);
        story.no_answer(160, op);
    };
    assert!(oversold(silent));
    assert!(!oversold(|story| {
        silent(story);
        story.without(|row| matches!(row, Final::Order { .. })).hides("ledger");
    }));
}

#[test]
fn goods_that_raised_another_product_than_was_ordered_may_have_come_at_any_time() {
    assert!(!oversold(|story| {
        for line in &mut story.lines {
            if let Event::Invoke(invoke) = &mut line.event
                && invoke.key.as_deref() == Some("c")
            {
                invoke.product = Some("CP-0".into());
            }
        }
        story.change(|row| {
            if let Final::Production { product, .. } = row {
                "CP-0".clone_into(product);
            }
        });
    }));
}

#[test]
fn an_answer_that_leaves_more_than_there_was_proves_a_restock_that_nobody_saw_arrive() {
    // Three pieces came after the refusal at 200; the sale at 500 leaves three, so who wants two at 600 must get them.
    let refused_at = |sent: u64, left: i64| {
        let mut story = Story::with_stock(1);
        story.refused(200, 210, "d", 4, 1, "p1");
        story.restock("p1", 3, 3, 300);
        story.lines.retain(|line| !matches!(line.event, Event::RestockSeen { .. }));
        story.sold(500, 510, "e", 1, left);
        let op = story.attempt(sent, OpKind::Purchase, Behaviour::First, Some("f"), Some(2));
        story.answer_sold_out(sent + 10, op, "o-f", (2, 0), None);
        !of(&story.judged(), NoWrongRefusal).violations.is_empty()
    };
    assert!(refused_at(600, 3));
    assert!(!refused_at(400, 3), "before the answer that proves it");
    assert!(!refused_at(600, 0), "nothing is proved by a stock that was there before");
}

#[test]
fn what_was_certainly_sold_before_counts_for_what_must_have_come() {
    // Four of five are sold; four that are there afterwards, by a sample or by an answer, are three that came.
    let refused = |wanted: u64, shown: fn(&mut Story)| {
        let mut story = Story::with_stock(5);
        story.sold(100, 110, "a", 4, 1);
        story.refused(200, 210, "d", 4, 1, "p1");
        story.restock("p1", 3, 3, 300);
        story.lines.retain(|line| !matches!(line.event, Event::RestockSeen { .. }));
        shown(&mut story);
        let op = story.invoke(600, Some("f"), wanted);
        story.answer_sold_out(610, op, "o-f", (wanted, 0), None);
        !of(&story.judged(), NoWrongRefusal).violations.is_empty()
    };
    assert!(refused(4, |story| story.sample(500, 510, 4)));
    // The sale itself may have been in flight when the goods came, so it proves one less.
    assert!(refused(2, |story| story.sold(500, 510, "e", 1, 3)) && !refused(3, |story| story.sold(500, 510, "e", 1, 3)));
    assert!(!refused(2, |story| story.sample(500, 510, 1)), "nothing came");
}

#[test]
fn who_was_sold_to_in_the_end_was_not_refused() {
    let mut story = Story::with_stock(10);
    story.hides("ledger");
    let op = story.invoke(200, Some("d"), 4);
    story.answer_sold_out(210, op, "o-d", (4, 10), None);
    let again = story.attempt(220, OpKind::Purchase, Behaviour::Retry, Some("d"), Some(4));
    story.answer_sold(230, again, "o-d", 4, 6);
    assert!(of(&story.judged(), NoWrongRefusal).violations.is_empty());
}
