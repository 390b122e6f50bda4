//! What happens to a request, decided from what is known of it, the rules and a seed, and from nothing else.
//!
//! Whether a rule with a share strikes is a keyed hash of (seed, rule, business id, hop, attempt). No random stream is shared, so
//! neither the interleaving of requests nor the connections they come on can change a decision. [`Rulebook`] lays rules out so that this costs little.
//!
//! How rules combine, when several select the same request, in the order of the plan:
//!
//! 1. Every delay strikes, and delays add up.
//! 2. The first fault that acts *before* forwarding decides; nothing that acts later can strike then, nor is it counted.
//! 3. Otherwise the first fault of each later slot strikes: *again*, *alter*, *after*, *pace*; and *extra* always does.
//!
//! Two faults depend on how many requests are under way (`limit-concurrency`, `collapse`): for them the hash decides whom they concern, and
//! [`Faults`](crate::faults::Faults) keeps the count.

mod alter;
mod delay;
mod describe;
mod dice;
mod fault;
mod only;
mod rule;
mod rulebook;

pub use self::alter::{Alter, Change};
pub use self::delay::Delay;
pub use self::dice::{Share, ShareError, Whom};
pub use self::fault::{After, Before, Fault, Legality, Pace, Point, ReceiveFault, SendFault, SettleFault, Slot, TapKind};
pub use self::only::Only;
pub use self::rule::{Rule, Selector};
pub use self::rulebook::Rulebook;

pub(crate) use self::dice::{fingerprint, forged_id};

use std::time::Duration;

/// Everything about a request, message or piece of a connection that a decision may depend on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Which kind of decision is asked for.
    pub point: Point,
    /// Name of the hop.
    pub hop: &'a str,
    /// HTTP method; empty on a TCP tap.
    pub method: &'a str,
    /// Path without query; empty on a TCP tap.
    pub path: &'a str,
    /// AWS action ("SendMessageBatch"), or "COMMIT" on a TCP tap.
    pub action: Option<&'a str>,
    /// Message attributes, name and value.
    pub attributes: &'a [(String, String)],
    /// Hop and business id; on what has none, its number on the hop.
    pub whom: Whom,
    /// How often this id passed this point before: 0 for the first time.
    pub attempt: u32,
    /// How many requests passed this hop before this one.
    pub sequence: u64,
    /// Time since the start.
    pub elapsed: Duration,
    /// Progress (sales, say) that was told from outside.
    pub sales: u64,
    /// Phase that was set from outside.
    pub phase: Option<&'a str>,
}

