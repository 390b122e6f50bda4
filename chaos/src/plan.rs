//! A fault plan: rules and incidents in a TOML file, read with all its mistakes at once.
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
mod incidents;
mod mistake;
mod read;
mod values;

use std::path::{Path, PathBuf};

pub use self::fields::{Fields, nearest, whole_number};
pub use self::incidents::{INCIDENTS, IncidentWord};
pub use self::mistake::{Mistake, Mistakes, PlanError, listed};
pub use self::read::{FAULTS, FaultWord};
pub use self::values::{SHARE, share};

use crate::decision::{Rule, TapKind};
use crate::incident::Incident;

/// What is to go wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// What is decided per request, in the order of the file, which is the order in which rules combine.
    pub rules: Vec<Rule>,
    /// What is done at a moment, in the order of the file.
    pub incidents: Vec<Incident>,
}

impl Plan {
    /// Reads a file that holds nothing but `[[rule]]`s (incidents among them).
    ///
    /// # Errors
    /// [`PlanError`] with the path, or with everything that is wrong in the file.
    pub fn load(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path).map_err(|source| PlanError::Unreadable { path: PathBuf::from(path), source })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a text that holds nothing but `[[rule]]`s (incidents among them); `origin` is what mistakes call it.
    ///
    /// # Errors
    /// [`PlanError::Mistakes`] with everything that is wrong.
    pub fn parse(origin: &str, text: &str) -> Result<Self, PlanError> {
        let mut mistakes = Mistakes::new(origin, text);
        let table = mistakes.syntax(text);
        let mut top = Fields::top(table.get_ref());
        let plan = Self::read(&mut top, "rule", &mut mistakes);
        top.finish(&mut mistakes);
        mistakes.into_result().map(|()| plan).map_err(PlanError::Mistakes)
    }

    /// Reads the tables `[[key]]` of a larger file that somebody else is reading, so that its mistakes are reported with all others.
    pub fn read(top: &mut Fields<'_, '_>, key: &'static str, mistakes: &mut Mistakes<'_>) -> Self {
        read::plan(top, key, mistakes)
    }

    /// Reads rules and incidents from the tables `[[key]]` of a larger file, whose other keys are somebody else's.
    ///
    /// # Errors
    /// [`PlanError::Mistakes`] with everything that is wrong in those tables.
    pub fn parse_within(origin: &str, text: &str, key: &'static str) -> Result<Self, PlanError> {
        let mut mistakes = Mistakes::new(origin, text);
        let table = mistakes.syntax(text);
        let plan = Self::read(&mut Fields::top(table.get_ref()), key, &mut mistakes);
        mistakes.into_result().map(|()| plan).map_err(PlanError::Mistakes)
    }

    /// Rules whose fault a tap of that kind cannot do.
    pub fn beyond(&self, tap: TapKind) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| !rule.fault.is_done_by(tap))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decision::{After, Before, Delay, Fault, Share};
    use crate::incident::{Moment, Skew, What, When};

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
after_sales = 500
until_sales = 700
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
        assert_eq!((rule.select.after_sales, rule.select.until_sales), (500, Some(700)));
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
            "plan.toml:5:1: `rule[1].delay` is missing; write \"250ms\", { from = \"100ms\", to = \"300ms\" } or { mean = \"200ms\", cap = \"2s\" }",
            "plan.toml:6:8: two rules are called \"a\"; give each a name of its own",
            "plan.toml:8:9: `rule[1].share` is not a share; write a percentage in quotes, from \"0%\" to \"100%\"",
            "plan.toml:9:1: unknown key `rule[1].shares`; did you mean `share`?",
            "plan.toml:10:1: unknown key `rule[1].status`; the fault \"delay\" has no such parameter",
            "plan.toml:12:1: `rule[2].name` is missing; name = \"…\", by which the journal knows the rule",
            "plan.toml:14:9: `rule[2].delay` is not a duration; write a number and a unit in quotes, at most a week: \"250us\", \"250ms\", \"1.5s\", \"2m\", \"1h\"",
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
    fn an_incident_stands_among_the_rules_and_says_when() {
        let text = r#"
rule = [
  { name = "dead", fault = "kill", role = "sales", down_for = "1s", after_sales = 500 },
  { name = "lost", fault = "lose-answer" },
  { name = "late", fault = "clock-skew", role = "relay", by = "-90s", for = "5s", phase = "peak" },
  { name = "storm", fault = "restart-storm", role = "relay", times = 5, every = "2s", from = "3s" },
]"#;
        let plan = Plan::parse("plan.toml", text).unwrap();
        assert_eq!(plan.rules.len(), 1);
        let second = Duration::from_secs(1);
        let [dead, late, storm] = plan.incidents.as_slice() else { panic!("{plan:?}") };
        assert_eq!(dead.what, What::Kill { role: "sales".into(), down_for: second });
        assert_eq!(dead.when, When::once(Moment::AfterSales(500)));
        assert_eq!(late.what, What::ClockSkew { role: "relay".into(), by: Skew { micros: -90_000_000 }, lasts: 5 * second });
        assert_eq!(late.when.first, Moment::Phase("peak".into()));
        assert_eq!((&storm.what, storm.when.span()), (&What::Restart { role: "relay".into() }, 8 * second));
    }

    #[test]
    fn mistakes_of_incidents_are_reported_with_those_of_rules() {
        let text = "[[rule]]\nname = \"a\"\nfault = \"kill\"\nfrom = \"1s\"\nphase = \"peak\"\nshare = \"5%\"\n\n[[rule]]\nname = \"b\"\nfault = \"restart-storm\"\nrole = \"relay\"\ntimes = 3\n\n[[rule]]\nname = \"c\"\nfault = \"pause\"\nrole = \"x\"\nfor = \"2s\"\nfrom = \"1s\"\ntimes = 2\nevery = \"1s\"\n\n[[rule]]\nname = \"d\"\nfault = \"kil\"\n";
        let error = Plan::parse("plan.toml", text).unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().collect();
        let expected = [
            "plan.toml:1:1: `rule[0].role` is missing; say which process, role = \"sales\"",
            "plan.toml:1:1: `rule[0].down_for` is missing; say for how long, down_for = \"2s\"",
            "plan.toml:1:1: more than one key says when it happens; say when: from = \"5s\", after_sales = 500, or phase = \"peak\"",
            "plan.toml:6:1: unknown key `rule[0].share`; the fault \"kill\" has no such parameter",
            "plan.toml:8:1: nothing says when it happens; say when: from = \"5s\", after_sales = 500, or phase = \"peak\"",
            "plan.toml:8:1: `rule[1].every` is missing; give both how often and how far apart, times = 5 and every = \"1s\"",
            "plan.toml:21:9: the next occurrence begins before the one before is over; make `every` longer than one occurrence lasts",
            "plan.toml:25:9: there is no fault \"kil\"; did you mean `kill`?",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Plan::load(Path::new("/nowhere/plan.toml")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the plan /nowhere/plan.toml (give the path of a TOML file that you may read)");
    }
}
