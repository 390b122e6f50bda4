//! `latency.hgrm`: the percentile distribution in the text format of HdrHistogram, which its plotters and `wrk2` share.
//!
//! Values are in milliseconds, as in the output of `wrk2`, so that files can be laid over each other.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

/// Steps between two halvings of the distance to 100 %; five is what the other tools write.
const STEPS_PER_HALVING: u32 = 5;

/// Renders a histogram of µs.
#[must_use]
pub fn render(histogram: &Histogram<u64>) -> String {
    let ms = |us: f64| us / 1_000.0;
    let mut text = format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut seen = 0;
    for point in histogram.iter_quantiles(STEPS_PER_HALVING) {
        seen += point.count_since_last_iteration();
        let (value, quantile) = (ms(point.value_iterated_to() as f64), point.quantile_iterated_to());
        let written = if quantile < 1.0 {
            writeln!(text, "{value:>12.3} {quantile:>14.12} {seen:>10} {:>14.2}", 1.0 / (1.0 - quantile))
        } else {
            writeln!(text, "{value:>12.3} {quantile:>14.12} {seen:>10} {:>14}", "inf")
        };
        written.expect("writing to a String cannot fail");
    }
    let (mean, deviation, max) = (ms(histogram.mean()), ms(histogram.stdev()), ms(histogram.max() as f64));
    let buckets = (64 - (histogram.high() >> 11).leading_zeros() + 1).max(1);
    text += &format!("#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]\n");
    text += &format!("#[Max     = {max:>12.3}, Total count    = {:>12}]\n", histogram.len());
    text += &format!("#[Buckets = {buckets:>12}, SubBuckets     = {:>12}]\n", 2_048);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::answer::AnswerClass;
    use crate::result::latency::Histograms;

    #[test]
    fn counts_add_up_and_the_last_line_is_the_worst() {
        let mut histograms = Histograms::default();
        (1..=1_000).for_each(|ms| histograms.intended.record(AnswerClass::Sold, ms * 1_000));
        let text = render(&histograms.intended.purchases());
        let last = text.lines().rfind(|line| !line.starts_with('#')).unwrap();
        let fields: Vec<&str> = last.split_whitespace().collect();
        assert_eq!(&fields[1..], ["1.000000000000", "1000", "inf"], "{text}");
        assert!(fields[0].parse::<f64>().unwrap() >= 1_000.0);
        assert!(text.contains("Total count    =         1000]"), "{text}");
        let counts: Vec<u64> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .skip(2)
            .map(|line| line.split_whitespace().nth(2).unwrap().parse().unwrap())
            .collect();
        assert!(counts.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn an_empty_histogram_is_a_valid_file() {
        assert!(render(&Histograms::default().intended.purchases()).contains("Total count    =            0]"));
    }
}
