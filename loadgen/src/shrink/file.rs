//! A candidate as a scenario file of its own: the text of the original, with less in it.

use std::time::Duration;

use toml::{Table, Value};

use super::candidate::{Candidate, Cut, Load, Time};
use crate::scenario::draft::{Draft, name_of, quoted};
use crate::scenario::{Scenario, Traffic};

/// Appended to the scenario's name.
const SUFFIX: &str = "-shrunk";

/// Longest name of a scenario, without the suffix.
const MOST_NAME: usize = 64 - SUFFIX.len();

/// A word for restarts that come one after the other, and the word for one of them.
const STORM: (&str, &str) = ("restart-storm", "restart");

/// Writes candidates of one scenario.
#[derive(Debug)]
pub struct Writer<'a> {
    scenario: &'a Scenario,
    draft: Draft,
    whole: Candidate,
}

impl<'a> Writer<'a> {
    /// `scenario` as it was run, and its text with the faults that the seed had drawn.
    ///
    /// # Errors
    /// When the text is not TOML.
    pub fn new(scenario: &'a Scenario, explicit: &str) -> Result<Self, toml::de::Error> {
        let mut draft = Draft::of(explicit)?;
        // Counts that were asked of the whole load are not to be had of less of it.
        draft.remove("expect");
        let name: String = scenario.name.chars().take(MOST_NAME).collect();
        draft.set("name", &format!("{}{SUFFIX}", name.trim_end_matches(SUFFIX)));
        Ok(Self { scenario, draft, whole: Candidate::whole(scenario) })
    }

    /// What there is to shrink.
    #[must_use]
    pub fn whole(&self) -> &Candidate {
        &self.whole
    }

    /// The text of a candidate; `about` is what it says of itself.
    #[must_use]
    pub fn text(&self, candidate: &Candidate, about: &str) -> String {
        let mut draft = self.draft.clone();
        draft.set("about", about);
        let faults = draft.faults().into_iter().filter_map(|table| {
            let cut = candidate.faults.iter().find(|cut| cut.name == name_of(&table))?;
            Some(self.fault(cut, table))
        });
        let faults = faults.collect();
        draft.set_faults(faults);
        self.load(candidate.load, &mut draft);
        draft.to_text()
    }

    fn fault(&self, cut: &Cut, mut table: Table) -> Table {
        if self.whole.faults.contains(cut) {
            return table;
        }
        match cut.time {
            Time::Window { from, until } => {
                table.insert("from".to_owned(), quoted(from));
                table.insert("until".to_owned(), quoted(until));
            }
            Time::Occurrences { times, lasts, .. } => {
                if times == 1 {
                    table.remove("times");
                    table.remove("every");
                    if table.get("fault").and_then(Value::as_str) == Some(STORM.0) {
                        table.insert("fault".to_owned(), STORM.1.into());
                    }
                } else {
                    table.insert("times".to_owned(), Value::Integer(times.into()));
                }
                for key in ["for", "down_for"] {
                    if table.contains_key(key) {
                        table.insert(key.to_owned(), quoted(lasts));
                    }
                }
            }
        }
        table
    }

    fn load(&self, load: Load, draft: &mut Draft) {
        let share = f64::from(load.percent) / 100.0;
        match &self.scenario.traffic {
            Traffic::Closed { users, .. } => {
                let Some(closed) = draft.table_mut("closed") else { return };
                let fewer = (f64::from(*users) * share).ceil() as i64;
                closed.insert("users".to_owned(), Value::Integer(fewer.max(1)));
                closed.insert("duration".to_owned(), quoted(load.lasts));
            }
            Traffic::Open { stages } => {
                let Some(tables) = draft.tables_mut("stage") else { return };
                let mut begins = Duration::ZERO;
                let mut kept = 0;
                for (stage, table) in stages.iter().zip(tables.iter_mut().filter_map(Value::as_table_mut)) {
                    let left = load.lasts.saturating_sub(begins).min(stage.duration);
                    if left.is_zero() {
                        break;
                    }
                    begins += stage.duration;
                    kept += 1;
                    table.insert("duration".to_owned(), quoted(left));
                    for (key, rate) in [("rate", stage.rate_from), ("from", stage.rate_from), ("to", stage.rate_to)] {
                        if table.contains_key(key) && load.percent != 100 {
                            table.insert(key.to_owned(), Value::String(format!("{:.2}/s", rate * share)));
                        }
                    }
                }
                tables.truncate(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::candidate::Stage;
    use super::*;

    fn writer(scenario: &Scenario) -> Writer<'_> {
        Writer::new(scenario, &scenario.text).unwrap()
    }

    #[test]
    fn the_whole_says_what_the_original_says() {
        for entry in Scenario::catalogue() {
            let scenario = Scenario::load(&entry.name).unwrap().drawn(7);
            let explicit = Scenario::load(&entry.name).unwrap().explicit(7);
            let writer = Writer::new(&scenario, &explicit).unwrap();
            let text = writer.text(writer.whole(), "about");
            let again = Scenario::parse("again.toml", &text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", entry.name));
            assert_eq!((&again.faults, &again.traffic), (&scenario.faults, &scenario.traffic), "{}", entry.name);
        }
    }

    #[test]
    fn every_first_reduction_of_every_shipped_scenario_is_a_scenario() {
        for entry in Scenario::catalogue() {
            let loaded = Scenario::load(&entry.name).unwrap();
            let (scenario, explicit) = (loaded.drawn(3), loaded.explicit(3));
            let writer = Writer::new(&scenario, &explicit).unwrap();
            for stage in [Stage::Faults, Stage::Windows, Stage::Load] {
                // A control without its fault is no control any more; that is said, and not run.
                let controls = scenario.expect_verdict != crate::verify::judgement::Verdict::Pass;
                for smaller in writer.whole().reductions(stage).into_iter().filter(|smaller| !controls || !smaller.faults.is_empty()) {
                    let text = writer.text(&smaller, "about");
                    let read = Scenario::parse("smaller.toml", &text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", entry.name));
                    assert_eq!(read.duration(), smaller.load.lasts, "{}", entry.name);
                    assert_eq!(read.faults.rules.len() + read.faults.incidents.len(), smaller.faults.len(), "{}", entry.name);
                }
            }
        }
    }

    #[test]
    fn half_the_load_is_half_of_every_rate() {
        let scenario = Scenario::load("rush").unwrap();
        let writer = writer(&scenario);
        let half = Candidate { load: Load { lasts: Duration::from_secs(20), percent: 50 }, ..writer.whole().clone() };
        let Traffic::Open { stages } = Scenario::parse("half.toml", &writer.text(&half, "about")).unwrap().traffic else { panic!("open") };
        let rates: Vec<(f64, f64, f64)> =
            stages.iter().map(|stage| (stage.duration.as_secs_f64(), stage.rate_from, stage.rate_to)).collect();
        // Of the ebb's nine seconds two are left; a stage that is cut runs to its end's rate all the same.
        assert_eq!(rates, [(12.0, 4.0, 4.0), (2.0, 4.0, 200.0), (4.0, 200.0, 200.0), (2.0, 200.0, 15.0)]);
    }
}
