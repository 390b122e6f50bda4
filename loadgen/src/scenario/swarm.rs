//! A swarm: the faults of a scenario are a menu, and every seed draws another few of them, at other times, more or less often.
//!
//! ```toml
//! [swarm]
//! pick = 6            # as many faults, or from `at_least` to `pick`
//! before = "3s"       # nothing goes wrong until then: the run's own baseline
//! after = "4s"        # nor in the last so many seconds of the load: throughput must come back
//! shortest = "3s"     # how long a rule is in force, at least …
//! longest = "8s"      # … and at most
//! ```
//!
//! What is drawn of a rule is when it is in force, and its share, between a third of what the menu says and all of it. A rule with `first`
//! is meant for a hop on which little passes: it begins in the first third, stays in force until the end, and strikes up to so many. Of an incident the moment is
//! drawn. Whatever else the menu says stays as it is, so who writes the menu sees to it that each fault can strike when its time has come.

use std::collections::BTreeSet;
use std::time::Duration;

use chaos::decision::Rule;
use chaos::incident::{Incident, What};
use chaos::plan::{Fields, Mistakes, Plan};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use toml::{Table, Value};

use super::draft::{name_of, quoted};
use crate::plan::draws;

/// Moments are drawn in tenths of a second, which people can read.
const GRAIN_MS: u64 = 100;

/// How a swarm draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swarm {
    /// Fewest faults.
    pub at_least: usize,
    /// Most faults.
    pub pick: usize,
    /// From the start of the load until the first may strike.
    pub before: Duration,
    /// From the last heal until the end of the load.
    pub after: Duration,
    /// Shortest time in force of a rule.
    pub shortest: Duration,
    /// Longest.
    pub longest: Duration,
}

impl Swarm {
    /// Reads `[swarm]`; None when the file has none.
    pub(super) fn read(top: &mut Fields<'_, '_>, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let mut section = top.section("swarm", mistakes);
        if !section.is_there() {
            return None;
        }
        if !section.has("pick") {
            section.missing("pick", "say how many faults a seed draws from the menu, pick = 6", mistakes);
        }
        let count = |number: Option<u64>, default| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default);
        let pick = count(section.count("pick", 1..=1_000, mistakes), 1);
        let swarm = Self {
            at_least: count(section.count("at_least", 1..=1_000, mistakes), pick),
            pick,
            before: section.some_time("before", mistakes).unwrap_or(Duration::from_secs(3)),
            after: section.some_time("after", mistakes).unwrap_or(Duration::from_secs(4)),
            shortest: section.some_time("shortest", mistakes).unwrap_or(Duration::from_secs(3)),
            longest: section.some_time("longest", mistakes).unwrap_or(Duration::from_secs(8)),
        };
        if swarm.at_least > swarm.pick {
            mistakes.add(&section.span_of("at_least"), "`swarm.at_least` is more than `swarm.pick`", "turn them round");
        }
        if swarm.shortest > swarm.longest {
            mistakes.add(&section.span_of("shortest"), "`swarm.shortest` is longer than `swarm.longest`", "turn them round");
        }
        section.finish(mistakes);
        Some(swarm)
    }

    /// What is wrong with a menu, and the way out: it must have enough on it, and every fault must fit between `before` and `after`.
    pub(super) fn check(&self, menu: &Plan, lasts: Duration) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let victims: BTreeSet<String> = menu.incidents.iter().map(|incident| victim(&incident.what)).collect();
        let most = menu.rules.len() + victims.len();
        if most < self.pick {
            let message = format!("{} faults are to be drawn, and the menu allows {most} at once", self.pick);
            wrong
                .push((message, "add more [[fault]] tables, or pick fewer; two incidents never strike the same process or hop".to_owned()));
        }
        let room = lasts.saturating_sub(self.before + self.after);
        let longest = menu.incidents.iter().map(|incident| (self.takes(incident), &*incident.name));
        let longest = longest.chain([(self.longest, "a rule")]).max().unwrap_or_default();
        if longest.0 >= room {
            let message = format!("{} may last {:?}, and there are {room:?} between `before` and `after`", longest.1, longest.0);
            wrong.push((message, "let buyers arrive for longer".to_owned()));
        }
        wrong
    }

    /// Draws from a menu: the same seed draws the same.
    pub(super) fn draw(&self, menu: &Plan, tables: Vec<Table>, lasts: Duration, seed: u64) -> Vec<Table> {
        let mut dice = draws(seed, [0, 0]);
        let count = dice.random_range(self.at_least..=self.pick);
        let mut order: Vec<usize> = (0..tables.len()).collect();
        order.shuffle(&mut dice);
        let mut victims = BTreeSet::new();
        let mut picked: Vec<usize> = Vec::new();
        for place in order {
            let incident = menu.incidents.iter().find(|incident| *incident.name == *name_of(&tables[place]));
            // Two things done to one process at once would be one thing that nobody planned.
            if picked.len() < count && incident.is_none_or(|incident| victims.insert(victim(&incident.what))) {
                picked.push(place);
            }
        }
        picked.sort_unstable();
        let window = Window { begin: self.before, end: lasts.saturating_sub(self.after) };
        let mut drawn = tables;
        let mut place = 0;
        drawn.retain(|_| {
            place += 1;
            picked.binary_search(&(place - 1)).is_ok()
        });
        for table in &mut drawn {
            let name = name_of(table).to_owned();
            if let Some(rule) = menu.rules.iter().find(|rule| *rule.name == *name) {
                self.draw_rule(rule, table, window, &mut dice);
            } else if let Some(incident) = menu.incidents.iter().find(|incident| *incident.name == *name) {
                let latest = window.end.saturating_sub(self.takes(incident));
                for key in ["after_sales", "phase"] {
                    table.remove(key);
                }
                table.insert("from".to_owned(), quoted(between(window.begin, latest, &mut dice)));
            }
        }
        drawn
    }

    /// How long an incident may need. A crash waits until the process passes the point: as long as a rule, at most.
    fn takes(&self, incident: &Incident) -> Duration {
        match incident.what {
            What::CrashAt { .. } => incident.when.span() + self.longest,
            _ => incident.when.span() + incident.what.lasts(),
        }
    }

    fn draw_rule(&self, rule: &Rule, table: &mut Table, window: Window, dice: &mut ChaCha8Rng) {
        let length = between(self.shortest, self.longest, dice);
        let latest = match rule.select.first {
            // Where little passes, the next may be long in coming, and longer still when something else is wrong there, too.
            Some(_) => window.begin + window.end.saturating_sub(window.begin) / 3,
            None => window.end.saturating_sub(length),
        };
        let from = between(window.begin, latest, dice);
        let until = match rule.select.first {
            Some(most) => {
                let most = dice.random_range(most.div_ceil(2)..=most);
                table.insert("first".to_owned(), Value::Integer(i64::try_from(most).unwrap_or(i64::MAX)));
                window.end
            }
            None => from + length,
        };
        table.insert("from".to_owned(), quoted(from));
        table.insert("until".to_owned(), quoted(until));
        let most = rule.select.share.get() * 100.0;
        if rule.select.first.is_none() && most >= 1.0 {
            // Whole percents: a plan is read by people.
            let percent = dice.random_range((most / 3.0).ceil() as u64..=most as u64);
            table.insert("share".to_owned(), Value::String(format!("{percent}%")));
        }
    }
}

