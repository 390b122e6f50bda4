//! A rule: a fault, and whom it strikes.

use std::sync::Arc;
use std::time::Duration;

use super::Facts;
use super::delay::Delay;
use super::dice::{self, Question, Share};
use super::fault::{After, Fault, SendFault};

/// A fault, and whom it strikes.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// By which the journal knows it; part of what decides.
    pub name: Arc<str>,
    /// What is done.
    pub fault: Fault,
    /// To whom.
    pub select: Selector,
}

/// Whom a rule strikes: whatever fits all that is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// Name of the hop.
    pub hop: Option<String>,
    /// HTTP method, in capitals.
    pub method: Option<String>,
    /// What the path begins with.
    pub path: Option<String>,
    /// AWS action; "SendMessage" covers "SendMessageBatch". "COMMIT" on a TCP tap.
    pub action: Option<String>,
    /// Message attribute, name and value.
    pub attribute: Option<(String, String)>,
    /// Share of those that fit the rest.
    pub share: Share,
    /// Only the first so many that are struck.
    pub first: Option<u64>,
    /// Not earlier than this after the start.
    pub from: Duration,
    /// Earlier than this after the start.
    pub until: Option<Duration>,
    /// Not before so many requests passed the hop.
    pub after_requests: u64,
    /// Not after so many requests passed the hop.
    pub until_requests: Option<u64>,
    /// While this phase is set.
    pub phase: Option<String>,
}

impl Default for Selector {
    fn default() -> Self {
        Self {
            hop: None,
            method: None,
            path: None,
            action: None,
            attribute: None,
            share: Share::ALL,
            first: None,
            from: Duration::ZERO,
            until: None,
            after_requests: 0,
            until_requests: None,
            phase: None,
        }
    }
}

impl Selector {
    /// Whether everything but the share and the count fits.
    #[must_use]
    pub fn fits(&self, facts: &Facts<'_>) -> bool {
        let wanted = |want: &Option<String>, is: &str| want.as_deref().is_none_or(|want| want == is);
        wanted(&self.hop, facts.hop)
            && wanted(&self.method, facts.method)
            && self.path.as_deref().is_none_or(|path| facts.path.starts_with(path))
            && self.action.as_deref().is_none_or(|action| facts.action.is_some_and(|is| covers(action, is)))
            && self.attribute.as_ref().is_none_or(|wanted| facts.attributes.contains(wanted))
            && self.from <= facts.elapsed
            && self.until.is_none_or(|until| facts.elapsed < until)
            && self.after_requests <= facts.sequence
            && self.until_requests.is_none_or(|until| facts.sequence < until)
            && (self.phase.is_none() || self.phase.as_deref() == facts.phase)
    }
}

impl Rule {
    /// A rule that strikes everything.
    #[must_use]
    pub fn new(name: &str, fault: Fault) -> Self {
        Self { name: name.into(), fault, select: Selector::default() }
    }

    /// The same rule for some only.
    #[must_use]
    pub fn only(mut self, select: Selector) -> Self {
        self.select = select;
        self
    }

    /// Whether it strikes, its count aside.
    #[must_use]
    pub fn strikes(&self, seed: u64, facts: &Facts<'_>) -> bool {
        self.fault.acts_at(facts.point) && self.select.fits(facts) && self.select.share.covers(self.unit(seed, Question::Strikes, facts))
    }

    /// For how long, when the fault is about time.
    pub(super) fn wait(&self, seed: u64, facts: &Facts<'_>) -> Duration {
        let draw = |delay: Delay| delay.at(self.unit(seed, Question::HowLong, facts));
        match &self.fault {
            Fault::Wait(delay) | Fault::After(After::Delay(delay)) | Fault::Send(SendFault::Delay(delay)) => draw(*delay),
            Fault::Send(SendFault::Reorder { within, .. }) => *within,
            _ => Duration::ZERO,
        }
    }

    fn unit(&self, seed: u64, question: Question, facts: &Facts<'_>) -> f64 {
        dice::unit(seed, question, &self.name, facts.id, facts.hop, facts.attempt)
    }
}

fn covers(wanted: &str, is: &str) -> bool {
    is.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest == "Batch")
}

#[cfg(test)]
mod tests {
    use super::super::fault::Point;
    use super::*;

    fn facts<'a>() -> Facts<'a> {
        Facts {
            point: Point::Request,
            hop: "relay",
            method: "POST",
            path: "/orders/7",
            action: Some("SendMessageBatch"),
            attributes: &[],
            id: "a",
            attempt: 0,
            sequence: 10,
            elapsed: Duration::from_secs(5),
            phase: Some("storm"),
        }
    }

    #[track_caller]
    fn fits(expected: bool, change: impl FnOnce(&mut Selector)) {
        let mut selector = Selector::default();
        change(&mut selector);
        assert_eq!(selector.fits(&facts()), expected, "{selector:?}");
    }

    #[test]
    fn each_condition_lets_through_what_fits_and_nothing_else() {
        let some = |text: &str| Some(text.to_owned());
        fits(true, |_| ());
        fits(true, |select| select.hop = some("relay"));
        fits(false, |select| select.hop = some("sales"));
        fits(false, |select| select.method = some("GET"));
        fits(true, |select| select.path = some("/orders"));
        fits(false, |select| select.path = some("/items"));
        fits(true, |select| select.action = some("SendMessage"));
        fits(false, |select| select.action = some("Send"));
        fits(false, |select| select.attribute = Some(("kind".into(), "order".into())));
        fits(true, |select| select.from = Duration::from_secs(5));
        fits(false, |select| select.from = Duration::from_secs(6));
        fits(false, |select| select.until = Some(Duration::from_secs(5)));
        fits(true, |select| select.until = Some(Duration::from_secs(6)));
        fits(true, |select| select.after_requests = 10);
        fits(false, |select| select.after_requests = 11);
        fits(false, |select| select.until_requests = Some(10));
        fits(true, |select| select.phase = some("storm"));
        fits(false, |select| select.phase = some("calm"));
    }

    #[test]
    fn an_attribute_fits_by_name_and_value() {
        let attributes = [("kind".to_owned(), "order".to_owned())];
        let select = Selector { attribute: Some(("kind".into(), "order".into())), ..Selector::default() };
        assert!(select.fits(&Facts { attributes: &attributes, ..facts() }));
    }
}
