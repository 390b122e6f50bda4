//! Reads one table field by field, collecting mistakes instead of stopping at the first.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistakes;
use super::values;

/// A table being read; what nobody asked for until [`Fields::finish`] is an unknown key.
pub(super) struct Fields<'t, 'i> {
    span: Range<usize>,
    table: &'t DeTable<'i>,
    asked: Vec<&'static str>,
}

impl<'t, 'i> Fields<'t, 'i> {
    pub(super) fn top(table: &'t DeTable<'i>) -> Self {
        Self { span: 0..0, table, asked: Vec::new() }
    }

    /// The tables of an array (`[[key]]`).
    pub(super) fn tables(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Vec<Self> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let items = value.get_ref().as_array().map_or(std::slice::from_ref(value), |array| array.as_ref());
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref().as_table() {
                Some(table) => tables.push(Self { span: item.span(), table, asked: Vec::new() }),
                None => mistakes.add(&item.span(), format!("`{key}` is not a table"), format!("begin each with [[{key}]]")),
            }
        }
        tables
    }

    /// A field that is a table, when it is there and one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let value = self.ask(key)?;
        value.get_ref().as_table().map(|table| Self { span: value.span(), table, asked: Vec::new() })
    }

    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Where the table stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Every key with its text, for a table whose keys are data.
    pub(super) fn texts(&self) -> Option<Vec<(String, String)>> {
        self.table.iter().map(|(key, value)| Some((key.get_ref().to_string(), value.get_ref().as_str()?.to_owned()))).collect()
    }

    pub(super) fn missing(&self, key: &str, way_out: &str, mistakes: &mut Mistakes<'_>) {
        mistakes.add(&self.span, format!("`{key}` is missing"), way_out);
    }

    pub(super) fn text(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<String> {
        self.quoted(key, "a text", "put it in quotes", |text| Some(text.to_owned()), mistakes)
    }

    pub(super) fn duration(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
        self.quoted(key, "a duration", values::DURATION, values::duration, mistakes)
    }

    pub(super) fn quoted<T>(
        &mut self,
        key: &'static str,
        what: &str,
        way_out: &str,
        read: impl Fn(&str) -> Option<T>,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<T> {
        let value = self.ask(key)?;
        let read = value.get_ref().as_str().and_then(read);
        if read.is_none() {
            mistakes.add(&value.span(), format!("`{key}` is not {what}"), way_out);
        }
        read
    }

    pub(super) fn count(&mut self, key: &'static str, bounds: RangeInclusive<u64>, mistakes: &mut Mistakes<'_>) -> Option<u64> {
        let value = self.ask(key)?;
        let count = whole_number(value.get_ref()).filter(|count| bounds.contains(count));
        if count.is_none() {
            let message = format!("`{key}` is not a whole number from {} to {}", bounds.start(), bounds.end());
            mistakes.add(&value.span(), message, "write it without quotes and unit");
        }
        count
    }

    /// Keys that nobody asked for.
    pub(super) fn unknown(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let keys = self.table.iter().map(|(key, _)| (key.get_ref().as_ref(), key.span()));
        keys.filter(|(name, _)| !self.asked.iter().any(|asked| asked == name))
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self, mistakes: &mut Mistakes<'_>) {
        for (name, span) in self.unknown() {
            mistakes.add(&span, format!("unknown key `{name}`"), self.meant(name));
        }
    }

    /// What an unknown key was meant to be, or what there is.
    pub(super) fn meant(&self, name: &str) -> String {
        match nearest(name, &self.asked) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", self.asked.join(", ")),
        }
    }

    fn ask(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table.get(key)
    }
}

fn whole_number(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The known word that was probably meant: at most a third of its letters differ.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let (distance, meant) = known.iter().map(|candidate| (edit_distance(word, candidate), *candidate)).min()?;
    (distance * 3 <= word.chars().count().max(3)).then_some(meant)
}

/// Levenshtein's.
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