/// When anything may be wrong.
#[derive(Debug, Clone, Copy)]
struct Window {
    begin: Duration,
    end: Duration,
}

/// Who is struck by an incident.
fn victim(what: &What) -> String {
    what.role().or(what.hop()).unwrap_or("database").to_owned()
}

fn between(from: Duration, to: Duration, dice: &mut ChaCha8Rng) -> Duration {
    let grains = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX) / GRAIN_MS;
    let (from, to) = (grains(from), grains(to));
    Duration::from_millis(dice.random_range(from..=to.max(from)) * GRAIN_MS)
}

#[cfg(test)]
mod tests {
    use chaos::decision::Legality;
    use chaos::incident::Moment;

    use super::*;
    use crate::plan::Plan as RunPlan;
    use crate::scenario::Scenario;

    #[test]
    fn what_a_thousand_seeds_draw_is_valid_legal_and_healed_before_the_end() {
        let scenario = Scenario::load("swarm").unwrap();
        let swarm = scenario.swarm.clone().unwrap();
        let end = scenario.duration() - swarm.after;
        let mut seen = BTreeSet::new();
        for seed in 0..1_000 {
            let drawn = Scenario::parse("drawn.toml", &scenario.explicit(seed)).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_eq!(drawn.swarm, None, "seed {seed}");
            if seed % 50 == 0 {
                assert_eq!(drawn.faults, scenario.drawn(seed).faults, "seed {seed}");
            }
            let faults = drawn.faults.rules.len() + drawn.faults.incidents.len();
            assert!((swarm.at_least..=swarm.pick).contains(&faults), "seed {seed} draws {faults}");
            for rule in &drawn.faults.rules {
                let select = &rule.select;
                let until = select.until.unwrap();
                assert_eq!(rule.fault.legality(), Legality::Legal, "seed {seed}: {}", rule.name);
                assert!(swarm.before <= select.from && select.from + swarm.shortest <= until && until <= end, "seed {seed}: {rule:?}");
                assert!(select.share.get() > 0.0 && select.first != Some(0), "seed {seed}: {rule:?}");
                seen.insert(rule.name.to_string());
            }
            let mut victims = BTreeSet::new();
            for incident in &drawn.faults.incidents {
                let Moment::At(from) = incident.when.first else { panic!("seed {seed}: {incident:?}") };
                assert!(swarm.before <= from && from + swarm.takes(incident) <= end, "seed {seed}: {incident:?}");
                assert!(victims.insert(victim(&incident.what)), "seed {seed}: two incidents for {incident:?}");
                seen.insert(incident.name.to_string());
            }
        }
        assert_eq!(seen.len(), scenario.faults.rules.len() + scenario.faults.incidents.len(), "everything on the menu is drawn at times");
    }

    #[test]
    fn a_seed_draws_the_same_again_and_another_seed_something_else() {
        let scenario = Scenario::load("swarm").unwrap();
        let once = RunPlan::derive(&scenario, 7);
        // As a replay does: from what was drawn, not from the menu.
        let again = RunPlan::derive(once.scenario(), 7);
        assert_eq!(once, again);
        assert_ne!(once.faults(), RunPlan::derive(&scenario, 8).faults());
    }

    #[test]
    fn a_menu_that_is_too_short_and_a_load_that_is_are_mistakes() {
        let text = Scenario::load("swarm").unwrap().text;
        let few = text.replace("pick = 7", "pick = 900").replace("duration = \"20s\"", "duration = \"9s\"");
        let error = Scenario::parse("swarm.toml", &few).unwrap_err().to_string();
        assert!(error.contains("900 faults are to be drawn") && error.contains("let buyers arrive for longer"), "{error}");
        let turned = text.replace("at_least = 4", "at_least = 9");
        assert!(Scenario::parse("swarm.toml", &turned).unwrap_err().to_string().contains("`swarm.at_least` is more than"));
    }
}
