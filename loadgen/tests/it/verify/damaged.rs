//! The checkers and the slow model say the same, whatever became of the history.
//!
//! A legal run (lost answers, retries, repeated messages, late goods) is damaged at random, and both are asked about what is left.

use loadgen::history::event::{Event, Final, Line};
use loadgen::verify::expectations::{Arrivals, PlannedFault};
use loadgen::verify::judgement::Judgement;
use loadgen::verify::property::Property;
use proptest::prelude::*;

use super::damage::{Damage, OTHER, POISON_RULE, damage};
use super::oracle::{Opinion, opinions};
use super::shop::{Chance, chance, run};
use super::story::{Story, judge_lines, of};

#[derive(Debug, Clone)]
struct Bounds {
    recovery_ms: u64,
    /// None where they come by the clock.
    users: Option<u64>,
    redriven: bool,
    mails: u64,
    load_ends: u64,
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (prop_oneof![Just(30_000u64), 0u64..6_000], proptest::option::of(1u64..20), any::<bool>(), 0u64..4, 2_500u64..20_000)
        .prop_map(|(recovery_ms, users, redriven, mails, load_ends)| Bounds { recovery_ms, users, redriven, mails, load_ends })
}

/// The history of a damaged run.
fn damaged(chance: &Chance, damages: &[Damage], bounds: &Bounds) -> (Story, Vec<Line>) {
    let mut story = run(chance);
    story.push(Final::Stock { product: OTHER.to_owned(), stock: 5 });
    story.load_ends = bounds.load_ends;
    story.expectations.recovery_bound = bounds.recovery_ms * 1_000;
    story.expectations.arrivals = bounds.users.map_or(Arrivals::Open, |users| Arrivals::Closed { users });
    story.expectations.dead_letters_redriven = bounds.redriven;
    story.expectations.max_mails_per_episode = bounds.mails;
    story.expectations.faults.push(PlannedFault { rule: POISON_RULE.to_owned(), poison: true });
    for damage in damages {
        damage.inflict(&mut story);
    }
    let mut lines = story.told();
    if let Event::Header(header) = &mut lines[0].event {
        header.initial_stock.push((OTHER.to_owned(), 5));
    }
    (story, lines)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(600), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn checkers_and_slow_model_agree_on_damaged_histories(
        chance in chance(), damages in prop::collection::vec(damage(), 0..8), bounds in bounds()
    ) {
        let (story, lines) = damaged(&chance, &damages, &bounds);
        let proof = judge_lines(&lines, &story.expectations);
        for (property, opinion) in opinions(&lines, &story.expectations) {
            let result = of(&proof, property);
            let agreed = match result.judgement {
                Judgement::Holds => opinion == Opinion::Right,
                Judgement::Violated => opinion == Opinion::Wrong,
                Judgement::Undecided | Judgement::NotJudged => opinion == Opinion::Open,
            };
            prop_assert!(agreed, "{property:?}: the slow model says {opinion:?}, the checker {result:#?}");
        }
    }
}

/// A comparison in which everything holds, or nothing can be told, would compare nothing.
#[test]
fn damage_makes_every_property_hold_fail_and_stay_open() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = (chance(), prop::collection::vec(damage(), 0..8), bounds());
    let mut seen = std::collections::BTreeMap::<(Property, &str), u32>::new();
    for _ in 0..400 {
        let (chance, damages, bounds) = strategy.new_tree(&mut runner).unwrap().current();
        let (story, lines) = damaged(&chance, &damages, &bounds);
        for (property, opinion) in opinions(&lines, &story.expectations) {
            let word = match opinion {
                Opinion::Right => "right",
                Opinion::Wrong => "wrong",
                Opinion::Open => "open",
            };
            *seen.entry((property, word)).or_default() += 1;
        }
    }
    for property in Property::ALL {
        for word in ["right", "wrong", "open"] {
            assert!(seen.get(&(property, word)).is_some_and(|times| *times >= 5), "{property:?} is {word} too rarely: {seen:#?}");
        }
    }
}
