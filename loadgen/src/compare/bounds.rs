//! The median of the ratios of pairs, and between which bounds it lies: a percentile bootstrap with a seed of its own, so that the same runs
//! give the same bounds.
//!
//! Ratios are resampled with their pairs, which keeps what moved both runs of a pair (a neighbour on the machine) out of the result. The
//! median is taken, so that one pair that a neighbour hit between its two runs does not decide.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Resamples: the bounds of 99 % stand on the forty most extreme on each side.
const RESAMPLES: usize = 4_000;

/// Fixed: a comparison made again says the same.
const SEED: u64 = 0x5EED;

/// What B is as a multiple of A: 1.3 is 30 % more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// It is more than this, with the confidence asked for.
    pub low: f64,
    /// Median over the pairs.
    pub median: f64,
    /// It is less than this, with the confidence asked for.
    pub high: f64,
}

/// The median ratio with its bounds, each of which holds with `confidence`; None without pairs.
#[must_use]
pub fn bounded(ratios: &[f64], confidence: f64) -> Option<Ratio> {
    if ratios.is_empty() {
        return None;
    }
    let mut dice = ChaCha8Rng::seed_from_u64(SEED);
    let mut drawn = vec![0.0; ratios.len()];
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            drawn.iter_mut().for_each(|slot| *slot = ratios[dice.random_range(0..ratios.len())]);
            median(&mut drawn)
        })
        .collect();
    medians.sort_unstable_by(f64::total_cmp);
    let beyond = ((1.0 - confidence) * RESAMPLES as f64) as usize;
    let beyond = beyond.min(RESAMPLES / 2);
    Some(Ratio { low: medians[beyond], median: median(&mut ratios.to_vec()), high: medians[RESAMPLES - 1 - beyond] })
}

/// The middle value, or the mean of the two in the middle. Sorts what it is given.
#[must_use]
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_enclose_the_median_and_are_the_same_each_time() {
        let ratios: Vec<f64> = (0..15).map(|n| 1.0 + 0.02 * f64::from(n % 5) - 0.04).collect();
        let ratio = bounded(&ratios, 0.99).unwrap();
        assert!(ratio.low <= ratio.median && ratio.median <= ratio.high, "{ratio:?}");
        assert!(ratio.low >= 0.96 && ratio.high <= 1.04, "{ratio:?}");
        assert_eq!(bounded(&ratios, 0.99), Some(ratio));
        assert_eq!(bounded(&[], 0.99), None);
    }

    #[test]
    fn one_outlier_decides_nothing() {
        let mut ratios = vec![1.0; 14];
        ratios.push(40.0);
        assert_eq!(bounded(&ratios, 0.99), Some(Ratio { low: 1.0, median: 1.0, high: 1.0 }));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert!((median(&mut [4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < 1e-9);
    }
}
