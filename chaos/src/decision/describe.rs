//! A rule in words: the same rule has the same words, on paper and in a checksum.

use std::fmt;
use std::time::Duration;

use super::alter::{Alter, Change};
use super::delay::Delay;
use super::dice::Share;
use super::fault::{After, Before, Fault, Pace, SendFault};
use super::rule::{Rule, Selector};

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}){}", self.name, self.fault, self.fault.legality().name(), self.select)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Wait(delay) | Self::After(After::Delay(delay)) | Self::Send(SendFault::Delay(delay)) => write!(f, " {delay}"),
            Self::Before(Before::Answer { status, body, retry_after }) => {
                write!(f, " {status} {body:?}")?;
                retry_after.map_or(Ok(()), |after| write!(f, " retry after {after:?}"))
            }
            Self::Before(Before::Swallow { status, body, .. }) => write!(f, " {status} {body:?}"),
            Self::Before(Before::Limit { at_most, status, .. }) => write!(f, " above {at_most} at once, {status}"),
            Self::Before(Before::Collapse { above, lasts, status }) => write!(f, " above {above} at once, {status} for {lasts:?}"),
            Self::Alter { what: Alter::Number { field, by: Change::Add(by) }, .. } => write!(f, " {field} {by:+}"),
            Self::Alter { what: Alter::Number { field, by: Change::Times(by) }, .. } => write!(f, " {field} x{by}"),
            Self::Alter { what: Alter::Body { body }, .. } => write!(f, " {body:?}"),
            Self::After(After::Cut { bytes } | After::Truncate { bytes }) => write!(f, " after {bytes} bytes"),
            Self::Pace(Pace::Slow { over }) => write!(f, " over {over:?}"),
            Self::Pace(Pace::Bandwidth { bytes_per_second }) => write!(f, " {bytes_per_second} B/s"),
            Self::Send(SendFault::Reorder { by, within }) => write!(f, " by {by} within {within:?}"),
            Self::Send(SendFault::Poison { body }) => write!(f, " {body:?}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(delay) => write!(f, "{delay:?}"),
            Self::Uniform { from, to } => write!(f, "{from:?} to {to:?}"),
            Self::Exponential { mean, cap } => write!(f, "about {mean:?}, at most {cap:?}"),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = [("on", &self.hop), ("of", &self.method), ("of", &self.path), ("of", &self.action)];
        for (word, text) in texts {
            if let Some(text) = text {
                write!(f, " {word} {text}")?;
            }
        }
        if let Some((name, value)) = &self.attribute {
            write!(f, " with {name} = {value:?}")?;
        }
        if self.share != Share::ALL {
            // To a thousandth of a percent: 7 % of anything is no number that a double holds.
            write!(f, ", {} %", (self.share.get() * 1e5).round() / 1e3)?;
        }
        if let Some(first) = self.first {
            write!(f, ", the first {first}")?;
        }
        if let Some(phase) = &self.phase {
            write!(f, ", while {phase:?}")?;
        }
        let time = |time: Duration| format!("{time:?}");
        bounds(f, "", (self.from > Duration::ZERO).then(|| time(self.from)), self.until.map(time))?;
        let some = |number: u64| (number > 0).then(|| number.to_string());
        bounds(f, " requests", some(self.after_requests), self.until_requests.map(|until| until.to_string()))?;
        bounds(f, " sales", some(self.after_sales), self.until_sales.map(|until| until.to_string()))
    }
}

fn bounds(f: &mut fmt::Formatter<'_>, of: &str, from: Option<String>, until: Option<String>) -> fmt::Result {
    match (from, until) {
        (None, None) => Ok(()),
        (Some(from), None) => write!(f, ", from {from}{of}"),
        (None, Some(until)) => write!(f, ", until {until}{of}"),
        (Some(from), Some(until)) => write!(f, ", from {from} until {until}{of}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_told_in_words() {
        let select = Selector {
            hop: Some("aws.relay".to_owned()),
            action: Some("Publish".to_owned()),
            share: Share::new(0.3).unwrap(),
            phase: Some("storm".to_owned()),
            from: Duration::from_secs(5),
            until_sales: Some(500),
            ..Selector::default()
        };
        let rule = Rule::new("late", Fault::Wait(Delay::Fixed(Duration::from_millis(250)))).only(select);
        let words = "late: delay 250ms (legal) on aws.relay of Publish, 30 %, while \"storm\", from 5s, until 500 sales";
        assert_eq!(rule.to_string(), words);
        assert_eq!(Rule::new("lost", Fault::Send(SendFault::LoseMessage)).to_string(), "lost: lose-message (control)");
    }
}
