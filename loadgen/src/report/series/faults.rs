//! When faults were in force, how often they struck, and how the run came back from each.

use std::collections::HashMap;

use super::column::{Column, Largest, Smallest, Sum};
use crate::history::event::{FaultMark, FaultState, Micros};
use crate::result::recovery::{Back, Before, FaultRecovery, Recovery};
use crate::result::series::{FaultSpan, Series};
use crate::verify::baseline::{Baseline, Second};
use crate::verify::expectations::Arrivals;

/// Most rules that are told apart: far more than a plan that a person can read.
const MOST_RULES: usize = 400;

/// Most times in force that are told apart per rule; later ones lengthen the last.
const MOST_SPANS: usize = 100;

/// Most hops named per rule.
const MOST_HOPS: usize = 8;

/// Everything that recovery is computed from.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Rule>,
    places: HashMap<String, usize>,
    beyond: u64,
    strikes: Column<Sum>,
    offered: Column<Sum>,
    served: Column<Sum>,
    /// How long what was sent in a bucket waited, µs.
    waited: Column<Sum>,
    orders: Column<Sum>,
    retries: Column<Sum>,
    republished: Column<Sum>,
    /// Waiting, in flight and unpublished, together: the most and the least of each bucket.
    most_waiting: Column<Largest>,
    least_waiting: Column<Smallest>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    hops: Vec<String>,
    fired: u64,
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    from: Micros,
    effective: Option<Micros>,
    to: Option<Micros>,
}

/// The columns that recovery is read from, once they are complete.
struct Read {
    width: Micros,
    arrivals: Arrivals,
    load_ended: Option<Micros>,
    seconds: Vec<Second>,
    orders: Vec<u64>,
    retries: Vec<u64>,
    republished: Vec<u64>,
    most_waiting: Vec<Option<u64>>,
    least_waiting: Vec<Option<u64>>,
}

impl Faults {
    /// A fault changed its state.
    pub(super) fn mark(&mut self, at: Micros, bucket: usize, mark: &FaultMark) {
        if mark.state == FaultState::Fired {
            self.strikes.add(bucket, 1);
        }
        let place = match self.places.get(&mark.rule) {
            Some(place) => *place,
            None if self.rules.len() == MOST_RULES => {
                self.beyond += u64::from(mark.state == FaultState::Requested);
                return;
            }
            None => {
                self.rules.push(Rule { name: mark.rule.clone(), hops: Vec::new(), fired: 0, spans: Vec::new() });
                self.places.insert(mark.rule.clone(), self.rules.len() - 1);
                self.rules.len() - 1
            }
        };
        let rule = &mut self.rules[place];
        // Where a rule stands may be many hops in a word ("aws"); where it struck is one of them.
        let struck = matches!(mark.state, FaultState::Fired | FaultState::Effective);
        if let Some(hop) = mark.hop.as_ref().filter(|hop| struck && rule.hops.len() < MOST_HOPS && !rule.hops.contains(hop)) {
            rule.hops.push(hop.clone());
        }
        rule.state(at, mark.state);
    }

    /// An attempt was sent; `order` says whether it opens a new one.
    pub(super) fn sent(&mut self, bucket: usize, opens_an_order: bool) {
        self.offered.add(bucket, 1);
        self.orders.add(bucket, i64::from(opens_an_order));
    }

    /// The attempt that was sent then was answered after so long.
    pub(super) fn answered(&mut self, sent: usize, served: bool, after: Micros) {
        self.served.add(sent, i64::from(served));
        self.waited.add(sent, i64::try_from(after).unwrap_or(i64::MAX));
    }

    /// An attempt repeats an order that was begun then.
    pub(super) fn retried(&mut self, begun: usize) {
        self.retries.add(begun, 1);
    }

    /// A message was published that had been published before.
    pub(super) fn republished(&mut self, bucket: usize) {
        self.republished.add(bucket, 1);
    }

    /// Everything that waits at one moment.
    pub(super) fn waiting(&mut self, bucket: usize, waiting: u64) {
        self.most_waiting.at(bucket).see(waiting);
        self.least_waiting.at(bucket).see(waiting);
    }

    /// Merges neighbouring buckets.
    pub(super) fn halve(&mut self) {
        let Self { strikes, offered, served, waited, orders, retries, republished, .. } = self;
        for column in [strikes, offered, served, waited, orders, retries, republished] {
            column.halve();
        }
        self.most_waiting.halve();
        self.least_waiting.halve();
    }

    /// Hands spans and strikes to the series, whose phases are complete, and computes the recovery.
    pub(super) fn finish(self, arrivals: Arrivals, series: &mut Series) -> Recovery {
        let Faults {
            mut rules, beyond, strikes, offered, served, waited, orders, retries, republished, most_waiting, least_waiting, ..
        } = self;
        if rules.is_empty() {
            return Recovery::default();
        }
        rules.sort_by_key(Rule::from);
        let buckets = series.buckets;
        let spans = rules.iter().flat_map(|rule| rule.spans.iter().map(move |span| (rule, span)));
        series.fault_spans = spans
            .map(|(rule, span)| FaultSpan { rule: rule.name.clone(), from: span.from, effective: span.effective, to: span.to })
            .collect();
        series.strikes = strikes.counts(buckets);
        let seconds = offered.counts(buckets).into_iter().zip(served.counts(buckets)).zip(waited.counts(buckets));
        let read = Read {
            width: series.bucket_us,
            arrivals,
            load_ended: series.phases.iter().find(|span| span.phase == crate::history::event::Phase::Load).map(|load| load.to),
            seconds: seconds.map(|((offered, served), waited)| Second { offered, served, waited }).collect(),
            orders: orders.counts(buckets),
            retries: retries.counts(buckets),
            republished: republished.counts(buckets),
            most_waiting: most_waiting.values(buckets, |most| most.0),
            least_waiting: least_waiting.values(buckets, |least| least.0),
        };
        read.recovery(&rules, beyond)
    }
}

