//! Values with units that only scenarios have; the others are read as in a fault plan.

/// Most arrivals per second that a scenario may ask for: far above what two cores yield.
const HIGHEST_RATE: f64 = 100_000.0;

/// What to do about a rate that is none.
pub(super) const RATE: &str = "write arrivals per second or minute in quotes, at most \"100000/s\": \"400/s\", \"0.5/s\" or \"30/m\"";

/// "400/s", "2.5/s", "30/m".
pub(super) fn rate(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once('/')?;
    let number = plain_number(number.trim())?;
    let rate = match unit.trim() {
        "s" => number,
        "m" => number / 60.0,
        _ => return None,
    };
    (rate <= HIGHEST_RATE).then_some(rate)
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
    fn rates_carry_their_unit() {
        assert_eq!(rate("400/s"), Some(400.0));
        assert_eq!(rate("30/m"), Some(0.5));
        for wrong in ["400", "-1/s", "1/h", "1e9/s", "200000/s", "/s"] {
            assert_eq!(rate(wrong), None, "{wrong:?}");
        }
    }
}
