//! Goods that were offered without a certain answer: they may have come or not, and neither may be held against anybody.

use loadgen::history::event::Final;
use loadgen::verify::property::Property::{Conservation, EveryPromiseKept, NoOverselling};

use super::story::{DONUT, Story, of};

/// Ten pieces, one refusal that lacked three, and so many pieces offered for it without a certain answer. At the end `last` are there.
fn offered(pieces: u64, last: i64) -> Story {
    let mut story = Story::with_stock(10);
    story.sold(100, 110, "a", 9, 1);
    story.refused(200, 210, "d", 4, 1, "p1");
    story.episode("CP-502101#1");
    story.requested(250, "p1", None);
    story.push(Final::Receipt { consumer: "replenish".into(), id: "p1".into() });
    story.push(Final::Production { production: "p1".into(), product: DONUT.into(), quantity: 3, shortage: 3, applied: false });
    story.push(Final::PossibleRestock { production: "p1".into(), product: DONUT.into(), quantity: pieces });
    story.stock(last);
    story
}

#[test]
fn goods_that_may_have_come_explain_a_stock_with_or_without_them_and_anything_between() {
    for last in 1..=4 {
        offered(3, last).violates(&[]);
    }
    offered(3, 0).violates(&[Conservation]);
    let proof = offered(3, 5).violates(&[Conservation]);
    assert_eq!(
        of(&proof, Conservation).violations[0].sentence,
        "CP-502101 does not add up: 10 at the start + 0 to 3 restocked − 9 sold is not the 5 at the end."
    );
}

#[test]
fn goods_that_may_have_come_keep_a_promise_if_they_are_enough() {
    offered(3, 4).violates(&[]);
    let proof = offered(2, 3).violates(&[EveryPromiseKept]);
    assert_eq!(
        of(&proof, EveryPromiseKept).violations[0].sentence,
        "Refused buyers of CP-502101 were promised at least 3 pieces, but only 2 ever came."
    );
}

#[test]
fn goods_that_came_and_goods_that_may_have_come_keep_a_promise_together() {
    let mut story = offered(1, 4);
    story.push(Final::Restock { production: "p1".into(), product: DONUT.into(), quantity: 2 });
    story.violates(&[]);
}

#[test]
fn goods_that_may_have_come_may_have_been_sold() {
    let sold = |pieces| {
        let mut story = offered(3, 0);
        story.sold(600, 610, "e", pieces, 0);
        story.finals.retain(|row| !matches!(row, Final::Stock { .. }));
        story.stock(0);
        story
    };
    sold(4).violates(&[]);
    let proof = sold(5).judged();
    assert!(!of(&proof, NoOverselling).violations.is_empty(), "{:#?}", proof.reasons);
    // Without an answer to the sale, only the ledger tells, at the end.
    let mut story = offered(3, 0);
    let op = story.invoke(600, Some("e"), 4);
    story.no_answer(700, op);
    story.decided(650, "e", 4, true, None);
    story.violates(&[]);
}

#[test]
fn goods_taken_away_by_the_administration_can_no_longer_be_sold() {
    let sold = |taken: i64| {
        let mut story = Story::with_stock(10);
        story.push(Final::Adjustment { product: DONUT.into(), delta: -taken });
        let op = story.invoke(100, Some("a"), 8);
        story.no_answer(200, op);
        story.decided(150, "a", 8, true, None);
        story.sold(300, 310, "b", 1, 0);
        story.stock(10 - taken - 9);
        story
    };
    sold(1).violates(&[]);
    let proof = sold(2).judged();
    let sentences: Vec<&str> = of(&proof, NoOverselling).violations.iter().map(|violation| violation.sentence.as_str()).collect();
    assert!(sentences.contains(&"The ledger sold 9 pieces of CP-502101, but only 8 were ever there."), "{sentences:?}");
}
