//! Two things measured in turn in one run, so that what a shared machine does to one it does to the other.

use serde::{Deserialize, Serialize};

/// Fewest pairs from which a median is told.
pub const PAIRS: usize = 7;

/// Median and extremes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub low: f64,
    /// The middle one.
    pub median: f64,
    /// The most.
    pub high: f64,
}

/// What pairs of measurements came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// The first thing's own number.
    pub ours: Spread,
    /// The other's.
    pub theirs: Spread,
    /// First divided by second, pair by pair.
    pub ratio: Spread,
}

impl Spread {
    /// Of these numbers.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn of(mut numbers: Vec<f64>) -> Self {
        numbers.sort_unstable_by(f64::total_cmp);
        let (low, high) = (numbers[0], numbers[numbers.len() - 1]);
        Spread { low, median: numbers[numbers.len() / 2], high }
    }

    /// The same in another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Spread { low: self.low * factor, median: self.median * factor, high: self.high * factor }
    }
}

/// Measures both in turn, `pairs` times, the one that begins changing each time; once each before that counts for nothing.
pub fn paired(pairs: usize, mut ours: impl FnMut() -> f64, mut theirs: impl FnMut() -> f64) -> Paired {
    ours();
    theirs();
    let measured: Vec<(f64, f64)> = (0..pairs)
        .map(|pair| {
            if pair % 2 == 0 {
                let first = ours();
                (first, theirs())
            } else {
                let first = theirs();
                (ours(), first)
            }
        })
        .collect();
    Paired {
        ours: Spread::of(measured.iter().map(|(ours, _)| *ours).collect()),
        theirs: Spread::of(measured.iter().map(|(_, theirs)| *theirs).collect()),
        ratio: Spread::of(measured.iter().map(|(ours, theirs)| ours / theirs).collect()),
    }
}
