//! What a promise is, and what it is not.

use loadgen::history::event::{Answer, Behaviour, BusinessIds, Complete, Event, Final, OpKind, Outcome};
use loadgen::verify::judgement::Judgement;
use loadgen::verify::property::Property::EveryPromiseKept;

use super::story::{DONUT, Story, bare, counted, of};

fn promises(story: &Story) -> Judgement {
    of(&story.judged(), EveryPromiseKept).judgement
}

#[test]
fn a_request_that_was_never_an_order_is_promised_nothing() {
    let mut story = Story::sound();
    let hostile = story.attempt(200, OpKind::Hostile, Behaviour::First, Some("h"), None);
    story.answer_sold_out(210, hostile, "o-h", (0, 7), Some("p9"));
    assert_eq!(promises(&story), Judgement::Holds);
}

#[test]
fn who_was_sold_to_in_the_end_is_promised_nothing() {
    // By the ledger, and by a later answer.
    let mut story = Story::sound();
    let op = story.invoke(600, Some("f"), 1);
    story.answer_sold_out(610, op, "o-f", (1, 0), Some("p9"));
    story.decided(610, "f", 1, true, None);
    assert_eq!(promises(&story), Judgement::Holds);
    let mut story = Story::sound();
    let op = story.invoke(600, Some("f"), 1);
    story.answer_sold_out(610, op, "o-f", (1, 0), Some("p9"));
    let again = story.attempt(620, OpKind::Purchase, Behaviour::Retry, Some("f"), Some(1));
    story.answer_sold(630, again, "o-f", 1, 1);
    assert_eq!(promises(&story), Judgement::Holds);
}

#[test]
fn an_answer_that_nobody_can_read_promises_nothing() {
    let mut story = Story::sound();
    let op = story.invoke(600, Some("f"), 1);
    let garbled = Complete { production: Some("p9".into()), ..bare(op, Outcome::Info, Answer::Garbled) };
    story.line(610, Event::Complete(garbled));
    assert_eq!(promises(&story), Judgement::Holds);
}

#[test]
fn the_table_of_productions_is_needed_only_where_an_answer_names_one() {
    let hidden = |production: Option<&str>| {
        let mut story = Story::with_stock(1);
        let op = story.invoke(200, Some("d"), 4);
        story.answer_sold_out(210, op, "o-d", (4, 1), production);
        story.push(Final::Restock { production: "p1".into(), product: DONUT.into(), quantity: 3 });
        story.stock(4);
        story.hides("productions").hides("ledger");
        story
    };
    assert_eq!(promises(&hidden(None)), Judgement::Holds);
    let proof = hidden(Some("p1")).judged();
    let result = of(&proof, EveryPromiseKept);
    assert_eq!(result.judgement, Judgement::NotJudged);
    assert_eq!(result.reason.as_deref(), Some("the system under test does not expose \"productions\""));
}

#[test]
fn goods_of_a_production_that_the_ledger_does_not_list_keep_a_promise_all_the_same() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Production { .. }));
    assert_eq!(promises(&story), Judgement::Holds);
}

#[test]
fn goods_that_are_owed_may_be_in_a_dead_letter_that_lost_its_ids_if_it_is_one_about_goods() {
    let owed = |queue: &str, poison: bool| {
        let mut story = Story::with_stock(1);
        let op = story.invoke(200, Some("d"), 4);
        story.answer_sold_out(210, op, "o-d", (4, 1), None);
        story.decided(210, "d", 4, false, None);
        story.episode("CP-502101#1");
        story.stock(1);
        story.push(Final::DeadLetter { queue: queue.into(), ids: BusinessIds::default(), poison, body: None });
        promises(&story)
    };
    assert_eq!(owed("stock_dlq", false), Judgement::Undecided);
    assert_eq!(owed("stock_dlq", true), Judgement::Violated);
    assert_eq!(owed("operations_dlq", false), Judgement::Violated);
}

#[test]
fn a_production_is_open_as_long_as_it_is_neither_applied_nor_any_goods_of_it_came() {
    let mut story = Story::sound();
    for (production, applied, came) in
        [("open", false, 0), ("open too", false, 0), ("applied", true, 1), ("half", false, 1), ("marked", true, 0)]
    {
        story.push(Final::Production { production: production.into(), product: DONUT.into(), quantity: 1, shortage: 1, applied });
        for _ in 0..came {
            story.push(Final::Restock { production: production.into(), product: DONUT.into(), quantity: 1 });
        }
    }
    story.push(Final::Restock { production: "unlisted".into(), product: DONUT.into(), quantity: 1 });
    let op = story.invoke(600, Some("f"), 1);
    story.answer_sold_out(610, op, "o-f", (1, 0), Some("never heard of"));
    assert_eq!(counted(&story.judged(), EveryPromiseKept, "productions still open"), 2);
}

#[test]
fn promises_are_counted_by_what_answer_and_ledger_name() {
    let mut story = Story::sound();
    for n in 0..2 {
        let key = format!("moved{n}");
        let op = story.invoke(600, Some(&key), 1);
        story.answer_sold_out(610, op, &format!("o-{key}"), (1, 0), Some("p1"));
        story.decided(610, &key, 1, false, Some("p2"));
        let op = story.invoke(700, Some(&format!("none{n}")), 1);
        story.answer_sold_out(710, op, &format!("o-none{n}"), (1, 0), None);
    }
    let proof = story.judged();
    assert_eq!(counted(&proof, EveryPromiseKept, "refusals whose ledger row names another production"), 2);
    assert_eq!(counted(&proof, EveryPromiseKept, "refusals that name no production"), 2);
    assert_eq!(counted(&proof, EveryPromiseKept, "refusals that were promised a production"), 3);
}

#[test]
fn a_refusal_that_does_not_say_what_is_left_lacked_one_piece_at_least() {
    let came = |pieces: u64| {
        let mut story = Story::with_stock(3);
        let op = story.invoke(200, Some("d"), 4);
        let answer = Complete { quantity: Some(4), order: Some("o-d".into()), ..bare(op, Outcome::Fail, Answer::SoldOut) };
        story.line(210, Event::Complete(answer));
        story.decided(210, "d", 4, false, None);
        if pieces > 0 {
            story.push(Final::Restock { production: "p1".into(), product: DONUT.into(), quantity: pieces });
        }
        story.stock(3 + pieces.cast_signed());
        promises(&story)
    };
    assert_eq!((came(0), came(1)), (Judgement::Violated, Judgement::Holds));
}