impl Rule {
    fn from(&self) -> Micros {
        self.spans.first().map_or(Micros::MAX, |span| span.from)
    }

    fn state(&mut self, at: Micros, state: FaultState) {
        self.fired += u64::from(state == FaultState::Fired);
        let open = self.spans.last().is_some_and(|span| span.to.is_none());
        let full = self.spans.len() == MOST_SPANS;
        match (state, self.spans.last_mut()) {
            // What was seen is told late at times; it belongs to the last time in force.
            (FaultState::Effective, Some(last)) => drop(last.effective.get_or_insert(at)),
            (FaultState::Healed, Some(last)) => last.to = last.to.max(Some(at)),
            (FaultState::Fired, Some(_)) => {}
            (FaultState::Unhealed, Some(last)) => last.to = None,
            (FaultState::Requested, Some(_)) if open => {}
            (FaultState::Requested, Some(last)) if full => last.to = None,
            (state, _) => {
                let effective = (state == FaultState::Effective).then_some(at);
                self.spans.push(Span { from: at, effective, to: (state == FaultState::Healed).then_some(at) });
            }
        }
    }
}

impl Read {
    fn recovery(&self, rules: &[Rule], not_listed: u64) -> Recovery {
        let first = rules.first().map_or(Micros::MAX, Rule::from);
        let before = ..self.place(first).min(self.seconds.len());
        let baseline = Baseline::of(&self.seconds[before], self.width, self.arrivals);
        let backlog = self.most_waiting[before].iter().flatten().max().copied();
        let faults = rules.iter().map(|rule| self.fault(rule, baseline.as_ref(), backlog)).collect();
        let before = Before {
            served_percent: baseline.map(|baseline| baseline.served_percent()),
            backlog,
            retries_per_order: per(sum(&self.retries[before]), sum(&self.orders[before])),
        };
        Recovery { before, faults, not_listed }
    }

    fn fault(&self, rule: &Rule, baseline: Option<&Baseline>, backlog: Option<u64>) -> FaultRecovery {
        // A fault that was not healed the last time it was in force was not healed.
        let healed = rule.spans.last().and_then(|span| span.to);
        let drained = self.drained(healed, backlog);
        let end = match (healed, &drained) {
            (Some(healed), Back::AfterUs(after)) => healed + after,
            _ => Micros::MAX,
        };
        let deep = &self.most_waiting[self.places(rule.from(), end)];
        let (mut orders, mut retries, mut republished) = (0, 0, 0);
        for span in &rule.spans {
            let places = self.places(span.from, span.to.unwrap_or(Micros::MAX));
            orders += sum(&self.orders[places.clone()]);
            retries += sum(&self.retries[places.clone()]);
            republished += sum(&self.republished[places]);
        }
        FaultRecovery {
            rule: rule.name.clone(),
            hops: rule.hops.clone(),
            requested: rule.spans.first().map(|span| span.from),
            effective: rule.spans.iter().find_map(|span| span.effective),
            healed,
            times: rule.spans.len() as u64,
            fired: rule.fired,
            throughput: self.throughput(healed, baseline),
            drained,
            deepest_backlog: deep.iter().flatten().max().copied(),
            retries_per_order: per(retries, orders),
            republished,
        }
    }

    fn throughput(&self, healed: Option<Micros>, baseline: Option<&Baseline>) -> Back {
        let Some(healed) = healed else { return Back::Unmeasured("never healed".to_owned()) };
        let Some(baseline) = baseline else { return Back::Unmeasured("no load before the first fault".to_owned()) };
        // The last bucket of the load is cut short.
        let ended = self.load_ended.map_or(self.seconds.len(), |end| self.place(end)).min(self.seconds.len());
        let after = self.place(healed) + 1;
        if after >= ended {
            return Back::Unmeasured("nobody arrived any more".to_owned());
        }
        match (after..ended).find(|place| baseline.is_reached_by(self.seconds[*place])) {
            Some(place) => Back::AfterUs((place as Micros * self.width).saturating_sub(healed)),
            None => Back::Never,
        }
    }

    fn drained(&self, healed: Option<Micros>, backlog: Option<u64>) -> Back {
        let Some(healed) = healed else { return Back::Unmeasured("never healed".to_owned()) };
        // Before the first fault nothing may have been looked at; then only an empty pipeline is a drained one.
        let level = backlog.unwrap_or(0);
        let from = self.place(healed);
        let mut later = self.least_waiting.iter().enumerate().skip(from).filter_map(|(place, least)| Some((place, (*least)?))).peekable();
        if later.peek().is_none() {
            return Back::Unmeasured("nothing was sampled after the heal".to_owned());
        }
        match later.find(|(_, least)| *least <= level) {
            Some((place, _)) => Back::AfterUs((place as Micros * self.width).saturating_sub(healed)),
            None => Back::Never,
        }
    }

    fn place(&self, at: Micros) -> usize {
        usize::try_from(at / self.width).unwrap_or(usize::MAX)
    }

    /// The buckets from one moment to another, both included, as far as there are any.
    fn places(&self, from: Micros, to: Micros) -> std::ops::Range<usize> {
        let end = self.place(to).saturating_add(1).min(self.seconds.len());
        self.place(from).min(end)..end
    }
}

fn sum(counts: &[u64]) -> u64 {
    counts.iter().sum()
}

/// To three digits: more would be noise in every comparison of two results.
fn per(count: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| (count as f64 * 1e3 / of as f64).round() / 1e3)
}
