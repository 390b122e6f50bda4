//! What a property's judge hands back, before names and paths are looked up.

use super::state::Gap;
use crate::history::event::Micros;

/// Violations that are listed with a witness; the rest is counted.
pub(super) const LISTED: usize = 5;

/// A thing that a finding is about, as rows of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ref {
    /// An order, with all attempts under its key.
    Order(u32),
    /// An order that is known by its order id alone.
    OrderId(u32),
    /// A production.
    Production(u32),
    /// A message.
    Message(u32),
    /// A sold-out episode.
    Episode(u32),
    /// A product, around a time.
    Product {
        /// Its row.
        product: u32,
        /// From when its sales and samples belong to the path.
        from: Micros,
        /// Until when.
        to: Micros,
    },
    /// A queue, by name.
    Queue(String),
    /// The run as a whole: phases, faults and processes.
    Run,
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What went wrong. `{0}` is the name of the first of `about`, `{1}` of the second, and so on.
    pub(super) sentence: String,
    /// The first is the subject; lines about any of them make up the path.
    pub(super) about: Vec<Ref>,
}

/// A property, judged.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The first [`LISTED`] violations.
    pub(super) listed: Vec<Finding>,
    /// All of them.
    pub(super) total: u64,
    /// What was counted on the way.
    pub(super) counted: Vec<(String, i64)>,
    /// Why it could not be judged completely. Outranked by a violation.
    pub(super) gap: Option<Gap>,
}

impl Findings {
    /// Notes a violation; the sentence is only made for those that are listed.
    pub(super) fn violated(&mut self, about: Vec<Ref>, sentence: impl FnOnce() -> String) {
        self.total += 1;
        if self.listed.len() < LISTED {
            self.listed.push(Finding { sentence: sentence(), about });
        }
    }

    /// Notes a number.
    pub(super) fn count(&mut self, what: &str, number: impl TryInto<i64>) {
        self.counted.push((what.to_owned(), number.try_into().unwrap_or(i64::MAX)));
    }

    /// Notes why the property cannot be judged completely. The first reason stays, except that something missing outranks something not exposed.
    pub(super) fn gap(&mut self, gap: Option<Gap>) {
        match (&self.gap, gap) {
            (None, gap) | (Some(Gap::NotExposed(_)), gap @ Some(Gap::Missing(_))) => self.gap = gap,
            _ => {}
        }
    }

    /// Notes that this run did not yield what is needed.
    pub(super) fn missing(&mut self, reason: String) {
        self.gap(Some(Gap::Missing(reason)));
    }
}

/// A time, for sentences.
pub(super) fn seconds(at: Micros) -> String {
    format!("{}.{:03} s", at / 1_000_000, at % 1_000_000 / 1_000)
}

/// A number of pieces, for sentences.
pub(super) fn pieces(number: i64) -> String {
    if number == 1 { "1 piece".to_owned() } else { format!("{number} pieces") }
}
