//! Durations with their unit: `250ms`, `30s`, `5m`, `2h`.

use std::time::Duration;

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// A bare number.
    #[error("has no unit; write for example {0}ms or {0}s")]
    NoUnit(String),
    /// Anything else.
    #[error("is no duration; write a number and a unit (us, ms, s, m, h), for example 250ms")]
    Unreadable,
    /// Over the bound.
    #[error("is longer than the {limit:?} that are allowed; write a shorter one")]
    TooLong {
        /// The bound.
        limit: Duration,
    },
}

/// The longest duration that any option takes.
const LIMIT: Duration = Duration::from_secs(14 * 24 * 3_600);

/// Reads a duration.
///
/// # Errors
/// [`BadDuration`] when the unit is missing or unknown, the number is none, or it exceeds 14 days (the longest anything is kept).
pub fn parse(text: &str) -> Result<Duration, BadDuration> {
    let text = text.trim();
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let number: f64 = number.parse().map_err(|_| BadDuration::Unreadable)?;
    let seconds = match unit.trim() {
        "us" | "µs" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        "" if number == 0.0 => 0.0,
        "" => return Err(BadDuration::NoUnit(text.to_owned())),
        _ => return Err(BadDuration::Unreadable),
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|d| *d <= LIMIT).ok_or(BadDuration::TooLong { limit: LIMIT })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        for (text, millis) in
            [("250ms", 250), ("30s", 30_000), ("1.5s", 1_500), ("2m", 120_000), ("1h", 3_600_000), ("0", 0), ("3000us", 3)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_what_to_write() {
        assert_eq!(parse("30"), Err(BadDuration::NoUnit("30".to_owned())));
        assert_eq!(parse("ten"), Err(BadDuration::Unreadable));
        assert_eq!(parse("-1s"), Err(BadDuration::Unreadable));
        assert_eq!(parse("5 parsecs"), Err(BadDuration::Unreadable));
        assert!(matches!(parse("1000000h"), Err(BadDuration::TooLong { .. })));
    }
}
