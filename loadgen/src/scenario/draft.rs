//! A scenario file as something that can be changed and written down again; comments are lost on the way.

use std::time::Duration;

use toml::{Table, Value};

/// What the tables of faults are called.
pub(super) const FAULT: &str = "fault";

/// The text of a scenario, being changed. Whatever comes out is checked like any other file when it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    table: Table,
}

impl Draft {
    /// Begins with the text of a scenario.
    ///
    /// # Errors
    /// When it is not TOML.
    pub fn of(text: &str) -> Result<Self, toml::de::Error> {
        Ok(Self { table: text.parse()? })
    }

    /// Its faults, in the order of the file.
    #[must_use]
    pub fn faults(&self) -> Vec<Table> {
        let items = self.table.get(FAULT).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_table).cloned().collect()
    }

    /// Other faults instead of those it has.
    pub fn set_faults(&mut self, faults: Vec<Table>) {
        self.table.remove(FAULT);
        if !faults.is_empty() {
            self.table.insert(FAULT.to_owned(), faults.into_iter().map(Value::Table).collect::<Vec<_>>().into());
        }
    }

    /// Sets a text at the top.
    pub fn set(&mut self, key: &str, text: &str) {
        self.table.insert(key.to_owned(), text.into());
    }

    /// Takes a key or table away.
    pub fn remove(&mut self, key: &str) {
        self.table.remove(key);
    }

    /// The tables of an array, to be changed in place.
    pub fn tables_mut(&mut self, key: &str) -> Option<&mut Vec<Value>> {
        self.table.get_mut(key).and_then(Value::as_array_mut)
    }

    /// A table, to be changed in place.
    pub fn table_mut(&mut self, key: &str) -> Option<&mut Table> {
        self.table.get_mut(key).and_then(Value::as_table_mut)
    }

    /// The text of it.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.table.to_string()
    }
}

/// Name of a fault's table; empty when it has none, which no checked scenario does.
#[must_use]
pub fn name_of(fault: &Table) -> &str {
    fault.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// A duration as files have it ("1.5s").
#[must_use]
pub fn quoted(duration: Duration) -> Value {
    let micros = duration.as_micros();
    let text = match (micros % 1_000, micros % 100_000) {
        (_, 0) => format!("{}s", duration.as_secs_f64()),
        (0, _) => format!("{}ms", micros / 1_000),
        _ => format!("{micros}us"),
    };
    Value::String(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn every_shipped_scenario_says_the_same_after_it_was_written_down_again() {
        for entry in Scenario::catalogue() {
            let scenario = Scenario::load(&entry.name).unwrap();
            let text = Draft::of(&scenario.text).unwrap().to_text();
            let again = Scenario::parse("again.toml", &text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", entry.name));
            assert_eq!(Scenario { text: String::new(), ..again }, Scenario { text: String::new(), ..scenario }, "{}", entry.name);
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        let written = |micros| quoted(Duration::from_micros(micros));
        assert_eq!([1_500_000, 250_000, 1_000, 7].map(written), ["1.5s", "250ms", "1ms", "7us"].map(|text| Value::String(text.to_owned())));
    }
}
