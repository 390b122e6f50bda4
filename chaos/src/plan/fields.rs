//! Reads one table field by field, collecting mistakes instead of stopping at the first.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistakes;
use super::values;
use crate::decision::Share;

/// A table being read; what nobody asked for until [`Fields::finish`] is an unknown key.
#[derive(Debug)]
pub struct Fields<'t, 'i> {
    /// What mistakes put before a key ("buyers.", "stage[0].", or nothing at the top).
    prefix: String,
    span: Range<usize>,
    /// None for a table that is not there: every field of it takes its default.
    table: Option<&'t DeTable<'i>>,
    asked: Vec<&'static str>,
}

impl<'t, 'i> Fields<'t, 'i> {
    /// A whole file, or a table whose keys need no prefix.
    #[must_use]
    pub fn top(table: &'t DeTable<'i>) -> Self {
        Self { prefix: String::new(), span: 0..0, table: Some(table), asked: Vec::new() }
    }

    /// A table inside this one (`[key]`); when it is missing, every field of it takes its default.
    pub fn section(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Self {
        let value = self.ask(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if let (Some(value), None) = (value, table) {
            mistakes.add(&value.span(), format!("`{}` is not a table", self.full(key)), format!("begin it with [{key}]"));
        }
        let span = value.map_or_else(|| self.span.clone(), Spanned::span);
        Self { prefix: format!("{}.", self.full(key)), span, table, asked: Vec::new() }
    }

    /// The tables of an array (`[[key]]`).
    pub fn tables(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Vec<Self> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let items = value.get_ref().as_array().map_or(std::slice::from_ref(value), |array| array.as_ref());
        let mut tables = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let prefix = format!("{}[{index}].", self.full(key));
            match item.get_ref().as_table() {
                Some(table) => tables.push(Self { prefix, span: item.span(), table: Some(table), asked: Vec::new() }),
                None => mistakes.add(&item.span(), format!("`{key}` is not a table"), format!("begin each with [[{key}]]")),
            }
        }
        tables
    }

    /// A field that is a table, when it is there and one.
    pub fn table(&mut self, key: &'static str) -> Option<Self> {
        let value = self.ask(key)?;
        let prefix = format!("{}.", self.full(key));
        value.get_ref().as_table().map(|table| Self { prefix, span: value.span(), table: Some(table), asked: Vec::new() })
    }

    /// Whether the file has this table at all.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Where the field stands; the table, when it is missing.
    #[must_use]
    pub fn span_of(&self, key: &str) -> Range<usize> {
        self.value(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Whether the field is given.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// What mistakes call a key of this table.
    #[must_use]
    pub fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Every key of a table whose keys are data, where it stands, and its value.
    #[must_use]
    pub fn entries(&self) -> Vec<(String, Range<usize>, &'t Spanned<DeValue<'i>>)> {
        let entries = self.table.into_iter().flat_map(|table| table.iter());
        entries.map(|(key, value)| (key.get_ref().to_string(), key.span(), value)).collect()
    }

    /// Where the table stands.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A mistake: the field is not given.
    pub fn missing(&self, key: &str, way_out: &str, mistakes: &mut Mistakes<'_>) {
        mistakes.add(&self.span, format!("`{}` is missing", self.full(key)), way_out);
    }

    /// A text that has to be there; empty when it is not.
    pub fn required_text(&mut self, key: &'static str, way_out: &str, mistakes: &mut Mistakes<'_>) -> String {
        if !self.has(key) {
            self.missing(key, way_out, mistakes);
        }
        self.text(key, mistakes).unwrap_or_default()
    }

    /// A list of texts, each with its place.
    pub fn texts(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Vec<(String, Range<usize>)>> {
        let value = self.ask(key)?;
        let items = value.get_ref().as_array();
        let texts = items.and_then(|items| items.iter().map(|item| Some((item.get_ref().as_str()?.to_owned(), item.span()))).collect());
        if texts.is_none() {
            mistakes.add(&value.span(), format!("`{}` is not a list of texts", self.full(key)), "write [\"one\", \"two\"]");
        }
        texts
    }

    /// A text.
    pub fn text(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<String> {
        self.quoted(key, "a text", "put it in quotes", |text| Some(text.to_owned()), mistakes)
    }

    /// A duration with its unit, at most a week.
    pub fn duration(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
        self.quoted(key, "a duration", values::DURATION, values::duration, mistakes)
    }

    /// A duration above zero; zero counts as a mistake.
    pub fn some_time(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
        let duration = self.duration(key, mistakes)?;
        if duration.is_zero() {
            mistakes.add(&self.span_of(key), format!("`{}` is no time at all", self.full(key)), "give it at least \"1ms\"");
        }
        Some(duration)
    }

    /// A percentage, as a number from 0 to 1.
    pub fn share(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<f64> {
        self.quoted(key, "a share", values::SHARE, values::share, mistakes).map(Share::get)
    }

    /// Whatever `read` makes of a text.
    pub fn quoted<T>(
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
            mistakes.add(&value.span(), format!("`{}` is not {what}", self.full(key)), way_out);
        }
        read
    }

    /// A whole number within bounds.
    pub fn count(&mut self, key: &'static str, bounds: RangeInclusive<u64>, mistakes: &mut Mistakes<'_>) -> Option<u64> {
        let value = self.ask(key)?;
        let count = whole_number(value.get_ref()).filter(|count| bounds.contains(count));
        if count.is_none() {
            let message = format!("`{}` is not a whole number from {} to {}", self.full(key), bounds.start(), bounds.end());
            mistakes.add(&value.span(), message, "write it without quotes and unit");
        }
        count
    }

    /// A field that is true or false; false when it is not there.
    pub(super) fn flag(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> bool {
        let Some(value) = self.ask(key) else { return false };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            mistakes.add(&value.span(), format!("`{key}` is neither true nor false"), "write it without quotes");
        }
        flag.unwrap_or(false)
    }

    /// Keys that nobody asked for.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let keys = self.table.into_iter().flat_map(|table| table.iter()).map(|(key, _)| (key.get_ref().as_ref(), key.span()));
        keys.filter(|(name, _)| !self.asked.iter().any(|asked| asked == name))
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self, mistakes: &mut Mistakes<'_>) {
        for (name, span) in self.unknown() {
            mistakes.add(&span, format!("unknown key `{}`", self.full(name)), self.meant(name));
        }
    }

    /// What an unknown key was meant to be, or what there is.
    #[must_use]
    pub fn meant(&self, name: &str) -> String {
        match nearest(name, &self.asked) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", self.asked.join(", ")),
        }
    }

    fn ask(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.value(key)
    }

    fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.table.and_then(|table| table.get(key))
    }
}

/// The number, when the value is a whole one and not negative.
#[must_use]
pub fn whole_number(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The known word that was probably meant: at most a third of its letters differ.
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_the_word_that_was_meant() {
        let known = ["patience", "retries", "come_back"];
        assert_eq!(nearest("patiense", &known), Some("patience"));
        assert_eq!(nearest("comeback", &known), Some("come_back"));
        assert_eq!(nearest("weather", &known), None);
    }
}
