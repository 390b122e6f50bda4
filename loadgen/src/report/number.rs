//! Numbers and times for people.

use time::OffsetDateTime;

/// A time with three significant digits and a fitting unit ("840 µs", "1.25 s").
#[must_use]
pub fn micros(us: u64) -> String {
    let value = us as f64;
    let (value, unit) = match us {
        0..1_000 => return format!("{us} µs"),
        1_000..1_000_000 => (value / 1e3, "ms"),
        1_000_000..120_000_000 => (value / 1e6, "s"),
        _ => (value / 60e6, "min"),
    };
    let text = match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    format!("{text} {unit}")
}

/// An integer with commas ("1,234,567").
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A signed integer with commas.
#[must_use]
pub fn signed(number: i64) -> String {
    let sign = if number < 0 { "−" } else { "" };
    format!("{sign}{}", thousands(number.unsigned_abs()))
}

/// A rate per second ("812/s", "0.4/s").
#[must_use]
pub fn rate(per_second: f64) -> String {
    if per_second >= 100.0 { format!("{}/s", thousands(per_second.round() as u64)) } else { format!("{per_second:.1}/s") }
}

/// Wall-clock time in UTC ("2026-11-21 10:09:28 UTC").
#[must_use]
pub fn utc(unix_ms: u64) -> String {
    let at = i64::try_from(unix_ms / 1_000).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!("{} {:02}:{:02}:{:02} UTC", at.date(), at.hour(), at.minute(), at.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_fitting_unit() {
        let shown = [0, 999, 1_000, 1_254, 48_000, 904_000, 1_250_000, 119_000_000, 600_000_000].map(micros);
        assert_eq!(shown, ["0 µs", "999 µs", "1 ms", "1.25 ms", "48 ms", "904 ms", "1.25 s", "119 s", "10 min"]);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(signed(-12_345), "−12,345");
    }

    #[test]
    fn dates_are_right_across_leap_years() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_795_255_768_000), "2026-11-21 10:09:28 UTC");
    }
}
