//! What is told of a run: every count, and the sentence for everything that can be wrong.

use std::fmt::Write as _;

use loadgen::history::event::{Answer, Behaviour, Complete, Event, FaultState, Final, OpKind, Outcome};
use loadgen::verify::judgement::Proof;
use loadgen::verify::property::Property;

use super::story::{DONUT, Story, bare, counted, factory_call, mail};

/// Counts of all properties, a line each.
fn counts(proof: &Proof) -> String {
    let mut text = String::new();
    for result in &proof.properties {
        for (what, number) in &result.counted {
            writeln!(text, "{}: {what}: {number}", result.property.name()).unwrap();
        }
    }
    text
}

/// A run in which every count is another one than zero or one, as far as that can be in a sound run.
fn busy() -> Story {
    let mut story = Story::with_stock(10);
    story.sold(100, 110, "a", 3, 7);
    story.sold(105, 120, "b", 3, 4);
    let lost = story.invoke(125, Some("lost"), 2);
    story.no_answer(135, lost);
    story.decided(130, "lost", 2, true, None);
    let never = story.invoke(126, Some("never"), 2);
    story.no_answer(136, never);
    let shed = story.invoke(127, Some("shed"), 2);
    story.answer_shed(137, shed);
    story.refused(200, 210, "d", 4, 2, "p1");
    story.refused(220, 230, "e", 5, 2, "p1");
    let unheard = story.invoke(235, Some("unheard"), 3);
    story.no_answer(240, unheard);
    story.decided(236, "unheard", 3, false, Some("p2"));
    story.episode("CP-502101#1");
    story.restock("p1", 7, 7, 400);
    story.episode("CP-502101#2");
    story.push(mail(Some("CP-502101#2"), DONUT));
    story.restock("p2", 3, 3, 600);
    let again = factory_call(Some("p2"), 3, 530, 560);
    story.push(again);
    story.sold(700, 710, "f", 5, 7);
    story.sample(720, 730, 7);
    story.stock(7);
    story
}

#[test]
fn everything_that_is_counted_is_counted_right() {
    insta::assert_snapshot!(counts(&busy().judged()));
}

/// One thing wrong with a sound run.
type Wrong = fn(&mut Story);

#[test]
fn the_sentence_for_each_thing_that_can_be_wrong_says_what_and_how_much() {
    let wrongs: [(&str, Wrong); 12] = [
        ("a sale vanished", |story| {
            story.without(|row| matches!(row, Final::Order { order, .. } if order == "o-a"));
        }),
        ("a sale became a refusal", |story| {
            story.change(|row| {
                if let Final::Order { order, sold, .. } = row {
                    *sold = *sold && order != "o-a"
                }
            });
        }),
        ("two pieces vanished", |story| {
            story.stock_ends_off_by(-2);
        }),
        ("a piece appeared", |story| {
            story.push(Final::Adjustment { product: DONUT.to_owned(), delta: -4 });
            story.stock_ends_off_by(-3);
        }),
        ("goods never came", |story| {
            story.without(|row| matches!(row, Final::Restock { production, .. } if production == "p1"));
        }),
        ("a production was too small", |story| {
            story.change(|row| {
                if let Final::Production { shortage, .. } = row {
                    *shortage = 1
                }
            });
        }),
        ("a mail names another product", |story| {
            story.change(|row| {
                if let Final::Mail { product, .. } = row {
                    "CP-0".clone_into(product)
                }
            });
        }),
        ("operations never heard", |story| {
            story.without(|row| matches!(row, Final::Operation { order, .. } if order == "o-b"));
        }),
        ("operations heard the opposite", |story| {
            story.change(|row| {
                if let Final::Operation { order, sold } = row {
                    *sold = *sold != (order == "o-b")
                }
            });
        }),
        ("the factory is flooded", |story| {
            for production in ["p1", "p1", "p1"] {
                story.push(factory_call(Some(production), 70, 250, 260));
            }
        }),
        ("mails storm", |story| {
            for _ in 0..4 {
                story.push(mail(Some("CP-502101#1"), DONUT));
            }
        }),
        ("a fault was never healed", |story| {
            story.fault(300, "cut", FaultState::Fired);
        }),
    ];
    let mut text = String::new();
    for (what, wrong) in wrongs {
        let mut story = busy();
        wrong(&mut story);
        writeln!(text, "# {what}").unwrap();
        for reason in &story.judged().reasons {
            writeln!(text, "{reason}").unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn an_episode_is_mailed_when_any_of_its_mails_names_its_product() {
    let mut story = busy();
    story.change(|row| {
        if let Final::Mail { product, episode: Some(episode), .. } = row
            && episode == "CP-502101#1"
        {
            "CP-0".clone_into(product);
        }
    });
    story.push(mail(Some("CP-502101#1"), DONUT));
    story.violates(&[]);
}

#[test]
fn where_episodes_are_hidden_one_mail_about_the_product_is_enough_and_none_is_not() {
    let hidden = |mails: usize| {
        let mut story = busy();
        story.finals.retain(|row| !matches!(row, Final::Mail { .. } | Final::Episode { .. }));
        (0..mails).for_each(|_| {
            story.push(mail(None, DONUT));
        });
        story.hides("episodes");
        story
    };
    hidden(1).violates(&[]);
    hidden(0).violates(&[loadgen::verify::property::Property::AdsStopped]);
}

#[test]
fn a_sale_that_vanished_and_an_order_that_was_answered_in_the_end_are_counted_as_what_they_are() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Order { order, .. } if order == "o-b"));
    let proof = story.judged();
    assert_eq!(counted(&proof, Property::NoLostOrder, "orders answered as sold"), 4);
    assert_eq!(counted(&proof, Property::NoLostOrder, "of them in the ledger"), 3);
    let mut story = Story::sound();
    let silent = story.invoke(600, Some("f"), 1);
    story.no_answer(610, silent);
    let again = story.attempt(620, OpKind::Purchase, Behaviour::Retry, Some("f"), Some(1));
    story.answer_sold(630, again, "o-f", 1, 1);
    story.decided(630, "f", 1, true, None);
    assert_eq!(counted(&story.judged(), Property::NoPhantomSale, "orders without an answer, found sold"), 0);
}

#[test]
fn refusals_whose_own_answer_names_enough_stock_are_counted() {
    let mut story = Story::with_stock(10);
    story.sold(100, 110, "a", 3, 7);
    for (key, wanted, left) in [("enough", 4, Some(7)), ("just enough", 7, Some(7)), ("too little", 8, Some(7)), ("nothing said", 4, None)]
    {
        let op = story.invoke(200, Some(key), wanted);
        let answer = Complete { stock: left, quantity: Some(wanted), ..bare(op, Outcome::Fail, Answer::SoldOut) };
        story.line(210, Event::Complete(answer));
    }
    assert_eq!(counted(&story.judged(), Property::NoWrongRefusal, "refusals whose answer itself names enough stock"), 2);
}
