//! Latency: histograms per class of answer while a run is read, and their summary in `result.json`.
//!
//! Two clocks are kept apart. *From the intended start* is what a buyer who arrived on schedule lived through; it is the truth.
//! *Service time* starts when the first byte was really sent; the difference between the two is the generator's own lateness.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::result::answer::AnswerClass;

/// Longest time that is told apart, µs: one hour. Longer ones count as this.
pub const LONGEST_US: u64 = 3_600_000_000;

/// Significant digits kept: times are within 0.1 %.
const DIGITS: u8 = 3;

/// A histogram of µs for each class of answer.
#[derive(Debug, Clone)]
pub struct PerClass([Histogram<u64>; 5]);

impl Default for PerClass {
    fn default() -> Self {
        PerClass(std::array::from_fn(|_| histogram()))
    }
}

impl PerClass {
    /// Counts one time, µs.
    pub fn record(&mut self, class: AnswerClass, us: u64) {
        self.0[class.index()].saturating_record(us.min(LONGEST_US));
    }

    /// Adds the times of one class that were counted elsewhere.
    pub fn add(&mut self, class: AnswerClass, times: &Histogram<u64>) {
        self.0[class.index()] += times;
    }

    /// The histogram of one class.
    #[must_use]
    pub fn class(&self, class: AnswerClass) -> &Histogram<u64> {
        &self.0[class.index()]
    }

    /// All classes that answer a purchase, merged exactly.
    #[must_use]
    pub fn purchases(&self) -> Histogram<u64> {
        let mut all = histogram();
        for class in AnswerClass::ALL.into_iter().filter(|class| *class != AnswerClass::Browsed) {
            all += self.class(class);
        }
        all
    }
}

/// Everything about time in a run, unsummarised; mergeable without loss.
#[derive(Debug, Clone)]
pub struct Histograms {
    /// From the intended start to the complete answer, or to giving up.
    pub intended: PerClass,
    /// From the first byte sent to the complete answer, or to giving up.
    pub service: PerClass,
    /// From the intended start to the first byte sent: the generator's own delay.
    pub lateness: Histogram<u64>,
}

impl Default for Histograms {
    fn default() -> Self {
        Histograms { intended: PerClass::default(), service: PerClass::default(), lateness: histogram() }
    }
}

impl Histograms {
    /// Adds another run's (or shard's) times; exact, unlike averaging percentiles.
    pub fn merge(&mut self, other: &Histograms) {
        for class in AnswerClass::ALL {
            self.intended.0[class.index()] += other.intended.class(class);
            self.service.0[class.index()] += other.service.class(class);
        }
        self.lateness += &other.lateness;
    }

    /// What `result.json` keeps of it.
    #[must_use]
    pub fn summary(&self) -> LatencySummary {
        let classes = AnswerClass::ALL.into_iter().filter(|class| !self.intended.class(*class).is_empty()).map(|class| ClassLatency {
            class,
            intended: Percentiles::of(self.intended.class(class)),
            service: Percentiles::of(self.service.class(class)),
            curve: curve(self.intended.class(class)),
        });
        let (intended, service) = (self.intended.purchases(), self.service.purchases());
        LatencySummary {
            purchases_intended: Percentiles::of(&intended),
            purchases_service: Percentiles::of(&service),
            purchases_curve: curve(&intended),
            purchases_service_curve: curve(&service),
            classes: classes.collect(),
            lateness: Percentiles::of(&self.lateness),
        }
    }
}

/// Latency as `result.json` keeps it. All times are µs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// All purchases, from the intended start.
    pub purchases_intended: Percentiles,
    /// All purchases, service time.
    pub purchases_service: Percentiles,
    /// Percentile curve of all purchases from the intended start.
    pub purchases_curve: Vec<CurvePoint>,
    /// Percentile curve of all purchases' service time.
    pub purchases_service_curve: Vec<CurvePoint>,
    /// Each class that occurred.
    pub classes: Vec<ClassLatency>,
    /// How far the generator itself ran behind its schedule.
    pub lateness: Percentiles,
}

impl LatencySummary {
    /// The latency of one class, if it occurred.
    #[must_use]
    pub fn class(&self, class: AnswerClass) -> Option<&ClassLatency> {
        self.classes.iter().find(|entry| entry.class == class)
    }
}

/// Latency of one class of answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassLatency {
    /// The class.
    pub class: AnswerClass,
    /// From the intended start.
    pub intended: Percentiles,
    /// Service time.
    pub service: Percentiles,
    /// Percentile curve from the intended start.
    pub curve: Vec<CurvePoint>,
}

/// The usual percentiles, µs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub count: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

impl Percentiles {
    /// Percentiles of a histogram of µs; all zero when it is empty.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        Percentiles {
            count: histogram.len(),
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p99_9: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

/// A point of a percentile curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Share of the values at or below [`CurvePoint::us`], 0 to 1.
    pub quantile: f64,
    /// µs.
    pub us: u64,
}

/// A percentile curve with the resolution of `.hgrm` files: ever finer towards the worst, and no finer than there are values.
fn curve(histogram: &Histogram<u64>) -> Vec<CurvePoint> {
    let points = histogram.iter_quantiles(5).take_while(|point| point.quantile_iterated_to() <= 1.0);
    points.map(|point| CurvePoint { quantile: rounded(point.quantile_iterated_to()), us: point.value_iterated_to() }).collect()
}

/// Nine decimals: enough for a percentile of a billion, and short enough to be read back exactly as written.
fn rounded(quantile: f64) -> f64 {
    (quantile * 1e9).round() / 1e9
}

/// An empty histogram of µs, as all times of a run are kept in.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("1 µs to 1 h with three digits are bounds that a histogram accepts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_every_value_and_averages_nothing() {
        let (mut fast, mut slow) = (Histograms::default(), Histograms::default());
        for _ in 0..99 {
            fast.intended.record(AnswerClass::Sold, 1_000);
        }
        slow.intended.record(AnswerClass::Sold, 9_000_000);
        fast.merge(&slow);
        let summary = fast.summary();
        let sold = summary.class(AnswerClass::Sold).unwrap().intended;
        assert_eq!((sold.count, sold.p99), (100, 1_000));
        assert!(sold.max >= 9_000_000);
        assert!(summary.class(AnswerClass::SoldOut).is_none(), "a class that did not occur is not listed");
    }

    #[test]
    fn browsing_is_no_purchase() {
        let mut histograms = Histograms::default();
        histograms.intended.record(AnswerClass::Browsed, 5);
        histograms.intended.record(AnswerClass::Unknown, 7);
        assert_eq!(histograms.summary().purchases_intended.count, 1);
    }

    #[test]
    fn the_curve_rises_and_ends_at_the_worst() {
        let mut histograms = Histograms::default();
        (1..=10_000).for_each(|us| histograms.service.record(AnswerClass::Sold, us));
        (1..=10_000).for_each(|us| histograms.intended.record(AnswerClass::Sold, us));
        let curve = histograms.summary().purchases_curve;
        assert!(curve.windows(2).all(|pair| pair[0].us <= pair[1].us && pair[0].quantile <= pair[1].quantile));
        assert!(curve.last().unwrap().us >= 10_000 && curve.len() < 200);
    }

    #[test]
    fn an_absurd_time_is_counted_as_the_longest() {
        let mut histograms = Histograms::default();
        histograms.intended.record(AnswerClass::Unknown, u64::MAX);
        assert!(histograms.summary().purchases_intended.max >= LONGEST_US);
    }
}
