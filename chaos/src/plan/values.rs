//! Values with units, read from text.

use std::time::Duration;

use crate::decision::Share;

/// Longest duration of a plan: a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) const DURATION: &str = "write a number and a unit in quotes: \"250us\", \"250ms\", \"1.5s\", \"2m\"";
pub(super) const SHARE: &str = "write a percentage in quotes, from \"0%\" to \"100%\"";
pub(super) const RATE: &str = "write bytes per second in quotes: \"512B/s\", \"16KiB/s\" or \"1MiB/s\"";

/// "250ms", at most a day.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| *duration <= LONGEST)
}

/// "20%".
pub(super) fn share(text: &str) -> Option<Share> {
    match split(text)? {
        (percent, "%") => Share::new(percent / 100.0).ok(),
        _ => None,
    }
}

/// "16KiB/s", never 0.
pub(super) fn bytes_per_second(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let bytes = match unit {
        "B/s" => number,
        "KiB/s" => number * 1024.0,
        "MiB/s" => number * 1024.0 * 1024.0,
        _ => return None,
    };
    // Up to 2^53 a double is exact.
    (1.0..9.0e15).contains(&bytes).then_some(bytes as u64)
}

/// Digits with at most one point, then the unit.
fn split(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_carry_their_unit() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("1.5s"), Some(Duration::from_millis(1_500)));
        assert_eq!(share("20%"), Some(Share::new(0.2).unwrap()));
        assert_eq!(bytes_per_second("16KiB/s"), Some(16_384));
    }

    #[test]
    fn a_value_without_its_unit_or_out_of_bounds_is_none() {
        for text in ["250", "-1s", "ms", "1.2.3s", "25h", "1e3s", ""] {
            assert_eq!(duration(text), None, "{text:?}");
        }
        for text in ["101%", "0.2", "-1%"] {
            assert_eq!(share(text), None, "{text:?}");
        }
        for text in ["0B/s", "5", "5MB/s"] {
            assert_eq!(bytes_per_second(text), None, "{text:?}");
        }
    }
}
