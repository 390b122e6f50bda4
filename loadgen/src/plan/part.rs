//! A part of a plan: what one of several machines does of it.
//!
//! The split is a pure function of the numbers that arrivals (or the users of a closed scenario) have in the plan: each belongs to
//! exactly one part, whatever the seed and however many there are. Orders take their keys from those numbers, so the keys of two parts never meet.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::arrivals::{Arrival, Arrivals};

/// The most parts that a plan is split into: as many as an AWS Batch array may have.
const MOST_PARTS: u32 = 10_000;

/// One part of so many. Written "2/4"; parts count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Part {
    /// Counts from 0.
    index: u32,
    of: NonZeroU32,
}

/// Iterates those arrivals of an open scenario that belong to a part, in time order.
#[derive(Debug, Clone)]
pub struct OwnArrivals {
    all: Arrivals,
    part: Part,
}

impl OwnArrivals {
    pub(super) fn new(all: Arrivals, part: Part) -> Self {
        Self { all, part }
    }
}

impl Iterator for OwnArrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let part = self.part;
        self.all.find(|arrival| part.owns(arrival.index))
    }
}

/// Why something is no part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// Not of the form I/N.
    #[error("{0:?} is not I/N; write the number of this part, a slash and the number of all parts, as 2/4")]
    Form(String),
    /// There is no such part.
    #[error("there is no part {number} of {of}; parts count from 1 to {of}")]
    Number {
        /// Counts from 1.
        number: u64,
        /// Number of all parts.
        of: u64,
    },
    /// More parts than anybody has machines.
    #[error("{0} parts are too many; write at most {MOST_PARTS} of them")]
    TooMany(u64),
}

impl Part {
    /// The whole plan, as one part of one.
    pub const WHOLE: Part = Part { index: 0, of: NonZeroU32::MIN };

    /// Part `number` (counts from 1) of `of`.
    ///
    /// # Errors
    /// [`PartError`] when there is none.
    pub fn new(number: u64, of: u64) -> Result<Self, PartError> {
        if of > u64::from(MOST_PARTS) {
            return Err(PartError::TooMany(of));
        }
        let index = number.checked_sub(1).filter(|index| *index < of).and_then(|index| u32::try_from(index).ok());
        let parts = u32::try_from(of).ok().and_then(NonZeroU32::new);
        index.zip(parts).map(|(index, of)| Self { index, of }).ok_or(PartError::Number { number, of })
    }

    /// Every part of so many, in order.
    pub fn all(of: NonZeroU32) -> impl Iterator<Item = Self> {
        (0..of.get()).map(move |index| Self { index, of })
    }

    /// Its number; counts from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        self.index + 1
    }

    /// How many parts there are.
    #[must_use]
    pub fn of(self) -> NonZeroU32 {
        self.of
    }

    /// Whether what has this number in the plan belongs to this part.
    #[must_use]
    pub fn owns(self, number: u64) -> bool {
        number % u64::from(self.of.get()) == u64::from(self.index)
    }

    /// A number that is unique among all parts, for the `number`th (counts from 0) of something that this part has.
    #[must_use]
    pub fn unique(self, number: u64) -> u64 {
        number.saturating_mul(u64::from(self.of.get())).saturating_add(u64::from(self.index))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number(), self.of)
    }
}

impl FromStr for Part {
    type Err = PartError;

    fn from_str(text: &str) -> Result<Self, PartError> {
        let form = || PartError::Form(text.to_owned());
        let (number, of) = text.split_once('/').ok_or_else(form)?;
        Self::new(number.trim().parse().map_err(|_| form())?, of.trim().parse().map_err(|_| form())?)
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}

impl TryFrom<String> for Part {
    type Error = PartError;

    fn try_from(text: String) -> Result<Self, PartError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Arrival, Plan};
    use crate::scenario::Scenario;

    fn plan(seed: u64, seconds: u32, rate: u32) -> Plan {
        let text = format!(
            r#"
            name = "split"
            about = "A plan to be split."
            [stock]
            "CP-502101" = 10
            [[stage]]
            name = "even"
            duration = "{seconds}s"
            rate = "{rate}/s"
            "#
        );
        Plan::derive(&Scenario::parse("split.toml", &text).unwrap(), seed)
    }

    proptest! {
        // Each case derives whole plans, several times over.
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_parts_of_a_plan_are_disjoint_and_together_the_whole(seed: u64, seconds in 1..10_u32, rate in 1..40_u32, of in 1..12_u32) {
            let plan = plan(seed, seconds, rate);
            let whole: Vec<Arrival> = plan.arrivals().collect();
            let mut together = Vec::new();
            for part in Part::all(NonZeroU32::new(of).unwrap()) {
                let own: Vec<Arrival> = plan.arrivals_of(part).collect();
                prop_assert!(own.iter().map(|arrival| arrival.at).is_sorted());
                together.extend(own);
            }
            together.sort_by_key(|arrival| arrival.index);
            prop_assert_eq!(together, whole);
        }

        #[test]
        fn a_part_reads_as_it_is_written(number in 1..=10_000_u64, of in 1..=10_000_u64) {
            let part = Part::new(number, of);
            prop_assert_eq!(part.is_ok(), number <= of);
            if let Ok(part) = part {
                prop_assert_eq!(part.to_string().parse::<Part>().unwrap(), part);
            }
        }

        #[test]
        fn numbers_of_two_parts_never_meet(one in 0..1_000_000_u64, other in 0..1_000_000_u64, of in 2..100_u64) {
            let (first, second) = (Part::new(1, of).unwrap(), Part::new(of, of).unwrap());
            prop_assert_ne!(first.unique(one), second.unique(other));
        }
    }

    #[test]
    fn what_is_no_part_is_said() {
        for (wrong, says) in
            [("2", "I/N"), ("a/4", "I/N"), ("0/4", "count from 1"), ("5/4", "no part 5 of 4"), ("1/0", "no part"), ("1/99999", "at most")]
        {
            let error = wrong.parse::<Part>().unwrap_err().to_string();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }
}