/// One rule that strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Its place in the list of rules.
    pub rule: usize,
    /// For how long, when its fault is about time; else zero.
    pub wait: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(id: &'a str, hop: &'a str) -> Facts<'a> {
        Facts {
            point: Point::Request,
            hop,
            method: "POST",
            path: "/checkout",
            action: None,
            attributes: &[],
            whom: Whom::new(hop, id),
            attempt: 0,
            sequence: 0,
            elapsed: Duration::ZERO,
            sales: 0,
            phase: None,
        }
    }

    fn rule(name: &str, fault: Fault) -> Rule {
        Rule::new(name, fault)
    }

    fn struck(seed: u64, rules: &[Rule], facts: &Facts<'_>) -> Vec<usize> {
        Rulebook::new(seed, rules).decide(facts, |_| true).into_iter().map(|choice| choice.rule).collect()
    }

    fn struck_ids(seed: u64, hop: &str, rule: &Rule) -> Vec<usize> {
        let book = Rulebook::new(seed, [rule]);
        (0..10_000).filter(|n| book.strikes(&facts(&format!("order-{n}"), hop))).collect()
    }

    fn one_in_five() -> Rule {
        let mut rule = rule("lost", Fault::After(After::Lose));
        rule.select.share = Share::new(0.2).unwrap();
        rule
    }

    #[test]
    fn the_same_seed_decides_the_same_twice_and_another_seed_otherwise() {
        let rule = one_in_five();
        assert_eq!(struck_ids(7, "sales", &rule), struck_ids(7, "sales", &rule));
        assert_ne!(struck_ids(7, "sales", &rule), struck_ids(8, "sales", &rule));
    }

    #[test]
    fn a_share_is_kept_over_ten_thousand_ids() {
        // Standard deviation of the count is 40; five of them are allowed either way.
        let struck = struck_ids(7, "sales", &one_in_five()).len();
        assert!((1_800..=2_200).contains(&struck), "{struck} of 10,000");
    }

    #[test]
    fn hops_decide_independently_of_each_other() {
        let rule = one_in_five();
        let (sales, relay) = (struck_ids(7, "sales", &rule), struck_ids(7, "relay", &rule));
        let both = sales.iter().filter(|id| relay.binary_search(id).is_ok()).count();
        // 4 % of 10,000 by chance; standard deviation 20.
        assert!((300..=500).contains(&both), "{both} struck on both hops");
    }

    #[test]
    fn attempts_of_one_id_decide_independently() {
        let rule = one_in_five();
        let struck: Vec<bool> = (0..1_000)
            .map(|attempt| !struck(7, std::slice::from_ref(&rule), &Facts { attempt, ..facts("order-1", "sales") }).is_empty())
            .collect();
        let count = struck.iter().filter(|struck| **struck).count();
        assert!((130..=270).contains(&count), "{count} of 1,000");
    }

    #[test]
    fn the_decisions_are_the_same_in_every_version() {
        let rule = one_in_five();
        let first: Vec<usize> = struck_ids(7, "sales", &rule).into_iter().take(6).collect();
        assert_eq!(first, PINNED);
    }

    /// Written down once: whoever changes the hash changes every plan that was ever recorded.
    const PINNED: [usize; 6] = [6, 12, 13, 16, 28, 34];

    #[test]
    fn a_fault_before_shadows_those_after_and_they_are_not_counted() {
        let rules = [
            rule("after", Fault::After(After::Lose)),
            rule("wait", Fault::Wait(Delay::Fixed(Duration::from_millis(5)))),
            rule("refuse", Fault::Before(Before::Refuse)),
            rule("blackhole", Fault::Before(Before::Blackhole)),
        ];
        let mut claimed = Vec::new();
        let choices = Rulebook::new(1, &rules).decide(&facts("a", "sales"), |rule| {
            claimed.push(rule);
            true
        });
        assert_eq!(choices.iter().map(|choice| choice.rule).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(claimed, [1, 2]);
    }

    #[test]
    fn a_used_up_rule_gives_way_to_the_next() {
        let rules = [rule("refuse", Fault::Before(Before::Refuse)), rule("again", Fault::Again)];
        let choices = Rulebook::new(1, &rules).decide(&facts("a", "sales"), |rule| rule != 0);
        assert_eq!(choices.iter().map(|choice| choice.rule).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn later_slots_combine() {
        let rules = [
            rule("again", Fault::Again),
            rule("after", Fault::After(After::Lose)),
            rule("after too", Fault::After(After::Cut { bytes: 1 })),
            rule("pace", Fault::Pace(Pace::Slow { over: Duration::from_secs(1) })),
        ];
        assert_eq!(struck(1, &rules, &facts("a", "sales")), [0, 1, 3]);
    }

    #[test]
    fn delays_add_up_and_what_comes_on_top_is_not_shadowed() {
        let wait = |name| rule(name, Fault::Wait(Delay::Fixed(Duration::from_millis(5))));
        assert_eq!(struck(1, &[wait("one"), wait("two")], &facts("a", "sales")), [0, 1]);
        let poison = rule("poison", Fault::Send(SendFault::Poison { body: String::new() }));
        let sent = Facts { point: Point::Send, ..facts("a", "relay") };
        assert_eq!(struck(1, &[rule("lost", Fault::Send(SendFault::LoseMessage)), poison], &sent), [0, 1]);
    }

    #[test]
    fn a_message_fault_strikes_messages_only() {
        let rules = [rule("twice", Fault::Send(SendFault::Duplicate))];
        assert_eq!(struck(1, &rules, &facts("a", "relay")), [0; 0]);
        assert_eq!(struck(1, &rules, &Facts { point: Point::Send, ..facts("a", "relay") }), [0]);
    }
}
