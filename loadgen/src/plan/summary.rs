//! A plan in numbers: what is printed first, and the checksum by which two plans are known to be the same.

use std::hash::Hasher;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::arrivals::{Arrival, Arrivals, Visits};
use super::seeds::Seeds;
use crate::history::event::OpKind;
use crate::scenario::{Scenario, Traffic};

/// A closed scenario has no end of visits; the checksum covers this many of each user.
const VISITS_IN_CHECKSUM: usize = 16;

/// Counts, curve and checksum of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Arrivals; of a closed scenario only those that the checksum covers.
    pub arrivals: u64,
    /// Those who only look.
    pub browses: u64,
    /// Those who buy.
    pub purchases: u64,
    /// Those who mean no good.
    pub hostile: u64,
    /// Purchases that are sent twice at once.
    pub double_clicks: u64,
    /// Pieces wanted by purchases, per product.
    pub pieces: BTreeMap<String, u64>,
    /// Arrivals in each second of the load; empty for a closed scenario.
    pub per_second: Vec<u64>,
    /// SipHash-1-3 over all fields of all arrivals and over what goes wrong, in hexadecimal.
    pub checksum: String,
}

impl Summary {
    pub(super) fn of(scenario: &Arc<Scenario>, seeds: Seeds) -> Self {
        let mut summary = Self::default();
        let mut hash = SipHasher13::new();
        match scenario.traffic {
            Traffic::Open { .. } => {
                summary.per_second = vec![0; usize::try_from(scenario.duration().as_secs_f64().ceil() as u64).unwrap_or(0)];
                for arrival in Arrivals::new(scenario, seeds) {
                    summary.add(&arrival, &mut hash);
                }
            }
            Traffic::Closed { users, .. } => {
                for visit in (0..users).flat_map(|user| Visits::new(scenario, seeds, user).take(VISITS_IN_CHECKSUM)) {
                    hash.write(&visit.think.as_nanos().to_le_bytes());
                    summary.add(&visit.arrival, &mut hash);
                }
            }
        }
        for rule in &scenario.faults.rules {
            hash.write(rule.to_string().as_bytes());
        }
        for incident in &scenario.faults.incidents {
            hash.write(incident.to_string().as_bytes());
        }
        summary.checksum = format!("{:016x}", hash.finish());
        summary
    }

    fn add(&mut self, arrival: &Arrival, hash: &mut SipHasher13) {
        self.arrivals += 1;
        match arrival.kind {
            OpKind::Browse => self.browses += 1,
            OpKind::Purchase => self.purchases += 1,
            OpKind::Hostile => self.hostile += 1,
        }
        self.double_clicks += u64::from(arrival.double_click.is_some());
        if arrival.kind == OpKind::Purchase {
            *self.pieces.entry(arrival.product.clone()).or_default() += arrival.quantity;
        }
        let second = usize::try_from(arrival.at / 1_000_000).unwrap_or(usize::MAX);
        if let Some(count) = self.per_second.get_mut(second) {
            *count += 1;
        }
        for number in [arrival.index, arrival.at, arrival.buyer, arrival.quantity, arrival.kind as u64] {
            hash.write(&number.to_le_bytes());
        }
        hash.write(arrival.product.as_bytes());
        hash.write(arrival.trick.map_or("", |trick| trick.as_str()).as_bytes());
        hash.write(&arrival.double_click.map_or(0, |after| after.as_nanos()).to_le_bytes());
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a curve there is no end of visits, and these are the first of each user.
        let what = if self.per_second.is_empty() { "first visits" } else { "arrivals" };
        write!(f, "  {} {what}: {} look, {} buy", self.arrivals, self.browses, self.purchases)?;
        write!(f, " ({} of them twice at once), {} mean no good", self.double_clicks, self.hostile)?;
        if let Some(busiest) = self.per_second.iter().max() {
            write!(f, "; {busiest} in the busiest second")?;
        }
        writeln!(f)?;
        for (product, pieces) in &self.pieces {
            writeln!(f, "  wanted of {product}: {pieces} pieces")?;
        }
        write!(f, "  plan {}: the same seed gives the same plan and the same decisions, not the same interleaving", self.checksum)
    }
}
