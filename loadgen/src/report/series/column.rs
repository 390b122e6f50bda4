//! Columns over time whose buckets can be merged pairwise, so that a run of any length needs a bounded number of them.

use hdrhistogram::Histogram;

use crate::history::event::Micros;
use crate::result::latency::LONGEST_US;

/// Width of a bucket at first, µs.
pub(super) const FIRST_WIDTH_US: Micros = 1_000_000;

/// Most buckets: twenty minutes at one per second, and about one per pixel of a chart.
pub(super) const MOST_BUCKETS: usize = 1_200;

/// Digits of the per-bucket histograms: within 1 %, which no eye tells apart on a chart.
const DIGITS: u8 = 2;

/// A bucket that can take in the bucket after it.
pub(super) trait Bucket: Default {
    /// Takes in the later neighbour.
    fn absorb(&mut self, later: Self);
}

/// A count or a difference: neighbours add up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum(pub(super) i64);

impl Bucket for Sum {
    fn absorb(&mut self, later: Self) {
        self.0 += later.0;
    }
}

/// A gauge of which the last value counts, unless it was below zero: stock below zero must not be lost by looking from further away.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Latest(pub(super) Option<i64>);

impl Latest {
    pub(super) fn see(&mut self, value: i64) {
        self.absorb(Latest(Some(value)));
    }
}

impl Bucket for Latest {
    fn absorb(&mut self, later: Self) {
        let lowest = self.0.into_iter().chain(later.0).min();
        self.0 = lowest.filter(|lowest| *lowest < 0).or(later.0).or(self.0);
    }
}

/// A gauge of which the largest value counts: peaks must not be lost by looking from further away.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Largest(pub(super) Option<u64>);

impl Largest {
    pub(super) fn see(&mut self, value: u64) {
        self.0 = self.0.max(Some(value));
    }
}

impl Bucket for Largest {
    fn absorb(&mut self, later: Self) {
        self.0 = self.0.max(later.0);
    }
}

/// A gauge of which the smallest value counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Smallest(pub(super) Option<u64>);

impl Smallest {
    pub(super) fn see(&mut self, value: u64) {
        self.absorb(Smallest(Some(value)));
    }
}

impl Bucket for Smallest {
    fn absorb(&mut self, later: Self) {
        self.0 = self.0.into_iter().chain(later.0).min();
    }
}

/// Times, µs. Most classes have none in most buckets, hence the option.
#[derive(Debug, Clone, Default)]
pub(super) struct Times(pub(super) Option<Box<Histogram<u32>>>);

impl Times {
    pub(super) fn record(&mut self, us: u64) {
        let times = self.0.get_or_insert_with(new_histogram);
        times.record(us.min(LONGEST_US)).expect("the histogram resizes itself, and an hour is within what it can hold");
    }

    pub(super) fn quantile(&self, quantile: f64) -> Option<u64> {
        self.0.as_ref().map(|times| times.value_at_quantile(quantile))
    }

    pub(super) fn max(&self) -> Option<u64> {
        self.0.as_ref().map(|times| times.max())
    }
}

impl Bucket for Times {
    fn absorb(&mut self, later: Self) {
        match (&mut self.0, later.0) {
            (Some(mine), Some(theirs)) => mine.add(*theirs).expect("both histograms resize themselves and share their precision"),
            (mine @ None, theirs) => *mine = theirs,
            (Some(_), None) => {}
        }
    }
}

fn new_histogram() -> Box<Histogram<u32>> {
    let mut histogram = Histogram::new(DIGITS).expect("two digits are a precision that a histogram accepts");
    histogram.auto(true);
    Box::new(histogram)
}

/// One value per bucket.
#[derive(Debug, Clone)]
pub(super) struct Column<B>(Vec<B>);

impl<B> Default for Column<B> {
    fn default() -> Self {
        Column(Vec::new())
    }
}

impl<B: Bucket> Column<B> {
    /// The bucket at an index, created when new.
    pub(super) fn at(&mut self, index: usize) -> &mut B {
        if self.0.len() <= index {
            self.0.resize_with(index + 1, B::default);
        }
        &mut self.0[index]
    }

    /// Merges neighbours: half as many buckets, twice as wide.
    pub(super) fn halve(&mut self) {
        let mut old = std::mem::take(&mut self.0).into_iter();
        while let Some(mut first) = old.next() {
            if let Some(second) = old.next() {
                first.absorb(second);
            }
            self.0.push(first);
        }
    }

    /// The values of the first `buckets` buckets.
    pub(super) fn values<T>(mut self, buckets: usize, value: impl Fn(&B) -> T) -> Vec<T> {
        self.0.resize_with(buckets, B::default);
        self.0.iter().map(value).collect()
    }
}

impl Column<Sum> {
    /// Adds to a bucket.
    pub(super) fn add(&mut self, index: usize, amount: i64) {
        self.at(index).0 += amount;
    }

    /// Counts per bucket.
    pub(super) fn counts(self, buckets: usize) -> Vec<u64> {
        self.values(buckets, |sum| u64::try_from(sum.0).unwrap_or(0))
    }

    /// Running total at the end of each bucket.
    pub(super) fn running(self, buckets: usize) -> Vec<i64> {
        let mut total = 0;
        let totals = self.values(buckets, |sum| sum.0);
        totals
            .into_iter()
            .map(|change| {
                total += change;
                total
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_keeps_sums_peaks_and_the_last_value() {
        let (mut sums, mut peaks, mut last) = (Column::<Sum>::default(), Column::<Largest>::default(), Column::<Latest>::default());
        for (index, value) in [3, 9, 4, 1, 7].into_iter().enumerate() {
            sums.add(index, value);
            peaks.at(index).see(value.unsigned_abs());
            last.at(index).see(value);
        }
        *last.at(3) = Latest(None);
        sums.halve();
        peaks.halve();
        last.halve();
        assert_eq!(sums.counts(3), [12, 5, 7]);
        assert_eq!(peaks.values(3, |peak| peak.0), [Some(9), Some(4), Some(7)]);
        assert_eq!(last.values(3, |last| last.0), [Some(9), Some(4), Some(7)]);
    }

    #[test]
    fn a_moment_below_zero_outlives_what_came_after_it() {
        let mut stock = Latest::default();
        [5, -3, -1, 8].into_iter().for_each(|seen| stock.see(seen));
        assert_eq!(stock.0, Some(-3));
    }

    #[test]
    fn halving_merges_times_and_not_their_percentiles() {
        let mut times = Column::<Times>::default();
        (0..99).for_each(|_| times.at(0).record(100));
        times.at(1).record(1_000_000);
        assert!(times.at(1).quantile(0.99).is_some_and(|p99| (990_000..=1_010_000).contains(&p99)));
        times.halve();
        assert_eq!(times.at(0).quantile(0.5), Some(100));
        assert!(times.at(0).max().is_some_and(|max| max >= 1_000_000));
    }
}
