//! Values with units, read from text: durations, rates, shares.

use std::time::Duration;

/// Longest duration that a scenario may name: a week.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Most arrivals per second that a scenario may ask for: far above what two cores yield.
pub(super) const HIGHEST_RATE: f64 = 100_000.0;

/// "250us", "250ms", "1.5s", "2m", "1h".
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let way_out = "write a number and a unit: \"250us\", \"250ms\", \"60s\", \"2m\" or \"1h\"";
    let number_ends = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_ends);
    let number: f64 = number.parse().map_err(|_| way_out.to_owned())?;
    let seconds = match unit.trim() {
        "us" | "µs" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(way_out.to_owned()),
    };
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| way_out.to_owned())?;
    if duration > LONGEST { Err("name at most a week, \"168h\"".to_owned()) } else { Ok(duration) }
}

/// "400/s", "2.5/s", "30/m".
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let way_out = "write arrivals per second or minute: \"400/s\", \"0.5/s\" or \"30/m\"";
    let (number, unit) = text.split_once('/').ok_or(way_out)?;
    let number: f64 = plain_number(number.trim()).ok_or(way_out)?;
    let rate = match unit.trim() {
        "s" => number,
        "m" => number / 60.0,
        _ => return Err(way_out.to_owned()),
    };
    if rate > HIGHEST_RATE { Err(format!("ask for at most \"{HIGHEST_RATE}/s\"")) } else { Ok(rate) }
}

/// "3%" is 0.03.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let way_out = "write a percentage from \"0%\" to \"100%\"";
    let number = text.strip_suffix('%').and_then(|number| plain_number(number.trim())).ok_or(way_out)?;
    if number > 100.0 { Err(way_out.to_owned()) } else { Ok(number / 100.0) }
}

/// Digits and at most one point: no sign, no exponent, no "inf".
fn plain_number(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("7us"), Ok(Duration::from_micros(7)));
        for wrong in ["", "5", "ms", "-1s", "1e9s", "1.2.3s", "9000h", "inf", "5 parsecs"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn rates_and_shares_carry_their_unit() {
        assert_eq!(rate("400/s"), Ok(400.0));
        assert_eq!(rate("30/m"), Ok(0.5));
        for wrong in ["400", "-1/s", "1/h", "1e9/s", "200000/s", "/s"] {
            assert!(rate(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(share("3%"), Ok(0.03));
        assert_eq!(share("2.5%"), Ok(0.025));
        for wrong in ["3", "101%", "-1%", "nan%", "%"] {
            assert!(share(wrong).is_err(), "{wrong:?}");
        }
    }
}
