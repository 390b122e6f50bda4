//! Values with units, read from text.

use std::time::Duration;

use crate::decision::{Change, Share};

/// Longest duration that a file may name: a week.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) const DURATION: &str = "write a number and a unit in quotes, at most a week: \"250us\", \"250ms\", \"1.5s\", \"2m\", \"1h\"";
/// What to do about a share that is none.
pub const SHARE: &str = "write a percentage in quotes, from \"0%\" to \"100%\"";
pub(super) const RATE: &str = "write bytes per second in quotes: \"512B/s\", \"16KiB/s\" or \"1MiB/s\"";

pub(super) const SKEW: &str = "write a sign, a number and a unit in quotes: \"+90s\" is ahead, \"-2m\" is behind";
pub(super) const CHANGE: &str = "write in quotes what is added or how often it is taken: \"+3\", \"-1\" or \"x2\"";

/// "250ms", at most a week.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "us" | "µs" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| *duration <= LONGEST)
}

/// "+90s" or "-2m", in microseconds.
pub(super) fn skew(text: &str) -> Option<i64> {
    let (sign, rest) = text.strip_prefix('+').map(|rest| (1, rest)).or_else(|| text.strip_prefix('-').map(|rest| (-1, rest)))?;
    i64::try_from(duration(rest)?.as_micros()).ok().map(|micros| sign * micros)
}

/// "+3", "-1" or "x2".
pub(super) fn change(text: &str) -> Option<Change> {
    let digits = text.get(1..).filter(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))?;
    match text.as_bytes().first()? {
        b'+' => digits.parse().ok().map(Change::Add),
        b'-' => digits.parse::<i64>().ok().map(|by| Change::Add(-by)),
        b'x' => digits.parse().ok().map(Change::Times),
        _ => None,
    }
}

/// "20%".
#[must_use]
pub fn share(text: &str) -> Option<Share> {
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
        assert_eq!((skew("+90s"), skew("-2m")), (Some(90_000_000), Some(-120_000_000)));
        assert_eq!((change("+3"), change("-1"), change("x2")), (Some(Change::Add(3)), Some(Change::Add(-1)), Some(Change::Times(2))));
    }

    #[test]
    fn a_value_without_its_unit_or_out_of_bounds_is_none() {
        for text in ["250", "-1s", "ms", "1.2.3s", "169h", "1e3s", ""] {
            assert_eq!(duration(text), None, "{text:?}");
        }
        for text in ["101%", "0.2", "-1%"] {
            assert_eq!(share(text), None, "{text:?}");
        }
        for text in ["90s", "+", "+90", "++1s"] {
            assert_eq!(skew(text), None, "{text:?}");
        }
        for text in ["3", "x", "x-1", "+1.5", "é2"] {
            assert_eq!(change(text), None, "{text:?}");
        }
        for text in ["0B/s", "5", "5MB/s"] {
            assert_eq!(bytes_per_second(text), None, "{text:?}");
        }
    }
}
