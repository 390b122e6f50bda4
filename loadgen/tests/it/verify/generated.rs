//! Legal histories accuse nobody; one change of the truth is caught by the property it violates.

use loadgen::history::event::{Event, Final};
use loadgen::verify::judgement::Judgement;
use loadgen::verify::property::Property;
use proptest::prelude::*;

use super::shop::{chance, run};
use super::story::{DONUT, Story, of};

/// One mutilation of a history's truth. `None` when the story has nothing that it could be done to.
type Mutation = fn(&mut Story) -> Option<()>;

const MUTATIONS: [(&str, Property, Mutation); 14] = [
    ("a sold order vanishes from the ledger", Property::NoLostOrder, drop_sale),
    ("the ledger has another quantity", Property::NoLostOrder, change_sale),
    ("a sale is there twice", Property::NoPhantomSale, double_sale),
    ("a refusal is a sale in the ledger", Property::NoPhantomSale, refusal_becomes_sale),
    ("a piece vanishes", Property::Conservation, lose_a_piece),
    ("far more is sold than there can be", Property::NoOverselling, oversell),
    ("stock is seen below zero", Property::NoOverselling, below_zero),
    ("the first buyer of all is refused", Property::NoWrongRefusal, refuse_the_first),
    ("the goods of a promised production vanish", Property::EveryPromiseKept, lose_restock),
    ("a message is never done", Property::DlqCapture, lose_receipt),
    ("goods are applied twice", Property::OneEffect, double_restock),
    ("the factory is flooded", Property::FactoryNotOverrun, flood),
    ("a mail is never sent", Property::AdsStopped, lose_mail),
    ("operations never hears of an order", Property::OperationsInformed, lose_operation),
];

fn remove(story: &mut Story, which: impl Fn(&Final) -> bool) -> Option<Final> {
    let place = story.finals.iter().position(which)?;
    Some(story.finals.remove(place))
}

/// Order id of an answered sale.
fn a_sale(story: &Story) -> Option<String> {
    story.lines.iter().find_map(|line| match &line.event {
        Event::Complete(complete) if complete.answer == loadgen::history::event::Answer::Sold => complete.order.clone(),
        _ => None,
    })
}

/// Order id and production of an answered refusal.
fn a_refusal(story: &Story) -> Option<(String, String)> {
    story.lines.iter().find_map(|line| match &line.event {
        Event::Complete(complete) if complete.answer == loadgen::history::event::Answer::SoldOut => {
            complete.order.clone().zip(complete.production.clone())
        }
        _ => None,
    })
}

fn drop_sale(story: &mut Story) -> Option<()> {
    let sale = a_sale(story)?;
    remove(story, |row| matches!(row, Final::Order { order, .. } if *order == sale)).map(drop)
}

fn change_sale(story: &mut Story) -> Option<()> {
    let sale = a_sale(story)?;
    story.change(|row| match row {
        Final::Order { order, quantity, .. } if *order == sale => *quantity += 1,
        _ => {}
    });
    Some(())
}

fn double_sale(story: &mut Story) -> Option<()> {
    let mut twin = story.finals.iter().find(|row| matches!(row, Final::Order { sold: true, .. }))?.clone();
    if let Final::Order { order, .. } = &mut twin {
        *order = "o-twin".to_owned();
    }
    story.push(twin);
    Some(())
}

fn refusal_becomes_sale(story: &mut Story) -> Option<()> {
    let (refusal, _) = a_refusal(story)?;
    story.change(|row| match row {
        Final::Order { order, sold, .. } if *order == refusal => *sold = true,
        _ => {}
    });
    Some(())
}

fn lose_a_piece(story: &mut Story) -> Option<()> {
    story.stock_ends_off_by(-1);
    Some(())
}

fn oversell(story: &mut Story) -> Option<()> {
    let op = story.invoke(5_000, Some("greedy"), 100_000);
    story.answer_sold(5_010, op, "o-greedy", 100_000, 0);
    story.decided(5_010, "greedy", 100_000, true, None);
    Some(())
}

fn below_zero(story: &mut Story) -> Option<()> {
    story.sample(700, 701, -1);
    Some(())
}

