//! Who arrives when, wanting what.
//!
//! Open scenarios follow a Poisson process whose rate changes along the stages: unit exponentials, added up, are carried through the
//! inverse of the rate's integral. Closed scenarios have users with pauses. Either way each arrival's wishes are drawn by its
//! number, for each purpose from a seed of its own.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::seeds::{Seeds, draws};
use super::trick::Trick;
use crate::history::event::{Micros, OpKind};
use crate::scenario::{Scenario, Stage, Traffic};

/// A closed scenario numbers arrivals by user and visit: user × this + visit.
const VISITS_PER_USER: u64 = 1 << 32;

/// A hand clicks twice at this interval, in milliseconds.
const DOUBLE_CLICK_MS: std::ops::Range<u64> = 20..150;

/// One buyer's arrival, and what is fixed about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Its number; everything about it is drawn by this.
    pub index: u64,
    /// When, µs after the first instant of the load. 0 for visits of a closed scenario, which happen when the user is ready.
    pub at: Micros,
    /// Who. Counts from 1.
    pub buyer: u64,
    /// What is wanted.
    pub kind: OpKind,
    /// Which product.
    pub product: String,
    /// Pieces; 0 for those who only look.
    pub quantity: u64,
    /// What a hostile one tries.
    pub trick: Option<Trick>,
    /// When the second click of a double click follows the first.
    pub double_click: Option<Duration>,
}

/// One visit of a user of a closed scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Pause before it.
    pub think: Duration,
    /// What is done then.
    pub arrival: Arrival,
}

/// Iterates the arrivals of an open scenario.
#[derive(Debug, Clone)]
pub struct Arrivals {
    wishes: Wishes,
    /// Number of the current stage.
    stage: usize,
    /// Where the current stage begins, s.
    begin: f64,
    /// Expected arrivals since the begin of the current stage.
    expected: f64,
    times: ChaCha8Rng,
    index: u64,
}

/// Iterates the visits of one user.
#[derive(Debug, Clone)]
pub struct Visits {
    wishes: Wishes,
    user: u32,
    visit: u64,
}

impl Arrivals {
    pub(super) fn new(scenario: &Arc<Scenario>, seeds: Seeds) -> Self {
        let wishes = Wishes { scenario: Arc::clone(scenario), seeds };
        Self { wishes, stage: 0, begin: 0.0, expected: 0.0, times: draws(seeds.arrivals, [0, 0]), index: 0 }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.expected += exponential(&mut self.times);
        loop {
            let Traffic::Open { stages } = &self.wishes.scenario.traffic else { return None };
            let stage = stages.get(self.stage)?;
            let seconds = stage.duration.as_secs_f64();
            let in_stage = (stage.rate_from + stage.rate_to) / 2.0 * seconds;
            if self.expected < in_stage {
                let at = self.begin + time_of(self.expected, stage, seconds);
                let arrival = self.wishes.arrival(self.index, whole_micros(at), self.index + 1);
                self.index += 1;
                return Some(arrival);
            }
            self.expected -= in_stage;
            self.begin += seconds;
            self.stage += 1;
        }
    }
}

impl Visits {
    pub(super) fn new(scenario: &Arc<Scenario>, seeds: Seeds, user: u32) -> Self {
        Self { wishes: Wishes { scenario: Arc::clone(scenario), seeds }, user, visit: 0 }
    }
}

impl Iterator for Visits {
    type Item = Visit;

    fn next(&mut self) -> Option<Visit> {
        let Traffic::Closed { think_time, .. } = self.wishes.scenario.traffic else { return None };
        let index = u64::from(self.user) * VISITS_PER_USER + self.visit;
        self.visit += 1;
        let factor = draws(self.wishes.seeds.arrivals, [index, 1]).random_range(0.5..1.5);
        Some(Visit { think: think_time.mul_f64(factor), arrival: self.wishes.arrival(index, 0, u64::from(self.user) + 1) })
    }
}

/// What arrivals want.
#[derive(Debug, Clone)]
struct Wishes {
    scenario: Arc<Scenario>,
    seeds: Seeds,
}

impl Wishes {
    fn arrival(&self, index: u64, at: Micros, buyer: u64) -> Arrival {
        let trick = self.trick(index);
        let mut who = draws(self.seeds.buyers, [index, 0]);
        let looks: f64 = who.random();
        let kind = match trick {
            // Such an order is valid, so it is judged like any other.
            Some(Trick::SqlInRequester) => OpKind::Purchase,
            Some(_) => OpKind::Hostile,
            None if looks < self.scenario.buyers.browse => OpKind::Browse,
            None => OpKind::Purchase,
        };
        let shares = self.scenario.products.iter().map(|product| product.share);
        let product = self.scenario.products.get(pick(shares, who.random())).map(|product| product.id.clone()).unwrap_or_default();
        let quantity = if kind == OpKind::Browse { 0 } else { self.quantity(index) };
        let double_click = if kind == OpKind::Purchase && trick.is_none() { self.double_click(index) } else { None };
        Arrival { index, at, buyer, kind, product, quantity, trick, double_click }
    }

