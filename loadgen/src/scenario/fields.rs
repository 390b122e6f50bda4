//! Reads one table of a TOML file field by field, collecting mistakes instead of stopping at the first.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistakes;
use super::values;

/// A table being read. Whatever was not asked for by the time of [`Section::finish`] is an unknown key.
pub(super) struct Section<'t, 'i> {
    /// What messages call it ("buyers.", or "" at the top).
    prefix: String,
    span: Range<usize>,
    table: Option<&'t DeTable<'i>>,
    asked: Vec<&'static str>,
}

impl<'t, 'i> Section<'t, 'i> {
    pub(super) fn top(table: &'t DeTable<'i>) -> Self {
        Self { prefix: String::new(), span: 0..0, table: Some(table), asked: Vec::new() }
    }

    /// A table inside this one; when it is missing, every field of it takes its default.
    pub(super) fn section(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Section<'t, 'i> {
        let value = self.ask(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if let (Some(value), None) = (value, table) {
            mistakes.add(&value.span(), format!("`{}{key}` is not a table", self.prefix), format!("begin it with [{key}]"));
        }
        let span = value.map_or_else(|| self.span.clone(), Spanned::span);
        Section { prefix: format!("{}{key}.", self.prefix), span, table, asked: Vec::new() }
    }

    /// Tables in an array (`[[key]]`).
    pub(super) fn sections(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Vec<Section<'t, 'i>> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let mut sections = Vec::new();
        let items = value.get_ref().as_array().map_or(std::slice::from_ref(value), |array| array.as_ref());
        for (index, item) in items.iter().enumerate() {
            match item.get_ref().as_table() {
                Some(table) => {
                    sections.push(Section { prefix: format!("{key}[{index}]."), span: item.span(), table: Some(table), asked: Vec::new() })
                }
                None => mistakes.add(&item.span(), format!("`{key}` is not a table"), format!("begin each with [[{key}]]")),
            }
        }
        sections
    }

    /// Whether the file has this table at all.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.get(key).is_some())
    }

    /// Where the table stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where the field stands; the table, when it is missing.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.and_then(|table| table.get(key)).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Every key of a table whose keys are data (products, quantities).
    pub(super) fn entries(&mut self) -> Vec<(String, Range<usize>, &'t Spanned<DeValue<'i>>)> {
        let entries = self.table.into_iter().flat_map(|table| table.iter());
        entries.map(|(key, value)| (key.get_ref().to_string(), key.span(), value)).collect()
    }

    pub(super) fn text(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<String> {
        let value = self.ask(key)?;
        let text = value.get_ref().as_str().map(ToOwned::to_owned);
        if text.is_none() {
            mistakes.add(&value.span(), format!("`{}{key}` is not a text", self.prefix), "put it in quotes");
        }
        text
    }

    pub(super) fn required_text(&mut self, key: &'static str, way_out: &str, mistakes: &mut Mistakes<'_>) -> String {
        if !self.has(key) {
            self.missing(key, way_out, mistakes);
        }
        self.text(key, mistakes).unwrap_or_default()
    }

    pub(super) fn texts(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Vec<(String, Range<usize>)>> {
        let value = self.ask(key)?;
        let items =
            value.get_ref().as_array().map(|array| array.iter().map(|item| Some((item.get_ref().as_str()?.to_owned(), item.span()))));
        let texts = items.and_then(Iterator::collect);
        if texts.is_none() {
            mistakes.add(&value.span(), format!("`{}{key}` is not a list of texts", self.prefix), "write [\"one\", \"two\"]");
        }
        texts
    }

    pub(super) fn count(&mut self, key: &'static str, bounds: std::ops::RangeInclusive<u64>, mistakes: &mut Mistakes<'_>) -> Option<u64> {
        let value = self.ask(key)?;
        let count = whole_number(value.get_ref()).filter(|count| bounds.contains(count));
        if count.is_none() {
            let what = format!("`{}{key}` is not a whole number between {} and {}", self.prefix, bounds.start(), bounds.end());
            mistakes.add(&value.span(), what, "write it without quotes and unit");
        }
        count
    }

    pub(super) fn duration(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
        self.with_unit(key, "a duration", values::duration, mistakes)
    }

    /// A duration above zero; zero counts as a mistake.
    pub(super) fn some_time(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<Duration> {
        let duration = self.duration(key, mistakes)?;
        if duration.is_zero() {
            mistakes.add(&self.span_of(key), format!("`{}{key}` is no time at all", self.prefix), "give it at least \"1ms\"");
        }
        Some(duration)
    }

    pub(super) fn rate(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<f64> {
        self.with_unit(key, "a rate", values::rate, mistakes)
    }

    pub(super) fn share(&mut self, key: &'static str, mistakes: &mut Mistakes<'_>) -> Option<f64> {
        self.with_unit(key, "a share", values::share, mistakes)
    }

    pub(super) fn missing(&self, key: &str, way_out: &str, mistakes: &mut Mistakes<'_>) {
        mistakes.add(&self.span, format!("`{}{key}` is missing", self.prefix), way_out);
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self, mistakes: &mut Mistakes<'_>) {
        for (key, _) in self.table.into_iter().flat_map(|table| table.iter()) {
            let name: &str = key.get_ref();
            if !self.asked.contains(&name) {
                let way_out = match nearest(name, &self.asked) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("there are {}", self.asked.join(", ")),
                };
                mistakes.add(&key.span(), format!("unknown key `{}{name}`", self.prefix), way_out);
            }
        }
    }

    fn ask(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.asked.push(key);
        self.table.and_then(|table| table.get(key))
    }

    fn with_unit<T>(
        &mut self,
        key: &'static str,
        what: &str,
        read: fn(&str) -> Result<T, String>,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<T> {
        let value = self.ask(key)?;
        let read = match value.get_ref().as_str() {
            Some(text) => read(text),
            None => Err("put it in quotes, with its unit".to_owned()),
        };
        read.map_err(|way_out| mistakes.add(&value.span(), format!("`{}{key}` is not {what}", self.prefix), way_out)).ok()
    }
}

/// The number, when the value is a whole one and not negative.
pub(super) fn whole_number(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The known word that `word` was probably meant to be: at most a third of its letters differ.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let (distance, meant) = known.iter().map(|candidate| (edit_distance(word, candidate), *candidate)).min()?;
    (distance * 3 <= word.chars().count().max(3)).then_some(meant)
}

/// Levenshtein's: insertions, deletions and replacements that lead from one word to the other.
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