fn refuse_the_first(story: &mut Story) -> Option<()> {
    // Everything else happens a second later than it did; adjustments have no time, so they might explain anything.
    let taken: i64 = story.finals.iter().map(|row| if let Final::Adjustment { delta, .. } = row { (*delta).min(0) } else { 0 }).sum();
    if story.initial + taken < 1 {
        return None;
    }
    for line in &mut story.lines {
        line.at += 1_000_000;
        if let Event::Sample(sample) = &mut line.event {
            sample.began += 1_000_000;
        }
    }
    story.refused(100, 110, "early", 1, 0, "p-early");
    Some(())
}

fn lose_restock(story: &mut Story) -> Option<()> {
    let (_, promised) = a_refusal(story)?;
    remove(story, |row| matches!(row, Final::Restock { production, .. } if *production == promised)).map(drop)
}

fn lose_receipt(story: &mut Story) -> Option<()> {
    remove(story, |row| matches!(row, Final::Receipt { .. })).map(drop)
}

fn double_restock(story: &mut Story) -> Option<()> {
    let twin = story.finals.iter().find(|row| matches!(row, Final::Restock { .. }))?.clone();
    story.push(twin);
    Some(())
}

fn flood(story: &mut Story) -> Option<()> {
    let call = story.finals.iter().find(|row| matches!(row, Final::FactoryCall { .. }))?.clone();
    for _ in 0..60 {
        story.push(call.clone());
    }
    Some(())
}

fn lose_mail(story: &mut Story) -> Option<()> {
    let Final::Mail { episode: lost, .. } = remove(story, |row| matches!(row, Final::Mail { .. }))? else { return None };
    story.finals.retain(|row| !matches!(row, Final::Mail { episode, .. } if *episode == lost));
    Some(())
}

fn lose_operation(story: &mut Story) -> Option<()> {
    remove(story, |row| matches!(row, Final::Operation { .. })).map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(192), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_legal_history_is_accused(chance in chance()) {
        let proof = run(&chance).judged();
        for result in &proof.properties {
            prop_assert_eq!(result.judgement, Judgement::Holds, "{:#?}", result);
        }
    }

    #[test]
    fn no_legal_history_is_accused_by_what_less_can_be_seen(chance in chance(), ledger in any::<bool>(), restocks in any::<bool>()) {
        let mut story = run(&chance);
        if ledger {
            story.finals.retain(|row| !matches!(row, Final::Order { .. }));
            story.hides("ledger");
        }
        if restocks {
            story.finals.retain(|row| !matches!(row, Final::Restock { .. } | Final::Production { .. }));
            story.hides("restocks").hides("productions");
        }
        let proof = story.judged();
        for result in &proof.properties {
            prop_assert_ne!(result.judgement, Judgement::Violated, "{:#?}", result);
        }
    }

    #[test]
    fn no_prefix_of_a_legal_history_is_accused(chance in chance(), part in 0.0f64..1.0) {
        let story = run(&chance);
        let lines = story.told();
        let kept = (lines.len() as f64 * part) as usize;
        let proof = super::story::judge_lines(&lines[..kept], &story.expectations);
        prop_assert_eq!(proof.verdict, loadgen::verify::judgement::Verdict::Unknown, "{:#?}", proof.reasons);
    }

    #[test]
    fn every_mutation_is_caught_by_the_property_it_violates(chance in chance(), which in 0..MUTATIONS.len()) {
        let (what, property, mutate) = MUTATIONS[which];
        let mut story = run(&chance);
        prop_assume!(mutate(&mut story).is_some());
        let proof = story.judged();
        let result = of(&proof, property);
        prop_assert_eq!(result.judgement, Judgement::Violated, "{}: {:#?}", what, proof.reasons);
        for violation in &result.violations {
            prop_assert!(!violation.path.is_empty(), "{}: {:#?}", what, violation);
            prop_assert!(!violation.sentence.contains('{'), "{}", violation.sentence);
        }
    }
}

#[test]
fn the_generator_makes_what_the_properties_are_about() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut refusals, mut recovered, mut sold) = (0, 0, 0);
    for _ in 0..50 {
        let story = run(&chance().new_tree(&mut runner).unwrap().current());
        let proof = story.judged();
        refusals += super::story::counted(&proof, Property::NoWrongRefusal, "orders answered as sold out");
        recovered += super::story::counted(&proof, Property::NoPhantomSale, "orders without an answer, found sold");
        sold += super::story::counted(&proof, Property::NoLostOrder, "orders answered as sold");
    }
    assert!(refusals > 100 && recovered > 50 && sold > 200, "{DONUT}: {refusals} refused, {recovered} recovered, {sold} sold");
}