    fn trick(&self, index: u64) -> Option<Trick> {
        let hostile = &self.scenario.hostile;
        let mut draw = draws(self.seeds.hostile, [index, 0]);
        let comes = draw.random::<f64>() < hostile.share;
        let which = pick(hostile.tricks.iter().map(|_| 1.0 / hostile.tricks.len() as f64), draw.random());
        if comes { hostile.tricks.get(which).copied() } else { None }
    }

    fn quantity(&self, index: u64) -> u64 {
        let quantities = &self.scenario.buyers.quantities;
        let which = pick(quantities.values().copied(), draws(self.seeds.quantities, [index, 0]).random());
        quantities.keys().nth(which).map_or(1, |pieces| u64::from(*pieces))
    }

    fn double_click(&self, index: u64) -> Option<Duration> {
        let mut draw = draws(self.seeds.behaviours, [index, 0]);
        let clicks = draw.random::<f64>() < self.scenario.buyers.double_click;
        clicks.then(|| Duration::from_millis(draw.random_range(DOUBLE_CLICK_MS)))
    }
}

/// Number of the share into which `draw` (0 to 1) falls; the last one takes what rounding leaves.
fn pick(shares: impl Iterator<Item = f64>, draw: f64) -> usize {
    let mut upto = 0.0;
    let mut last = 0;
    for (number, share) in shares.enumerate() {
        upto += share;
        if draw < upto {
            return number;
        }
        if share > 0.0 {
            last = number;
        }
    }
    last
}

/// A draw from the exponential distribution with mean 1.
fn exponential(draw: &mut ChaCha8Rng) -> f64 {
    let uniform: f64 = draw.random();
    -(1.0 - uniform).ln()
}

/// Seconds into the stage at which `expected` arrivals are due. Solves from·t + (to − from)/(2·length)·t² = expected without
/// cancellation, so that it also holds for even and for very flat stages.
fn time_of(expected: f64, stage: &Stage, seconds: f64) -> f64 {
    let slope = (stage.rate_to - stage.rate_from) / seconds;
    let root = (stage.rate_from * stage.rate_from + 2.0 * slope * expected).max(0.0).sqrt();
    (2.0 * expected / (stage.rate_from + root)).min(seconds)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time within a week, never negative")]
fn whole_micros(seconds: f64) -> Micros {
    (seconds * 1e6) as Micros
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Arc<Scenario> {
        let text = r#"
            name = "ramp"
            about = "A ramp."
            [stock]
            "CP-502101" = 10
            [[stage]]
            name = "quiet"
            duration = "10s"
            rate = "0/s"
            [[stage]]
            name = "up"
            duration = "100s"
            from = "0/s"
            to = "200/s"
            [buyers]
            browse = "40%"
            quantities = { "1" = "70%", "4" = "30%" }
        "#;
        Arc::new(Scenario::parse("ramp.toml", text).unwrap())
    }

    #[test]
    fn arrivals_follow_the_curve() {
        let scenario = ramp();
        let times: Vec<Micros> = Arrivals::new(&scenario, Seeds::split(1)).map(|arrival| arrival.at).collect();
        assert!(times.is_sorted());
        assert!(times[0] >= 10_000_000, "nobody comes while the rate is zero");
        // 10,000 expected in all, a quarter of them in the first half of the ramp; five standard deviations either way.
        let first_half = times.iter().filter(|at| **at < 60_000_000).count();
        assert!((9_500..=10_500).contains(&times.len()), "{}", times.len());
        assert!((2_250..=2_750).contains(&first_half), "{first_half}");
    }

    #[test]
    fn wishes_have_the_shares_of_the_scenario() {
        let scenario = ramp();
        let arrivals: Vec<Arrival> = Arrivals::new(&scenario, Seeds::split(1)).collect();
        let looking = arrivals.iter().filter(|arrival| arrival.kind == OpKind::Browse).count() as f64 / arrivals.len() as f64;
        let fours = arrivals.iter().filter(|arrival| arrival.quantity == 4).count() as f64;
        let buying = arrivals.iter().filter(|arrival| arrival.kind == OpKind::Purchase).count() as f64;
        assert!((0.37..0.43).contains(&looking), "{looking}");
        assert!((0.27..0.33).contains(&(fours / buying)), "{}", fours / buying);
    }

    #[test]
    fn the_share_that_a_draw_falls_into_is_found() {
        let shares = [0.5, 0.0, 0.5];
        assert_eq!(pick(shares.into_iter(), 0.0), 0);
        assert_eq!(pick(shares.into_iter(), 0.5), 2);
        assert_eq!(pick([0.3, 0.3, 0.3, 0.0].into_iter(), 0.999), 2);
    }
}
