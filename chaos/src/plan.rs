//! A fault plan: rules in a TOML file, read with all its mistakes at once.
//!
//! ```toml
//! [[rule]]
//! name = "answers-lost"
//! fault = "lose-answer"
//! method = "POST"
//! path = "/checkout"
//! share = "20%"
//! from = "5s"
//! until = "15s"
//! ```

mod fields;
mod mistake;
mod read;
mod values;

use std::path::{Path, PathBuf};

pub use self::mistake::{Mistake, PlanError};
pub use self::read::{FAULTS, FaultWord};

use self::fields::Fields;
use self::mistake::Mistakes;
use crate::decision::{Rule, TapKind};
use toml::de::DeTable;

/// Rules in the order of the file, which is the order in which they combine.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The rules.
    pub rules: Vec<Rule>,
}

impl Plan {
    /// Reads a file that holds nothing but `[[rule]]`s.
    ///
    /// # Errors
    /// [`PlanError`] with the path, or with everything that is wrong in the file.
    pub fn load(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path).map_err(|source| PlanError::Unreadable { path: PathBuf::from(path), source })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a text that holds nothing but `[[rule]]`s; `origin` is what mistakes call it.
    ///
    /// # Errors
    /// [`PlanError::Mistakes`] with everything that is wrong.
    pub fn parse(origin: &str, text: &str) -> Result<Self, PlanError> {
        let mut mistakes = Mistakes::new(origin, text);
        let table = syntax(text, &mut mistakes);
        let mut top = Fields::top(table.get_ref());
        let rules = read::rules(&mut top, "rule", &mut mistakes);
        top.finish(&mut mistakes);
        mistakes.into_result().map(|()| Self { rules })
    }

    /// Reads the rules from the tables `[[key]]` of a larger file, whose other keys are somebody else's.
    ///
    /// # Errors
    /// [`PlanError::Mistakes`] with everything that is wrong in those tables.
    pub fn parse_within(origin: &str, text: &str, key: &'static str) -> Result<Self, PlanError> {
        let mut mistakes = Mistakes::new(origin, text);
        let table = syntax(text, &mut mistakes);
        let mut top = Fields::top(table.get_ref());
        let rules = read::rules(&mut top, key, &mut mistakes);
        mistakes.into_result().map(|()| Self { rules })
    }

    /// Rules whose fault a tap of that kind cannot do.
    pub fn beyond(&self, tap: TapKind) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| !rule.fault.is_done_by(tap))
    }
}

fn syntax<'i>(text: &'i str, mistakes: &mut Mistakes<'_>) -> toml::Spanned<DeTable<'i>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        mistakes.add(&error.span().unwrap_or_default(), format!("this is not TOML: {}", error.message()), "see https://toml.io");
    }
    table
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decision::{After, Before, Delay, Fault, Share};

    #[test]
    fn a_rule_is_read_with_all_its_conditions() {
        let text = r#"
[[rule]]
name = "busy"
fault = "answer"
status = 503
body = "later"
retry_after = "2s"
hop = "sales"
method = "POST"
path = "/checkout"
action = "SendMessage"
attribute = { kind = "order" }
share = "20%"
first = 3
from = "5s"
until = "1m"
after_requests = 10
until_requests = 20
phase = "storm"
"#;
        let plan = Plan::parse("plan.toml", text).unwrap();
        let [rule] = plan.rules.as_slice() else { panic!("{plan:?}") };
        assert_eq!(&*rule.name, "busy");
        let busy = Before::Answer { status: 503, body: "later".into(), retry_after: Some(Duration::from_secs(2)) };
        assert_eq!(rule.fault, Fault::Before(busy));
        assert_eq!(rule.select.attribute, Some(("kind".into(), "order".into())));
        assert_eq!(rule.select.share, Share::new(0.2).unwrap());
        assert_eq!((rule.select.from, rule.select.until), (Duration::from_secs(5), Some(Duration::from_secs(60))));
        assert_eq!((rule.select.first, rule.select.after_requests, rule.select.until_requests), (Some(3), 10, Some(20)));
        assert_eq!(rule.select.phase.as_deref(), Some("storm"));
    }

    #[test]
    fn delays_are_fixed_uniform_or_exponential() {
        let text = r#"
rule = [
  { name = "a", fault = "delay", delay = "250ms" },
  { name = "b", fault = "delay", delay = { from = "100ms", to = "300ms" } },
  { name = "c", fault = "delay-answer", delay = { mean = "200ms", cap = "2s" } },
]"#;
        let faults: Vec<Fault> = Plan::parse("plan.toml", text).unwrap().rules.into_iter().map(|rule| rule.fault).collect();
        let ms = Duration::from_millis;
        assert_eq!(
            faults,
            [
                Fault::Wait(Delay::Fixed(ms(250))),
                Fault::Wait(Delay::Uniform { from: ms(100), to: ms(300) }),
                Fault::After(After::Delay(Delay::Exponential { mean: ms(200), cap: ms(2_000) })),
            ]
        );
    }

    #[test]
    fn all_mistakes_are_reported_together_each_with_its_line() {
        let text = "[[rule]]\nname = \"a\"\nfault = \"lose-anser\"\n\n[[rule]]\nname = \"a\"\nfault = \"delay\"\nshare = 20\nshares = \"5%\"\nstatus = 3\n\n[[rule]]\nfault = \"delay\"\ndelay = \"5\"\n";
        let error = Plan::parse("plan.toml", text).unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().collect();
        let expected = [
            "plan.toml:3:9: there is no fault \"lose-anser\"; did you mean `lose-answer`?",
            "plan.toml:5:1: `delay` is missing; write \"250ms\", { from = \"100ms\", to = \"300ms\" } or { mean = \"200ms\", cap = \"2s\" }",
            "plan.toml:6:8: two rules are called \"a\"; give each a name of its own",
            "plan.toml:8:9: `share` is not a share; write a percentage in quotes, from \"0%\" to \"100%\"",
            "plan.toml:9:1: unknown key `shares`; did you mean `share`?",
            "plan.toml:10:1: unknown key `status`; the fault \"delay\" has no such parameter",
            "plan.toml:12:1: `name` is missing; name = \"…\", by which the journal knows the rule",
            "plan.toml:14:9: `delay` is not a duration; write a number and a unit in quotes: \"250us\", \"250ms\", \"1.5s\", \"2m\"",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn rules_inside_a_larger_file_keep_their_lines() {
        let text = "name = \"rush\"\n\n[[fault]]\nname = \"a\"\nfault = \"what\"\n";
        let error = Plan::parse_within("rush.toml", text, "fault").unwrap_err().to_string();
        assert!(error.starts_with("rush.toml:5:9: there is no fault \"what\""), "{error}");
    }

    #[test]
    fn a_window_that_is_empty_is_a_mistake() {
        let text = "[[rule]]\nname = \"a\"\nfault = \"again\"\nfrom = \"5s\"\nuntil = \"5s\"\nafter_requests = 3\nuntil_requests = 2\n";
        let error = Plan::parse("plan.toml", text).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 2, "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Plan::load(Path::new("/nowhere/plan.toml")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the plan /nowhere/plan.toml");
    }
}
