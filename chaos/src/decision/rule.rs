//! A rule: a fault, and whom it strikes.

use std::sync::Arc;
use std::time::Duration;

use super::Facts;
use super::delay::Delay;
use super::dice::{Dice, Share};
use super::fault::{After, Fault, SendFault};
use super::only::Only;

/// A fault, and whom it strikes.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// By which the journal knows it; part of what decides.
    pub name: Arc<str>,
    /// What is done.
    pub fault: Fault,
    /// To whom.
    pub select: Selector,
    /// To exactly these, whatever `select` says: what the same rule struck in an earlier run.
    pub only: Option<Arc<Only>>,
}

/// Whom a rule strikes: whatever fits all that is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// Name of the hop, or of a group of hops: "aws" covers "aws.relay".
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
    /// Not before so much progress (sales, say) was told from outside.
    pub after_sales: u64,
    /// Not after so much progress was told.
    pub until_sales: Option<u64>,
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
            after_sales: 0,
            until_sales: None,
            phase: None,
        }
    }
}

impl Selector {
    /// Whether everything but the share and the count fits.
    #[must_use]
    pub fn fits(&self, facts: &Facts<'_>) -> bool {
        let wanted = |want: &Option<String>, is: &str| want.as_deref().is_none_or(|want| want == is);
        self.hop.as_deref().is_none_or(|hop| covers_hop(hop, facts.hop))
            && wanted(&self.method, facts.method)
            && self.path.as_deref().is_none_or(|path| facts.path.starts_with(path))
            && self.action.as_deref().is_none_or(|action| facts.action.is_some_and(|is| covers(action, is)))
            && self.attribute.as_ref().is_none_or(|wanted| facts.attributes.contains(wanted))
            && self.from <= facts.elapsed
            && self.until.is_none_or(|until| facts.elapsed < until)
            && self.after_requests <= facts.sequence
            && self.until_requests.is_none_or(|until| facts.sequence < until)
            && self.after_sales <= facts.sales
            && self.until_sales.is_none_or(|until| facts.sales < until)
            && (self.phase.is_none() || self.phase.as_deref() == facts.phase)
    }
}

impl Rule {
    /// A rule that strikes everything.
    #[must_use]
    pub fn new(name: &str, fault: Fault) -> Self {
        Self { name: name.into(), fault, select: Selector::default(), only: None }
    }

    /// The same rule for some only.
    #[must_use]
    pub fn only(mut self, select: Selector) -> Self {
        self.select = select;
        self
    }

    /// The same rule for exactly these.
    #[must_use]
    pub fn only_these(mut self, only: Only) -> Self {
        self.only = Some(Arc::new(only));
        self
    }

    /// Whether it strikes, its count aside.
    pub(super) fn strikes(&self, dice: Dice, facts: &Facts<'_>) -> bool {
        match &self.only {
            Some(only) => self.fault.acts_at(facts.point) && only.covers(facts),
            // Chance first: it costs least, and mostly says no.
            None => {
                self.select.share.covers(dice.strikes(facts.whom, facts.attempt))
                    && self.fault.acts_at(facts.point)
                    && self.select.fits(facts)
            }
        }
    }

    /// How many times it may strike.
    pub(crate) fn most(&self) -> Option<u64> {
        self.select.first.filter(|_| self.only.is_none())
    }

    /// For how long, when the fault is about time.
    pub(super) fn wait(&self, dice: Dice, facts: &Facts<'_>) -> Duration {
        let draw = |delay: Delay| delay.at(dice.how_long(facts.whom, facts.attempt));
        match &self.fault {
            Fault::Wait(delay) | Fault::After(After::Delay(delay)) | Fault::Send(SendFault::Delay(delay)) => draw(*delay),
            Fault::Send(SendFault::Reorder { within, .. }) => *within,
            _ => Duration::ZERO,
        }
    }
}

/// Whether a hop is the wanted one, or stands below it: "aws" covers "aws.relay", not "awsome".
fn covers_hop(wanted: &str, is: &str) -> bool {
    is.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn covers(wanted: &str, is: &str) -> bool {
    is.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest == "Batch")
}

#[cfg(test)]
mod tests {
    use super::super::dice::Whom;
    use super::super::fault::Point;
    use super::super::rulebook::Rulebook;
    use super::*;

    fn facts<'a>() -> Facts<'a> {
        Facts {
            point: Point::Request,
            hop: "relay",
            method: "POST",
            path: "/orders/7",
            action: Some("SendMessageBatch"),
            attributes: &[],
            whom: Whom::new("relay", "a"),
            attempt: 0,
            sequence: 10,
            elapsed: Duration::from_secs(5),
            sales: 500,
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
        fits(true, |select| select.until_requests = Some(11));
        fits(true, |select| select.after_sales = 500);
        fits(false, |select| select.after_sales = 501);
        fits(false, |select| select.until_sales = Some(500));
        fits(true, |select| select.until_sales = Some(501));
        fits(true, |select| select.phase = some("storm"));
        fits(false, |select| select.phase = some("calm"));
    }

    #[test]
    fn only_these_are_struck_whatever_the_rest_of_the_rule_says() {
        let mut only = Only::default();
        only.insert(Point::Request, "relay", "a", 1);
        let mut rule = Rule::new("lost", Fault::After(After::Lose));
        rule.select.hop = Some("elsewhere".to_owned());
        rule.select.share = Share::new(0.0).unwrap();
        rule.select.first = Some(1);
        let rule = rule.only_these(only);
        let again = Facts { attempt: 1, ..facts() };
        let strikes = |seed: u64, facts: &Facts<'_>| Rulebook::new(seed, [&rule]).strikes(facts);
        assert!(strikes(7, &again) && strikes(8, &again) && rule.most().is_none());
        assert!(!strikes(7, &facts()), "another attempt");
        assert!(!strikes(7, &Facts { whom: Whom::new("relay", "b"), ..again }), "another id");
        assert!(!strikes(7, &Facts { whom: Whom::new("sales", "a"), ..again }), "another hop");
        assert!(!strikes(7, &Facts { point: Point::Send, ..again }), "a message, where a request was struck");
    }

    #[test]
    fn a_hop_covers_the_hops_below_it_and_no_namesakes() {
        let select = Selector { hop: Some("aws".to_owned()), ..Selector::default() };
        for (hop, fits) in [("aws", true), ("aws.relay", true), ("awsome", false), ("sales", false)] {
            assert_eq!(select.fits(&Facts { hop, ..facts() }), fits, "{hop}");
        }
        let below = Selector { hop: Some("aws.relay".to_owned()), ..Selector::default() };
        assert!(!below.fits(&Facts { hop: "aws", ..facts() }));
    }

    #[test]
    fn an_attribute_fits_by_name_and_value() {
        let attributes = [("kind".to_owned(), "order".to_owned())];
        let select = Selector { attribute: Some(("kind".into(), "order".into())), ..Selector::default() };
        assert!(select.fits(&Facts { attributes: &attributes, ..facts() }));
    }
}
