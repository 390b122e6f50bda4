//! What the ledger may not say of an order, whatever its buyer was told.

use loadgen::history::event::{Answer, Behaviour, Complete, Event, OpKind, Outcome};
use loadgen::verify::judgement::Proof;
use loadgen::verify::property::Property::{NoLostOrder, NoPhantomSale};

use super::story::{Story, bare, ledger_row, of};

#[track_caller]
fn phantom(proof: &Proof, says: &str) {
    let violations = &of(proof, NoPhantomSale).violations;
    assert!(violations.len() == 1 && violations[0].sentence.contains(says), "{violations:#?}");
}

/// Somebody tries another body under the key of the order `a`, which asked for three pieces.
fn another_body(answered: bool, in_ledger: bool) -> Proof {
    let mut story = Story::sound();
    let op = story.attempt(600, OpKind::Hostile, Behaviour::First, Some("a"), Some(1));
    if answered {
        story.answer_sold(610, op, "o-other", 1, 1);
    } else {
        story.no_answer(610, op);
    }
    if in_ledger {
        story.push(ledger_row("o-other", "a", 1, true));
    }
    story.judged()
}

#[test]
fn another_body_under_a_used_key_is_a_phantom_if_answer_or_ledger_say_sold_and_the_first_order_stays_what_it_was() {
    let says = "was sold under a key that already stood for another order";
    for (answered, in_ledger) in [(true, false), (false, true), (true, true)] {
        let proof = another_body(answered, in_ledger);
        phantom(&proof, says);
        let lost = &of(&proof, NoLostOrder).violations;
        assert_eq!(lost.len(), usize::from(answered && !in_ledger), "{lost:#?}");
    }
    assert!(of(&another_body(false, false), NoPhantomSale).violations.is_empty());
}

#[test]
fn an_order_that_the_ledger_has_as_sold_and_as_refused_is_a_phantom() {
    let mut story = Story::sound();
    story.push(ledger_row("o-a", "a", 3, false));
    phantom(&story.judged(), "is both sold and refused in the ledger");
}

#[test]
fn an_answer_that_decided_nothing_may_name_any_order() {
    let mut story = Story::sound();
    let shed = story.invoke(600, Some("f"), 1);
    story.line(605, Event::Complete(Complete { order: Some("o-x".into()), ..bare(shed, Outcome::Fail, Answer::Shed) }));
    let again = story.attempt(610, OpKind::Purchase, Behaviour::Retry, Some("f"), Some(1));
    story.answer_sold(620, again, "o-f", 1, 1);
    story.decided(620, "f", 1, true, None);
    story.stock_ends_off_by(-1);
    story.violates(&[]);
}
