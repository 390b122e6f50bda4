//! Rules laid out for deciding: what can be worked out when they come into force is not worked out per request.

use std::time::Duration;

use super::dice::{Dice, Threshold};
use super::fault::{Point, Slot};
use super::rule::Rule;
use super::{Choice, Facts};

/// The rules in force, in the order of the plan, by the point at which they act.
#[derive(Debug, Clone, Default)]
pub struct Rulebook {
    at: [Page; Point::ALL.len()],
}

/// The rules that act at one point: those of the early slots first, else in the order of the plan.
#[derive(Debug, Clone, Default)]
struct Page {
    entries: Vec<Entry>,
    asks_for_time: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    /// What must fit before anything else is looked at: one comparison each.
    hop: Beginning,
    path: Beginning,
    slot: Slot,
    /// Chance comes next: for most of what fits it says no.
    share: Threshold,
    dice: Dice,
    /// Its place in the plan.
    index: usize,
    rule: Rule,
}

/// The first eight bytes that a text must begin with, as one number.
#[derive(Debug, Clone, Copy, Default)]
struct Beginning {
    bytes: u64,
    mask: u64,
}

impl Rulebook {
    /// The rules of a plan, decided by that seed.
    pub fn new<'r>(seed: u64, rules: impl IntoIterator<Item = &'r Rule>) -> Self {
        let mut book = Self::default();
        for (index, rule) in rules.into_iter().enumerate() {
            let entry = Entry::new(seed, index, rule);
            for point in Point::ALL.into_iter().filter(|point| rule.fault.acts_at(*point)) {
                let page = &mut book.at[point as usize];
                page.asks_for_time |= rule.select.from > Duration::ZERO || rule.select.until.is_some();
                page.entries.push(entry.clone());
            }
        }
        for page in &mut book.at {
            // Stable: within early and late, the order of the plan decides.
            page.entries.sort_by_key(|entry| !entry.slot.is_early());
        }
        book
    }

    /// Whether any rule acts there.
    #[must_use]
    pub fn acts_at(&self, point: Point) -> bool {
        !self.at[point as usize].entries.is_empty()
    }

    /// Whether [`Facts::elapsed`] can matter there.
    #[must_use]
    pub fn asks_for_time(&self, point: Point) -> bool {
        self.at[point as usize].asks_for_time
    }

    /// Whether any rule would strike, counts aside. Allocates nothing.
    #[must_use]
    pub fn strikes(&self, facts: &Facts<'_>) -> bool {
        let (hop, path) = (first_bytes(facts.hop), first_bytes(facts.path));
        self.at[facts.point as usize].entries.iter().any(|entry| entry.strikes(facts, hop, path))
    }

    /// Decides which rules strike; none is the verdict "pass", and allocates nothing.
    ///
    /// `claim` is asked once for each rule that would strike, and refuses when the rule's count is used up.
    pub fn decide(&self, facts: &Facts<'_>, mut claim: impl FnMut(usize) -> bool) -> Vec<Choice> {
        let (hop, path) = (first_bytes(facts.hop), first_bytes(facts.path));
        let mut choices = Vec::new();
        let mut taken = [false; Slot::COUNT];
        for entry in &self.at[facts.point as usize].entries {
            let slot = entry.slot;
            let full = slot.is_single() && taken[slot.index()];
            let shadowed = slot.is_shadowed_by_before() && taken[Slot::Before.index()];
            if full || shadowed || !entry.strikes(facts, hop, path) || !claim(entry.index) {
                continue;
            }
            taken[slot.index()] = true;
            choices.push(Choice { rule: entry.index, wait: entry.rule.wait(entry.dice, facts) });
        }
        choices
    }
}

impl Entry {
    fn new(seed: u64, index: usize, rule: &Rule) -> Self {
        // What struck once strikes again whatever the rest of the rule says.
        let begins = |text: &Option<String>| text.as_deref().filter(|_| rule.only.is_none()).map_or_else(Beginning::default, Beginning::of);
        Self {
            hop: begins(&rule.select.hop),
            path: begins(&rule.select.path),
            slot: rule.fault.slot(),
            share: if rule.only.is_none() { rule.select.share.threshold() } else { Threshold::ALL },
            dice: Dice::of(seed, &rule.name),
            index,
            rule: rule.clone(),
        }
    }

    #[inline]
    fn strikes(&self, facts: &Facts<'_>, hop: u64, path: u64) -> bool {
        self.path.fits(path)
            && self.hop.fits(hop)
            && self.dice.may_strike(self.share, facts.whom, facts.attempt)
            && self.rule.strikes(self.dice, facts)
    }
}

impl Beginning {
    fn of(text: &str) -> Self {
        let mask = match text.len() {
            len @ 0..8 => (1 << (8 * len)) - 1,
            _ => u64::MAX,
        };
        Self { bytes: first_bytes(text), mask }
    }

    /// False only for what does not begin so; what is longer than eight bytes may still differ behind them.
    #[inline]
    fn fits(self, first_bytes: u64) -> bool {
        first_bytes & self.mask == self.bytes
    }
}

/// The first eight bytes of a text, the missing ones as zero.
#[inline]
fn first_bytes(text: &str) -> u64 {
    match text.as_bytes().first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => text.bytes().rev().fold(0, |bytes, byte| (bytes << 8) | u64::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_fits_whatever_begins_so_whether_shorter_or_longer_than_eight_bytes() {
        for (wanted, is, fits) in [
            ("", "", true),
            ("", "/anything", true),
            ("/check", "/checkout", true),
            ("/checkout", "/checkout/7", true),
            ("/checkin", "/checkout", false),
            ("/orders", "/order", false),
            ("/orders", "", false),
            ("/", "/", true),
        ] {
            assert_eq!(Beginning::of(wanted).fits(first_bytes(is)), fits, "{wanted:?} {is:?}");
        }
    }
}
