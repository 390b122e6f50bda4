//! Rules to measure fault decisions with. None of them strikes the question, which is what nearly every request meets.

use chaos::decision::Point;
use chaos::faults::{Faults, Question};
use chaos::plan::Plan;

/// How many rules a busy plan has in force at once.
const RULES: usize = 20;

/// Whom the rules are meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// For other routes of the same hop.
    ForOtherRoutes,
    /// For other hops.
    ForOtherHops,
    /// For one in a million of exactly such requests: chance alone says no, for each rule anew.
    ForOneInAMillion,
}

/// Twenty rules, as they stand in a plan.
#[must_use]
pub fn twenty(meant: Meant) -> String {
    (0..RULES)
        .map(|n| {
            let whom = match meant {
                Meant::ForOtherRoutes => format!("hop = \"sales\"\npath = \"/route-{n}\"\nshare = \"20%\""),
                Meant::ForOtherHops => format!("hop = \"aws.role-{n}\"\nshare = \"20%\""),
                Meant::ForOneInAMillion => "hop = \"sales\"\npath = \"/checkout\"\nshare = \"0.0001%\"".to_owned(),
            };
            format!("[[rule]]\nname = \"rule-{n}\"\nfault = \"lose-answer\"\n{whom}\n")
        })
        .collect()
}

/// Faults with twenty such rules in force for as long as the second value lives.
///
/// # Panics
/// When the rules are not well-formed, which they are.
#[must_use]
pub fn in_force(meant: Meant) -> (Faults, impl Sized) {
    let faults = Faults::new(7);
    let plan = Plan::parse("bench.toml", &twenty(meant)).expect("the rules are well-formed");
    let installed = faults.install(plan.rules);
    (faults, installed)
}

/// A purchase under that key, about to pass the hop of the buyers.
#[must_use]
pub fn purchase(key: &str) -> Question<'_> {
    Question {
        point: Point::Request,
        hop: "sales",
        method: "POST",
        path: "/checkout",
        action: None,
        attributes: &[],
        id: Some(key),
        sequence: 1,
    }
}
